// QwenPaw: <workspace>/sessions/<name>.json, the memory of an AgentScope agent. docs/formats/qwenpaw.md says
// what is read.
#include "base/text.h"
#include "capture/document_reader.h"
#include "capture/importers/log_text.h"
#include "capture/importers/trajectory.h"

namespace clawtrace::capture {
namespace {

constexpr std::string_view kName = "qwenpaw";

bool IsMemory(Json document) {
  Json agent = document["agent"];
  return agent["memory"]["content"].is_array() && (agent["toolkit"] || agent["_sys_prompt"]);
}

// Names of sessions are unique within their workspace only: "work:console:main_main".
std::string SessionOf(std::string_view path) {
  std::string_view name = path.ends_with(".json") ? path.substr(0, path.size() - 5) : path;
  size_t folder = name.rfind("/sessions/");
  if (folder == std::string_view::npos) name = name.substr(name.rfind('/') + 1);
  if (name.empty() || name == "-") return std::string(kName) + "-stdin";
  if (folder == std::string_view::npos) return ReplaceInvalidUtf8(name);
  std::string_view workspace = name.substr(0, folder);
  std::string id(workspace.substr(workspace.rfind('/') + 1));
  for (std::string_view part : Split(name.substr(folder + 10), '/')) id += ":" + std::string(part);
  return ReplaceInvalidUtf8(id);
}

class Reader final : public JsonDocumentReader {
 public:
  Reader(const FileContext& file, FactSink* sink)
      : JsonDocumentReader(sink), out_(kName, SessionOf(file.path), sink) {}

 protected:
  void OnDocument(Json document) override {
    if (!IsMemory(document)) return Skip("missing:memory");
    SessionInfo info;
    info.agent = kName;
    info.notes = {"model_not_logged", "usage_not_logged"};
    out_.Session(std::move(info));
    // Each message stands before the list of its marks.
    document["agent"]["memory"]["content"].ForEachItem([&](Json entry) {
      Json message = entry.is_array() ? entry.at(0) : entry;
      if (!message.is_object()) return Skip("not-an-object");
      sink().FromElement(message);
      OnMessage(message);
    });
  }

 private:
  void OnMessage(Json message) {
    std::string_view role = message["role"].text();
    Json content = message["content"];
    // The clock of the machine without its zone; taken as UTC.
    auto time = TimeOf(message["timestamp"]);
    if (message["timestamp"] && !time) Skip("wrong-type:timestamp");
    if (content && !content.is_string() && !content.is_array() && !content.is_null())
      Skip("wrong-type:content");
    std::string buffer;
    std::string_view text = ContentText(content, &buffer);
    std::string id(message["id"].text());
    if (role == "assistant") {
      LlmCall call;
      SetText(text, &call);
      content.ForEachItem(
          [&](Json block) { call.thinking_bytes += static_cast<int64_t>(block["thinking"].text().size()); });
      out_.Call(std::move(call), time, time, std::move(id));
    } else if (role != "user" && role != "system") {
      return Skip(message["role"] ? "unknown-role" : "missing:role");
    } else if (!text.empty()) {
      out_.User(text, role == "system", time, std::move(id));
    }
    content.ForEachItem([&](Json block) { OnBlock(block, time); });
  }

  void OnBlock(Json block, std::optional<int64_t> time) {
    std::string_view type = block["type"].text();
    if (type == "tool_use") {
      if (!block["name"].is_string()) return Skip("wrong-type:tool_use");
      ToolUse tool;
      tool.name = Cut(block["name"].text(), 256);
      if (block["input"].is_object())
        SetArgs(block["input"], &tool);
      else
        SetArgsText(block["raw_input"].text(), &args_parser_, &tool);
      out_.Tool(std::move(tool), block["id"].text(), time);
    } else if (type == "tool_result") {
      ToolResult result;
      std::string buffer;
      std::string_view output = ContentText(block["output"], &buffer);
      SetOutput(output, &result);
      bool failed = output.starts_with("Error: ");
      result.status = failed ? ToolStatus::kError : ToolStatus::kOk;
      if (failed) result.error = Cut(ErrorLine(output), kMaxError);
      out_.Result(std::move(result), block["id"].text(), time);
    }
  }

  Trajectory out_;
  JsonParser args_parser_;
};

bool Sniff(std::string_view head) {
  if (head.find("\"memory\"") == std::string_view::npos) return false;
  JsonParser parser;
  Json document = HeadDocument(head, &parser);
  if (IsMemory(document)) return true;
  // What tells it apart stands behind the messages, which the head may not reach.
  Json first = document["agent"]["memory"]["content"].at(0).at(0);
  return first["role"].is_string() && first["content"].is_array() && first["metadata"] && first["name"];
}

}  // namespace

extern const Importer kQwenPaw;
const Importer kQwenPaw = {
    .name = kName,
    .summary = "QwenPaw sessions",
    .default_root = ".qwenpaw/workspaces",
    .file_suffixes = ".json",
    .sniff = Sniff,
    .open = [](const FileContext& file, FactSink* sink) -> std::unique_ptr<LogReader> {
      return std::make_unique<Reader>(file, sink);
    },
};

}  // namespace clawtrace::capture
