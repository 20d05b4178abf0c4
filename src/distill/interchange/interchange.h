#pragma once
// Patches in the formats of others: CostCraft's patch JSON; Trace2Skill's record lists, pattern lists and
// patch JSON. Every function is pure and total over its bytes. docs/interchange.md has the mapping, member by
// member, and what each format cannot hold.
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/patch.h"
#include "skill/skill.h"

namespace clawtrace::distill {

// What could not be taken over as it was said. Nothing is dropped without one.
struct InterchangeNote {
  std::string place;   // "[3].edits[1]" of the document; of an export the patch's id
  std::string reason;  // a code of docs/interchange.md: "anchor_ambiguous"
  std::string detail;  // a sentence; "" = the reason says all
  std::string source;  // of what was refused: the whole of it as JSON; "" = it was taken over in another form
  bool operator==(const InterchangeNote&) const = default;
};

struct ImportedPatches {
  // schema patch/1, by id, without a grade: what others claim is no evidence of ours. One a rule: the tasks
  // of all who propose it are joined.
  std::vector<Patch> patches;
  std::vector<InterchangeNote> refused;  // in order of the document
  std::vector<InterchangeNote> notes;
};

// The format is told by content, element by element. skill: what anchors of edits are resolved against, to
// exactly one block or not at all; nullptr: they stay as the text that they are. kCorruptData: no JSON;
// kUnsupported: JSON of another kind.
Result<ImportedPatches> ImportPatches(std::string_view text, std::string_view name, const SkillDir* skill);

// Of several documents at once: the same as if one held what all hold, whatever their order.
ImportedPatches JoinImports(std::vector<ImportedPatches> imports);

struct Exported {
  std::string text;
  std::vector<InterchangeNote> notes;
};

// A JSON list of CostCraft's patches: one a patch and task.
Exported ExportCostCraft(const std::vector<Patch>& patches);

// A JSON list of Trace2Skill's patches. skill: where its headings and blocks are looked up, which that format
// addresses by their source text; nullptr: sections are of level 2, blocks are their own text.
Exported ExportTrace2Skill(const std::vector<Patch>& patches, const SkillDir* skill);

struct SkillRules {
  // By id: what our records and the patches kept beside them tell about each rule, with its text as it
  // stands.
  std::vector<Patch> patches;
  std::vector<InterchangeNote> notes;
};
// The rules of a skill that our records know. Rules that somebody edited or removed are told in notes.
Result<SkillRules> RulesOf(const SkillDir& skill);

// One patch/1 document a line: ids, grades and numbers of a skill's rules, no text of a trace.
std::string EvidenceLines(const SkillRules& rules);

}  // namespace clawtrace::distill
