#include "tools/write_index.h"

#include <algorithm>

namespace clawtrace::tools {
namespace {

// Deeper paths come from nobody's disk; what is below that depth is lumped together.
constexpr int kMaxDepth = 64;

// The folders above a path, longest first; the path itself is left out.
template <class Visit>
void ForEachFolder(std::string_view path, const Visit& visit) {
  for (int depth = 0; depth < kMaxDepth; ++depth) {
    size_t slash = path.rfind('/');
    if (slash == std::string_view::npos || slash == 0) return;
    path = path.substr(0, slash);
    visit(std::string(path));
  }
}

void Push(std::vector<size_t>* places, size_t step) {
  if (places->empty() || places->back() != step) places->push_back(step);
}

}  // namespace

WriteIndex::WriteIndex(const Session& session, std::span<const ToolMeaning> meanings) {
  for (size_t i = 0; i < session.steps.size(); ++i) {
    const Step& step = session.steps[i];
    const ToolMeaning& meaning = meanings[i];
    if (step.kind == StepKind::kLlmCall || meaning.read_only || step.abandoned) continue;
    bool file_tool = meaning.tool_class == ToolClass::kEdit || meaning.tool_class == ToolClass::kWrite;
    bool failed = step.result.status == ToolStatus::kError && !meaning.writes_unknown;
    if (failed && !file_tool) continue;
    if (!failed) any_.push_back(i);
    if (meaning.writes_unknown) unnamed_.push_back(i);
    for (const std::string& path : meaning.writes) AddNamed(path, i);
  }
}

void WriteIndex::AddNamed(const std::string& path, size_t step) {
  Push(&named_, step);
  if (path == ".") Push(&everything_, step);
  Push(&at_[path], step);
  ForEachFolder(path, [&](std::string folder) { Push(&below_[std::move(folder)], step); });
}

std::optional<size_t> WriteIndex::Between(const Places& places, size_t from, size_t to) {
  auto next = std::upper_bound(places.begin(), places.end(), from);
  if (next == places.end() || *next >= to) return std::nullopt;
  return *next;
}

std::optional<size_t> WriteIndex::Named(std::span<const std::string> paths, size_t from, size_t to) const {
  if (paths.empty()) return std::nullopt;
  std::optional<size_t> first = Between(everything_, from, to);
  auto take = [&](const std::optional<size_t>& found) {
    if (found && (!first || *found < *first)) first = found;
  };
  auto look = [&](const std::unordered_map<std::string, Places>& places, const std::string& path) {
    auto found = places.find(path);
    if (found != places.end()) take(Between(found->second, from, to));
  };
  for (const std::string& path : paths) {
    if (path == ".") take(Between(named_, from, to));
    look(at_, path);
    look(below_, path);
    ForEachFolder(path, [&](const std::string& folder) { look(at_, folder); });
  }
  return first;
}

std::optional<size_t> WriteIndex::Unnamed(size_t from, size_t to) const {
  return Between(unnamed_, from, to);
}
std::optional<size_t> WriteIndex::Any(size_t from, size_t to) const { return Between(any_, from, to); }

}  // namespace clawtrace::tools
