#include "cli/verify_session.h"

#include <fmt/core.h>

#include <algorithm>

#include "base/doc_writer.h"
#include "base/hash.h"
#include "capture/importer.h"
#include "capture/sessions.h"
#include "history/view.h"

namespace clawtrace::cli {
namespace {

constexpr int64_t kMilli = 1'000'000;
constexpr int64_t kFirst = int64_t{1'767'225'600'000} * kMilli;  // 2026-01-01
constexpr int64_t kSpread = int64_t{60} * 86'400'000;            // ms
constexpr int kTurns = 12, kSpawnTurn = 5, kFailedTurn = 8, kSubTurns = 3;
constexpr int64_t kBasePrompt = 2'000;  // tokens of system prompt and tools
constexpr std::string_view kModel = "gpt-5.4";

struct Attribute {
  std::string key, text;
  int64_t number = 0;
  bool is_number = false;
};
Attribute Text(std::string key, std::string text) { return {std::move(key), std::move(text)}; }
Attribute Number(std::string key, int64_t number) { return {std::move(key), {}, number, true}; }

struct Span {
  std::string id, parent, name;
  int64_t start_ns = 0, end_ns = 0;
  bool failed = false;
  std::vector<Attribute> attributes;
};

class Maker {
 public:
  explicit Maker(uint64_t seed) : seed_(seed) {
    now_ = kFirst + Pick("start", 0, kSpread) * kMilli;
    name_ = fmt::format("clawtrace-verify-{:016x}", seed);
    word_ = fmt::format("proof{:016x}", Mix("word"));
  }

  std::vector<Span> Spans() {
    std::string root = Id("root");
    Span agent{root, "", "invoke_agent", now_, 0, false, {}};
    agent.attributes = {Text("gen_ai.operation.name", "invoke_agent"), Text("gen_ai.agent.name", name_)};
    Conversation("main", root, kTurns, kBasePrompt);
    agent.end_ns = now_;
    spans_.push_back(std::move(agent));
    return std::move(spans_);
  }
  const std::string& name() const { return name_; }
  const std::string& word() const { return word_; }
  std::string TraceId() const { return fmt::format("{:016x}{:016x}", Mix("trace-1"), Mix("trace-2") | 1); }

 private:
  uint64_t Mix(std::string_view what) const { return Hash64(fmt::format("{:016x} {}", seed_, what)); }
  std::string Id(std::string_view what) const { return fmt::format("{:016x}", Mix(what) | 1); }
  int64_t Pick(std::string_view what, int64_t low, int64_t high) const {
    return low + static_cast<int64_t>(Mix(what) % static_cast<uint64_t>(high - low + 1));
  }
  int64_t Pass(int64_t ms) { return now_ += ms * kMilli; }

  // Calls and their tools below a parent span; each prompt carries all before it, from the cache.
  void Conversation(const std::string& who, const std::string& parent, int turns, int64_t prompt) {
    int64_t cached = 0;
    for (int turn = 0; turn < turns; ++turn) {
      std::string key = fmt::format("{}-{}", who, turn);
      int64_t fresh = Pick(key + " in", 40, 400), output = Pick(key + " out", 20, 200);
      prompt += fresh;
      bool last = turn + 1 == turns;
      std::string call = last ? "" : fmt::format("call_{}", Id(key + " tool"));
      Call(key, parent, {prompt, cached, output}, call);
      cached = prompt, prompt += output;
      if (!last) Tool(who, key, parent, turn, call);
    }
  }

  struct Tokens {
    int64_t input = 0, cached = 0, output = 0;
  };
  void Call(const std::string& key, const std::string& parent, const Tokens& tokens,
            const std::string& asks) {
    Span span{Id(key), parent, fmt::format("chat {}", kModel), now_, 0, false, {}};
    span.end_ns = Pass(Pick(key + " ms", 5, 900));
    std::string said = asks.empty() ? fmt::format("Done, {}.", word_) : "Next.";
    std::string parts = fmt::format(R"({{"type":"text","content":"{}"}})", said);
    if (!asks.empty())
      parts += fmt::format(R"(,{{"type":"tool_call","id":"{}","name":"{}","arguments":{{}}}})", asks, "step");
    span.attributes = {
        Text("gen_ai.operation.name", "chat"),
        Text("gen_ai.provider.name", "openai"),
        Text("gen_ai.request.model", std::string(kModel)),
        Text("gen_ai.response.model", std::string(kModel)),
        Text("gen_ai.response.id", "resp_" + Id(key + " response")),
        Number("gen_ai.usage.input_tokens", tokens.input),
        Number("gen_ai.usage.cache_read.input_tokens", tokens.cached),
        Number("gen_ai.usage.output_tokens", tokens.output),
        Text("gen_ai.input.messages",
             fmt::format(R"([{{"role":"user","parts":[{{"type":"text","content":"Check {}"}}]}}])", name_)),
        Text("gen_ai.output.messages", fmt::format(R"([{{"role":"assistant","parts":[{}]}}])", parts)),
    };
    spans_.push_back(std::move(span));
  }

  void Tool(const std::string& who, const std::string& key, const std::string& parent, int turn,
            const std::string& call) {
    bool spawn = who == "main" && turn == kSpawnTurn, failed = who == "main" && turn == kFailedTurn;
    Span span{Id(key + " tool span"),
              parent,
              spawn ? "execute_tool task" : "execute_tool look",
              now_,
              0,
              failed,
              {}};
    if (spawn) {
      Span agent{Id(key + " sub"), span.id, "invoke_agent", now_, 0, false, {}};
      agent.attributes = {Text("gen_ai.operation.name", "invoke_agent"), Text("gen_ai.agent.name", "helper")};
      Conversation("sub", agent.id, kSubTurns, kBasePrompt / 2);
      agent.end_ns = now_;
      spans_.push_back(std::move(agent));
    }
    span.end_ns = Pass(Pick(key + " tool ms", 1, 50));
    span.attributes = {
        Text("gen_ai.operation.name", "execute_tool"),
        Text("gen_ai.tool.name", spawn ? "task" : "look"),
        Text("gen_ai.tool.call.id", call),
        Text("gen_ai.tool.call.arguments", fmt::format(R"({{"place":"{}"}})", Id(key + " place"))),
        Text("gen_ai.tool.call.result", fmt::format("found {}", Id(key + " found"))),
    };
    if (failed) span.attributes.push_back(Text("error.type", "not_found"));
    spans_.push_back(std::move(span));
  }

  uint64_t seed_;
  int64_t now_ = 0;
  std::string name_, word_;
  std::vector<Span> spans_;
};

void WriteAttributes(const std::vector<Attribute>& attributes, DocWriter* w) {
  w->Key("attributes"), w->BeginArray();
  for (const Attribute& attribute : attributes) {
    w->BeginObject(), w->Field("key", attribute.key), w->Key("value"), w->BeginObject();
    if (attribute.is_number)
      w->Field("intValue", std::to_string(attribute.number));
    else
      w->Field("stringValue", attribute.text);
    w->EndObject(), w->EndObject();
  }
  w->EndArray();
}

std::string BodyOf(const Maker& maker, const std::vector<Span>& spans, size_t from, size_t step) {
  DocWriter w(DocWriter::Format::kJson);
  w.BeginObject(), w.Key("resourceSpans"), w.BeginArray(), w.BeginObject();
  w.Key("resource"), w.BeginObject();
  WriteAttributes({Text("service.name", maker.name()), Text("session.id", maker.name())}, &w);
  w.EndObject();
  w.Key("scopeSpans"), w.BeginArray(), w.BeginObject();
  w.Key("scope"), w.BeginObject(), w.Field("name", "clawtrace.verify"), w.EndObject();
  w.Key("spans"), w.BeginArray();
  for (size_t i = from; i < spans.size(); i += step) {
    const Span& span = spans[i];
    w.BeginObject();
    w.Field("traceId", maker.TraceId()), w.Field("spanId", span.id);
    if (!span.parent.empty()) w.Field("parentSpanId", span.parent);
    w.Field("name", span.name), w.Field("kind", int64_t{1});
    w.Field("startTimeUnixNano", std::to_string(span.start_ns));
    w.Field("endTimeUnixNano", std::to_string(span.end_ns));
    WriteAttributes(span.attributes, &w);
    w.Key("status"), w.BeginObject();
    if (span.failed) w.Field("code", int64_t{2});
    w.EndObject();
    w.EndObject();
  }
  w.EndArray(), w.EndObject(), w.EndArray(), w.EndObject(), w.EndArray(), w.EndObject();
  return w.Take();
}

struct Facts : capture::FactSink {
  bool skipped = false;
  std::vector<Fact> facts;
  void Add(Fact&& fact) override { facts.push_back(std::move(fact)); }
  void Skip(int64_t, int64_t, std::string_view) override { skipped = true; }
};

TraceCard CardOf(const std::vector<std::string>& bodies, const PriceBook& book) {
  Facts read;
  for (const std::string& body : bodies) {
    auto reader = capture::FindImporter("otlp")->open({}, &read);
    reader->Feed(body);
    reader->Finish();
  }
  capture::SkippedPlaces skipped;
  std::vector<Session> sessions = capture::SessionsOf(std::move(read.facts), &skipped);
  CT_CHECK(sessions.size() == 1 && !read.skipped);
  PricedSession priced;
  return history::ViewOf(&sessions[0], book, {}, &priced).card;
}

void Compare(std::string_view what, const std::string& ours, const std::string& theirs,
             std::vector<std::string>* out) {
  if (ours != theirs) out->push_back(fmt::format("{}: {} here, {} there", what, ours, theirs));
}

std::string Amount(const std::optional<Usd>& usd) { return usd ? usd->ToDecimal() : "unknown"; }

std::string Tokens(const std::optional<Usage>& usage) {
  if (!usage) return "unknown";
  return fmt::format("{} input, {} cached, {} output", usage->uncached_input, usage->cache_read,
                     usage->output);
}

}  // namespace

VerifySession MakeVerifySession(uint64_t seed, const PriceBook& book) {
  Maker maker(seed);
  std::vector<Span> spans = maker.Spans();
  // Parents after children, the root last, and what belongs together in different bodies.
  constexpr size_t kBodies = 4;
  VerifySession session;
  session.id = session.agent = maker.name(), session.word = maker.word();
  for (size_t i = 0; i < kBodies; ++i)
    session.bodies.push_back(BodyOf(maker, spans, kBodies - 1 - i, kBodies));
  session.bodies.push_back(session.bodies[1]);
  session.card = CardOf(session.bodies, book);
  return session;
}

std::vector<std::string> CompareCards(const TraceCard& ours, const TraceCard& theirs) {
  std::vector<std::string> out;
  Compare("session", ours.session_id, theirs.session_id, &out);
  Compare("agent", ours.agent, theirs.agent, &out);
  Compare("calls", std::to_string(ours.llm_call_count.value_or(-1)),
          std::to_string(theirs.llm_call_count.value_or(-1)), &out);
  Compare("tools", std::to_string(ours.tool_call_count.value_or(-1)),
          std::to_string(theirs.tool_call_count.value_or(-1)), &out);
  Compare("tokens", Tokens(ours.total_tokens), Tokens(theirs.total_tokens), &out);
  Compare("sub-agents", std::to_string(ours.sub_agents.size()), std::to_string(theirs.sub_agents.size()),
          &out);
  Compare("failed steps", std::to_string(ours.failed_or_repaired_steps.size()),
          std::to_string(theirs.failed_or_repaired_steps.size()), &out);
  Compare("steps", std::to_string(ours.steps.size()), std::to_string(theirs.steps.size()), &out);
  bool same_book = ours.price_book == theirs.price_book;
  if (same_book) Compare("cost", Amount(ours.total_cost_usd), Amount(theirs.total_cost_usd), &out);
  for (size_t i = 0; i < ours.steps.size() && i < theirs.steps.size(); ++i) {
    const CardStep &a = ours.steps[i], &b = theirs.steps[i];
    Compare("id of step " + a.id, a.id, b.id, &out);
    Compare("call of step " + a.id, a.call_id, b.call_id, &out);
    Compare("tokens of step " + a.id, Tokens(a.tokens), Tokens(b.tokens), &out);
    if (same_book) Compare("cost of step " + a.id, Amount(a.cost_usd), Amount(b.cost_usd), &out);
  }
  // Whatever else a card says.
  if (out.empty() && same_book && EncodeCard(ours, DocFormat::kYaml) != EncodeCard(theirs, DocFormat::kYaml))
    out.emplace_back("card: equal in all figures, but not byte for byte");
  return out;
}

}  // namespace clawtrace::cli
