#include "cli/distill_report.h"

#include <fmt/core.h>

#include <algorithm>
#include <map>

#include "base/text.h"
#include "cli/table.h"
#include "model/archive.h"

namespace clawtrace::cli {
namespace {

using distill::MergedRule;
using distill::MergeFate;

// A page as what it says, before it is Markdown or HTML.
struct Section {
  std::string title;
  std::vector<std::string> paragraphs;
  std::vector<std::string> head;
  std::vector<std::vector<std::string>> rows;
  std::string code;
};

std::string Money(std::optional<Usd> amount) { return amount ? "$" + amount->ToDecimal(4) : "unknown"; }

std::string Savings(const Patch& patch) {
  if (!patch.expected_savings_usd) return "unknown";
  std::string text = Money(patch.expected_savings_usd);
  if (patch.savings_low_usd && patch.savings_high_usd)
    text += fmt::format(" ({} to {})", Money(patch.savings_low_usd), Money(patch.savings_high_usd));
  return text;
}

std::string RuleText(const Patch& patch) {
  return patch.condition.empty() ? patch.rule : fmt::format("When {}: {}", patch.condition, patch.rule);
}

Section Basis(const DistillRun& run) {
  Section section{.title = "What it rests on"};
  int64_t pass = 0, fail = 0, unknown = 0, mixed = 0;
  auto tasks = run.base->Tasks();
  for (const auto& [task, count] : tasks) {
    pass += count.pass, fail += count.fail, unknown += count.unknown;
    mixed += count.mixed() ? 1 : 0;
  }
  section.paragraphs.push_back(fmt::format(
      "{} sessions of {} tasks: {} passed, {} failed, {} are not judged. {} tasks have both outcomes.",
      run.base->sessions.size(), tasks.size(), pass, fail, unknown, mixed));
  LeanSummary lean = SummariseLean(*run.base);
  if (lean.sessions > 0)
    section.paragraphs.push_back(fmt::format(
        "{} sessions that passed cost {} USD; without the steps that replay calls not needed and those "
        "that failed they would have cost {} USD.",
        lean.sessions, lean.recorded.ToDecimal(4), lean.lean.ToDecimal(4)));
  section.head = {"is it worth it?", "", "figures"};
  for (const distill::SeedVerdict& verdict : run.advice)
    section.rows.push_back({std::string(verdict.check), std::string(NameOf(verdict.advice)), verdict.text});
  return section;
}

const Patch* FindPatch(const DistillRun& run, const std::string& id) {
  auto found = std::ranges::find(run.patches, id, &Patch::id);
  return found == run.patches.end() ? nullptr : &*found;
}

std::string Steps(const Patch& patch) {
  constexpr size_t kShown = 3;
  std::string text;
  for (size_t i = 0; i < patch.target_steps.size() && i < kShown; ++i) {
    const PatchStep& step = patch.target_steps[i];
    text += fmt::format("{}{}/{}", text.empty() ? "" : ", ", PrefixUtf8(step.session_id, 24), step.step);
  }
  if (patch.target_steps.size() > kShown)
    text += fmt::format(" and {} more", patch.target_steps.size() - kShown);
  return text;
}

std::string RuleAndWhy(const Patch& patch) {
  return RuleText(patch) + (patch.counterfactual.empty() ? "" : " - " + patch.counterfactual);
}

// What came to no rule has no grade of its own.
void AddLeftOver(const DistillRun& run, Section* section) {
  for (const distill::MergeInput* input : LeftOver(run.merge)) {
    const Patch* patch = FindPatch(run, input->patch_id);
    if (!patch) continue;
    std::string fate = fmt::format("{}: {}", NameOf(input->fate), input->reason);
    if (!input->detail.empty()) fate += ", " + input->detail;
    section->rows.push_back({RuleAndWhy(*patch), std::string(NameOf(input->patch_kind)), "", "",
                             Savings(*patch), Steps(*patch), std::move(fate)});
  }
}

Section Rules(const DistillRun& run, std::string title, bool in_skill) {
  Section section{.title = std::move(title)};
  section.head = {"rule", "kind", "grade", "support", "saves a session", "evidence", "fate"};
  for (const MergedRule& rule : run.merge.rules) {
    bool is_in = rule.fate == MergeFate::kWritten || rule.fate == MergeFate::kInSkill ||
                 rule.fate == MergeFate::kCovered;
    const Patch* patch = FindPatch(run, rule.id);
    if (is_in != in_skill || !patch) continue;
    std::string fate(NameOf(rule.fate));
    if (!in_skill || rule.reason != "added") fate += rule.reason.empty() ? "" : ": " + rule.reason;
    section.rows.push_back({RuleAndWhy(*patch), std::string(NameOf(rule.patch_kind)),
                            distill::GradeText(rule), distill::SupportText(rule), Savings(*patch),
                            Steps(*patch), fate});
  }
  if (!in_skill) AddLeftOver(run, &section);
  if (section.rows.empty()) section.paragraphs.push_back("None."), section.head.clear();
  return section;
}

Section Conflicts(const DistillRun& run) {
  Section section{.title = "Conflicts"};
  section.head = {"type", "rules", "resolution", "why"};
  for (const distill::MergeConflict& conflict : run.merge.conflicts) {
    std::string rules;
    for (const std::string& rule : conflict.rules) rules += (rules.empty() ? "" : ", ") + rule;
    section.rows.push_back({std::string(NameOf(conflict.type)), rules,
                            std::string(NameOf(conflict.resolution)), conflict.rationale});
  }
  if (section.rows.empty()) section.paragraphs.push_back("None."), section.head.clear();
  return section;
}

Section Lines(std::string title, const std::vector<ReportLine>& lines, std::string none) {
  Section section{.title = std::move(title)};
  for (const ReportLine& line : lines) section.rows.push_back({line.mark, line.text});
  if (section.rows.empty())
    section.paragraphs.push_back(std::move(none));
  else
    section.head = {"", "finding"};
  return section;
}

// Hidden characters of a skill must not deceive who approves it.
std::string Visible(std::string_view text) {
  std::string out;
  for (std::string_view line : Split(text, '\n')) out += Printable(line) + "\n";
  while (out.ends_with("\n\n")) out.pop_back();
  return out;
}

std::vector<Section> SectionsOf(const DistillRun& run) {
  std::vector<Section> sections;
  sections.push_back(Basis(run));
  sections.push_back(Rules(run, "Rules of the skill", true));
  sections.push_back(Rules(run, "Held back", false));
  sections.push_back(Conflicts(run));
  sections.push_back(Lines("Audit", run.audit, "Nothing found."));
  sections.push_back(
      Lines("What texts of sessions try with their reader", run.noticed, "Nothing was noticed."));
  if (!run.jobs.empty()) sections.push_back(Lines("Model-backed analysts", run.jobs, ""));
  sections.push_back(
      {.title = "The change", .paragraphs = {}, .head = {}, .rows = {}, .code = Visible(run.diff)});
  return sections;
}

std::string StateOf(const DistillRun& run) {
  return run.blocked ? "Blocked: something below has to be decided first."
                     : "Nothing blocks it. Rules below C2 and E3 are not yet tried in a comparison.";
}

// Marks of Markdown lose their meaning; lines become blanks.
std::string MarkdownCell(std::string_view text) {
  std::string out;
  for (char c : Printable(text)) {
    if (c == '\n' || c == '\r') c = ' ';
    if (std::string_view("\\`*_{}[]<>#|!&").find(c) != std::string_view::npos) out.push_back('\\');
    out.push_back(c);
  }
  return out;
}

// A fence longer than any in the text.
std::string Fenced(std::string_view text) {
  size_t longest = 2, run = 0;
  for (char c : text) {
    run = c == '`' ? run + 1 : 0;
    longest = std::max(longest, run);
  }
  std::string fence(longest + 1, '`');
  return fmt::format("{}diff\n{}{}{}\n", fence, text, text.ends_with('\n') || text.empty() ? "" : "\n",
                     fence);
}

std::string Markdown(const DistillRun& run) {
  std::string out = fmt::format("# Distilled skill: {}\n\n{}\n", MarkdownCell(run.skill), StateOf(run));
  for (const Section& section : SectionsOf(run)) {
    out += fmt::format("\n## {}\n\n", section.title);
    for (const std::string& text : section.paragraphs) out += MarkdownCell(text) + "\n\n";
    auto row = [&](const std::vector<std::string>& cells) {
      for (const std::string& cell : cells) out += "| " + MarkdownCell(cell) + " ";
      out += "|\n";
    };
    if (!section.rows.empty()) {
      row(section.head);
      for (size_t i = 0; i < section.head.size(); ++i) out += "| --- ";
      out += "|\n";
      for (const auto& cells : section.rows) row(cells);
    }
    if (!section.code.empty()) out += Fenced(section.code);
  }
  return out;
}

std::string Escape(std::string_view text) {
  std::string out;
  for (char c : text) {
    if (c == '&')
      out += "&amp;";
    else if (c == '<')
      out += "&lt;";
    else if (c == '>')
      out += "&gt;";
    else if (c == '"')
      out += "&quot;";
    else
      out.push_back(c);
  }
  return out;
}

// One line in which what nobody sees is told.
std::string HtmlCell(std::string_view text) { return Escape(Printable(text)); }

constexpr std::string_view kHead =
    "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
    "'unsafe-inline'\">\n"
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n";
constexpr std::string_view kStyle =
    "<style>body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:72rem;padding:0 "
    "1rem;color:#1a1a1a;"
    "background:#fff}table{border-collapse:collapse;width:100%;margin:.5rem "
    "0}th,td{text-align:left;vertical-align:top;"
    "padding:.4rem .6rem;border-bottom:1px solid "
    "#ddd}th{font-weight:600;background:#f6f6f6}pre{background:#f6f6f6;"
    "padding:1rem;overflow:auto;white-space:pre-wrap}.state{padding:.6rem 1rem;border-left:4px solid #2a7}"
    ".blocked{border-color:#c33}</style></head><body>\n";

std::string Html(const DistillRun& run) {
  std::string out(kHead);
  out += fmt::format("<title>Distilled skill: {}</title>\n", HtmlCell(run.skill));
  out += kStyle;
  out += fmt::format("<h1>Distilled skill: {}</h1>\n<p class=\"state{}\">{}</p>\n", HtmlCell(run.skill),
                     run.blocked ? " blocked" : "", StateOf(run));
  for (const Section& section : SectionsOf(run)) {
    out += fmt::format("<h2>{}</h2>\n", Escape(section.title));
    for (const std::string& text : section.paragraphs) out += fmt::format("<p>{}</p>\n", HtmlCell(text));
    auto row = [&](const std::vector<std::string>& cells, std::string_view tag) {
      out += "<tr>";
      for (const std::string& cell : cells) out += fmt::format("<{0}>{1}</{0}>", tag, HtmlCell(cell));
      out += "</tr>\n";
    };
    if (!section.rows.empty()) {
      out += "<table>\n";
      row(section.head, "th");
      for (const auto& cells : section.rows) row(cells, "td");
      out += "</table>\n";
    }
    if (!section.code.empty()) out += fmt::format("<pre>{}</pre>\n", Escape(section.code));
  }
  return out + "</body></html>\n";
}

}  // namespace

LeanSummary SummariseLean(const distill::EvidenceBase& base) {
  LeanSummary summary;
  for (const distill::EvidenceSession& session : base.sessions) {
    if (session.outcome != clawtrace::Verdict::kSuccess || !session.lean_cost_usd ||
        !session.card.total_cost_usd)
      continue;
    ++summary.sessions;
    summary.recorded += *session.card.total_cost_usd;
    summary.lean += *session.lean_cost_usd;
  }
  return summary;
}

std::string DistillPage(const DistillRun& run, PageFormat format) {
  return format == PageFormat::kHtml ? Html(run) : Markdown(run);
}

}  // namespace clawtrace::cli
