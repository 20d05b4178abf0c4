// Unified diffs by Myers' greedy algorithm, in the form that git writes and applies.
#include <fmt/core.h>

#include <algorithm>
#include <set>

#include "skill/paths.h"
#include "skill/skill.h"

namespace clawtrace {
namespace {

enum class Op { kKeep, kDelete, kInsert };
struct Edit {
  Op op;
  size_t a, b;  // line index before and after
};

std::vector<std::string_view> LinesOf(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    size_t end = text.find('\n');
    size_t size = end == std::string_view::npos ? text.size() : end + 1;
    lines.push_back(text.substr(0, size));
    text.remove_prefix(size);
  }
  return lines;
}

// Beyond this many differing lines the shortest script is not worth its quadratic price: everything is
// replaced.
constexpr int64_t kMaxDistance = 2000;

// Shortest edit script of a[a0, a1) to b[b0, b1), which differ in their first and last line.
void Myers(const std::vector<std::string_view>& a, size_t a0, size_t a1,
           const std::vector<std::string_view>& b, size_t b0, size_t b1, std::vector<Edit>* out) {
  int64_t n = static_cast<int64_t>(a1 - a0), m = static_cast<int64_t>(b1 - b0);
  int64_t limit = std::min(n + m, kMaxDistance);
  std::vector<std::vector<int64_t>> furthest;  // per distance d: x by diagonal k = -d, -d+2 ... d
  auto x_at = [&](int64_t d, int64_t k) {
    return furthest[static_cast<size_t>(d)][static_cast<size_t>((k + d) / 2)];
  };
  auto goes_down = [&](int64_t d, int64_t k) {
    return k == -d || (k != d && x_at(d - 1, k - 1) < x_at(d - 1, k + 1));
  };
  int64_t distance = -1;
  for (int64_t d = 0; d <= limit && distance < 0; ++d) {
    furthest.emplace_back(static_cast<size_t>(d) + 1);
    for (int64_t k = -d; k <= d; k += 2) {
      int64_t x = d == 0 ? 0 : goes_down(d, k) ? x_at(d - 1, k + 1) : x_at(d - 1, k - 1) + 1;
      while (x < n && x - k < m && a[a0 + static_cast<size_t>(x)] == b[b0 + static_cast<size_t>(x - k)]) ++x;
      furthest.back()[static_cast<size_t>((k + d) / 2)] = x;
      if (x >= n && x - k >= m) {
        distance = d;
        break;
      }
    }
  }
  if (distance < 0) {
    for (size_t i = a0; i < a1; ++i) out->push_back({Op::kDelete, i, b0});
    for (size_t j = b0; j < b1; ++j) out->push_back({Op::kInsert, a1, j});
    return;
  }
  std::vector<Edit> back;
  int64_t x = n, y = m;
  auto keep_to = [&](int64_t to_x) {
    while (x > to_x)
      --x, --y, back.push_back({Op::kKeep, a0 + static_cast<size_t>(x), b0 + static_cast<size_t>(y)});
  };
  for (int64_t d = distance; d > 0; --d) {
    int64_t k = x - y;
    bool down = goes_down(d, k);
    int64_t before = down ? x_at(d - 1, k + 1) : x_at(d - 1, k - 1);
    keep_to(down ? before : before + 1);
    if (down)
      --y;
    else
      --x;
    back.push_back(
        {down ? Op::kInsert : Op::kDelete, a0 + static_cast<size_t>(x), b0 + static_cast<size_t>(y)});
  }
  keep_to(0);
  out->insert(out->end(), back.rbegin(), back.rend());
}

std::vector<Edit> Compare(const std::vector<std::string_view>& a, const std::vector<std::string_view>& b) {
  size_t head = 0, tail = 0, shorter = std::min(a.size(), b.size());
  while (head < shorter && a[head] == b[head]) ++head;
  while (tail < shorter - head && a[a.size() - 1 - tail] == b[b.size() - 1 - tail]) ++tail;
  std::vector<Edit> edits;
  for (size_t i = 0; i < head; ++i) edits.push_back({Op::kKeep, i, i});
  Myers(a, head, a.size() - tail, b, head, b.size() - tail, &edits);
  for (size_t i = tail; i > 0; --i) edits.push_back({Op::kKeep, a.size() - i, b.size() - i});
  return edits;
}

std::string Range(size_t start, size_t count) {
  // An empty range names the line before it.
  size_t first = count == 0 ? start : start + 1;
  return count == 1 ? fmt::format("{}", first) : fmt::format("{},{}", first, count);
}

void WriteHunk(const std::vector<Edit>& edits, size_t begin, size_t end,
               const std::vector<std::string_view>& a, const std::vector<std::string_view>& b,
               std::string* out) {
  size_t old_count = 0, new_count = 0;
  for (size_t i = begin; i < end; ++i) {
    old_count += edits[i].op != Op::kInsert, new_count += edits[i].op != Op::kDelete;
  }
  *out += fmt::format("@@ -{} +{} @@\n", Range(edits[begin].a, old_count), Range(edits[begin].b, new_count));
  for (size_t i = begin; i < end; ++i) {
    const Edit& edit = edits[i];
    std::string_view line = edit.op == Op::kInsert ? b[edit.b] : a[edit.a];
    out->push_back(edit.op == Op::kKeep ? ' ' : edit.op == Op::kDelete ? '-' : '+');
    out->append(line);
    if (!line.ends_with('\n')) out->append("\n\\ No newline at end of file\n");
  }
}

void WriteHunks(std::string_view before, std::string_view after, std::string* out) {
  constexpr size_t kContext = 3;
  std::vector<std::string_view> a = LinesOf(before), b = LinesOf(after);
  std::vector<Edit> edits = Compare(a, b);
  for (size_t i = 0; i < edits.size();) {
    if (edits[i].op == Op::kKeep) {
      ++i;
      continue;
    }
    size_t begin = i > kContext ? i - kContext : 0;
    size_t last = i;  // last change of this hunk: gaps of up to two contexts are bridged
    for (size_t j = i; j < edits.size() && j <= last + 2 * kContext + 1; ++j) {
      if (edits[j].op != Op::kKeep) last = j;
    }
    size_t end = std::min(edits.size(), last + kContext + 1);
    WriteHunk(edits, begin, end, a, b, out);
    i = end;
  }
}

// Names with blanks end in a tab, as git writes them, so that tools know where the name ends.
std::string HeaderName(std::string_view side, const std::string& path) {
  return fmt::format("{}/{}{}", side, path, path.find(' ') == std::string::npos ? "" : "\t");
}

void WriteFile(const std::string& path, const std::string* before, const std::string* after, bool runs,
               std::string* out) {
  *out += fmt::format("diff --git a/{0} b/{0}\n", path);
  std::string_view mode = runs ? "100755" : "100644";
  if (!before) *out += fmt::format("new file mode {}\n", mode);
  if (!after) *out += fmt::format("deleted file mode {}\n", mode);
  std::string_view old_text = before ? std::string_view(*before) : "",
                   new_text = after ? std::string_view(*after) : "";
  if (old_text == new_text) return;  // an empty file came or went: the header says all
  std::string old_name = before ? HeaderName("a", path) : "/dev/null",
              new_name = after ? HeaderName("b", path) : "/dev/null";
  if (old_text.find('\0') != std::string_view::npos || new_text.find('\0') != std::string_view::npos) {
    *out += fmt::format("Binary files {} and {} differ\n", old_name, new_name);
    return;
  }
  *out += fmt::format("--- {}\n+++ {}\n", old_name, new_name);
  WriteHunks(old_text, new_text, out);
}

}  // namespace

std::string DiffSkills(const SkillDir& before, const SkillDir& after) {
  std::set<std::string> paths;
  for (const auto& [path, bytes] : before.files) paths.insert(path);
  for (const auto& [path, bytes] : after.files) paths.insert(path);
  std::string out;
  size_t added = 0, changed = 0, removed = 0;
  for (const std::string& path : paths) {
    auto old_file = before.files.find(path), new_file = after.files.find(path);
    const std::string* old_text = old_file == before.files.end() ? nullptr : &old_file->second;
    const std::string* new_text = new_file == after.files.end() ? nullptr : &new_file->second;
    if (old_text && new_text && *old_text == *new_text) continue;
    if (path.starts_with(skill::kRecordsFolder)) {
      ++(!old_text ? added : !new_text ? removed : changed);
      continue;
    }
    bool runs = before.executable.contains(path) || after.executable.contains(path);
    WriteFile(path, old_text, new_text, runs, &out);
  }
  if (added + changed + removed > 0) {
    out += fmt::format("# .clawtrace: {} files added, {} changed, {} removed\n", added, changed, removed);
  }
  return out;
}

}  // namespace clawtrace
