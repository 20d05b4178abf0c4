#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "model/session.h"

namespace clawtrace {
namespace {

constexpr int64_t kSecond = 1'000'000'000;

Fact Base(FactKind kind, std::string session, std::string id, int64_t second, std::string node = "",
          std::string parent = "") {
  Fact fact;
  fact.kind = kind, fact.source = "test", fact.session_id = std::move(session), fact.id = std::move(id);
  fact.start_ns = second * kSecond, fact.node = std::move(node), fact.parent_node = std::move(parent);
  return fact;
}

Fact Call(std::string session, std::string id, int64_t second, int64_t output, std::string node,
          std::string parent) {
  Fact fact =
      Base(FactKind::kLlmCall, std::move(session), std::move(id), second, std::move(node), std::move(parent));
  fact.llm = LlmCall{};
  fact.llm->model = "m";
  fact.llm->usage = Usage{.uncached_input = 10, .output = output};
  fact.llm->text_bytes = 5;
  return fact;
}

Fact Use(std::string session, std::string id, int64_t second, std::string call, std::string node,
         std::string parent, std::string name = "read") {
  Fact fact =
      Base(FactKind::kToolUse, std::move(session), std::move(id), second, std::move(node), std::move(parent));
  fact.tool = ToolUse{};
  fact.tool->name = std::move(name), fact.tool->llm_call = std::move(call), fact.tool->args = "{}",
  fact.tool->args_bytes = 2;
  return fact;
}

Fact Answer(std::string session, std::string id, int64_t second, std::string node, std::string parent,
            std::string child = "") {
  Fact fact = Base(FactKind::kToolResult, std::move(session), std::move(id), second, std::move(node),
                   std::move(parent));
  fact.result = ToolResult{};
  fact.result->status = ToolStatus::kOk, fact.result->child_session = std::move(child);
  return fact;
}

Fact Info(std::string session, SessionInfo info) {
  Fact fact = Base(FactKind::kSession, std::move(session), "session", 0);
  fact.start_ns.reset();
  fact.session = std::move(info);
  return fact;
}

// A root with a call of two lines, two parallel tools, a sub-agent, and a rewound branch.
std::vector<Fact> Sample() {
  return {
      Info("root", {.agent = "t", .cwd = "/w/proj"}),
      [] {
        Fact f = Base(FactKind::kUser, "root", "u", 1, "n1", "");
        f.user = UserTurn{"Do  IT", 6, false};
        return f;
      }(),
      Call("root", "c1", 2, 1, "n2", "n1"),
      Call("root", "c1", 3, 7, "n3", "n2"),
      Use("root", "t1", 2, "c1", "n2", "n1"),
      Use("root", "t2", 3, "c1", "n3", "n2", "Task"),
      Answer("root", "t1", 5, "n4", "n2"),
      Answer("root", "t2", 9, "n5", "n3", "kid"),
      Call("root", "c2", 10, 3, "n6", "n5"),
      Call("root", "c3", 12, 3, "n7", "n5"),
      Info("kid", {.agent = "t", .parent_session = "root", .parent_call = "t2", .agent_name = "helper"}),
      Call("kid", "k1", 6, 4, "m1", ""),
  };
}

TEST(AssembleTest, OrdersJoinsAndNests) {
  auto sessions = AssembleSessions(Sample());
  ASSERT_EQ(sessions.size(), 1u);
  const Session& s = sessions[0];
  ASSERT_EQ(s.steps.size(), 5u);
  EXPECT_EQ(s.steps[0].call_id, "c1");
  EXPECT_EQ(s.steps[0].llm.usage->output, 7) << "the larger of the growing snapshots";
  EXPECT_EQ(s.steps[0].llm.text_bytes, 10) << "blocks of both lines";
  EXPECT_EQ(s.steps[1].call_id, "t1");
  EXPECT_EQ(s.steps[1].turn, 1);
  EXPECT_EQ(*s.steps[1].end_ns, 5 * kSecond);
  EXPECT_EQ(s.steps[2].kind, StepKind::kSubagentSpawn);
  ASSERT_EQ(s.steps[2].children.size(), 1u);
  EXPECT_EQ(s.steps[2].children[0].info.agent_name, "helper");
  EXPECT_TRUE(s.steps[3].abandoned) << "c2 was left for c3";
  EXPECT_FALSE(s.steps[4].abandoned);
  EXPECT_EQ(s.steps[4].turn, 3);
  EXPECT_TRUE(s.task_id.starts_with("task-"));
}

TEST(AssembleTest, OrderAndRepetitionChangeNothing) {
  std::string want = EncodeSession(AssembleSessions(Sample())[0], false);
  std::mt19937 random(1);
  for (int round = 0; round < 200; ++round) {
    auto facts = Sample();
    auto again = Sample();
    facts.insert(facts.end(), again.begin(),
                 again.begin() + static_cast<std::ptrdiff_t>(random() % again.size()));
    std::shuffle(facts.begin(), facts.end(), random);
    auto sessions = AssembleSessions(facts);
    ASSERT_EQ(sessions.size(), 1u);
    ASSERT_EQ(EncodeSession(sessions[0], false), want) << "round " << round;
  }
}

TEST(AssembleTest, SessionRoundTrips) {
  Session session = AssembleSessions(Sample())[0];
  for (bool json : {false, true}) {
    auto back = DecodeSession(EncodeSession(session, json), "s");
    ASSERT_TRUE(back) << back.error().message;
    EXPECT_EQ(EncodeSession(*back, json), EncodeSession(session, json));
  }
}

TEST(AssembleTest, FactsRoundTrip) {
  for (const Fact& fact : Sample()) {
    auto back = DecodeFact(EncodeFact(fact));
    ASSERT_TRUE(back) << back.error().message;
    EXPECT_EQ(*back, fact) << EncodeFact(fact);
  }
}

TEST(AssembleTest, CyclicParentsEndAndAreNoted) {
  auto sessions = AssembleSessions({Call("s", "a", 1, 1, "x", "y"), Call("s", "b", 2, 1, "y", "x")});
  ASSERT_EQ(sessions.size(), 1u);
  EXPECT_EQ(sessions[0].steps.size(), 2u);
  EXPECT_EQ(sessions[0].steps[0].call_id, "a");
  EXPECT_EQ(sessions[0].notes, std::vector<std::string>{"cyclic_parents:1"});
}

TEST(AssembleTest, SubAgentsThatSpawnEachOtherAreKept) {
  auto sessions = AssembleSessions({Info("a", {.parent_session = "b"}), Call("a", "1", 1, 1, "", ""),
                                    Info("b", {.parent_session = "a"}), Call("b", "2", 2, 1, "", "")});
  size_t calls = 0;
  auto count = [&](auto&& self, const Session& s) -> void {
    for (const Step& step : s.steps) {
      calls += step.kind == StepKind::kLlmCall;
      for (const Session& child : step.children) self(self, child);
    }
  };
  for (const Session& s : sessions) count(count, s);
  EXPECT_EQ(calls, 2u);
}

TEST(AssembleTest, ADeepChainOfSubAgentsIsCut) {
  std::vector<Fact> facts;
  for (int i = 0; i < 5000; ++i) {
    facts.push_back(Info("s" + std::to_string(i), {.parent_session = i ? "s" + std::to_string(i - 1) : ""}));
    facts.push_back(Call("s" + std::to_string(i), "c" + std::to_string(i), i, 1, "", ""));
  }
  auto sessions = AssembleSessions(facts);
  EXPECT_GT(sessions.size(), 50u);
}

TEST(AssembleTest, ResultsWithoutCallAndCallsWithoutResult) {
  auto sessions = AssembleSessions(
      {Call("s", "c", 1, 1, "n1", ""), Use("s", "t1", 1, "c", "n1", ""), Answer("s", "zz", 2, "n2", "n1")});
  EXPECT_EQ(sessions[0].notes, (std::vector<std::string>{"missing_result:1", "result_without_call:1"}));
  EXPECT_TRUE(sessions[0].steps[2].result_only);
}

TEST(AssembleTest, NoModelCall) {
  auto sessions = AssembleSessions({Info("s", {.agent = "t"})});
  ASSERT_EQ(sessions.size(), 1u);
  EXPECT_EQ(sessions[0].notes, std::vector<std::string>{"no_model_call"});
}

TEST(AssembleTest, SameTaskWhateverTheSpacing) {
  auto with = [](std::string text, std::string cwd) {
    Fact user = Base(FactKind::kUser, "s", "u", 1, "n1", "");
    user.user = UserTurn{text, static_cast<int64_t>(text.size()), false};
    return AssembleSessions({Info("s", {.cwd = cwd}), user})[0].task_id;
  };
  EXPECT_EQ(with("Fix the  bug\n", "/a/proj"), with("fix the bug", "/b/proj/"));
  EXPECT_NE(with("fix the bug", "/a/proj"), with("fix the bug", "/a/other"));
}

}  // namespace
}  // namespace clawtrace
