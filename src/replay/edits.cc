#include "replay/edits.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "base/text.h"

namespace clawtrace::replay {
namespace {

struct Place {
  size_t at = 0, size = 0;
};

std::unexpected<Error> Refuse(std::string why) { return Fail(ErrorCode::kInvalidInput, std::move(why)); }

std::string WithLf(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\r' && i + 1 < text.size() && text[i + 1] == '\n') continue;
    out += text[i];
  }
  return out;
}

std::string WithCrLf(std::string_view text) {
  std::string out;
  for (char c : text) {
    if (c == '\n') out += '\r';
    out += c;
  }
  return out;
}

// What the first line of a file ends with is what the file is written with.
bool EndsLinesWithCrLf(std::string_view file) {
  size_t line = file.find('\n');
  return line != std::string_view::npos && line > 0 && file[line - 1] == '\r';
}

struct Likeness {
  std::string_view bytes, like;
};
constexpr auto kQuotes = std::to_array<Likeness>({{"\xE2\x80\x98", "'"},
                                                  {"\xE2\x80\x99", "'"},
                                                  {"\xE2\x80\x9A", "'"},
                                                  {"\xE2\x80\x9B", "'"},
                                                  {"\xE2\x80\x9C", "\""},
                                                  {"\xE2\x80\x9D", "\""},
                                                  {"\xE2\x80\x9E", "\""},
                                                  {"\xE2\x80\x9F", "\""}});
constexpr auto kDashesAndSpaces = std::to_array<Likeness>(
    {{"\xE2\x80\x90", "-"}, {"\xE2\x80\x91", "-"}, {"\xE2\x80\x92", "-"}, {"\xE2\x80\x93", "-"},
     {"\xE2\x80\x94", "-"}, {"\xE2\x80\x95", "-"}, {"\xE2\x88\x92", "-"}, {"\xC2\xA0", " "},
     {"\xE2\x80\x82", " "}, {"\xE2\x80\x83", " "}, {"\xE2\x80\x84", " "}, {"\xE2\x80\x85", " "},
     {"\xE2\x80\x86", " "}, {"\xE2\x80\x87", " "}, {"\xE2\x80\x88", " "}, {"\xE2\x80\x89", " "},
     {"\xE2\x80\x8A", " "}, {"\xE2\x80\xAF", " "}, {"\xE2\x81\x9F", " "}, {"\xE3\x80\x80", " "}});

// origin, when asked for: the place in text of each byte of the result, and of its end.
std::string Level(std::string_view text, std::span<const Likeness> table, std::vector<size_t>* origin) {
  std::string out;
  for (size_t i = 0; i < text.size();) {
    auto like = std::ranges::find_if(table, [&](const Likeness& l) {
      return static_cast<unsigned char>(text[i]) >= 0x80 && text.substr(i).starts_with(l.bytes);
    });
    if (origin) origin->push_back(i);
    if (like == table.end()) {
      out += text[i++];
    } else {
      out += like->like;
      i += like->bytes.size();
    }
  }
  if (origin) origin->push_back(text.size());
  return out;
}

std::string WithoutLineEndSpace(std::string_view text) {
  std::string out;
  for (std::string_view line : Split(text, '\n')) {
    size_t end = line.find_last_not_of(" \t\r\f\v");
    out.append(line.substr(0, end == std::string_view::npos ? 0 : end + 1)).append("\n");
  }
  out.pop_back();
  return out;
}

std::vector<Place> FindAll(std::string_view text, std::string_view what) {
  std::vector<Place> places;
  if (what.empty()) return places;
  for (size_t at = text.find(what); at != std::string_view::npos; at = text.find(what, at + what.size()))
    places.push_back({at, what.size()});
  return places;
}

std::vector<Place> FindWithQuotes(std::string_view text, std::string_view what) {
  std::vector<size_t> origin;
  std::string level = Level(text, kQuotes, &origin);
  std::vector<Place> places = FindAll(level, Level(what, kQuotes, nullptr));
  for (Place& place : places) {
    size_t end = origin[place.at + place.size];
    place.at = origin[place.at];
    place.size = end - place.at;
  }
  return places;
}

// Whole lines that are equal but for the white space at both ends.
std::vector<Place> FindByLines(std::string_view text, std::string_view what) {
  std::vector<std::string_view> lines = Split(text, '\n'), wanted = Split(what, '\n');
  if (wanted.size() > 1 && wanted.back().empty()) wanted.pop_back();
  std::vector<Place> places;
  if (Trim(what).empty()) return places;
  for (size_t i = 0; i + wanted.size() <= lines.size();) {
    bool same = true;
    for (size_t k = 0; same && k < wanted.size(); ++k) same = Trim(lines[i + k]) == Trim(wanted[k]);
    if (!same) {
      ++i;
      continue;
    }
    size_t at = static_cast<size_t>(lines[i].data() - text.data());
    std::string_view last = lines[i + wanted.size() - 1];
    size_t end = static_cast<size_t>(last.data() - text.data()) + last.size();
    // A search that names its last line's end takes it.
    if (what.ends_with('\n') && end < text.size()) ++end;
    places.push_back({at, end - at});
    i += wanted.size();
  }
  return places;
}

std::string Reindented(std::string_view new_text, std::string_view found) {
  std::string_view indent = found.substr(0, std::min(found.find_first_not_of(" \t"), found.size()));
  std::vector<std::string_view> lines = Split(new_text, '\n');
  std::string_view first = lines.front();
  std::string_view own = first.substr(0, std::min(first.find_first_not_of(" \t"), first.size()));
  std::string out;
  for (size_t i = 0; i < lines.size(); ++i) {
    std::string_view line = lines[i];
    if (i) out += '\n';
    if (Trim(line).empty()) continue;
    if (line.starts_with(own))
      line.remove_prefix(own.size());
    else
      line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size()));
    out.append(indent).append(line);
  }
  return out;
}

// The places where old_text stands, as leniently as need be. May level *text as a whole.
std::vector<Place> FindOld(const Action& action, const Replacement& edit, std::string* text, bool* by_lines) {
  *by_lines = false;
  std::vector<Place> places = FindAll(*text, edit.old_text);
  if (!places.empty()) return places;
  switch (action.leniency) {
    case Leniency::kExact:
    case Leniency::kLineEnds:
    case Leniency::kTypography:  // levels the whole file: ApplyAtOnce
      return places;
    case Leniency::kQuotes:
      return FindWithQuotes(*text, edit.old_text);
    case Leniency::kIndent:
    case Leniency::kReindent:
      *by_lines = true;
      return FindByLines(*text, edit.old_text);
  }
  return places;
}

Status CheckCount(const Replacement& edit, size_t count) {
  if (count == 0) return Refuse("the old text is not in the file");
  if (edit.all || edit.first) return {};
  int64_t expected = edit.expected.value_or(1);
  if (static_cast<int64_t>(count) != expected)
    return Refuse("the old text is in the file " + std::to_string(count) + " times, not " +
                  std::to_string(expected));
  return {};
}

Status ApplyOne(const Action& action, const Replacement& edit, std::string* text) {
  if (edit.old_text.empty()) {
    if (!action.creates || !Trim(*text).empty()) return Refuse("no old text, and the file is not empty");
    *text = edit.new_text;
    return {};
  }
  bool by_lines = false;
  std::vector<Place> places = FindOld(action, edit, text, &by_lines);
  CT_RETURN_IF_ERROR(CheckCount(edit, places.size()));
  if (edit.first) places.resize(1);
  bool reindent = by_lines && action.leniency == Leniency::kReindent;
  for (auto place = places.rbegin(); place != places.rend(); ++place) {
    std::string_view found = std::string_view(*text).substr(place->at, place->size);
    std::string text_of_place = reindent ? Reindented(edit.new_text, found) : edit.new_text;
    text->replace(place->at, place->size, text_of_place);
  }
  return {};
}

// Every old text must stand once in the file as it was, and none may overlap.
Status ApplyAtOnce(const Action& action, std::string* text) {
  auto level = [](std::string_view what) { return LevelTypography(WithoutLineEndSpace(what)); };
  bool lenient = action.leniency == Leniency::kTypography &&
                 std::ranges::any_of(action.edits, [&](const Replacement& edit) {
                   return text->find(edit.old_text) == std::string::npos;
                 });
  std::string levelled = level(*text);
  if (lenient) *text = levelled;
  std::vector<std::pair<Place, std::string_view>> found;
  for (const Replacement& edit : action.edits) {
    if (edit.old_text.empty()) return Refuse("no old text");
    std::string old_text = lenient ? level(edit.old_text) : edit.old_text;
    std::vector<Place> places = FindAll(*text, old_text);
    // Counted leniently even when it is found exactly.
    size_t count = action.leniency == Leniency::kTypography ? FindAll(levelled, level(edit.old_text)).size()
                                                            : places.size();
    if (places.empty()) return Refuse("the old text is not in the file");
    CT_RETURN_IF_ERROR(CheckCount({}, std::max(count, places.size())));
    found.emplace_back(places.front(), edit.new_text);
  }
  std::ranges::sort(found, {}, [](const auto& one) { return one.first.at; });
  for (size_t i = 1; i < found.size(); ++i) {
    if (found[i - 1].first.at + found[i - 1].first.size > found[i].first.at) return Refuse("edits overlap");
  }
  for (auto one = found.rbegin(); one != found.rend(); ++one)
    text->replace(one->first.at, one->first.size, one->second);
  return {};
}

Result<std::string> Insert(std::string_view file, const Action& action) {
  std::vector<std::string_view> lines = Split(file, '\n');
  int64_t after = *action.insert_after;
  if (after < 0 || after > static_cast<int64_t>(lines.size()))
    return Refuse("no such line: " + std::to_string(after));
  std::vector<std::string_view> added = Split(action.text, '\n');
  lines.insert(lines.begin() + after, added.begin(), added.end());
  std::string out;
  for (size_t i = 0; i < lines.size(); ++i) out.append(i ? "\n" : "").append(lines[i]);
  return out;
}

}  // namespace

std::string LevelTypography(std::string_view text) {
  return Level(Level(text, kQuotes, nullptr), kDashesAndSpaces, nullptr);
}

Result<std::string> ApplyEdits(std::string_view file, const Action& action) {
  if (action.insert_after) return Insert(file, action);
  bool crlf = action.leniency != Leniency::kExact && EndsLinesWithCrLf(file);
  bool level_ends = action.leniency != Leniency::kExact;
  std::string text = level_ends ? WithLf(file) : std::string(file);
  std::string before = text;
  Action levelled;
  const Action* use = &action;
  if (level_ends) {
    levelled = action;
    for (Replacement& edit : levelled.edits)
      edit.old_text = WithLf(edit.old_text), edit.new_text = WithLf(edit.new_text);
    use = &levelled;
  }
  if (use->edits_at_once) {
    CT_RETURN_IF_ERROR(ApplyAtOnce(*use, &text));
  } else {
    for (const Replacement& edit : use->edits) CT_RETURN_IF_ERROR(ApplyOne(*use, edit, &text));
  }
  if (action.rejects_no_change && text == before) return Refuse("nothing would change");
  return crlf ? WithCrLf(text) : text;
}

}  // namespace clawtrace::replay
