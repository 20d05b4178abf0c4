#include <fmt/core.h>

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
  std::string diff = DiffSkills(*before, merged->merge.skill);
  bool held = merged->merge.report.blocked && !arguments.Has("--anyway");
  bool refused = !merged->refused_patches.empty();
  bool write = !merged->audit.blocked && !held && !arguments.Has("--dry-run");
  if (arguments.Has("--json"))
    PrintJson(diff, *merged, write, *world.out);
  else
    *world.out << diff;
  Tell(*merged, merged->merge.skill.files != before->files, write, *world.err);
  if (held) *world.err << "a conflict is held for a person: nothing is written; --anyway writes the rest\n";
  if (refused)
    *world.err << fmt::format("left out because the audit blocks them: {} of {} patches{}\n",
                              merged->refused_patches.size(), merged->merge.report.patches,
                              write && !diff.empty() ? "; the rest is written" : "");
  if (write) {
    SkillDir after = std::move(merged->merge.skill);
    Status kept = distill::AddWaivers(distill::UsedWaivers(merged->audit), &after);
    if (kept)
      kept = skill::ReleaseSkill(*before, std::move(after),
                                 {.origin = skill::VersionOrigin::kClawtrace,
                                  .patches = distill::WrittenRules(merged->merge.report)},
                                 path);
    if (!kept) return Report(world, kept.error());
  }
  return merged->audit.blocked || held || refused ? kNo : kDone;
}

}  // namespace clawtrace::cli
