#pragma once
// What the handlers of /api/v1 share.
#include <string>
#include <string_view>

#include "base/doc_writer.h"
#include "history/history.h"
#include "serve/api/route.h"

namespace clawtrace::serve::api {

ApiResponse JsonResponse(std::string body);
// Of an optional integer parameter that was checked already.
int64_t IntegerOr(const ApiRequest& request, std::string_view name, int64_t fallback);

history::HistoryOptions OptionsOf(const ApiRequest& request, const Services& services);

struct AskedView {
  history::SessionView view;
  // Facts came after it was compiled, and the store takes nothing now (a full disk).
  bool stale = false;
};
// The session that a path names (full id, unique prefix or agent:id), compiled from all facts that are there.
// kUnavailable only when it was never compiled.
Result<AskedView> UpToDate(const ApiRequest& request, Services& services, std::string_view selector);
// Marks the answer when the view is stale: a header, so that bodies stay what they are.
inline constexpr std::string_view kStaleHeader = "X-ClawTrace-Stale";
ApiResponse Marked(ApiResponse response, const AskedView& asked);

// A session as lists show it: the fields of `clawtrace sessions --json`, and when and where it ran.
void WriteSession(const history::SessionView& view, DocWriter* out);

// JSON Schema of what WriteSession writes; a macro so that route files can put it together at compile time.
#define CT_SCHEMA_USD R"({"type":["number","null"],"description":"US dollar"})"
#define CT_SCHEMA_TOKENS \
  R"({"type":["object","null"],"additionalProperties":{"type":"integer"},"description":"disjoint buckets; reasoning is part of output"})"
#define CT_SCHEMA_SESSION                                                                                                 \
  R"({"type":"object","required":["session_id","agent","outcome","cost_status","total_cost_usd"],)"                       \
  R"("properties":{"session_id":{"type":"string"},"agent":{"type":"string"},"task_id":{"type":["string","null"]},)"       \
  R"("outcome":{"enum":["unknown","success","failure","partial","error"]},)"                                              \
  R"("llm_call_count":{"type":"integer"},"tool_call_count":{"type":"integer"},)"                                          \
  R"("cost_status":{"enum":["priced","reported","unpriced","included"]},)"                                                \
  R"("started_ms":{"type":["integer","null"]},"wall_ms":{"type":["integer","null"]},)"                                    \
  R"("project":{"type":"string"},"user":{"type":["string","null"]},"models":{"type":"array","items":{"type":"string"}},)" \
  R"("wasted_usd":)" CT_SCHEMA_USD R"(,"saveable_usd":)" CT_SCHEMA_USD R"(,"total_cost_usd":)" CT_SCHEMA_USD              \
  R"(,"total_tokens":)" CT_SCHEMA_TOKENS "}}"

}  // namespace clawtrace::serve::api
