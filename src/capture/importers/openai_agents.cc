// Traces of the OpenAI Agents SDK: the batches that its exporter posts, saved as they are or an item a line.
// docs/formats/openai-agents.md says what is read.
#include <functional>
#include <utility>

#include "base/text.h"
#include "capture/document_reader.h"
#include "capture/importers/log_text.h"
#include "capture/importers/run_tree.h"
#include "capture/importers/trajectory.h"

namespace clawtrace::capture {
namespace {

bool IsItem(Json item) {
  std::string_view object = item["object"].text();
  return object == "trace.span" ? item["trace_id"].is_string() && item["span_data"].is_object()
                                : object == "trace" && item["id"].is_string() && item["workflow_name"];
}

class Items {
 public:
  Items(FactSink* sink, std::function<void(std::string_view)> skip) : sink_(*sink), skip_(std::move(skip)) {}

  // A batch, a list of items, or one item.
  void OnAny(Json value) {
    if (value["data"].is_array()) value = value["data"];
    if (!value.is_array()) return OnItem(value);
    value.ForEachItem([&](Json item) {
      sink_.FromElement(item);
      OnItem(item);
    });
  }

 private:
  void OnItem(Json item);
  void OnTrace(Json trace);
  void OnCall(Json span, Json data);
  void OnFunction(Json span, Json data);
  void OnGroup(Json span, Json data);
  Fact Make(FactKind kind, std::string_view id, Json span);
  std::string ErrorOf(Json span);
  std::optional<Usage> UsageOf(Json usage);

  FactSink& sink_;
  std::function<void(std::string_view)> skip_;
  JsonParser args_parser_;
};

Fact Items::Make(FactKind kind, std::string_view id, Json span) {
  Fact fact;
  fact.kind = kind;
  fact.source = "openai-agents";
  fact.session_id = BoundedId(span["trace_id"].text());
  fact.id = id;
  fact.node = BoundedId(span["id"].text());
  fact.parent_node = BoundedId(span["parent_id"].text());
  fact.start_ns = TimeOf(span["started_at"]);
  fact.end_ns = TimeOf(span["ended_at"]);
  return fact;
}

// What the tool said, where the SDK does not hide it, else what the SDK says.
std::string Items::ErrorOf(Json span) {
  Json error = span["error"];
  if (!error || error.is_null()) return {};
  std::string_view text = error["data"]["error"].text();
  if (text.empty()) text = error["message"].text();
  return Cut(text.empty() ? std::string_view("error") : text, kMaxError);
}

std::optional<Usage> Items::UsageOf(Json usage) {
  bool bad = false;
  auto counts = OpenAiUsage(usage, &bad);
  if (bad) skip_("wrong-type:usage");
  return counts;
}

void Items::OnItem(Json item) {
  if (!IsItem(item)) return skip_(item.is_object() ? "unknown-object" : "not-an-object");
  if (item["object"].text() == "trace") return OnTrace(item);
  if (item["trace_id"].text().empty() || item["id"].text().empty()) return skip_("missing:id");
  Json data = item["span_data"];
  std::string_view type = data["type"].text();
  if (type == "response" || type == "generation") return OnCall(item, data);
  if (type == "function") return OnFunction(item, data);
  if (type == "handoff") {
    Fact fact = Make(FactKind::kToolUse, item["id"].text(), item);
    ToolUse tool;
    tool.name = std::string(run_tree::kHandoff) + std::string(data["to_agent"].text());
    fact.tool = std::move(tool);
    sink_.Add(std::move(fact));
    Fact done = Make(FactKind::kToolResult, item["id"].text(), item);
    ToolResult result;
    std::string error = ErrorOf(item);
    result.status = error.empty() ? ToolStatus::kOk : ToolStatus::kError;
    result.error = std::move(error);
    done.result = std::move(result);
    return sink_.Add(std::move(done));
  }
  OnGroup(item, data);
}

void Items::OnTrace(Json trace) {
  Fact fact;
  fact.kind = FactKind::kSession;
  fact.source = "openai-agents";
  fact.session_id = fact.id = BoundedId(trace["id"].text());
  if (fact.id.empty()) return skip_("missing:id");
  SessionInfo info;
  info.agent = "openai-agents";
  info.project = trace["workflow_name"].text();
  fact.session = std::move(info);
  sink_.Add(std::move(fact));
}

void Items::OnCall(Json span, Json data) {
  std::string id = BoundedId(data["response_id"].text());
  if (id.empty()) id = span["id"].text();
  LlmCall call;
  call.model = data["model"].text();
  call.usage = UsageOf(data["usage"]);
  call.error = ErrorOf(span);
  std::string text;
  data["output"].ForEachItem([&](Json message) {
    std::string buffer;
    text.append(ContentText(message["content"], &buffer));
  });
  SetText(text, &call);
  Fact fact = Make(FactKind::kLlmCall, id, span);
  fact.llm = std::move(call);
  sink_.Add(std::move(fact));
  bool asked = false;
  data["input"].ForEachItem([&](Json message) {
    if (asked || message["role"].text() != "user") return;
    asked = true;
    std::string buffer;
    std::string_view said = ContentText(message["content"], &buffer);
    Fact user = Make(FactKind::kUser, "prompt-" + std::string(span["id"].text()), span);
    user.user = UserTurn{
        .text = Cut(said, kMaxText), .text_bytes = static_cast<int64_t>(said.size()), .is_meta = false};
    sink_.Add(std::move(user));
  });
}

void Items::OnFunction(Json span, Json data) {
  Fact fact = Make(FactKind::kToolUse, span["id"].text(), span);
  ToolUse tool;
  tool.name = data["name"].text();
  if (auto text = data["input"].string())
    SetArgsText(*text, &args_parser_, &tool);
  else
    SetArgs(data["input"], &tool);
  fact.tool = std::move(tool);
  sink_.Add(std::move(fact));

  Json output = data["output"];
  std::string error = ErrorOf(span);
  bool ended = span["ended_at"] && !span["ended_at"].is_null();
  if (!ended && error.empty() && (!output || output.is_null())) return;
  ToolResult result;
  if (auto text = output.string())
    SetOutput(*text, &result);
  else
    SetOutput(output && !output.is_null() ? output.Canonical() : "", &result);
  result.status = error.empty() ? ToolStatus::kOk : ToolStatus::kError;
  result.error = std::move(error);
  Fact done = Make(FactKind::kToolResult, span["id"].text(), span);
  done.result = std::move(result);
  sink_.Add(std::move(done));
}

// Spans that hold others: agents name them, turns and tasks know what they used.
void Items::OnGroup(Json span, Json data) {
  std::string id = "group-" + std::string(span["id"].text());
  if (Json usage = data["data"]["usage"]; usage.is_object()) {
    LlmCall call;
    call.usage = UsageOf(usage);
    call.aliases.emplace_back(run_tree::kAggregate);
    Fact fact = Make(FactKind::kLlmCall, id, span);
    fact.llm = std::move(call);
    return sink_.Add(std::move(fact));
  }
  bool agent = data["type"].text() == "agent";
  Fact fact = Make(agent ? FactKind::kSession : FactKind::kLink, id, span);
  if (agent) {
    SessionInfo info;
    info.agent_name = data["name"].text();
    fact.session = std::move(info);
  }
  sink_.Add(std::move(fact));
}

class Document final : public JsonDocumentReader {
 public:
  explicit Document(FactSink* sink)
      : JsonDocumentReader(sink), items_(sink, [this](std::string_view reason) { Skip(reason); }) {}

 protected:
  void OnDocument(Json document) override { items_.OnAny(document); }

 private:
  Items items_;
};

class Lines final : public JsonLineReader {
 public:
  explicit Lines(FactSink* sink)
      : JsonLineReader(sink), items_(sink, [this](std::string_view reason) { Skip(reason); }) {}

 protected:
  void OnRecord(Json record) override { items_.OnAny(record); }

 private:
  Items items_;
};

bool Sniff(std::string_view head) {
  if (head.find("\"trace") == std::string_view::npos) return false;
  JsonParser parser;
  Json document = HeadDocument(head, &parser);
  if (document["data"].is_array()) document = document["data"];
  return IsItem(document.is_array() ? document.at(0) : document);
}

// Spans end before what they are in, so a trace is spread over the batches of a folder.
std::string UnitKey(std::string_view path, std::string_view) {
  return std::string(FolderOf(path)) + "\nbatches";
}

std::unique_ptr<LogReader> Open(const FileContext&, FactSink* sink) {
  return LinesOrDocument(std::make_unique<Lines>(sink), std::make_unique<Document>(sink));
}

}  // namespace

extern const Importer kOpenAiAgents;
const Importer kOpenAiAgents = {
    .name = "openai-agents",
    .summary = "trace batches of the OpenAI Agents SDK",
    .default_root = "",
    .file_suffixes = ".json,.jsonl",
    .sniff = Sniff,
    .open = Open,
    .resolve = run_tree::Resolve,
    .unit_key = UnitKey,
};

}  // namespace clawtrace::capture
