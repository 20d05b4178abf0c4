#include "distill/audit/checks.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <map>
#include <string_view>
#include <tuple>

#include "base/text.h"
#include "distill/audit/leakage.h"
#include "distill/evidence.h"
#include "skill/front_matter.h"
#include "skill/paths.h"
#include "skill/rules.h"

namespace clawtrace::distill {
namespace {

using skill::BlockKind;
using skill::Severity;

// In text of ours these are no matter of taste.
bool IsStricterForUs(std::string_view check) { return check == "url" || check == "comment"; }

// The text of ours that a line belongs to; nullptr: none. Texts are in order of file and place, and lie
// apart.
const OwnText* TextAt(const AuditInput& input, const std::string& file, int64_t line) {
  auto behind =
      std::upper_bound(input.texts.begin(), input.texts.end(), std::tuple(std::string_view(file), line),
                       [](const auto& key, const OwnText& text) {
                         return key < std::tuple(std::string_view(text.file), text.line);
                       });
  if (behind == input.texts.begin()) return nullptr;
  const OwnText& text = *std::prev(behind);
  return text.file == file && line <= text.last_line ? &text : nullptr;
}

bool IsNewSkill(const AuditInput& input) {
  return !input.before.files.contains(std::string(skill::kSkillFile));
}

// A line that only leads to a reference of the skill.
bool IsLinkLine(const SkillDir& skill, const OwnText& text) {
  return std::any_of(skill.files.begin(), skill.files.end(), [&](const auto& file) {
    return file.first.starts_with("references/") && Contains(text.text, file.first);
  });
}

// Two agents may have given the same id.
using SessionsById = std::multimap<std::string, const EvidenceSession*>;
SessionsById SessionsOf(const EvidenceBase& evidence) {
  SessionsById sessions;
  for (const EvidenceSession& session : evidence.sessions)
    sessions.emplace(skill::PlainId(session.card.session_id), &session);
  return sessions;
}

bool HasStep(const EvidenceSession& session, const skill::Evidence& evidence) {
  // Only what is no plain id was hashed.
  bool hashed = evidence.call_id.starts_with(skill::kHashedId);
  auto is = [&](const auto& step) {
    if (evidence.call_id.empty()) return step.id == evidence.step;
    return (hashed ? skill::PlainId(step.call_id) : step.call_id) == evidence.call_id;
  };
  return std::any_of(session.steps.begin(), session.steps.end(), is) ||
         std::any_of(session.card.steps.begin(), session.card.steps.end(), is) ||
         std::any_of(session.card.top_cost_spans.begin(), session.card.top_cost_spans.end(), is);
}

void CheckEvidenceIds(const SessionsById& sessions, const OwnText& text, Findings* out) {
  for (const skill::Evidence& evidence : text.record->evidence) {
    auto [first, last] = sessions.equal_range(evidence.session_id);
    if (first == last)
      out->push_back(
          FindingAbout(text, "evidence-id", "it cites a session that there is not", evidence.session_id));
    else if (std::none_of(first, last, [&](const auto& each) { return HasStep(*each.second, evidence); }))
      out->push_back(FindingAbout(text, "evidence-id", "it cites a step that the session does not have",
                                  evidence.session_id + " " + evidence.step));
  }
}

std::string DescriptionOf(const SkillDir& skill, std::string* name) {
  auto file = skill.files.find(std::string(skill::kSkillFile));
  if (file == skill.files.end()) return "";
  skill::FrontMatter front = skill::ReadFrontMatter(file->second);
  *name = front.Text("name").value_or(skill.name);
  return front.Text("description").value_or("");
}

int64_t LinesOf(std::string_view text) { return std::count(text.begin(), text.end(), '\n'); }

// Sessions that had the skill, and those of them that ran the script or failed.
struct ScriptUse {
  int64_t loaded = 0, ran = 0, failed = 0;
};
ScriptUse UseOf(const EvidenceBase& evidence, const std::string& skill_name, std::string_view script) {
  ScriptUse use;
  for (const EvidenceSession& session : evidence.sessions) {
    bool loaded = std::any_of(
        session.card.skills.begin(), session.card.skills.end(),
        [&](const SkillUse& each) { return each.name == skill_name && each.stage >= SkillStage::kLoaded; });
    if (!loaded) continue;
    ++use.loaded;
    use.failed += session.outcome == Verdict::kFailure ? 1 : 0;
    use.ran += std::any_of(session.steps.begin(), session.steps.end(),
                           [&](const EvidenceStep& step) { return Contains(step.args, script); });
  }
  return use;
}

}  // namespace

void CheckLint(const AuditInput& input, Findings* out) {
  // What warned before and is an error now is worse by what we add.
  auto key = [](const skill::LintFinding& f) { return std::tuple(f.check, f.file, f.literal, f.severity); };
  std::map<std::tuple<std::string, std::string, std::string, Severity>, int64_t> known;
  if (!input.before.files.empty()) {
    for (const skill::LintFinding& finding : skill::Lint(input.before)) ++known[key(finding)];
  }
  for (const skill::LintFinding& lint : skill::Lint(input.after)) {
    AuditFinding finding;
    finding.check = lint.check, finding.severity = lint.severity, finding.file = lint.file,
    finding.line = lint.line;
    finding.message = lint.message, finding.literal = lint.literal;
    finding.inherited = --known[key(lint)] >= 0;
    if (const OwnText* text = TextAt(input, lint.file, lint.line)) {
      if (text->record) finding.rule = text->record->id;
      if (text->added && IsStricterForUs(lint.check)) finding.severity = Severity::kError;
    }
    out->push_back(std::move(finding));
  }
}

namespace {

// Sentences of the shipped analysts are ours, whoever else has said the same; a model's are not.
bool IsShippedSentence(const OwnText& text) {
  return text.record && text.record->producer.starts_with("clawtrace/") &&
         !text.record->producer.starts_with("clawtrace/model");
}

bool StandsInCode(std::string_view text, std::string_view literal) {
  std::vector<std::string_view> parts = Split(text, '`');
  for (size_t i = 1; i < parts.size(); i += 2) {
    if (Contains(parts[i], literal)) return true;
  }
  return false;
}

// Words that we wrote before any session was read; that a session has them too is chance. Of shipped rules
// all but what stands in code, where names are filled in; what every new skill begins with; our headings.
// Other texts have a record, or came with the skill. What gold holds leaks all the same.
bool IsOurs(const AuditInput& input, const OwnText& text, const Leak& leak) {
  if (leak.source == "gold") return false;
  if (IsShippedSentence(text)) return leak.phrase || !StandsInCode(text.text, leak.literal);
  if (text.record) return false;
  if (text.kind == BlockKind::kHeading) {
    constexpr std::array<std::string_view, 4> kHeadings = {kCostControl, kKnownFailures, kWorkflow,
                                                           skill::kCandidatesSection};
    return std::find(kHeadings.begin(), kHeadings.end(), text.text) != kHeadings.end();
  }
  bool begins = text.kind == BlockKind::kFrontMatter || text.kind == BlockKind::kParagraph;
  return begins && text.file == skill::kSkillFile && IsNewSkill(input);
}

}  // namespace

void CheckLeakage(const AuditInput& input, Findings* out) {
  LeakSources sources{input.context.evidence, input.context.gold, LiteralsOf(input.after.name)};
  // What the skill said before us is not ours to give away, and its own files have names.
  for (const auto& [path, text] : input.before.files) {
    if (!path.starts_with(skill::kRecordsFolder)) sources.exempt.merge(LiteralsOf(text));
  }
  for (const auto& [path, text] : input.after.files) sources.exempt.merge(LiteralsOf(path));
  std::vector<const OwnText*> added;
  std::vector<std::string> texts;
  for (const OwnText& text : input.texts) {
    if (!text.added) continue;
    added.push_back(&text);
    texts.push_back(text.text);
  }
  std::vector<std::vector<Leak>> leaks = FindLeaks(sources, texts);
  for (size_t i = 0; i < added.size(); ++i) {
    for (const Leak& leak : leaks[i]) {
      if (IsOurs(input, *added[i], leak)) continue;
      std::string message =
          fmt::format("{} of the tasks' {}", leak.phrase ? "a sentence" : "a literal", leak.source);
      out->push_back(
          FindingAbout(*added[i], leak.phrase ? "copied-text" : "leakage", std::move(message), leak.literal));
    }
  }
}

void CheckEvidence(const AuditInput& input, Findings* out) {
  bool fresh = IsNewSkill(input);
  SessionsById sessions;
  if (input.context.evidence) sessions = SessionsOf(*input.context.evidence);
  for (const OwnText& text : input.texts) {
    bool structure = text.kind == BlockKind::kHeading || text.kind == BlockKind::kFrontMatter ||
                     text.kind == BlockKind::kRule;
    if (structure || (!text.record && IsLinkLine(input.after, text))) continue;
    if (!text.record && text.kind == BlockKind::kParagraph) {
      // The words around the rules of a new skill; elsewhere somebody has to look at them.
      AuditFinding finding =
          FindingAbout(text, "traceability", "a paragraph that no evidence speaks for", text.text);
      finding.severity = Severity::kWarning;
      if (!fresh) out->push_back(std::move(finding));
      continue;
    }
    bool cited =
        text.record && std::any_of(text.record->evidence.begin(), text.record->evidence.end(),
                                   [](const skill::Evidence& each) { return !each.session_id.empty(); });
    if (!cited)
      out->push_back(
          FindingAbout(text, "traceability", "a rule that no recorded step speaks for", text.text));
    else if (text.added && input.context.evidence)
      CheckEvidenceIds(sessions, text, out);
  }
}

void CheckScripts(const AuditInput& input, Findings* out) {
  constexpr int64_t kWarnLines = 200, kMaxLines = 400;
  for (const auto& [path, text] : input.after.files) {
    if (!path.starts_with("scripts/")) continue;
    auto old = input.before.files.find(path);
    OwnText script{.file = path,
                   .line = 0,
                   .text = path,
                   .added = old == input.before.files.end() || old->second != text};
    int64_t lines = LinesOf(text);
    if (lines > kWarnLines) {
      AuditFinding finding =
          FindingAbout(script, "script-size",
                       fmt::format("a script of {} lines, {} are too many to review", lines, kMaxLines), "");
      if (lines <= kMaxLines) finding.severity = Severity::kWarning;
      out->push_back(std::move(finding));
    }
    if (!input.context.evidence) continue;
    ScriptUse use = UseOf(*input.context.evidence, input.after.name, path.substr(path.rfind('/') + 1));
    if (use.loaded == 0 || use.ran > 0) continue;
    AuditFinding finding =
        FindingAbout(script, "script-bypass",
                     fmt::format("{} sessions loaded the skill and none ran this script; {} failed",
                                 use.loaded, use.failed),
                     "");
    if (2 * use.failed <= use.loaded) finding.severity = Severity::kWarning;
    out->push_back(std::move(finding));
  }
}

void CheckTrigger(const AuditInput& input, Findings* out) {
  constexpr int64_t kWarnPercent = 70, kMaxPercent = 90;
  if (input.context.others.empty()) return;
  SkillListing own, was;
  own.description = DescriptionOf(input.after, &own.name);
  was.description = DescriptionOf(input.before, &was.name);
  OwnText text{.file = std::string(skill::kSkillFile), .line = 1, .text = own.name + "\n" + own.description};
  text.added = own.name != was.name || own.description != was.description;
  TriggerRank rank = RankTrigger(own, input.context.others);
  if (rank.rank == 1 && rank.rival_percent < kWarnPercent) return;
  AuditFinding finding = FindingAbout(
      text, "trigger-collision",
      fmt::format("asked for by its own description it comes {}; another skill has {} % of its score",
                  rank.rank, rank.rival_percent),
      rank.rival);
  if (rank.rank == 1 && rank.rival_percent < kMaxPercent) finding.severity = Severity::kWarning;
  out->push_back(std::move(finding));
}

}  // namespace clawtrace::distill
