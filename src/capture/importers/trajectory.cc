#include "capture/importers/trajectory.h"

#include <cmath>
#include <utility>

#include "base/hash.h"
#include "base/text.h"
#include "capture/line_reader.h"

namespace clawtrace::capture {

Trajectory::Trajectory(std::string_view source, std::string_view session_id, FactSink* sink)
    : source_(source), session_(BoundedId(session_id)), sink_(*sink) {}

Fact Trajectory::Make(FactKind kind, std::string id, std::optional<int64_t> start_ns) {
  Fact fact;
  fact.kind = kind;
  fact.source = source_;
  fact.session_id = session_;
  fact.id = std::move(id);
  fact.start_ns = start_ns;
  if (kind != FactKind::kSession && kind != FactKind::kOutcome) fact.ordinal = ordinal_++;
  bool step = kind == FactKind::kUser || kind == FactKind::kLlmCall || kind == FactKind::kToolUse;
  if (branches_ && step) PlaceInChain(&fact);
  return fact;
}

void Trajectory::PlaceInChain(Fact* fact) {
  fact->node = "step-" + std::to_string(fact->ordinal);
  fact->parent_node = left_ && !left_node_.empty() ? left_node_ : kept_node_;
  if (!left_) kept_node_ = fact->node;
  left_node_ = left_ ? fact->node : "";
}

void Trajectory::WithBranches(std::optional<int64_t> start_ns) {
  // One root for all, or every branch would be a conversation of its own.
  Fact root = Make(FactKind::kLink, "start", start_ns);
  branches_ = true;
  root.node = kept_node_ = "start";
  sink_.Add(std::move(root));
}

void Trajectory::EndBranches(std::optional<int64_t> end_ns) {
  Fact end = Make(FactKind::kLink, "end", end_ns);
  end.node = "end", end.parent_node = kept_node_;
  sink_.Add(std::move(end));
}

void Trajectory::Session(SessionInfo info, std::optional<int64_t> start_ns, std::optional<int64_t> end_ns) {
  Fact fact = Make(FactKind::kSession, session_, start_ns);
  fact.end_ns = end_ns;
  fact.session = std::move(info);
  sink_.Add(std::move(fact));
}

void Trajectory::User(std::string_view text, bool is_meta, std::optional<int64_t> time, std::string id) {
  UserStart(text, static_cast<int64_t>(text.size()), is_meta, time, std::move(id));
}

void Trajectory::UserStart(std::string_view start, int64_t bytes, bool is_meta, std::optional<int64_t> time,
                           std::string id) {
  if (id.empty()) id = "user-" + std::to_string(ordinal_);
  Fact fact = Make(FactKind::kUser, std::move(id), time);
  UserTurn turn;
  turn.text = Cut(start, kMaxText);
  turn.text_bytes = bytes;
  turn.is_meta = is_meta;
  fact.user = std::move(turn);
  sink_.Add(std::move(fact));
}

std::string Trajectory::Call(LlmCall call, std::optional<int64_t> start_ns, std::optional<int64_t> end_ns,
                             std::string id) {
  id = id.empty() ? "call-" + std::to_string(ordinal_) : BoundedId(id);
  call_ = id;
  index_ = 0;
  Fact fact = Make(FactKind::kLlmCall, std::move(id), start_ns);
  fact.end_ns = end_ns;
  fact.llm = std::move(call);
  sink_.Add(std::move(fact));
  return call_;
}

std::string Trajectory::Tool(ToolUse tool, std::string_view id, std::optional<int64_t> time) {
  tool.llm_call = call_;
  tool.index = index_++;
  std::string name = id.empty() ? "tool-" + std::to_string(ordinal_) : std::string(id);
  auto& [known, uses] = tools_[name];
  known = ++uses == 1 ? name : name + "#" + std::to_string(uses);
  latest_tool_ = known;
  Fact fact = Make(FactKind::kToolUse, known, time);
  fact.tool = std::move(tool);
  sink_.Add(std::move(fact));
  return latest_tool_;
}

void Trajectory::Result(ToolResult result, std::string_view id, std::optional<int64_t> time) {
  auto known = tools_.find(id);
  std::string name = known != tools_.end() ? known->second.first : std::string(id);
  if (id.empty()) name = latest_tool_.empty() ? "result-" + std::to_string(ordinal_) : latest_tool_;
  Fact fact = Make(FactKind::kToolResult, std::move(name), time);
  fact.end_ns = time;
  fact.result = std::move(result);
  sink_.Add(std::move(fact));
}

void Trajectory::Spawn(const std::string& child_session) {
  std::string call = std::exchange(call_, "");
  // The name that assembly gives to spawns without a call: it is not counted as one.
  ToolUse spawn;
  spawn.name = "unlinked_subagent";
  Tool(std::move(spawn), "spawn-" + child_session);
  ToolResult result;
  result.child_session = child_session;
  Result(std::move(result), "spawn-" + child_session);
  call_ = std::move(call);
}

void Trajectory::Compaction(std::optional<int64_t> time) {
  sink_.Add(Make(FactKind::kCompaction, "compaction-" + std::to_string(ordinal_), time));
}

void Trajectory::Skill(SkillUse use) {
  Fact fact = Make(FactKind::kSkill, "skill-" + std::to_string(ordinal_), {});
  fact.skill = std::move(use);
  sink_.Add(std::move(fact));
}

void Trajectory::Judged(Outcome outcome) {
  Fact fact = Make(FactKind::kOutcome, "outcome", {});
  fact.outcome = std::move(outcome);
  sink_.Add(std::move(fact));
}

void SetText(std::string_view text, LlmCall* call) {
  call->text = Cut(text, kMaxText);
  call->text_bytes = static_cast<int64_t>(text.size());
}

void AddChatTools(Json message, JsonParser* parser, Trajectory* out, std::string_view cwd) {
  message["tool_calls"].ForEachItem([&](Json item) {
    Json function = item["function"] ? item["function"] : item;
    if (!function.is_object()) return;
    ToolUse tool;
    tool.name = function["name"].text();
    tool.cwd = cwd;
    Json arguments = function["arguments"];
    if (auto text = arguments.string())
      SetArgsText(*text, parser, &tool);
    else
      SetArgs(arguments, &tool);
    out->Tool(std::move(tool), item["id"].text());
  });
}

namespace {

Json FirstObject(Json object, std::string_view key, std::string_view other) {
  Json first = object[key];
  return first.is_object() ? first : object[other];
}

// The first of two spellings that is there; false when it is and is no count.
bool TakeCount(Json object, std::string_view key, std::string_view other, std::optional<int64_t>* count) {
  for (std::string_view name : {key, other}) {
    Json value = object[name];
    if (!value || value.is_null()) continue;
    *count = CountOf(value);
    return count->has_value() && **count <= kMaxTokensPerBucket;
  }
  return true;
}

}  // namespace

std::optional<Usage> OpenAiUsage(Json json, bool* bad) {
  *bad = false;
  if (!json || json.is_null()) return std::nullopt;
  std::optional<int64_t> input, output, cached, written, reasoning;
  Json input_details = FirstObject(json, "prompt_tokens_details", "input_tokens_details");
  Json output_details = FirstObject(json, "completion_tokens_details", "output_tokens_details");
  bool ok = json.is_object() && TakeCount(json, "prompt_tokens", "input_tokens", &input) &&
            TakeCount(json, "completion_tokens", "output_tokens", &output) &&
            TakeCount(input_details, "cached_tokens", "cached_input_tokens", &cached) &&
            TakeCount(input_details, "cache_write_tokens", "cache_creation_tokens", &written) &&
            TakeCount(output_details, "reasoning_tokens", "reasoning", &reasoning);
  // Where there are no details, the counts stand beside the totals.
  if (ok && !cached) ok = TakeCount(json, "cached_input_tokens", "cache_read_input_tokens", &cached);
  if (ok && !written)
    ok = TakeCount(json, "cache_write_input_tokens", "cache_creation_input_tokens", &written);
  // Anthropic's own names, whose input excludes the cache.
  bool apart = json["input_tokens"] && !json["prompt_tokens"] && !input_details &&
               (json["cache_read_input_tokens"] || json["cache_creation_input_tokens"]);
  int64_t within = apart ? 0 : cached.value_or(0) + written.value_or(0);
  if (!ok || (input && within > *input)) {
    *bad = true;
    return std::nullopt;
  }
  if (!input || !output) return std::nullopt;
  return Usage{.uncached_input = *input - within,
               .cache_read = cached.value_or(0),
               .cache_write_unknown = written.value_or(0),
               .output = *output,
               .reasoning = reasoning.value_or(0)};
}

std::optional<Usd> DollarsOf(Json value) {
  std::optional<Usd> usd;
  if (auto number = value.number())
    usd = Usd::FromDouble(*number);
  else if (auto text = value.string())
    usd = Usd::Parse(*text);
  if (!usd || *usd <= Usd()) return std::nullopt;
  return usd;
}

Outcome OutcomeOfReward(double reward, std::string_view judge) {
  Outcome outcome;
  outcome.source = OutcomeSource::kVerifier;
  outcome.judge = judge;
  // Sums of partial credits miss 1 by rounding.
  constexpr double kClose = 1e-6;
  outcome.verdict = reward >= 1 - kClose ? Verdict::kSuccess
                    : reward <= kClose   ? Verdict::kFailure
                                         : Verdict::kPartial;
  if (outcome.verdict == Verdict::kPartial) outcome.score_ppm = std::llround(reward * 1e6);
  return outcome;
}

std::string BoundedId(std::string_view id) {
  constexpr size_t kLongest = 400;
  if (id.size() <= kLongest) return std::string(id);
  return Cut(id, kLongest) + "-" + HexOf(Hash64(id));
}

std::string_view FolderOf(std::string_view path) { return path.substr(0, path.rfind('/') + 1); }

}  // namespace clawtrace::capture
