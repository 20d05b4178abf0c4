#include "replay/information.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "replay/channels.h"
#include "replay/session_test_util.h"

namespace clawtrace::replay {
namespace {

// Keeps what Information points to.
struct Seen {
  explicit Seen(Session of) : session(std::move(of)), timeline(TimelineOf(session)), channels(timeline) {}
  Need Of(size_t step) const {
    return channels.information().NeedOf(step, std::vector<bool>(timeline.size(), true));
  }
  Session session;
  std::vector<Moment> timeline;
  Channels channels;
};

TEST(Information, WhatAStepToldFirstAndALaterOneSaysIsNeeded) {
  Seen seen(SessionMaker("Do it.")
                .Say("")
                .Read("a.json", "{\"ticket\": \"MIG-4471\"}")
                .Say("")
                .Bash("echo migrated MIG-4471 > log", "")
                .Take());
  Need need = seen.Of(1);
  EXPECT_EQ(need.use, Use::kStrong);
  EXPECT_EQ(need.used_by, 3u);
  EXPECT_EQ(need.content, "MIG-4471");
}

TEST(Information, WhatThePromptSaidNeedsNoStep) {
  const std::string kMuch = "ticket\n1\n2\n3\nMIG-4471\n";
  Seen seen(SessionMaker("Write MIG-4471.").Say("").Read("a.json", kMuch).Say("MIG-4471").Take());
  EXPECT_EQ(seen.Of(1).use, Use::kNone);
  Seen choice(SessionMaker("8080 or 9090?").Say("").Read("a.conf", "listen 9090").Say("It is 9090.").Take());
  EXPECT_EQ(choice.Of(1).use, Use::kWeak) << "it may have told which";
}

TEST(Information, WhatTheAgentSaidBeforeNeedsNoStep) {
  Seen seen(
      SessionMaker("Go.").Say("").Bash("cat out/v17.txt", "out/v17.txt: fine").Say("out/v17.txt").Take());
  EXPECT_EQ(seen.Of(1).use, Use::kNone);
}

TEST(Information, ALogThatEndsThereAndWhatIsNoTextAreNotKnown) {
  Seen seen(SessionMaker("Go.")
                .Say("")
                .Read("a", "plain")
                .Say("")
                .Tool("web_fetch", R"({"url":"u"})", "[document 0123456789abcdef]")
                .Say("So be it.")
                .Say("")
                .Read("c", "the last words")
                .Take());
  std::string why;
  EXPECT_TRUE(seen.channels.information().Known(1, &why));
  EXPECT_FALSE(seen.channels.information().Known(3, &why));
  EXPECT_FALSE(seen.channels.information().Known(6, &why));
}

TEST(Information, AFileThatIsNotWhereTheTaskSaysIsAnAnswer) {
  Seen seen(SessionMaker("Follow plans/release.md.")
                .Say("")
                .Tool("read", R"({"path":"plans/release.md"})", "ENOENT", ToolStatus::kError)
                .Say("")
                .Tool("read", R"({"path":"other.md"})", "ENOENT", ToolStatus::kError)
                .Say("It cannot be done.")
                .Take());
  std::vector<bool> kept(seen.timeline.size(), true);
  EXPECT_TRUE(seen.channels.Against(1, kept));
  EXPECT_FALSE(seen.channels.Against(3, kept));
}

TEST(Information, AnEarlierReadIsAnotherSource) {
  Seen seen(SessionMaker("Go.")
                .Say("")
                .Read("a", "port 8081")
                .Say("")
                .Read("a", "port 8081")
                .Say("It is 8081.")
                .Take());
  EXPECT_EQ(seen.Of(3).use, Use::kNone);
  EXPECT_EQ(seen.Of(3).instead, 1u);
  EXPECT_EQ(seen.Of(1).use, Use::kWeak) << "a later source does not show that the first was idle";
  std::vector<bool> kept(5, true);
  kept[3] = false;
  EXPECT_EQ(seen.channels.information().NeedOf(1, kept).use, Use::kStrong);
  kept = std::vector<bool>(5, true);
  kept[1] = false;
  EXPECT_EQ(seen.channels.information().NeedOf(3, kept).use, Use::kStrong) << "one of the two is needed";
}

TEST(Information, ANameOfAListingMayComeFromALaterStep) {
  Seen seen(SessionMaker("Go.")
                .Say("")
                .Bash("ls -la .", "-rw-r--r-- 1 u u 12 Nov 21 03:56 zeta-9.txt\n")
                .Say("")
                .Bash("grep -rl foo .", "zeta-9.txt\n")
                .Say("")
                .Read("zeta-9.txt", "foo")
                .Say("done")
                .Take());
  EXPECT_EQ(seen.Of(1).use, Use::kNone);
  EXPECT_EQ(seen.Of(3).use, Use::kWeak) << "the listing had told the name, but not that it holds foo";
}

TEST(Information, ArgumentsOfOneTurnAreSaidBeforeItsResults) {
  Seen seen(SessionMaker("Go.").Say("").Read("a", "key 7f3e9").Bash("echo 7f3e9", "7f3e9").Say("ok").Take());
  EXPECT_EQ(seen.Of(1).use, Use::kNone) << "the second call was asked for with the first";
}

TEST(Information, AShortAnswerThatPicksAmongKnownThingsIsWeak) {
  Seen seen(SessionMaker("Which leads?")
                .Say("")
                .Read("all.txt", "alpha beta gamma")
                .Say("")
                .Bash("./rank | head -n 1", "beta")
                .Say("")
                .Bash("echo beta > top.txt", "")
                .Say("done")
                .Take());
  EXPECT_EQ(seen.Of(3).use, Use::kWeak);
}

TEST(Information, AChoiceAmongThePathsOfTheCallIsWeak) {
  Seen seen(SessionMaker("north or south?")
                .Say("")
                .Bash("grep -l yes areas/north.txt areas/south.txt", "areas/south.txt")
                .Say("")
                .Bash("wc -l areas/south.txt", "3 areas/south.txt")
                .Say("")
                .Bash("echo south > chosen", "")
                .Take());
  EXPECT_EQ(seen.Of(1).use, Use::kWeak);
  EXPECT_EQ(seen.Of(3).use, Use::kNone) << "it named no other";
}

TEST(Information, AnAnswerIsAUseToo) {
  Seen seen(SessionMaker("How many?").Say("").Bash("grep -c x a", "4711").Say("There are 4711.").Take());
  EXPECT_EQ(seen.Of(1).use, Use::kStrong);
}

TEST(Information, WhatIsNotKeptWholeIsNotKnown) {
  Session session =
      SessionMaker("Go.").Say("").Read("a", "start of it").Say("").Read("b", "whole").Say("done").Take();
  session.steps[1].result.output_bytes = 10'000;
  Seen seen(std::move(session));
  std::string why;
  EXPECT_FALSE(seen.channels.information().Known(1, &why));
  EXPECT_EQ(why, "its output was not kept whole");
  EXPECT_TRUE(seen.channels.information().Known(3, &why));
}

TEST(Information, HiddenReasoningAfterAStepMayHaveUsedIt) {
  Session session = SessionMaker("Go.").Say("").Read("a", "new things 123").Say("done").Take();
  session.steps[2].llm.thinking_bytes = 400;
  Seen seen(std::move(session));
  std::string why;
  EXPECT_FALSE(seen.channels.information().Known(1, &why));
  EXPECT_EQ(why, "reasoning in step 3 is not readable");
}

TEST(Information, SubAgentsKnowOnlyTheirOrders) {
  Session parent = SessionMaker("Go.")
                       .Say("")
                       .Read("a", "secret 8f21")
                       .Say("")
                       .Tool("Task", R"({"prompt":"look at b"})", "found q77x")
                       .Say("q77x")
                       .Take();
  Session child = SessionMaker("look at b").Say("").Read("b", "other 5522").Say("8f21").Take();
  parent.steps[3].children.push_back(std::move(child));
  Seen seen(std::move(parent));
  EXPECT_EQ(seen.Of(1).use, Use::kNone) << "what the child says it cannot have from the parent's read";
  EXPECT_EQ(seen.Of(3).use, Use::kStrong) << "its result is taken up by the parent";
}

TEST(Information, SourcesOfAStepAreTheFirstThatTold) {
  Seen seen(SessionMaker("Go.")
                .Say("")
                .Read("a", "id x42y")
                .Say("")
                .Read("b", "id x42y size 900")
                .Say("")
                .Bash("use x42y 900", "")
                .Say("done")
                .Take());
  auto flows = seen.channels.information().SourcesOf(5, std::vector<bool>(7, true));
  ASSERT_EQ(flows.size(), 2u);
  EXPECT_THAT(flows, testing::UnorderedElementsAre(testing::FieldsAre(1u, 5u, "x42y"),
                                                   testing::FieldsAre(3u, 5u, "900")));
}

TEST(Information, AnotherOutputThatTellsTheSameMissesNothing) {
  Seen seen(SessionMaker("Go.").Say("").Bash("./count", "dropped 4 of 17").Say("dropped 4").Take());
  std::vector<bool> all(3, true);
  EXPECT_EQ(seen.channels.information().MissingFrom(1, all, "dropped 4 of 19"), "");
  EXPECT_NE(seen.channels.information().MissingFrom(1, all, "dropped 3 of 17"), "");
}

TEST(Information, WhatAFailureToldAccountsForNoSuccessAfterIt) {
  auto seen = [](ToolStatus first) {
    return Seen(SessionMaker("Go.")
                    .Say("")
                    .Tool("bash", R"({"command":"./run"})", "want 2m10s", first)
                    .Say("")
                    .Read("tests/t.py", "want 2m10s")
                    .Say("")
                    .Bash("fix 2m10s", "")
                    .Say("done")
                    .Take());
  };
  EXPECT_EQ(seen(ToolStatus::kError).Of(3).use, Use::kStrong);
  EXPECT_EQ(seen(ToolStatus::kOk).Of(3).use, Use::kNone);
}

TEST(Information, EverybodysWordsAreNoChoice) {
  auto of = [](const std::string& answer) {
    return Seen(SessionMaker("Go on with the log, debug or not.")
                    .Say("")
                    .Read("notes", answer)
                    .Say("It goes on with the debug")
                    .Take())
        .Of(1)
        .use;
  };
  EXPECT_EQ(of("rotated with the night"), Use::kNone);
  EXPECT_EQ(of("debug"), Use::kWeak);
}

TEST(Information, WhatTheClientSaysOfNoOutputIsNoContent) {
  Seen seen(SessionMaker("Go.")
                .Say("")
                .Bash("rm x", "(Bash completed with no output)")
                .Say("The clean-up completed.")
                .Take());
  EXPECT_EQ(seen.Of(1).use, Use::kNone);
}

}  // namespace
}  // namespace clawtrace::replay
