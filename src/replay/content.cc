#include "replay/content.h"

#include <algorithm>
#include <array>
#include <unordered_set>

#include "base/hash.h"
#include "base/json.h"
#include "base/text.h"

namespace clawtrace::replay {
namespace {

constexpr size_t kLongest = 96;  // of one piece

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsUpper(char c) { return c >= 'A' && c <= 'Z'; }
bool IsLetter(char c) { return IsUpper(c) || (c >= 'a' && c <= 'z'); }
bool IsWordByte(char c) { return IsDigit(c) || IsLetter(c) || c == '_' || (c & 0x80) != 0; }
bool IsJoiner(char c) { return c == '/' || c == '.' || c == ':' || c == '-' || c == '@' || c == '+'; }
char Lower(char c) { return IsUpper(c) ? static_cast<char>(c - 'A' + 'a') : c; }

// Words that stand in any text.
const std::unordered_set<std::string_view>& CommonWords() {
  static const std::unordered_set<std::string_view> kWords = {
      "the",   "and",  "for",   "not",   "are",  "was",  "were",  "with", "this",  "that",   "from",  "have",
      "has",   "had",  "but",   "all",   "any",  "can",  "will",  "its",  "into",  "then",   "there", "here",
      "when",  "what", "which", "now",   "out",  "one",  "two",   "use",  "used",  "file",   "files", "line",
      "lines", "no",   "of",    "to",    "is",   "in",   "it",    "on",   "or",    "as",     "at",    "be",
      "by",    "an",   "if",    "do",    "so",   "we",   "you",   "your", "such",  "error",  "done",  "true",
      "false", "none", "null",  "total", "only", "also", "again", "more", "than",  "should", "must",  "been",
      "they",  "them", "their", "get",   "set",  "new",  "run",   "see",  "below", "above",  "each",  "per"};
  return kWords;
}
bool IsCommon(std::string_view word) { return CommonWords().contains(word); }

// Words in which agents announce what they do next: heard from a file, they are no sign that it was used. In
// runs of words they say something all the same.
bool IsOfAnnouncements(std::string_view word) {
  static const std::unordered_set<std::string_view> kWords = {
      "folder", "folders", "directory", "directories", "create",  "created", "make",  "makes",
      "made",   "read",    "reads",     "write",       "writes",  "written", "check", "checks",
      "look",   "looks",   "first",     "next",        "once",    "same",    "other", "need",
      "needs",  "needed",  "missing",   "still",       "let",     "how",     "many",  "show",
      "some",   "before",  "after",     "between",     "because", "would",   "could"};
  return kWords.contains(word);
}

class Cutter {
 public:
  Cutter(std::string_view text, Voice voice) : text_(text), voice_(voice) {
    pieces_.reserve(text.size() / 4);
  }

  std::vector<Piece> Run() {
    lower_.reserve(kLongest);
    size_t at = 0;
    while (at < text_.size()) {
      char c = text_[at];
      // An escape of a shell or of another language stands between words.
      if (c == '\\' && at + 1 < text_.size() && std::string_view("nrt\"'\\").contains(text_[at + 1])) {
        at += 2;
        continue;
      }
      if (c == '"' || c == '\'' || c == '`') Quoted(at);
      bool path_start = (c == '/' || c == '.' || c == '~') && at + 1 < text_.size() &&
                        (IsWordByte(text_[at + 1]) || text_[at + 1] == '/');
      at = IsWordByte(c) || path_start ? Composite(at) : at + 1;
    }
    return std::move(pieces_);
  }

 private:
  uint64_t HashOf(std::string_view piece, uint64_t seed) {
    lower_.assign(piece);
    std::ranges::transform(lower_, lower_.begin(), Lower);
    return Hash64(lower_, seed);
  }
  void Say(std::string_view piece, PieceKind kind, uint64_t hash) {
    pieces_.push_back({.hash = hash,
                       .begin = static_cast<uint32_t>(piece.data() - text_.data()),
                       .size = static_cast<uint32_t>(piece.size()),
                       .kind = kind});
  }

  void Quoted(size_t open) {
    constexpr size_t kMost = 80, kLeast = 3;
    size_t close = text_.find(text_[open], open + 1);
    if (close == std::string_view::npos || close - open > kMost + 1 || close - open < kLeast + 1) return;
    std::string_view inside = text_.substr(open + 1, close - open - 1);
    // One word in quotes is that word; several lines are no string.
    bool several = std::ranges::any_of(inside, [](char c) { return !IsWordByte(c) && !IsJoiner(c); });
    if (!several || inside.contains('\n') || Trim(inside).size() != inside.size()) return;
    if (std::ranges::count_if(inside, IsWordByte) < static_cast<ptrdiff_t>(kLeast)) return;
    Say(inside, PieceKind::kQuoted, HashOf(inside, kQuoteSeed));
  }

  // From the first byte of a path or word to behind its last.
  size_t Composite(size_t begin) {
    size_t end = begin;
    while (end < text_.size() && (IsWordByte(text_[end]) || IsJoiner(text_[end]) || text_[end] == '~')) ++end;
    const size_t next = end;
    while (end > begin && !IsWordByte(text_[end - 1])) --end;
    while (begin < end && text_[begin] == '.' && begin + 1 < end && text_[begin + 1] == '/') begin += 2;
    std::string_view whole = text_.substr(begin, end - begin);
    if (whole.empty()) return next;
    bool joined = std::ranges::any_of(whole, [](char c) { return !IsWordByte(c); });
    size_t at = pieces_.size();
    if (joined && whole.size() <= kLongest) Say(whole, KindOf(whole), HashOf(whole, 0));
    bool said = pieces_.size() > at;
    if (said) Located(whole);
    Parts(whole);
    Grouped(begin, end);
    if (said) pieces_[at].parts = static_cast<uint32_t>(pieces_.size() - at - 1);
    Touching(end);
    return std::max(next, end);
  }

  // "src/a.c:12:int": searches put more behind a path, with nothing between.
  void Located(std::string_view whole) {
    size_t colon = whole.find(':');
    if (colon == std::string_view::npos || colon == 0) return;
    std::string_view path = whole.substr(0, colon);
    if (path.find_first_of("/.") == std::string_view::npos || whole.substr(colon).starts_with("://")) return;
    if (IsWordByte(path.back())) Say(path, KindOf(path), HashOf(path, 0));
  }

  // "1,023": its digits are those of 1023, which a program says without signs between them.
  void Grouped(size_t begin, size_t end) {
    constexpr size_t kGroup = 3;
    auto digits = [&](size_t from, size_t to) {
      return to <= text_.size() && std::ranges::all_of(text_.substr(from, to - from), IsDigit);
    };
    bool starts = end - begin <= kGroup && digits(begin, end) && text_[begin] != '0' &&
                  (begin < 2 || text_[begin - 1] != ',' || !IsDigit(text_[begin - 2]));
    if (!starts) return;
    std::string number(text_.substr(begin, end - begin));
    size_t at = end;
    while (at < text_.size() && text_[at] == ',' && digits(at + 1, at + 1 + kGroup) &&
           number.size() < kLongest) {
      number.append(text_, at + 1, kGroup);
      at += 1 + kGroup;
    }
    bool ends = at == text_.size() || !IsWordByte(text_[at]);
    if (at > end && ends) Say(text_.substr(begin, at - begin), PieceKind::kNumber, HashOf(number, 0));
  }

  static PieceKind KindOf(std::string_view whole) {
    bool telling = false, digit = false;
    for (char c : whole) telling |= c == '/' || c == '.' || c == '@', digit |= IsDigit(c);
    constexpr size_t kLeast = 4;
    return whole.size() >= kLeast && (telling || digit) ? PieceKind::kComposite : PieceKind::kWord;
  }

  void Parts(std::string_view whole) {
    // Names of files within a path.
    if (whole.contains('/')) {
      for (std::string_view name : Split(whole, '/')) {
        bool dotted = name.contains('.') || name.contains('-') || name.contains(':');
        if (dotted && IsWordByte(name.front())) Say(name, KindOf(name), HashOf(name, 0));
      }
    }
    for (size_t i = 0; i < whole.size();) {
      if (!IsWordByte(whole[i])) {
        ++i;
        continue;
      }
      size_t end = i;
      while (end < whole.size() && IsWordByte(whole[end])) ++end;
      Word(whole.substr(i, end - i));
      i = end;
    }
  }

  static PieceKind KindOfWord(std::string_view word) {
    bool digit = std::ranges::any_of(word, IsDigit), number = std::ranges::all_of(word, IsDigit);
    if (number) return word.size() >= 2 ? PieceKind::kNumber : PieceKind::kShort;
    if (digit && word.size() >= 3) return PieceKind::kName;
    bool foreign = std::ranges::any_of(word, [](char c) { return (c & 0x80) != 0; });
    bool inner_capital = word.size() >= 5 && std::ranges::any_of(word.substr(1), IsUpper) &&
                         !std::ranges::all_of(word, IsUpper);
    if (!foreign && word.size() >= 4 && (word.substr(1, word.size() - 2).contains('_') || inner_capital))
      return PieceKind::kName;
    return word.size() >= 3 ? PieceKind::kWord : PieceKind::kShort;
  }

  void Word(std::string_view word) {
    word = word.substr(0, kLongest);
    uint64_t hash = HashOf(word, 0);
    bool common = IsCommon(lower_);
    bool tiny = word.size() < 3 && std::ranges::none_of(word, IsDigit);
    bool announces = voice_ == Voice::kTold && IsOfAnnouncements(lower_);
    if (common || tiny || announces) {
      if (voice_ == Voice::kSaid || IsValue(word)) Say(word, PieceKind::kShort, hash);
    } else {
      Say(word, KindOfWord(word), hash);
    }
    bool foreign = std::ranges::any_of(word, [](char c) { return (c & 0x80) != 0; });
    if (foreign) Shingles(word);
    // "dropped 4", "4 tests"
    bool number = std::ranges::all_of(word, IsDigit);
    if (words_ > 0 && (number != last_number_) && word.data() == last_end_ + 1) {
      std::string_view pair(last_begin_, static_cast<size_t>(word.data() + word.size() - last_begin_));
      if (pair.size() <= kLongest) Say(pair, PieceKind::kPair, HashOf(pair, kPairSeed));
    }
    Remember(word, hash, common);
    last_number_ = number, last_begin_ = word.data(), last_end_ = word.data() + word.size();
  }

  // "verbose: false", "country=DE", "yes" alone on its line.
  bool IsValue(std::string_view word) const {
    constexpr std::string_view kSpace = " \t\"'`";
    size_t before = static_cast<size_t>(word.data() - text_.data()), after = before + word.size();
    while (before > 0 && kSpace.contains(text_[before - 1])) --before;
    while (after < text_.size() &&
           (kSpace.contains(text_[after]) || text_[after] == ',' || text_[after] == ';'))
      ++after;
    bool ends = after >= text_.size() || text_[after] == '\n' || text_[after] == '}' || text_[after] == '\r';
    bool begins = before == 0 || text_[before - 1] == '\n';
    bool assigned =
        before > 0 && (text_[before - 1] == '=' || text_[before - 1] == ':' || text_[before - 1] == '>');
    return (assigned || begins) && ends;
  }

  // Runs of three words, of which most say something.
  void Remember(std::string_view word, uint64_t hash, bool common) {
    constexpr size_t kFar = 160;
    run_[words_ % 3] = {hash, word.data(), word.size(), common};
    if (++words_ < 3) return;
    const Said& first = run_[words_ % 3];
    uint64_t three[] = {first.hash, run_[(words_ + 1) % 3].hash, hash};
    int telling = 0;
    bool longer = false;
    for (const Said& said : run_) telling += !said.common, longer |= !said.common && said.size >= 4;
    std::string_view text(first.begin, static_cast<size_t>(word.data() + word.size() - first.begin));
    if (telling < 2 || !longer || text.size() > kFar) return;
    Say(text, PieceKind::kRun,
        Hash64(std::string_view(reinterpret_cast<const char*>(three), sizeof(three)), kRunSeed));
  }

  // Scripts without spaces: runs of three characters.
  void Shingles(std::string_view word) {
    constexpr size_t kBytes = 9;
    for (size_t i = 0; i + kBytes <= word.size(); ++i) {
      if ((word[i] & 0xC0) == 0x80) continue;
      Say(word.substr(i, kBytes), PieceKind::kWord, HashOf(word.substr(i, kBytes), 0));
    }
  }

  // The sign behind a word is a piece with it.
  void Touching(size_t end) {
    if (end >= text_.size() || !std::string_view(",:;=([{)]}<>|$*!?&%").contains(text_[end])) return;
    size_t begin = end;
    while (begin > 0 && IsWordByte(text_[begin - 1]) && end - begin < kLongest) --begin;
    if (end - begin < 3) return;
    std::string_view pair = text_.substr(begin, end + 1 - begin);
    Say(pair, PieceKind::kPair, HashOf(pair, kPairSeed));
  }

  struct Said {
    uint64_t hash = 0;
    const char* begin = nullptr;
    size_t size = 0;
    bool common = false;
  };

  static constexpr uint64_t kQuoteSeed = 1, kRunSeed = 2, kPairSeed = 3;
  std::string_view text_;
  Voice voice_;
  std::vector<Piece> pieces_;
  std::string lower_;
  std::array<Said, 3> run_{};
  size_t words_ = 0;
  bool last_number_ = false;
  const char* last_begin_ = nullptr;
  const char* last_end_ = nullptr;
};

// "\x1b[31m", "\x1b]0;title\a"
std::string WithoutEscapes(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\x1b') {
      out += text[i];
      continue;
    }
    char kind = i + 1 < text.size() ? text[i + 1] : '\0';
    if (kind == '[') {
      i += 2;
      while (i < text.size() && (text[i] < '@' || text[i] > '~')) ++i;
    } else if (kind == ']') {
      while (i < text.size() && text[i] != '\a' && text[i] != '\n') ++i;
    } else {
      ++i;
    }
  }
  return out;
}

// "    12→text", "12\ttext", "12: text", "12 | text": how long what stands before the text is; 0: no number.
size_t NumberedPrefix(std::string_view line) {
  size_t at = std::min(line.find_first_not_of(' '), line.size());
  size_t digits = at;
  while (at < line.size() && IsDigit(line[at])) ++at;
  if (at == digits || at - digits > 7) return 0;
  std::string_view rest = line.substr(at);
  for (std::string_view sign : {"→", "\t", ": ", " | ", "| ", "|"}) {
    if (rest.starts_with(sign)) return at + sign.size();
  }
  return 0;
}

// Reading tools number lines; so many lines must look so that they are taken for numbered.
std::string WithoutNumbers(std::string text) {
  size_t lines = 0, numbered = 0;
  for (std::string_view line : Split(text, '\n')) {
    if (line.empty()) continue;
    ++lines, numbered += NumberedPrefix(line) > 0;
  }
  if (numbered < 2 || numbered * 10 < lines * 8) return text;
  std::string out;
  out.reserve(text.size());
  for (std::string_view line : Split(text, '\n'))
    out.append(line.substr(NumberedPrefix(line))).push_back('\n');
  return out;
}

// Absolute paths below the working directory become relative.
std::string WithoutFolder(std::string text, std::string_view cwd) {
  while (cwd.ends_with('/')) cwd.remove_suffix(1);
  if (cwd.size() < 2) return text;
  std::string folder = std::string(cwd) + "/";
  size_t found = text.find(folder);
  if (found == std::string::npos) return text;
  std::string out;
  size_t from = 0;
  for (; found != std::string::npos; found = text.find(folder, from)) {
    out.append(text, from, found - from);
    bool whole = found == 0 || (!IsWordByte(text[found - 1]) && text[found - 1] != '/');
    if (!whole) out += folder;
    from = found + folder.size();
  }
  return out.append(text, from);
}

void AppendValues(Json value, int depth, std::string* out) {
  constexpr int kDeepest = 16;
  if (depth > kDeepest) return;
  if (auto text = value.string()) {
    out->append(*text).push_back('\n');
  } else if (value.is_array()) {
    value.ForEachItem([&](Json item) { AppendValues(item, depth + 1, out); });
  } else if (value.is_object()) {
    value.ForEachField([&](std::string_view, Json member) { AppendValues(member, depth + 1, out); });
  } else if (value.is_number()) {
    value.AppendCanonical(out);
    out->push_back('\n');
  }
}

}  // namespace

std::string PlainText(std::string_view text, std::string_view cwd) {
  std::string plain = text.contains('\x1b') ? WithoutEscapes(text) : std::string(text);
  return WithoutFolder(WithoutNumbers(std::move(plain)), cwd);
}

std::string PlainArguments(std::string_view args, std::string_view cwd) {
  JsonParser parser;
  std::string values;
  if (auto parsed = parser.Parse(args.empty() ? "{}" : args); parsed && !parsed->is_number())
    AppendValues(*parsed, 0, &values);
  else
    values = args;
  return WithoutFolder(std::move(values), cwd);
}

std::string PlainListing(std::string_view output, std::string_view cwd) {
  std::string out;
  for (std::string_view line : Split(output, '\n')) {
    line = Trim(line);
    bool is_long = line.size() > 10 && std::string_view("-dlcbps").contains(line[0]) &&
                   line.substr(1, 9).find_first_not_of("rwxsStTl-") == std::string_view::npos;
    if (!is_long) {
      if (!line.starts_with("total ")) out.append(line).push_back('\n');
      continue;
    }
    std::string_view size;
    bool folder = line[0] == 'd';
    for (int column = 0; column < 8; ++column) {
      size_t end = line.find(' ');
      if (column == 4) size = line.substr(0, end);
      line = end == std::string_view::npos ? std::string_view() : line.substr(end);
      line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
    }
    // A folder's size says nothing of what is in it.
    out.append(line);
    if (!folder) out.append("  ").append(size);
    out.push_back('\n');
  }
  return WithoutFolder(std::move(out), cwd);
}

std::vector<Piece> PiecesOf(std::string_view plain, Voice voice) { return Cutter(plain, voice).Run(); }

}  // namespace clawtrace::replay
