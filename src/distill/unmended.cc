#include "distill/unmended.h"

#include <algorithm>
#include <array>
#include <set>

#include "base/text.h"
#include "compile/failures.h"
#include "distill/printed_failure.h"
#include "tools/tool_meaning.h"

namespace clawtrace::distill {
namespace {

// What one step is compared by.
struct Doing {
  const EvidenceStep* step = nullptr;
  Purpose purpose = Purpose::kDo;
  std::set<std::vector<std::string>> commands;  // simple ones, program first
  bool failed = false;
  std::string kind;  // of the failure, also of one that was only printed
};

bool IsPreparation(std::string_view program) {
  constexpr auto kPrograms = std::to_array<std::string_view>(
      {"", "cd", "mkdir", "echo", "printf", "true", "set", "export", "chmod"});
  return std::ranges::find(kPrograms, program) != kPrograms.end();
}

// "python --version", "command -v node": whether a tool is there.
bool AsksForTools(const tools::SimpleCommand& part) {
  constexpr auto kAskers = std::to_array<std::string_view>({"which", "type", "command", "whereis", "hash"});
  if (std::ranges::find(kAskers, part.program) != kAskers.end()) return true;
  constexpr auto kQuestions = std::to_array<std::string_view>(
      {"--version", "-version", "-V", "-v", "version", "--help", "-help", "-h", "help"});
  return part.arguments.size() == 1 &&
         std::ranges::find(kQuestions, part.arguments.front()) != kQuestions.end();
}

Purpose PurposeOf(const EvidenceStep& step, const tools::ToolMeaning& meaning) {
  bool some = false, asks = true;
  for (const tools::SimpleCommand& part : meaning.shell.parts) {
    if (IsPreparation(part.program)) continue;
    some = true, asks = asks && AsksForTools(part);
  }
  if (some && asks) return Purpose::kAsk;
  return step.read_only ? Purpose::kLook : Purpose::kDo;
}

using Lines = std::set<std::string, std::less<>>;

Doing DoingOf(const EvidenceStep& step, const Lines& read_before) {
  Doing doing{.step = &step, .commands = {}, .failed = step.status == ToolStatus::kError, .kind = {}};
  ToolUse tool;
  tool.name = step.tool, tool.args = step.args;
  tools::ToolMeaning meaning = tools::MeaningOf(tool, "");
  doing.purpose = PurposeOf(step, meaning);
  for (const tools::SimpleCommand& part : meaning.shell.parts) {
    if (IsPreparation(part.program)) continue;
    std::vector<std::string> words = part.arguments;
    words.insert(words.begin(), part.program);
    doing.commands.insert(std::move(words));
  }
  const std::string& coarse = step.signature.coarse;
  bool found_nothing = coarse == "search" || coarse == "plan";
  if (doing.failed) {
    doing.kind = found_nothing || compile::IsEnvironment(step.error_class) ? "" : step.error_class;
  } else if (!step.read_only &&
             (coarse == "exec" || coarse == "check" || coarse == "write" || coarse == "edit")) {
    doing.kind = PrintedFailure(meaning, step.output, read_before);
  }
  return doing;
}

bool Mends(const Doing& later, const Doing& failure) {
  if (later.failed || !later.kind.empty()) return false;
  const EvidenceStep &a = *failure.step, &b = *later.step;
  if (a.tool == b.tool && a.args == b.args) return true;
  if (a.signature.coarse == "check" && b.signature.coarse == "check") return true;
  bool written = std::ranges::any_of(
      a.writes, [&](const std::string& path) { return std::ranges::find(b.writes, path) != b.writes.end(); });
  return written || std::ranges::any_of(failure.commands, [&](const std::vector<std::string>& command) {
           return later.commands.contains(command);
         });
}

}  // namespace

std::vector<UnmendedFailure> UnmendedFailures(const EvidenceSession& session) {
  std::set<std::string_view> repaired;
  for (const FailedStep& failed : session.card.failed_or_repaired_steps) {
    if (failed.repaired_by.empty()) continue;
    repaired.insert(failed.step);
    repaired.insert(failed.retries.begin(), failed.retries.end());
  }
  std::vector<Doing> doings;
  Lines read_before;
  for (const EvidenceStep& step : session.steps) {
    if (step.kind == StepKind::kLlmCall) continue;
    doings.push_back(DoingOf(step, read_before));
    if (!step.read_only) continue;
    for (std::string_view line : Split(step.output, '\n')) {
      if (!Trim(line).empty()) read_before.emplace(Trim(line));
    }
  }
  // Latest first: a failure is compared with what came after it.
  std::vector<Doing> after;
  std::vector<UnmendedFailure> failures;
  while (!doings.empty()) {
    Doing doing = std::move(doings.back());
    doings.pop_back();
    bool stands = !doing.kind.empty() && doing.purpose != Purpose::kAsk &&
                  !repaired.contains(doing.step->id) &&
                  std::ranges::none_of(after, [&](const Doing& later) { return Mends(later, doing); });
    if (stands) failures.push_back({doing.step, doing.kind, doing.purpose});
    after.push_back(std::move(doing));
  }
  std::ranges::reverse(failures);
  return failures;
}

}  // namespace clawtrace::distill
