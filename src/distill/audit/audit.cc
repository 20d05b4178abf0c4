#include "distill/audit/audit.h"

#include <fmt/core.h>

#include <algorithm>
#include <tuple>

#include "base/hash.h"
#include "distill/audit/checks.h"
#include "model/archive.h"
#include "skill/paths.h"

namespace clawtrace::distill {
namespace {

// Numbers of lines for places that come in order: each byte is looked at once.
class LineCounter {
 public:
  explicit LineCounter(std::string_view text) : text_(text) {}
  int64_t At(size_t at) {
    if (at < at_) line_ = 1, at_ = 0;  // one step back costs, and is right all the same
    for (; at_ < at; ++at_) line_ += text_[at_] == '\n' ? 1 : 0;
    return line_;
  }

 private:
  std::string_view text_;
  size_t at_ = 0;
  int64_t line_ = 1;
};

// What an id is made of: nothing that changes when lines move.
std::string IdOf(const AuditFinding& finding, std::string_view text) {
  constexpr size_t kDigits = 12;
  return Sha256Hex(fmt::format("{}\n{}\n{}\n{}", finding.check, finding.file, finding.literal, text))
      .substr(0, kDigits);
}

void Count(AuditReport* report) {
  for (const AuditFinding& finding : report->findings) {
    bool error = finding.severity == skill::Severity::kError;
    if (finding.inherited)
      ++report->inherited;
    else if (!error)
      ++report->warnings;
    else
      ++(finding.waiver ? report->waived : report->blocking);
  }
  report->blocked = report->blocking > 0;
}

void Waive(const std::vector<Waiver>& waivers, AuditReport* report) {
  std::vector<bool> used(waivers.size(), false);
  for (AuditFinding& finding : report->findings) {
    for (size_t i = 0; i < waivers.size(); ++i) {
      if (waivers[i].check != finding.check || (!waivers[i].id.empty() && waivers[i].id != finding.id))
        continue;
      used[i] = true;
      // The one that names the finding says more than one for the whole check.
      if (!finding.waiver || finding.waiver->id.empty()) finding.waiver = waivers[i];
    }
  }
  for (size_t i = 0; i < waivers.size(); ++i) {
    if (!used[i]) report->unused_waivers.push_back(waivers[i]);
  }
}

// Those of the skill, and new ones in their place.
std::vector<Waiver> AllWaivers(const SkillDir& after, const std::vector<Waiver>& added) {
  SkillDir both = after;
  if (!AddWaivers(added, &both)) return added;
  return WaiversOf(both).value_or(added);
}

}  // namespace

template <class A>
void Describe(A& a, AuditFinding& f) {
  a.Field("id", f.id), a.Field("check", f.check), a.Field("severity", f.severity), a.Field("file", f.file);
  a.CountField("line", f.line), a.Field("rule", f.rule), a.Field("message", f.message),
      a.Field("literal", f.literal);
  a.Field("inherited", f.inherited), a.Field("waiver", f.waiver);
}

template <class A>
void Describe(A& a, AuditReport& r) {
  a.Field("schema", r.schema), a.Field("before_hash", r.before_hash), a.Field("after_hash", r.after_hash);
  a.Field("blocked", r.blocked), a.Field("blocking", r.blocking), a.Field("waived", r.waived);
  a.Field("warnings", r.warnings), a.Field("inherited", r.inherited), a.Field("rules", r.rules);
  a.Field("not_checked", r.not_checked), a.Field("findings", r.findings);
  a.Field("unused_waivers", r.unused_waivers);
}

namespace {

// Which record a block of the skill belongs to.
class RecordIndex {
 public:
  explicit RecordIndex(const skill::Provenance& provenance) {
    for (const skill::RuleRecord& record : provenance.rules) {
      if (record.status != skill::RuleStatus::kInSkill) continue;
      by_item_[record.text_hash] = &record;
      for (const std::string& hash : record.blocks) by_block_[hash] = &record;
    }
  }

  const skill::RuleRecord* Of(const skill::Block& block) const {
    if (auto whole = by_block_.find(block.hash); whole != by_block_.end()) return whole->second;
    if (block.kind != skill::BlockKind::kItem) return nullptr;
    auto item = by_item_.find(Sha256Hex(block.text));
    return item == by_item_.end() ? nullptr : item->second;
  }

 private:
  std::map<std::string, const skill::RuleRecord*> by_item_, by_block_;
};

// How often each block stands in the skill's Markdown files.
std::map<std::string, int64_t> BlocksOf(const SkillDir& skill) {
  std::map<std::string, int64_t> counts;
  for (const auto& [path, text] : skill.files) {
    if (!skill::IsMarkdown(path)) continue;
    for (const skill::Block& block : skill::ParseBlocks(text)) ++counts[block.hash];
  }
  return counts;
}

}  // namespace

AuditInput ReadInput(const SkillDir& before, const SkillDir& after, const AuditContext& context) {
  AuditInput input{before, after, context, {}, {}};
  // Records that cannot be read speak for nothing: every text of ours is then without evidence.
  if (auto read = skill::RecordsOf(after)) input.provenance = std::move(*read);
  RecordIndex records(input.provenance);
  std::map<std::string, int64_t> known = BlocksOf(before);
  for (const auto& [path, text] : after.files) {
    if (!skill::IsMarkdown(path)) continue;
    LineCounter lines(text);
    for (skill::Block& block : skill::ParseBlocks(text)) {
      OwnText own{.file = path, .line = lines.At(block.begin), .kind = block.kind};
      own.last_line = lines.At(block.end - 1);
      own.added = --known[block.hash] < 0;
      own.record = records.Of(block);
      own.text = std::move(block.text);
      if (own.added || own.record) input.texts.push_back(std::move(own));
    }
  }
  return input;
}

AuditFinding FindingAbout(const OwnText& text, std::string_view check, std::string message,
                          std::string_view literal) {
  AuditFinding finding;
  finding.check = check, finding.file = text.file, finding.line = text.line;
  if (text.record) finding.rule = text.record->id;
  finding.message = std::move(message);
  finding.literal = skill::PlainText(literal, skill::kMaxLiteral);
  finding.inherited = !text.added;
  finding.id = IdOf(finding, text.text);
  return finding;
}

AuditReport AuditSkill(const SkillDir& before, const SkillDir& after, const AuditContext& context) {
  AuditReport report;
  if (!before.files.empty()) report.before_hash = SkillHash(before);
  report.after_hash = SkillHash(after);
  AuditInput input = ReadInput(before, after, context);
  report.rules = static_cast<int64_t>(input.texts.size());
  for (auto check :
       {CheckLint, CheckLeakage, CheckEvidence, CheckCaps, CheckCommands, CheckScripts, CheckTrigger})
    check(input, &report.findings);
  if (!context.evidence) {
    report.not_checked = {"evidence-id", "script-bypass"};
    if (context.gold.empty())
      report.not_checked.insert(report.not_checked.end(), {"leakage", "copied-text", "copied-command"});
    std::sort(report.not_checked.begin(), report.not_checked.end());
  }
  for (AuditFinding& finding : report.findings) {
    if (finding.id.empty()) finding.id = IdOf(finding, "");
  }
  auto key = [](const AuditFinding& f) { return std::tie(f.file, f.line, f.check, f.id, f.message, f.rule); };
  std::sort(report.findings.begin(), report.findings.end(),
            [&](const AuditFinding& a, const AuditFinding& b) { return key(a) < key(b); });
  report.findings.erase(std::unique(report.findings.begin(), report.findings.end()), report.findings.end());
  Waive(AllWaivers(after, context.waivers), &report);
  Count(&report);
  return report;
}

std::vector<Waiver> UsedWaivers(const AuditReport& report) {
  std::vector<Waiver> used;
  for (const AuditFinding& finding : report.findings) {
    if (!finding.waiver) continue;
    used.push_back(*finding.waiver);
    if (!used.back().id.empty()) used.back().rule = finding.rule;
  }
  std::sort(used.begin(), used.end());
  used.erase(std::unique(used.begin(), used.end()), used.end());
  return used;
}

namespace {

// Blocking ones first, then what was waived, what warns, what was there.
int RankOf(const AuditFinding& finding) {
  if (finding.blocks()) return 0;
  if (finding.waiver) return 1;
  return finding.inherited ? 3 : 2;
}

std::string LineOf(const AuditFinding& finding) {
  constexpr std::string_view kWords[] = {"blocks", "waived", "warning", "was there"};
  std::string line = finding.file.empty() ? "skill" : finding.file;
  if (finding.line > 0) line += fmt::format(":{}", finding.line);
  line +=
      fmt::format(": {}: {} [{}:{}]", kWords[RankOf(finding)], finding.message, finding.check, finding.id);
  if (!finding.literal.empty()) line += " " + finding.literal;
  if (finding.waiver) line += fmt::format(" (by {}: {})", finding.waiver->by, finding.waiver->why);
  return line + "\n";
}

}  // namespace

std::string FindingLines(const AuditReport& report) {
  std::vector<std::pair<int, size_t>> order;
  for (size_t i = 0; i < report.findings.size(); ++i) order.emplace_back(RankOf(report.findings[i]), i);
  std::sort(order.begin(), order.end());
  std::string out;
  for (const auto& [rank, index] : order) out += LineOf(report.findings[index]);
  return out;
}

std::string AuditText(const AuditReport& report) {
  std::string out = FindingLines(report), not_checked;
  for (const Waiver& waiver : report.unused_waivers)
    out += fmt::format("waiver of {}{}{} by {} is of no finding any more\n", waiver.check,
                       waiver.id.empty() ? "" : ":", waiver.id, waiver.by);
  for (const std::string& check : report.not_checked)
    not_checked += (not_checked.empty() ? "" : ", ") + check;
  if (!not_checked.empty()) out += fmt::format("not looked at without sessions: {}\n", not_checked);
  return out + fmt::format("audit: {}; {} blocking, {} waived, {} warnings, {} were there before\n",
                           report.blocked ? "blocked" : "clean", report.blocking, report.waived,
                           report.warnings, report.inherited);
}

std::string EncodeAuditReport(const AuditReport& report, bool json) {
  return Encode(report, json ? DocWriter::Format::kJson : DocWriter::Format::kYaml);
}

const std::vector<std::string>& AuditChecks() {
  static const std::vector<std::string> checks = {
      "copied-command", "copied-path", "copied-text",  "destructive-command",
      "evidence-id",    "hard-cap",    "leakage",      "raw-html",
      "script-bypass",  "script-size", "traceability", "trigger-collision"};
  return checks;
}

}  // namespace clawtrace::distill
