// One case in which each detector speaks, and near misses in which it must be silent.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "compile/scene_test_util.h"

namespace clawtrace::compile {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr const char* kText = "alpha\nbeta gamma\ndelta epsilon 42\nzeta\n";

TEST(SupersetReadTest, LinesWithinThoseReadBefore) {
  EXPECT_THAT(
      Flags(Make({{"read", R"({"path":"a"})", kText},
                  {"read", R"({"path":"/w/a","offset":2,"limit":2})", "beta gamma\ndelta epsilon 42\n"},
                  {"bash", R"({"command":"cat ./a"})", kText}})),
      ElementsAre("superset_read:2", "superset_read:3"));
}
TEST(SupersetReadTest, OtherLinesOtherFileOrAWriteBetween) {
  EXPECT_THAT(Flags(Make({{"read", R"({"path":"a","limit":2})", "alpha\nbeta gamma\n"},
                          {"read", R"({"path":"a","offset":3})", "delta epsilon 42\nzeta\n"},
                          {"read", R"({"path":"b","limit":2})", "alpha\nbeta gamma\n"},
                          {"read", R"({"path":"a"})", kText}})),
              IsEmpty());
  EXPECT_THAT(Flags(Make({{"read", R"({"path":"a"})", kText},
                          {"edit", R"({"path":"a","oldText":"x"})", "ok"},
                          {"read", R"({"path":"a","limit":2})", "alpha\nbeta gamma\n"}})),
              IsEmpty());
}
TEST(SupersetReadTest, OutputsTooLongToCompareNeedQuietInBetween) {
  std::string long_text(3000, 'x'), part(2500, 'x');
  Session session = Make({{"read", R"({"path":"a"})", long_text},
                          {"bash", R"({"command":"python3 gen.py"})", "done"},
                          {"read", R"({"path":"a","limit":9})", part}});
  for (Step& step : session.steps)
    step.result.output.resize(std::min<size_t>(step.result.output.size(), kMaxText));
  EXPECT_THAT(Flags(session), IsEmpty());
  session.steps.erase(session.steps.begin() + 2, session.steps.begin() + 4);
  EXPECT_THAT(Flags(session), ElementsAre("superset_read:3"));
}

TEST(SupersetReadTest, AHeadOfAFileTooLongToBeShownWhole) {
  std::string file;
  for (int line = 0; file.size() < 60'000; ++line) file += "line " + std::to_string(line) + "\n";
  Session session = Make({{"str_replace_editor", R"({"command":"view","path":"a"})", file},
                          {"str_replace_editor", R"({"command":"view","path":"a","view_range":[1,200]})",
                           file.substr(0, 1900)}});
  session.steps[1].result.output.resize(kMaxText);
  EXPECT_THAT(Flags(session), ElementsAre("superset_read:2"));
  session.steps[3].result.output[100] = '#';
  EXPECT_THAT(Flags(session), IsEmpty());
}

Session By(const std::string& agent, const std::vector<Line>& lines) {
  Session session = Make(lines);
  session.source = agent;
  for (Step& step : session.steps)
    step.result.output.resize(std::min<size_t>(step.result.output.size(), kMaxText));
  return session;
}

TEST(SupersetReadTest, WhicheverClientsToolShowedTheLines) {
  Line again{"bash", R"({"command":"cat a"})", "alpha\nbeta gamma\n\n  delta epsilon 42"};
  Line claude{"Read", R"({"file_path":"/w/a"})", "1\talpha\n2\tbeta gamma\n3\t\n4\t  delta epsilon 42\n5\t"};
  Line older{"Read", R"({"file_path":"/w/a"})",
             "     1\u2192alpha\n     2\u2192beta gamma\n     3\u2192\n     4\u2192  delta epsilon 42\n\n"
             "<system-reminder>\nLook out.\n</system-reminder>\n"};
  Line opencode{"read", R"({"filePath":"/w/a"})",
                "<file>\n00001| alpha\n00002| beta gamma\n00003| \n00004|   delta epsilon 42\n\n"
                "(End of file - total 4 lines)\n</file>"};
  Line openhands{"str_replace_editor", R"({"command":"view","path":"/w/a"})",
                 "Here's the result of running `cat -n` on /w/a:\n     1\talpha\n     2\tbeta gamma\n"
                 "     3\t\n     4\t  delta epsilon 42\n"};
  Line codex{"read_file", R"({"file_path":"/w/a"})",
             "L1: alpha\nL2: beta gamma\nL3: \nL4:   delta epsilon 42"};
  Line cline{"read_file", R"({"path":"a"})", "1 | alpha\n2 | beta gamma\n3 |\n4 |   delta epsilon 42"};
  Line plain{"read", R"({"path":"a"})", "alpha\nbeta gamma\n\n  delta epsilon 42\n"};
  const std::vector<std::pair<std::string, Line>> clients = {
      {"claude-code", claude}, {"claude-code", older}, {"opencode", opencode}, {"openhands", openhands},
      {"codex", codex},        {"cline", cline},       {"pi", plain},          {"somebodys-own", claude}};
  for (const auto& [agent, line] : clients) {
    EXPECT_THAT(Flags(By(agent, {line, again})), ElementsAre("superset_read:2")) << agent;
    EXPECT_THAT(Flags(By(agent, {again, line})), ElementsAre("superset_read:2")) << agent;
    Line other = again;
    other.output = "alpha\nbeta gamma\n\n  delta epsilon 43";
    EXPECT_THAT(Flags(By(agent, {line, other})), IsEmpty()) << agent;
  }
}

TEST(SupersetReadTest, AReadingThatTheClientDemandsBeforeAChange) {
  Line cat{"Bash", R"({"command":"cat a"})", kText};
  Line read{"Read", R"({"file_path":"/w/a"})", "1\talpha\n2\tbeta gamma\n3\tdelta epsilon 42\n4\tzeta"};
  Line edit{"Edit", R"({"file_path":"/w/a","old_string":"zeta","new_string":"eta"})", "ok"};
  EXPECT_THAT(Flags(By("claude-code", {cat, read, edit})), IsEmpty());
  EXPECT_THAT(Flags(By("claude-code", {cat, read})), ElementsAre("superset_read:2"));
}

TEST(SupersetReadTest, PartsByCommands) {
  auto part = [](const std::string& command) {
    return Line{"bash", R"({"command":")" + command + R"("})", "beta gamma\ndelta epsilon 42\n"};
  };
  Line whole{"bash", R"({"command":"sed -n '1,200p' a"})", kText};
  for (const char* command : {"sed -n '2,3p' a", "sed -n 2,3p ./a", "cat a | sed -n '2,3p'"}) {
    EXPECT_THAT(Flags(Make({whole, part(command)})), ElementsAre("superset_read:2")) << command;
    EXPECT_THAT(Flags(Make({part(command), whole})), IsEmpty()) << command;
  }
  Line end{"bash", R"({"command":"tail -n 2 a"})", "delta epsilon 42\nzeta\n"};
  EXPECT_THAT(Flags(Make({whole, end})), ElementsAre("superset_read:2"));
  // Just as many lines as were asked for: nobody knows whether the file ends there.
  Line head{"bash", R"({"command":"head -n 4 a"})", kText};
  EXPECT_THAT(Flags(Make({head, end})), IsEmpty());
  EXPECT_THAT(Flags(Make({part("sed -n '2,3p' a"), part("sed -n '12,13p' a")})), IsEmpty())
      << "the same words on other lines";
}

TEST(SupersetReadTest, LineNumbersThatACommandIsAskedForAreSomethingNew) {
  Line cat{"bash", R"({"command":"cat a"})", kText};
  Line numbered{"bash", R"({"command":"nl -ba a"})",
                "     1\talpha\n     2\tbeta gamma\n     3\tdelta epsilon 42\n     4\tzeta\n"};
  Line part{"bash", R"({"command":"cat -n a | sed -n '2,3p'"})",
            "     2\tbeta gamma\n     3\tdelta epsilon 42\n"};
  EXPECT_THAT(Flags(Make({cat, numbered})), IsEmpty());
  EXPECT_THAT(Flags(Make({numbered, part, cat})), ElementsAre("superset_read:2", "superset_read:3"));
}

TEST(SupersetReadTest, WhatWasNotKeptIsToldByLinesWhereNothingWasLeftOut) {
  std::string text;
  for (int line = 1; line <= 200; ++line) text += "a line of text " + std::to_string(line % 10) + "\n";
  std::string numbered;
  for (int line = 1; line <= 200; ++line)
    numbered += std::to_string(line) + "\ta line of text " + std::to_string(line % 10) + "\n";
  std::string part(60 * 17, 'x');
  Line cat{"bash", R"({"command":"cat a"})", text};
  Line sed{"bash", R"({"command":"sed -n '120,180p' a"})", part};
  EXPECT_THAT(Flags(By("pi", {cat, sed})), ElementsAre("superset_read:2"));
  Line limited{"bash", R"({"command":"cat a","max_output_tokens":500})", text};
  EXPECT_THAT(Flags(By("pi", {limited, sed})), IsEmpty()) << "its middle may be missing";
  Line longer = cat;
  longer.output = text + text + text;
  EXPECT_THAT(Flags(By("pi", {longer, sed})), IsEmpty()) << "its middle may be missing";
  Line cd{"bash", R"({"command":"cd b"})", ""};
  EXPECT_THAT(Flags(By("pi", {cat, cd, sed})), IsEmpty()) << "another file";

  Line read{"Read", R"({"file_path":"/w/a"})", numbered};
  EXPECT_THAT(Flags(By("claude-code", {read, cat})), ElementsAre("superset_read:2"));
  for (int line = 201; line <= 2000; ++line) read.output += std::to_string(line) + "\ta line\n";
  EXPECT_THAT(Flags(By("claude-code", {read, cat})), IsEmpty()) << "the tool may have stopped there";
}

TEST(NearRepeatTest, AlikeOnTheSameFileWithTheSameResult) {
  EXPECT_THAT(
      Flags(Make({{"bash", R"({"command":"grep -n total report.csv | head -n 5"})", "17:total,4100,units"},
                  {"bash", R"({"command":"grep -n total report.csv | head -n 8"})", "17:total,4100,units"}})),
      ElementsAre("near_repeat:2"));
}
TEST(NearRepeatTest, OtherFileResultOrProgramOrAWriteBetween) {
  Line a{"bash", R"({"command":"grep -n total report.csv | head -n 5"})", "17:total,4100,units"};
  Line other_file{"bash", R"({"command":"grep -n total reports.csv | head -n 5"})", "17:total,4100,units"};
  Line other_result{"bash", R"({"command":"grep -n total report.csv | head -n 8"})",
                    "17:total,4100,units\n18:total"};
  Line other_program{"bash", R"({"command":"grep -n total report.csv | tail -n 5"})", "17:total,4100,units"};
  Line write{"write", R"({"path":"report.csv","content":""})", "ok"};
  Line again{"bash", R"({"command":"grep -n total report.csv | head -n 8"})", "17:total,4100,units"};
  for (const Line& line : {other_file, other_result, other_program})
    EXPECT_THAT(Flags(Make({a, line})), IsEmpty());
  EXPECT_THAT(Flags(Make({a, write, again})), IsEmpty());
}

TEST(OverwrittenTest, WrittenTwiceWithNothingBetween) {
  EXPECT_THAT(Flags(Make({{"write", R"({"path":"out/a","content":"1"})", "ok"},
                          {"read", R"({"path":"b"})", kText},
                          {"bash", R"({"command":"echo 2 > out/a"})", ""}})),
              ElementsAre("overwritten_before_read:1"));
}
TEST(OverwrittenTest, AnythingThatMayHaveReadIt) {
  Line one{"write", R"({"path":"out/a","content":"1"})", "ok"},
      two{"write", R"({"path":"/w/out/a","content":"2"})", "ok"};
  for (const Line& between :
       {Line{"bash", R"({"command":"python3 use.py"})", ""}, Line{"read", R"({"path":"out/a"})", "1"},
        Line{"bash", R"({"command":"ls out"})", "a"}, Line{"grep", R"({"pattern":"x"})", ""},
        Line{"edit", R"({"path":"out/a","oldText":"1"})", "ok"}})
    EXPECT_THAT(Flags(Make({one, between, two})), IsEmpty()) << between.args;
  EXPECT_THAT(Flags(Make({one, {"bash", R"({"command":"echo 2 >> out/a"})", ""}})), IsEmpty());
  Line failed = two;
  failed.status = ToolStatus::kError;
  EXPECT_THAT(Flags(Make({one, failed})), IsEmpty());
}

Session WithReply(Session session, const std::string& text) {
  Step reply;
  reply.call_id = "reply", reply.turn = static_cast<int64_t>(session.steps.size()) / 2 + 1;
  reply.llm.model = "gpt-5.4", reply.llm.usage = Usage{.uncached_input = 10};
  reply.llm.text = text, reply.llm.text_bytes = static_cast<int64_t>(text.size());
  session.steps.push_back(reply);
  return session;
}

constexpr const char* kListing = "src/main.c\nsrc/util.c\ndocs/intro.md\nbuild9.log\ntest_17.txt\n";

TEST(UnusedOutputTest, NothingOfItTurnsUpAgain) {
  Session session = Make(
      {{"bash", R"({"command":"ls -R old"})", kListing}, {"write", R"({"path":"x","content":"1"})", "ok"}});
  EXPECT_THAT(Flags(WithReply(session, "Done.")), ElementsAre("unused_output:1"));
  EXPECT_THAT(Flags(session), IsEmpty()) << "no answer: not known";
}
TEST(UnusedOutputTest, UsedKnownBeforeTooShortOrACheck) {
  Session session = Make(
      {{"bash", R"({"command":"ls -R old"})", kListing}, {"write", R"({"path":"x","content":"1"})", "ok"}});
  EXPECT_THAT(Flags(WithReply(session, "build9.log is the newest.")), IsEmpty());
  EXPECT_THAT(Flags(WithReply(session, "There is an intro to read.")), IsEmpty()) << "a plain word";
  EXPECT_THAT(Flags(WithReply(Make({{"bash", R"({"command":"ls old"})", "build9.log"}}), "Done.")),
              IsEmpty());
  EXPECT_THAT(Flags(WithReply(Make({{"write", R"({"path":"old/x","content":"1"})", "ok"},
                                    {"bash", R"({"command":"ls -R old"})", kListing}}),
                              "Done.")),
              IsEmpty());
  EXPECT_THAT(Flags(WithReply(Make({{"read", R"({"path":"old"})", kListing}}), "All is well.")), IsEmpty());
  Session checker = WithReply(session, "Done.");
  checker.info.parent_session = "parent";
  EXPECT_THAT(Flags(checker), IsEmpty()) << "it may check what its parent wrote";
  EXPECT_THAT(Flags(WithReply(Make({{"bash", R"({"command":"ls -l src/main.c src/util.c"})",
                                     "-rw-r--r-- 1 me me 60 Nov 21 03:56 src/main.c\n"
                                     "-rw-r--r-- 1 me me 90 Nov 21 03:56 src/util.c\n"}}),
                              "Done.")),
              IsEmpty())
      << "their sizes may be what it asked for";
  Session cut = WithReply(session, "Done.");
  cut.steps.back().llm.text_bytes = 9000;
  EXPECT_THAT(Flags(cut), IsEmpty()) << "the answer was not kept whole";
}

TEST(UnusedOutputTest, AListingOfNamesThatWereKnownOrToldAgainBeforeTheirUse) {
  Line write{"write", R"({"path":"x","content":"1"})", "ok"};
  Session known = WithReply(Make({{"bash", R"({"command":"ls -la ."})",
                                   "total 4\ndrwxr-xr-x 4 me me 100 Nov 21 03:55 .\n"
                                   "drwxr-xr-x 2 me me 60 Nov 21 03:55 data\n"
                                   "-rw-r--r-- 1 me me 163 Nov 21 03:55 NOTES.md\n"},
                                  write}),
                            "By NOTES.md; it took 21 steps.");
  EXPECT_THAT(Flags(known), IsEmpty());
  known.prompt = "Sum up data/ by the rules in NOTES.md.";
  EXPECT_THAT(Flags(known), ElementsAre("unused_output:1"));
  Line list{"bash", R"({"command":"ls"})", "cart.py\nplugins.ini\n"},
      grep{"bash", R"({"command":"grep -rl total"})", "shop/cart.py\nshop/plugins.ini\n"},
      edit{"bash", R"({"command":"sed -i s/a/b/ shop/cart.py shop/plugins.ini"})", ""};
  EXPECT_THAT(Flags(WithReply(Make({list, grep, edit}), "Done.")), ElementsAre("unused_output:1"));
  EXPECT_THAT(Flags(WithReply(Make({list, edit}), "Done.")), IsEmpty());
}
TEST(OverwrittenBeforeReadTest, LooksAtOtherFilesByNameDoNotReadIt) {
  Line first{"write", R"({"path":"out/a","content":"1"})", "ok"},
      second{"write", R"({"path":"out/a","content":"2"})", "ok"};
  auto ran = [](const char* command, const char* output = "", ToolStatus status = ToolStatus::kOk) {
    return Line{"bash", std::string(R"({"command":")") + command + "\"}", output, status};
  };
  Line not_found = ran("python x.py", "bash: python: command not found", ToolStatus::kError);
  for (const Line& between : {ran("cat notes.md"), ran("head -n 3 data/b | wc -l"), not_found})
    EXPECT_THAT(Flags(Make({first, between, second})), ElementsAre("overwritten_before_read:1"))
        << between.args;
  for (const Line& between : {ran("cat out/a"), ran("cat a"), ran("cat < out/a"), ran("cat out/*"),
                              ran("grep -r x ."), ran("python3 x.py", "No such file", ToolStatus::kError)})
    EXPECT_THAT(Flags(Make({first, between, second})), IsEmpty()) << between.args;
}

TEST(PlanOnlyTurnTest, TicksEntriesNobodyTakesUpAndEchoes) {
  auto list = [](const char* first, const char* state) {
    return Line{"TodoWrite",
                std::string(R"({"todos":[{"content":")") + first + R"(","status":")" + state + "\"}]}", "ok"};
  };
  Line work{"bash", R"({"command":"make"})", "built"};
  EXPECT_THAT(Flags(Make({list("a", "pending"), work, list("a", "completed")})),
              ElementsAre("plan_only_turn:3"));
  EXPECT_THAT(Flags(Make({list("a", "pending"), work, list("b", "pending")})), IsEmpty()) << "a new plan";
  Line create{"TaskCreate", R"({"subject":"a"})", "Task #1 created"},
      update{"TaskUpdate", R"({"taskId":"1"})", "ok"};
  EXPECT_THAT(Flags(Make({create, work})), ElementsAre("plan_only_turn:1"));
  EXPECT_THAT(Flags(Make({create, work, update})), IsEmpty());
  Line echo{"bash", R"({"command":"echo reading the rules now"})", "reading the rules now"};
  EXPECT_THAT(Flags(Make({echo, work})), ElementsAre("plan_only_turn:1"));
  EXPECT_THAT(Flags(Make({work, echo})), IsEmpty()) << "its answer";
  echo.args = R"({"command":"echo $HOME"})";
  EXPECT_THAT(Flags(Make({echo, work})), IsEmpty());
  Session together = Make({list("a", "pending"), list("a", "completed"), work});
  for (Step& step : together.steps) {
    if (step.turn == 3) step.turn = 2;
  }
  EXPECT_THAT(Flags(together), IsEmpty()) << "beside the work";
}

TEST(UnusedSubagentTest, LookedAndItsAnswerWasNotUsed) {
  Session child = WithReply(Make({{"read", R"({"path":"a"})", "x"}}),
                            "See src/main.c, src/util.c, v1.2.3 and build9.log");
  Session session = Make({{"Task", R"({"prompt":"look"})", child.steps.back().llm.text}});
  Step& spawn = session.steps.back();
  spawn.kind = StepKind::kSubagentSpawn, spawn.children = {child};
  EXPECT_THAT(Flags(WithReply(session, "Done.")), ElementsAre("unused_subagent_result:1"));
  EXPECT_THAT(Flags(WithReply(session, "It is in src/util.c.")), IsEmpty());
  Session background = session;
  background.steps.back().result.output = "launched agent a5bdbc1 with task9, output in /tmp/x1 and /tmp/x2";
  background.steps.back().result.output_bytes =
      static_cast<int64_t>(background.steps.back().result.output.size());
  EXPECT_THAT(Flags(WithReply(background, "Done.")), IsEmpty());
  Session writer = session;
  writer.steps.back().children[0].steps[1].tool.name = "write";
  EXPECT_THAT(Flags(WithReply(writer, "Done.")), IsEmpty());
  Session no_log = session;
  no_log.steps.back().children.clear();
  EXPECT_THAT(Flags(WithReply(no_log, "Done.")), IsEmpty());
}

TEST(RederivedTest, SameLookAfterACompaction) {
  Session session = Make({{"read", R"({"path":"a"})", kText},
                          {"read", R"({"path":"b"})", "b"},
                          {"read", R"({"path":"a"})", kText}});
  for (Step& step : session.steps) {
    if (step.kind == StepKind::kLlmCall) step.llm.usage = Usage{.cache_read = step.turn < 3 ? 90'000 : 9'000};
  }
  EXPECT_THAT(Flags(session), ElementsAre("exact_repeat:3")) << "the session tells of no compaction";
  session.compactions = 1;
  EXPECT_THAT(Flags(session), ElementsAre("rederived_after_compaction:3"));
  session.steps[3].tool.name = "write", session.steps[3].tool.args = R"({"content":"","path":"a"})";
  EXPECT_THAT(Flags(session), IsEmpty());
}

TEST(ThinkingTest, NeitherTextNorTool) {
  Session session = WithReply(WithReply(Make({{"read", R"({"path":"a"})", kText}}), ""), "Done.");
  session.steps[2].llm.thinking_bytes = 500, session.steps[3].turn = 3;
  EXPECT_THAT(Flags(session), ElementsAre("thinking_only_turn:2"));
  session.steps[2].llm.error = "overloaded";
  EXPECT_THAT(Flags(session), IsEmpty());
}

TEST(RetryLoopTest, ThirdTryOfTheSameThing) {
  auto edit = [](const char* text, ToolStatus status) {
    return Line{"edit", std::string(R"({"path":"a.py","oldText":")") + text + "\"}",
                "Could not find the exact text", status};
  };
  Line a = edit("a", ToolStatus::kError), b = edit("b", ToolStatus::kError),
       c = edit("c", ToolStatus::kError);
  EXPECT_THAT(Flags(Make({a, b, c})), ElementsAre("retry_loop:3"));
  EXPECT_THAT(Flags(Make({a, b})), IsEmpty());
  EXPECT_THAT(Flags(Make({a, edit("x", ToolStatus::kOk), b, c})), IsEmpty());
  EXPECT_THAT(Flags(Make({a, b, {"read", R"({"path":"other.py"})", "x"}, c})), IsEmpty()) << "it looked";
  auto book = [](int number, ToolStatus status = ToolStatus::kError) {
    return Line{"book_flight", R"({"flight":)" + std::to_string(number) + "}", "Error: the card has expired",
                status};
  };
  Line look{"get_user", R"({"id":1})", "a name"};
  EXPECT_THAT(Flags(Make({book(1), look, book(2), book(33)})), ElementsAre("retry_loop:4"));
  EXPECT_THAT(Flags(Make({book(1), book(2), book(4, ToolStatus::kOk), book(3)})), IsEmpty());
}

TEST(WriteIndexTest, NamesFoldersAndWhatIsNotNamed) {
  Session session = Make({{"write", R"({"path":"a/b/c.txt","content":""})", "ok"},
                          {"bash", R"({"command":"python3 x.py"})", ""},
                          {"bash", R"({"command":"rm -r d"})", ""}});
  auto meanings = MeaningsOf(session);
  WriteIndex writes(session, meanings);
  auto named = [&](const std::string& path, size_t from = 0, size_t to = 99) {
    return writes.Named(std::vector<std::string>{path}, from, to);
  };
  EXPECT_EQ(named("a/b/c.txt"), 1u);
  EXPECT_EQ(named("a/b"), 1u);
  EXPECT_EQ(named("a"), 1u);
  EXPECT_EQ(named("."), 1u);
  EXPECT_EQ(named("d/e"), 5u);
  EXPECT_EQ(named("a/bc"), std::nullopt);
  EXPECT_EQ(named("a/b/c.txt", 1), std::nullopt) << "strictly between";
  EXPECT_EQ(named("d/e", 0, 5), std::nullopt);
  EXPECT_EQ(writes.Unnamed(0, 99), 3u);
  EXPECT_EQ(writes.Any(3, 99), 5u);
}

}  // namespace
}  // namespace clawtrace::compile
