#include "model/atif.h"

#include <algorithm>
#include <span>

#include "base/doc_writer.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/text.h"
#include "model/archive.h"

namespace clawtrace {
namespace {

// Members below extra.clawtrace, an object that appears with the first of them.
class Extra {
 public:
  explicit Extra(DocWriter* out) : out_(*out) {}
  ~Extra() {
    if (!open_) return;
    out_.EndObject();
    out_.EndObject();
  }
  Extra(const Extra&) = delete;
  Extra& operator=(const Extra&) = delete;

  DocWriter& At(std::string_view key) {
    if (!open_) {
      out_.Key("extra");
      out_.BeginObject();
      out_.Key("clawtrace");
      out_.BeginObject();
      open_ = true;
    }
    out_.Key(key);
    return out_;
  }
  void Text(std::string_view key, std::string_view text) {
    if (!text.empty()) At(key).String(text);
  }
  void Count(std::string_view key, std::optional<int64_t> count) {
    if (count.value_or(0) != 0) At(key).Int(*count);
  }
  void Flag(std::string_view key, bool set) {
    if (set) At(key).Bool(true);
  }
  void Texts(std::string_view key, const std::vector<std::string>& texts) {
    if (texts.empty()) return;
    At(key).BeginArray();
    for (const std::string& text : texts) out_.String(text);
    out_.EndArray();
  }

 private:
  DocWriter& out_;
  bool open_ = false;
};

class Writer {
 public:
  std::string Take() { return out_.Take(); }

  void Trajectory(const Session& session, bool root) {
    out_.BeginObject();
    out_.Field("schema_version", kAtifVersion);
    out_.Field("session_id", session.id);
    if (!root) out_.Field("trajectory_id", session.id);
    Agent(session);
    out_.Key("steps");
    out_.BeginArray();
    Steps(session);
    out_.EndArray();
    FinalMetrics(session);
    Children(session);
    SessionExtra(session);
    out_.EndObject();
  }

 private:
  void Agent(const Session& session) {
    out_.Key("agent");
    out_.BeginObject();
    const SessionInfo& info = session.info;
    out_.Field("name", info.agent.empty() ? session.source : info.agent);
    out_.Field("version", info.agent_version.empty() ? "unknown" : info.agent_version);
    // It stands for every step that names none, so one without a model must not have it.
    auto unnamed = [](const Step& step) { return step.kind == StepKind::kLlmCall && step.llm.model.empty(); };
    auto call = std::ranges::find(session.steps, StepKind::kLlmCall, &Step::kind);
    if (call != session.steps.end() && std::ranges::none_of(session.steps, unnamed))
      out_.Field("model_name", call->llm.model);
    out_.EndObject();
  }

  void Steps(const Session& session) {
    step_id_ = 0;
    bare_spawns_ = BareSpawnsWithoutResult(session);
    if (!session.prompt.empty()) {
      StartStep("user", session.start_ns);
      out_.Field("message", session.prompt);
      out_.EndObject();
    }
    const auto& steps = session.steps;
    for (size_t i = 0; i < steps.size();) {
      bool call = steps[i].kind == StepKind::kLlmCall;
      size_t end = i + 1;
      // Whoever reads the embedded sub-agent makes the spawn of one that no call asked for anew.
      const auto& children = steps[i].children;
      if (steps[i].tool.name == "unlinked_subagent" && !children.empty() &&
          steps[i].call_id == children.front().id) {
        ++i;
        continue;
      }
      // A call's own tools go into its step; others get steps of their own, one each.
      while (call && end < steps.size() && steps[end].kind != StepKind::kLlmCall &&
             steps[end].tool.llm_call == steps[i].call_id)
        ++end;
      AgentStep({steps.data() + i, end - i});
      i = end;
    }
  }

  void StartStep(std::string_view source, std::optional<int64_t> start_ns) {
    out_.BeginObject();
    out_.Field("step_id", ++step_id_);
    if (start_ns) out_.Field("timestamp", FormatIsoTime(*start_ns));
    out_.Field("source", source);
  }

  void AgentStep(std::span<const Step> group) {
    const Step* call = group[0].kind == StepKind::kLlmCall ? &group[0] : nullptr;
    std::span<const Step> tools = group.subspan(call ? 1 : 0);
    StartStep("agent", group[0].start_ns);
    if (call && !call->llm.model.empty()) out_.Field("model_name", call->llm.model);
    out_.Field("message", call ? std::string_view(call->llm.text) : std::string_view());
    out_.Field("llm_call_count", call ? std::max<int64_t>(call->llm.attempts, 1) : 0);
    if (group[0].inherited) out_.Key("is_copied_context"), out_.Bool(true);
    if (call) Metrics(call->llm);
    ToolCalls(tools);
    Observation(tools);
    {
      Extra extra(&out_);
      if (call)
        CallExtra(*call, &extra);
      else
        extra.Text("llm_call", group[0].tool.llm_call);
    }
    out_.EndObject();
  }

  void CallExtra(const Step& step, Extra* extra) {
    const LlmCall& call = step.llm;
    extra->Text("call_id", step.call_id);
    if (step.start_ns) extra->At("start_ns").Int(*step.start_ns);
    if (step.end_ns) extra->At("end_ns").Int(*step.end_ns);
    extra->Text("provider", call.provider), extra->Text("stop_reason", call.stop_reason);
    extra->Text("error", call.error), extra->Text("service_tier", call.service_tier);
    extra->Flag("not_billed", !call.billed), extra->Flag("auxiliary", call.auxiliary);
    extra->Count("web_searches", call.web_searches), extra->Count("attempts", call.attempts);
    extra->Count("thinking_bytes", call.thinking_bytes);
    if (call.text_bytes != static_cast<int64_t>(call.text.size()))
      extra->Count("text_bytes", call.text_bytes);
    extra->Texts("aliases", call.aliases);
    if (call.requested_model) extra->Text("requested_model", *call.requested_model);
    extra->Flag("abandoned", step.abandoned);
    if (!call.usage) return;
    extra->Count("cache_write_5m", call.usage->cache_write_5m);
    extra->Count("cache_write_1h", call.usage->cache_write_1h);
    extra->Count("cache_write_unknown", call.usage->cache_write_unknown);
    extra->Count("reasoning", call.usage->reasoning);
    if (call.other_reading) OtherReading(*call.other_reading, extra);
  }

  void OtherReading(const Usage& usage, Extra* extra) {
    extra->At("other_reading").BeginObject(true);
    out_.Field("uncached_input", usage.uncached_input);
    out_.Field("cache_read", usage.cache_read);
    out_.Field("cache_write_5m", usage.cache_write_5m);
    out_.Field("cache_write_1h", usage.cache_write_1h);
    out_.Field("cache_write_unknown", usage.cache_write_unknown);
    out_.Field("output", usage.output);
    out_.Field("reasoning", usage.reasoning);
    out_.EndObject();
  }

  void Metrics(const LlmCall& call) {
    if (!call.usage && !call.reported_cost) return;
    out_.Key("metrics");
    out_.BeginObject();
    if (call.usage) {
      const Usage& usage = *call.usage;
      out_.Field("prompt_tokens", usage.prompt());
      out_.Field("completion_tokens", usage.output);
      out_.Field("cached_tokens", usage.cache_read);
    }
    if (call.reported_cost) {
      out_.Key("cost_usd");
      out_.Number(call.reported_cost->ToDecimal());
    }
    out_.EndObject();
  }

  void ToolCalls(std::span<const Step> tools) {
    bool any = std::ranges::any_of(tools, [](const Step& step) { return !step.result_only; });
    if (!any) return;
    out_.Key("tool_calls");
    out_.BeginArray();
    for (const Step& step : tools) {
      if (!step.result_only) ToolCall(step);
    }
    out_.EndArray();
  }

  void ToolCall(const Step& step) {
    const ToolUse& tool = step.tool;
    out_.BeginObject();
    out_.Field("tool_call_id", step.call_id);
    out_.Field("function_name", tool.name);
    out_.Key("arguments");
    JsonParser parser;
    auto arguments = parser.Parse(tool.args);
    bool whole = !tool.args_broken && arguments && arguments->is_object();
    if (whole)
      Copy(*arguments);
    else
      out_.BeginObject(true), out_.EndObject();
    {
      Extra extra(&out_);
      if (step.start_ns) extra.At("start_ns").Int(*step.start_ns);
      extra.Text("cwd", tool.cwd);
      if (!whole) {
        extra.At("args").String(tool.args);
        extra.Count("args_bytes", tool.args_bytes);
        extra.At("args_hash").Int(static_cast<int64_t>(tool.args_hash));
        extra.Flag("args_broken", tool.args_broken);
      }
    }
    out_.EndObject();
  }

  // On one line: indenting deeply nested arguments would make far more of them than there were.
  void Copy(Json value) {
    switch (value.kind()) {
      case Json::Kind::kObject:
        out_.BeginObject(true);
        value.ForEachField([&](std::string_view key, Json member) { out_.Key(key), Copy(member); });
        return out_.EndObject();
      case Json::Kind::kArray:
        out_.BeginArray(true);
        value.ForEachItem([&](Json item) { Copy(item); });
        return out_.EndArray();
      case Json::Kind::kString:
        return out_.String(value.text());
      case Json::Kind::kBool:
        return out_.Bool(value.boolean().value_or(false));
      case Json::Kind::kMissing:
      case Json::Kind::kNull:
        return out_.Null();
      case Json::Kind::kInt:
      case Json::Kind::kUint:
      case Json::Kind::kDouble:
        return out_.Number(value.Canonical());
    }
  }

  // What was logged as a result; a use without one has none here either.
  static bool HasResult(const Step& step) { return !IsBare(step) || !step.children.empty(); }
  // Nothing but perhaps the sub-agent, which names its spawn whether that returned or not.
  static bool IsBare(const Step& step) {
    ToolResult result = step.result;
    if (!step.children.empty() && result.child_session == step.children.front().id)
      result.child_session.clear();
    return result == ToolResult{};
  }

  // Spawns that never returned, of those that are bare: how many results are missing is noted.
  static int64_t BareSpawnsWithoutResult(const Session& session) {
    constexpr std::string_view kNote = "missing_result:";
    auto note = std::ranges::find_if(session.notes, [&](const auto& n) { return n.starts_with(kNote); });
    if (note == session.notes.end()) return 0;
    int64_t others = std::ranges::count_if(session.steps, [](const Step& step) {
      return step.kind != StepKind::kLlmCall && IsBare(step) && step.children.empty();
    });
    return ParseInt(std::string_view(*note).substr(kNote.size())).value_or(0) - others;
  }

  void Observation(std::span<const Step> tools) {
    if (std::ranges::none_of(tools, HasResult)) return;
    out_.Key("observation");
    out_.BeginObject();
    out_.Key("results");
    out_.BeginArray();
    for (const Step& step : tools) {
      if (HasResult(step)) OneResult(step);
    }
    out_.EndArray();
    out_.EndObject();
  }

  void OneResult(const Step& step) {
    const ToolResult& result = step.result;
    out_.BeginObject();
    // The format allows only calls of the same step here.
    if (!step.result_only) out_.Field("source_call_id", step.call_id);
    bool answered = !IsBare(step) || --bare_spawns_ < 0;
    if (answered) out_.Field("content", result.output);
    References(step);
    {
      Extra extra(&out_);
      if (step.result_only) extra.Text("call_id", step.call_id);
      if (answered)
        extra.At("status").String(NameOf(result.status));
      else
        extra.Flag("no_result", true);
      if (result.exit_code) extra.At("exit_code").Int(*result.exit_code);
      if (step.end_ns) extra.At("end_ns").Int(*step.end_ns);
      extra.Text("error", result.error), extra.Flag("unchanged", result.unchanged);
      if (Hash64(result.output) != result.output_hash) {
        extra.At("output_bytes").Int(result.output_bytes);
        extra.At("output_hash").Int(static_cast<int64_t>(result.output_hash));
      }
    }
    out_.EndObject();
  }

  void References(const Step& step) {
    if (step.children.empty() && step.result.child_session.empty()) return;
    out_.Key("subagent_trajectory_ref");
    out_.BeginArray();
    if (step.children.empty()) Reference(step.result.child_session);
    for (const Session& child : step.children) Reference(child.id);
    out_.EndArray();
  }

  void Reference(const std::string& id) {
    out_.BeginObject();
    out_.Field("session_id", id);
    out_.Field("trajectory_id", id);
    out_.EndObject();
  }

  void FinalMetrics(const Session& session) {
    Usage sum;
    std::optional<Usd> cost = session.info.reported_cost;
    bool counted = false;
    for (const Step& step : session.steps) {
      if (step.kind != StepKind::kLlmCall) continue;
      if (step.llm.usage) sum += *step.llm.usage, counted = true;
      if (step.llm.reported_cost && !session.info.reported_cost)
        cost = cost.value_or(Usd()) + *step.llm.reported_cost;
    }
    if (!counted && session.info.reported_usage) sum = *session.info.reported_usage, counted = true;
    out_.Key("final_metrics");
    out_.BeginObject();
    if (counted) {
      out_.Field("total_prompt_tokens", sum.prompt());
      out_.Field("total_completion_tokens", sum.output);
      out_.Field("total_cached_tokens", sum.cache_read);
    }
    if (cost) {
      out_.Key("total_cost_usd");
      out_.Number(cost->ToDecimal());
    }
    out_.Field("total_steps", step_id_);
    out_.EndObject();
  }

  void Children(const Session& session) {
    bool any = std::ranges::any_of(session.steps, [](const Step& step) { return !step.children.empty(); });
    if (!any) return;
    out_.Key("subagent_trajectories");
    out_.BeginArray();
    for (const Step& step : session.steps) {
      for (const Session& child : step.children) {
        Trajectory(child, false);
      }
    }
    out_.EndArray();
  }

  void SessionExtra(const Session& session) {
    const SessionInfo& info = session.info;
    Extra extra(&out_);
    extra.Text("source", session.source), extra.Text("agent_name", info.agent_name);
    extra.Text("task_id", session.task_id), extra.Text("cwd", info.cwd), extra.Text("project", info.project);
    extra.Text("parent_session", info.parent_session), extra.Text("parent_call", info.parent_call);
    extra.Text("forked_from", info.forked_from), extra.Text("billing", info.billing);
    if (session.start_ns) extra.At("start_ns").Int(*session.start_ns);
    if (session.end_ns) extra.At("end_ns").Int(*session.end_ns);
    extra.Count("compactions", session.compactions);
    std::vector<std::string> notes;
    for (const std::string& note : session.notes) {
      if (!IsMadeAnew(note)) notes.push_back(note);
    }
    extra.Texts("notes", notes);
    Skills(session.skills, &extra);
    const Outcome& outcome = session.outcome;
    if (outcome.source == OutcomeSource::kNone) return;
    extra.At("outcome").BeginObject();
    out_.Field("verdict", NameOf(outcome.verdict));
    out_.Field("source", NameOf(outcome.source));
    if (outcome.score_ppm) out_.Field("score_ppm", *outcome.score_ppm);
    if (!outcome.judge.empty()) out_.Field("judge", outcome.judge);
    out_.EndObject();
  }

  // Notes that whoever reads the steps makes of them again.
  static bool IsMadeAnew(std::string_view note) {
    static constexpr std::string_view kMade[] = {"missing_result", "result_without_call", "unlinked_subagent",
                                                 "clock_backwards"};
    return std::ranges::find(kMade, note.substr(0, note.find(':'))) != std::end(kMade);
  }

  void Skills(const std::vector<SkillUse>& skills, Extra* extra) {
    if (skills.empty()) return;
    extra->At("skills").BeginArray();
    for (const SkillUse& skill : skills) {
      out_.BeginObject(true);
      out_.Field("name", skill.name);
      out_.Field("stage", NameOf(skill.stage));
      if (!skill.path.empty()) out_.Field("path", skill.path);
      if (!skill.call.empty()) out_.Field("call", skill.call);
      out_.EndObject();
    }
    out_.EndArray();
  }

  DocWriter out_{DocWriter::Format::kJsonPretty};
  int64_t step_id_ = 0;
  int64_t bare_spawns_ = 0;  // left to be written as never returned
};

}  // namespace

std::string EncodeAtif(const Session& session) {
  Writer writer;
  writer.Trajectory(session, true);
  return writer.Take();
}

}  // namespace clawtrace
