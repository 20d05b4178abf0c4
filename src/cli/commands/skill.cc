#include <fmt/core.h>

#include <array>

#include "cli/inputs.h"
#include "cli/skill_actions.h"

namespace clawtrace::cli {
namespace {

constexpr Flag kFlags[] = {
    {"--out", "PATH", "where to write (export: FILE.zip or a folder; import: a folder)", FlagKind::kPath},
    {"--target", "CLIENT",
     "instead: a client's folder of skills: agents, claude or openclaw (export, import)", FlagKind::kValue},
    {"--project", "DIR", "the project that the client's folder is in (default: the current folder)",
     FlagKind::kPath},
    {"--home", "", "the folder of all projects, below the home folder", FlagKind::kSwitch},
    {"--with-evidence", "", "with .clawtrace: records, patches, versions (export, import)",
     FlagKind::kSwitch},
    {"--anyway", "",
     "also where it looks unsafe (import), where another version lies (export), where a conflict is held "
     "(apply)",
     FlagKind::kSwitch},
    {"--format", "FORMAT", "zip, tar.gz, trace2skill, costcraft, diff or evidence (export)",
     FlagKind::kValue},
    {"--skill", "DIR",
     "what anchors of edits are resolved against (import, export), the version before (export --format diff)",
     FlagKind::kPath},
    {"--refused", "FILE", "what was refused of patches, whole, as JSON lines (import)", FlagKind::kPath},
    {"--candidates", "", "write what is not admitted under \"Candidates (unproven)\" (apply)",
     FlagKind::kSwitch},
    {"--edit-others", "",
     "edits may change text that clawtrace did not write, but for what is pinned (apply)", FlagKind::kSwitch},
    {"--pin", "ID,...", "write these patches whatever speaks for them, and pin their rules (apply)",
     FlagKind::kValue},
    {"--again", "ID,...", "write these rules although they were taken back (apply)", FlagKind::kValue},
    {"--waive", "CHECK[:ID],...", "let these findings of the audit pass (apply)", FlagKind::kValue},
    {"--by", "NAME", "who waives or pins", FlagKind::kValue},
    {"--why", "TEXT", "why", FlagKind::kValue},
    {"--dry-run", "", "show what would change, write nothing (apply, rollback)", FlagKind::kSwitch},
    kJsonFlag,
};

struct Word {
  std::string_view name;
  int (*run)(const Arguments& arguments, const World& world);
};
constexpr auto kWords = std::to_array<Word>({{"lint", SkillLint},
                                             {"diff", SkillDiff},
                                             {"apply", SkillApply},
                                             {"history", SkillHistory},
                                             {"rollback", SkillRollback},
                                             {"why", SkillWhy},
                                             {"pin", SkillPin},
                                             {"unpin", SkillUnpin},
                                             {"export", SkillExport},
                                             {"import", SkillImport}});

int Run(const Arguments& arguments, const World& world) {
  Arguments rest = arguments;
  std::string names;
  for (const Word& word : kWords) {
    names += fmt::format("{}{}", names.empty() ? "" : ", ", word.name);
    if (rest.positional.empty() || rest.positional[0] != word.name) continue;
    rest.positional.erase(rest.positional.begin());
    return word.run(rest, world);
  }
  return Report(world, {ErrorCode::kInvalidInput, "skill wants to know what to do", names});
}

}  // namespace

extern const Command kSkill;
const Command kSkill = {
    .name = "skill",
    .summary = "look after skill directories: lint, diff, apply, history, rollback, why, pin, export, import",
    .usage =
        "skill lint DIR... [--json]\n"
        "       clawtrace skill diff DIR [VERSION|DIR] [--json]\n"
        "       clawtrace skill apply DIR PATCHES... [--dry-run] [--candidates] [--anyway] [--json]\n"
        "                              [--edit-others] [--pin ID,...] [--again ID,...]\n"
        "                              [--waive CHECK[:ID],... --by NAME --why TEXT]\n"
        "       clawtrace skill history DIR [--json]\n"
        "       clawtrace skill rollback DIR [VERSION] [--dry-run] [--json]\n"
        "       clawtrace skill why DIR RULE|WORD... [--json]\n"
        "       clawtrace skill pin|unpin DIR RULE|WORD... [--by NAME]\n"
        "       clawtrace skill export DIR --out FILE.zip | --out DIR | --target CLIENT [--project "
        "DIR|--home]\n"
        "                              [--with-evidence] [--anyway]\n"
        "       clawtrace skill import FILE.zip --out DIR | --target CLIENT [--project DIR|--home]\n"
        "                              [--with-evidence] [--anyway]\n"
        "       clawtrace skill export DIR|PATCHES --format FORMAT [--out FILE] [--skill DIR] "
        "[--with-evidence]\n"
        "       clawtrace skill import PATCHES... [--skill DIR] [--refused FILE] [--json]",
    .details =
        "lint: format, size, structure and safety of each directory; exit code 1 when there are errors. "
        "diff: against the\n"
        "version before, a version or another skill; 1 when they differ. apply: patches of clawtrace "
        "distill are\n"
        "merged, audited (docs/audit.md) and written; what the audit blocks is left out, and the exit code "
        "is 1. history: the versions that are kept; rollback: back to one, where what a person edited is "
        "kept as a\n"
        "version too. why: the evidence of a rule, by its id or by words of it. pin: an item or paragraph "
        "that no patch "
        "touches. docs/skill.md.\n"
        "import and export of patches: those of CostCraft and Trace2Skill, without a grade. "
        "docs/interchange.md.",
    .flags = kFlags,
    .run = Run,
};

}  // namespace clawtrace::cli
