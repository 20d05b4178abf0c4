#include "distill/lessons.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "replay/session_test_util.h"

namespace clawtrace::distill {
namespace {

using replay::SessionMaker;
using testing::ElementsAre;

// The lessons of the tool uses, in order; "" for none.
std::vector<std::string> LessonsOf(SessionMaker& maker) {
  Session session = maker.Take();
  std::vector<compile::ToolMeaning> meanings = compile::MeaningsOf(session);
  compile::Scene scene(session, meanings);
  std::vector<const WasteLesson*> shapes = ShapesOf(scene, true);
  std::vector<std::string> keys;
  for (size_t i = 0; i < shapes.size(); ++i) {
    if (session.steps[i].kind == StepKind::kToolUse)
      keys.emplace_back(shapes[i] ? shapes[i]->key : std::string_view());
  }
  return keys;
}

constexpr const char* kNotes = "ticket MIG-4471 belongs to the Tuesday window";

TEST(LessonsTest, AnInputThatIsReadAgainIsNoResultWhateverWasDoneBefore) {
  SessionMaker maker("Go.");
  maker.Say("").Bash("mkdir -p out", "").Say("").Read("notes.txt", kNotes).Say("");
  maker.Read("notes.txt", kNotes).Say("MIG-4471, on Tuesday.");
  EXPECT_THAT(LessonsOf(maker), ElementsAre("stray_output", "", "exact_repeat/read"));
}

TEST(LessonsTest, WhatWasWrittenAndIsLookedAtTwiceIsAResult) {
  SessionMaker maker("Go.");
  maker.Say("").Write("out.txt", "MIG-4471").Say("").Bash("cat out.txt", "MIG-4471").Say("");
  maker.Bash("cat out.txt", "MIG-4471").Say("Done: MIG-4471.");
  EXPECT_EQ(LessonsOf(maker).back(), "repeated_look");
}

TEST(LessonsTest, WhatAScriptMayHaveWrittenIsAResult) {
  SessionMaker maker("Go.");
  maker.Say("").Bash("python3 tools/make.py", "").Say("").Read("out/rows.csv", "a,b\n1,2").Say("");
  maker.Read("out/rows.csv", "a,b\n1,2").Say("1,2");
  EXPECT_THAT(LessonsOf(maker), ElementsAre("", "", "repeated_look"));
}

TEST(LessonsTest, ACheckAfterAnActIsAResult) {
  SessionMaker maker("Go.");
  maker.Say("").Write("a.py", "x = 1").Say("").Bash("pytest -q", "4 passed").Say("");
  maker.Bash("pytest -q", "4 passed").Say("4 passed.");
  EXPECT_EQ(LessonsOf(maker).back(), "repeated_look");
}

TEST(LessonsTest, AnOutputOfWhichNothingIsSaidAgainIsUnused) {
  SessionMaker maker("Go.");
  maker.Say("").Read("LICENSE", "Permission is hereby granted to 1024 persons").Say("");
  maker.Read("notes.txt", kNotes).Say("").Write("out.txt", "MIG-4471").Say("Done.");
  EXPECT_THAT(LessonsOf(maker), ElementsAre("unused_output", "", "stray_output"));
}

TEST(LessonsTest, AFileThatIsChangedLaterWasReadForThat) {
  SessionMaker maker("Go.");
  maker.Say("").Read("LICENSE", "Permission is hereby granted to 1024 persons").Say("");
  maker.Tool("edit", R"({"path":"LICENSE","oldText":"x","newText":"y"})", "Done").Say("Done.");
  EXPECT_EQ(LessonsOf(maker).front(), "");
}

TEST(LessonsTest, WhatWasNotKeptWholeIsNotCalledUnused) {
  SessionMaker maker("Go.");
  maker.Say("").Read("LICENSE", "Permission is hereby granted to 1024 persons");
  maker.last().result.output_bytes += 100;
  maker.Say("Done.");
  EXPECT_THAT(LessonsOf(maker), ElementsAre(""));
}

}  // namespace
}  // namespace clawtrace::distill
