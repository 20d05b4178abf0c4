// Any bytes as patches of others, with and without a skill to resolve them against. What is taken over has no
// grade, is written and read back as the same thing, and goes out and in again.
#include <cstdint>
#include <string_view>

#include "distill/interchange/interchange.h"

namespace clawtrace::distill {
namespace {

const SkillDir& Skill() {
  static const SkillDir skill{"s",
                              {{"SKILL.md",
                                "---\nname: s\n---\n\n# S\n\n## A\n\n- one\n- two\n  - three\n\n## B\n\n"
                                "Text of two.\n\n```sh\n# one\n```\n"},
                               {"references/a.md", "# A\n\n- one\n"}},
                              {}};
  return skill;
}

void Look(const ImportedPatches& read) {
  for (const Patch& patch : read.patches) {
    CT_CHECK(patch.counterfactual_grade.empty() && patch.evidence_grade.empty() && !patch.pinned);
    CT_CHECK(!patch.id.empty() && patch.schema == "patch/1" && !patch.remarks.empty());
    CT_CHECK(!patch.support || *patch.support == static_cast<int64_t>(patch.tasks.size()));
    auto back = DecodePatch(EncodePatch(patch, true), "written");
    CT_CHECK(back && EncodePatch(*back, true) == EncodePatch(patch, true));
  }
  for (const InterchangeNote& note : read.refused) CT_CHECK(!note.reason.empty() && !note.source.empty());
}

void TestOne(std::string_view text) {
  for (const SkillDir* skill : {static_cast<const SkillDir*>(nullptr), &Skill()}) {
    auto read = ImportPatches(text, "input", skill);
    if (!read) continue;
    Look(*read);
    CT_CHECK(JoinImports({*read, *read}).patches == read->patches);
    if (read->patches.empty()) continue;
    auto costcraft = ImportPatches(ExportCostCraft(read->patches).text, "written", nullptr);
    CT_CHECK(costcraft.has_value());
    auto edits = ImportPatches(ExportTrace2Skill(read->patches, skill).text, "written", skill);
    CT_CHECK(edits.has_value());
    Look(*edits);
    CT_CHECK(ApplyPatches(Skill(), read->patches).has_value());
  }
}

}  // namespace
}  // namespace clawtrace::distill

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  clawtrace::distill::TestOne({reinterpret_cast<const char*>(data), size});
  return 0;
}
