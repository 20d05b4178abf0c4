#pragma once
// Versions of a skill, kept in the skill: SKILL/.clawtrace/history/versions.json names them by their content
// and in the order in which they came, objects/SHA256 hold the bytes of their files, each once. No clock and
// no text of a session: the same changes give the same bytes. What a person edited is a version like any
// other.
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/fact.h"
#include "skill/skill.h"

namespace clawtrace::skill {

inline constexpr std::string_view kVersionsFile = ".clawtrace/history/versions.json";
inline constexpr std::string_view kObjectsFolder = ".clawtrace/history/objects/";
// Older versions are forgotten with the objects that only they have.
inline constexpr size_t kMaxVersions = 100;

enum class VersionOrigin { kUser, kClawtrace, kImport };
constexpr EnumTable<VersionOrigin, 3> EnumNames(VersionOrigin) {
  return {{{VersionOrigin::kUser, "user"},
           {VersionOrigin::kClawtrace, "clawtrace"},
           {VersionOrigin::kImport, "import"}}};
}

struct VersionFile {
  std::string path, sha256;
  bool executable = false;
  bool operator==(const VersionFile&) const = default;
};

struct SkillVersion {
  std::string version;  // SkillHash
  std::string parent;   // the version that it was made of; "" = none is known
  VersionOrigin origin = VersionOrigin::kUser;
  std::vector<std::string> patches;  // ids of rules that came with it, sorted
  std::vector<VersionFile> files;    // by path; our records of it among them
  bool operator==(const SkillVersion&) const = default;
};

// In the order in which they came; empty when none was kept. kCorruptData when the file cannot be read.
Result<std::vector<SkillVersion>> VersionsOf(const SkillDir& skill);

// after, with before and itself as versions. before that is no version yet is a person's. patches: what came
// with after. Changes nothing when both are known.
Result<SkillDir> WithVersion(const SkillDir& before, SkillDir after, VersionOrigin origin,
                             std::vector<std::string> patches = {});

// The skill as it was: version is at least 6 digits that only one version begins with, or "" for the one
// before the current state (the last one that was kept, when a person edited since). The current state is
// kept as a version first; waivers and decisions stay as they are. kNotFound when there is no such version.
Result<SkillDir> VersionAt(const SkillDir& current, std::string_view version);

// VersionAt, with the decision that rules which go along are wanted no more. Records that cannot be read are
// an error.
Result<SkillDir> Rollback(const SkillDir& current, std::string_view version);

struct Release {
  VersionOrigin origin = VersionOrigin::kUser;
  std::vector<std::string> patches = {};  // as of WithVersion
  // What stood at path when it was read, when that is not what the new version was made of.
  const SkillDir* instead_of = nullptr;
};
// WithVersion, written to path (SaveSkill), unless somebody wrote there meanwhile (kUnavailable). Files that
// before has and after does not are taken away.
Status ReleaseSkill(const SkillDir& before, SkillDir after, Release release, const std::string& path);

}  // namespace clawtrace::skill
