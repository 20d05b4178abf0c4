// mini-swe-agent trajectories (.traj.json): the messages of a run, each with what its model call or command
// gave; older ones are a bare list of messages. docs/formats/mini-swe-agent.md says what is read.
#include <utility>

#include "base/hash.h"
#include "base/text.h"
#include "capture/document_reader.h"
#include "capture/importers/log_text.h"
#include "capture/importers/swe_report.h"
#include "capture/importers/trajectory.h"

namespace clawtrace::capture {
namespace {

constexpr std::string_view kFence = "```";

// Bare lists are told by the way of writing commands that the agent's own prompt prescribes.
bool IsBareList(Json document) {
  Json first = document.at(0);
  return first["role"].text() == "system" &&
         (first["content"].text().find("bash code block") != std::string_view::npos ||
          document.at(1)["content"].text().find("mswea_bash_command") != std::string_view::npos);
}

bool IsRun(Json document) {
  if (document.is_array()) return IsBareList(document);
  return document["trajectory_format"].text().starts_with("mini-swe-agent") ||
         (document["messages"].is_array() && document["info"]["mini_version"]) ||
         (document["info"]["mini_version"] && document["info"]["model_stats"].is_object());
}

// The command in the answer's one fenced block.
std::string_view CommandIn(std::string_view text) {
  for (std::string_view language : {"mswea_bash_command\n", "bash\n"}) {
    size_t at = text.find(std::string(kFence) + std::string(language));
    if (at == std::string_view::npos) continue;
    std::string_view rest = text.substr(at + kFence.size() + language.size());
    size_t end = rest.find("\n```");
    if (end != std::string_view::npos) return Trim(rest.substr(0, end));
  }
  return {};
}

// "<returncode>1</returncode>" where the message says no more than its text.
std::optional<int64_t> ReturnCodeIn(std::string_view text) {
  constexpr std::string_view kOpen = "<returncode>";
  size_t at = text.find(kOpen);
  if (at == std::string_view::npos) return std::nullopt;
  text = text.substr(at + kOpen.size());
  return ParseInt(text.substr(0, text.find('<')));
}

class Reader final : public JsonDocumentReader {
 public:
  Reader(const FileContext& file, FactSink* sink)
      : JsonDocumentReader(sink), path_(file.path), sidecar_(file.sidecar) {}

 protected:
  void OnDocument(Json document) override;

 private:
  void OnMessage(Json message, bool last, Trajectory* out);
  void OnAssistant(Json message, bool last, Trajectory* out);
  void OnCommand(std::string_view command, std::string_view id, Trajectory* out);
  void OnOutput(Json message, std::string_view text, Trajectory* out);

  std::string path_, sidecar_, model_, exit_;
  bool asked_ = false;
  int64_t open_commands_ = 0;  // asked for and not answered yet
  JsonParser args_parser_;
};

void Reader::OnDocument(Json document) {
  if (!IsRun(document)) return Skip("missing:messages");
  Json messages = document.is_array() ? document : document["messages"];
  Json info = document["info"];
  std::string_view instance = document["instance_id"].text();
  if (instance.empty()) instance = InstanceOfPath(path_);
  std::string id = BoundedId(instance.empty() ? "mini-swe-agent" : instance) + "-" +
                   HexOf(Hash64(messages.Canonical())).substr(0, 8);
  model_ = BoundedId(info["config"]["model"]["model_name"].text());
  exit_ = info["exit_status"].text();
  Trajectory out("mini-swe-agent", id, &sink());
  SessionInfo session;
  session.agent = "mini-swe-agent";
  session.agent_version = info["mini_version"].text();
  session.cwd = info["config"]["environment"]["cwd"].text();
  if (!document["instance_id"].text().empty() || instance.find("__") != std::string_view::npos)
    session.task_id = instance;
  session.reported_cost = DollarsOf(info["model_stats"]["instance_cost"]);
  bool counted = false;
  size_t answers = 0;
  messages.ForEachItem([&](Json message) {
    if (message["role"].text() == "assistant") ++answers;
    counted = counted || message["extra"]["response"]["usage"].is_object();
  });
  if (!counted) session.notes.emplace_back("usage_not_logged");
  auto calls = CountOf(info["model_stats"]["api_calls"]);
  if (calls && *calls > static_cast<int64_t>(answers)) session.notes.emplace_back("calls_not_listed");
  out.Session(std::move(session));
  if (messages && !messages.is_array()) Skip("wrong-type:messages");
  messages.ForEachItem([&](Json message) {
    bool last = message["role"].text() == "assistant" && --answers == 0;
    sink().FromElement(message);
    OnMessage(message, last, &out);
  });
  if (auto outcome = OutcomeInReport(sidecar_, instance)) out.Judged(std::move(*outcome));
}

void Reader::OnMessage(Json message, bool last, Trajectory* out) {
  if (!message.is_object()) return Skip("not-an-object");
  std::string_view role = message["role"].text();
  if (role == "assistant") return OnAssistant(message, last, out);
  std::string buffer;
  std::string_view text = ContentText(message["content"], &buffer);
  if (role == "system") return out->User(text, true);
  if (role == "tool" || (role == "user" && open_commands_ > 0)) return OnOutput(message, text, out);
  // The first is the task; later ones are the scaffold's complaints about answers without a command.
  if (role == "user")
    return out->User(text, std::exchange(asked_, true), TimeOf(message["extra"]["timestamp"]));
  if (role != "exit") Skip(message["role"] ? "unknown-role" : "missing:role");
}

void Reader::OnAssistant(Json message, bool last, Trajectory* out) {
  Json extra = message["extra"], response = extra["response"];
  std::string buffer;
  std::string_view text = ContentText(message["content"], &buffer);
  LlmCall call;
  SetModels(model_, response["model"].text(), &call);
  SetText(text, &call);
  bool bad = false;
  call.usage = OpenAiUsage(response["usage"], &bad);
  if (bad) Skip("wrong-type:usage");
  call.reported_cost = DollarsOf(extra["cost"]);
  call.stop_reason = response["choices"].at(0)["finish_reason"].text();
  if (last && !exit_.empty()) call.stop_reason = exit_;
  if (std::string_view id = response["id"].text(); !id.empty()) call.aliases.emplace_back(id);
  auto end = TimeOf(extra["timestamp"]);
  auto start = TimeOf(response["created"]);
  if (!start || (end && *start > *end)) start = end;
  out->Call(std::move(call), start, end);

  open_commands_ = 0;
  if (message["tool_calls"].size() > 0) {
    open_commands_ = static_cast<int64_t>(message["tool_calls"].size());
    return AddChatTools(message, &args_parser_, out);
  }
  extra["actions"].ForEachItem([&](Json action) {
    Json command = action.is_object() ? (action["command"] ? action["command"] : action["action"]) : action;
    OnCommand(command.text(), action["tool_call_id"].text(), out);
  });
  if (open_commands_ == 0) OnCommand(CommandIn(text), "", out);
}

void Reader::OnCommand(std::string_view command, std::string_view id, Trajectory* out) {
  if (command.empty()) return;
  ToolUse tool;
  tool.name = "bash";
  std::string args = "{\"command\":";
  AppendJsonString(command, &args);
  args.push_back('}');
  SetArgsText(args, &args_parser_, &tool);
  out->Tool(std::move(tool), id);
  ++open_commands_;
}

void Reader::OnOutput(Json message, std::string_view text, Trajectory* out) {
  Json extra = message["extra"];
  for (std::string_view key : {"raw_output", "output"}) {
    if (auto full = extra[key].string()) {
      text = *full;
      break;
    }
  }
  ToolResult result;
  SetOutput(text, &result);
  result.exit_code = extra["returncode"].integer();
  if (!result.exit_code) result.exit_code = ReturnCodeIn(text);
  std::string_view exception = extra["exception_info"].text();
  bool failed = result.exit_code.value_or(0) != 0 || !exception.empty();
  result.status = failed ? ToolStatus::kError : ToolStatus::kOk;
  if (failed) {
    std::string_view shown = text;
    if (size_t at = shown.find("<output>"); at != std::string_view::npos) shown = shown.substr(at + 8);
    if (!exception.empty() && Trim(shown).empty()) shown = exception;
    result.error = Cut(ErrorLine(shown), kMaxError);
  }
  out->Result(std::move(result), message["tool_call_id"].text(), TimeOf(extra["timestamp"]));
  --open_commands_;
}

bool Sniff(std::string_view head) {
  if (head.find("mini-swe-agent") == std::string_view::npos &&
      head.find("mini_version") == std::string_view::npos &&
      head.find("bash code block") == std::string_view::npos &&
      head.find("mswea_bash_command") == std::string_view::npos)
    return false;
  JsonParser parser;
  return IsRun(HeadDocument(head, &parser));
}

std::unique_ptr<LogReader> Open(const FileContext& file, FactSink* sink) {
  return std::make_unique<Reader>(file, sink);
}

}  // namespace

extern const Importer kMiniSweAgent;
const Importer kMiniSweAgent = {
    .name = "mini-swe-agent",
    .summary = "mini-swe-agent trajectories (.traj.json)",
    .default_root = ".local/share/mini-swe-agent,.config/mini-swe-agent",
    .file_suffixes = ".traj.json,.json",
    .sniff = Sniff,
    .open = Open,
    .sidecar_path = ReportPaths,
};

}  // namespace clawtrace::capture
