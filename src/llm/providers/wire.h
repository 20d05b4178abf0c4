#pragma once
// What the providers' spellings share.
#include <optional>
#include <string>
#include <string_view>

#include "base/doc_writer.h"
#include "base/json.h"
#include "llm/provider.h"

namespace clawtrace::llm {

// One line of valid UTF-8, bounded.
CallError ErrorOf(CallErrorKind kind, std::string_view message);
std::unexpected<CallError> Malformed(std::string_view what);

// What a status other than 2xx says, with the reason where the body has one; nullopt for 2xx.
std::optional<CallError> ErrorOfStatus(const WireReply& reply);

// The body of a 2xx as a JSON object, given to read; an error otherwise.
Answer DecodeObject(const WireReply& reply, Answer (*read)(Json root));

// {"type":"object","properties":{...},"additionalProperties":true}
void WriteSchema(const ToolDeclaration& tool, DocWriter* out);
void WriteTemperature(const Request& request, DocWriter* out);

// A count of tokens: 0 when it is absent or null, -1 (refused by UsageOf) when it is anything but a count.
int64_t CountOf(Json value);
// usage, unless it is impossible.
std::optional<Usage> UsageOf(const Usage& usage);

// A call of a reply, arguments as a JSON object or as its text. An error where there is no name.
std::expected<ToolCall, CallError> CallOf(Json id, Json name, Json args);
// The reply says something, or asks for something; an error otherwise, unless it is allowed to be silent.
Answer Finished(Reply reply, bool may_be_silent);

Headers Bearer(std::string_view key);

inline constexpr int kStatusOk = 200, kStatusServer = 500;
// What a stream says when it fails on its way, as a reply of that status; a status that is no error is 500.
WireReply ReplyOfError(Json event, int64_t status);

}  // namespace clawtrace::llm
