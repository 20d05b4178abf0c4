#pragma once
// A conversation with a model as no provider spells it: what is asked, what is answered, how asking fails.
// Values; safe to share between threads.
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/fact.h"

namespace clawtrace::llm {

struct ToolCall {
  std::string id;  // letters, digits, '_' and '-'; of a reply as the provider gave it, "" when it gave none
  std::string name;
  std::string args;       // canonical JSON object; of a reply with broken: the raw text
  bool broken = false;    // a reply's arguments were no JSON object
  std::string mark = {};  // opaque, of the provider that made the call, to be given back with it; "" = none
  bool operator==(const ToolCall&) const = default;
};

struct ToolOutput {
  std::string id;  // of the call it answers
  std::string text;
  bool failed = false;
};

enum class Speaker { kUser, kAssistant, kTools };

struct Turn {
  Speaker speaker = Speaker::kUser;
  std::string text;                 // kUser, kAssistant
  std::vector<ToolCall> calls;      // kAssistant; each is answered by the next turn
  std::vector<ToolOutput> outputs;  // kTools
};

// A tool by name; its parameters by name too, of any type, none required, others allowed.
struct ToolDeclaration {
  std::string name;
  std::vector<std::string> parameters;
};

struct Request {
  std::string model;
  std::string system;  // "" = none
  std::vector<Turn> turns;
  std::vector<ToolDeclaration> tools;
  int64_t max_tokens = 4096;
  std::optional<int64_t> temperature_milli;  // thousandths; nullopt: the provider's own
  bool stream = false;                       // the reply may come in pieces; the same reply
  bool compatible = false;  // asked of somebody else who speaks the protocol, not of the provider itself
};

struct Reply {
  std::string text;
  std::vector<ToolCall> calls;
  std::optional<Usage> usage;  // nullopt: none was given, or it is impossible
  std::string stop_reason;     // as the provider says it
  std::string model;           // that answered, "" when it is not said
  bool cut = false;            // max_tokens ended it
  bool operator==(const Reply&) const = default;
};

enum class CallErrorKind {
  kTransport,     // no connection, time is over, the answer broke off
  kRateLimited,   // 429 and 529, after all attempts
  kServer,        // other 5xx, after all attempts
  kRejected,      // any other status but 2xx: key, model, request
  kMalformed,     // what came is no reply
  kCassetteMiss,  // a request that the cassette does not hold (any more)
  kBudget,        // not sent: it might cost more than is left
  kUnpriced,      // not sent: nobody knows what it costs
};
constexpr EnumTable<CallErrorKind, 8> EnumNames(CallErrorKind) {
  return {{{CallErrorKind::kTransport, "transport"},
           {CallErrorKind::kRateLimited, "rate_limited"},
           {CallErrorKind::kServer, "server"},
           {CallErrorKind::kRejected, "rejected"},
           {CallErrorKind::kMalformed, "malformed"},
           {CallErrorKind::kCassetteMiss, "cassette_miss"},
           {CallErrorKind::kBudget, "budget"},
           {CallErrorKind::kUnpriced, "unpriced"}}};
}

struct CallError {
  CallErrorKind kind = CallErrorKind::kTransport;
  std::string message;  // one line, valid UTF-8, at most kMostErrorText bytes, no secret in it
  int status = 0;       // of the reply; 0: there was none, or it was no error
  bool operator==(const CallError&) const = default;
};
inline constexpr size_t kMostErrorText = 400;

using Answer = std::expected<Reply, CallError>;

}  // namespace clawtrace::llm
