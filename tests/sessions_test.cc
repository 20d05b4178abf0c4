// Every file of the collection of other people's logs gives a card, or is known to hold no traffic of an
// agent.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "capture/gather.h"
#include "support/data.h"

namespace clawtrace {
namespace {

namespace fs = std::filesystem;

// What holds no call of a model, and what is said of it.
const std::map<std::string, std::string_view> kNoTraffic = {
    {"claude-code/claude-code-log/fixtures/workflow_basic/11110000-0000-4000-8000-000000000001/subagents/"
     "workflows/wf_demo01/journal.jsonl",
     "no session log: the journal of a Claude Code workflow, whose agents' logs lie beside it"},
    {"kimi/state-short.json",
     "no session log: the state of a Kimi session, whose calls are in agents/*/wire.jsonl beside it"},
};
// Sessions in which nothing was asked: a card, and no call in it.
bool HasNoCall(const Session& session) {
  return std::ranges::none_of(session.steps, [](const Step& s) { return s.kind == StepKind::kLlmCall; });
}

TEST(SessionsTest, EveryFileGivesACard) {
  CT_NEEDS_SHARED_DATA();
  fs::path root = test::SharedData() / "sessions";
  size_t files = 0, cards = 0;
  for (const auto& entry : fs::recursive_directory_iterator(root)) {
    std::string name = fs::relative(entry.path(), root).string();
    if (!entry.is_regular_file() || name == "MANIFEST.tsv") continue;
    ++files;
    SCOPED_TRACE(name);
    capture::Plan plan = capture::PlanInputs({entry.path().string()});
    if (auto none = kNoTraffic.find(name); none != kNoTraffic.end()) {
      ASSERT_EQ(plan.unusable.size(), 1u);
      EXPECT_EQ(plan.unusable[0].reason, none->second);
      continue;
    }
    ASSERT_EQ(plan.units.size(), 1u);
    capture::UnitResult read = capture::ReadUnit(plan.units[0], plan, {});
    EXPECT_TRUE(read.unusable.empty());
    ASSERT_FALSE(read.sessions.empty());
    for (const Session& session : read.sessions) {
      EXPECT_EQ(std::ranges::count(session.notes, "no_usable_record"), 0);
      EXPECT_EQ(HasNoCall(session), std::ranges::count(session.notes, "no_model_call") == 1);
    }
    ++cards;
  }
  EXPECT_EQ(files, cards + kNoTraffic.size());
  EXPECT_GE(files, 260u);
}

}  // namespace
}  // namespace clawtrace
