// Agent Trajectory Interchange Format (ATIF) 1.0 to 1.7, one document a trajectory, as Harbor writes it
// beside a trial's result.json. docs/formats/atif.md says what is read.
#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "base/hash.h"
#include "base/text.h"
#include "capture/document_reader.h"
#include "capture/importers/log_text.h"
#include "capture/importers/trajectory.h"

namespace clawtrace::capture {
namespace {

// Trajectories inside trajectories; the document's own nesting is bounded by the parser.
constexpr int kMaxNesting = 100;
constexpr size_t kMaxNote = 200;

// "<base>-cont-2" continues "<base>".
struct Part {
  std::string base;
  int64_t number = 0;
};

Part PartOf(std::string_view id) {
  constexpr std::string_view kMark = "-cont-";
  size_t at = id.rfind(kMark);
  auto number =
      at == std::string_view::npos || at == 0 ? std::nullopt : ParseInt(id.substr(at + kMark.size()));
  constexpr int64_t kMost = 10'000;
  if (!number || *number < 1 || *number > kMost) return {std::string(id), 0};
  return {std::string(id.substr(0, at)), *number};
}

// Documents of one run may share its session id; then the trajectory id tells them apart.
std::string IdOf(std::string_view session, std::string_view trajectory) {
  if (session.empty() || session == trajectory) return BoundedId(trajectory);
  if (trajectory.empty()) return BoundedId(session);
  return BoundedId(BoundedId(session) + "/" + BoundedId(trajectory));
}

bool SaysFailed(std::string_view text) {
  text = Trim(text);
  return text.starts_with("Error:") || text.starts_with("ERROR:") ||
         text.starts_with("Traceback (most recent call last)");
}

// "[The command completed with exit code 1.]" and "Command exited with code 1" close the output of shell
// tools.
std::optional<int64_t> ExitCodeIn(std::string_view text) {
  for (std::string_view mark : {"completed with exit code ", "exited with code "}) {
    size_t at = text.rfind(mark);
    if (at == std::string_view::npos) continue;
    std::string_view number = text.substr(at + mark.size());
    number = number.substr(0, number.find_first_not_of("-0123456789"));
    if (auto code = ParseInt(number)) return code;
  }
  return std::nullopt;
}

template <class E>
E EnumOf(std::string_view name) {
  for (auto& [value, word] : EnumNames(E{})) {
    if (word == name) return value;
  }
  return E{};
}

class Reader final : public JsonDocumentReader {
 public:
  Reader(const FileContext& file, FactSink* sink)
      : JsonDocumentReader(sink), path_(file.path), sidecar_(file.sidecar) {}

 protected:
  void OnDocument(Json document) override {
    if (!document["steps"].is_array()) return Skip("missing:steps");
    std::string id = IdOf(document["session_id"].text(), document["trajectory_id"].text());
    if (id.empty()) id = "atif-" + HexOf(Hash64(document.Canonical()));
    OnTrajectory(document, id, {}, 0);
  }

 private:
  // One trajectory while its steps are read.
  struct Run {
    std::string id;                                            // as other documents refer to it
    std::string model;                                         // of steps that name none
    std::string prefix;                                        // of ids, "cont-1/" in a continuation
    std::map<std::string, std::string, std::less<>> embedded;  // trajectory id -> session
    std::map<std::string, std::string> unanswered;             // session -> its spawn, which never returned
    Trajectory out;
    Usage listed;            // of the steps
    bool delegated = false;  // some of the totals is other trajectories'
  };

  // The trajectory that another is embedded in.
  struct Parent {
    std::string session, call;
  };

  void OnTrajectory(Json document, const std::string& id, const Parent& parent, int depth);
  void OnSession(Json document, const Parent& parent, Run* run);
  void OnTrial(SessionInfo* info, Run* run);
  void OnStep(Json step, size_t index, Run* run);
  void OnAgent(Json step, std::string_view text, size_t index, Run* run);
  LlmCall CallOf(Json step, std::string_view text, const Run& run);
  std::string OnTool(Json item, Run* run);
  void OnObservation(Json step, const std::string& latest, Run* run);
  void OnResult(Json item, std::string_view id, Run* run);
  std::vector<std::string> ChildrenOf(Json item, Run* run);
  std::optional<Usage> UsageOf(Json metrics, std::string_view prefix);
  std::optional<int64_t> Count(Json object, std::string_view key, bool* bad);

  std::string path_, sidecar_;
  JsonParser args_parser_, trial_parser_;
};

// What ClawTrace's own export keeps beside the format (model/atif.h).
Json Ours(Json object) { return object["extra"]["clawtrace"]; }

void Reader::OnTrajectory(Json document, const std::string& id, const Parent& parent, int depth) {
  Part part = PartOf(id);
  std::string prefix = part.number > 0 ? "cont-" + std::to_string(part.number) + "/" : "";
  Run run{.id = id,
          .model = BoundedId(document["agent"]["model_name"].text()),
          .prefix = std::move(prefix),
          .embedded = {},
          .unanswered = {},
          .out = Trajectory("atif", part.base, &sink()),
          .listed = {}};
  // A continuation's steps come after all of what it continues.
  constexpr int64_t kRoom = 1'000'000'000;
  run.out.StartAt(part.number * kRoom);
  Json children = document["subagent_trajectories"];
  children.ForEachItem([&](Json child) {
    std::string_view name = child["trajectory_id"].text(), session = child["session_id"].text();
    if (name.empty()) name = session;
    // Without a session of its own it is one of this run's.
    std::string own = IdOf(session.empty() ? std::string_view(part.base) : session, name);
    if (!name.empty()) run.embedded.emplace(name, std::move(own));
  });
  bool branches = false;
  document["steps"].ForEachItem([&](Json step) { branches |= Ours(step)["abandoned"].boolean() == true; });
  if (branches) run.out.WithBranches(Ours(document)["start_ns"].integer());
  size_t index = 0;
  document["steps"].ForEachItem([&](Json step) { OnStep(step, ++index, &run); });
  if (branches) run.out.EndBranches(Ours(document)["end_ns"].integer());
  OnSession(document, parent, &run);
  if (depth >= kMaxNesting) return;
  children.ForEachItem([&](Json child) {
    std::string_view name = child["trajectory_id"].text();
    if (name.empty()) name = child["session_id"].text();
    auto own = run.embedded.find(name);
    if (own == run.embedded.end() || !child["steps"].is_array()) return Skip("missing:trajectory_id");
    auto spawn = run.unanswered.find(own->second);
    OnTrajectory(child, own->second,
                 {part.base, spawn == run.unanswered.end() ? std::string() : spawn->second}, depth + 1);
  });
}

void Reader::OnSession(Json document, const Parent& parent, Run* run) {
  Json agent = document["agent"], ours = Ours(document);
  SessionInfo info;
  info.agent = agent["name"].text();
  info.agent_version = agent["version"].text();
  if (info.agent_version == "unknown") info.agent_version.clear();
  info.parent_session = parent.session, info.parent_call = parent.call;
  if (parent.session.empty()) info.parent_session = agent["extra"]["parent_session_id"].text();
  if (!info.parent_session.empty()) info.agent_name = info.agent;
  std::pair<std::string_view, std::string*> texts[] = {{"agent_name", &info.agent_name},
                                                       {"task_id", &info.task_id},
                                                       {"cwd", &info.cwd},
                                                       {"project", &info.project},
                                                       {"parent_session", &info.parent_session},
                                                       {"parent_call", &info.parent_call},
                                                       {"forked_from", &info.forked_from},
                                                       {"billing", &info.billing}};
  for (auto& [key, text] : texts) {
    if (std::string_view value = ours[key].text(); !value.empty()) *text = value;
  }
  // An export says all it knows of it, also that it is nothing.
  if (ours) info.agent_name = ours["agent_name"].text();
  ours["skills"].ForEachItem([&](Json skill) {
    if (skill["name"].text().empty()) return Skip("wrong-type:extra.clawtrace");
    run->out.Skill({Cut(skill["name"].text(), kMaxText), EnumOf<SkillStage>(skill["stage"].text()),
                    Cut(skill["path"].text(), kMaxText), BoundedId(skill["call"].text())});
  });
  ours["notes"].ForEachItem([&](Json note) {
    if (!note.text().empty()) info.notes.emplace_back(Cut(note.text(), kMaxNote));
  });
  Json totals = document["final_metrics"];
  info.reported_cost = DollarsOf(totals["total_cost_usd"]);
  info.reported_usage = UsageOf(totals, "total_");
  // A request that timed out, say, is in the totals and in no step.
  if (info.reported_usage && run->listed.total() > 0 && !run->delegated && run->prefix.empty() &&
      info.reported_usage->total() > run->listed.total())
    info.notes.emplace_back("calls_not_listed");
  if (info.parent_session.empty() && !sidecar_.empty()) OnTrial(&info, run);
  run->out.Session(std::move(info), ours["start_ns"].integer(), ours["end_ns"].integer());
  constexpr int64_t kMostCompactions = 10'000;
  for (int64_t i = 0; i < std::min(CountOf(ours["compactions"]).value_or(0), kMostCompactions); ++i)
    run->out.Compaction();
  if (Json outcome = ours["outcome"]; outcome.is_object()) {
    Outcome judged;
    judged.verdict = EnumOf<Verdict>(outcome["verdict"].text());
    judged.source = EnumOf<OutcomeSource>(outcome["source"].text());
    judged.score_ppm = outcome["score_ppm"].integer();
    judged.judge = Cut(outcome["judge"].text(), kMaxNote);
    run->out.Judged(std::move(judged));
  }
}

// Harbor's account of the trial that this trajectory was.
void Reader::OnTrial(SessionInfo* info, Run* run) {
  auto trial = trial_parser_.Parse(sidecar_);
  if (!trial || !((*trial)["trial_name"] || (*trial)["verifier_result"])) return;
  if (std::string_view task = (*trial)["task_name"].text(); !task.empty()) info->task_id = task;
  Json agent = (*trial)["agent_result"];
  if (!info->reported_cost) info->reported_cost = DollarsOf(agent["cost_usd"]);
  if (info->agent_version.empty()) info->agent_version = (*trial)["agent_info"]["version"].text();
  Json rewards = (*trial)["verifier_result"]["rewards"];
  Json reward = rewards["reward"];
  if (!reward && rewards.size() == 1)
    rewards.ForEachField([&](std::string_view, Json only) { reward = only; });
  if (auto value = reward.number()) {
    run->out.Judged(OutcomeOfReward(*value, "harbor"));
  } else if ((*trial)["exception_info"].is_object()) {
    Outcome failed;
    failed.verdict = Verdict::kError;
    failed.source = OutcomeSource::kVerifier;
    failed.judge = "harbor";
    run->out.Judged(std::move(failed));
  }
}

void Reader::OnStep(Json step, size_t index, Run* run) {
  if (!step.is_object()) return Skip("not-an-object");
  std::string_view source = step["source"].text();
  // Our own export holds the starts of texts, as facts do.
  if (Ours(step))
    sink().FromRecord({}, -1);
  else
    sink().FromElement(step);
  bool copied = step["is_copied_context"].boolean().value_or(false);
  std::string buffer;
  std::string_view text = ContentText(step["message"], &buffer);
  std::optional<int64_t> time = TimeOf(step["timestamp"]);
  if (source == "agent") {
    // Copied steps were paid for where they were made.
    if (!copied) OnAgent(step, text, index, run);
  } else if (source == "user" || source == "system") {
    run->out.User(text, source == "system", time, run->prefix + "user-" + std::to_string(index));
    if (step["extra"]["context_management"]["type"].text() == "compaction" && !copied)
      run->out.Compaction(time);
    if (!copied) OnObservation(step, "", run);
  } else {
    Skip(step["source"] ? "unknown-source" : "missing:source");
  }
}

void Reader::OnAgent(Json step, std::string_view text, size_t index, Run* run) {
  Json ours = Ours(step);
  run->out.OnBranch(ours["abandoned"].boolean() == true);
  if (step["llm_call_count"].integer() == 0) {
    run->out.WithoutCall(ours["llm_call"].text());
  } else {
    auto number = step["step_id"].integer();
    std::string name =
        run->prefix + "step-" + std::to_string(number && *number > 0 ? *number : static_cast<int64_t>(index));
    if (std::string_view id = ours["call_id"].text(); !id.empty()) name = run->prefix + std::string(id);
    auto start = ours["start_ns"] ? ours["start_ns"].integer() : TimeOf(step["timestamp"]);
    LlmCall call = CallOf(step, text, *run);
    if (call.usage) run->listed += *call.usage;
    run->out.Call(std::move(call), start, ours["end_ns"].integer(), name);
  }
  std::string latest;
  step["tool_calls"].ForEachItem([&](Json item) { latest = OnTool(item, run); });
  OnObservation(step, latest, run);
}

std::optional<Usage> OtherReading(Json json) {
  if (!json.is_object()) return std::nullopt;
  auto count = [&](std::string_view key) { return CountOf(json[key]).value_or(0); };
  Usage usage{.uncached_input = count("uncached_input"),
              .cache_read = count("cache_read"),
              .cache_write_5m = count("cache_write_5m"),
              .cache_write_1h = count("cache_write_1h"),
              .cache_write_unknown = count("cache_write_unknown"),
              .output = count("output"),
              .reasoning = count("reasoning")};
  return IsPlausible(usage) ? std::optional(usage) : std::nullopt;
}

LlmCall Reader::CallOf(Json step, std::string_view text, const Run& run) {
  Json ours = Ours(step), metrics = step["metrics"];
  LlmCall call;
  call.model = step["model_name"].text();
  if (call.model.empty()) call.model = run.model;
  SetText(text, &call);
  call.text_bytes = std::max(call.text_bytes, CountOf(ours["text_bytes"]).value_or(0));
  call.thinking_bytes = static_cast<int64_t>(step["reasoning_content"].text().size());
  if (auto bytes = CountOf(ours["thinking_bytes"])) call.thinking_bytes = *bytes;
  call.usage = UsageOf(metrics, "");
  call.reported_cost = DollarsOf(metrics["cost_usd"]);
  call.stop_reason = metrics["extra"]["finish_reason"].text();
  int64_t requests = CountOf(step["llm_call_count"]).value_or(0);
  call.attempts = requests > 1 ? requests : 0;
  if (!ours) return call;
  if (Json reason = ours["stop_reason"]) call.stop_reason = reason.text();
  call.provider = ours["provider"].text(), call.error = Cut(ours["error"].text(), kMaxError);
  call.service_tier = ours["service_tier"].text();
  call.billed = !ours["not_billed"].boolean().value_or(false);
  call.auxiliary = ours["auxiliary"].boolean().value_or(false);
  call.web_searches = CountOf(ours["web_searches"]).value_or(0);
  call.attempts = CountOf(ours["attempts"]).value_or(0);
  ours["aliases"].ForEachItem([&](Json alias) {
    if (!alias.text().empty()) call.aliases.emplace_back(alias.text());
  });
  if (!call.usage) return call;
  call.other_reading = OtherReading(ours["other_reading"]);
  if (std::string_view asked = ours["requested_model"].text(); !asked.empty())
    call.requested_model = BoundedId(asked);
  Usage& usage = *call.usage;
  usage.cache_write_5m = CountOf(ours["cache_write_5m"]).value_or(0);
  usage.cache_write_1h = CountOf(ours["cache_write_1h"]).value_or(0);
  usage.cache_write_unknown = CountOf(ours["cache_write_unknown"]).value_or(usage.cache_write_unknown);
  usage.reasoning = CountOf(ours["reasoning"]).value_or(usage.reasoning);
  usage.uncached_input = CountOf(metrics["prompt_tokens"]).value_or(0) - usage.cache_read;
  // In parts, so that no sum of hostile counts overflows.
  for (int64_t part : {usage.cache_write_5m, usage.cache_write_1h, usage.cache_write_unknown})
    usage.uncached_input -= std::min(part, kMaxTokensPerBucket);
  if (!IsPlausible(usage)) {
    Skip("wrong-type:extra.clawtrace");
    call.usage.reset();
  }
  return call;
}

std::string Reader::OnTool(Json item, Run* run) {
  if (!item.is_object()) {
    Skip("wrong-type:tool_calls");
    return {};
  }
  Json ours = Ours(item), arguments = item["arguments"];
  ToolUse tool;
  tool.name = item["function_name"].text();
  tool.cwd = ours["cwd"].text();
  if (Json args = ours["args"]; args.is_string()) {
    tool.args = Cut(args.text(), kMaxArgs);
    tool.args_bytes = CountOf(ours["args_bytes"]).value_or(0);
    tool.args_hash = static_cast<uint64_t>(ours["args_hash"].integer().value_or(0));
    tool.args_broken = ours["args_broken"].boolean().value_or(false);
  } else if (auto text = arguments.string()) {
    SetArgsText(*text, &args_parser_, &tool);
  } else {
    SetArgs(arguments, &tool);
  }
  std::string id(item["tool_call_id"].text());
  if (!id.empty()) id = run->prefix + id;
  return run->out.Tool(std::move(tool), id, ours["start_ns"].integer());
}

void Reader::OnObservation(Json step, const std::string& latest, Run* run) {
  step["observation"]["results"].ForEachItem([&](Json item) {
    if (!item.is_object()) return Skip("wrong-type:results");
    std::string id(item["source_call_id"].text());
    if (id.empty()) id = Ours(item)["call_id"].text();
    if (!id.empty()) return OnResult(item, run->prefix + id, run);
    // What several tools of a step gave together is the last one's.
    if (!latest.empty()) return OnResult(item, "", run);
    std::string buffer;
    std::string_view text = ContentText(item["content"], &buffer);
    if (!text.empty()) run->out.User(text, true, TimeOf(step["timestamp"]));
    for (const std::string& child : ChildrenOf(item, run)) run->out.Spawn(child);
  });
}

void Reader::OnResult(Json item, std::string_view id, Run* run) {
  Json ours = Ours(item), extra = item["extra"];
  if (ours["no_result"].boolean() == true) {
    for (const std::string& child : ChildrenOf(item, run)) run->unanswered.emplace(child, id);
    return;
  }
  std::string buffer;
  std::string_view text = ContentText(item["content"], &buffer);
  ToolResult result;
  SetOutput(text, &result);
  if (item["content"] && !item["content"].is_null()) {
    result.exit_code = ExitCodeIn(text);
    for (std::string_view key : {"exit_code", "returncode"}) {
      if (auto code = extra[key].integer()) result.exit_code = code;
    }
    bool failed =
        result.exit_code.value_or(0) != 0 || SaysFailed(text) || extra["is_error"].boolean().value_or(false);
    result.status = failed ? ToolStatus::kError : ToolStatus::kOk;
    if (failed) result.error = Cut(ErrorLine(text), kMaxError);
  }
  if (ours) {
    result.status = EnumOf<ToolStatus>(ours["status"].text());
    result.exit_code = ours["exit_code"].integer();
    result.error = Cut(ours["error"].text(), kMaxError);
    result.unchanged = ours["unchanged"].boolean().value_or(false);
    if (auto bytes = CountOf(ours["output_bytes"])) result.output_bytes = *bytes;
    if (auto hash = ours["output_hash"].integer()) result.output_hash = static_cast<uint64_t>(*hash);
  }
  std::vector<std::string> children = ChildrenOf(item, run);
  if (!children.empty()) result.child_session = children.front();
  run->out.Result(std::move(result), id, ours["end_ns"].integer());
  for (size_t i = 1; i < children.size(); ++i) run->out.Spawn(children[i]);
}

// Sessions that an observation refers to.
std::vector<std::string> Reader::ChildrenOf(Json item, Run* run) {
  std::vector<std::string> children;
  item["subagent_trajectory_ref"].ForEachItem([&](Json reference) {
    std::string_view trajectory = reference["trajectory_id"].text(), session = reference["session_id"].text();
    auto embedded = run->embedded.find(trajectory.empty() ? session : trajectory);
    bool inside = embedded != run->embedded.end();
    std::string id = inside ? embedded->second : PartOf(IdOf(session, trajectory)).base;
    run->delegated = true;
    if (!id.empty() && id != run->out.session()) children.push_back(std::move(id));
  });
  return children;
}

std::optional<int64_t> Reader::Count(Json object, std::string_view key, bool* bad) {
  Json value = object[key];
  if (!value || value.is_null()) return std::nullopt;
  auto count = CountOf(value);
  if (count && *count <= kMaxTokensPerBucket) return count;
  *bad = true;
  return std::nullopt;
}

// prompt_tokens include what came from the cache and what Harbor's converters note as written to it.
std::optional<Usage> Reader::UsageOf(Json metrics, std::string_view prefix) {
  auto key = [&](std::string_view name) { return std::string(prefix) + std::string(name); };
  bool bad = metrics && !metrics.is_null() && !metrics.is_object();
  auto prompt = Count(metrics, key("prompt_tokens"), &bad);
  auto output = Count(metrics, key("completion_tokens"), &bad);
  int64_t cached = Count(metrics, key("cached_tokens"), &bad).value_or(0);
  Json extra = metrics["extra"];
  int64_t written = Count(extra, key("cache_creation_input_tokens"), &bad).value_or(0);
  auto reasoning = Count(extra, key("reasoning_tokens"), &bad);
  if (!reasoning) reasoning = Count(extra, key("reasoning_output_tokens"), &bad);
  bad = bad || (prompt && cached > *prompt);
  if (bad) Skip("wrong-type:metrics");
  if (bad || !prompt || !output) return std::nullopt;
  // A converter that leaves the writes out of the prompt is told by the sum.
  bool within = cached + written <= *prompt;
  return Usage{.uncached_input = *prompt - cached - (within ? written : 0),
               .cache_read = cached,
               .cache_write_unknown = written,
               .output = *output,
               .reasoning = reasoning.value_or(0)};
}

bool Sniff(std::string_view head) {
  if (head.find("ATIF-v1") == std::string_view::npos) return false;
  JsonParser parser;
  Json document = HeadDocument(head, &parser);
  return document["schema_version"].text().starts_with("ATIF-v1");
}

std::string_view NameOf(std::string_view path) { return path.substr(FolderOf(path).size()); }

// Harbor: <trial>/agent/trajectory.json and <trial>/result.json.
std::string SidecarPath(std::string_view path) {
  std::string_view folder = FolderOf(path);
  std::string_view own = folder;
  if (own.ends_with('/')) own.remove_suffix(1);
  if (NameOf(own) == "agent") folder = FolderOf(own);
  return std::string(folder) + "result.json";
}

// Continuations and sub-agents of one run lie beside it.
std::string UnitKey(std::string_view path, std::string_view head) {
  std::string folder(FolderOf(path));
  if (NameOf(path).starts_with("trajectory.")) return folder + "\ntrajectory";
  JsonParser parser;
  Json document = HeadDocument(head, &parser);
  std::string id = PartOf(IdOf(document["session_id"].text(), document["trajectory_id"].text())).base;
  return id.empty() ? "" : folder + "\n" + id.substr(0, id.find("-summarization-"));
}

std::unique_ptr<LogReader> Open(const FileContext& file, FactSink* sink) {
  return std::make_unique<Reader>(file, sink);
}

}  // namespace

extern const Importer kAtif;
const Importer kAtif = {
    .name = "atif",
    .summary = "Agent Trajectory Interchange Format (ATIF) 1.0 to 1.7, with Harbor's trial results",
    .default_root = "",
    .file_suffixes = ".json",
    .sniff = Sniff,
    .open = Open,
    .sidecar_path = SidecarPath,
    .unit_key = UnitKey,
};

}  // namespace clawtrace::capture
