#pragma once
// An Agent Skill directory as a value: SKILL.md with front matter, references/, other files. Text that is not
// ours stays byte-identical: our rules live in our own blocks, addressed by section, found again by their
// provenance.
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/patch.h"

namespace clawtrace {

struct SkillDir {
  std::string name;                          // of the directory; equals the front matter's name
  std::map<std::string, std::string> files;  // relative path ("SKILL.md", "references/x.md") -> bytes
  std::set<std::string> executable = {};     // those of files that may be run
};

// Reads an existing directory; a directory that does not exist is an empty SkillDir with that name. Symbolic
// links and files above 8 MiB are refused; a version control folder (.git) is left alone. Finishes a save
// that a crash interrupted, if there is one.
Result<SkillDir> LoadSkill(const std::string& path);
// The same for who is going to write it: a directory without SKILL.md has to have a name that a skill can
// have.
Result<SkillDir> LoadSkillToWrite(const std::string& path);

enum class EditFate {
  kApplied,
  kAlreadyThere,  // the skill says it; records may have been updated
  kTheirs,        // somebody edited or removed it: what they did stays
  kRefused,
};

// What became of one edit: every edit of every patch that is given leaves one.
struct EditEntry {
  std::string patch_id;
  std::optional<int64_t> edit = {};  // index into the patch's edits; nullopt: its rule as a list item
  EditFate fate = EditFate::kRefused;
  std::string reason = {};  // a code of docs/merge.md: "added", "anchor_not_found"
  std::string file = {};
  std::string detail = {};  // a sentence; "" = the reason says all
};

struct ApplyResult {
  SkillDir skill;
  std::vector<std::string> report;  // one line an edit: what happened and why
  std::vector<EditEntry> ledger = {};
};

// Applies patches: a patch without edits as a list item under its section, creating SKILL.md when missing;
// edits on the blocks that they mean. Rules that SKILL.md has no room for (500 lines, 5,000 tokens) go to
// references/SECTION.md, named in SKILL.md. Idempotent: a patch whose rule is already there (by provenance,
// else by normalised text) only updates its provenance record, and edits are done once. Pure.
Result<ApplyResult> ApplyPatches(const SkillDir& base, const std::vector<Patch>& patches);

// What every description of ours says: nothing that tells one skill from another.
inline constexpr std::string_view
    kOwnBegin = "Lessons about ",
    kOwnFrame = "from recorded sessions - which steps to leave out, how failures were repaired";

struct SkillPlan {
  std::vector<Patch> patches;
  // Patches that an item of the skill says in other words: id -> SHA-256 of that item's text. They get a
  // record and no text.
  std::map<std::string, std::string> covered = {};
  std::vector<std::string> removals = {};  // ids of rules of ours that are taken out, text and record
  // Ids of rules whose text somebody deleted and that are written all the same.
  std::set<std::string> again = {};
  // Edits may change and take out what we did not write, but for what is pinned. Else they are refused.
  bool edit_others = false;
  // The description of a new skill; "" = one of ours.
  std::string description = {};
  // What ours says that it is for, after "when": "reading files"; "" = not known.
  // In one line, at most 400 bytes, without < and >. A description that is there stays as it is.
  std::string work = {};
};
Result<ApplyResult> ApplyPlan(const SkillDir& base, const SkillPlan& plan);

// Content of the skill as one hash (SHA-256 in hex); our records about it do not count.
std::string SkillHash(const SkillDir& skill);

// Unified diff of two versions, file by file, "" when equal; our records (.clawtrace/) are one line of
// counts.
std::string DiffSkills(const SkillDir& before, const SkillDir& after);

struct SaveOptions {
  std::set<std::string> gone;  // files that are taken away
  // What the directory held when it was read: when it holds something else by now, nothing is written
  // (kUnavailable). nullptr: whatever it holds.
  const SkillDir* instead_of = nullptr;
};
// Writes the directory: all files or none (a sibling is prepared and swapped in), one writer at a time. Files
// that the skill does not name stay as they are, but for those in gone; replaced files keep their mode.
Status SaveSkill(const SkillDir& skill, const std::string& path, const SaveOptions& options = {});

}  // namespace clawtrace
