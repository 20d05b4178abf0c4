#include "capture/skill_paths.h"

namespace clawtrace::capture {
namespace {

constexpr std::string_view kSkillText = "SKILL.md";

std::string_view LastPart(std::string_view path) { return path.substr(path.rfind('/') + 1); }

// Names are short; anything else is no skill's folder.
std::string SkillName(std::string_view folder) {
  constexpr size_t kLongestName = 200;
  return folder.size() > kLongestName ? std::string() : std::string(folder);
}

}  // namespace

std::string SkillOfText(std::string_view path) {
  if (LastPart(path) != kSkillText || path.size() <= kSkillText.size() + 1) return {};
  return SkillName(LastPart(path.substr(0, path.size() - kSkillText.size() - 1)));
}

std::string SkillOfFile(std::string_view path) {
  constexpr std::string_view kFolder = "skills/";
  size_t at = path.rfind(kFolder);
  if (at == std::string_view::npos || (at > 0 && path[at - 1] != '/')) return {};
  path.remove_prefix(at + kFolder.size());
  size_t end = path.find('/');
  if (end == std::string_view::npos || end + 1 == path.size()) return {};
  return SkillName(path.substr(0, end));
}

std::vector<std::string> SkillPathsIn(std::string_view text) {
  constexpr std::string_view kBorders = " \t\n'\"|;&<>()=";
  constexpr size_t kMostPaths = 16;
  std::vector<std::string> paths;
  while (paths.size() < kMostPaths) {
    size_t start = text.find_first_not_of(kBorders);
    if (start == std::string_view::npos) break;
    text.remove_prefix(start);
    std::string_view word = text.substr(0, text.find_first_of(kBorders));
    text.remove_prefix(word.size());
    if (!SkillOfText(word).empty() || !SkillOfFile(word).empty()) paths.emplace_back(word);
  }
  return paths;
}

}  // namespace clawtrace::capture
