#include <fmt/core.h>

#include <algorithm>
#include <set>

#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "cli/again.h"
#include "cli/flag_values.h"
#include "cli/skill_actions.h"
#include "cli/skill_audit.h"
#include "cli/table.h"
#include "distill/audit/audit.h"
#include "distill/merge/audited.h"
#include "model/archive.h"
#include "skill/history.h"

namespace clawtrace::cli {
namespace {

// Of one file: YAML documents between lines of three dashes, or JSON documents one a line.
Status ReadPatches(const std::string& path, std::vector<Patch>* out) {
  constexpr uint64_t kMostBytes = uint64_t{64} << 20;
  auto text = ReadFile(path, kMostBytes);
  if (!text) return std::unexpected(std::move(text.error()));
  bool json = Trim(*text).starts_with('{');
  std::string document;
  auto take = [&]() -> Status {
    if (Trim(document).empty()) return {};
    auto patch = DecodePatch(document, path);
    document.clear();
    if (!patch) return std::unexpected(std::move(patch.error()));
    if (patch->schema != "patch/1")
      return Fail(ErrorCode::kUnsupported,
                  fmt::format("{} holds something that is no patch/1 document", path),
                  "clawtrace distill --patches writes them");
    out->push_back(std::move(*patch));
    return {};
  };
  for (std::string_view line : Split(*text, '\n')) {
    bool border = Trim(line) == "---";
    if (border || json) CT_RETURN_IF_ERROR(take());
    if (!border) document.append(line).push_back('\n');
  }
  return take();
}

void PrintJson(const std::string& diff, const distill::AuditedMerge& merged, bool written,
               std::ostream& out) {
  std::string text;
  AppendJsonString(diff, &text);
  out << fmt::format("{{\"written\":{},\"diff\":{},\"merge\":{},\"audit\":{},\"refused\":{}}}\n", written,
                     text, Trim(distill::EncodeMergeReport(merged.merge.report, true)),
                     Trim(distill::EncodeAuditReport(merged.audit, true)),
                     Trim(distill::EncodeAuditReport(merged.refused, true)));
}

void Tell(const distill::AuditedMerge& merged, bool changes, bool writes, std::ostream& err) {
  for (const distill::MergeInput& input : merged.merge.report.inputs) {
    std::string detail = input.detail.empty() ? "" : ": " + input.detail;
    err << Printable(fmt::format("{}: {} ({}){}", input.patch_id, distill::FateText(input.fate, writes),
                                 input.reason, detail))
        << "\n";
  }
  std::string findings = distill::FindingLines(merged.refused);
  for (std::string_view line : Split(findings, '\n')) {
    if (!line.empty()) err << "left out: " << Printable(line) << "\n";
  }
  if (!changes) {
    err << "nothing changes\n";
    return;
  }
  std::string audit = distill::AuditText(merged.audit);
  for (std::string_view line : Split(audit, '\n')) {
    if (!line.empty()) err << Printable(line) << "\n";
  }
}

// What is admitted and not written.
void TellMissing(const distill::AuditedMerge& merged, bool held, bool rest_is_written, std::ostream& err) {
  if (held) err << "a conflict is held for a person: nothing is written; --anyway writes the rest\n";
  auto tell = [&](std::string_view why, size_t count) {
    if (count > 0)
      err << fmt::format("left out because {}: {} of {} patches{}\n", why, count, merged.merge.report.patches,
                         rest_is_written ? "; the rest is written" : "");
  };
  tell("the audit blocks them", merged.refused_patches.size());
  size_t refused = std::ranges::count_if(
      merged.merge.refused, [&](const std::string& id) { return !merged.refused_patches.contains(id); });
  tell("they are refused", refused);
}

Status Write(const SkillDir& before, const distill::AuditedMerge& merged, const std::string& path) {
  SkillDir after = merged.merge.skill;
  CT_RETURN_IF_ERROR(distill::AddWaivers(distill::UsedWaivers(merged.audit), &after));
  return skill::ReleaseSkill(
      before, std::move(after),
      {.origin = skill::VersionOrigin::kClawtrace, .patches = distill::WrittenRules(merged.merge.report)},
      path);
}

}  // namespace

int SkillApply(const Arguments& arguments, const World& world) {
  if (arguments.positional.size() < 2)
    return Report(world,
                  UsageOf("apply", "a folder and patches", "DIR PATCHES... [--dry-run] [--candidates]"));
  const std::string& path = arguments.positional[0];
  auto waivers = WaiversFrom(arguments);
  if (!waivers) return Report(world, waivers.error());
  auto before = LoadSkillToWrite(path);
  if (!before) return Report(world, before.error());
  std::vector<Patch> patches;
  for (size_t i = 1; i < arguments.positional.size(); ++i) {
    Status read = ReadPatches(arguments.positional[i], &patches);
    if (!read) return Report(world, read.error());
  }
  distill::MergeOptions options;
  options.candidates = arguments.Has("--candidates"), options.edit_others = arguments.Has("--edit-others");
  options.pins = ListOf(arguments, "--pin"), options.again = ListOf(arguments, "--again");
  distill::AuditContext context;
  context.others = SkillsBeside(path);
  context.waivers = *waivers;
  auto merged = distill::MergeAudited(*before, distill::Reduce(patches), options, context);
  if (!merged) return Report(world, merged.error());
  if (Status known = CheckAgain(options.again, *before, merged->merge.report); !known)
    return Report(world, known.error());
  bool held = merged->merge.report.blocked && !arguments.Has("--anyway");
  bool write = !merged->audit.blocked && !held && !arguments.Has("--dry-run");
  // Nothing is called written before it is.
  if (Status written = write ? Write(*before, *merged, path) : Status(); !written)
    return Report(world, written.error());
  std::string diff = DiffSkills(*before, merged->merge.skill);
  if (arguments.Has("--json"))
    PrintJson(diff, *merged, write, *world.out);
  else
    *world.out << diff;
  Tell(*merged, merged->merge.skill.files != before->files, write, *world.err);
  TellMissing(*merged, held, write && !diff.empty(), *world.err);
  bool whole = merged->refused_patches.empty() && merged->merge.refused.empty();
  return merged->audit.blocked || held || !whole ? kNo : kDone;
}

}  // namespace clawtrace::cli
