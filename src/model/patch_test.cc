#include "model/patch.h"

#include <gtest/gtest.h>

namespace clawtrace {
namespace {

// The form that the literature publishes; written by hand, never by our encoder.
constexpr std::string_view kPublished = R"(patch_kind: prune
target_step: 2
counterfactual: |
  Without step 2 the session still succeeds:
  step 4 used nothing that it found out.
expected_savings_usd: 0.18
)";

Patch Full() {
  Patch patch;
  patch.schema = "patch/1", patch.id = "repair-0123456789ab", patch.patch_kind = PatchKind::kRepair;
  patch.target_steps = {{"s1", "call_1", "12", "00ff"}, {"s2", "toolu:x", "3/7", "11ee"}};
  patch.counterfactual = "Colon: hash # quote \" and\nnewline, \xc3\xa9";
  patch.expected_savings_usd = Usd::Parse("0.000000000001");
  patch.section = "Candidates (unproven)", patch.rule = "Create the folder first: `mkdir -p <dir>`.";
  patch.condition = "yes", patch.tasks = {"a", "null"}, patch.support = 2;
  patch.counterfactual_grade = "C0", patch.evidence_grade = "E1";
  patch.producer = "clawtrace/repair-episodes/1", patch.base_skill_hash = "123456";
  return patch;
}

TEST(PatchTest, ReadsAndWritesThePublishedForm) {
  auto patch = DecodePatch(kPublished, "published.yaml");
  ASSERT_TRUE(patch) << patch.error().message;
  EXPECT_EQ(patch->patch_kind, PatchKind::kPrune);
  EXPECT_EQ(patch->target_step, 2);
  EXPECT_EQ(patch->counterfactual,
            "Without step 2 the session still succeeds:\nstep 4 used nothing that it found out.\n");
  EXPECT_EQ(patch->expected_savings_usd, Usd::Parse("0.18"));
  EXPECT_EQ(EncodePatch(*patch, false),
            "patch_kind: prune\n"
            "target_step: 2\n"
            "counterfactual: \"Without step 2 the session still succeeds:\\n"
            "step 4 used nothing that it found out.\\n\"\n"
            "expected_savings_usd: 0.18\n");
  for (bool json : {false, true}) {
    auto again = DecodePatch(EncodePatch(*patch, json), "again");
    ASSERT_TRUE(again) << again.error().message;
    EXPECT_EQ(*again, *patch);
  }
}

TEST(PatchTest, RoundTripsEveryField) {
  for (bool json : {false, true}) {
    std::string text = EncodePatch(Full(), json);
    auto again = DecodePatch(text, "full");
    ASSERT_TRUE(again) << again.error().message << "\n" << text;
    EXPECT_EQ(*again, Full()) << text;
    EXPECT_EQ(EncodePatch(*again, json), text);
  }
}

TEST(PatchTest, KeysComeInTheDocumentedOrder) {
  std::string text = EncodePatch(Full(), false);
  size_t at = 0;
  for (std::string_view key : {"schema", "id", "patch_kind", "target_steps", "counterfactual",
                               "expected_savings_usd", "rule", "section", "condition", "support", "tasks",
                               "counterfactual_grade", "evidence_grade", "producer", "base_skill_hash"}) {
    std::string line = (at ? "\n" : "") + std::string(key) + ":";
    size_t found = text.find(line, at ? at - 1 : 0);
    ASSERT_NE(found, std::string::npos) << key << " is missing or out of order in\n" << text;
    at = found + line.size();
  }
}

TEST(PatchTest, SaysWhatIsWrong) {
  struct Case {
    std::string_view text, message;
  };
  for (const Case& bad :
       {Case{"target_step: 2\n", "bad.yaml: patch_kind is missing"},
        Case{"patch_kind: delete\n", "bad.yaml: document.patch_kind is not one of the known words"},
        Case{"patch_kind: prune\ntarget_step: two\n", "bad.yaml: document.target_step is not an integer"},
        Case{"patch_kind: prune\ncounterfactual_grade: C9\n",
             "bad.yaml: counterfactual_grade is not one of C0 to C3"},
        Case{"patch_kind: prune\nevidence_grade: C0\n", "bad.yaml: evidence_grade is not one of E0 to E4"},
        Case{"patch_kind: prune\nsupport: 3\ntasks: [a, b]\n",
             "bad.yaml: support is 3, but 2 tasks are named"},
        Case{"patch_kind: prune\nschema: patch/2\n", "bad.yaml: schema patch/2 is not known"},
        Case{"- patch_kind: prune\n", "bad.yaml: document is not a map"}}) {
    auto patch = DecodePatch(bad.text, "bad.yaml");
    ASSERT_FALSE(patch) << bad.text;
    EXPECT_EQ(patch.error().message, bad.message);
  }
}

}  // namespace
}  // namespace clawtrace
