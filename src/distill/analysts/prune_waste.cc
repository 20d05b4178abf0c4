// Waste that recurs: repeated calls that found out nothing new, by what kind of thing was repeated.
// Structural evidence only (C0), so every rule is a candidate until a replay confirms it. Failing steps are
// not looked at: they feed repair.
#include <fmt/core.h>

#include <array>

#include "distill/distill.h"
#include "distill/evidence.h"
#include "distill/lexicon.h"

namespace clawtrace::distill {
namespace {

struct Lesson {
  std::string_view key, rule;
};

constexpr Lesson kRead = {
    "read",
    "Do not read a file again while nothing has changed it: its text is already in the conversation."};
constexpr Lesson kList = {
    "list", "List a folder once; do not repeat a listing while no file was added, moved or removed."};
constexpr Lesson kSearch = {"search",
                            "Do not repeat a search with the same pattern while the files are unchanged."};
constexpr Lesson kCheck = {"check",
                           "Run tests, builds and other checks again only after a change to what they cover: "
                           "the same check of the same state says the same."};
constexpr Lesson kState = {
    "state",
    "Ask for the repository's status, log or diff again only after something was changed or committed."};
constexpr Lesson kCommand = {
    "command",
    "Do not run a command again with the same arguments when nothing was written since it last succeeded."};
constexpr Lesson kFetch = {
    "fetch", "Fetch a page or run a web search once; use the result that is already in the conversation."};
constexpr Lesson kTool = {
    "tool", "Do not call a tool again with the same arguments when nothing it depends on has changed."};

const Lesson& LessonOf(const RedundantGroup& group) {
  std::string_view target = group.target;
  size_t blank = target.find(' ');
  std::string_view word = target.substr(0, blank);
  if (word == "read") return kRead;
  if (word == "list") return kList;
  if (word == "search") return kSearch;
  if (word == "fetch") return kFetch;
  if (word != "exec" || blank == std::string_view::npos) return word == "exec" ? kCommand : kTool;
  switch (KindOf(target.substr(blank + 1))) {
    case CommandKind::kRead:
      return kRead;
    case CommandKind::kList:
      return kList;
    case CommandKind::kSearch:
      return kSearch;
    case CommandKind::kCheck:
      return kCheck;
    case CommandKind::kState:
      return kState;
    case CommandKind::kOther:
      return kCommand;
  }
  return kCommand;
}

std::vector<Patch> Propose(const std::vector<TraceCard>& cards) {
  struct Found {
    const Lesson* lesson = nullptr;
    Evidence evidence;
    bool replayed = true;  // every group of it is proven
  };
  std::map<std::string_view, Found> found;
  for (const TraceCard& card : cards) {
    for (const RedundantGroup& group : card.redundant_tool_calls) {
      if (group.reason != "exact_repeat" || group.steps.empty()) continue;
      std::vector<PatchStep> steps;
      for (size_t i = 0; i < group.steps.size(); ++i) {
        steps.push_back(StepOf(card, i < group.call_ids.size() ? group.call_ids[i] : "", group.steps[i]));
      }
      const Lesson& lesson = LessonOf(group);
      Found& entry = found[lesson.key];
      entry.lesson = &lesson, entry.replayed = entry.replayed && group.grade == "C1";
      entry.evidence.Add(card, steps, group.wasted_usd);
    }
  }
  std::vector<Patch> patches;
  for (const auto& [key, entry] : found) {
    const auto& [lesson, evidence, replayed] = entry;
    if (evidence.tasks() < 2) continue;  // once is an accident of one task
    std::string counterfactual = fmt::format(
        "Seen {}: a call returned what the same call had returned before, with no known write to it in "
        "between. Without the "
        "repeats the sessions {}.{}",
        evidence.Count(),
        replayed ? "come to the same: replayed without them"
                 : "are expected to go on as they did. Structural evidence only; not replayed",
        evidence.CostNote());
    patches.push_back(evidence.ToPatch(PatchKind::kPrune, fmt::format("exact_repeat/{}", key), lesson->rule,
                                       counterfactual, "prune-waste/1"));
    if (replayed) patches.back().counterfactual_grade = "C1";
  }
  return patches;
}

}  // namespace

extern const Analyst kPruneWaste;
const Analyst kPruneWaste = {
    .name = "prune-waste",
    .summary = "repeated calls that found out nothing new, in at least 2 tasks",
    .propose = Propose,
};

}  // namespace clawtrace::distill
