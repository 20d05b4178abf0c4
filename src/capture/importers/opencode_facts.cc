#include "capture/importers/opencode_facts.h"

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "capture/importers/log_text.h"
#include "capture/importers/opencode_resolve.h"
#include "capture/line_reader.h"
#include "capture/skill_paths.h"

namespace clawtrace::capture::opencode {

Fact Records::Start(FactKind kind, const Ids& ids) const {
  Fact fact;
  fact.kind = kind;
  fact.source = kSource;
  fact.session_id = ids.session;
  fact.id = ids.id;
  fact.node = ids.id;
  fact.parent_node = ids.message;
  return fact;
}

std::optional<int64_t> Records::Time(Json value) {
  auto time = TimeOf(value);
  if (!time && value && !value.is_null()) skip_("wrong-type:time");
  return time;
}

void Records::Session(std::string_view id, Json info) {
  Fact fact = Start(FactKind::kSession, {std::string(id), "", std::string(id)});
  fact.node.clear();
  fact.start_ns = Time(info["time"]["created"]);
  SessionInfo session;
  session.agent = kSource;
  session.agent_version = info["version"].text();
  session.cwd = info["directory"].text();
  session.parent_session = info["parentID"].text();
  if (session.parent_session == id) session.parent_session.clear();
  if (!session.parent_session.empty()) session.agent_name = info["agent"].text();
  // The call that names a session is made, and never stored.
  if (session.parent_session.empty()) session.notes = {"title_call_not_logged"};
  fact.session = std::move(session);
  sink_.Add(std::move(fact));
}

void Records::Message(const Ids& ids, Json message) {
  std::string_view role = message["role"].text();
  if (role == "assistant") return Answer(ids, message);
  if (role != "user") return skip_(message["role"] ? "unknown-role" : "missing:role");
  Fact fact = Start(FactKind::kUser, ids);
  fact.parent_node.clear();
  fact.start_ns = Time(message["time"]["created"]);
  fact.user.emplace();
  sink_.Add(std::move(fact));
}

void Records::Answer(const Ids& ids, Json message) {
  Fact fact = Start(FactKind::kLlmCall, ids);
  fact.parent_node.clear();
  fact.start_ns = Time(message["time"]["created"]);
  fact.end_ns = Time(message["time"]["completed"]);
  if (fact.start_ns && fact.end_ns) fact.end_ns = std::max(*fact.start_ns, *fact.end_ns);
  LlmCall call;
  call.model = message["modelID"].text();
  call.provider = message["providerID"].text();
  call.stop_reason = message["finish"].text();
  call.usage = UsageOf(message["tokens"]);
  call.reported_cost = CostOf(message);
  Json error = message["error"];
  if (error.is_object()) {
    std::string_view name = error["name"].text(), text = error["data"]["message"].text();
    call.error = Cut(text.empty() ? (name.empty() ? "error" : name) : text, kMaxError);
    bool aborted = name == "MessageAbortedError";
    if (call.stop_reason.empty()) call.stop_reason = aborted ? "aborted" : "error";
    // Zeros of a refused request mean that nothing was used; an aborted one's are not known.
    if (!call.usage && !aborted && message["tokens"].is_object()) call.usage = Usage{};
  }
  call.auxiliary = message["summary"].boolean().value_or(false);
  fact.llm = std::move(call);
  sink_.Add(std::move(fact));
}

void Records::Part(const Ids& ids, Json part) {
  std::string_view type = part["type"].text();
  if (type == "text" || type == "reasoning") return Text(ids, part);
  if (type == "step-finish") return Step(ids, part);
  if (type == "tool") return Tool(ids, part);
  bool known = false;
  for (std::string_view silent : {"step-start", "patch", "snapshot", "file", "agent", "subtask"})
    known = known || type == silent;
  if (!known && type != "compaction" && type != "retry")
    skip_(part["type"] ? "unknown-type" : "missing:type");
  Fact fact = Start(type == "compaction" ? FactKind::kCompaction : FactKind::kLink, ids);
  if (type == "retry") {
    fact.kind = FactKind::kLlmCall;
    fact.llm = LlmCall{.stop_reason = std::string(kRetryPart)};
  }
  fact.start_ns = Time(part["time"]["created"]);
  sink_.Add(std::move(fact));
}

void Records::Text(const Ids& ids, Json part) {
  Json value = part["text"];
  if (!value.is_string()) return skip_(value ? "wrong-type:text" : "missing:text");
  std::string_view text = value.text();
  Fact fact = Start(FactKind::kUser, ids);
  if (part["type"].text() == "reasoning") {
    fact.kind = FactKind::kLlmCall;
    fact.llm = LlmCall{.stop_reason = std::string(kThoughtPart)};
    fact.llm->thinking_bytes = static_cast<int64_t>(text.size());
  } else {
    fact.user = UserTurn{.text = Cut(text, kMaxText), .text_bytes = static_cast<int64_t>(text.size())};
    fact.user->is_meta = part["synthetic"].boolean().value_or(false);
  }
  sink_.Add(std::move(fact));
}

void Records::Step(const Ids& ids, Json part) {
  Fact fact = Start(FactKind::kLlmCall, ids);
  LlmCall call;
  call.stop_reason = std::string(kStepPart) + std::string(part["reason"].text());
  call.usage = UsageOf(part["tokens"]);
  call.reported_cost = CostOf(part);
  fact.llm = std::move(call);
  sink_.Add(std::move(fact));
}

void Records::Tool(const Ids& ids, Json part) {
  std::string name(part["tool"].text()), call(part["callID"].text());
  if (name.empty()) skip_(part["tool"] ? "wrong-type:tool" : "missing:tool");
  if (call.empty()) call = ids.id;
  Json state = part["state"];
  Fact fact = Start(FactKind::kToolUse, ids);
  fact.id = call;
  fact.start_ns = Time(state["time"]["start"]);
  ToolUse tool;
  tool.llm_call = ids.message;
  tool.name = name;
  SetArgs(state["input"], &tool);
  fact.tool = std::move(tool);
  sink_.Add(std::move(fact));
  std::string_view status = state["status"].text();
  if (status == "completed" || status == "error") return Result(ids, name, call, state);
  if (status != "pending" && status != "running")
    skip_(state["status"] ? "unknown-status" : "missing:status");
}

void Records::Result(const Ids& ids, const std::string& tool, const std::string& call, Json state) {
  Fact fact = Start(FactKind::kToolResult, ids);
  fact.id = call;
  fact.start_ns = Time(state["time"]["start"]);
  fact.end_ns = Time(state["time"]["end"]);
  if (fact.start_ns && fact.end_ns) fact.end_ns = std::max(*fact.start_ns, *fact.end_ns);
  Json metadata = state["metadata"];
  ToolResult result;
  std::string_view error = state["error"].text(), output = state["output"].text();
  bool marked = state["status"].text() == "error";
  SetOutput(marked && output.empty() ? error : output, &result);
  result.exit_code = metadata["exit"].integer();
  // A call that names no tool there is "completed" by a tool of this name.
  bool failed = marked || tool == "invalid" || result.exit_code.value_or(0) != 0;
  result.status = failed ? ToolStatus::kError : ToolStatus::kOk;
  if (marked && (error == "Tool execution aborted" || metadata["interrupted"].boolean().value_or(false)))
    result.status = ToolStatus::kAborted;
  if (failed) result.error = Cut(error.empty() ? ErrorLine(output) : error, kMaxError);
  if (tool == "task") result.child_session = metadata["sessionId"].text();
  bool read = result.status == ToolStatus::kOk;
  fact.result = std::move(result);
  sink_.Add(std::move(fact));
  if (read) Skill(ids, tool, call, state);
}

void Records::Skill(const Ids& ids, const std::string& tool, const std::string& call, Json state) {
  std::vector<SkillUse> uses;
  Json input = state["input"];
  if (tool == "skill") {
    std::string name(input["name"].text());
    if (!name.empty()) uses.push_back({.name = Cut(name, kMaxText), .stage = SkillStage::kLoaded});
    if (!uses.empty()) uses[0].path = Cut(state["metadata"]["dir"].text(), kMaxText);
  } else if (tool == "read" || tool == "bash") {
    for (std::string& path : SkillPathsIn(input[tool == "read" ? "filePath" : "command"].text())) {
      SkillUse use{.name = SkillOfText(path), .stage = SkillStage::kLoaded};
      if (use.name.empty()) use.name = SkillOfFile(path), use.stage = SkillStage::kOpened;
      use.path = Cut(path, kMaxText);
      uses.push_back(std::move(use));
    }
  }
  for (SkillUse& use : uses) {
    Fact fact = Start(FactKind::kSkill, ids);
    fact.id = ids.id + "/" + use.name + "/" + use.path;
    use.call = call;
    fact.skill = std::move(use);
    sink_.Add(std::move(fact));
  }
}

// Input excludes what came from or went to the cache; reasoning is beside the output. Counts are used
// together or not at all.
std::optional<Usage> Records::UsageOf(Json tokens) {
  if (!tokens || tokens.is_null()) return std::nullopt;
  bool bad = !tokens.is_object();
  auto count = [&](Json value, bool needed) -> int64_t {
    auto number = CountOf(value);
    bool absent = !value || value.is_null();
    if ((absent && needed) || (!absent && (!number || *number > kMaxTokensPerBucket))) bad = true;
    return bad ? 0 : number.value_or(0);
  };
  Usage usage;
  usage.uncached_input = count(tokens["input"], true);
  usage.output = count(tokens["output"], true);
  usage.reasoning = count(tokens["reasoning"], false);
  usage.cache_read = count(tokens["cache"]["read"], false);
  usage.cache_write_unknown = count(tokens["cache"]["write"], false);
  if (bad) return skip_("wrong-type:tokens"), std::nullopt;
  usage.output += usage.reasoning;
  // An answer starts with zeros and gets its numbers when the provider reports them.
  if (usage.total() == 0) return std::nullopt;
  return usage;
}

std::optional<Usd> Records::CostOf(Json record) {
  Json cost = record["cost"];
  if (!cost || cost.is_null()) return std::nullopt;
  auto number = cost.number();
  auto usd = number ? Usd::FromDouble(*number) : std::nullopt;
  if (!usd || usd->pico() < 0) return skip_("wrong-type:cost"), std::nullopt;
  if (usd->is_zero()) return std::nullopt;
  return usd;
}

}  // namespace clawtrace::capture::opencode
