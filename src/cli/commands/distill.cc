#include "distill/distill.h"

#include <fmt/core.h>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <set>

#include "base/file.h"
#include "base/text.h"
#include "cli/again.h"
#include "cli/distill_report.h"
#include "cli/distill_text.h"
#include "cli/evidence.h"
#include "cli/flag_values.h"
#include "cli/inputs.h"
#include "cli/local_store.h"
#include "cli/model_options.h"
#include "cli/skill_audit.h"
#include "cli/table.h"
#include "distill/describe.h"
#include "distill/merge/audited.h"
#include "distill/notices.h"
#include "distill/seed.h"
#include "model/archive.h"
#include "skill/front_matter.h"
#include "skill/history.h"
#include "skill/provenance.h"
#include "skill/skill.h"

namespace clawtrace::cli {
namespace {

constexpr Flag kOwnFlags[] = {
    {"--skill", "DIR", "the skill directory to deepen, or to create", FlagKind::kPath},
    {"--out", "DIR", "write the result here and leave --skill alone", FlagKind::kPath},
    {"--dry-run", "", "show the diff, write nothing", FlagKind::kSwitch},
    {"--anyway", "", "go on where the sessions say that a skill will not pay", FlagKind::kSwitch},
    {"--patches", "", "print the patches (YAML, --json: JSON lines) instead of the diff", FlagKind::kSwitch},
    {"--report", "FILE", "one page to review and approve: FILE.html or FILE.md", FlagKind::kPath},
    {"--merge-report", "FILE", "what became of every patch, and why (JSON)", FlagKind::kPath},
    {"--description", "TEXT", "what a new skill says that it is for (default: its name and kinds of work)",
     FlagKind::kValue},
    {"--max-edits", "N", "new rules at most (default: 8, of a new skill 16)", FlagKind::kValue},
    {"--candidates", "", "write what is not admitted under \"Candidates (unproven)\"", FlagKind::kSwitch},
    {"--again", "ID,...", "write these rules although they were taken back", FlagKind::kValue},
    {"--transfer", "", "for other tasks than these: no preserve rules", FlagKind::kSwitch},
    {"--without", "LIST",
     "an arm of an ablation: cost, prune, preserve, repair, counterfactual, or ids of rules, by commas",
     FlagKind::kValue},
    kWaiveFlag,
    kByFlag,
    kWhyFlag,
    kReplayFlag,
    kJsonFlag,
    kStoreFlag,
    kPricesFlag,
};

constexpr auto kFlags = JoinFlags(kOwnFlags, kModelFlags);

Result<distill::MergeOptions> MergeOptionsOf(const Arguments& arguments) {
  constexpr int64_t kMostEdits = 1000, kTokensOfEdit = 150;
  distill::MergeOptions options;
  CT_RETURN_IF_ERROR(ReadCount(arguments, "--max-edits", kMostEdits, &options.max_edits));
  if (arguments.Has("--max-edits"))
    options.max_tokens = std::max(options.max_tokens, options.max_edits * kTokensOfEdit);
  options.again = ListOf(arguments, "--again");
  options.description = arguments.Value("--description");
  if (arguments.Has("--description") && Trim(options.description).empty())
    return Fail(ErrorCode::kInvalidInput, "--description is empty", "say when an agent should use the skill");
  options.candidates = arguments.Has("--candidates"), options.transfer = arguments.Has("--transfer");
  for (const std::string& word : ListOf(arguments, "--without")) {
    constexpr auto kSignals = EnumNames(distill::Signal::kCost);
    auto signal = std::ranges::find(kSignals, word, [](const auto& entry) { return entry.second; });
    if (signal != kSignals.end())
      options.without.insert(signal->first);
    else if (word.find('-') != word.npos)
      options.without_rules.insert(word);
    else
      return Fail(ErrorCode::kInvalidInput, fmt::format("--without {}: nothing is called so", word),
                  "cost, prune, preserve, repair, counterfactual, or ids of rules");
  }
  return options;
}

// An arm without a rule that there is not is the full one, and looks like a finding.
Status CheckWithout(const distill::MergeOptions& options, const distill::MergeReport& report) {
  for (const std::string& id : options.without_rules) {
    bool known = std::ranges::any_of(report.rules, [&](const distill::MergedRule& rule) {
      return rule.id == id || std::ranges::binary_search(rule.members, id);
    });
    // What the audit took out is a rule of these sessions too.
    known =
        known || std::ranges::find(report.inputs, id, &distill::MergeInput::patch_id) != report.inputs.end();
    if (!known)
      return Fail(ErrorCode::kInvalidInput,
                  fmt::format("--without {}: no rule of these sessions is called so", id),
                  "the lines of a run without it name them");
  }
  return {};
}

Status CheckNamed(const distill::MergeOptions& options, const SkillDir& base,
                  const distill::MergeReport& report) {
  CT_RETURN_IF_ERROR(CheckWithout(options, report));
  return CheckAgain(options.again, base, report);
}

// What the skill is made of: the directory itself, or with --out an earlier result there. standing: what
// target holds.
Result<SkillDir> BaseOf(const Arguments& arguments, const std::string& target, SkillDir* standing) {
  if (!arguments.Has("--out")) {
    auto deepened = LoadSkillToWrite(target);
    if (deepened) *standing = *deepened;
    return deepened;
  }
  auto before = LoadSkill(arguments.Value("--skill"));
  if (!before) return before;
  auto earlier = LoadSkillToWrite(target);
  if (!earlier) return earlier;
  bool ours = earlier->files.contains(".clawtrace/provenance.json");
  if (!earlier->files.empty() && !ours) {
    return Fail(ErrorCode::kAlreadyExists, fmt::format("{} is not empty and holds no earlier result", target),
                "name a new directory for --out, or deepen this one with --skill");
  }
  *standing = *earlier;
  SkillDir base = ours ? *earlier : *before;
  base.name = earlier->name;  // the skill's name follows its directory, in its text too
  auto file = base.files.find("SKILL.md");
  if (file != base.files.end()) {
    if (auto named = skill::WithName(file->second, before->name, base.name)) file->second = *std::move(named);
  }
  return base;
}

bool IsHtml(const std::string& path) { return path.ends_with(".html") || path.ends_with(".htm"); }

// Said before the work, which may have to be paid for.
Status CheckPages(const Arguments& arguments) {
  std::string path = arguments.Value("--report");
  if (!arguments.Has("--report") || IsHtml(path) || path.ends_with(".md")) return {};
  return Fail(ErrorCode::kInvalidInput, fmt::format("--report {} is neither .html nor .md", path));
}

Status WritePages(const Arguments& arguments, const DistillRun& run) {
  if (arguments.Has("--report")) {
    std::string path = arguments.Value("--report");
    CT_RETURN_IF_ERROR(WriteFileAtomically(
        path, DistillPage(run, IsHtml(path) ? PageFormat::kHtml : PageFormat::kMarkdown)));
  }
  if (arguments.Has("--merge-report"))
    CT_RETURN_IF_ERROR(
        WriteFileAtomically(arguments.Value("--merge-report"), EncodeMergeReport(run.merge, true) + "\n"));
  return {};
}

void TellFrontMatter(const SkillDir& skill, const std::string& target, std::ostream& err) {
  auto text = skill.files.find("SKILL.md");
  if (text == skill.files.end() || skill::ReadFrontMatter(text->second).present) return;
  err << fmt::format(
      "clawtrace: {}/SKILL.md has no complete front matter; agents will not load it until it begins with "
      "name "
      "and description between --- lines\n",
      target);
}

// What is distilled, and of what it is.
struct Source {
  PriceBook book;
  Selection selection;
  std::map<std::string, distill::Case> cases;  // by session id
  distill::EvidenceBase base;
};

// A case whose session is misspelled, or not among those that are distilled, executes nothing.
void TellLooseCases(const Source& source, std::ostream& err) {
  std::set<std::string_view> known;
  for (const distill::EvidenceSession& session : source.base.sessions) known.insert(session.card.session_id);
  std::vector<std::string_view> loose;
  for (const auto& [session, one] : source.cases) {
    if (!known.contains(session)) loose.push_back(session);
  }
  if (!loose.empty())
    err << fmt::format("clawtrace: {} of {} cases name no session that is distilled, the first: {}\n",
                       loose.size(), source.cases.size(), Printable(loose.front()));
}
Result<Source> SourceOf(const Arguments& arguments, const World& world) {
  auto book = LoadPrices(arguments, world);
  if (!book) return std::unexpected(std::move(book.error()));
  auto selection = Select(arguments, world);
  if (!selection) return std::unexpected(std::move(selection.error()));
  auto replays = ReplayFiles::Read(arguments);
  if (!replays) return std::unexpected(std::move(replays.error()));
  auto cases = ReadCasesById(arguments.Value("--cases"), *book, world);
  if (!cases) return std::unexpected(std::move(cases.error()));
  auto base = ReadEvidence(*selection, *book, world, {&*replays, &*cases});
  if (!base) return std::unexpected(std::move(base.error()));
  Source source{std::move(*book), std::move(*selection), std::move(*cases), std::move(*base)};
  TellLooseCases(source, *world.err);
  return source;
}

// What models make of the same evidence, beside what the built-in analysts did.
Status AddModelPatches(Models* models, DistillRun* run) {
  auto asked = models->Analyse();
  if (!asked) return std::unexpected(std::move(asked.error()));
  run->patches.insert(run->patches.end(), asked->patches.begin(), asked->patches.end());
  run->gold = std::move(asked->gold);
  run->models_failed =
      !asked->jobs.empty() &&
      std::ranges::none_of(asked->jobs, [](const distill::ModelJob& job) { return job.error.empty(); });
  for (const distill::ModelJob& job : asked->jobs) {
    std::string what = fmt::format("{} of {}: ", job.analyst, skill::PlainId(job.session_id));
    if (!job.error.empty()) run->jobs.push_back({"job failed", what + job.error});
    for (const distill::Notice& notice : job.notices)
      run->jobs.push_back({"noticed", what + fmt::format("{} in {}", NameOf(notice.attempt), notice.where)});
  }
  return {};
}

// What models do in a run that asks them.
struct ModelHelp {
  std::unique_ptr<Models> models;
  std::optional<distill::Rewording> words;

  Status Ask(const ModelWish& wish, const AskedAbout& about, const World& world, DistillRun* run) {
    auto opened = Models::Open(wish, about, world);
    if (!opened) return std::unexpected(std::move(opened.error()));
    models = *std::move(opened);
    if (wish.reword) {
      auto made = models->Words();
      if (!made) return std::unexpected(std::move(made.error()));
      words.emplace(*std::move(made));
    }
    return AddModelPatches(models.get(), run);
  }

  void TellWords(DistillRun* run) const {
    if (!words) return;
    models->TellWords(*words);
    for (const distill::Rewording::Job& job : words->jobs()) {
      if (!job.error.empty())
        run->jobs.push_back({"job failed", fmt::format("rewording {}: {}", job.rule, job.error)});
    }
  }
};

// Which findings go beside the rules, for people.
std::vector<ReportLine> LinesOf(const distill::AuditReport& audit) {
  std::vector<ReportLine> lines;
  for (const distill::AuditFinding& finding : audit.findings) {
    std::string mark = finding.waiver
                           ? fmt::format("waived by {}: {}", finding.waiver->by, finding.waiver->why)
                       : finding.inherited ? "was there before"
                       : finding.blocks()  ? "blocks"
                                           : "warns";
    std::string place = finding.file.empty() ? "the directory" : finding.file;
    if (finding.line > 0) place += fmt::format(":{}", finding.line);
    std::string literal = finding.literal.empty() ? "" : fmt::format(" ({})", finding.literal);
    lines.push_back({std::move(mark), fmt::format("{}:{} {}: {}{}", finding.check, finding.id, place,
                                                  finding.message, literal)});
  }
  return lines;
}

void AddNotices(DistillRun* run) {
  for (const distill::SessionNotice& notice : distill::NoticedIn(*run->base)) {
    const distill::SeenAttempt& seen = notice.seen;
    std::string where;
    for (const std::string& place : seen.where) {
      bool is_step = place.find_first_not_of("0123456789") == place.npos;
      where += (where.empty() ? "" : ", ") + (is_step ? "step " + place : place);
    }
    int64_t more = seen.times - std::ssize(seen.where);
    run->attempts += seen.times;
    run->noticed.push_back(
        {std::string(NameOf(seen.attempt)), fmt::format("{}: {}{}", notice.session_id, where,
                                                        more > 0 ? fmt::format(" and {} more", more) : "")});
  }
}

// What the patches make of the skill, with its waivers. What the audit blocks of single patches is left out.
Result<distill::AuditedMerge> MergeWithAudit(const SkillDir& before, const distill::MergeOptions& options,
                                             std::vector<distill::Waiver> waivers, const DistillRun& run) {
  distill::AuditContext context;
  context.evidence = run.base, context.gold = run.gold;
  context.others = SkillsBeside(run.skill), context.waivers = std::move(waivers);
  auto merged = distill::MergeAudited(before, distill::Reduce(run.patches), options, context);
  if (!merged) return merged;
  CT_RETURN_IF_ERROR(distill::AddWaivers(distill::UsedWaivers(merged->audit), &merged->merge.skill));
  return merged;
}

Status WriteResult(const Arguments& arguments, const DistillRun& run, const SkillDir& before,
                   const SkillDir& after) {
  CT_RETURN_IF_ERROR(WritePages(arguments, run));
  if (!run.writes || after.files.empty() || (after.files == before.files && !arguments.Has("--out")))
    return {};
  return skill::ReleaseSkill(before, after,
                             {.origin = skill::VersionOrigin::kClawtrace,
                              .patches = distill::WrittenRules(run.merge),
                              .instead_of = &run.standing},
                             run.skill);
}

int Finish(const Arguments& arguments, DistillRun run, const SkillDir& before, const SkillDir& after,
           const World& world) {
  Status written = WriteResult(arguments, run, before, after);
  // What is not written is told all the same: it may have been paid for.
  if (!written) run.writes = false;
  PrintDistill(arguments, run, world);
  if (!written) return Report(world, written.error());
  TellFrontMatter(after, run.skill, *world.err);
  if (run.blocked) {
    *world.err << "clawtrace: blocked, nothing is written; the report says what has to be decided\n";
    bool collides = std::ranges::any_of(run.audit, [](const ReportLine& line) {
      return line.mark == "blocks" && line.text.starts_with("trigger-collision");
    });
    if (collides && before.files.empty())
      *world.err << "clawtrace: --description TEXT says when this skill is wanted and the other is not\n";
    return kNo;
  }
  return kDone;
}

// What the flags ask for; all that can be wrong with them is said before anything is read or paid.
struct Wishes {
  distill::MergeOptions merge;
  std::vector<distill::Waiver> waivers;
  std::optional<ModelWish> models;
};
Result<Wishes> WishesOf(const Arguments& arguments) {
  if (!arguments.Has("--skill"))
    return Fail(ErrorCode::kInvalidInput, "distill needs a skill directory",
                "--skill DIR; it is created when it does not exist");
  auto merge = MergeOptionsOf(arguments);
  if (!merge) return std::unexpected(std::move(merge.error()));
  CT_RETURN_IF_ERROR(CheckPages(arguments));
  auto waivers = WaiversFrom(arguments);
  if (!waivers) return std::unexpected(std::move(waivers.error()));
  auto models = ModelWishOf(arguments);
  if (!models) return std::unexpected(std::move(models.error()));
  return Wishes{*std::move(merge), *std::move(waivers), *std::move(models)};
}

// A first version has nothing that many changes at once could spoil.
void FitToSkill(const Arguments& arguments, const SkillDir& skill, const World& world,
                distill::MergeOptions* options) {
  constexpr int64_t kFirstEdits = 16, kFirstTokens = 2400;
  bool is_new = !skill.files.contains("SKILL.md");
  if (is_new && !arguments.Has("--max-edits"))
    options->max_edits = kFirstEdits, options->max_tokens = kFirstTokens;
  if (!is_new && arguments.Has("--description"))
    *world.err << "clawtrace: the skill has a description, which stays: --description is for a new one\n";
}

void TakeMerge(const Arguments& arguments, const distill::AuditedMerge& merged, const SkillDir& base,
               DistillRun* run) {
  run->merge = merged.merge.report;
  run->blocked = merged.blocked();
  run->writes = !run->blocked && !arguments.Has("--dry-run");
  run->audit = LinesOf(merged.audit);
  std::vector<ReportLine> refused = LinesOf(merged.refused);
  for (ReportLine& line : refused) line.mark = "left out";
  run->audit.insert(run->audit.begin(), refused.begin(), refused.end());
  run->diff = DiffSkills(base, merged.merge.skill);
}

int Run(const Arguments& arguments, const World& world) {
  auto wishes = WishesOf(arguments);
  if (!wishes) return Report(world, wishes.error());
  DistillRun run{.skill = arguments.Has("--out") ? arguments.Value("--out") : arguments.Value("--skill")};
  auto base = BaseOf(arguments, run.skill, &run.standing);
  if (!base) return Report(world, base.error());
  auto source = SourceOf(arguments, world);
  if (!source) return Report(world, source.error());
  run.base = &source->base;
  run.advice = distill::WhenNotTo(source->base);
  if (TellAdvice(run.advice, *world.err) && !arguments.Has("--anyway")) {
    *world.err << "clawtrace: the sessions say that a skill will not pay; --anyway goes on\n";
    return kNo;
  }
  distill::MergeOptions& options = wishes->merge;
  options.work = distill::WorkIn(source->base);
  AddNotices(&run);
  run.patches = distill::ProposePatches(source->base);
  ModelHelp help;
  if (wishes->models) {
    AskedAbout about{source->base, *base, source->selection, source->book, source->cases};
    Status asked = help.Ask(*wishes->models, about, world, &run);
    if (!asked) return Report(world, asked.error());
    if (help.words) options.reword = [&](const Patch& rule) { return help.words->For(rule); };
  }
  // Ids out of logs may hold anything, and patches go to files.
  for (Patch& patch : run.patches) patch = skill::PlainPatch(patch);
  FitToSkill(arguments, *base, world, &options);
  auto merged = MergeWithAudit(*base, options, std::move(wishes->waivers), run);
  if (!merged) return Report(world, merged.error());
  help.TellWords(&run);
  if (Status known = CheckNamed(options, *base, merged->merge.report); !known)
    return Report(world, known.error());
  TakeMerge(arguments, *merged, *base, &run);
  int code = Finish(arguments, run, *base, merged->merge.skill, world);
  if (run.models_failed)
    *world.err << "clawtrace: models answered about no session; what there is, is of the built-in analysts\n";
  bool incomplete = run.models_failed || !merged->refused_patches.empty() || !merged->merge.refused.empty();
  return code == kDone && incomplete ? kNo : code;
}

}  // namespace

extern const Command kDistill;
const Command kDistill = {
    .name = "distill",
    .summary = "turn sessions with outcomes into rules of a skill, with evidence",
    .usage =
        "distill [PATH|SESSION]... --skill DIR [--out DIR] [--dry-run] [--anyway] [--report FILE]\n"
        "                         [--merge-report FILE] [--patches] [--description TEXT] [--max-edits N] "
        "[--candidates] "
        "[--transfer]\n"
        "                         [--without LIST] [--again ID,...] [--waive CHECK[:ID] --by NAME --why "
        "TEXT] [--replay "
        "FILE]\n"
        "                         [--cases FILE] [--json] [--store FILE] [--prices FILE]\n"
        "                         [--model PROVIDER:MODEL [--address URL] [--key-file FILE] [--budget USD]\n"
        "                          [--unpriced-ok] [--jobs N] [--turns N] [--max-tokens N] [--timeout S]\n"
        "                          [--requests-per-minute N] [--tokens-per-minute N] [--journal FILE]\n"
        "                          [--cassette FILE [--record]] [--reword] [--prompts DIR]]",
    .details =
        "First says whether the sessions promise anything (exit code 1 when not; --anyway goes on). Then "
        "proposes "
        "prune, repair and\n"
        "preserve rules, merges what is admitted into DIR, audits the result and shows the diff. What is not "
        "admitted is listed with\n"
        "its reason. Text of others is never touched. Which steps justify a rule: clawtrace skill why DIR "
        "RULE. "
        "See docs/distill.md.",
    .flags = kFlags,
    .run = Run,
};

}  // namespace clawtrace::cli
