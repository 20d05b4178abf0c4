#include "model/inherit.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace clawtrace {
namespace {

Step Call(const std::string& id, int64_t turn, std::optional<int64_t> start, int64_t output = 10) {
  Step step;
  step.call_id = id, step.turn = turn, step.start_ns = start;
  step.llm.model = "m", step.llm.usage = Usage{.uncached_input = 100, .output = output};
  return step;
}
Step Tool(const std::string& id, int64_t turn) {
  Step step;
  step.kind = StepKind::kToolUse, step.call_id = id, step.turn = turn;
  return step;
}
Session Make(const std::string& id, int64_t start, int64_t end, std::vector<Step> steps,
             const std::string& from = "") {
  Session session;
  session.id = id, session.source = "s", session.start_ns = start, session.end_ns = end;
  session.steps = std::move(steps), session.info.forked_from = from;
  return session;
}
std::vector<size_t> Counts(const std::vector<Session>& sessions) {
  std::vector<SessionCalls> calls;
  for (const Session& session : sessions) calls.push_back(CallsOf(session));
  std::vector<size_t> counts;
  for (auto& keys : FindInherited(calls)) counts.push_back(keys.size());
  return counts;
}
using List = std::vector<size_t>;

TEST(Inherit, CopiesOfOneMomentAreChargedToTheEarliestSession) {
  Session origin = Make("b", 1, 50, {Call("x", 1, 1), Call("y", 2, 2)});
  Session fork = Make("a", 1, 90, {Call("x", 1, 1), Call("y", 2, 2), Call("z", 3, 60)});
  EXPECT_EQ(Counts({origin, fork}), (List{0, 2}));
  EXPECT_EQ(Counts({fork, origin}), (List{2, 0}));
}

TEST(Inherit, EqualIdsOfUnrelatedSessionsAreOthersCalls) {
  // Scripted and self-numbering clients use the same ids again and again.
  EXPECT_EQ(Counts({Make("a", 1, 5, {Call("1", 1, 1)}), Make("b", 7, 9, {Call("1", 1, 7)})}), (List{0, 0}));
  EXPECT_EQ(
      Counts({Make("a", 1, 5, {Call("1", 1, std::nullopt)}), Make("b", 7, 9, {Call("1", 1, std::nullopt)})}),
      (List{0, 0}));
}

TEST(Inherit, ACopyStampedAnewIsKnownByItsOrigin) {
  Session origin = Make("o", 1, 5, {Call("x", 1, 1)});
  Session fork = Make("f", 8, 9, {Call("x", 1, 8), Call("y", 2, 9)}, "o");
  Session second = Make("g", 8, 9, {Call("x", 1, 8), Call("y", 2, 9)}, "f");
  EXPECT_EQ(Counts({origin, fork, second}), (List{0, 1, 2}));
  // The same without their common origin: the first fork pays.
  EXPECT_EQ(Counts({second, fork}), (List{2, 0}));
}

TEST(Inherit, OtherUsageIsAnotherCall) {
  EXPECT_EQ(Counts({Make("a", 1, 5, {Call("x", 1, 1, 10)}), Make("b", 1, 6, {Call("x", 1, 1, 11)})}),
            (List{0, 0}));
}

TEST(Inherit, ForksOfEachOtherEnd) {
  EXPECT_EQ(Counts({Make("a", 1, 5, {Call("x", 1, 1)}, "b"), Make("b", 1, 6, {Call("x", 1, 1)}, "a")}),
            (List{0, 1}));
}

TEST(Inherit, EachCallIsChargedExactlyOnceInAnyOrder) {
  std::vector<Session> sessions;
  for (int i = 0; i < 6; ++i) {
    std::vector<Step> steps;
    for (int c = 0; c <= i; ++c) steps.push_back(Call("c" + std::to_string(c), c + 1, c));
    sessions.push_back(Make("s" + std::to_string(i), 0, 10 + i, steps));
  }
  do {
    size_t charged = 0;
    List counts = Counts(sessions);
    for (size_t i = 0; i < sessions.size(); ++i) {
      charged += sessions[i].steps.size() - counts[i];
      EXPECT_EQ(counts[i], sessions[i].steps.size() - 1);
    }
    EXPECT_EQ(charged, 6u);
  } while (std::ranges::next_permutation(sessions, {}, &Session::id).found);
}

TEST(Inherit, MarksCallsTheirToolsAndThoseBelow) {
  Session child = Make("k", 3, 4, {Call("below", 1, 3)});
  Session session = Make("a", 1, 9, {Call("x", 1, 1), Tool("t", 1), Call("y", 2, 5), Tool("u", 2)});
  session.steps[1].kind = StepKind::kSubagentSpawn;
  session.steps[1].children.push_back(child);
  std::vector<uint64_t> keys = {CallsOf(session).calls[0].key, CallsOf(child).calls[0].key};
  std::ranges::sort(keys);
  EXPECT_EQ(MarkInherited(&session, keys), 2);
  EXPECT_TRUE(session.steps[0].inherited);
  EXPECT_FALSE(session.steps[0].llm.billed);
  EXPECT_TRUE(session.steps[1].inherited);
  EXPECT_TRUE(session.steps[1].children[0].steps[0].inherited);
  EXPECT_FALSE(session.steps[2].inherited || session.steps[3].inherited);
  EXPECT_EQ(session.notes, std::vector<std::string>{"inherited_calls:2"});
}

TEST(CallsOf, NamesSubAgentsThatAreThereAndThatAreNot) {
  Session session = Make("a", 1, 9, {Call("x", 1, 1), Tool("t1", 1), Tool("t2", 1)});
  session.steps[1].result.child_session = "b", session.steps[2].result.child_session = "c";
  session.steps[1].children.push_back(Make("b", 2, 3, {Call("y", 1, 2), Tool("t3", 1)}));
  session.steps[1].children[0].steps[1].result.child_session = "d";
  SessionCalls calls = CallsOf(session);
  EXPECT_EQ(calls.below, std::vector<std::string>{"b"});
  EXPECT_EQ(calls.missing, (std::vector<std::string>{"c", "d"}));
  EXPECT_EQ(calls.calls.size(), 2u);
}

}  // namespace
}  // namespace clawtrace
