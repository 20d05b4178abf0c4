#include "capture/importers/swe_report.h"

#include <algorithm>
#include <array>

#include "base/json.h"
#include "base/text.h"
#include "capture/importers/log_text.h"
#include "capture/importers/trajectory.h"
#include "model/benchmarks.h"

namespace clawtrace::capture {

std::string ReportPaths(std::string_view path) {
  std::string_view folder = FolderOf(path);
  std::string_view above = folder.empty() ? folder : FolderOf(folder.substr(0, folder.size() - 1));
  std::string paths;
  for (std::string_view where : {folder, above}) {
    for (std::string_view name : {"report.json", "results.json"}) {
      if (!paths.empty()) paths.push_back('\n');
      paths.append(where).append(name);
    }
    if (above.empty()) break;
  }
  return paths;
}

std::optional<Outcome> OutcomeInReport(std::string_view report, std::string_view instance) {
  if (report.empty() || instance.empty()) return std::nullopt;
  JsonParser parser;
  auto root = parser.Parse(report);
  if (!root) return std::nullopt;
  for (const InstanceVerdict& verdict : SweVerdicts(*root)) {
    if (verdict.instance != instance) continue;
    Outcome outcome = OutcomeOfReward(verdict.verdict == Verdict::kSuccess ? 1 : 0, "swe-bench");
    outcome.verdict = verdict.verdict;
    return outcome;
  }
  return std::nullopt;
}

std::string_view InstanceOfPath(std::string_view path) {
  if (path == "-") return {};
  std::string_view name = path.substr(FolderOf(path).size());
  for (std::string_view suffix : {".json", ".traj"}) {
    if (name.ends_with(suffix)) name.remove_suffix(suffix.size());
  }
  return name;
}

namespace {

// A Python program died of it: the traceback is the last that was printed. "sqlalchemy.exc.NoSuchModuleError:
// ..."
bool EndsInTraceback(std::string_view output) {
  if (!output.contains("\nTraceback (most recent call last):")) return false;
  output = Trim(output);
  std::string_view line = output.substr(output.rfind('\n') + 1);
  std::string_view name = line.substr(0, line.find(':'));
  bool is_name = !name.empty() && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.';
  });
  return is_name && (name.ends_with("Error") || name.ends_with("Exception"));
}

}  // namespace

bool SaysFailed(std::string_view output) {
  static constexpr std::array<std::string_view, 11> kStarts = {
      "Error:",
      "ERROR:",
      "Traceback (most recent call last)",
      "Your proposed edit has introduced new syntax error",
      "No replacement was performed",
      "Invalid `path` parameter",
      "EXECUTION TIMED OUT",
      "The command '",
      "Your command was not",
      "File not found",
      "No file open"};
  output = Trim(output);
  if (output.starts_with("OBSERVATION:")) output = Trim(output.substr(12));
  if (output.starts_with("The command '"))
    return FirstLine(output).find("timed out") != std::string_view::npos;
  if (output.starts_with('[')) output.remove_prefix(1);  // as OpenHands' editor commands print it
  if (StartsWithAny(output, kStarts) || EndsInTraceback(output)) return true;
  std::string_view line = Trim(FirstLine(output));
  bool shell = line.starts_with("bash: ") || line.starts_with("/bin/bash: ") || line.starts_with("-bash: ") ||
               line.starts_with("/bin/sh: ") || line.starts_with("sh: ");
  return shell || line.ends_with(": command not found") || line.ends_with(": No such file or directory") ||
         line.ends_with(": No such file");
}

}  // namespace clawtrace::capture
