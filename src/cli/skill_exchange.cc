#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <optional>

#include "base/file.h"
#include "cli/skill_actions.h"
#include "cli/table.h"
#include "skill/history.h"
#include "skill/lint.h"
#include "skill/paths.h"
#include "skill/skill_archive.h"
#include "skill/targets.h"

namespace clawtrace::cli {
namespace {

namespace fs = std::filesystem;

skill::Records RecordsOf(const Arguments& arguments) {
  return arguments.Has("--with-evidence") ? skill::Records::kKeep : skill::Records::kStrip;
}

// Where the user wants a skill of that name: --out, else the folder of a client.
Result<std::string> PlaceOf(const Arguments& arguments, const World& world, const std::string& name) {
  if (arguments.Has("--out")) return arguments.Value("--out");
  if (!arguments.Has("--target"))
    return Fail(ErrorCode::kInvalidInput, "it is not said where to",
                "--out PATH, or --target agents|claude|openclaw");
  bool home = arguments.Has("--home");
  if (home && arguments.Has("--project"))
    return Fail(ErrorCode::kInvalidInput, "--home and --project together",
                "a skill is for one project or for all");
  fs::path base = home ? world.home : arguments.Has("--project") ? arguments.Value("--project") : ".";
  auto path = skill::TargetPath(arguments.Value("--target"),
                                home ? skill::TargetScope::kHome : skill::TargetScope::kProject, base, name);
  if (!path) return std::unexpected(std::move(path.error()));
  return path->string();
}

// What must not be installed unseen.
constexpr auto kUnsafe =
    std::to_array<std::string_view>({"binary", "encoding", "executable", "hidden-unicode", "injection",
                                     "mixed-script", "path", "secret", "skill-file"});

bool LooksSafe(const SkillDir& skill, const World& world) {
  bool safe = true;
  for (const skill::LintFinding& finding : skill::Lint(skill)) {
    bool unsafe = finding.severity == skill::Severity::kError &&
                  std::find(kUnsafe.begin(), kUnsafe.end(), finding.check) != kUnsafe.end();
    if (!unsafe) continue;
    safe = false;
    *world.err << Printable(fmt::format("{}:{}: {} [{}] {}", finding.file, finding.line, finding.message,
                                        finding.check, finding.literal))
               << "\n";
  }
  return safe;
}

SkillDir WithoutRecords(SkillDir skill) {
  std::erase_if(skill.files, [](const auto& file) { return file.first.starts_with(skill::kRecordsFolder); });
  return skill;
}

int Install(SkillDir skill, const std::string& path, const World& world) {
  auto before = LoadSkill(path);
  if (!before) return Report(world, before.error());
  skill.name = before->name;
  // What has versions can go back; nothing else is replaced.
  if (!before->files.empty() && !before->files.contains(std::string(skill::kVersionsFile)))
    return Report(world, {ErrorCode::kAlreadyExists, fmt::format("{} is there already", path),
                          "move it away, or give another place with --out"});
  for (const auto& [name, bytes] : before->files) {
    if (name.starts_with(skill::kHistoryFolder)) skill.files.emplace(name, bytes);
  }
  Status saved =
      skill::ReleaseSkill(*before, std::move(skill), {.origin = skill::VersionOrigin::kImport}, path);
  if (!saved) return Report(world, saved.error());
  *world.out << path << "\n";
  return kDone;
}

// What --format says, else the end of --out.
std::optional<skill::ArchiveFormat> ArchiveFormatOf(const Arguments& arguments) {
  std::string format = arguments.Value("--format"), out = arguments.Value("--out");
  bool by_name = !arguments.Has("--format");
  if (format == "zip" || (by_name && (out.ends_with(".zip") || out.ends_with(".skill"))))
    return skill::ArchiveFormat::kZip;
  if (format == "tar.gz" || (by_name && (out.ends_with(".tar.gz") || out.ends_with(".tgz"))))
    return skill::ArchiveFormat::kTarGz;
  return std::nullopt;
}

int ExportDirectory(const SkillDir& skill, const Arguments& arguments, const World& world) {
  auto path = PlaceOf(arguments, world, skill.name);
  if (!path) return Report(world, path.error());
  auto there = LoadSkill(*path);
  if (!there) return Report(world, there.error());
  SkillDir copy = arguments.Has("--with-evidence") ? skill : WithoutRecords(skill);
  copy.name = there->name;
  // Only what a skill of that name had before is replaced: the same skill again, or nothing.
  auto named = there->files.find(std::string(skill::kSkillFile));
  bool other = !there->files.empty() && (named == there->files.end() || SkillHash(*there) != SkillHash(copy));
  if (other && !arguments.Has("--anyway"))
    return Report(world,
                  {ErrorCode::kAlreadyExists, fmt::format("{} holds another skill or another version", *path),
                   "--anyway replaces it"});
  SaveOptions options{.gone = {}, .instead_of = &*there};
  for (const auto& [name, bytes] : there->files) {
    if (!copy.files.contains(name)) options.gone.insert(name);
  }
  Status saved = SaveSkill(copy, *path, options);
  if (!saved) return Report(world, saved.error());
  *world.out << *path << "\n";
  return kDone;
}

}  // namespace

int SkillExport(const Arguments& arguments, const World& world) {
  if (arguments.positional.size() != 1)
    return Report(
        world, UsageOf("export", "one folder", "DIR --out FILE.zip | DIR --target agents|claude|openclaw"));
  auto format = ArchiveFormatOf(arguments);
  if (!format && arguments.Has("--format")) return ExportRules(arguments, world);
  auto skill = LoadExistingSkill(arguments.positional[0]);
  if (!skill) return Report(world, skill.error());
  if (!format) return ExportDirectory(*skill, arguments, world);
  std::string out = arguments.Value("--out");
  auto bytes = skill::WriteSkillArchive(*skill, RecordsOf(arguments), *format);
  if (!bytes) return Report(world, bytes.error());
  if (out.empty()) {
    *world.out << *bytes;
    return kDone;
  }
  Status written = WriteFileAtomically(out, *bytes);
  if (!written) return Report(world, written.error());
  *world.out << out << "\n";
  return kDone;
}

int SkillImport(const Arguments& arguments, const World& world) {
  bool patches = !arguments.positional.empty() && !IsArchiveFile(arguments.positional[0]);
  if (patches) return ImportPatchFiles(arguments, world);
  if (arguments.positional.size() != 1)
    return Report(world,
                  UsageOf("import", "one archive",
                          "FILE.zip --out DIR | FILE.zip --target agents|claude|openclaw | PATCHES..."));
  fs::path file = arguments.positional[0];
  auto bytes = ReadFile(file, 2 * skill::kMaxSkillBytes);
  if (!bytes) return Report(world, bytes.error());
  // "x.tar.gz" too is x.
  if (file.stem().extension() == ".tar") file = file.stem();
  auto skill = skill::ReadSkillArchive(*bytes, file.stem().string(), RecordsOf(arguments));
  if (!skill) return Report(world, skill.error());
  if (!LooksSafe(*skill, world) && !arguments.Has("--anyway")) {
    *world.err << "nothing is written: --anyway writes it all the same\n";
    return kNo;
  }
  auto path = PlaceOf(arguments, world, skill->name);
  if (!path) return Report(world, path.error());
  return Install(std::move(*skill), *path, world);
}

}  // namespace clawtrace::cli
