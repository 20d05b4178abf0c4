// Cards, steps and payloads of one session.
#include <fmt/core.h>

#include "base/text.h"
#include "history/records.h"
#include "serve/api/common.h"
#include "serve/api/problem.h"

namespace clawtrace::serve::api {
namespace {

constexpr size_t kMostInline = size_t{64} << 10;  // bytes of a payload's text within a list

constexpr Param kCardParams[] = {
    {"format", ParamType::kString, "json when not given", "json,yaml"},
    {"form", ParamType::kString, "compact when not given; full has every step", "compact,full"},
    {"max_bytes", ParamType::kInteger, "of a compact card; 1536 when not given"},
};

ApiResponse Card(const ApiRequest& request, Services& services) {
  auto asked = UpToDate(request, services, request.parts[0]);
  if (!asked) return ProblemOf(asked.error());
  auto card = history::ReadCard(services.store, request.tenant, history::KeyOf(asked->view));
  if (!card) return ProblemOf(card.error());
  bool yaml = request.Query("format") == "yaml";
  DocFormat format = yaml ? DocFormat::kYaml : DocFormat::kJson;
  const char* type = yaml ? "application/yaml" : "application/json";
  if (request.Query("form") == "full") return Marked({200, type, {}, EncodeCard(*card, format)}, *asked);
  constexpr int64_t kCompact = 1536, kMost = int64_t{1} << 20;
  int64_t most = IntegerOr(request, "max_bytes", kCompact);
  if (most < 1 || most > kMost) return Problem(400, fmt::format("max_bytes is not between 1 and {}", kMost));
  auto text = EncodeCompactCard(*card, format, static_cast<size_t>(most));
  if (!text) return Problem(400, text.error().message, "raise max_bytes, or ask for form=full");
  return Marked({200, type, {}, std::move(*text)}, *asked);
}

constexpr Param kStepsParams[] = {{"page", ParamType::kInteger, "from 0, which it is when not given"}};

ApiResponse Steps(const ApiRequest& request, Services& services) {
  int64_t page = IntegerOr(request, "page", 0);
  if (page < 0) return Problem(400, "page is below 0");
  auto asked = UpToDate(request, services, request.parts[0]);
  if (!asked) return ProblemOf(asked.error());
  auto steps = history::ReadSteps(services.store, request.tenant, history::KeyOf(asked->view), page);
  if (!steps) return ProblemOf(steps.error());
  DocWriter w(DocWriter::Format::kJson);
  w.BeginObject();
  w.Field("session_id", asked->view.card.session_id), w.Field("page", page);
  w.Key("steps"), w.BeginArray();
  for (const CardStep& step : *steps) WriteStep(step, &w);
  w.EndArray();
  w.Key("next");
  if (static_cast<int64_t>(steps->size()) < history::kStepsPerPage)
    w.Null();
  else
    w.Int(page + 1);
  w.EndObject();
  return Marked(JsonResponse(w.Take()), *asked);
}

constexpr Param kPayloadParams[] = {
    {"part", ParamType::kString, "only this part, as it is, not as JSON"},
    {"source", ParamType::kString, "only as this source told it"},
};

ApiResponse Payloads(const ApiRequest& request, Services& services) {
  auto all = history::ReadPayloads(services.store, request.tenant, request.parts[0], request.parts[1]);
  if (!all) return ProblemOf(all.error());
  if (auto source = request.Query("source"))
    std::erase_if(*all, [&](const store::Payload& payload) { return payload.source != *source; });
  auto part = request.Query("part");
  if (part) std::erase_if(*all, [&](const store::Payload& payload) { return payload.part != *part; });
  if (all->empty())
    return Problem(404, fmt::format("no payload of call {} is kept", PrefixUtf8(request.parts[1], 64)),
                   "calls are named as in steps: call_id, and the full id of their own session");
  if (part) {
    ApiResponse response{200, "application/octet-stream", {}, std::move(all->front().bytes)};
    // One a line: a call may stand in several records.
    for (size_t i = 1; *part == history::kRecord && i < all->size(); ++i)
      response.body.append("\n").append((*all)[i].bytes);
    response.headers.emplace_back("X-Content-Type-Options", "nosniff");
    return response;
  }
  DocWriter w(DocWriter::Format::kJson);
  w.BeginObject();
  w.Key("payloads"), w.BeginArray();
  for (const store::Payload& payload : *all) {
    w.BeginObject();
    w.Field("source", payload.source), w.Field("part", payload.part);
    w.Field("bytes", static_cast<int64_t>(payload.bytes.size()));
    if (payload.bytes.size() > kMostInline || !IsValidUtf8(payload.bytes))
      w.Key("left_out"), w.Bool(true);
    else
      w.Field("text", payload.bytes);
    w.EndObject();
  }
  w.EndArray();
  w.EndObject();
  return JsonResponse(w.Take());
}

}  // namespace

extern const Route kGetCard, kGetSteps, kGetPayloads;
const Route kGetCard = {
    .method = "GET",
    .pattern = "/api/v1/sessions/{session}/card",
    .summary = "The TraceCard, compiled from all facts that are there now (schema: tracecard/1).",
    .params = kCardParams,
    .response_schema =
        R"({"type":"object","required":["schema","session_id"],"properties":{"schema":{"const":"tracecard/1"},"session_id":{"type":"string"}}})",
    .answer = Card,
};
const Route kGetSteps = {
    .method = "GET",
    .pattern = "/api/v1/sessions/{session}/steps",
    .summary =
        "Steps in pages of 500, as full cards have them; a sub-agent's behind the step that spawned it.",
    .params = kStepsParams,
    .response_schema =
        R"({"type":"object","required":["session_id","page","steps","next"],"properties":{"session_id":{"type":"string"},)"
        R"("page":{"type":"integer"},"next":{"type":["integer","null"]},"steps":{"type":"array","items":{"type":"object",)"
        R"("required":["id","kind"],"properties":{"id":{"type":["integer","string"]},"kind":{"enum":["llm_call","tool_use","subagent_spawn"]}}}}}})",
    .answer = Steps,
};
const Route kGetPayloads = {
    .method = "GET",
    .pattern = "/api/v1/sessions/{session}/payloads/{call}",
    .summary =
        "What a call sent and got, whole: prompts, answers, arguments, results, as far as they were told.",
    .params = kPayloadParams,
    .response_schema =
        R"({"type":"object","properties":{"payloads":{"type":"array","items":{"type":"object","required":["source","part","bytes"],)"
        R"("properties":{"source":{"type":"string"},"part":{"type":"string"},"bytes":{"type":"integer"},"text":{"type":"string"},)"
        R"("left_out":{"const":true,"description":"longer than 64 KiB or no text: ask for the part"}}}}}})",
    .answer = Payloads,
};

}  // namespace clawtrace::serve::api
