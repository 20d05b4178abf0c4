#include "distill/merge/meaning.h"

#include <algorithm>
#include <array>
#include <optional>
#include <unordered_map>

#include "base/hash.h"
#include "base/text.h"
#include "distill/merge/content.h"
#include "skill/blocks.h"

namespace clawtrace::distill {
namespace {

bool IsWordByte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' ||
         static_cast<unsigned char>(c) >= 0x80;
}
bool IsDigit(char c) { return c >= '0' && c <= '9'; }

template <size_t N>
bool IsOneOf(const std::array<std::string_view, N>& words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

// Apostrophes are taken out before words are looked at: "don't" is dont.
constexpr auto kNegations = std::to_array<std::string_view>(
    {"never",    "not",         "dont",       "avoid",    "avoids",  "avoiding",  "no",
     "cannot",   "cant",        "wont",       "shouldnt", "mustnt",  "doesnt",    "didnt",
     "isnt",     "arent",       "neednt",     "none",     "nor",     "neither",   "skip",
     "skipping", "omit",        "refrain",    "stop",     "forbid",  "forbidden", "prohibited",
     "prohibit", "discouraged", "disallowed", "forget",   "neglect", "hesitate"});
// Words that say whether and not what; they do not count in similarity.
constexpr auto kPolarityWords = std::to_array<std::string_view>(
    {"always", "do", "must", "should", "shall", "ensure", "please", "from", "make", "sure", "ever"});
constexpr auto kLeadIns = std::to_array<std::string_view>(
    {"when", "whenever", "if",     "before", "after", "for",   "in",    "while", "once",  "on",  "during",
     "with", "until",    "unless", "as",     "at",    "since", "where", "by",    "given", "upon"});

// Alternatives of which one excludes the others.
constexpr auto kAlternatives =
    std::to_array<std::string_view>({"ascending descending",
                                     "tab tabs | space spaces",
                                     "json yaml toml xml csv tsv xlsx",
                                     "absolute relative",
                                     "uppercase lowercase",
                                     "left right",
                                     "inner outer",
                                     "true false",
                                     "enable disable",
                                     "enabled disabled",
                                     "minimum maximum",
                                     "min max",
                                     "npm yarn pnpm",
                                     "pip conda poetry",
                                     "http https",
                                     "utf8 utf16 utf32 latin1 ascii",
                                     "lf crlf",
                                     "sha1 sha256 sha384 sha512 md5",
                                     "ipv4 ipv6",
                                     "sequentially serially | parallel concurrently",
                                     "sync async",
                                     "synchronous asynchronous",
                                     "horizontal vertical",
                                     "increase decrease",
                                     "include exclude",
                                     "debug release",
                                     "stdout stderr",
                                     "first last",
                                     "top bottom",
                                     "above below",
                                     "rows columns | row column"});

constexpr auto kFileEndings = std::to_array<std::string_view>(
    {"py",   "js",  "ts",  "md",   "txt",  "json", "yaml", "yml",  "toml", "csv", "tsv",
     "xlsx", "xls", "xml", "html", "sh",   "cfg",  "ini",  "lock", "log",  "sql", "db",
     "go",   "rs",  "cc",  "cpp",  "java", "rb",   "php",  "env",  "pdf",  "zip"});

// Members of groups as "ascending/descending:ascending". Those that mean the same are told as the first word
// of the place that they share; a word of two groups belongs to the first.
std::unordered_map<std::string_view, std::string, TextHash> AllAlternatives() {
  std::unordered_map<std::string_view, std::string, TextHash> members;
  for (std::string_view group : kAlternatives) {
    bool places = group.find('|') != std::string_view::npos;
    for (std::string_view place : Split(group, places ? '|' : ' ')) {
      std::vector<std::string_view> spellings = Split(Trim(place), ' ');
      for (std::string_view word : spellings)
        members.emplace(word, std::string(group.substr(0, group.find(' '))).append(":").append(spellings[0]));
    }
  }
  return members;
}

// "" for words that are in no group.
std::string AlternativeOf(std::string_view word) {
  static const auto members = AllAlternatives();
  auto found = members.find(word);
  return found == members.end() ? "" : found->second;
}

// What stands in brackets explains; it does not say what to do.
std::string WithoutBrackets(std::string_view plain) {
  std::string out;
  size_t depth = 0;
  for (char c : plain) {
    if (c == '(') ++depth;
    if (depth == 0) out.push_back(c);
    if (c == ')' && depth > 0) --depth;
  }
  return depth == 0 ? out : std::string(plain);
}

// Lower case without emphasis marks and apostrophes.
std::string PlainText(std::string_view text) {
  constexpr std::string_view kCurly = "\xe2\x80\x99";
  std::string plain;
  for (char c : ToLower(text)) {
    if (c == '*' || c == '\'') continue;
    plain.push_back(c);
    if (c == kCurly.back() && plain.ends_with(kCurly)) plain.resize(plain.size() - kCurly.size());
  }
  return plain;
}

// "Reading it again is pointless", "it is a waste of time": not "remove useless files".
bool DeniesSense(const std::vector<std::string>& words, size_t i) {
  constexpr auto kSenseless =
      std::to_array<std::string_view>({"pointless", "useless", "needless", "unnecessary", "superfluous",
                                       "futile", "wasteful", "unneeded", "senseless", "harmful"});
  constexpr auto kBefore = std::to_array<std::string_view>(
      {"is", "are", "be", "its", "was", "often", "usually", "mostly", "almost", "seems", "seem"});
  std::string_view next = i + 1 < words.size() ? std::string_view(words[i + 1]) : "";
  std::string_view last = i > 0 ? std::string_view(words[i - 1]) : "";
  if (words[i] == "waste") return last == "a";
  return IsOneOf(kSenseless, words[i]) && (IsOneOf(kBefore, last) || next == "to");
}

bool Negates(const std::vector<std::string>& words, size_t i) {
  std::string_view next = i + 1 < words.size() ? std::string_view(words[i + 1]) : "";
  std::string_view last = i > 0 ? std::string_view(words[i - 1]) : "";
  std::string_view word = words[i];
  if (word == "stop") return next.ends_with("ing");
  if (word == "no") return next != "matter";
  if (word == "nor") return std::find(words.begin(), words.end(), "neither") == words.end();
  bool both = word == "not" && (next == "only" || next == "just" || next == "necessarily");
  bool either = word == "not" && (last == "or" || (last == "may" && i > 1 && words[i - 2] == "or"));
  return !both && !either && (IsOneOf(kNegations, word) || DeniesSense(words, i));
}

size_t NegationsIn(std::string_view plain) {
  std::vector<std::string> words = WordsOf(plain);
  size_t count = 0;
  for (size_t i = 0; i < words.size(); ++i) count += Negates(words, i);
  return count;
}

struct Clause {
  std::string_view text;
  char end = 0;  // what ends it: , . ; : or 'w' for a word
};

// Where a clause ends at `at`: the length of what separates it from the next one; 0 = it goes on.
size_t SeparatorAt(std::string_view text, size_t at, char* end) {
  static constexpr auto kWords = std::to_array<std::string_view>(
      {" because ", " so that ", " instead of ", " rather than ", " but ", " unless ", " except ",
       " without ", " to avoid ", " to prevent ", " which ", " otherwise ", " or else ", " - ",
       " \xe2\x80\x94 ", " \xe2\x80\x93 ", " \xe2\x86\x92 "});
  for (std::string_view word : kWords) {
    if (text.substr(at).starts_with(word)) return *end = 'w', word.size();
  }
  bool mark = std::string_view(".;:!?,").find(text[at]) != std::string_view::npos;
  bool stands = at + 1 == text.size() || text[at + 1] == ' ';
  if (!mark || !stands) return 0;
  *end = text[at];
  return 1;
}

std::vector<Clause> ClausesOf(std::string_view plain) {
  std::vector<Clause> clauses;
  size_t begin = 0;
  for (size_t i = 0; i <= plain.size();) {
    char end = '.';
    size_t length = i == plain.size() ? 1 : SeparatorAt(plain, i, &end);
    if (length == 0) {
      ++i;
      continue;
    }
    std::string_view text = Trim(plain.substr(begin, i - begin));
    if (!WordsOf(text).empty()) clauses.push_back({text, end});
    i += length, begin = i;
  }
  return clauses;
}

// The clause that says what to do: labels ("Formula safety:") and cases ("when writing formulas,") come
// before it.
std::string_view LeadingClause(const std::vector<Clause>& clauses) {
  constexpr size_t kLabelWords = 5;
  for (const Clause& clause : clauses) {
    std::vector<std::string> words = WordsOf(clause.text);
    bool negated = NegationsIn(clause.text) > 0;
    bool lead_in = IsOneOf(kLeadIns, words[0]) && (clause.end == ',' || clause.end == ':');
    bool label = clause.end == ':' && words.size() <= kLabelWords && !negated;
    bool says_little = clause.end == ',' && words.size() == 1 && !negated;
    if (!lead_in && !label && !says_little) return clause.text;
  }
  return clauses.empty() ? std::string_view() : clauses.front().text;
}

bool IsPath(std::string_view chunk) {
  if (chunk.find("://") != std::string_view::npos || chunk.size() < 3) return false;
  if (chunk.starts_with("/") || chunk.starts_with("./") || chunk.starts_with("../") ||
      chunk.starts_with("~/"))
    return true;
  size_t dot = chunk.rfind('.');
  bool file = dot != std::string_view::npos && dot > 0 && IsOneOf(kFileEndings, chunk.substr(dot + 1));
  return file || std::count(chunk.begin(), chunk.end(), '/') > 1;
}

// What a chunk of a text is: a value, words, or both.
struct Chunk {
  std::string value;  // as in Meaning::values; "" = none
  std::string_view words;
};

std::string_view Stripped(std::string_view chunk) {
  while (!chunk.empty() && !IsWordByte(chunk.front()) && chunk.front() != '/' && chunk.front() != '~' &&
         chunk.front() != '.')
    chunk.remove_prefix(1);
  while (!chunk.empty() && !IsWordByte(chunk.back()) && chunk.back() != '%') chunk.remove_suffix(1);
  return chunk;
}

// "utf-8" and "sha-256" are words of their own.
std::string WithoutHyphen(std::string_view chunk) {
  size_t hyphen = chunk.find('-');
  if (hyphen == std::string_view::npos || hyphen + 1 == chunk.size()) return "";
  bool digits = std::all_of(chunk.begin() + static_cast<std::ptrdiff_t>(hyphen) + 1, chunk.end(), IsDigit);
  return digits ? std::string(chunk.substr(0, hyphen)).append(chunk.substr(hyphen + 1)) : "";
}

Chunk ChunkAt(const std::vector<std::string_view>& chunks, size_t at) {
  std::string_view chunk = Stripped(chunks[at]);
  if (chunk.empty()) return {};
  if (IsPath(chunk)) return {"p:" + std::string(chunk), {}};
  std::string bound = "n:" + std::string(BoundAt(chunks, at));
  if (IsDigit(chunk.front())) return {bound + std::string(chunk), {}};
  if (auto number = NumberOf(chunks, at)) {
    bool times = chunk == "once" || chunk == "twice" || chunk == "thrice";
    return {bound + std::to_string(*number), times ? std::string_view("times") : std::string_view()};
  }
  if (std::string value = AlternativeOf(WithoutHyphen(chunk)); !value.empty()) return {value, {}};
  bool quotes = at + 1 < chunks.size() && Stripped(chunks[at + 1]).starts_with("quot");
  if (quotes && (chunk == "single" || chunk == "double")) return {"single:" + std::string(chunk), {}};
  return {"", chunk};
}

// Splits off values; what is left are words.
void TakeWords(std::string_view plain, std::vector<std::string>* stems, std::set<std::string>* values) {
  std::vector<std::string_view> chunks = Split(plain, ' ');
  for (size_t i = 0; i < chunks.size(); ++i) {
    Chunk chunk = ChunkAt(chunks, i);
    if (!chunk.value.empty()) values->insert(chunk.value);
    for (const std::string& word : WordsOf(chunk.words)) {
      if (IsOneOf(kNegations, word) || IsOneOf(kPolarityWords, word)) continue;
      if (std::string value = AlternativeOf(word); !value.empty())
        values->insert(std::move(value));
      else
        stems->push_back(KeyOf(word));
    }
  }
}

// Negations as "!", values, and the keys of all words that are no fillers, each once.
void AddContent(std::string_view plain, std::vector<std::string>* content) {
  std::set<std::string, std::less<>> known(content->begin(), content->end());
  auto has = [&](std::string_view word) { return known.contains(word); };
  auto add = [&](std::string_view word) {
    // To read a file once is to read each once; not to read each one is not to read none.
    bool each = word == "each" && !has("!");
    if (!each && (word == "!" || !has(word))) known.insert(content->emplace_back(word));
  };
  std::vector<std::string_view> chunks = Split(plain, ' ');
  std::vector<std::string> words = WordsOf(plain);
  size_t word_at = 0;  // of the words, where the chunk begins
  for (size_t i = 0; i < chunks.size(); ++i) {
    Chunk chunk = ChunkAt(chunks, i);
    if (!chunk.value.empty()) add(chunk.value);
    size_t count = WordsOf(chunks[i]).size();
    for (size_t w = 0; chunk.value.empty() && w < count; ++w) {
      const std::string& word = words[word_at + w];
      std::string value = AlternativeOf(word);
      if (Negates(words, word_at + w))
        add("!");
      else if (!value.empty())
        add(value);
      else if (!IsFiller(word))
        add(KeyOf(word));
    }
    if (!chunk.value.empty() && !chunk.words.empty()) add(KeyOf(chunk.words));
    word_at += count;
  }
}

std::vector<std::string> ContentOf(std::string_view body) {
  std::vector<std::string> content;
  auto order = OrderOf(body);
  if (!order) return AddContent(body, &content), content;
  AddContent(order->first, &content);
  content.emplace_back("<");
  std::vector<std::string> then;
  AddContent(order->then, &then);
  content.insert(content.end(), then.begin(), then.end());
  AddContent(order->rest, &content);
  return content;
}

TermVector WordVector(std::string_view plain) {
  std::vector<std::string> stems;
  std::set<std::string> ignored;
  TakeWords(plain, &stems, &ignored);
  for (const std::string& value : ignored) stems.push_back(value);
  return VectorOf(stems);
}

using Pairs = std::vector<std::pair<TermVector, TermVector>>;

Pairs OrdersOf(std::string_view body) {
  auto order = OrderOf(body);
  return order ? Pairs{{WordVector(order->first), WordVector(order->then)}} : Pairs();
}

// Runs of text inside and outside of code spans, in order.
struct Piece {
  std::string_view text;  // of a span without its marks
  bool code = false;
};
std::vector<Piece> PiecesOf(std::string_view text) {
  std::vector<Piece> pieces;
  while (!text.empty()) {
    size_t open = text.find('`');
    size_t close = open == std::string_view::npos ? open : text.find('`', open + 1);
    if (close == std::string_view::npos) return pieces.push_back({text}), pieces;
    pieces.push_back({text.substr(0, open)});
    pieces.push_back({text.substr(open + 1, close - open - 1), true});
    text.remove_prefix(close + 1);
  }
  return pieces;
}

// The same length, with nothing inside of code spans that a sentence could be split at.
std::string WithBlindSpans(std::string_view text) {
  std::string blind;
  for (const Piece& piece : PiecesOf(text)) {
    if (piece.code)
      blind.append(piece.text.size() + 2, '`');
    else
      blind.append(piece.text);
  }
  return blind;
}

bool HasCode(std::string_view text) {
  std::vector<Piece> pieces = PiecesOf(text);
  return std::any_of(pieces.begin(), pieces.end(),
                     [](const Piece& piece) { return piece.code && !WordsOf(piece.text).empty(); });
}

void DropChoosing(std::vector<std::string>* keys) {
  constexpr auto kChoosing =
      std::to_array<std::string_view>({"use", "prefer", "choos", "favor", "favour", "pick", "instead"});
  std::erase_if(*keys, [&](const std::string& key) { return IsOneOf(kChoosing, key); });
}

// What a half of a choice names: its words, with each code span as one; of code alone only that.
std::vector<std::string> ThingsOf(std::string_view half, bool code_alone) {
  std::vector<std::string> things;
  std::set<std::string> values;
  for (const Piece& piece : PiecesOf(half)) {
    if (piece.code && WordsOf(piece.text).size() > 1)
      things.push_back(skill::CollapseSpace(piece.text));
    else if (piece.code || !code_alone)
      TakeWords(piece.text, &things, &values);
  }
  DropChoosing(&things);
  things.insert(things.end(), values.begin(), values.end());
  return things;
}

// Where the halves of a choice stand: [begin, taken_end) and [left, end) of a sentence.
struct ChoicePlace {
  size_t begin = 0, taken_end = 0, left = 0, end = 0;
};

// What is not taken ends before the reason, and before whatever else follows.
size_t EndOfHalf(std::string_view blind, size_t from) {
  size_t end = blind.size();
  for (std::string_view mark : {", ", "; ", ": ", ")", " which ", " because ", " since ", " as ", " that ",
                                " so ", " - ", " \xe2\x80\x94 ", " \xe2\x80\x93 "})
    end = std::min(end, blind.find(mark, from));
  return end;
}

// The beginning of the clause that ends at `at`.
size_t BeginOfHalf(std::string_view blind, size_t at) {
  size_t begin = 0;
  for (std::string_view mark : {", ", "; ", ": ", " - ", " \xe2\x80\x94 ", " \xe2\x80\x93 "}) {
    size_t found = blind.substr(0, at).rfind(mark);
    if (found != std::string_view::npos) begin = std::max(begin, found + mark.size());
  }
  return begin;
}

std::optional<ChoicePlace> ChoiceIn(std::string_view blind) {
  for (std::string_view lead : {"instead of ", "rather than "}) {
    size_t comma = blind.find(", ");
    if (!blind.starts_with(lead) || comma == std::string_view::npos) continue;
    return ChoicePlace{comma + 2, EndOfHalf(blind, comma + 2), lead.size(), comma};
  }
  for (std::string_view word : {" instead of ", " rather than ", ", not ", " and not ", " (not ", " - not ",
                                " \xe2\x80\x94 not ", " \xe2\x80\x93 not ", " over "}) {
    size_t at = blind.find(word);
    if (at == std::string_view::npos || at == 0) continue;
    size_t begin = BeginOfHalf(blind, at);
    std::string_view clause = blind.substr(begin, at - begin);
    if (word == " over " && !clause.starts_with("prefer") && !clause.starts_with("favo") &&
        !clause.starts_with("choose"))
      continue;
    return ChoicePlace{begin, at, at + word.size(), EndOfHalf(blind, at + word.size())};
  }
  return std::nullopt;
}

std::optional<Choice> ChoiceOf(std::string_view body) {
  std::string blind = WithBlindSpans(body);
  blind.resize(std::min(blind.find(". "), blind.size()));
  auto place = ChoiceIn(blind);
  if (!place || place->left > place->end) return std::nullopt;
  std::string_view taken = body.substr(place->begin, place->taken_end - place->begin);
  std::string_view left = body.substr(place->left, place->end - place->left);
  bool code = HasCode(taken) && HasCode(left);
  std::vector<std::string> one = ThingsOf(taken, code), other = ThingsOf(left, code);
  Choice choice{VectorOf(one), VectorOf(other), {}, {}};
  if (place->begin < place->left) AddContent(body.substr(0, place->begin), &choice.about);
  for (std::string_view half : {taken, left}) {
    for (const Piece& piece : PiecesOf(half)) {
      if (code && !piece.code) AddContent(piece.text, &choice.about);
    }
  }
  DropChoosing(&choice.about);
  one.insert(one.end(), other.begin(), other.end());
  choice.both = VectorOf(one);
  return choice;
}

// "X without Y": as an order of which the first is left out.
Pairs OmissionsOf(std::string_view body) {
  std::string_view sentence = body.substr(0, body.find(". ")), word = " without ";
  size_t at = sentence.find(word);
  if (at == std::string_view::npos) return {};
  return {{WordVector(sentence.substr(at + word.size())), WordVector(sentence.substr(0, at))}};
}

// What the clause is done to: the words behind the first one that is no filler, up to a preposition; without
// what only says how.
std::vector<std::string> ObjectOf(std::string_view clause) {
  constexpr auto kEnds = std::to_array<std::string_view>(
      {"with",  "in",     "on",      "at",     "by",      "for",  "to",   "into",
       "from",  "before", "after",   "until",  "against", "and",  "or",   "as",
       "using", "via",    "through", "during", "that",    "than", "over", "under"});
  constexpr auto kManner = std::to_array<std::string_view>({"whole", "full", "complete", "same", "twice"});
  std::vector<std::string> words = WordsOf(clause), object;
  bool verb = false;
  for (size_t i = 0; i < words.size(); ++i) {
    if (verb && !object.empty() && IsOneOf(kEnds, words[i])) break;
    if (Negates(words, i) || IsFiller(words[i])) continue;
    std::string key = KeyOf(words[i]);
    bool says_how = words[i].ends_with("ly") || IsOneOf(kManner, key) || !AlternativeOf(words[i]).empty();
    if (std::exchange(verb, true) && !says_how) object.push_back(std::move(key));
  }
  return object;
}

// Code spans, and words that no prose has: with an underscore, a digit inside, a dot, a slash or capitals
// inside.
std::set<std::string> NamesOf(std::string_view text) {
  std::set<std::string> names;
  std::string rest;
  for (size_t i = 0; i < text.size();) {
    size_t end = text[i] == '`' ? text.find('`', i + 1) : std::string_view::npos;
    if (end != std::string_view::npos) {
      names.insert(std::string(Trim(text.substr(i + 1, end - i - 1))));
      rest += ' ', i = end + 1;
    } else {
      rest += text[i++];
    }
  }
  for (std::string_view chunk : Split(rest, ' ')) {
    while (!chunk.empty() && std::string_view(".,;:!?()[]*\"'").find(chunk.back()) != std::string_view::npos)
      chunk.remove_suffix(1);
    while (!chunk.empty() && std::string_view("()[]*\"'").find(chunk.front()) != std::string_view::npos)
      chunk.remove_prefix(1);
    bool inner = false;
    for (size_t i = 0; i < chunk.size(); ++i) {
      char c = chunk[i];
      bool capital = i > 0 && c >= 'A' && c <= 'Z';
      inner = inner || capital || IsDigit(c) ||
              std::string_view("_/.$<>{}=@#\\|&").find(c) != std::string_view::npos;
    }
    if (inner) names.insert(std::string(chunk));
  }
  return names;
}

}  // namespace

Meaning MeaningOf(std::string_view item_text) {
  Meaning meaning;
  meaning.text = item_text;
  std::string plain = WithPlainPhrases(PlainText(item_text));
  Cased cased = CaseOf(plain);
  std::string_view body = cased.body, everything = plain;
  size_t colon = plain.find(": ");
  if (plain.starts_with("when ") && colon != std::string::npos && NegationsIn(plain.substr(0, colon)) == 0)
    everything.remove_prefix(colon + 2);
  meaning.condition = skill::CollapseSpace(cased.condition);
  meaning.when = WordVector(meaning.condition);
  meaning.when_not = NegationsIn(meaning.condition) % 2 == 1;
  AddContent(meaning.condition, &meaning.when_content);
  std::string outside = WithoutBrackets(body);
  std::string_view leading = LeadingClause(ClausesOf(outside));
  meaning.forbids = NegationsIn(leading) % 2 == 1;
  meaning.leading = WordVector(leading);
  meaning.object = ObjectOf(leading);
  std::vector<std::string> stems, all_stems;
  std::set<std::string> values, all_values;
  TakeWords(body, &stems, &values);
  TakeWords(everything, &all_stems, &all_values);
  meaning.all = VectorOf(all_stems), meaning.body = VectorOf(stems);
  meaning.values.assign(values.begin(), values.end());
  meaning.content = ContentOf(body);
  if (!meaning.forbids) {
    meaning.orders = OrdersOf(body);
    meaning.choice = ChoiceOf(body), meaning.omissions = OmissionsOf(body);
  }
  meaning.names = NamesOf(item_text);
  return meaning;
}

bool SameCondition(const Meaning& a, const Meaning& b) {
  constexpr int kAlike = 60;
  return a.condition == b.condition || (a.when_not == b.when_not && AlikeAtLeast(a.when, b.when, kAlike));
}

namespace {

constexpr int kAlikeParts = 50;

// The first of one is alike the second of the other, and the other way round.
bool AreCrossed(const Pairs& a, const Pairs& b) {
  for (const auto& [first, then] : a) {
    for (const auto& [other_first, other_then] : b) {
      bool crossed =
          AlikeAtLeast(first, other_then, kAlikeParts) && AlikeAtLeast(then, other_first, kAlikeParts);
      bool straight =
          AlikeAtLeast(first, other_first, kAlikeParts) || AlikeAtLeast(then, other_then, kAlikeParts);
      if (crossed && !straight) return true;
    }
  }
  return false;
}

// One wants first what the other leaves out.
bool LeavesOut(const Meaning& a, const Meaning& b) {
  for (const auto& [left_out, done] : a.omissions) {
    for (const auto& [first, then] : b.orders) {
      if (AlikeAtLeast(left_out, first, kAlikeParts) && AlikeAtLeast(done, then, kAlikeParts)) return true;
    }
  }
  return false;
}

bool Has(const std::vector<std::string>& list, const std::string& word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

// Each has a word that the other one does not have anywhere.
bool SpeakOfOthers(const std::vector<std::string>& mine, const Meaning& a,
                   const std::vector<std::string>& theirs, const Meaning& b) {
  auto own = [](const std::vector<std::string>& words, const Meaning& other) {
    std::set<std::string> known;
    for (const std::string& word : WordsOf(PlainText(other.text))) known.insert(KeyOf(word));
    return std::any_of(words.begin(), words.end(), [&](const std::string& word) {
      bool sign = word == "!" || word.find(':') != std::string::npos;
      return !sign && !known.contains(word);
    });
  };
  return own(mine, b) && own(theirs, a);
}

// One takes what the other does not, and neither speaks of a place or purpose that the other does not know.
bool ChooseOtherwise(const Meaning& a, const Meaning& b) {
  return a.choice && b.choice &&
         AreCrossed({{a.choice->taken, a.choice->left}}, {{b.choice->taken, b.choice->left}}) &&
         !SpeakOfOthers(a.choice->about, a, b.choice->about, b);
}

// But for values, both have words that the other one does not.
bool OtherWords(const Meaning& a, const Meaning& b) {
  auto own = [](const Meaning& one, const Meaning& other) {
    return std::any_of(one.content.begin(), one.content.end(), [&](const std::string& word) {
      return word.find(':') == std::string::npos && !Has(other.content, word);
    });
  };
  return own(a, b) && own(b, a);
}

// What both hold in can be one case: it is not that each names something else, or one denies the other's.
bool ConditionsMeet(const Meaning& a, const Meaning& b) {
  constexpr int kAlike = 60;
  if (a.condition.empty() || b.condition.empty() || a.condition == b.condition) return true;
  if (AlikeAtLeast(a.when, b.when, kAlike)) return a.when_not == b.when_not;
  return !SpeakOfOthers(a.when_content, a, b.when_content, b);
}

// A name that one has stands in the other, if only as a plain word.
bool NamesAgree(const Meaning& a, const Meaning& b) {
  std::string text = ToLower(b.text);
  return std::all_of(a.names.begin(), a.names.end(), [&](const std::string& name) {
    bool number = IsDigit(name.front());
    return number || b.names.contains(name) || text.find(ToLower(name)) != std::string::npos;
  });
}

}  // namespace

bool OrdersOppose(const Meaning& a, const Meaning& b) { return AreCrossed(a.orders, b.orders); }

bool ValuesExclude(const Meaning& a, const Meaning& b) {
  auto of_kind = [](const Meaning& m, std::string_view kind) {
    std::vector<std::string_view> values;
    for (std::string_view value : m.values) {
      if (value.substr(0, value.find(':')) == kind) values.push_back(value);
    }
    return values;
  };
  for (std::string_view value : a.values) {
    std::string_view kind = value.substr(0, value.find(':'));
    std::vector<std::string_view> mine = of_kind(a, kind), theirs = of_kind(b, kind);
    if (mine.size() == theirs.size() && mine != theirs) return true;
  }
  return false;
}

bool SaysSame(const Meaning& a, const Meaning& b, int percent) {
  if (ToLower(a.text) == ToLower(b.text)) return true;
  bool same_words = !a.content.empty() && a.content == b.content && a.when_content == b.when_content;
  return same_words && a.forbids == b.forbids && a.values == b.values &&
         AlikeAtLeast(a.all, b.all, percent) && NamesAgree(a, b) && NamesAgree(b, a);
}

std::optional<ConflictType> ContradictionOf(const Meaning& a, const Meaning& b) {
  constexpr int kAlike = 50, kSameWords = 75, kShared = 10;
  auto alike = [&](int percent) {
    return AlikeAtLeast(a.all, b.all, percent) || AlikeAtLeast(a.body, b.body, percent);
  };
  // Reasons may be longer than what they are given for.
  bool choose_otherwise = ChooseOtherwise(a, b);
  if ((!alike(kAlike) && !choose_otherwise) || !ConditionsMeet(a, b)) return std::nullopt;
  bool one_unconditional = a.condition.empty() != b.condition.empty();
  bool same_words = alike(kSameWords);
  bool opposite = a.forbids != b.forbids;
  std::optional<ConflictType> type;
  if (opposite) {
    bool meet = IsPartOf(a.leading, b.all, kShared) && IsPartOf(b.leading, a.all, kShared);
    if (!meet || ValuesExclude(a, b) || SpeakOfOthers(a.object, a, b.object, b)) return std::nullopt;
    type = ConflictType::kPolarity;
  } else if (choose_otherwise || LeavesOut(a, b) || LeavesOut(b, a)) {
    type = ConflictType::kPolarity;
  } else if (OrdersOppose(a, b)) {
    type = ConflictType::kOrder;
  } else if (same_words && !a.forbids && ValuesExclude(a, b) && !OtherWords(a, b)) {
    type = ConflictType::kExclusiveValues;
  } else if (same_words && one_unconditional && a.values == b.values) {
    type = ConflictType::kConditionOverlap;
  }
  return type && one_unconditional ? ConflictType::kConditionOverlap : type;
}

}  // namespace clawtrace::distill
