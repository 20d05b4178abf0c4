#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "base/text.h"
#include "replay/edits.h"

namespace clawtrace::replay {
namespace {

constexpr std::string_view kAdd = "*** Add File: ", kDelete = "*** Delete File: ",
                           kUpdate = "*** Update File: ", kMove = "*** Move to: ",
                           kEndOfFile = "*** End of File";

std::unexpected<Error> Refuse(std::string why) { return Fail(ErrorCode::kInvalidInput, std::move(why)); }

std::string_view TrimEnd(std::string_view line) {
  size_t end = line.find_last_not_of(" \t\r\n\f\v");
  return line.substr(0, end == std::string_view::npos ? 0 : end + 1);
}

// Reads the lines between the envelope's first and last.
class PatchReader {
 public:
  explicit PatchReader(std::span<const std::string_view> lines) : lines_(lines) {}

  Result<std::vector<PatchFile>> Read() {
    std::vector<PatchFile> files;
    while (at_ < lines_.size()) {
      auto file = ReadOne();
      if (!file) return std::unexpected(file.error());
      files.push_back(*std::move(file));
    }
    return files;
  }

 private:
  Result<PatchFile> ReadOne() {
    std::string_view head = Trim(lines_[at_]);
    PatchFile file;
    if (head.starts_with(kAdd)) {
      file.path = head.substr(kAdd.size()), ++at_;
      for (; at_ < lines_.size() && lines_[at_].starts_with('+'); ++at_)
        file.text.append(lines_[at_].substr(1)).append("\n");
      return file;
    }
    if (head.starts_with(kDelete)) {
      file.what = PatchFile::What::kDelete;
      file.path = head.substr(kDelete.size()), ++at_;
      return file;
    }
    if (!head.starts_with(kUpdate))
      return Refuse("not a header of a patch: " + std::string(PrefixUtf8(head, 80)));
    file.what = PatchFile::What::kUpdate;
    file.path = head.substr(kUpdate.size()), ++at_;
    if (at_ < lines_.size() && lines_[at_].starts_with(kMove))
      file.move_to = Trim(lines_[at_++].substr(kMove.size()));
    CT_RETURN_IF_ERROR(ReadChunks(&file));
    if (file.chunks.empty()) return Refuse("no change for " + file.path);
    return file;
  }

  Status ReadChunks(PatchFile* file) {
    while (at_ < lines_.size()) {
      std::string_view line = lines_[at_];
      if (Trim(line).empty()) {
        ++at_;
        continue;
      }
      if (line.starts_with("***")) break;
      PatchChunk chunk;
      if (line == "@@" || line.starts_with("@@ ")) {
        chunk.context = line.size() > 3 ? line.substr(3) : std::string_view();
        ++at_;
      } else if (!file->chunks.empty()) {
        return Refuse("a change must start with @@");
      }
      if (ReadLines(&chunk) == 0) return Refuse("a change without lines");
      file->chunks.push_back(std::move(chunk));
    }
    return {};
  }

  size_t ReadLines(PatchChunk* chunk) {
    size_t count = 0;
    for (; at_ < lines_.size(); ++at_, ++count) {
      std::string_view line = lines_[at_];
      if (line == kEndOfFile) {
        if (count == 0) return 0;
        chunk->at_end = true, ++at_;
        return count;
      }
      if (!line.empty() && line[0] != ' ' && line[0] != '+' && line[0] != '-') return count;
      std::string_view text = line.empty() ? line : line.substr(1);
      if (line.empty() || line[0] != '+') chunk->old_lines.emplace_back(text);
      if (line.empty() || line[0] != '-') chunk->new_lines.emplace_back(text);
    }
    return count;
  }

  std::span<const std::string_view> lines_;
  size_t at_ = 0;
};

using Lines = std::vector<std::string>;

// Where pattern stands in lines at or behind start; the end of the file is tried first, and alone, when it
// must stand there.
std::optional<size_t> Seek(const Lines& lines, std::span<const std::string> pattern, size_t start,
                           bool at_end) {
  if (pattern.empty()) return start;
  if (pattern.size() > lines.size()) return std::nullopt;
  if (at_end) start = lines.size() - pattern.size();
  using Same = bool (*)(std::string_view, std::string_view);
  constexpr auto kWays =
      std::to_array<Same>({[](std::string_view a, std::string_view b) { return a == b; },
                           [](std::string_view a, std::string_view b) { return TrimEnd(a) == TrimEnd(b); },
                           [](std::string_view a, std::string_view b) { return Trim(a) == Trim(b); },
                           [](std::string_view a, std::string_view b) {
                             return Trim(LevelTypography(a)) == Trim(LevelTypography(b));
                           }});
  for (Same same : kWays) {
    for (size_t i = start; i + pattern.size() <= lines.size(); ++i) {
      bool all = true;
      for (size_t k = 0; all && k < pattern.size(); ++k) all = same(lines[i + k], pattern[k]);
      if (all) return i;
    }
  }
  return std::nullopt;
}

struct Change {
  size_t at = 0, size = 0;
  std::span<const std::string> lines;
  size_t order = 0;  // of its chunk: two may add at the file's end
};

// from: where to look; moved behind what was found, since changes go forward.
Result<Change> Find(const Lines& lines, const PatchChunk& chunk, size_t* from) {
  if (!chunk.context.empty()) {
    std::string context[] = {chunk.context};
    auto at = Seek(lines, context, *from, false);
    if (!at) return Refuse("no such line: " + std::string(PrefixUtf8(chunk.context, 80)));
    *from = *at + 1;
  }
  std::span<const std::string> old_lines(chunk.old_lines), new_lines(chunk.new_lines);
  if (old_lines.empty()) return Change{.at = lines.size(), .lines = new_lines};
  auto at = Seek(lines, old_lines, *from, chunk.at_end);
  // An empty last line may be the file's end, which is no line here.
  if (!at && old_lines.back().empty()) {
    old_lines = old_lines.first(old_lines.size() - 1);
    if (!new_lines.empty() && new_lines.back().empty()) new_lines = new_lines.first(new_lines.size() - 1);
    at = Seek(lines, old_lines, *from, chunk.at_end);
  }
  if (!at) return Refuse("no such lines: " + std::string(PrefixUtf8(chunk.old_lines.front(), 80)));
  *from = *at + old_lines.size();
  return Change{.at = *at, .size = old_lines.size(), .lines = new_lines};
}

std::string Changed(const Lines& lines, std::vector<Change> changes) {
  std::string_view end = !lines.empty() && lines.front().ends_with('\r') ? "\r\n" : "\n";
  std::ranges::sort(changes, {}, [](const Change& change) { return std::pair(change.at, change.order); });
  std::string out;
  size_t next = 0;
  auto copy_until = [&](size_t until) {
    for (; next < until; ++next) out.append(lines[next]).append("\n");
  };
  for (const Change& change : changes) {
    copy_until(change.at);
    for (const std::string& line : change.lines) out.append(line).append(end);
    next = std::max(next, change.at + change.size);
  }
  copy_until(lines.size());
  return out;
}

}  // namespace

Result<std::vector<PatchFile>> ParsePatch(std::string_view envelope) {
  std::vector<std::string_view> lines = Split(Trim(envelope), '\n');
  for (std::string_view& line : lines) {
    if (line.ends_with('\r')) line.remove_suffix(1);
  }
  std::span<const std::string_view> body(lines);
  // A heredoc that came as an argument.
  if (body.size() >= 4 && body.front().starts_with("<<") && Trim(body.back()).ends_with("EOF"))
    body = body.subspan(1, body.size() - 2);
  if (body.size() < 2 || Trim(body.front()) != "*** Begin Patch" || Trim(body.back()) != "*** End Patch")
    return Refuse("not an apply_patch envelope");
  return PatchReader(body.subspan(1, body.size() - 2)).Read();
}

Result<std::string> ApplyChunks(std::string_view file, std::span<const PatchChunk> chunks) {
  Lines lines;
  for (std::string_view line : Split(file, '\n')) lines.emplace_back(line);
  if (!lines.empty() && lines.back().empty()) lines.pop_back();
  std::vector<Change> changes;
  size_t from = 0;
  for (const PatchChunk& chunk : chunks) {
    auto change = Find(lines, chunk, &from);
    if (!change) return std::unexpected(change.error());
    change->order = changes.size();
    changes.push_back(*change);
  }
  return Changed(lines, std::move(changes));
}

}  // namespace clawtrace::replay
