#include "distill/model/prompts.h"

#include <fmt/core.h>

#include <algorithm>

#include "base/file.h"
#include "base/hash.h"
#include "base/text.h"
#include "distill/model/edit_check.h"
#include "model/archive.h"
#include "skill/blocks.h"
#include "skill/paths.h"

namespace clawtrace::distill {
namespace {

constexpr size_t kMostSteps = 400, kFirstSteps = 100;
constexpr size_t kStepBytes = 60'000;  // of all steps together, about
constexpr size_t kPromptBytes = 8000, kSkillBytes = 24'000;

class Shower {
 public:
  Shower(const EvidenceSession& session, const Redact& redact) : redact_(redact) {
    const std::string& id = session.card.session_id;
    bool is_plain = skill::IsFileNameSafe(id) && id.size() <= 100;
    shown_.name = is_plain ? id : "session-" + Sha256Hex(id).substr(0, 12);
  }

  void Add(std::string_view label, std::string_view text) { shown_.text += Fenced(label, text); }
  void Line(const std::string& line) { shown_.text += line + "\n"; }

  std::string Clean(std::string_view text, size_t most, const std::string& where) {
    Cleaned cleaned = CleanText(text, most, redact_, shown_.name);
    for (Attempt attempt : cleaned.attempts) shown_.notices.push_back({shown_.name, where, attempt});
    return std::move(cleaned.text);
  }

  std::string OneStep(const EvidenceStep& step, size_t most) {
    std::string out =
        fmt::format("#{} turn {} {}", step.id, step.turn,
                    step.kind == StepKind::kLlmCall ? "llm_call" : Clean(step.tool, 80, step.id));
    if (step.kind != StepKind::kLlmCall) out += fmt::format(" {}", Clean(StatusOf(step), 120, step.id));
    if (step.attributed_cost_usd) out += fmt::format(" cost {}", step.attributed_cost_usd->ToDecimal(6));
    if (step.contribution)
      out += fmt::format(" {}{}", NameOf(*step.contribution), step.proven ? " (replayed)" : "");
    out += "\n";
    if (!step.args.empty()) out += "  > " + Clean(step.args, most * 2 / 3, step.id) + "\n";
    if (!step.output.empty()) out += "  < " + Clean(step.output, most / 2, step.id) + "\n";
    return out;
  }

  ShownSession Take() {
    std::ranges::sort(shown_.notices);
    auto copies = std::ranges::unique(shown_.notices);
    shown_.notices.erase(copies.begin(), copies.end());
    return std::move(shown_);
  }
  const std::string& name() const { return shown_.name; }

 private:
  static std::string StatusOf(const EvidenceStep& step) {
    switch (step.status) {
      case ToolStatus::kUnknown:
        return "unknown";
      case ToolStatus::kOk:
        return "ok";
      case ToolStatus::kError:
        return "failed " + step.error_class;
      case ToolStatus::kAborted:
        return "aborted";
    }
    return "unknown";
  }

  const Redact& redact_;
  ShownSession shown_;
};

std::string StepsOf(const EvidenceSession& session, Shower* shower) {
  constexpr size_t kLeast = 80, kMost = 1500;
  size_t count = session.steps.size(), shown = std::min(count, kMostSteps);
  size_t each = std::clamp(kStepBytes / std::max<size_t>(shown, 1), kLeast, kMost);
  std::string out;
  for (size_t i = 0; i < count; ++i) {
    bool is_left_out = count > kMostSteps && i >= kFirstSteps && i < count - (kMostSteps - kFirstSteps);
    if (!is_left_out) out += shower->OneStep(session.steps[i], each);
    if (is_left_out && i == kFirstSteps) out += fmt::format("[{} steps are left out]\n", count - kMostSteps);
  }
  return out;
}

std::string WasteOf(const EvidenceSession& session) {
  std::string out;
  for (const Waste& waste : session.waste) {
    if (waste.steps.empty()) continue;
    out += waste.lesson + (waste.proven ? " (replayed, not needed):" : " (suspected):");
    for (size_t step : waste.steps) out += " #" + session.steps[step].id;
    out += waste.saved_usd ? fmt::format(", saves {} USD\n", waste.saved_usd->ToDecimal(6)) : "\n";
  }
  return out;
}

std::string BlocksOf(const SkillDir& skill) {
  constexpr size_t kMostText = 400;
  std::string out;
  for (const auto& [path, text] : skill.files) {
    if (path != skill::kSkillFile && !(path.starts_with("references/") && path.ends_with(".md"))) continue;
    out += fmt::format("file {}\n", path);
    for (const skill::Block& block : skill::ParseBlocks(text)) {
      out += fmt::format("[{}] {} | {} | {}\n", block.hash.substr(0, kShownHash), skill::WordOf(block.kind),
                         block.heading_path, PrefixUtf8(block.text, kMostText));
    }
  }
  return out;
}

}  // namespace

std::string Prompts::HashFor(ModelAnalyst analyst) const {
  return Sha256Hex(fmt::format("{}\n{}", Sha256Hex(For(analyst)), Sha256Hex(format_fix)));
}

Result<Prompts> LoadPrompts(const std::string& folder) {
  Prompts out;
  constexpr uint64_t kMostBytes = 256 << 10;
  const std::pair<std::string_view, std::string*> files[] = {{"success_analyst.md", &out.success},
                                                             {"error_analyst.md", &out.error},
                                                             {"format_fix.md", &out.format_fix}};
  for (auto [name, text] : files) {
    auto read = ReadFile(fmt::format("{}/{}", folder, name), kMostBytes);
    if (!read) return std::unexpected(std::move(read.error()));
    *text = std::move(*read);
  }
  auto reword = ReadFile(folder + "/reword.md", kMostBytes);
  if (!reword && reword.error().code != ErrorCode::kNotFound)
    return std::unexpected(std::move(reword.error()));
  if (reword) out.reword = std::move(*reword);
  return out;
}

ShownSession ShowSession(const EvidenceSession& session, const SkillDir& skill,
                         const std::vector<std::string>& rejected, const Redact& redact) {
  Shower shower(session, redact);
  shower.Line(fmt::format("The session is called {}; cite its steps as {}#12. Outcome: {}.", shower.name(),
                          shower.name(), NameOf(session.outcome)));
  if (session.card.total_cost_usd)
    shower.Line(fmt::format("It cost {} USD.", session.card.total_cost_usd->ToDecimal(6)));
  std::string asked = shower.Clean(session.prompt, kPromptBytes, "prompt");
  for (const std::string& later : session.later_prompts)
    asked += "\n--\n" + shower.Clean(later, kPromptBytes / 4, "prompt");
  shower.Add("what the agent was asked", asked);
  shower.Add("steps of the session", StepsOf(session, &shower));
  if (std::string waste = WasteOf(session); !waste.empty()) shower.Add("steps that look like waste", waste);
  if (session.replay && session.replay->failure)
    shower.Add("what executing it again found",
               shower.Clean(session.replay->failure->reason, kPromptBytes / 4, "replay"));
  shower.Add("blocks of the skill: [hash] kind | headings | text",
             shower.Clean(BlocksOf(skill), kSkillBytes, "skill"));
  std::string refused;
  for (const std::string& line : rejected) refused += "- " + line + "\n";
  if (!refused.empty())
    shower.Add("edits that were refused before", shower.Clean(refused, kPromptBytes / 2, "rejected"));
  return shower.Take();
}

}  // namespace clawtrace::distill
