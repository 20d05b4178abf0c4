// SWE-agent trajectories (.traj), 0.x and 1.x. docs/formats/swe-agent.md says what is read.
#include "base/hash.h"
#include "base/text.h"
#include "capture/document_reader.h"
#include "capture/importers/log_text.h"
#include "capture/importers/swe_report.h"
#include "capture/importers/trajectory.h"

namespace clawtrace::capture {
namespace {

bool IsRun(Json document) {
  Json steps = document["trajectory"];
  return steps.at(0)["action"].is_string() ||
         (steps.is_array() && document["info"]["model_stats"].is_object());
}

class Reader final : public JsonDocumentReader {
 public:
  Reader(const FileContext& file, FactSink* sink)
      : JsonDocumentReader(sink), path_(file.path), sidecar_(file.sidecar) {}

 protected:
  void OnDocument(Json document) override;

 private:
  std::string InstanceOf(Json document) const;
  std::string ModelOf(Json document);
  SessionInfo InfoOf(Json document, const std::string& instance);
  void OnStep(Json step, Json message, std::string_view stop, Trajectory* out);
  void OnTools(Json step, Json message, Trajectory* out);
  static std::string CwdOf(Json step, JsonParser* parser);

  std::string path_, sidecar_, model_, cwd_;
  bool replayed_ = false;  // no model was asked: a person or a recording acted
  JsonParser args_parser_, config_parser_, state_parser_;
};

std::string Reader::InstanceOf(Json document) const {
  // Until 1.0 it names the kind of environment, not the instance.
  std::string_view name = document["environment"].text();
  if (name.empty() || name == "main" || name == "swe_main") name = InstanceOfPath(path_);
  return BoundedId(name);
}

std::string Reader::ModelOf(Json document) {
  std::string_view text = document["replay_config"].text();
  auto config = config_parser_.Parse(text.empty() ? "{}" : text);
  std::string model(config ? (*config)["agent"]["model"]["name"].text() : "");
  if (model.empty() && config) model = (*config)["agent"]["model"]["model_name"].text();
  return BoundedId(model);
}

SessionInfo Reader::InfoOf(Json document, const std::string& instance) {
  Json info = document["info"], stats = info["model_stats"];
  SessionInfo session;
  session.agent = "swe-agent";
  session.agent_version = info["swe_agent_version"].text();
  session.task_id = instance;
  session.notes = {"usage_not_logged"};
  session.reported_cost = DollarsOf(stats["instance_cost"]);
  auto sent = CountOf(stats["tokens_sent"]), received = CountOf(stats["tokens_received"]);
  bool plausible = sent.value_or(0) <= kMaxTokensPerBucket && received.value_or(0) <= kMaxTokensPerBucket;
  if (sent && received && plausible && *sent + *received > 0)
    session.reported_usage = Usage{.uncached_input = *sent, .output = *received};
  auto calls = CountOf(stats["api_calls"]);
  int64_t steps = static_cast<int64_t>(document["trajectory"].size());
  replayed_ = calls == 0 && !session.reported_cost && !session.reported_usage;
  if (replayed_) session.notes = {"no_model_asked"};
  // Retries and summaries are counted and not listed.
  if (calls && *calls > steps) session.notes.emplace_back("calls_not_listed");
  return session;
}

void Reader::OnDocument(Json document) {
  if (!IsRun(document)) return Skip("missing:trajectory");
  std::string instance = InstanceOf(document);
  std::string id = (instance.empty() ? "swe-agent" : instance) + "-" +
                   HexOf(Hash64(document["trajectory"].Canonical())).substr(0, 8);
  Trajectory out("swe-agent", id, &sink());
  model_ = ModelOf(document);
  out.Session(InfoOf(document, instance));
  std::vector<Json> answers;
  bool asked = false;
  document["history"].ForEachItem([&](Json message) {
    if (message["is_demo"].boolean().value_or(false)) return;
    std::string_view role = message["role"].text();
    if (role == "assistant") answers.push_back(message);
    if (role != "user" || asked) return;
    asked = true;
    sink().FromElement(message);
    std::string buffer;
    out.User(ContentText(message["content"], &buffer), false);
  });
  std::string_view exit = document["info"]["exit_status"].text();
  size_t index = 0, next = 0, last = document["trajectory"].size();
  document["trajectory"].ForEachItem([&](Json step) {
    ++index;
    if (!step.is_object()) return Skip("not-an-object");
    // The step's message in the history: the next one that says the same. Some steps have none.
    Json message;
    std::string_view action = step["action"].text(), response = step["response"].text();
    if (next < answers.size()) {
      Json candidate = answers[next];
      std::string_view said = candidate["content"].text();
      bool same = candidate["action"].is_string() ? Trim(candidate["action"].text()) == Trim(action)
                                                  : said == response;
      if (same) message = candidate, ++next;
    }
    OnStep(step, message, index == last ? exit : std::string_view(), &out);
  });
  if (auto outcome = OutcomeInReport(sidecar_, instance)) out.Judged(std::move(*outcome));
}

void Reader::OnStep(Json step, Json message, std::string_view stop, Trajectory* out) {
  LlmCall call;
  call.model = model_;
  call.billed = !replayed_;
  sink().FromElement(step);
  call.stop_reason = stop;
  Json text = step["thought"].is_string() ? step["thought"] : step["response"];
  SetText(text.text(), &call);
  out->Call(std::move(call));
  OnTools(step, message, out);
  if (std::string cwd = CwdOf(step, &state_parser_); !cwd.empty()) cwd_ = BoundedId(cwd);
}

void Reader::OnTools(Json step, Json message, Trajectory* out) {
  std::string_view action = Trim(step["action"].text());
  if (message["tool_calls"].size() > 0) {
    sink().FromElement(message);
    AddChatTools(message, &args_parser_, out, cwd_);
    sink().FromElement(step);
  } else if (!action.empty()) {
    ToolUse tool;
    tool.name = "bash";
    tool.cwd = cwd_;
    std::string args = "{\"command\":";
    AppendJsonString(action, &args);
    args.push_back('}');
    SetArgsText(args, &args_parser_, &tool);
    out->Tool(std::move(tool), "");
  } else {
    return;  // an answer without an action; what the environment said to it is its next prompt
  }
  ToolResult result;
  std::string_view observation = step["observation"].text();
  if (step["observation"] && !step["observation"].is_string()) Skip("wrong-type:observation");
  SetOutput(observation, &result);
  bool failed = SaysFailed(observation);
  result.status = failed ? ToolStatus::kError : ToolStatus::kOk;
  if (failed) result.error = Cut(ErrorLine(observation), kMaxError);
  out->Result(std::move(result), "");
}

// After the step: an object, or its JSON text.
std::string Reader::CwdOf(Json step, JsonParser* parser) {
  Json state = step["state"];
  if (state.is_object()) return std::string(state["working_dir"].text());
  auto parsed = parser->Parse(state.text().empty() ? "{}" : state.text());
  return parsed ? std::string((*parsed)["working_dir"].text()) : std::string();
}

bool Sniff(std::string_view head) {
  if (head.find("\"trajectory\"") == std::string_view::npos) return false;
  JsonParser parser;
  Json document = HeadDocument(head, &parser);
  return IsRun(document);
}

std::unique_ptr<LogReader> Open(const FileContext& file, FactSink* sink) {
  return std::make_unique<Reader>(file, sink);
}

}  // namespace

extern const Importer kSweAgent;
const Importer kSweAgent = {
    .name = "swe-agent",
    .summary = "SWE-agent trajectories (.traj)",
    .default_root = "",
    .file_suffixes = ".traj",
    .sniff = Sniff,
    .open = Open,
    .sidecar_path = ReportPaths,
};

}  // namespace clawtrace::capture
