#include "distill/lessons.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <string>
#include <tuple>

#include "compile/text_uses.h"
#include "distill/lexicon.h"
#include "replay/task_words.h"

namespace clawtrace::distill {
namespace {

using compile::Finding;
using compile::ToolClass;
using compile::ToolMeaning;

constexpr auto kLessons = std::to_array<WasteLesson>({
    {"exact_repeat/read",
     "Do not read a file again while nothing has changed it: its text is already in the conversation.", ""},
    {"exact_repeat/list",
     "List a folder once; do not repeat a listing while no file was added, moved or removed.", ""},
    {"exact_repeat/search", "Do not repeat a search with the same pattern while the files are unchanged.",
     ""},
    {"exact_repeat/check",
     "Run tests, builds and other checks again only after a change to what they cover: the same check of the "
     "same state says the same.",
     ""},
    {"exact_repeat/state",
     "Ask for the repository's status, log or diff again only after something was changed or committed.", ""},
    {"exact_repeat/command",
     "Do not run a command again with the same arguments when nothing was written since it last succeeded.",
     ""},
    {"exact_repeat/fetch",
     "Fetch a page or run a web search once; use the result that is already in the conversation.", ""},
    {"exact_repeat/tool",
     "Do not call a tool again with the same arguments when nothing it depends on has changed.", ""},
    {"listing/named", "Open the named files directly; do not list folders first.",
     "the task names the files to work on"},
    {"listing/any", "List a folder only when a later step depends on what is in it.", ""},
    {"repeated_look",
     "Look at a result or run a check once after the last change that it covers; looking again at what "
     "nothing "
     "has changed says the same.",
     ""},
    {"overwritten_write",
     "Work out a file's whole content before writing it: a version that is replaced before anything uses it "
     "is lost work.",
     ""},
    {"rederived",
     "After the conversation was summarised, go on from the summary; do not read everything again.", ""},
    {"stray_output", "Do not make copies or extra files that the task does not ask for.", ""},
    {"unread_plan",
     "Do not spend a call on writing down a plan or a note that nothing reads later: say it in the answer "
     "that acts on it.",
     "", true},
    {"unused_output",
     "Read a file, search or run a command for information only when a step that follows will use what it "
     "tells.",
     "", true},
    {"unused_subagent", "Do not start a sub-agent for a result that nothing uses.", ""},
});

std::string_view KindOfRepeat(const ToolMeaning& meaning) {
  if (meaning.tool_class == ToolClass::kRead) return "read";
  if (meaning.tool_class == ToolClass::kList) return "list";
  if (meaning.tool_class == ToolClass::kSearch) return "search";
  if (meaning.tool_class == ToolClass::kFetch) return "fetch";
  if (meaning.tool_class != ToolClass::kExec) return "tool";
  switch (KindOf(meaning.command)) {
    case CommandKind::kRead:
      return "read";
    case CommandKind::kList:
      return "list";
    case CommandKind::kSearch:
      return "search";
    case CommandKind::kCheck:
      return "check";
    case CommandKind::kState:
      return "state";
    case CommandKind::kOther:
      return "command";
  }
  return "command";
}

bool IsListing(const ToolMeaning& meaning) {
  return meaning.tool_class == ToolClass::kList ||
         (meaning.tool_class == ToolClass::kExec && KindOf(meaning.command) == CommandKind::kList);
}

// Says something to nobody: echo without a file behind it.
bool IsNote(const ToolMeaning& meaning) {
  if (meaning.tool_class == ToolClass::kPlan) return true;
  if (meaning.tool_class != ToolClass::kExec || meaning.shell.parts.empty()) return false;
  return !meaning.shell.substitution &&
         std::ranges::all_of(meaning.shell.parts, [](const tools::SimpleCommand& part) {
           return (part.program == "echo" || part.program == "printf" || part.program == ":" ||
                   part.program == "true") &&
                  part.writes.empty();
         });
}

// What the detectors flag, by step; of several the first in this order.
constexpr auto kFlags = std::to_array<std::string_view>(
    {"exact_repeat", "superset_read", "overwritten_before_read", "rederived_after_compaction",
     "unused_subagent_result", "plan_only_turn"});

class Shapes {
 public:
  Shapes(const compile::Scene& scene, bool replayed)
      : scene_(scene), words_(scene.session), names_files_(NamesFiles()), flags_(scene.session.steps.size()) {
    for (const compile::Detector* detector : compile::Detectors()) {
      auto rank = std::ranges::find(kFlags, detector->name);
      if (rank == kFlags.end()) continue;
      for (const Finding& finding : detector->find(scene)) {
        for (size_t step : finding.steps) Flag(step, static_cast<size_t>(rank - kFlags.begin()));
      }
    }
    FindUses();
    if (replayed) FindUnused();
  }

  const WasteLesson* Of(size_t step) {
    const Step& at = scene_.session.steps[step];
    const ToolMeaning& meaning = scene_.meanings[step];
    if (at.kind == StepKind::kLlmCall || at.abandoned || at.inherited || at.result_only) return nullptr;
    if (at.result.status != ToolStatus::kOk) return nullptr;
    size_t first_time = FirstTime(step);
    std::string_view flag = flags_[step] ? kFlags[*flags_[step]] : std::string_view();
    if (first_time != step && OnlyLooks(meaning) && IsResult(first_time))
      return FindWasteLesson("repeated_look");
    if (flag == "exact_repeat" || flag == "superset_read" || first_time != step) return Repeat(meaning);
    if (flag == "overwritten_before_read" || IsReplacedUnread(step, meaning))
      return FindWasteLesson("overwritten_write");
    if (flag == "rederived_after_compaction") return FindWasteLesson("rederived");
    if (flag == "unused_subagent_result") return FindWasteLesson("unused_subagent");
    if (IsNote(meaning) || flag == "plan_only_turn") return FindWasteLesson("unread_plan");
    if (IsListing(meaning)) return FindWasteLesson(names_files_ ? "listing/named" : "listing/any");
    if (IsStray(step, meaning)) return FindWasteLesson("stray_output");
    if (unused_.contains(step)) return FindWasteLesson("unused_output");
    return nullptr;
  }

 private:
  void Flag(size_t step, size_t rank) { flags_[step] = std::min(flags_[step].value_or(rank), rank); }

  static const WasteLesson* Repeat(const ToolMeaning& meaning) {
    return FindWasteLesson("exact_repeat/" + std::string(KindOfRepeat(meaning)));
  }
  static bool OnlyLooks(const ToolMeaning& meaning) { return meaning.read_only || meaning.shell.check; }

  // A check, or a look at what an earlier step wrote or may have.
  bool IsResult(size_t look) const {
    if (look < first_act_) return false;
    return scene_.meanings[look].shell.check || MayHaveChanged(scene_, 0, look) ||
           scene_.writes.Unnamed(0, look);
  }

  // The first step that made the same call and got the same answer, whatever happened in between.
  size_t FirstTime(size_t step) {
    const Step& at = scene_.session.steps[step];
    if (at.tool.args_hash == 0 || at.result.output_bytes == 0 || at.result.output_hash == 0) return step;
    return calls_.try_emplace({at.tool.name, at.tool.args_hash, at.result.output_hash}, step).first->second;
  }

  bool NamesFiles() const {
    return std::ranges::any_of(scene_.meanings, [&](const ToolMeaning& meaning) {
      auto named = [&](const std::string& path) { return words_.NameFile(path); };
      return std::ranges::any_of(meaning.reads, named) || std::ranges::any_of(meaning.writes, named);
    });
  }

  static bool WritesWhole(const ToolMeaning& meaning) {
    if (meaning.writes.empty() || meaning.writes_unknown) return false;
    if (meaning.tool_class == ToolClass::kWrite) return true;
    return meaning.tool_class == ToolClass::kExec && meaning.command.find(">>") == std::string::npos &&
           std::ranges::any_of(meaning.shell.parts,
                               [](const tools::SimpleCommand& part) { return !part.writes.empty(); });
  }

  void FindUses() {
    for (size_t i = 0; i < scene_.meanings.size(); ++i) {
      const Step& step = scene_.session.steps[i];
      const ToolMeaning& meaning = scene_.meanings[i];
      if (step.kind == StepKind::kLlmCall || step.abandoned) continue;
      for (const std::string& path : meaning.reads) reads_[path].push_back(i);
      bool went_well = step.result.status == ToolStatus::kOk;
      if (went_well && WritesWhole(meaning)) {
        for (const std::string& path : meaning.writes) whole_writes_[path].push_back(i);
      }
      bool acts = went_well && !meaning.read_only && !IsNote(meaning) && step.kind == StepKind::kToolUse;
      if (acts) first_act_ = std::min(first_act_, i);
    }
  }

  // Looked, and nothing that was new in what it said is in any later argument, answer or output.
  void FindUnused() {
    std::vector<size_t> looks;
    for (size_t i = 0; i < scene_.meanings.size(); ++i) {
      const Step& step = scene_.session.steps[i];
      const ToolMeaning& meaning = scene_.meanings[i];
      bool told = step.kind == StepKind::kToolUse && !step.abandoned && step.result.status == ToolStatus::kOk;
      if (told && meaning.read_only && !meaning.shell.check && !IsNote(meaning)) looks.push_back(i);
    }
    std::vector<compile::OutputUse> uses = compile::UsesOfOutputs(scene_.session, looks);
    for (size_t c = 0; c < looks.size(); ++c) {
      // Who changes a file has used what it read of it, whatever the change says.
      bool changed =
          scene_.writes.Named(scene_.meanings[looks[c]].reads, looks[c], scene_.meanings.size()).has_value();
      bool taken_up = changed || uses[c].used > 0 || uses[c].words_used > 0;
      if (uses[c].known && !taken_up) unused_.insert(looks[c]);
    }
  }

  using Places = std::map<std::string, std::vector<size_t>>;
  static size_t NextAfter(const Places& places, const std::string& path, size_t step) {
    auto found = places.find(path);
    if (found == places.end()) return SIZE_MAX;
    auto next = std::ranges::upper_bound(found->second, step);
    return next == found->second.end() ? SIZE_MAX : *next;
  }

  // All that it writes is written anew as a whole before a step that names it reads it.
  bool IsReplacedUnread(size_t step, const ToolMeaning& meaning) const {
    if (meaning.writes.empty() || meaning.writes_unknown || meaning.tool_class == ToolClass::kEdit)
      return false;
    return std::ranges::all_of(meaning.writes, [&](const std::string& path) {
      size_t again = NextAfter(whole_writes_, path, step);
      return again != SIZE_MAX && NextAfter(reads_, path, step) > again;
    });
  }

  // Writes only what the task does not name and nothing reads afterwards.
  bool IsStray(size_t step, const ToolMeaning& meaning) const {
    if (meaning.writes.empty() || meaning.writes_unknown) return false;
    return std::ranges::all_of(meaning.writes, [&](const std::string& path) {
      return !words_.Name(path) && NextAfter(reads_, path, step) == SIZE_MAX;
    });
  }

  const compile::Scene& scene_;
  replay::TaskWords words_;
  bool names_files_;
  std::vector<std::optional<size_t>> flags_;  // by step: the least of kFlags
  Places reads_, whole_writes_;
  std::set<size_t> unused_;
  size_t first_act_ = SIZE_MAX;  // the first step that did more than look
  std::map<std::tuple<std::string, uint64_t, uint64_t>, size_t> calls_;
};

}  // namespace

std::span<const WasteLesson> WasteLessons() { return kLessons; }

const WasteLesson* FindWasteLesson(std::string_view key) {
  const auto* found = std::ranges::find(kLessons, key, &WasteLesson::key);
  return found == kLessons.end() ? nullptr : found;
}

std::vector<const WasteLesson*> ShapesOf(const compile::Scene& scene, bool replayed) {
  Shapes shapes(scene, replayed);
  std::vector<const WasteLesson*> out;
  out.reserve(scene.session.steps.size());
  for (size_t i = 0; i < scene.session.steps.size(); ++i) out.push_back(shapes.Of(i));
  return out;
}

}  // namespace clawtrace::distill
