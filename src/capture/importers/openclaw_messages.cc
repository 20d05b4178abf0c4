// What messages become: user turns, calls, tools and their results.
#include <algorithm>
#include <utility>

#include "base/hash.h"
#include "base/text.h"
#include "capture/importers/openclaw_reader.h"

namespace clawtrace::capture::openclaw {
namespace {

// Sub-agents inside sub-agents inside tool results.
constexpr int kMaxNesting = 8;

}  // namespace

void OpenClawReader::OnMessage(Json message, const Place& where) {
  Place place = where;
  if (!place.time) place.time = TimeOf(message["timestamp"]);
  std::string_view role = message["role"].text();
  if (role == "assistant") return OnAssistant(message, place);
  if (role == "user") return OnUser(message, place, false);
  if (role == "toolResult" || role == "tool") return OnToolResult(message, place);
  if (role == "bashExecution") return OnBash(message, place);
  if (role == "custom" || role == "hookMessage") {
    std::string_view custom = message["customType"].text();
    if (!custom.starts_with("openclaw.")) return OnUser(message, place, true);
    openclaw_ = true;
    if (custom.starts_with("openclaw.nested-tool.") && place.context == 0)
      return OnNestedTool(message, place);
  } else if (!OneOf(role, {"branchSummary", "compactionSummary", "system"})) {
    Skip(message["role"] ? (role.empty() ? "wrong-type:role" : "unknown-role") : "missing:role");
  }
  Add(FactKind::kLink, place.id, place);
}

void OpenClawReader::OnUser(Json message, const Place& place, bool meta) {
  std::string text = TextOf(message["content"], report_);
  UserTurn turn;
  turn.text = Cut(text, kMaxText);
  turn.text_bytes = static_cast<int64_t>(text.size());
  turn.is_meta = meta;
  if (place.context == 0) {
    if (std::string skill = ExpandedSkill(text); !skill.empty()) expanded_skills_.push_back(std::move(skill));
  }
  Add(FactKind::kUser, place.id, place).fact.user = std::move(turn);
}

void OpenClawReader::OnAssistant(Json message, const Place& place) {
  LlmCall call;
  // responseModel: what a router or a gateway chose for the model of that name.
  SetModels(message["model"].text(), message["responseModel"].text(), &call);
  call.provider = message["provider"].text();
  if (message["model"] && !message["model"].is_null() && call.model.empty()) Skip("wrong-type:model");
  SetModel(place, call.provider, call.model);
  if (call.provider == "openclaw") openclaw_ = true;
  // Messages that the gateway itself puts into the conversation.
  call.billed = !(call.provider == "openclaw" && OneOf(call.model, {"delivery-mirror", "gateway-injected"}));
  std::string text = TextOf(message["content"], report_);
  call.text = Cut(text, kMaxText);
  call.text_bytes = static_cast<int64_t>(text.size());
  std::vector<Json> tools;
  message["content"].ForEachItem([&](Json item) {
    std::string_view type = item["type"].text();
    if (OneOf(type, {"toolCall", "toolUse", "tool_use", "functionCall"})) tools.push_back(item);
    if (type == "thinking") call.thinking_bytes += static_cast<int64_t>(item["thinking"].text().size());
  });
  call.stop_reason = message["stopReason"].text();
  std::string_view error = message["errorMessage"].text();
  bool failed = call.stop_reason == "error" || call.stop_reason == "aborted";
  if (failed) call.error = error.empty() ? call.stop_reason : Cut(error, kMaxError);
  // A refused request used nothing; what an aborted one used is not known when nothing was reported.
  bool refused = call.stop_reason == "error" && text.empty() && tools.empty() && call.thinking_bytes == 0;
  call.usage = UsageOf(message["usage"], refused || !call.billed, report_);
  call.reported_cost = CostOf(message["usage"], report_);
  bool inherits = call.model.empty();
  if (inherits && place.context != 0) call.model = place.model, call.provider = place.provider;

  Pending& pending = Add(FactKind::kLlmCall, place.id, place);
  pending.inherits_model = inherits && place.context == 0;
  // The message's own time is when the request went out, the entry's when the answer was complete.
  auto sent = TimeOf(message["timestamp"]);
  if (sent && place.time && place.context == 0 && *sent != *place.time) {
    pending.fact.start_ns = sent;
    pending.fact.end_ns = std::max(*sent, *place.time);
  }
  pending.fact.llm = std::move(call);
  if (place.context == 0) {
    Entry& entry = entries_[place.id];
    entry.answer = true;
    entry.calls.clear();
  }
  answer_calls_.clear();
  for (size_t i = 0; i < tools.size(); ++i) OnToolCall(tools[i], place, static_cast<int64_t>(i));
}

void OpenClawReader::OnToolCall(Json item, const Place& place, int64_t index) {
  ToolUse tool;
  tool.llm_call = place.id;
  tool.index = index;
  Json name = FirstOf(item, {"name", "toolName", "tool"});
  if (name && !name.is_string()) Skip("wrong-type:toolCall.name");
  tool.name = name.text();
  Json id = FirstOf(item, {"id", "toolCallId"});
  if (id && !id.is_string()) Skip("wrong-type:toolCall.id");
  std::string call(id.text());
  if (call.empty()) call = place.id + "#" + std::to_string(index);

  // partialJson holds what had arrived when an answer was cut off.
  Json arguments = FirstOf(item, {"arguments", "input", "params", "partialJson"});
  // OpenClaw's compact tool surface names the tool it wants in the arguments.
  if (tool.name == "tool_call" && !arguments["id"].text().empty()) {
    tool.name = arguments["id"].text();
    arguments = arguments["args"];
  }
  if (auto text = arguments.string()) {
    SetArgsText(*text, &args_parser_, &tool);
  } else if (arguments) {
    if (!arguments.is_object()) {
      Skip("wrong-type:toolCall.arguments");
      tool.args_broken = true;
    }
    SetArgs(arguments, &tool);
  }
  if (!answer_calls_.insert(call).second) call += "#" + std::to_string(index);
  if (place.context == 0) {
    entries_[place.id].calls.push_back(call);
    owners_[call].insert(place.id);
  }
  std::vector<std::string> reads = SkillReads(tool.name, arguments);
  Pending& pending = Add(FactKind::kToolUse, call, place);
  pending.reads = std::move(reads);
  pending.fact.tool = std::move(tool);
}

// OpenClaw's compact tool surface: the answer asks for one tool that finds and runs others, and the calls
// that were really made are logged beside it.
void OpenClawReader::OnNestedTool(Json message, const Place& place) {
  Json details = message["details"];
  std::string outer(details["parentToolCallId"].text()), call(details["toolCallId"].text());
  std::string_view name = details["toolName"].text();
  if (outer.empty() || name.empty()) {
    Skip(name.empty() ? "missing:details.toolName" : "missing:details.parentToolCallId");
    Add(FactKind::kLink, place.id, place);
    return;
  }
  if (call.empty() || call == outer) call = place.id;
  outer_calls_.insert(outer);
  ToolUse tool;
  tool.name = name;
  tool.index = details["startOrder"].integer().value_or(0);
  SetArgs(details["input"], &tool);
  Pending& use = Add(FactKind::kToolUse, call, place);
  use.nested_in = outer;
  use.reads = SkillReads(name, details["input"]);
  use.fact.tool = std::move(tool);
  Json result = details["result"];
  if (!result || result.is_null()) return;
  std::string text = result.is_object() ? TextOf(result["content"], report_) : std::string(result.text());
  AddResult(result, {}, {call, name}, text, place);
  pending_.back().nested_in = outer;
}

// Results come as one message per call (id and isError on the message) or with ids and errors on the content
// items.
void OpenClawReader::OnToolResult(Json message, const Place& place) {
  Json id_value = FirstOf(message, {"toolCallId", "toolUseId", "tool_call_id"});
  if (id_value && !id_value.is_string()) Skip("wrong-type:toolCallId");
  std::string_view whole_id = id_value.text();
  Json content = message["content"];
  bool by_item = false;
  int64_t unmarked = 0;
  if (whole_id.empty()) {
    content.ForEachItem([&](Json item) {
      std::string_view id = FirstOf(item, {"toolCallId", "toolUseId", "tool_call_id", "id"}).text();
      if (id.empty() && !item["isError"] && !item["error"]) {
        ++unmarked;
        return;
      }
      by_item = true;
      AddResult(message, item, {id, message["toolName"].text()},
                FirstOf(item, {"text", "content", "output"}).text(), place);
    });
  }
  if (by_item && unmarked > 0) Skip("unattributed-content");
  if (!by_item)
    AddResult(message, {}, {whole_id, message["toolName"].text()}, TextOf(content, report_), place);
  size_t contexts = contexts_.size();
  if (!whole_id.empty()) OnSubagents(message["details"], whole_id, place);
  // Model work that the tool did itself and whose messages are not there.
  if (message["usage"].is_object() && contexts_.size() == contexts) OnSideCall(message, place, "tool", false);
}

void OpenClawReader::AddResult(Json message, Json item, Question question, std::string_view text,
                               const Place& place) {
  Json details = message["details"];
  ToolResult result;
  SetOutput(text, &result);
  bool marked = message["isError"].boolean().value_or(false) || item["isError"].boolean().value_or(false);
  for (Json source : {message, item}) {
    Json mark = source["isError"];
    if (mark && !mark.is_null() && !mark.boolean()) Skip("wrong-type:isError");
  }
  std::string error = ErrorText(item["error"]);
  if (error.empty()) error = ErrorText(message["error"]);
  std::string_view state = details["status"].text();
  if (OneOf(state, {"error", "failed", "timeout", "forbidden"})) {
    marked = true;
    if (error.empty()) error = ErrorText(details["error"]);
  }
  if (auto code = details["exitCode"].integer()) result.exit_code = code;
  std::string_view id = question.call, tool = question.tool;
  if (!result.exit_code && (IsShell(tool) || (tool.empty() && marked)))
    result.exit_code = ExitCodeOfText(text);
  bool failed = marked || !error.empty() || result.exit_code.value_or(0) != 0;
  std::string_view end = Trim(text);
  bool aborted = failed && (end.ends_with("Command aborted") || end == "Operation aborted");
  result.status = aborted ? ToolStatus::kAborted : failed ? ToolStatus::kError : ToolStatus::kOk;
  if (failed) result.error = Cut(error.empty() ? Trim(text) : std::string_view(error), kMaxError);
  result.child_session = ChildKey(details, text);

  Pending& pending = Add(FactKind::kToolResult, id.empty() ? std::string_view(place.id) : id, place);
  pending.nameless = id.empty() && place.context == 0;
  pending.fact.end_ns = pending.fact.start_ns;
  pending.fact.result = std::move(result);
}

// sessions_spawn answers {"status":"accepted","childSessionKey":"agent:main:subagent:..."} in its details or
// its text.
std::string OpenClawReader::ChildKey(Json details, std::string_view text) {
  std::string key(details["childSessionKey"].text());
  constexpr size_t kLongest = size_t{64} << 10;
  if (key.empty() && text.size() < kLongest && text.find("\"childSessionKey\"") != std::string_view::npos) {
    if (auto json = args_parser_.Parse(text)) key = (*json)["childSessionKey"].text();
  }
  if (key.empty()) return key;
  openclaw_ = true;
  if (auto known = index_->id_of_key.find(key); known != index_->id_of_key.end()) return known->second;
  std::string other = index_->elsewhere ? index_->elsewhere(key) : std::string();
  return other.empty() ? key : other;
}

// pi's sub-agent extension runs a second pi without a log of its own; its messages are in the result's
// details.
void OpenClawReader::OnSubagents(Json details, std::string_view call, const Place& place) {
  if (place.depth >= kMaxNesting) return Skip("nested-too-deep");
  Json results = details["results"];
  size_t count = results.size(), k = 0;
  results.ForEachItem([&](Json result) {
    ++k;
    std::string suffix = count > 1 ? "#" + std::to_string(k) : "";
    if (result["messages"].is_array()) return OnSubagent(result, call, suffix, place);
    if (result["agent"].is_string() && result["usage"].is_object()) Skip("subagent-without-messages");
  });
}

void OpenClawReader::OnSubagent(Json result, std::string_view call, const std::string& suffix,
                                const Place& place) {
  Context context{place.context, std::string(call), suffix, place.id};
  contexts_.push_back(std::move(context));
  Place child;
  child.context = static_cast<int>(contexts_.size()) - 1;
  child.depth = place.depth + 1;
  child.ordinal = 0;
  // "provider/model", for answers that do not name their own.
  std::string_view model = result["model"].text();
  size_t slash = model.find('/');
  child.provider = slash == std::string_view::npos ? std::string_view{} : model.substr(0, slash);
  child.model = slash == std::string_view::npos ? model : model.substr(slash + 1);

  SessionInfo info;
  info.agent = "pi";
  info.agent_name = result["agent"].text();
  Add(FactKind::kSession, "session", child).fact.session = std::move(info);
  int64_t index = 0;
  result["messages"].ForEachItem([&](Json message) {
    child.ordinal = ++index;
    child.id = "m" + std::to_string(index);
    child.time = TimeOf(message["timestamp"]);
    if (!message.is_object()) return Skip("wrong-type:message");
    OnMessage(message, child);
  });
}

// A command that the user ran by hand.
void OpenClawReader::OnBash(Json message, const Place& place) {
  ToolUse tool;
  tool.name = "bash";
  std::string args = "{\"command\":";
  AppendJsonString(message["command"].text(), &args);
  args.push_back('}');
  SetArgsText(args, &args_parser_, &tool);
  Add(FactKind::kToolUse, place.id, place).fact.tool = std::move(tool);

  ToolResult result;
  std::string_view output = message["output"].text();
  SetOutput(output, &result);
  result.exit_code = message["exitCode"].integer();
  bool cancelled = message["cancelled"].boolean().value_or(false);
  bool failed = result.exit_code.value_or(0) != 0;
  result.status = cancelled ? ToolStatus::kAborted : failed ? ToolStatus::kError : ToolStatus::kOk;
  if (failed) result.error = Cut(Trim(output), kMaxError);
  Fact& fact = Add(FactKind::kToolResult, place.id, place).fact;
  fact.end_ns = fact.start_ns;
  fact.result = std::move(result);
}

// A call that is no turn of the conversation: cache warming, a summary, a tool's own model work.
void OpenClawReader::OnSideCall(Json record, const Place& place, std::string_view stop, bool inherits_model) {
  LlmCall call;
  call.auxiliary = true;
  call.stop_reason = stop;
  if (inherits_model) {
    call.model = record["model"].text();
    call.provider = record["provider"].text();
  }
  call.usage = UsageOf(record["usage"], false, report_);
  call.reported_cost = CostOf(record["usage"], report_);
  bool inherits = inherits_model && call.model.empty();
  if (inherits && place.context != 0) call.model = place.model, call.provider = place.provider;
  Pending& pending = Add(FactKind::kLlmCall, place.id, place);
  pending.inherits_model = inherits && place.context == 0;
  pending.fact.llm = std::move(call);
}

}  // namespace clawtrace::capture::openclaw
