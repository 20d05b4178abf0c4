// LangSmith run exports: runs with their parents, one a line, a list, or {"runs": [...]}.
// docs/formats/langsmith.md says what is read.
#include <functional>
#include <utility>

#include "base/text.h"
#include "capture/document_reader.h"
#include "capture/importers/log_text.h"
#include "capture/importers/run_tree.h"
#include "capture/importers/trajectory.h"

namespace clawtrace::capture {
namespace {

bool IsRun(Json run) {
  return run["id"].is_string() && run["run_type"].is_string() &&
         (run["trace_id"].is_string() || run["dotted_order"].is_string() || run["parent_run_id"]);
}

// A list of the export, or one run.
Json RunsOf(Json document) { return document["runs"].is_array() ? document["runs"] : document; }

std::optional<int64_t> FirstCount(Json object, std::initializer_list<std::string_view> keys, bool* bad) {
  for (std::string_view key : keys) {
    Json value = object[key];
    if (!value || value.is_null()) continue;
    auto count = CountOf(value);
    if (count && *count <= kMaxTokensPerBucket) return count;
    *bad = true;
  }
  return std::nullopt;
}

// Counts of a run, or LangChain's usage_metadata: the prompt includes what the cache gave and took.
std::optional<Usage> CountsOf(Json object, bool* bad) {
  auto prompt = FirstCount(object, {"prompt_tokens", "input_tokens"}, bad);
  auto output = FirstCount(object, {"completion_tokens", "output_tokens"}, bad);
  Json in = object["prompt_token_details"].is_object() ? object["prompt_token_details"]
                                                       : object["input_token_details"];
  Json out = object["completion_token_details"].is_object() ? object["completion_token_details"]
                                                            : object["output_token_details"];
  int64_t read = FirstCount(in, {"cache_read"}, bad).value_or(0);
  int64_t hour = FirstCount(in, {"ephemeral_1h_input_tokens"}, bad).value_or(0);
  int64_t minutes = FirstCount(in, {"ephemeral_5m_input_tokens"}, bad).value_or(0);
  // The parts are stated beside the whole or instead of it.
  int64_t written = std::max(FirstCount(in, {"cache_creation"}, bad).value_or(0), hour + minutes);
  int64_t reasoning = FirstCount(out, {"reasoning"}, bad).value_or(0);
  if (*bad || !prompt || !output) return std::nullopt;
  if (read + written > *prompt) {
    *bad = true;
    return std::nullopt;
  }
  return Usage{.uncached_input = *prompt - read - written,
               .cache_read = read,
               .cache_write_5m = minutes,
               .cache_write_1h = hour,
               .cache_write_unknown = written - hour - minutes,
               .output = *output,
               .reasoning = reasoning};
}

class Runs {
 public:
  Runs(FactSink* sink, std::function<void(std::string_view)> skip) : sink_(*sink), skip_(std::move(skip)) {}

  void OnAny(Json value) {
    value = RunsOf(value);
    if (!value.is_array()) return OnRun(value);
    value.ForEachItem([&](Json run) {
      sink_.FromElement(run);
      OnRun(run);
    });
  }

 private:
  void OnRun(Json run);
  void OnRoot(Json run);
  void OnCall(Json run);
  void OnTool(Json run);
  Fact Make(FactKind kind, std::string_view id, Json run);
  static std::string TraceOf(Json run);
  static Json MessageOf(Json run);

  FactSink& sink_;
  std::function<void(std::string_view)> skip_;
  JsonParser args_parser_;
};

// trace_id, else the first id of dotted_order ("20260101T000000000000Z<id>.2026..."), else the run itself.
std::string Runs::TraceOf(Json run) {
  if (std::string_view id = run["trace_id"].text(); !id.empty()) return std::string(id);
  std::string_view order = run["dotted_order"].text();
  order = order.substr(0, order.find('.'));
  size_t zone = order.find('Z');
  if (zone != std::string_view::npos && zone + 1 < order.size()) return std::string(order.substr(zone + 1));
  return std::string(run["id"].text());
}

Fact Runs::Make(FactKind kind, std::string_view id, Json run) {
  Fact fact;
  fact.kind = kind;
  fact.source = "langsmith";
  fact.session_id = BoundedId(TraceOf(run));
  fact.id = id;
  fact.node = BoundedId(run["id"].text());
  fact.parent_node = BoundedId(run["parent_run_id"].text());
  fact.start_ns = TimeOf(run["start_time"]);
  fact.end_ns = TimeOf(run["end_time"]);
  return fact;
}

void Runs::OnRun(Json run) {
  if (!IsRun(run)) return skip_(run.is_object() ? "missing:run_type" : "not-an-object");
  if (run["id"].text().empty()) return skip_("missing:id");
  if (run["parent_run_id"].text().empty()) OnRoot(run);
  std::string_view type = run["run_type"].text();
  if (type == "llm") return OnCall(run);
  if (type == "tool" || type == "retriever") return OnTool(run);
  // Chains, prompts and parsers: their tokens and costs are sums of the runs below.
  Fact fact = Make(FactKind::kSession, "run-" + std::string(run["id"].text()), run);
  SessionInfo info;
  info.agent_name = run["name"].text();
  fact.session = std::move(info);
  sink_.Add(std::move(fact));
}

// The text of the last message of a person, in the shapes that chains take it.
std::string PromptOf(Json inputs) {
  for (std::string_view key : {"input", "question", "query", "prompt"}) {
    if (auto text = inputs[key].string()) return std::string(*text);
  }
  std::string prompt;
  Json messages = inputs["messages"];
  if (messages.at(0).is_array()) messages = messages.at(0);
  messages.ForEachItem([&](Json message) {
    Json fields = message["kwargs"].is_object() ? message["kwargs"] : message;
    std::string_view role = fields["role"].is_string() ? fields["role"].text() : fields["type"].text();
    if (role != "user" && role != "human") return;
    std::string buffer;
    prompt = ContentText(fields["content"], &buffer);
  });
  return prompt;
}

void Runs::OnRoot(Json run) {
  Fact fact = Make(FactKind::kSession, BoundedId(TraceOf(run)), run);
  fact.node.clear();
  SessionInfo info;
  info.agent = "langsmith";
  info.agent_name = run["name"].text();
  info.task_id = run["reference_example_id"].text();
  fact.session = std::move(info);
  sink_.Add(std::move(fact));
  if (std::string prompt = PromptOf(run["inputs"]); !prompt.empty()) {
    Fact user = Make(FactKind::kUser, "prompt-" + std::string(run["id"].text()), run);
    user.user = UserTurn{
        .text = Cut(prompt, kMaxText), .text_bytes = static_cast<int64_t>(prompt.size()), .is_meta = false};
    sink_.Add(std::move(user));
  }
  if (run["status"].text() != "error" && run["error"].text().empty()) return;
  Fact outcome = Make(FactKind::kOutcome, "outcome", run);
  outcome.outcome = Outcome{
      .verdict = Verdict::kError, .source = OutcomeSource::kHeuristic, .score_ppm = {}, .judge = "langsmith"};
  sink_.Add(std::move(outcome));
}

// The answer of a chat model, as LangChain serialises it.
Json Runs::MessageOf(Json run) {
  Json outputs = run["outputs"];
  Json message = outputs["generations"].at(0).at(0)["message"];
  if (!message) message = outputs["generations"].at(0)["message"];
  if (!message) message = outputs["message"];
  if (!message) message = outputs["choices"].at(0)["message"];
  return message["kwargs"].is_object() ? message["kwargs"] : message;
}

void Runs::OnCall(Json run) {
  Json metadata = run["extra"]["metadata"], message = MessageOf(run);
  LlmCall call;
  std::string_view requested = metadata["ls_model_name"].text();
  for (std::string_view key : {"model", "model_name"}) {
    if (requested.empty()) requested = run["extra"]["invocation_params"][key].text();
  }
  std::string_view answered = message["response_metadata"]["model_name"].text();
  if (answered.empty()) answered = message["response_metadata"]["model"].text();
  SetModels(requested, answered, &call);
  call.provider = metadata["ls_provider"].text();
  bool bad = false;
  for (Json source :
       {run, message["usage_metadata"], run["outputs"]["usage_metadata"], metadata["usage_metadata"]}) {
    if (!call.usage) call.usage = CountsOf(source, &bad);
  }
  // LangSmith writes 0 where nothing was reported.
  if (call.usage && call.usage->total() == 0) call.usage.reset();
  if (bad) skip_("wrong-type:tokens");
  call.reported_cost = DollarsOf(run["total_cost"]);
  call.error = Cut(FirstLine(run["error"].text()), kMaxError);
  call.stop_reason = message["response_metadata"]["finish_reason"].text();
  std::string buffer;
  std::string_view text = ContentText(message["content"], &buffer);
  if (text.empty()) text = run["outputs"]["generations"].at(0).at(0)["text"].text();
  SetText(text, &call);
  if (std::string_view id = message["response_metadata"]["id"].text(); !id.empty())
    call.aliases.emplace_back(id);
  call.auxiliary = metadata["ls_model_type"].text() == "embedding";
  Fact fact = Make(FactKind::kLlmCall, BoundedId(run["id"].text()), run);
  fact.llm = std::move(call);
  sink_.Add(std::move(fact));
}

void Runs::OnTool(Json run) {
  Json inputs = run["inputs"], outputs = run["outputs"];
  ToolUse tool;
  tool.name = run["name"].text();
  // One text that is JSON, or Python's spelling of a dictionary, or the arguments themselves.
  Json input = inputs["input"];
  if (auto text = input.string(); text && inputs.size() == 1 && Trim(*text).starts_with('{'))
    SetArgsText(*text, &args_parser_, &tool);
  else
    SetArgs(inputs, &tool);
  Fact fact = Make(FactKind::kToolUse, run["id"].text(), run);
  fact.tool = std::move(tool);
  sink_.Add(std::move(fact));

  std::string_view error = run["error"].text();
  bool ended = run["end_time"].is_string() || run["end_time"].is_number();
  if (!ended && error.empty() && !outputs.is_object()) return;
  Json output = outputs["output"] ? outputs["output"] : outputs;
  Json answer = output["kwargs"].is_object() ? output["kwargs"] : output;
  std::string buffer, canonical;
  std::string_view text = answer.is_string() ? answer.text() : ContentText(answer["content"], &buffer);
  if (text.empty() && answer && !answer.is_null() && !answer.is_string())
    text = canonical = answer.Canonical();
  ToolResult result;
  SetOutput(text, &result);
  bool failed = !error.empty() || run["status"].text() == "error" || answer["status"].text() == "error";
  result.status = failed ? ToolStatus::kError : ToolStatus::kOk;
  if (failed) result.error = Cut(error.empty() ? ErrorLine(text) : std::string(FirstLine(error)), kMaxError);
  Fact done = Make(FactKind::kToolResult, run["id"].text(), run);
  done.result = std::move(result);
  sink_.Add(std::move(done));
}

class Document final : public JsonDocumentReader {
 public:
  explicit Document(FactSink* sink)
      : JsonDocumentReader(sink), runs_(sink, [this](std::string_view reason) { Skip(reason); }) {}

 protected:
  void OnDocument(Json document) override { runs_.OnAny(document); }

 private:
  Runs runs_;
};

class Lines final : public JsonLineReader {
 public:
  explicit Lines(FactSink* sink)
      : JsonLineReader(sink), runs_(sink, [this](std::string_view reason) { Skip(reason); }) {}

 protected:
  void OnRecord(Json record) override { runs_.OnAny(record); }

 private:
  Runs runs_;
};

bool Sniff(std::string_view head) {
  if (head.find("\"run_type\"") == std::string_view::npos) return false;
  JsonParser parser;
  Json document = RunsOf(HeadDocument(head, &parser));
  return IsRun(document.is_array() ? document.at(0) : document);
}

std::unique_ptr<LogReader> Open(const FileContext&, FactSink* sink) {
  return LinesOrDocument(std::make_unique<Lines>(sink), std::make_unique<Document>(sink));
}

}  // namespace

extern const Importer kLangSmith;
const Importer kLangSmith = {
    .name = "langsmith",
    .summary = "LangSmith run exports",
    .default_root = "",
    .file_suffixes = ".jsonl,.json",
    .sniff = Sniff,
    .open = Open,
    .resolve = run_tree::Resolve,
};

}  // namespace clawtrace::capture
