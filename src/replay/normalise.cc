#include "replay/normalise.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <span>
#include <vector>

#include "base/text.h"
#include "replay/agents/wording.h"

namespace clawtrace::replay {
namespace {

constexpr size_t kMaxDifference = 200;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsHex(char c) { return IsDigit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }
bool IsWord(char c) { return IsDigit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }

// A place in a line, moved on only by what fits.
class Scan {
 public:
  Scan(std::string_view text, size_t at) : text_(text), at_(at) {}
  size_t at() const { return at_; }
  bool done() const { return at_ >= text_.size(); }
  char peek() const { return done() ? '\0' : text_[at_]; }
  bool Take(char c) {
    if (peek() != c || done()) return false;
    ++at_;
    return true;
  }
  bool TakeAny(std::string_view set) {
    if (done() || !set.contains(peek())) return false;
    ++at_;
    return true;
  }
  bool Take(std::string_view word) {
    if (!text_.substr(at_).starts_with(word)) return false;
    at_ += word.size();
    return true;
  }
  // As many as fit, at least `least` and at most `most`.
  template <class F>
  bool TakeRun(F&& fits, size_t least, size_t most = SIZE_MAX) {
    size_t end = at_;
    while (end < text_.size() && end - at_ < most && fits(text_[end])) ++end;
    if (end - at_ < least) return false;
    at_ = end;
    return true;
  }
  bool Digits(size_t least, size_t most = SIZE_MAX) { return TakeRun(IsDigit, least, most); }
  bool AtWordEnd() const { return done() || !IsWord(peek()); }

 private:
  std::string_view text_;
  size_t at_;
};

// Each gives the end of what it recognises at `at`, else 0. They are asked at starts of words only.

size_t Uuid(std::string_view line, size_t at) {
  Scan scan(line, at);
  for (size_t group : {8, 4, 4, 4, 12}) {
    if (group != 8 && !scan.Take('-')) return 0;
    if (!scan.TakeRun(IsHex, group, group)) return 0;
  }
  return scan.AtWordEnd() ? scan.at() : 0;
}

bool ClockTime(Scan* scan) {
  Scan now = *scan;
  if (!now.Digits(1, 2) || !now.Take(':') || !now.Digits(2, 2)) return false;
  if (now.Take(':')) {
    if (!now.Digits(2, 2)) return false;
    if (now.TakeAny(".,") && !now.Digits(1)) return false;
  }
  *scan = now;
  return true;
}

void Zone(Scan* scan) {
  Scan now = *scan;
  now.Take(' ');
  if (!now.Take('Z') && !now.Take("UTC") && !now.Take("GMT") &&
      !(now.TakeAny("+-") && now.Digits(2, 2) && (now.Take(':') || true) && now.Digits(2, 2)))
    return;
  if (now.AtWordEnd()) *scan = now;
}

// "2026-01-02", "2026/01/02", either with a time behind "T" or blanks.
size_t IsoDate(std::string_view line, size_t at) {
  Scan scan(line, at);
  if (!scan.Digits(4, 4) || !scan.TakeAny("-/") || !scan.Digits(2, 2) || !scan.TakeAny("-/") ||
      !scan.Digits(2, 2))
    return 0;
  Scan time = scan;
  if (time.Take('T') || time.TakeRun([](char c) { return c == ' '; }, 1)) {
    if (ClockTime(&time)) scan = time, Zone(&scan);
  }
  return scan.AtWordEnd() ? scan.at() : 0;
}

constexpr auto kMonths = std::to_array<std::string_view>(
    {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"});
constexpr auto kDays = std::to_array<std::string_view>({"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"});

bool TakeOneOf(Scan* scan, std::span<const std::string_view> words) {
  return std::ranges::any_of(words, [&](std::string_view word) { return scan->Take(word); });
}

// "Sat Nov 21 03:55:18 UTC 2026", "Nov 21 03:55", "Nov 21 2026", "Sat, 21 Nov 2026 03:55:18 +0000".
size_t NamedDate(std::string_view line, size_t at) {
  auto blanks = [](Scan* scan) {
    scan->Take(',');
    return scan->TakeRun([](char c) { return c == ' '; }, 1);
  };
  Scan scan(line, at);
  if (TakeOneOf(&scan, kDays) && !blanks(&scan)) return 0;
  if (scan.Digits(1, 2)) {
    if (!blanks(&scan) || !TakeOneOf(&scan, kMonths) || !blanks(&scan) || !scan.Digits(4, 4)) return 0;
  } else {
    if (!TakeOneOf(&scan, kMonths) || !blanks(&scan) || !scan.Digits(1, 2) || !scan.AtWordEnd()) return 0;
  }
  size_t end = 0;
  Scan more = scan;
  if (blanks(&more)) {
    if (ClockTime(&more)) end = more.at(), Zone(&more), end = more.at();
    Scan year = more;
    if (end && blanks(&year) && year.Digits(4, 4) && year.AtWordEnd()) end = year.at();
    if (!end && more.Digits(4, 4) && more.AtWordEnd()) end = more.at();
  }
  return end ? end : (scan.AtWordEnd() && at != scan.at() && IsDigit(line[at]) ? scan.at() : 0);
}

// "03:55:18", with a fraction or not; "3:55 PM". Without seconds it may be anything.
size_t TimeOfDay(std::string_view line, size_t at) {
  Scan scan(line, at);
  if (!ClockTime(&scan)) return 0;
  bool seconds = std::ranges::count(line.substr(at, scan.at() - at), ':') == 2;
  Scan half = scan;
  half.Take(' ');
  if (half.TakeAny("AaPp") && half.TakeAny("Mm") && half.AtWordEnd()) return half.at();
  return seconds && scan.AtWordEnd() ? scan.at() : 0;
}

// "0m0.003s", "2m 3s".
size_t MinutesAndSeconds(std::string_view line, size_t at) {
  Scan scan(line, at);
  if (!scan.Digits(1) || !scan.Take('m')) return 0;
  scan.Take(' ');
  if (!scan.Digits(1)) return 0;
  if (scan.Take('.')) scan.Digits(1);
  return scan.Take('s') && scan.AtWordEnd() ? scan.at() : 0;
}

// "0.02s", "12ms", "1.5 seconds".
size_t Duration(std::string_view line, size_t at) {
  constexpr auto kClose = std::to_array<std::string_view>({"ms", "\xC2\xB5s", "us", "ns", "s"});
  constexpr auto kApart = std::to_array<std::string_view>(
      {"milliseconds", "millisecond", "seconds", "second", "secs", "sec", "minutes", "minute", "ms", "s"});
  Scan scan(line, at);
  if (!scan.Digits(1) || (scan.Take('.') && !scan.Digits(1))) return 0;
  Scan close = scan;
  if (TakeOneOf(&close, kClose) && close.AtWordEnd()) return close.at();
  scan.Take(' ');
  return TakeOneOf(&scan, kApart) && scan.AtWordEnd() ? scan.at() : 0;
}

// Seven or more hexadecimal digits, at least one of each kind; "0x" and six.
size_t HexId(std::string_view line, size_t at) {
  Scan scan(line, at);
  if (scan.Take("0x")) return scan.TakeRun(IsHex, 6) && scan.AtWordEnd() ? scan.at() : 0;
  if (!scan.TakeRun(IsHex, 7, 128) || !scan.AtWordEnd()) return 0;
  std::string_view word = line.substr(at, scan.at() - at);
  bool digit = std::ranges::any_of(word, IsDigit), upper = false, lower = false;
  for (char c : word) upper = upper || (c >= 'A' && c <= 'F'), lower = lower || (c >= 'a' && c <= 'f');
  return digit && upper != lower ? scan.at() : 0;
}

// "pid 123", "PID: 123", "PGID=123": the end of the number, and where it starts.
size_t ProcessNumber(std::string_view line, size_t at, size_t* number) {
  Scan scan(line, at);
  bool named = false;
  for (std::string_view word : {"pid", "PID", "Pid", "pgid", "PGID", "ppid", "PPID"})
    named = named || scan.Take(word);
  if (!named || !scan.TakeRun([](char c) { return c == ' ' || c == ':' || c == '='; }, 1)) return 0;
  *number = scan.at();
  return scan.Digits(1) && scan.AtWordEnd() ? scan.at() : 0;
}

// The first name below a folder for temporary files, when it looks drawn by lot: "/tmp/tmp8w_x1k2q",
// "/tmp/a.Xy12Z9".
size_t TempName(std::string_view line, size_t at, size_t* name) {
  Scan scan(line, at);
  if (!scan.Take("/tmp/") && !scan.Take("/var/tmp/") && !scan.Take("/private/tmp/") &&
      !scan.Take("/dev/shm/"))
    return 0;
  *name = scan.at();
  if (!scan.TakeRun([](char c) { return IsWord(c) || c == '.' || c == '-'; }, 6)) return 0;
  std::string_view word = line.substr(*name, scan.at() - *name);
  size_t run = 0;
  bool drawn = false, digit = false, upper = false, lower = false;
  for (char c : word) {
    if (!IsWord(c))
      run = 0, digit = upper = lower = false;
    else
      ++run, digit = digit || IsDigit(c), upper = upper || (c >= 'A' && c <= 'Z'),
             lower = lower || (c >= 'a' && c <= 'z');
    drawn = drawn || (run >= 6 && (digit || (upper && lower)));
  }
  return drawn || word.starts_with("tmp") ? scan.at() : 0;
}

// One of them at a word's start: its end, and what stands for it.
size_t Changing(std::string_view line, size_t at, std::string_view* stands) {
  struct Kind {
    size_t (*end)(std::string_view, size_t);
    std::string_view stands;
  };
  constexpr auto kKinds = std::to_array<Kind>({{Uuid, "<id>"},
                                               {IsoDate, "<time>"},
                                               {NamedDate, "<time>"},
                                               {TimeOfDay, "<time>"},
                                               {MinutesAndSeconds, "<duration>"},
                                               {Duration, "<duration>"},
                                               {HexId, "<id>"}});
  for (const Kind& kind : kKinds) {
    if (size_t end = kind.end(line, at)) {
      *stands = kind.stands;
      return end;
    }
  }
  return 0;
}

std::string NormalLine(std::string_view line) {
  std::string out;
  // Searching programs differ in whether they name the folder they start in.
  if (line.starts_with("./") && line.size() > 2 && IsWord(line[2])) line.remove_prefix(2);
  for (size_t at = 0; at < line.size();) {
    size_t name = 0;
    char before = out.empty() ? ' ' : out.back();
    if (line[at] == '/' && !IsWord(before) && before != '.') {
      if (size_t end = TempName(line, at, &name)) {
        out.append(line.substr(at, name - at)).append("<tmp>");
        at = end;
        continue;
      }
    }
    if (IsWord(line[at]) && !IsWord(before)) {
      std::string_view stands;
      bool of_number = before == '.' && out.size() > 1 && IsDigit(out[out.size() - 2]);
      if (size_t end = of_number ? 0 : Changing(line, at, &stands)) {
        out += stands;
        at = end;
        continue;
      }
      if (size_t end = ProcessNumber(line, at, &name)) {
        out.append(line.substr(at, name - at)).append("<pid>");
        at = end;
        continue;
      }
    }
    out += line[at++];
  }
  return out;
}

// Where the terminal's control sequence ends that starts at `at`.
size_t EndOfSequence(std::string_view text, size_t at) {
  size_t i = at + 1;
  if (i >= text.size()) return text.size();
  char kind = text[i++];
  if (kind == '[') {  // colours, movements
    while (i < text.size() && (text[i] < '@' || text[i] > '~')) ++i;
    return std::min(i + 1, text.size());
  }
  if (kind != ']') return i;
  while (i < text.size() && text[i] != '\a' && text[i] != '\x1b') ++i;  // titles
  return std::min(i + (i < text.size() && text[i] == '\x1b' ? 2 : 1), text.size());
}

// Without what terminals act on, and without what a carriage return has overwritten.
std::string Plain(std::string_view text) {
  std::string out;
  size_t line = 0;  // where the last line of out starts
  for (size_t i = 0; i < text.size();) {
    if (text[i] == '\x1b') {
      i = EndOfSequence(text, i);
    } else if (text[i] == '\r') {
      i = std::min(text.find_first_not_of('\r', i), text.size());
      if (i < text.size() && text[i] != '\n') out.resize(line);
    } else {
      out += text[i++];
      if (out.back() == '\n') line = out.size();
    }
  }
  return out;
}

struct ListingLine {
  std::string_view mode, size, name;
};

std::string_view TakeField(std::string_view* rest) {
  size_t start = rest->find_first_not_of(' ');
  if (start == std::string_view::npos) return *rest = {};
  size_t end = std::min(rest->find(' ', start), rest->size());
  std::string_view field = rest->substr(start, end - start);
  rest->remove_prefix(end);
  return field;
}

// A line of `ls -l`: mode, links, owner, group, size, date, name.
bool IsListingLine(std::string_view line, ListingLine* out) {
  if (line.size() < 20 || !std::string_view("-dlbcps").contains(line[0])) return false;
  std::string_view rest = line;
  out->mode = TakeField(&rest);
  std::string_view mode = out->mode.substr(1);
  if (mode.size() < 9 || mode.size() > 10 ||
      mode.substr(0, 9).find_first_not_of("rwxsStT-") != std::string_view::npos)
    return false;
  if (!ParseInt(TakeField(&rest))) return false;
  TakeField(&rest), TakeField(&rest);
  out->size = TakeField(&rest);
  if (out->size.empty() || !IsDigit(out->size[0])) return false;
  if (out->size.ends_with(',')) TakeField(&rest);  // a device: major, minor
  std::string_view date = TakeField(&rest);
  TakeField(&rest);
  bool iso = date.size() == 10 && date[4] == '-';
  std::string_view zone = rest;
  if (!iso) {
    TakeField(&rest);
  } else if (std::string_view field = TakeField(&zone);
             field.size() == 5 && (field[0] == '+' || field[0] == '-')) {
    rest = zone;  // --time-style=full-iso
  }
  if (rest.size() < 2 || rest[0] != ' ') return false;
  out->name = rest.substr(1);
  return true;
}

bool IsListingTotal(std::string_view line) {
  return line.starts_with("total ") && line.size() > 6 && IsDigit(line[6]) &&
         line.find_first_not_of("0123456789.KMGT", 6) == std::string_view::npos;
}

// What a workspace that was taken out of version control lacks.
bool IsOfGit(std::string_view name) {
  if (name.starts_with("./")) name.remove_prefix(2);
  return name == ".git" || name == ".git/" || name.starts_with(".git/");
}

// "/bin/bash: line 3: x: command not found": which shell and which line of it is the caller's affair.
std::string_view WithoutShell(std::string_view line) {
  for (std::string_view shell :
       {"/usr/bin/bash: ", "/bin/bash: ", "bash: ", "/usr/bin/sh: ", "/bin/sh: ", "sh: "}) {
    if (!line.starts_with(shell)) continue;
    std::string_view rest = line.substr(shell.size());
    Scan scan(rest, 0);
    scan.Take("line ");
    if (scan.Digits(1) && scan.Take(": ")) return rest.substr(scan.at());
    return rest;
  }
  return line;
}

std::vector<std::string> NormalLines(std::string_view text) {
  std::vector<std::string> lines;
  std::string plain = Plain(text);
  std::vector<std::string_view> raw = Split(plain, '\n');
  for (size_t i = 0; i < raw.size(); ++i) {
    std::string_view line = raw[i];
    size_t end = line.find_last_not_of(" \t\f\v");
    line = line.substr(0, end == std::string_view::npos ? 0 : end + 1);
    ListingLine listed;
    if (IsListingLine(line, &listed)) {
      if (listed.name == "." || listed.name == ".." || IsOfGit(listed.name)) continue;
      std::string_view size = line[0] == '-' ? listed.size : std::string_view("<size>");
      lines.push_back(std::string(listed.mode.substr(0, 10)) + " " + std::string(size) + " " +
                      NormalLine(listed.name));
      continue;
    }
    bool before_listing = i + 1 == raw.size() || raw[i + 1].empty() || IsListingLine(raw[i + 1], &listed);
    if ((IsListingTotal(line) && before_listing) || IsOfGit(line)) continue;
    bool of_shell = WithoutShell(line).size() != line.size();
    lines.push_back(NormalLine(WithoutShell(line)));
    if (of_shell) lines.back().insert(0, "<shell>: ");
  }
  while (!lines.empty() && lines.back().empty()) lines.pop_back();
  return lines;
}

void TrimLines(std::vector<std::string>* lines) {
  while (!lines->empty() && lines->back().empty()) lines->pop_back();
  auto first = std::ranges::find_if(*lines, [](const std::string& line) { return !line.empty(); });
  lines->erase(lines->begin(), first);
}

// "... [123 lines truncated] ...": a client's mark for what it left out.
bool IsLeftOutMark(std::string_view line) {
  if (line == kLeftOut) return true;
  std::string lower = ToLower(line);
  bool says = Contains(lower, "truncated") || Contains(lower, "omitted") || Contains(lower, "clipped");
  bool marked = Contains(lower, "...") || Contains(lower, "\xE2\x80\xA6") || lower.starts_with('[') ||
                lower.starts_with('<');
  return says && marked && line.size() < 400;
}

std::string Quoted(const std::vector<std::string>& lines, size_t at) {
  if (at >= lines.size()) return "nothing";
  std::string out = "\"";
  for (char c : PrefixUtf8(lines[at], 70)) out += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
  return out + (lines[at].size() > 70 ? "...\"" : "\"");
}

std::string Difference(const std::vector<std::string>& recorded, const std::vector<std::string>& executed,
                       size_t at) {
  std::string text = "line " + std::to_string(at + 1) + ": " + Quoted(recorded, at) + " recorded, " +
                     Quoted(executed, at) + " executed";
  return std::string(PrefixUtf8(ReplaceInvalidUtf8(text), kMaxDifference));
}

size_t FirstDifference(std::span<const std::string> a, std::span<const std::string> b) {
  return static_cast<size_t>(std::ranges::mismatch(a, b).in1 - a.begin());
}

// What stays the same however programs cut into each other's lines, within words too: the numbers and the
// letters.
struct Pieces {
  std::vector<std::string> numbers;
  std::string letters;
  bool operator==(const Pieces&) const = default;
};
Pieces PiecesOf(std::span<const std::string> lines) {
  Pieces pieces;
  bool in_number = false;
  for (const std::string& line : lines) {
    for (char c : line + " ") {
      bool digit = c >= '0' && c <= '9';
      if (digit && !in_number) pieces.numbers.emplace_back();
      if (digit)
        pieces.numbers.back() += c;
      else if (c != ' ')
        pieces.letters += c;
      in_number = digit;
    }
  }
  std::ranges::sort(pieces.numbers), std::ranges::sort(pieces.letters);
  return pieces;
}

bool SameInAnotherOrder(std::vector<std::string> a, std::vector<std::string> b) {
  // Where standard output and standard error meet, an empty line more or less says nothing.
  std::erase(a, ""), std::erase(b, "");
  std::ranges::sort(a), std::ranges::sort(b);
  if (a == b) return true;
  // Two programs that write to one pipe may cut into each other's lines: a few lines of the same pieces.
  constexpr size_t kMostCut = 4;
  std::vector<std::string> only_a, only_b;
  std::ranges::set_difference(a, b, std::back_inserter(only_a));
  std::ranges::set_difference(b, a, std::back_inserter(only_b));
  bool few = only_a.size() <= kMostCut && only_b.size() <= kMostCut && only_a.size() + only_b.size() > 2;
  return few && PiecesOf(only_a) == PiecesOf(only_b);
}

}  // namespace

std::string NormaliseOutput(std::string_view text) {
  std::string out;
  for (const std::string& line : NormalLines(text)) out.append(out.empty() ? "" : "\n").append(line);
  return out;
}

OutputMatch CompareOutputs(const OutputPair& pair) {
  std::vector<std::string> recorded = NormalLines(pair.recorded), executed = NormalLines(pair.executed);
  // A cut within a line leaves part of one that cannot be told from another.
  if (pair.recorded_cut && !recorded.empty() && !pair.recorded.ends_with('\n')) recorded.pop_back();
  auto mark = std::ranges::find_if(recorded, IsLeftOutMark);
  bool in_output = mark != recorded.end() && std::ranges::find(executed, *mark) != executed.end();
  OutputMatch match;
  if (mark == recorded.end() || in_output) {
    TrimLines(&recorded), TrimLines(&executed);
    size_t at = FirstDifference(recorded, executed);
    if (pair.recorded_cut) {
      match.partial = true, match.nothing_kept = recorded.empty();
      match.same = at == recorded.size();
    } else {
      match.same = recorded == executed || SameInAnotherOrder(recorded, executed);
    }
    if (!match.same) match.difference = Difference(recorded, executed, at);
    return match;
  }
  match.partial = true;
  bool own_line =
      *mark == kLeftOut || mark->starts_with('[') || mark->starts_with("...") || mark->starts_with('<');
  std::vector<std::string> head(recorded.begin(), mark), tail(mark + 1, recorded.end());
  // A mark within a line leaves half lines on both sides.
  if (!own_line && !tail.empty()) tail.erase(tail.begin());
  if (pair.recorded_cut) tail.clear();
  TrimLines(&head), TrimLines(&tail), TrimLines(&executed);
  match.nothing_kept = head.empty() && tail.empty();
  size_t at = FirstDifference(head, executed);
  size_t left = executed.size() - std::min(executed.size(), tail.size());
  bool ends = tail.size() <= executed.size() &&
              std::equal(tail.begin(), tail.end(), executed.begin() + static_cast<ptrdiff_t>(left));
  match.same = at == head.size() && ends && left + tail.size() >= head.size();
  if (!match.same)
    match.difference = at < head.size() ? Difference(head, executed, at) : "the end of the output is another";
  return match;
}

}  // namespace clawtrace::replay
