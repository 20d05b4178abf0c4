// Patches in the formats of others.
#include <fmt/core.h>

#include <filesystem>
#include <fstream>
#include <map>

#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "cli/skill_actions.h"
#include "cli/table.h"
#include "distill/interchange/interchange.h"
#include "skill/paths.h"
#include "skill/skill_archive.h"

namespace clawtrace::cli {
namespace {

namespace fs = std::filesystem;

std::string EndedLine(const std::string& text) { return text.ends_with('\n') ? text : text + '\n'; }

void Tell(const std::vector<distill::InterchangeNote>& notes, std::string_view what, const std::string& file,
          const World& world) {
  for (const distill::InterchangeNote& note : notes)
    *world.err << Printable(fmt::format("{}{}{}: {} [{}]{}{}", file, note.place.empty() ? "" : ": ",
                                        note.place, what, note.reason, note.detail.empty() ? "" : " ",
                                        note.detail))
               << "\n";
}

// What was refused, whole: one line of JSON each.
std::string RefusedLines(const std::string& file, const std::vector<distill::InterchangeNote>& refused) {
  std::string lines;
  auto text = [&](std::string_view key, std::string_view value) {
    lines += fmt::format("\"{}\":", key), AppendJsonString(value, &lines), lines += ",";
  };
  for (const distill::InterchangeNote& note : refused) {
    lines += "{";
    text("file", file), text("place", note.place), text("reason", note.reason), text("detail", note.detail);
    lines += fmt::format("\"source\":{}}}\n", note.source.empty() ? "null" : note.source);
  }
  return lines;
}

Result<distill::ImportedPatches> ReadPatches(const std::string& bytes, const std::string& path,
                                             const Arguments& arguments) {
  if (!arguments.Has("--skill")) return distill::ImportPatches(bytes, path, nullptr);
  auto skill = LoadSkill(arguments.Value("--skill"));
  if (!skill) return std::unexpected(skill.error());
  return distill::ImportPatches(bytes, path, &*skill);
}

// YAML documents, or JSON documents one a line.
Result<std::vector<Patch>> OwnPatches(const std::string& path) {
  auto text = ReadFile(path, skill::kMaxSkillBytes);
  if (!text) return std::unexpected(text.error());
  bool json = Trim(*text).starts_with('{');
  std::vector<std::string> documents(1);
  for (std::string_view line : Split(*text, '\n')) {
    if (json || line == "---") documents.emplace_back();
    if (line != "---") documents.back().append(line).append("\n");
  }
  std::vector<Patch> patches;
  for (const std::string& document : documents) {
    if (Trim(document).empty()) continue;
    auto patch = DecodePatch(document, path);
    if (!patch) return std::unexpected(patch.error());
    patches.push_back(std::move(*patch));
  }
  return patches;
}

enum class Form { kTrace2Skill, kCostCraft, kDiff, kEvidence };

Result<Form> FormOf(const Arguments& arguments) {
  static const std::map<std::string, Form, std::less<>> kForms = {{"trace2skill", Form::kTrace2Skill},
                                                                  {"costcraft", Form::kCostCraft},
                                                                  {"diff", Form::kDiff},
                                                                  {"evidence", Form::kEvidence}};
  auto found = kForms.find(arguments.Value("--format"));
  if (found != kForms.end()) return found->second;
  return Fail(ErrorCode::kInvalidInput, fmt::format("--format {} is not known", arguments.Value("--format")),
              "zip, tar.gz, trace2skill, costcraft, diff or evidence");
}

Result<std::optional<SkillDir>> OtherSkill(const Arguments& arguments) {
  if (!arguments.Has("--skill")) return std::optional<SkillDir>();
  auto skill = LoadSkill(arguments.Value("--skill"));
  if (!skill) return std::unexpected(skill.error());
  return std::optional(std::move(*skill));
}

distill::Exported ExportAs(Form form, const std::vector<Patch>& patches, const SkillDir* base) {
  return form == Form::kCostCraft ? distill::ExportCostCraft(patches)
                                  : distill::ExportTrace2Skill(patches, base);
}

Result<distill::Exported> OfPatchFile(const std::string& path, Form form, const Arguments& arguments) {
  if (form != Form::kTrace2Skill && form != Form::kCostCraft)
    return Fail(ErrorCode::kInvalidInput, fmt::format("{} is no skill directory", path),
                "files of patches are exported as trace2skill or costcraft");
  auto patches = OwnPatches(path);
  if (!patches) return std::unexpected(patches.error());
  auto base = OtherSkill(arguments);
  if (!base) return std::unexpected(base.error());
  return ExportAs(form, *patches, *base ? &**base : nullptr);
}

Result<distill::Exported> OfSkill(const std::string& path, Form form, const Arguments& arguments) {
  auto skill = LoadExistingSkill(path);
  if (!skill) return std::unexpected(skill.error());
  auto base = OtherSkill(arguments);
  if (!base) return std::unexpected(base.error());
  if (form == Form::kDiff) {
    SkillDir empty{skill->name, {}, {}};
    return distill::Exported{DiffSkills(*base ? **base : empty, *skill), {}};
  }
  auto rules = distill::RulesOf(*skill);
  if (!rules) return std::unexpected(rules.error());
  distill::Exported out;
  if (form == Form::kEvidence)
    out.text = distill::EvidenceLines(*rules);
  else
    out = ExportAs(form, rules->patches, *base ? &**base : &*skill);
  out.notes.insert(out.notes.begin(), rules->notes.begin(), rules->notes.end());
  return out;
}

}  // namespace

bool IsArchiveFile(const std::string& path) {
  constexpr size_t kEnough = 512;
  std::ifstream file(path, std::ios::binary);
  std::string start(kEnough, '\0');
  file.read(start.data(), static_cast<std::streamsize>(start.size()));
  start.resize(static_cast<size_t>(file.gcount()));
  return skill::LooksLikeArchive(start);
}

int ImportPatchFiles(const Arguments& arguments, const World& world) {
  bool whole = true;
  std::vector<distill::ImportedPatches> imports;
  std::string refused;
  for (const std::string& path : arguments.positional) {
    auto bytes = ReadFile(path, skill::kMaxSkillBytes);
    if (!bytes) return Report(world, bytes.error());
    auto read = ReadPatches(*bytes, path, arguments);
    if (!read) return Report(world, read.error());
    Tell(read->refused, "refused", path, world), Tell(read->notes, "note", path, world);
    refused += RefusedLines(path, read->refused);
    whole = whole && read->refused.empty();
    imports.push_back(std::move(*read));
  }
  if (arguments.Has("--refused")) {
    if (Status done = WriteFileAtomically(arguments.Value("--refused"), refused); !done)
      return Report(world, done.error());
  }
  bool json = arguments.Has("--json");
  for (const Patch& patch : distill::JoinImports(std::move(imports)).patches)
    *world.out << (json ? "" : "---\n") << EndedLine(EncodePatch(patch, json));
  return whole ? kDone : kNo;
}

int ExportRules(const Arguments& arguments, const World& world) {
  auto form = FormOf(arguments);
  if (!form) return Report(world, form.error());
  const std::string& path = arguments.positional[0];
  std::error_code error;
  bool file = fs::is_regular_file(path, error);
  auto out = file ? OfPatchFile(path, *form, arguments) : OfSkill(path, *form, arguments);
  if (!out) return Report(world, out.error());
  Tell(out->notes, "note", path, world);
  if (!arguments.Has("--out")) {
    *world.out << out->text;
    return kDone;
  }
  Status done = WriteFileAtomically(arguments.Value("--out"), out->text);
  return done ? kDone : Report(world, done.error());
}

}  // namespace clawtrace::cli
