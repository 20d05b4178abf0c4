#include "capture/otlp_tree.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ctime>
#include <random>

#include "capture/otlp_test_util.h"

namespace clawtrace::capture {
namespace {

using test::OtlpLog;
using test::Sessions;
using testing::ElementsAre;
using testing::UnorderedElementsAre;

// A span as JSON; attributes as JSON values, times in milliseconds.
struct S {
  int id = 0, parent = 0;
  int64_t start = 0, end = 0;
  std::vector<std::pair<std::string, std::string>> attributes = {};
  std::string scope = "some.emitter";
  int trace = 1;
  int status = 0;
  std::string name = "span";
  std::string service = "svc";
};

std::string Json(const S& s) {
  std::string attributes;
  for (auto& [key, value] : s.attributes) {
    bool text = value.starts_with("'");
    attributes += fmt::format(R"({}{{"key":"{}","value":{{"{}":"{}"}}}})", attributes.empty() ? "" : ",", key,
                              text ? "stringValue" : "intValue", text ? value.substr(1) : value);
  }
  auto time = [](int64_t ms) {
    return ms == 0 ? std::string("0") : std::to_string(1'800'000'000'000'000'000 + ms * 1'000'000);
  };
  std::string service =
      s.service.empty()
          ? ""
          : fmt::format(R"({{"key":"service.name","value":{{"stringValue":"{}"}}}},)", s.service);
  return fmt::format(
      R"({{"resourceSpans":[{{"resource":{{"attributes":[{})"
      R"({{"key":"service.instance.id","value":{{"stringValue":"i"}}}}]}},"scopeSpans":[{{"scope":{{"name":"{}"}},"spans":[)"
      R"({{"traceId":"{:032x}","spanId":"{:016x}","parentSpanId":"{}","name":"{}","startTimeUnixNano":"{}","endTimeUnixNano":"{}",)"
      R"("attributes":[{}],"status":{{"code":{}}}}}]}}]}}]}})"
      "\n",
      service, s.scope, s.trace, s.id, s.parent ? fmt::format("{:016x}", s.parent) : "", s.name,
      time(s.start), time(s.end), attributes, s.status);
}

std::vector<Fact> RawOf(const std::vector<S>& spans) {
  OtlpLog log;
  std::string text;
  for (const S& s : spans) text += Json(s);
  test::FeedText(text, &log);
  EXPECT_THAT(log.skips, ElementsAre());
  return log.facts;
}

OtlpLog Resolved(const std::vector<S>& spans) {
  OtlpLog log;
  log.facts = RawOf(spans);
  ResolveOtlp(&log.facts);
  return log;
}

std::vector<std::pair<std::string, std::string>> Chat(int64_t input, int64_t output,
                                                      const std::string& response = "") {
  std::vector<std::pair<std::string, std::string>> out = {
      {"gen_ai.operation.name", "'chat"},
      {"gen_ai.request.model", "'m"},
      {"gen_ai.usage.input_tokens", std::to_string(input)},
      {"gen_ai.usage.output_tokens", std::to_string(output)}};
  if (!response.empty()) out.emplace_back("gen_ai.response.id", "'" + response);
  return out;
}
std::vector<std::pair<std::string, std::string>> Agent(const std::string& name, int64_t input = -1,
                                                       int64_t output = 0) {
  std::vector<std::pair<std::string, std::string>> out = {{"gen_ai.operation.name", "'invoke_agent"},
                                                          {"gen_ai.agent.name", "'" + name}};
  if (input >= 0)
    out.emplace_back("gen_ai.usage.input_tokens", std::to_string(input)),
        out.emplace_back("gen_ai.usage.output_tokens", std::to_string(output));
  return out;
}
std::vector<std::pair<std::string, std::string>> Tool(const std::string& call,
                                                      const std::string& name = "read") {
  return {{"gen_ai.operation.name", "'execute_tool"},
          {"gen_ai.tool.name", "'" + name},
          {"gen_ai.tool.call.id", "'" + call}};
}

const std::string kTraceId = std::string(31, '0') + "1";

TEST(OtlpTree, WhatWasAskedForStandsBesideWhatAnswered) {
  auto call = Chat(100, 10);
  call.emplace_back("gen_ai.response.model", "'m-small");
  auto log = Resolved({{.id = 1, .start = 1, .end = 2, .attributes = call},
                       {.id = 2, .start = 3, .end = 4, .attributes = Chat(200, 20)}});
  std::vector<std::pair<std::string, std::string>> models;
  for (const Fact& fact : log.facts) {
    if (fact.llm)
      models.emplace_back(fact.llm->requested_model ? *fact.llm->requested_model : "", fact.llm->model);
  }
  EXPECT_THAT(models, UnorderedElementsAre(std::pair("m", "m-small"), std::pair("", "m")));
}

TEST(OtlpTree, AggregatesAreNotBilled) {
  auto log = Resolved({{.id = 1, .start = 1, .end = 9, .attributes = Agent("a", 300, 30)},
                       {.id = 2, .parent = 1, .start = 2, .end = 3, .attributes = Chat(100, 10)},
                       {.id = 3, .parent = 1, .start = 4, .end = 5, .attributes = Chat(200, 20)}});
  auto session = Sessions(log).at(kTraceId);
  EXPECT_EQ(session.totals.calls, 2);
  EXPECT_EQ(session.totals.input, 300);
  EXPECT_EQ(session.totals.output, 30);
  EXPECT_THAT(session.info.notes, ElementsAre("cache_not_reported"));
}

TEST(OtlpTree, WhatAnAggregateHasBeyondItsPartsIsBilledAsAMissingCall) {
  auto session =
      Sessions(Resolved({{.id = 1, .start = 1, .end = 9, .attributes = Agent("a", 300, 30)},
                         {.id = 2, .parent = 1, .start = 2, .end = 3, .attributes = Chat(100, 10)}}))
          .at(kTraceId);
  EXPECT_EQ(session.totals.calls, 2);
  EXPECT_EQ(session.totals.input, 300);
  EXPECT_THAT(session.info.notes, testing::Contains("missing_leaf:1"));
}

TEST(OtlpTree, AnAggregateBelowItsPartsIsFlaggedAndNotBilled) {
  auto session =
      Sessions(Resolved({{.id = 1, .start = 1, .end = 9, .attributes = Agent("a", 50, 30)},
                         {.id = 2, .parent = 1, .start = 2, .end = 3, .attributes = Chat(100, 10)}}))
          .at(kTraceId);
  EXPECT_EQ(session.totals.calls, 1);
  EXPECT_EQ(session.totals.input, 100);
  EXPECT_THAT(session.info.notes, testing::Contains("aggregate_mismatch:1"));
}

// Two instrumentations around one request.
TEST(OtlpTree, NestedCallsAreOne) {
  auto session =
      Sessions(Resolved({{.id = 1, .start = 1, .end = 9, .attributes = Chat(100, 10)},
                         {.id = 2, .parent = 1, .start = 2, .end = 3, .attributes = Chat(100, 10)}}))
          .at(kTraceId);
  EXPECT_EQ(session.totals.calls, 1);
  EXPECT_EQ(session.totals.input, 100);
}

// An agent's sum may or may not include the agents below it; both are understood.
TEST(OtlpTree, SubAgentBelowAToolIsASessionOfItsOwn) {
  for (int64_t sum : {100, 150}) {
    auto sessions = Sessions(
        Resolved({{.id = 1, .start = 1, .end = 20, .attributes = Agent("main", sum, sum / 10)},
                  {.id = 2, .parent = 1, .start = 2, .end = 3, .attributes = Chat(100, 10, "r1")},
                  {.id = 3, .parent = 1, .start = 4, .end = 10, .attributes = Tool("c1", "check")},
                  {.id = 4, .parent = 3, .start = 5, .end = 9, .attributes = Agent("checker", 50, 5)},
                  {.id = 5, .parent = 4, .start = 6, .end = 7, .attributes = Chat(50, 5, "r2")},
                  {.id = 6, .parent = 4, .start = 7, .end = 8, .attributes = Tool("c2")}}));
    ASSERT_EQ(sessions.size(), 2u);
    auto& main = sessions.at(kTraceId);
    auto& sub = sessions.at(kTraceId + "/0000000000000004");
    EXPECT_EQ(main.totals.input, 100);
    EXPECT_THAT(main.totals.tools, ElementsAre("c1"));
    EXPECT_EQ(main.uses.at("c1").llm_call, "r1");
    EXPECT_EQ(sub.totals.input, 50);
    EXPECT_THAT(sub.totals.tools, ElementsAre("c2"));
    EXPECT_EQ(sub.uses.at("c2").llm_call, "r2");
    EXPECT_EQ(sub.info.parent_session, kTraceId);
    EXPECT_EQ(sub.info.parent_call, "c1");
    EXPECT_EQ(sub.info.agent_name, "checker");
    EXPECT_THAT(main.info.notes, ElementsAre("cache_not_reported", "tool_args_missing:1"));
  }
}

// Sessions nest in sessions all the way to the report; input must not choose how deep.
TEST(OtlpTree, AgentsNestToALimit) {
  std::vector<S> spans;
  for (int i = 1; i <= 200; ++i) {
    auto attributes = i % 2 ? Tool(fmt::format("c{}", i)) : Chat(1, 1);
    if (i % 2 == 0) attributes.resize(2);
    spans.push_back({.id = i, .parent = i - 1, .start = i, .end = 1000 - i, .attributes = attributes});
  }
  auto sessions = Sessions(Resolved(spans));
  EXPECT_EQ(sessions.size(), static_cast<size_t>(kMaxAgentDepth) + 1);
  int64_t limited = 0;
  for (auto& [id, session] : sessions) {
    limited += std::ranges::count(session.info.notes, "agent_depth_limit");
    EXPECT_LT(id.size(), 60u);
  }
  EXPECT_EQ(limited, 1);
}

TEST(OtlpTree, AnotherConversationBelowIsASubAgent) {
  auto conversation = [](std::vector<std::pair<std::string, std::string>> attributes, const std::string& id) {
    attributes.emplace_back("gen_ai.conversation.id", "'" + id);
    return attributes;
  };
  auto sessions = Sessions(Resolved(
      {{.id = 1, .start = 1, .end = 20, .attributes = conversation(Agent("a"), "one")},
       {.id = 2, .parent = 1, .start = 2, .end = 3, .attributes = Chat(1, 1)},
       {.id = 3, .parent = 1, .start = 4, .end = 10, .attributes = Tool("c1")},
       {.id = 4, .parent = 3, .start = 5, .end = 6, .attributes = conversation(Chat(2, 2), "two")},
       // The same conversation goes on in a trace of its own.
       {.id = 5, .start = 30, .end = 31, .attributes = conversation(Chat(4, 4), "one"), .trace = 2}}));
  ASSERT_EQ(sessions.size(), 2u);
  EXPECT_EQ(sessions.at("one").totals.input, 5);
  EXPECT_EQ(sessions.at("two").totals.input, 2);
  EXPECT_EQ(sessions.at("two").info.parent_session, "one");
  EXPECT_EQ(sessions.at("two").info.parent_call, "c1");
}

TEST(OtlpTree, OneConversationIdOfTwoAgentsIsTwoSessions) {
  auto attributes = Chat(1, 1);
  attributes.emplace_back("gen_ai.conversation.id", "'same");
  auto sessions = Sessions(Resolved(
      {{.id = 1, .start = 1, .end = 2, .attributes = attributes},
       {.id = 2, .start = 1, .end = 2, .attributes = attributes, .scope = "gemini-cli", .trace = 2}}));
  EXPECT_EQ(sessions.size(), 2u);
  EXPECT_TRUE(sessions.contains("same@svc"));
  EXPECT_TRUE(sessions.contains("same@gemini-cli"));
}

// Exporters may leave out the service of some spans, and these may come first.
TEST(OtlpTree, WhoNamesNoServiceIsTheAgentOfItsTraceOrConversation) {
  auto attributes = Chat(1, 1), none = attributes;
  attributes.emplace_back("gen_ai.conversation.id", "'same");
  auto session_of = [](std::vector<S> spans) {
    std::string seen;
    do {
      auto sessions = Sessions(Resolved(spans));
      EXPECT_EQ(sessions.size(), 1u);
      std::string now = sessions.begin()->first + " of " + sessions.begin()->second.info.agent;
      EXPECT_TRUE(seen.empty() || seen == now) << now;
      seen = now;
    } while (std::ranges::next_permutation(spans, {}, &S::id).found);
    return seen;
  };
  S named{.id = 1, .start = 5, .end = 6, .attributes = attributes};
  S other_trace{.id = 2, .start = 1, .end = 2, .attributes = attributes, .trace = 2, .service = ""};
  S unknown = other_trace, below = other_trace;
  unknown.service = "unknown_service:node";
  EXPECT_EQ(session_of({named, other_trace}), "same of svc");
  EXPECT_EQ(session_of({named, unknown}), "same of svc");
  // A trace without a conversation, below a span of one that has.
  below.id = 3, below.parent = 2, below.attributes = none;
  EXPECT_EQ(session_of({named, other_trace, below}), "same of svc");
  // Nobody names it: by the emitter, as ever.
  EXPECT_EQ(session_of({other_trace, below}), "same of some.emitter");
}

TEST(OtlpTree, PartsOfAToolCallAddToIt) {
  auto sessions = Sessions(
      Resolved({{.id = 1, .start = 1, .end = 9, .attributes = Tool("c1")},
                {.id = 2,
                 .parent = 1,
                 .start = 2,
                 .end = 3,
                 .attributes = {{"error", "'no such file"}},
                 .status = 2,
                 .name = "x.tool.execution"},
                {.id = 3, .parent = 1, .start = 2, .end = 3, .attributes = Tool("c1"), .name = "inner"}}));
  auto& session = sessions.at(kTraceId);
  EXPECT_EQ(session.uses.size(), 1u);
  EXPECT_EQ(session.results.at("c1").status, ToolStatus::kError);
  EXPECT_EQ(session.results.at("c1").error, "no such file");
}

TEST(OtlpTree, MissingParentsKeepTheirChildrenTogether) {
  auto tool = Tool("c1");
  tool.emplace_back("conversation.id", "'conv");
  auto sessions = Sessions(Resolved({{.id = 2, .parent = 77, .start = 2, .end = 3, .attributes = Chat(1, 1)},
                                     {.id = 3, .parent = 77, .start = 4, .end = 5, .attributes = tool}}));
  ASSERT_EQ(sessions.size(), 1u);
  EXPECT_EQ(sessions.at("conv").totals.calls, 1);
  EXPECT_THAT(sessions.at("conv").info.notes, testing::Contains("missing_parent_spans:1"));
}

TEST(OtlpTree, CyclesEnd) {
  auto sessions =
      Sessions(Resolved({{.id = 1, .parent = 3, .start = 1, .end = 2, .attributes = Chat(1, 1)},
                         {.id = 2, .parent = 1, .start = 2, .end = 3, .attributes = Chat(2, 1)},
                         {.id = 3, .parent = 2, .start = 3, .end = 4, .attributes = Tool("c1")},
                         {.id = 4, .parent = 4, .start = 5, .end = 6, .attributes = Tool("c2")}}));
  int64_t cycles = 0;
  for (auto& [id, session] : sessions) cycles += std::ranges::count(session.info.notes, "cyclic_parents:2");
  EXPECT_EQ(cycles, 1);
}

// The ended version, then the fuller one, whatever comes first.
TEST(OtlpTree, VersionsOfOneSpan) {
  S open{.id = 1, .start = 1, .end = 0, .attributes = Chat(500, 1)};
  S done{.id = 1, .start = 1, .end = 2, .attributes = Chat(100, 10)};
  S fuller = done;
  fuller.attributes = Chat(200, 10, "resp");
  std::vector<S> versions = {open, done, fuller, done};
  std::ranges::sort(versions, {}, [](const S& s) { return s.attributes.size(); });
  std::set<std::multiset<std::string>> outcomes;
  std::mt19937 random(1);
  for (int round = 0; round < 24; ++round) {
    std::ranges::shuffle(versions, random);
    outcomes.insert(test::Encoded(Resolved(versions).facts));
  }
  ASSERT_EQ(outcomes.size(), 1u);
  auto session = Sessions(Resolved(versions)).at(kTraceId);
  EXPECT_EQ(session.totals.input, 200);
  EXPECT_TRUE(session.calls.contains("resp"));
}

TEST(OtlpTree, FailedCallsHaveNoAnswer) {
  auto failed = Chat(0, 0);
  failed.resize(2);
  auto session = Sessions(Resolved({{.id = 1, .start = 1, .end = 2, .attributes = failed, .status = 2},
                                    {.id = 2, .start = 3, .end = 4, .attributes = Chat(5, 5)}}))
                     .at(kTraceId);
  EXPECT_THAT(session.failed_calls, ElementsAre("0000000000000001"));
  EXPECT_FALSE(session.calls.at("0000000000000001").usage);
  EXPECT_EQ(session.totals.calls, 1);
}

TEST(OtlpTree, TitleGenerationIsAuxiliary) {
  auto session =
      Sessions(Resolved({{.id = 1, .start = 1, .end = 9, .name = "SessionPrompt.ensureTitle"},
                         {.id = 2, .parent = 1, .start = 2, .end = 3, .attributes = Chat(7, 7, "title")},
                         {.id = 3, .start = 3, .end = 4, .attributes = Chat(5, 5)}}))
          .at(kTraceId);
  EXPECT_THAT(session.auxiliary, ElementsAre("title"));
  EXPECT_EQ(session.totals.calls, 1);
}

TEST(OtlpTree, EmbeddingsAreAuxiliary) {
  auto embedding = Chat(7, 0, "emb");
  embedding[0].second = "'embeddings";
  auto session = Sessions(Resolved({{.id = 1, .start = 1, .end = 9, .attributes = embedding}})).at(kTraceId);
  EXPECT_THAT(session.auxiliary, ElementsAre("emb"));
}

TEST(OtlpTree, HttpRequestsBelowACallAreItsAttempts) {
  auto log = RawOf({{.id = 1, .start = 1, .end = 9, .attributes = Chat(5, 5, "r")}});
  JsonParser parser;
  auto record = DecodeRecord(&log[0], &parser);
  ASSERT_TRUE(record);
  std::vector<SpanRecord> spans = {*record};
  for (std::string id : {"000000000000000a", "000000000000000b"}) {
    SpanRecord post = *record;
    post.span_id = id, post.parent_id = record->span_id, post.kind = SpanRecord::Kind::kOther,
    post.requests = 1, post.llm.reset();
    spans.push_back(post);
  }
  SpanTree tree = BuildTree(spans);
  auto sessions = AssignSessions(&tree);
  for (const Fact& fact : EmitFacts(tree, sessions)) {
    if (fact.kind == FactKind::kLlmCall) {
      EXPECT_EQ(fact.llm->attempts, 2);
    }
  }
}

TEST(OtlpTree, RecordsRoundTrip) {
  auto tool = Tool("c1");
  tool.emplace_back("gen_ai.tool.call.arguments", R"('{\"path\":\"x\"})");
  for (const S& s : std::vector<S>{{.id = 1, .start = 1, .end = 2, .attributes = Chat(5, 5, "r")},
                                   {.id = 2, .start = 1, .end = 0, .attributes = tool},
                                   {.id = 3, .attributes = Agent("\xc3\xa4", 1, 1)}}) {
    std::vector<Fact> facts = RawOf({s});
    ASSERT_EQ(facts.size(), 1u);
    Fact before = facts[0];
    auto stored = DecodeFact(EncodeFact(before));
    ASSERT_TRUE(stored);
    EXPECT_EQ(*stored, before);
    JsonParser parser;
    auto record = DecodeRecord(&facts[0], &parser);
    ASSERT_TRUE(record);
    EXPECT_EQ(EncodeRecord(*record), before);
  }
}

// What a store may hold besides our records passes through; what is damaged is not lost.
TEST(OtlpTree, ForeignFactsPassThrough) {
  Fact foreign;
  foreign.kind = FactKind::kOutcome, foreign.source = "otlp", foreign.session_id = "s", foreign.id = "o";
  Fact broken;
  broken.kind = FactKind::kLink, broken.source = "otlp", broken.session_id = "s", broken.id = "span:x:y",
  broken.user = UserTurn{"{", 1, true};
  std::vector<Fact> facts = {foreign, broken};
  ResolveOtlp(&facts);
  EXPECT_EQ(facts, (std::vector<Fact>{foreign, broken}));
}

// Spans over files and requests in any order, repeated: the same facts.
TEST(OtlpTree, OrderAndSplittingChangeNothing) {
  for (const char* name : {"claude-code", "claude-code-pb", "sdk-ai", "sdk-ai-lines"}) {
    OtlpLog log;
    for (auto& file : test::SignalFiles(test::Golden(name), "traces")) test::FeedText(test::Body(file), &log);
    ASSERT_FALSE(log.facts.empty());
    std::vector<Fact> raw = log.facts;
    ResolveOtlp(&log.facts);
    auto truth = test::Encoded(log.facts);
    std::mt19937 random(7);
    for (int round = 0; round < 10; ++round) {
      std::vector<Fact> facts = raw;
      for (int i = 0; i < 20; ++i) facts.push_back(raw[random() % raw.size()]);
      std::ranges::shuffle(facts, random);
      ResolveOtlp(&facts);
      EXPECT_EQ(test::Encoded(facts), truth) << name;
    }
  }
}

// Spans below one parent, in one chain, and as tools that all overlap.
double SecondsFor(int count, int shape) {
  std::vector<SpanRecord> spans(static_cast<size_t>(count));
  for (int i = 0; i < count; ++i) {
    SpanRecord& span = spans[static_cast<size_t>(i)];
    span.trace_id = kTraceId;
    span.span_id = fmt::format("{:016x}", i + 1);
    if (i > 0) span.parent_id = fmt::format("{:016x}", shape == 1 ? i : 1);
    span.scope = shape == 2 ? "@traceloop/x" : "x";
    span.instance = "i";
    span.start_ns = 1000 + i;
    span.end_ns = 10'000'000;
    bool tool = i % 2 == 0;
    span.kind = tool ? SpanRecord::Kind::kTool : SpanRecord::Kind::kLlm;
    span.prompt = tool ? "" : fmt::format("p{}", i);
    if (tool)
      span.tool = ToolUse();
    else
      span.llm = LlmCall(), span.llm->usage = Usage();
  }
  std::clock_t start = std::clock();  // of this process alone: others may keep the machine busy
  SpanTree tree = BuildTree(std::move(spans));
  auto sessions = AssignSessions(&tree);
  EXPECT_FALSE(EmitFacts(tree, std::move(sessions)).empty());
  return static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
}

// Fifteen times the spans may take fifteen times as long, with room for a busy machine; the square would be
// 225 times.
TEST(OtlpTree, ManySpansTakeLinearTime) {
  for (int shape = 0; shape < 3; ++shape) {
    double small = std::max({SecondsFor(1000, shape), SecondsFor(1000, shape), 0.002});
    double large = std::min(SecondsFor(15'000, shape), SecondsFor(15'000, shape));
    EXPECT_LT(large, 75 * small) << "shape " << shape;
  }
}

}  // namespace
}  // namespace clawtrace::capture
