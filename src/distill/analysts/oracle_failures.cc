// Mistakes that an oracle saw: a session failed, another session of the same task passed, and the difference
// between the two is of a kind that the shipped table knows. The oracle is the evidence: a mistake that
// recurs in two tasks is admitted without having been repaired anywhere.
#include <fmt/core.h>

#include <algorithm>
#include <map>
#include <utility>

#include "base/text.h"
#include "distill/distill.h"
#include "distill/evidence.h"
#include "distill/shown_files.h"
#include "distill/unmended.h"

namespace clawtrace::distill {
namespace {

struct Lesson {
  std::string_view key, rule, condition, what;
};

constexpr Lesson kSkippedFile = {
    "skipped_named_file",
    "Read each of them before computing or writing anything; do not start from the data alone.",
    "the task names files that hold rules, notes or a specification",
    "The failing sessions never looked at a file that the task names and that the passing ones read."};
constexpr Lesson kIgnoredFailure = {
    "ignored_failure",
    "Read its output, correct the cause and look at the result; do not "
    "report success while a failure stands.",
    "a command fails or prints errors",
    "The failing sessions went on after a step that failed or printed that it "
    "had, and nothing mended it; no passing session of these tasks was left "
    "with such a failure."};

bool Failed(const EvidenceSession& session) {
  return session.outcome == Verdict::kFailure || session.outcome == Verdict::kPartial;
}

bool IsWord(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
         c == '/';
}

bool IsAnyOf(char c, std::string_view characters) { return characters.contains(c); }

// Where `wanted` stands in `said` as a word of its own, from `at` on.
size_t FindWord(std::string_view said, std::string_view wanted, size_t at) {
  for (at = said.find(wanted, at); at != std::string_view::npos; at = said.find(wanted, at + 1)) {
    size_t end = at + wanted.size();
    bool begins = at == 0 || said[at - 1] == '/' || (!IsWord(said[at - 1]) && said[at - 1] != '.');
    bool ends = end == said.size() || !IsWord(said[end]);
    // "RULES" is not what "RULES.md" names.
    bool longer = end + 1 < said.size() && said[end] == '.' && IsWord(said[end + 1]);
    if (begins && ends && !longer) return at;
  }
  return at;
}

// A name without a point may be a word of everyday speech, so that it must be written as the file is, and
// marked: by a folder before it, by quotes or by signs and capitals that words do not have.
bool NamesPlainly(std::string_view said, std::string_view name) {
  bool marked =
      std::ranges::any_of(name, [](char c) { return (c >= 'A' && c <= 'Z') || c == '_' || c == '-'; }) ||
      std::ranges::any_of(name, [](char c) { return c >= '0' && c <= '9'; });
  for (size_t at = FindWord(said, name, 0); at != std::string_view::npos; at = FindWord(said, name, at + 1)) {
    if (marked || (at > 0 && IsAnyOf(said[at - 1], "/`'\""))) return true;
  }
  return false;
}

// The prompt says the path, or its last part.
bool Names(std::string_view said, std::string_view path) {
  std::string_view name = path.substr(path.find_last_of('/') + 1);
  constexpr size_t kShortest = 3;
  if (name.size() < kShortest) return false;
  if (name.find('.') == std::string_view::npos) return NamesPlainly(said, name);
  return FindWord(ToLower(said), ToLower(name), 0) != std::string_view::npos;
}

using Readings = std::map<std::string, std::pair<const EvidenceSession*, const EvidenceStep*>>;

// The step that first showed each file, of those that went well: of the first session that has one.
Readings FirstReads(const std::vector<const EvidenceSession*>& sessions) {
  Readings reads;
  for (const EvidenceSession* session : sessions) {
    for (const EvidenceStep& step : session->steps) {
      if (step.kind == StepKind::kLlmCall || step.status != ToolStatus::kOk) continue;
      for (std::string& path : ShownFiles(step)) reads.try_emplace(std::move(path), session, &step);
    }
  }
  return reads;
}

bool Read(const EvidenceSession& session, std::string_view path) {
  return std::ranges::any_of(session.steps, [&](const EvidenceStep& step) {
    return step.kind != StepKind::kLlmCall && step.status == ToolStatus::kOk && Shows(step, path);
  });
}

bool Touches(const EvidenceSession& session, std::string_view path) {
  return std::ranges::any_of(session.steps, [&](const EvidenceStep& step) { return MayShow(step, path); });
}

const EvidenceStep* FirstWrite(const EvidenceSession& session) {
  auto found = std::ranges::find_if(session.steps, [](const EvidenceStep& step) {
    return step.kind != StepKind::kLlmCall && step.status == ToolStatus::kOk && !step.read_only;
  });
  return found == session.steps.end() ? nullptr : &*found;
}

std::vector<std::string> ChecksOf(const EvidenceSession& session) {
  if (!session.replay || !session.replay->oracle) return {};
  return session.replay->oracle->failed_checks;
}

// Sessions of one task, told apart by outcome.
struct TaskRuns {
  std::vector<const EvidenceSession*> passed, failed;
};

// A file that the prompt names, that every passing session read and replay calls needed where it was asked,
// and that the failing one never touched.
void FindSkippedFile(const TaskRuns& runs, Evidence* evidence) {
  Readings named;
  for (auto& [path, shown] : FirstReads(runs.passed)) {
    auto reads = [&](const EvidenceSession* passed) { return Read(*passed, path); };
    if (shown.second->contribution == Contribution::kNotNeeded) continue;
    if (Names(runs.passed.front()->prompt, path) && std::ranges::all_of(runs.passed, reads))
      named.emplace(path, shown);
  }
  for (const EvidenceSession* failed : runs.failed) {
    evidence->Expose(*failed);
    const EvidenceStep* write = FirstWrite(*failed);
    if (!write) continue;
    for (const auto& [path, shown] : named) {
      if (!Names(failed->prompt, path) || Touches(*failed, path)) continue;
      evidence->Add(*failed, {StepOf(*failed, *write), StepOf(*shown.first, *shown.second)}, std::nullopt);
      evidence->AddChecks(ChecksOf(*failed));
    }
  }
}

// Failures of a kind that no passing session of the task was left with either. One that was left with a
// failed look excuses looks alone: it did its work without.
void FindIgnoredFailure(const TaskRuns& runs, Evidence* evidence) {
  std::map<std::string, Purpose> harmless;
  for (const EvidenceSession* passed : runs.passed) {
    for (const UnmendedFailure& failure : UnmendedFailures(*passed)) {
      Purpose& most = harmless.try_emplace(failure.kind, failure.purpose).first->second;
      most = std::max(most, failure.purpose);
    }
  }
  for (const EvidenceSession* failed : runs.failed) {
    evidence->Expose(*failed);
    std::vector<PatchStep> steps;
    for (const UnmendedFailure& failure : UnmendedFailures(*failed)) {
      auto excuse = harmless.find(failure.kind);
      if (excuse == harmless.end() || excuse->second < failure.purpose)
        steps.push_back(StepOf(*failed, *failure.step));
    }
    if (steps.empty()) continue;
    evidence->Add(*failed, steps, std::nullopt);
    evidence->AddChecks(ChecksOf(*failed));
  }
}

Patch PatchOf(const Lesson& lesson, const Evidence& evidence) {
  Patch patch = evidence.ToPatch(
      {.kind = PatchKind::kRepair,
       .key = std::string(lesson.key),
       .rule = std::string(lesson.rule),
       .condition = std::string(lesson.condition),
       .section = std::string(kKnownFailures),
       .counterfactual = fmt::format("Seen {}. {} What it would have cost to do it right is not known.",
                                     evidence.Count(), lesson.what),
       .producer = "oracle-failures/1",
       .signature = fmt::format("failure:{}", lesson.key)});
  // Oracle evidence (DESIGN 9): the judged difference between runs of one task, in two tasks.
  patch.evidence_grade = evidence.tasks() >= 2 ? "E2" : "E1";
  return patch;
}

std::vector<Patch> Propose(const EvidenceBase& base) {
  std::map<std::string_view, TaskRuns> tasks;
  for (const EvidenceSession& session : base.sessions) {
    if (session.task.empty()) continue;
    TaskRuns& runs = tasks[session.task];
    if (session.outcome == Verdict::kSuccess) runs.passed.push_back(&session);
    if (Failed(session)) runs.failed.push_back(&session);
  }
  Evidence skipped, ignored;
  for (const auto& [task, runs] : tasks) {
    if (runs.passed.empty() || runs.failed.empty()) continue;
    FindSkippedFile(runs, &skipped);
    FindIgnoredFailure(runs, &ignored);
  }
  std::vector<Patch> patches;
  if (skipped.tasks() > 0) patches.push_back(PatchOf(kSkippedFile, skipped));
  if (ignored.tasks() > 0) patches.push_back(PatchOf(kIgnoredFailure, ignored));
  return patches;
}

}  // namespace

extern const Analyst kOracleFailures;
const Analyst kOracleFailures = {
    .name = "oracle-failures",
    .summary =
        "mistakes that an oracle saw, by what failing and passing sessions of one task did differently",
    .propose = Propose,
};

}  // namespace clawtrace::distill
