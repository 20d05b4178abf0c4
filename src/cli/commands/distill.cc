#include "distill/distill.h"

#include <fmt/core.h>

#include "base/doc_writer.h"
#include "cli/inputs.h"
#include "cli/local_store.h"
#include "skill/skill.h"

namespace clawtrace::cli {
namespace {

constexpr Flag kFlags[] = {
    {"--skill", "DIR", "the skill directory to deepen, or to create", FlagKind::kPath},
    {"--out", "DIR", "write the result here and leave --skill alone", FlagKind::kPath},
    {"--dry-run", "", "show the diff, write nothing", FlagKind::kSwitch},
    {"--patches", "", "print the patches (YAML, --json: JSON lines) instead of the diff", FlagKind::kSwitch},
    kReplayFlag,
    kJsonFlag,
    kStoreFlag,
    kPricesFlag,
};

void PrintPatches(const std::vector<Patch>& patches, bool json, std::ostream& out) {
  for (const Patch& patch : patches) {
    std::string text = EncodePatch(patch, json);
    out << (json ? "" : "---\n") << text << (text.ends_with('\n') ? "" : "\n");
  }
}

// Only its presence: what stands in it is its owner's.
bool HasFrontMatter(std::string_view text) {
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  return text.starts_with("---") && text.find("\n---", 3) != std::string_view::npos;
}

int Run(const Arguments& arguments, const World& world) {
  if (!arguments.Has("--skill"))
    return Report(world, {ErrorCode::kInvalidInput, "distill needs a skill directory",
                          "--skill DIR; it is created when it does not exist"});
  auto book = LoadPrices(arguments, world);
  if (!book) return Report(world, book.error());
  auto selection = Select(arguments, world);
  if (!selection) return Report(world, selection.error());
  auto replays = ReplayFiles::Read(arguments);
  if (!replays) return Report(world, replays.error());
  auto all = ReadSelected(*selection, *book, world, Want::kCards, &*replays);
  if (!all) return Report(world, all.error());
  std::vector<TraceCard> cards;
  for (Compiled& item : *all) cards.push_back(std::move(item.card));
  std::vector<Patch> patches = distill::ProposePatches(cards);
  auto before = LoadSkill(arguments.Value("--skill"));
  if (!before) return Report(world, before.error());
  SkillDir base = *before;
  std::string target = arguments.Has("--out") ? arguments.Value("--out") : arguments.Value("--skill");
  if (arguments.Has("--out")) {
    // The skill's name follows its directory; an earlier result there is what this run deepens.
    auto earlier = LoadSkill(target);
    if (!earlier) return Report(world, earlier.error());
    bool ours = earlier->files.contains(".clawtrace/provenance.json");
    if (!earlier->files.empty() && !ours) {
      return Report(world, {ErrorCode::kAlreadyExists,
                            fmt::format("{} is not empty and holds no earlier result", target),
                            "name a new directory for --out, or deepen this one with --skill"});
    }
    if (ours) base = *earlier;
    base.name = earlier->name;
  }
  auto applied = ApplyPatches(base, patches);
  if (!applied) return Report(world, applied.error());
  if (arguments.Has("--patches"))
    PrintPatches(patches, arguments.Has("--json"), *world.out);
  else
    *world.out << DiffSkills(base, applied->skill);
  for (const std::string& line : applied->report) *world.err << line << "\n";
  *world.err << fmt::format("{} sessions, {} patches, skill {}\n", cards.size(), patches.size(), target);
  auto text = applied->skill.files.find("SKILL.md");
  if (text != applied->skill.files.end() && !HasFrontMatter(text->second)) {
    *world.err << fmt::format(
        "clawtrace: {}/SKILL.md has no complete front matter; agents will not load it until it "
        "begins with name and description between --- lines\n",
        target);
  }
  if (arguments.Has("--dry-run")) return kDone;
  if (auto saved = SaveSkill(applied->skill, target); !saved) return Report(world, saved.error());
  return kDone;
}

}  // namespace

extern const Command kDistill;
const Command kDistill = {
    .name = "distill",
    .summary = "turn waste and repairs seen in sessions into rules of a skill",
    .usage =
        "distill [PATH|SESSION]... --skill DIR [--out DIR] [--dry-run] [--patches] [--json] [--replay FILE] "
        "[--store FILE]\n"
        "                         [--prices FILE]",
    .details =
        "Prune rules for waste seen in at least 2 tasks and repair rules for failures repaired in the same "
        "session go under\n"
        "\"Candidates (unproven)\" with their true grade; text of others is never touched. The diff is "
        "printed. Which steps\n"
        "justify a rule stands in DIR/.clawtrace/provenance.json.",
    .flags = kFlags,
    .run = Run,
};

}  // namespace clawtrace::cli
