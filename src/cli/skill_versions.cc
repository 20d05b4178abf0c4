#include <fmt/core.h>

#include <algorithm>
#include <filesystem>

#include "base/doc_writer.h"
#include "base/text.h"
#include "cli/skill_actions.h"
#include "cli/table.h"
#include "model/archive.h"
#include "skill/history.h"

namespace clawtrace::cli {
namespace {

constexpr size_t kShownDigits = 12;

std::string Short(const std::string& hash) { return hash.substr(0, kShownDigits); }

struct ShownVersion {
  std::string version, parent, origin;
  bool current = false;
  std::vector<std::string> patches;
  int64_t files = 0;
};
template <class A>
void Describe(A& a, ShownVersion& v) {
  a.Field("version", v.version), a.Field("parent", v.parent), a.Field("origin", v.origin),
      a.Field("current", v.current);
  a.Field("patches", v.patches), a.Field("files", v.files);
}

struct ShownHistory {
  std::string skill, current;
  bool edited = false;  // the current state is no version yet
  std::vector<ShownVersion> versions;
};
template <class A>
void Describe(A& a, ShownHistory& h) {
  a.Field("skill", h.skill), a.Field("current", h.current), a.Field("edited", h.edited),
      a.Field("versions", h.versions);
}

struct ShownDiff {
  std::string from, to, diff;
};
template <class A>
void Describe(A& a, ShownDiff& d) {
  a.Field("from", d.from), a.Field("to", d.to), a.Field("diff", d.diff);
}

}  // namespace

Error UsageOf(std::string_view word, std::string_view needs, std::string_view usage) {
  return {ErrorCode::kInvalidInput, fmt::format("skill {} needs {}", word, needs),
          fmt::format("clawtrace skill {} {}", word, usage)};
}

std::vector<std::string> WordsBehindFolder(const Arguments& arguments) {
  std::vector<std::string> words;
  for (size_t i = 1; i < arguments.positional.size(); ++i) {
    for (std::string_view part : Split(arguments.positional[i], ' ')) {
      if (!part.empty()) words.emplace_back(part);
    }
  }
  return words;
}

Result<SkillDir> LoadExistingSkill(const std::string& path) {
  auto skill = LoadSkill(path);
  if (skill && skill->files.empty())
    return Fail(ErrorCode::kNotFound, fmt::format("{} is no skill directory", path),
                "name the folder that holds SKILL.md");
  return skill;
}

int SkillDiff(const Arguments& arguments, const World& world) {
  const auto& words = arguments.positional;
  if (words.empty() || words.size() > 2)
    return Report(world, UsageOf("diff", "a folder", "DIR [VERSION|DIR]"));
  auto now = LoadExistingSkill(words[0]);
  if (!now) return Report(world, now.error());
  std::error_code ignored;
  bool folder = words.size() == 2 && std::filesystem::is_directory(words[1], ignored);
  // With a second folder: from the first to the second; else from a version to what is there.
  auto other =
      folder ? LoadExistingSkill(words[1]) : skill::VersionAt(*now, words.size() == 2 ? words[1] : "");
  if (!other) return Report(world, other.error());
  const SkillDir& before = folder ? *now : *other;
  const SkillDir& after = folder ? *other : *now;
  std::string diff = DiffSkills(before, after);
  if (!folder)
    diff = diff.substr(0, diff.find("# .clawtrace:"));  // what rolling back would do to our records
  if (arguments.Has("--json"))
    *world.out << Encode(ShownDiff{SkillHash(before), SkillHash(after), diff}, DocWriter::Format::kJson)
               << "\n";
  else
    *world.out << diff;
  return diff.empty() ? kDone : kNo;
}

int SkillHistory(const Arguments& arguments, const World& world) {
  if (arguments.positional.size() != 1) return Report(world, UsageOf("history", "one folder", "DIR"));
  auto skill = LoadExistingSkill(arguments.positional[0]);
  if (!skill) return Report(world, skill.error());
  auto versions = skill::VersionsOf(*skill);
  if (!versions) return Report(world, versions.error());
  ShownHistory shown{arguments.positional[0], SkillHash(*skill), true, {}};
  for (const skill::SkillVersion& version : *versions) {
    bool current = version.version == shown.current;
    if (current) shown.edited = false;
    shown.versions.push_back({version.version, version.parent, std::string(NameOf(version.origin)), current,
                              version.patches, static_cast<int64_t>(version.files.size())});
  }
  if (arguments.Has("--json")) {
    *world.out << Encode(shown, DocWriter::Format::kJson) << "\n";
    return kDone;
  }
  std::vector<std::vector<std::string>> rows;
  for (const ShownVersion& version : shown.versions)
    rows.push_back({version.current ? "*" : "", Short(version.version), Short(version.parent), version.origin,
                    std::to_string(version.files), std::to_string(version.patches.size())});
  PrintTable(*world.out, {{""}, {"version"}, {"made of"}, {"by"}, {"files", true}, {"patches", true}}, rows);
  if (shown.edited)
    *world.out << fmt::format("{} is there now and is no version yet\n", Short(shown.current));
  return kDone;
}

int SkillRollback(const Arguments& arguments, const World& world) {
  const auto& words = arguments.positional;
  if (words.empty() || words.size() > 2)
    return Report(world, UsageOf("rollback", "a folder", "DIR [VERSION]"));
  auto now = LoadExistingSkill(words[0]);
  if (!now) return Report(world, now.error());
  auto back = skill::Rollback(*now, words.size() == 2 ? words[1] : "");
  if (!back) {
    Report(world, back.error());
    return back.error().code == ErrorCode::kNotFound ? kNo : kCouldNot;
  }
  bool dry = arguments.Has("--dry-run");
  // Nothing is said to be there before it is.
  if (Status saved = dry ? Status() : skill::ReleaseSkill(*now, *back, {}, words[0]); !saved)
    return Report(world, saved.error());
  std::string diff = DiffSkills(*now, *back);
  std::string from = SkillHash(*now), to = SkillHash(*back);
  if (arguments.Has("--json"))
    *world.out << Encode(ShownDiff{from, to, diff}, DocWriter::Format::kJson) << "\n";
  else
    *world.out << diff;
  *world.err << fmt::format("{} {} {}, {} {}\n", words[0], dry ? "would be" : "is now", Short(to),
                            dry ? "now" : "before", Short(from));
  return kDone;
}

}  // namespace clawtrace::cli
