#include "replay/live.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>

#include "replay/live_history.h"
#include "replay/session_test_util.h"

namespace clawtrace::replay {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Session Recorded() {
  return SessionMaker("Sum up the numbers.")
      .Say("I look.")
      .Bash("ls", "a.csv\nb.csv")
      .Say("Both.")
      .Read("a.csv", "1\n2")
      .Read("b.csv", "40")
      .Say("")
      .Write("out.txt", "43")
      .Say("Done: 43.")
      .Take();
}

LiveOptions Options(int64_t times = 3) {
  LiveOptions options;
  options.model = "demo", options.times = times;
  return options;
}

std::string Told(const llm::Request& request) {
  std::string out;
  for (const llm::Turn& turn : request.turns) {
    switch (turn.speaker) {
      case llm::Speaker::kUser:
        out += "U " + turn.text + "\n";
        break;
      case llm::Speaker::kAssistant:
        out += "A " + turn.text;
        for (const llm::ToolCall& call : turn.calls)
          out += " | " + call.id + " " + call.name + " " + call.args;
        out += "\n";
        break;
      case llm::Speaker::kTools:
        for (const llm::ToolOutput& output : turn.outputs) out += "T " + output.id + " " + output.text + "\n";
        break;
    }
  }
  return out;
}

TEST(LiveQuestion, TellsTheHistoryWithAndWithout) {
  Session session = Recorded();
  auto timeline = TimelineOf(session);
  auto question = QuestionWithout(timeline, {4}, Options());  // b.csv
  ASSERT_TRUE(question.has_value()) << question.error().message;
  EXPECT_EQ(question->call, 5U);
  EXPECT_THAT(question->actions, ElementsAre(6));
  EXPECT_EQ(Told(question->without),
            "U Sum up the numbers.\nA I look. | call_2 bash {\"command\":\"ls\"}\nT call_2 a.csv\nb.csv\n"
            "A Both. | call_4 read {\"path\":\"a.csv\"}\nT call_4 1\n2\n");
  EXPECT_EQ(Told(question->control),
            "U Sum up the numbers.\nA I look. | call_2 bash {\"command\":\"ls\"}\nT call_2 a.csv\nb.csv\n"
            "A Both. | call_4 read {\"path\":\"a.csv\"} | call_5 read {\"path\":\"b.csv\"}\nT call_4 1\n2\nT "
            "call_5 40\n");
  ASSERT_EQ(question->without.tools.size(), 3U);
  EXPECT_EQ(question->without.tools[2].name, "write");
  EXPECT_THAT(question->without.tools[2].parameters, ElementsAre("content", "path"));
}

// A turn whose only tool goes goes too; with a long text it stays, and its text is what came before the next.
TEST(LiveQuestion, TurnsThatAreEmptied) {
  Session session = Recorded();
  auto question = QuestionWithout(TimelineOf(session), {1}, Options());
  ASSERT_TRUE(question.has_value());
  EXPECT_EQ(Told(question->without), "U Sum up the numbers.\n");
  session.steps[0].llm.text.assign(400, 'x'), session.steps[0].llm.text_bytes = 400;
  auto timeline = TimelineOf(session);
  question = QuestionWithout(timeline, {1}, Options());
  ASSERT_TRUE(question.has_value());
  EXPECT_EQ(question->call, 2U);
  EXPECT_EQ(Told(question->without), "U Sum up the numbers.\n");  // it would only go on speaking
  question = QuestionWithout(timeline, {1, 3, 4}, Options());
  ASSERT_TRUE(question.has_value());
  EXPECT_EQ(Told(question->without), "U Sum up the numbers.\n");
}

// Calls that keep their text and lose their tools are no next action; their texts are one turn with what
// follows.
TEST(LiveQuestion, PassesOverCallsThatLoseTheirTools) {
  Session session = Recorded();
  for (size_t call : {2, 5})
    session.steps[call].llm.text.assign(400, 'y'), session.steps[call].llm.text_bytes = 400;
  auto timeline = TimelineOf(session);
  auto question = QuestionWithout(timeline, {3, 4, 6}, Options());
  ASSERT_TRUE(question.has_value());
  EXPECT_EQ(question->call, 7U);
  EXPECT_TRUE(question->actions.empty());
  EXPECT_EQ(Told(question->without),
            "U Sum up the numbers.\nA I look. | call_2 bash {\"command\":\"ls\"}\nT call_2 a.csv\nb.csv\n");
  question = QuestionWithout(timeline, {1, 3, 4}, Options());
  ASSERT_TRUE(question.has_value());
  EXPECT_EQ(question->call, 5U);
  EXPECT_THAT(question->actions, ElementsAre(6));
  EXPECT_EQ(Told(question->without), "U Sum up the numbers.\n");
}

TEST(LiveQuestion, WhatIsNotRecordedIsSaid) {
  Session session = SessionMaker("Go.").Say("First answer.").Say("").Bash("ls", "x").Say("End.").Take();
  session.steps[2].result.output_bytes = 9000;
  auto timeline = TimelineOf(session);
  auto question = QuestionWithout(timeline, {2}, Options());
  ASSERT_TRUE(question.has_value());
  EXPECT_THAT(Told(question->control), HasSubstr("A First answer.\nU (a message that was not recorded)\nA "));
  EXPECT_THAT(question->notes, testing::Contains(HasSubstr("1 messages to the model")));
  EXPECT_THAT(question->notes, testing::Contains(HasSubstr("1 texts of the history")));
  EXPECT_TRUE(question->actions.empty());

  EXPECT_EQ(QuestionWithout(timeline, {0}, Options()).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(QuestionWithout(timeline, {99}, Options()).error().code, ErrorCode::kNotFound);
  session.prompt.clear();
  EXPECT_EQ(QuestionWithout(timeline, {2}, Options()).error().code, ErrorCode::kUnsupported);
  session.prompt = "Go.", session.steps.pop_back();
  EXPECT_EQ(QuestionWithout(TimelineOf(session), {2}, Options()).error().code, ErrorCode::kNotFound);
}

TEST(LiveHistory, WireForms) {
  EXPECT_EQ(WireName("mcp.server/tool"), "mcp_server_tool");
  EXPECT_EQ(WireName(""), "_");
  ToolUse patch;
  patch.name = "apply_patch", patch.args = R"("*** Begin")";
  EXPECT_EQ(WireArgs(patch), R"({"input":"*** Begin"})");
  EXPECT_EQ(FromWireArgs(patch, R"({"input":"*** Other"})"), R"("*** Other")");
  patch.args = "not json";
  EXPECT_EQ(WireArgs(patch), R"({"input":"not json"})");
  patch.args = "";
  EXPECT_EQ(WireArgs(patch), "{}");
}

llm::Reply Calls(const std::string& name, const std::string& args, bool broken = false) {
  return {.text = "", .calls = {{.id = "x", .name = name, .args = args, .broken = broken}}};
}

TEST(LiveCompare, NearestOfTheTurn) {
  Session session = Recorded();
  auto timeline = TimelineOf(session);
  auto reads = QuestionWithout(timeline, {1}, Options());
  ASSERT_TRUE(reads.has_value());
  EXPECT_EQ(Compare(timeline, *reads, Calls("read", R"({"path":"b.csv"})")), Likeness::kSameAction);
  EXPECT_EQ(Compare(timeline, *reads, Calls("read", R"({"description":"look","path":"a.csv"})")),
            Likeness::kSameAction);
  EXPECT_EQ(Compare(timeline, *reads, Calls("read", R"({"limit":3,"path":"/tmp/demo/a.csv"})")),
            Likeness::kSameSignature);
  EXPECT_EQ(Compare(timeline, *reads, Calls("read", R"({"path":"c.csv"})")), Likeness::kOther);
  EXPECT_EQ(Compare(timeline, *reads, Calls("bash", R"({"path":"a.csv"})")), Likeness::kOther);
  EXPECT_EQ(Compare(timeline, *reads, Calls("read", R"({"path":"a.csv")", true)), Likeness::kOther);
  EXPECT_EQ(Compare(timeline, *reads, {.text = "No.", .calls = {}}), Likeness::kAnswered);
  auto answers = QuestionWithout(timeline, {6}, Options());
  ASSERT_TRUE(answers.has_value());
  EXPECT_EQ(Compare(timeline, *answers, {.text = "Done: 43.", .calls = {}}), Likeness::kSameAction);
  EXPECT_EQ(Compare(timeline, *answers, {.text = "It is 43.", .calls = {}}), Likeness::kSameSignature);
  EXPECT_EQ(Compare(timeline, *answers, Calls("bash", "{}")), Likeness::kOther);
}

class Script final : public llm::Transport {
 public:
  explicit Script(std::deque<llm::Sent> replies) : replies_(std::move(replies)) {}
  llm::Sent Send(const llm::WireRequest&) override {
    if (replies_.empty())
      return std::unexpected(llm::CallError{llm::CallErrorKind::kCassetteMiss, "no more"});
    llm::Sent reply = replies_.front();
    replies_.pop_front();
    return reply;
  }

 private:
  std::deque<llm::Sent> replies_;
};

llm::Sent Replied(std::string_view what, int status = 200) {
  std::string usage = R"("usage":{"uncached_input":100,"output":10})";
  return llm::WireReply{.status = status,
                        .body = "{" + std::string(what) + (what.empty() ? "" : ",") + usage + "}"};
}
const llm::Sent kWrites =
    Replied(R"("calls":[{"name":"write","arguments":{"path":"out.txt","content":"43"}}])");
const llm::Sent kWritesOther =
    Replied(R"("calls":[{"name":"write","arguments":{"path":"out.txt","content":"3"}}])");
const llm::Sent kLists = Replied(R"("calls":[{"name":"bash","arguments":{"command":"ls"}}])");

std::optional<Usd> PerToken(const Usage& usage) { return Usd::Pico(1'000'000).Times(usage.total()); }

Result<LiveCheck> Asked(std::deque<llm::Sent> replies, llm::Budget budget = {}, int64_t times = 3) {
  Session session = Recorded();
  auto timeline = TimelineOf(session);
  Script script(std::move(replies));
  llm::Asker asker(*llm::FindProvider("command"), script, &PerToken, budget);
  return AskAgain(timeline, {4}, Options(times), &asker);
}

TEST(AskAgain, CountsBothArms) {
  auto check = Asked({kLists, kWrites, kWritesOther, kWrites, Replied(R"("text":"43")"), Replied("", 500)});
  ASSERT_TRUE(check.has_value()) << check.error().message;
  EXPECT_EQ(check->next_step, "7");
  EXPECT_EQ(check->next_action, "write out.txt");
  EXPECT_EQ(check->without.asked, 3);
  EXPECT_EQ(check->without.other, 1);
  EXPECT_EQ(check->without.same_action, 0);
  EXPECT_EQ(check->without.same_signature, 1);
  EXPECT_EQ(check->without.answered, 1);
  EXPECT_EQ(check->without.signature, (LiveShare{333'333, 61'492, 792'340}));
  EXPECT_EQ(check->control.asked, 3);
  EXPECT_EQ(check->control.same_action, 2);
  EXPECT_EQ(check->control.same_signature, 2);
  EXPECT_EQ(check->control.errors, 1);
  EXPECT_EQ(check->control.signature, (LiveShare{1'000'000, 342'380, 1'000'000}));  // of two replies
  ASSERT_TRUE(check->difference.has_value());
  EXPECT_EQ(check->difference->ppm, -666'667);
  EXPECT_EQ(check->calls, 5);
  EXPECT_EQ(check->cost_usd, Usd::Pico(1'000'000).Times(5 * 110));
  EXPECT_EQ(check->error, "server: status 500");
  EXPECT_EQ(check->stopped, "");
}

TEST(AskAgain, EndsWithTheBudget) {
  std::deque<llm::Sent> replies(80, kWrites);
  Usd most = Usd::Pico(1'000'000).Times(7000);
  auto check = Asked(replies, {.most = most}, 40);
  ASSERT_TRUE(check.has_value());
  EXPECT_THAT(check->stopped, HasSubstr("budget: the next call may cost"));
  EXPECT_GT(check->calls, 0);
  EXPECT_LE(*check->cost_usd, most);
  EXPECT_LE(check->without.asked - check->control.asked, 1);
  EXPECT_LT(check->control.asked, 40);
  check = Asked(replies, {.most = Usd::Pico(1)}, 10);
  ASSERT_TRUE(check.has_value());
  EXPECT_EQ(check->without.asked, 0);
  EXPECT_EQ(check->without.signature, std::nullopt);
  EXPECT_EQ(check->difference, std::nullopt);
}

TEST(AskAgain, FailsWhereAskingOnIsVain) {
  EXPECT_EQ(Asked({kWrites}).error().code, ErrorCode::kNotFound);  // the cassette ends
  auto refused = Asked({Replied(R"("error":{"message":"no such model"})", 404)});
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().message, "the provider refuses: status 404: no such model");
}

TEST(AskAgain, CutAnswersAreNone) {
  llm::Sent cut = Replied(R"("text":"I will","stop_reason":"max_tokens")");
  auto check = Asked({cut, cut}, {}, 1);
  ASSERT_TRUE(check.has_value());
  EXPECT_EQ(check->without.errors, 1);
  EXPECT_EQ(check->without.signature, std::nullopt);
  EXPECT_EQ(check->error, "the answer was cut off by max_tokens");
}

}  // namespace
}  // namespace clawtrace::replay
