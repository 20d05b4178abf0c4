#include "distill/describe.h"

#include <array>
#include <cstdint>
#include <set>
#include <string_view>
#include <vector>

namespace clawtrace::distill {
namespace {

enum class Work { kReadFiles, kChangeFiles, kRunCommands, kCheck, kFetch, kCallTools };
constexpr size_t kWorks = 6;

// By what was done (signature.h).
std::set<Work> WorkOf(const EvidenceSession& session) {
  std::set<Work> works;
  for (const EvidenceStep& step : session.steps) {
    const std::string& done = step.signature.coarse;
    if (step.kind == StepKind::kLlmCall) continue;
    if (done == "read" || done == "list" || done == "search") works.insert(Work::kReadFiles);
    if (done == "write" || done == "edit") works.insert(Work::kChangeFiles);
    if (done == "exec") works.insert(Work::kRunCommands);
    if (done == "check") works.insert(Work::kCheck);
    if (done == "fetch") works.insert(Work::kFetch);
    if (done.starts_with("tool")) works.insert(Work::kCallTools);
  }
  return works;
}

std::string Listed(const std::vector<std::string_view>& parts) {
  std::string text;
  for (size_t i = 0; i < parts.size(); ++i) {
    if (i > 0) text += i + 1 == parts.size() ? " and " : ", ";
    text += parts[i];
  }
  return text;
}

}  // namespace

std::string WorkIn(const EvidenceBase& base) {
  constexpr int64_t kTenth = 10;
  std::array<int64_t, kWorks> sessions = {};
  int64_t working = 0;
  for (const EvidenceSession& session : base.sessions) {
    std::set<Work> works = WorkOf(session);
    working += works.empty() ? 0 : 1;
    for (Work work : works) ++sessions[static_cast<size_t>(work)];
  }
  auto done = [&](Work work) {
    int64_t count = sessions[static_cast<size_t>(work)];
    return count > 0 && kTenth * count >= working;
  };
  std::vector<std::string_view> parts;
  bool reads = done(Work::kReadFiles), changes = done(Work::kChangeFiles);
  if (reads) parts.push_back(changes ? "reading files" : "looking through files");
  if (changes) parts.push_back("editing files");
  if (done(Work::kRunCommands)) parts.push_back("running commands");
  if (done(Work::kCheck)) parts.push_back("running checks");
  if (done(Work::kFetch)) parts.push_back("fetching web pages");
  if (done(Work::kCallTools)) parts.push_back("calling the tools that a service offers");
  return Listed(parts);
}

}  // namespace clawtrace::distill
