// Which files of a skill name which others.
#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <set>

#include "base/text.h"
#include "skill/lint_rules.h"
#include "skill/paths.h"

namespace clawtrace::skill {
namespace {

constexpr auto kFolders = std::to_array<std::string_view>({"references/", "scripts/", "assets/"});

struct Target {
  std::string path;   // as written, without "#..." and "?..."
  size_t at = 0;      // in the text
  bool link = false;  // a Markdown link; else a path that is named in the text
};

bool IsPathByte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
         c == '-' || c == '/' || static_cast<unsigned char>(c) >= 0x80;
}

bool HasScheme(std::string_view target) {
  size_t colon = target.find(':');
  return target.starts_with("//") || (colon != std::string_view::npos && target.find('/') > colon);
}

std::string Unescaped(std::string_view target) {
  std::string out;
  auto digit = [](char c) {
    return c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
  };
  for (size_t i = 0; i < target.size(); ++i) {
    bool escape =
        target[i] == '%' && i + 2 < target.size() && digit(target[i + 1]) >= 0 && digit(target[i + 2]) >= 0;
    out.push_back(escape ? static_cast<char>(digit(target[i + 1]) * 16 + digit(target[i + 2])) : target[i]);
    if (escape) i += 2;
  }
  return out;
}

// "[text](target "title")" and "[label]: target"
std::vector<Target> Links(const LintFile& file) {
  std::vector<Target> out;
  std::string_view text = file.text();
  for (size_t at = text.find("]("); at != std::string_view::npos; at = text.find("](", at + 2)) {
    if (file.InCode(at)) continue;
    // No target holds the start of another one: each byte is looked at and copied once.
    std::string_view rest = text.substr(at + 2);
    rest = rest.substr(0, rest.find("]("));
    bool last = at + 2 + rest.size() == text.size(), angle = rest.starts_with('<');
    size_t end = rest.find_first_of(angle ? ">\n" : ") \t\r\n");
    if (end == std::string_view::npos && last) break;
    std::string_view target = rest.substr(0, end).substr(angle ? 1 : 0);
    out.push_back({std::string(target), at + 2, true});
  }
  for (int64_t line = 1; line <= file.lines(); ++line) {
    std::string_view rest = file.Line(line);
    // "[^1]: ..." is a footnote: what stands in it is text.
    bool defines = rest.starts_with('[') && !rest.starts_with("[^");
    size_t colon = defines ? rest.find("]: ") : std::string_view::npos;
    if (colon == std::string_view::npos || file.InCode(file.LineBegin(line))) continue;
    std::string_view target = Trim(rest.substr(colon + 3));
    out.push_back({std::string(target.substr(0, target.find_first_of(" \t"))), file.LineBegin(line), true});
  }
  return out;
}

// Is this where a path begins, and not the middle of another one?
bool BeginsPath(std::string_view text, size_t at) {
  if (text.substr(0, at).ends_with("./")) return at < 3 || !IsPathByte(text[at - 3]);
  return at == 0 || (!IsPathByte(text[at - 1]) && text[at - 1] != '\\');
}

// The file that is named here, "" when it is a folder, a pattern or a stand-in: references/<topic>.md
std::string_view NamedFile(std::string_view text, size_t at) {
  size_t end = at;
  while (end < text.size() && IsPathByte(text[end])) ++end;
  while (end > at && (text[end - 1] == '.' || text[end - 1] == '-')) --end;
  std::string_view path = text.substr(at, end - at);
  bool is_file = !path.ends_with('/') && path.substr(path.rfind('/') + 1).find('.') != std::string_view::npos;
  bool pattern = end < text.size() && std::string_view("*<{[$").find(text[end]) != std::string_view::npos;
  return is_file && !pattern ? path : std::string_view();
}

// "references/x.md" in prose and in code spans.
std::vector<Target> NamedPaths(const LintFile& file) {
  std::vector<Target> out;
  std::string_view text = file.text();
  for (std::string_view folder : kFolders) {
    for (size_t at = text.find(folder); at != std::string_view::npos; at = text.find(folder, at + 1)) {
      if (!BeginsPath(text, at) || file.InCode(at)) continue;
      std::string_view path = NamedFile(text, at);
      if (!path.empty()) out.push_back({std::string(path), at, false});
    }
  }
  return out;
}

class LinkCheck {
 public:
  LinkCheck(const SkillDir& skill, const LintFiles& files, LintReport* report)
      : skill_(skill), files_(files), report_(*report) {
    for (const auto& [path, bytes] : skill.files) {
      if (path.starts_with("references/")) by_name_.emplace(path.substr(path.rfind('/') + 1), path);
    }
  }

  void Run() {
    for (const auto& [path, file] : files_) {
      if (!file.is_markdown()) continue;
      for (const Target& target : Links(file)) Follow(file, target);
      for (const Target& target : NamedPaths(file)) Follow(file, target);
    }
    Reach();
  }

 private:
  void Follow(const LintFile& file, const Target& target) {
    std::string path = Unescaped(target.path.substr(0, target.path.find_first_of("#?")));
    if (path.empty() || HasScheme(path) || path.starts_with("mailto")) return;
    int64_t line = file.LineOf(target.at);
    if (path.starts_with('/') || path.starts_with('~') || path.find('\\') != std::string::npos) {
      if (target.link) report_.Error("path", file, line, "a link leads out of the skill", target.path);
      return;
    }
    std::string folder(file.name().substr(0, file.name().rfind('/') + 1));
    std::string beside = Normal(folder + path), below = Normal(path);
    if (Exists(beside) || Exists(below)) return;
    if (beside.empty() && below.empty())
      report_.Error("path", file, line, "a link leads out of the skill", target.path);
    else
      report_.Error("dangling-link", file, line, "there is no such file in the skill", target.path);
  }

  bool Exists(const std::string& path) const {
    if (path.empty()) return false;
    auto at = skill_.files.lower_bound(path);
    return at != skill_.files.end() && (at->first == path || at->first.starts_with(path + "/"));
  }

  // "" when it leads out.
  static std::string Normal(std::string_view path) {
    std::vector<std::string_view> parts;
    for (std::string_view part : Split(path, '/')) {
      if (part.empty() || part == ".") continue;
      if (part == "..") {
        if (parts.empty()) return "";
        parts.pop_back();
      } else {
        parts.push_back(part);
      }
    }
    std::string out;
    for (std::string_view part : parts) out.append(out.empty() ? "" : "/").append(part);
    return out;
  }

  // The references that a text names, by path or by file name, also within code.
  std::set<std::string> NamedIn(const LintFile& file) const {
    std::set<std::string> out, seen;
    auto add = [&](std::string_view path) {
      while (path.ends_with('.') || path.ends_with('-')) path.remove_suffix(1);
      std::string_view name = path.substr(path.rfind('/') + 1);
      if (!seen.emplace(name).second) return;
      auto named = by_name_.equal_range(name);
      for (auto at = named.first; at != named.second; ++at) {
        if (at->second != file.name()) out.insert(at->second);
      }
    };
    std::string_view text = file.text();
    for (size_t at = 0; at < text.size();) {
      size_t end = at;
      while (end < text.size() && IsPathByte(text[end])) ++end;
      if (end > at) add(text.substr(at, end - at));
      at = end + 1;
    }
    for (const Target& target : Links(file))
      add(Unescaped(target.path.substr(0, target.path.find_first_of("#?"))));
    return out;
  }

  void Reach() {
    auto root = files_.find(kSkillFile);
    if (root == files_.end()) return;
    std::set<std::string> direct = NamedIn(root->second), reached = direct;
    std::vector<std::string> open(direct.begin(), direct.end());
    while (!open.empty()) {
      auto file = files_.find(open.back());
      open.pop_back();
      if (file == files_.end()) continue;
      for (const std::string& next : NamedIn(file->second)) {
        if (reached.insert(next).second) open.push_back(next);
      }
    }
    for (const auto& [path, bytes] : skill_.files) {
      if (!path.starts_with("references/")) continue;
      if (!reached.contains(path))
        report_.Add({"orphan-reference",
                     Severity::kError,
                     path,
                     0,
                     "nothing that SKILL.md leads to names this file",
                     {}},
                    path);
      else if (!direct.contains(path))
        report_.Add(
            {"depth", Severity::kError, path, 0, "only another reference names this file; SKILL.md must", {}},
            path);
      if (std::count(path.begin(), path.end(), '/') > 1)
        report_.Add({"depth", Severity::kError, path, 0, "a reference lies directly in references/", {}},
                    path);
    }
  }

  const SkillDir& skill_;
  const LintFiles& files_;
  LintReport& report_;
  std::multimap<std::string, std::string, std::less<>> by_name_;  // of references: file name -> path
};

}  // namespace

void LintLinks(const SkillDir& skill, const LintFiles& files, LintReport* report) {
  LinkCheck(skill, files, report).Run();
}

}  // namespace clawtrace::skill
