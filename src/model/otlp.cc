#include "model/otlp.h"

#include <algorithm>

#include "base/doc_writer.h"
#include "base/hash.h"

namespace clawtrace {
namespace {

// As the protocol numbers them.
constexpr int64_t kInternal = 1, kClient = 3, kError = 2;

class Attributes {
 public:
  explicit Attributes(DocWriter* out) : out_(*out) { out_.Key("attributes"), out_.BeginArray(); }
  ~Attributes() { out_.EndArray(); }
  Attributes(const Attributes&) = delete;
  Attributes& operator=(const Attributes&) = delete;

  void Text(std::string_view key, std::string_view value) {
    if (value.empty()) return;
    Begin(key), out_.Field("stringValue", value), End();
  }
  void Count(std::string_view key, int64_t value) {
    Begin(key), out_.Field("intValue", std::to_string(value)), End();
  }
  void Number(std::string_view key, std::string_view decimal) {
    Begin(key), out_.Key("doubleValue"), out_.Number(decimal), End();
  }
  void Flag(std::string_view key) { Begin(key), out_.Key("boolValue"), out_.Bool(true), End(); }
  void Texts(std::string_view key, std::string_view only) {
    if (only.empty()) return;
    Begin(key), out_.Key("arrayValue"), out_.BeginObject(), out_.Key("values"), out_.BeginArray();
    out_.BeginObject(), out_.Field("stringValue", only), out_.EndObject();
    out_.EndArray(), out_.EndObject(), End();
  }

 private:
  void Begin(std::string_view key) {
    out_.BeginObject(), out_.Field("key", key), out_.Key("value"), out_.BeginObject();
  }
  void End() { out_.EndObject(), out_.EndObject(); }
  DocWriter& out_;
};

std::string MessageOf(std::string_view role, std::string_view text, const std::vector<const Step*>& asked) {
  DocWriter w(DocWriter::Format::kJson);
  w.BeginArray(), w.BeginObject(), w.Field("role", role), w.Key("parts"), w.BeginArray();
  if (!text.empty()) w.BeginObject(), w.Field("type", "text"), w.Field("content", text), w.EndObject();
  for (const Step* step : asked) {
    w.BeginObject(), w.Field("type", "tool_call"), w.Field("id", step->call_id);
    w.Field("name", step->tool.name), w.EndObject();
  }
  w.EndArray(), w.EndObject(), w.EndArray();
  return w.Take();
}

class Writer {
 public:
  explicit Writer(const Session& root) : trace_(HexOf(Hash64(root.id, Hash64(root.source)))) {
    trace_ += HexOf(Hash64(root.id, Hash64(root.source, 1)));
    out_.BeginObject(), out_.Key("resourceSpans"), out_.BeginArray(), out_.BeginObject();
    out_.Key("resource"), out_.BeginObject();
    {
      Attributes a(&out_);
      a.Text("service.name", root.info.agent.empty() ? root.source : root.info.agent);
      a.Text("service.version", root.info.agent_version);
    }
    out_.EndObject();
    out_.Key("scopeSpans"), out_.BeginArray(), out_.BeginObject();
    out_.Key("scope"), out_.BeginObject(), out_.Field("name", kOtlpScope), out_.EndObject();
    out_.Key("spans"), out_.BeginArray();
    PutSession(root, "");
    out_.EndArray(), out_.EndObject(), out_.EndArray();
    out_.EndObject(), out_.EndArray(), out_.EndObject();
  }
  std::string Take() { return out_.Take() + "\n"; }

 private:
  struct Span {
    std::string_view parent, name;
    std::string id;
    int64_t kind = kInternal;
    std::optional<int64_t> start_ns, end_ns;
    std::string_view error;  // "" = none
    bool failed = false;
  };

  void Begin(const Span& span) {
    out_.BeginObject();
    out_.Field("traceId", trace_), out_.Field("spanId", span.id);
    if (!span.parent.empty()) out_.Field("parentSpanId", span.parent);
    out_.Field("name", span.name), out_.Field("kind", span.kind);
    if (span.start_ns) last_ns_ = *span.start_ns;
    out_.Field("startTimeUnixNano", std::to_string(std::max<int64_t>(span.start_ns.value_or(last_ns_), 0)));
    if (span.end_ns) out_.Field("endTimeUnixNano", std::to_string(std::max<int64_t>(*span.end_ns, 0)));
    if (!span.failed) return;
    out_.Key("status"), out_.BeginObject();
    out_.Field("code", kError), out_.Field("message", span.error), out_.EndObject();
  }

  static std::string IdOf(const Session& session, size_t step) {
    return HexOf(Hash64(session.id, Hash64(session.source, step + 2)) | 1);
  }

  void PutSession(const Session& session, std::string_view parent) {
    std::string name = "invoke_agent " + session.info.agent_name;
    Span span{parent, name, IdOf(session, SIZE_MAX - 2), kInternal, session.start_ns, session.end_ns,
              {},     false};
    Begin(span);
    {
      Attributes a(&out_);
      a.Text("gen_ai.operation.name", "invoke_agent");
      a.Text("gen_ai.agent.name", session.info.agent_name);
      a.Text("gen_ai.conversation.id", session.id);
      a.Text("user.id", session.info.user);
      if (!session.prompt.empty()) a.Text("gen_ai.input.messages", MessageOf("user", session.prompt, {}));
    }
    out_.EndObject();
    for (size_t i = 0; i < session.steps.size(); ++i) {
      if (session.steps[i].kind == StepKind::kLlmCall)
        PutCall(session, i, span.id);
      else
        PutTool(session, i, span.id);
    }
  }

  void PutCall(const Session& session, size_t at, std::string_view parent) {
    const Step& step = session.steps[at];
    const LlmCall& call = step.llm;
    if (!call.billed && !step.inherited) return;
    std::vector<const Step*> asked;
    for (const Step& other : session.steps) {
      if (other.kind != StepKind::kLlmCall && step.turn > 0 && other.turn == step.turn)
        asked.push_back(&other);
    }
    std::string name = "chat " + call.model;
    Begin({parent, name, IdOf(session, at), kClient, step.start_ns, step.end_ns, call.error,
           !call.error.empty()});
    {
      Attributes a(&out_);
      a.Text("gen_ai.operation.name", "chat");
      a.Text("gen_ai.conversation.id", session.id);
      a.Text("gen_ai.provider.name", call.provider);
      a.Text("gen_ai.request.model", call.requested_model ? *call.requested_model : call.model);
      a.Text("gen_ai.response.model", call.model);
      a.Text("gen_ai.response.id", step.call_id);
      a.Texts("gen_ai.response.finish_reasons", call.stop_reason);
      a.Text("gen_ai.openai.response.service_tier", call.service_tier);
      if (call.auxiliary) a.Text("query_source", "auxiliary");
      if (call.attempts > 0) a.Count("gen_ai.request.attempt", call.attempts);
      if (call.usage) PutUsage(*call.usage, &a);
      if (call.reported_cost) a.Number("gen_ai.usage.cost", call.reported_cost->ToDecimal());
      if (!call.text.empty() || !asked.empty())
        a.Text("gen_ai.output.messages", MessageOf("assistant", call.text, asked));
    }
    out_.EndObject();
  }

  static void PutUsage(const Usage& usage, Attributes* a) {
    a->Count("gen_ai.usage.input_tokens", usage.prompt());
    a->Count("gen_ai.usage.cache_read.input_tokens", usage.cache_read);
    a->Count("gen_ai.usage.cache_creation.input_tokens", usage.cache_write());
    if (usage.cache_write_5m + usage.cache_write_1h > 0) {
      a->Count("gen_ai.usage.cache_creation.input_tokens.ephemeral_5m", usage.cache_write_5m);
      a->Count("gen_ai.usage.cache_creation.input_tokens.ephemeral_1h", usage.cache_write_1h);
    }
    a->Count("gen_ai.usage.output_tokens", usage.output);
    a->Count("gen_ai.usage.reasoning.output_tokens", usage.reasoning);
  }

  void PutTool(const Session& session, size_t at, std::string_view parent) {
    const Step& step = session.steps[at];
    std::string name = "execute_tool " + step.tool.name, id = IdOf(session, at);
    bool failed = step.result.status == ToolStatus::kError;
    // A tool without a known result has no end.
    auto end = step.result.status == ToolStatus::kUnknown ? std::nullopt : step.end_ns;
    if (step.result.status != ToolStatus::kUnknown && !end) end = step.start_ns ? step.start_ns : last_ns_;
    Begin({parent, name, id, kInternal, step.start_ns, end, step.result.error, failed});
    {
      Attributes a(&out_);
      a.Text("gen_ai.operation.name", "execute_tool");
      a.Text("gen_ai.conversation.id", session.id);
      a.Text("gen_ai.tool.name", step.tool.name);
      a.Text("gen_ai.tool.call.id", step.call_id);
      a.Text("gen_ai.tool.call.arguments", step.tool.args);
      a.Text("gen_ai.tool.call.result", step.result.output);
      if (step.result.status == ToolStatus::kAborted) a.Flag("aborted");
    }
    out_.EndObject();
    for (const Session& child : step.children) PutSession(child, id);
  }

  DocWriter out_{DocWriter::Format::kJson};
  std::string trace_;
  int64_t last_ns_ = 0;
};

}  // namespace

std::string EncodeOtlp(const Session& session) { return Writer(session).Take(); }

}  // namespace clawtrace
