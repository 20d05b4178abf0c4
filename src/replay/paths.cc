#include "replay/paths.h"

#include "tools/tool_meaning.h"

namespace clawtrace::replay {
namespace {

std::string Folder(std::string_view path) {
  while (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
  return path == "/" ? std::string() : std::string(path);
}

bool IsBelow(std::string_view path, std::string_view folder) {
  return !folder.empty() && path.starts_with(folder) &&
         (path.size() == folder.size() || path[folder.size()] == '/');
}

bool IsOfName(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '-' ||
         c == '.';
}

std::string WithFolder(std::string_view text, std::string_view folder, std::string_view instead) {
  if (folder.empty() || folder == instead) return std::string(text);
  std::string out;
  size_t done = 0;
  for (size_t at = text.find(folder); at != std::string_view::npos; at = text.find(folder, at + 1)) {
    if (at < done) continue;
    size_t end = at + folder.size();
    bool starts = at == 0 || (!IsOfName(text[at - 1]) && text[at - 1] != '/');
    // "/tmp/demo.": a sentence's end, not another folder.
    bool ends = end == text.size() || !IsOfName(text[end]) ||
                (text[end] == '.' && (end + 1 == text.size() || !IsOfName(text[end + 1])));
    if (!starts || !ends) continue;
    out.append(text.substr(done, at - done)).append(instead);
    done = end;
  }
  return out.append(text.substr(done));
}

}  // namespace

Paths::Paths(std::string_view recorded_at, std::string_view at)
    : recorded_at_(Folder(recorded_at)), at_(Folder(at.empty() ? recorded_at : at)) {}

std::string Paths::Inside(std::string_view path, std::string_view cwd) const {
  if (!path.starts_with('/')) {
    if (cwd.empty()) return tools::NormalisePath(path, "");
    return tools::NormalisePath(std::string(cwd) + "/" + std::string(path), "");
  }
  std::string clean = tools::NormalisePath(path, "");
  if (IsBelow(clean, recorded_at_)) return at_ + clean.substr(recorded_at_.size());
  return clean;
}

std::string Paths::ForTools(std::string_view inside) const {
  if (!IsBelow(inside, at_)) return std::string(inside);
  return inside.size() == at_.size() ? "." : std::string(inside.substr(at_.size() + 1));
}

bool Paths::IsInWorkspace(std::string_view inside) const {
  if (at_.empty()) return !inside.starts_with('/') && !inside.starts_with("..");
  return IsBelow(inside, at_);
}

std::string Paths::TextInside(std::string_view recorded) const {
  return WithFolder(recorded, recorded_at_, at_);
}
std::string Paths::TextRecorded(std::string_view inside) const {
  return WithFolder(inside, at_, recorded_at_);
}

}  // namespace clawtrace::replay
