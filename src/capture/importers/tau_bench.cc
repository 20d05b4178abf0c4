// tau-bench trajectories: a task, its reward and the conversation as OpenAI chat messages; one document, or
// an array of them. docs/formats/tau-bench.md says what is read.
#include "base/text.h"
#include "capture/document_reader.h"
#include "capture/importers/log_text.h"
#include "capture/importers/trajectory.h"
#include "model/benchmarks.h"

namespace clawtrace::capture {
namespace {

class Reader final : public JsonDocumentReader {
 public:
  using JsonDocumentReader::JsonDocumentReader;

 protected:
  void OnDocument(Json document) override {
    if (document.is_object()) return OnRun(document);
    document.ForEachItem([&](Json run) { OnRun(run); });
  }

 private:
  void OnRun(Json run) {
    if (!run.is_object()) return Skip("not-an-object");
    if (!IsTauRun(run)) return Skip("missing:traj");
    auto names = NamesOfTauRun(run);
    if (!names) return Skip("wrong-type:task_id");
    Trajectory out("tau-bench", names->session, &sink());
    SessionInfo info;
    info.agent = "tau-bench";
    info.task_id = names->task;
    info.notes = {"model_not_logged", "usage_not_logged"};
    out.Session(std::move(info));
    if (!run["traj"].is_array()) Skip("missing:traj");
    run["traj"].ForEachItem([&](Json message) {
      sink().FromElement(message);
      OnMessage(message, &out);
    });
    if (auto reward = run["reward"].number())
      out.Judged(OutcomeOfReward(*reward, "tau-bench"));
    else if (!run["reward"].is_null())
      Skip("wrong-type:reward");
  }

  void OnMessage(Json message, Trajectory* out) {
    if (!message.is_object()) return Skip("not-an-object");
    std::string_view role = message["role"].text();
    Json content = message["content"];
    if (content && !content.is_null() && !content.is_string() && !content.is_array())
      Skip("wrong-type:content");
    std::string buffer;
    std::string_view text = ContentText(content, &buffer);
    if (role == "user" || role == "system") {
      out->User(text, role == "system");
    } else if (role == "assistant") {
      LlmCall call;
      SetText(text, &call);
      if (message["tool_calls"] && !message["tool_calls"].is_null() && !message["tool_calls"].is_array())
        Skip("wrong-type:tool_calls");
      call.stop_reason = message["tool_calls"].size() > 0 ? "tool_calls" : "stop";
      out->Call(std::move(call));
      AddChatTools(message, &args_parser_, out);
    } else if (role == "tool") {
      ToolResult result;
      SetOutput(text, &result);
      // The environment answers a call that it cannot carry out with a text.
      bool failed = text.starts_with("Error: ") || text.starts_with("Unknown action ");
      result.status = failed ? ToolStatus::kError : ToolStatus::kOk;
      if (failed) result.error = Cut(ErrorLine(text), kMaxError);
      out->Result(std::move(result), message["tool_call_id"].text());
    } else {
      Skip(message["role"] ? "unknown-role" : "missing:role");
    }
  }

  JsonParser args_parser_;
};

bool Sniff(std::string_view head) {
  if (head.find("\"task_id\"") == std::string_view::npos || head.find("\"reward\"") == std::string_view::npos)
    return false;
  JsonParser parser;
  Json document = HeadDocument(head, &parser);
  return IsTauRun(document.is_array() ? document.at(0) : document);
}

std::unique_ptr<LogReader> Open(const FileContext&, FactSink* sink) { return std::make_unique<Reader>(sink); }

}  // namespace

extern const Importer kTauBench;
const Importer kTauBench = {
    .name = "tau-bench",
    .summary = "tau-bench trajectories with their rewards",
    .default_root = "",
    .file_suffixes = ".json",
    .sniff = Sniff,
    .open = Open,
};

}  // namespace clawtrace::capture
