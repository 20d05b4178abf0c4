#include "distill/unmended.h"

#include <algorithm>
#include <array>
#include <set>

#include "base/text.h"
#include "compile/failures.h"
#include "tools/tool_meaning.h"

namespace clawtrace::distill {
namespace {

struct Sign {
  std::string_view text, kind;
};

// How lines end in which a program, named at their beginning, says why it could not do its work.
constexpr auto kReasons = std::to_array<Sign>({
    {"no such file or directory", "missing_file"},
    {"not a directory", "missing_file"},
    {"is a directory", "wrong_file"},
    {"command not found", "missing_command"},
    {": not found", "missing_command"},
    {"permission denied", "permission_denied"},
    {"operation not permitted", "permission_denied"},
    {"file exists", "wrong_file"},
    {"directory not empty", "wrong_file"},
    {"no space left on device", "no_space"},
});

// How lines begin that programs print when they give up.
constexpr auto kBeginnings = std::to_array<Sign>({
    {"Traceback (most recent call last):", "traceback"},
    {"FAILED (", "test_failure"},
    {"make: *** ", "make"},
    {"fatal: ", "fatal"},
});

bool IsProgramChar(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
         c == '.' || c == '/' || c == '+';
}

// "cp: ", "./run.sh: line 4: "
bool NamesAProgram(std::string_view line) {
  size_t end = static_cast<size_t>(std::ranges::find_if_not(line, IsProgramChar) - line.begin());
  return end > 0 && line.substr(end).starts_with(": ");
}

std::string_view KindOfLine(std::string_view line) {
  for (const Sign& sign : kBeginnings) {
    if (line.starts_with(sign.text)) return sign.kind;
  }
  if (!NamesAProgram(line)) return {};
  std::string lower = ToLower(line);
  for (const Sign& sign : kReasons) {
    if (lower.ends_with(sign.text)) return sign.kind;
  }
  return {};
}

// What one step is compared by.
struct Doing {
  const EvidenceStep* step = nullptr;
  std::set<std::vector<std::string>> commands;  // simple ones, program first
  bool failed = false;
  std::string kind;  // of the failure, also of one that was only printed
};

bool IsPreparation(std::string_view program) {
  constexpr auto kPrograms = std::to_array<std::string_view>(
      {"", "cd", "mkdir", "echo", "printf", "true", "set", "export", "chmod"});
  return std::ranges::find(kPrograms, program) != kPrograms.end();
}

Doing DoingOf(const EvidenceStep& step) {
  Doing doing{.step = &step, .commands = {}, .failed = step.status == ToolStatus::kError, .kind = {}};
  ToolUse tool;
  tool.name = step.tool, tool.args = step.args;
  for (const tools::SimpleCommand& part : tools::MeaningOf(tool, "").shell.parts) {
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
    doing.kind = PrintedFailure(step.output);
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

std::string_view PrintedFailure(std::string_view output) {
  for (std::string_view line : Split(output, '\n')) {
    std::string_view kind = KindOfLine(Trim(line));
    if (!kind.empty()) return kind;
  }
  return {};
}

std::vector<UnmendedFailure> UnmendedFailures(const EvidenceSession& session) {
  std::set<std::string_view> repaired;
  for (const FailedStep& failed : session.card.failed_or_repaired_steps) {
    if (failed.repaired_by.empty()) continue;
    repaired.insert(failed.step);
    repaired.insert(failed.retries.begin(), failed.retries.end());
  }
  // Latest first: a failure is compared with what came after it.
  std::vector<Doing> after;
  std::vector<UnmendedFailure> failures;
  for (size_t i = session.steps.size(); i-- > 0;) {
    const EvidenceStep& step = session.steps[i];
    if (step.kind == StepKind::kLlmCall) continue;
    Doing doing = DoingOf(step);
    bool stands = !doing.kind.empty() && !repaired.contains(step.id) &&
                  std::ranges::none_of(after, [&](const Doing& later) { return Mends(later, doing); });
    if (stands) failures.push_back({&step, doing.kind});
    after.push_back(std::move(doing));
  }
  std::ranges::reverse(failures);
  return failures;
}

}  // namespace clawtrace::distill
