#include "distill/merge/content.h"

#include <algorithm>
#include <array>
#include <unordered_map>
#include <utility>

#include "base/hash.h"
#include "base/text.h"
#include "distill/merge/words.h"
#include "distill/number_words.h"

namespace clawtrace::distill {
namespace {

bool IsWordByte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' ||
         static_cast<unsigned char>(c) >= 0x80;
}

template <size_t N>
bool IsOneOf(const std::array<std::string_view, N>& words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

// Words for the same thing where agents are told what to do; the first stands for all. Stems.
constexpr auto kSynonyms = std::to_array<std::string_view>({"delet remov eras",
                                                            "check verify validat",
                                                            "folder directory dir",
                                                            "run ran execut",
                                                            "config configuration",
                                                            "repo repository",
                                                            "change edit modify alter",
                                                            "large big huge",
                                                            "fast quick rapid",
                                                            "start begin",
                                                            "show display",
                                                            "fix repair",
                                                            "keep retain preserv",
                                                            "whole entir",
                                                            "each every",
                                                            "only just sole merely",
                                                            "use used utiliz employ",
                                                            "environment env",
                                                            "database db",
                                                            "document doc",
                                                            "argument arg param parameter",
                                                            "error failur",
                                                            "repeatedly again",
                                                            "write wrote written writ",
                                                            "make made",
                                                            "mistake fault"});

constexpr auto kFillers = std::to_array<std::string_view>(
    {"a",      "an",       "the",       "this",     "that",   "these",  "those",  "it",     "its",
     "them",   "they",     "their",     "there",    "here",   "you",    "your",   "we",     "our",
     "is",     "are",      "be",        "been",     "being",  "was",    "were",   "will",   "would",
     "can",    "could",    "may",       "might",    "has",    "have",   "had",    "does",   "did",
     "and",    "as",       "to",        "of",       "in",     "on",     "at",     "by",     "for",
     "with",   "against",  "into",      "onto",     "any",    "some",   "also",   "too",    "very",
     "need",   "needs",    "needed",    "sense",    "point",  "reason", "simply", "really", "actually",
     "please", "always",   "do",        "must",     "should", "shall",  "ensure", "make",   "sure",
     "ever",   "remember", "carefully", "properly", "then",   "first"});

std::unordered_map<std::string_view, std::string_view, TextHash> AllSynonyms() {
  std::unordered_map<std::string_view, std::string_view, TextHash> first_of;
  for (std::string_view group : kSynonyms) {
    std::vector<std::string_view> words = Split(group, ' ');
    for (std::string_view word : words) first_of.emplace(word, words[0]);
  }
  return first_of;
}

// "asking" and "saved" are too short for StemOf; a base that technical prose knows is theirs.
std::string ShortStem(std::string stem) {
  for (std::string_view ending : {std::string_view("ing"), std::string_view("ed")}) {
    if (stem.size() < ending.size() + 2 || !stem.ends_with(ending)) continue;
    std::string base = stem.substr(0, stem.size() - ending.size());
    bool vowel = base.find_first_of("aeiouy") != std::string::npos;
    for (const std::string& word : {base + "e", base}) {
      if (vowel && word.size() > 2 && WeightOf(word) < kTopWeight) return word;
    }
  }
  return stem;
}

std::string_view Bare(std::string_view chunk) {
  while (!chunk.empty() && !IsWordByte(chunk.front())) chunk.remove_prefix(1);
  while (!chunk.empty() && !IsWordByte(chunk.back())) chunk.remove_suffix(1);
  return chunk;
}

std::string Replaced(std::string_view text, std::string_view from, std::string_view to) {
  std::string out;
  size_t begin = 0;
  for (size_t at = text.find(from); at != std::string_view::npos; at = text.find(from, begin)) {
    out.append(text.substr(begin, at - begin)).append(to);
    begin = at + from.size();
  }
  return out.append(text.substr(begin));
}

constexpr auto kCaseWords = std::to_array<std::string_view>(
    {"when", "whenever", "if", "unless", "while", "in case", "as long as", "provided that"});

// The case word that stands at the beginning; "" = none.
std::string_view CaseWordAt(std::string_view text) {
  for (std::string_view word : kCaseWords) {
    if (text.starts_with(word) && text.size() > word.size() && text[word.size()] == ' ') return word;
  }
  return {};
}

// "check if", "only when", "even if": what follows is no case, or the word before belongs to it.
bool TakesClause(std::string_view before) {
  constexpr auto kTaking = std::to_array<std::string_view>(
      {"check", "see", "test", "verify", "determine", "know", "ask", "tell", "detect", "whether", "even",
       "as", "decide", "confirm", "out", "validate", "ensure", "sure"});
  size_t space = before.rfind(' ');
  return IsOneOf(kTaking, Bare(space == std::string_view::npos ? before : before.substr(space + 1)));
}

std::string ConditionOf(std::string_view word, std::string_view text) {
  return std::string(word == "unless" ? "not " : "").append(Trim(text));
}

bool HasWords(std::string_view text) { return std::any_of(text.begin(), text.end(), IsWordByte); }

std::string_view WithoutArticle(std::string_view text, bool* has) {
  for (std::string_view article : {"the ", "a ", "an ", "your "}) {
    if (text.starts_with(article)) return *has = true, text.substr(article.size());
  }
  return *has = false, text;
}

// "write the test, then the code": the verb that both share is left out of what is ordered.
void DropSharedVerb(Order* order) {
  bool one = false, other = false;
  WithoutArticle(order->first, &one), WithoutArticle(order->then, &other);
  if (one == other) return;
  std::string& whole = one ? order->then : order->first;
  size_t space = whole.find(' ');
  if (space != std::string::npos) whole.erase(0, space + 1);
}

Order Ordered(std::string_view first, std::string_view then, std::string_view rest) {
  auto plain = [](std::string_view text) {
    text = Trim(text);
    if (text.starts_with("first ")) text.remove_prefix(6);
    if (text.ends_with(" first")) text.remove_suffix(6);
    return std::string(text);
  };
  Order order{plain(first), plain(then), std::string(rest)};
  DropSharedVerb(&order);
  return order;
}

std::optional<Order> AroundWord(std::string_view sentence, std::string_view behind, bool before) {
  std::string lead = before ? "before " : "after ";
  size_t comma = sentence.find(", ");
  if (sentence.starts_with(lead) && comma != std::string_view::npos) {
    std::string_view named = sentence.substr(lead.size(), comma - lead.size());
    std::string_view does = sentence.substr(comma + 2);
    return before ? Ordered(does, named, behind) : Ordered(named, does, behind);
  }
  size_t at = sentence.find(" " + lead);
  if (at == std::string_view::npos) return std::nullopt;
  std::string_view left = sentence.substr(0, at), right = sentence.substr(at + lead.size() + 1);
  size_t end = std::min(right.find_first_of(",;:"), right.size());
  std::string rest(right.substr(end));
  rest.append(behind);
  right = right.substr(0, end);
  return before ? Ordered(left, right, rest) : Ordered(right, left, rest);
}

std::optional<Order> AroundThen(std::string_view sentence, std::string_view behind) {
  if (sentence.starts_with("if ")) return std::nullopt;
  for (std::string_view word : {std::string_view(", then "), std::string_view(" then ")}) {
    size_t at = sentence.find(word);
    if (at == std::string_view::npos) continue;
    return Ordered(sentence.substr(0, at), sentence.substr(at + word.size()), behind);
  }
  std::string_view whole = sentence;
  while (!whole.empty() && !IsWordByte(whole.back())) whole.remove_suffix(1);
  if (!whole.ends_with(" then")) return std::nullopt;
  whole.remove_suffix(5);
  size_t split = 0, length = 0;
  for (std::string_view word : {" and ", ", ", "; "}) {
    size_t at = whole.rfind(word);
    if (at != std::string_view::npos && at >= split) split = at, length = word.size();
  }
  if (length == 0) return std::nullopt;
  return Ordered(whole.substr(0, split), whole.substr(split + length), behind);
}

}  // namespace

std::vector<std::string> WordsOf(std::string_view plain) {
  std::vector<std::string> words;
  std::string word;
  for (size_t i = 0; i <= plain.size(); ++i) {
    if (i < plain.size() && IsWordByte(plain[i])) {
      word.push_back(plain[i]);
    } else if (!word.empty()) {
      words.push_back(std::exchange(word, {}));
    }
  }
  return words;
}

std::string KeyOf(std::string_view word) {
  static const auto synonyms = AllSynonyms();
  std::string stem = ShortStem(StemOf(word));
  auto found = synonyms.find(stem);
  return found == synonyms.end() ? stem : std::string(found->second);
}

bool IsFiller(std::string_view word) { return IsOneOf(kFillers, word); }

std::optional<int> NumberOf(const std::vector<std::string_view>& words, size_t at) {
  constexpr auto kNotBefore = std::to_array<std::string_view>(
      {"another", "the", "this", "that", "each", "every", "any", "no", "which", "at", "other"});
  constexpr auto kNotBehindOne =
      std::to_array<std::string_view>({"", "of", "by", "that", "which", "or", "is"});
  constexpr auto kNotBehindOnce = std::to_array<std::string_view>(
      {"the", "a", "an", "it", "its", "you", "all", "every", "this", "that", "they", "your", "we", "these"});
  std::string_view word = Bare(words[at]);
  std::string_view last = at > 0 ? Bare(words[at - 1]) : "";
  std::string_view next = at + 1 < words.size() ? Bare(words[at + 1]) : "";
  bool ends = !words[at].ends_with(word);
  if (word == "one" && !ends && !IsOneOf(kNotBefore, last) && !IsOneOf(kNotBehindOne, next)) return 1;
  if (word == "once" && at > 0 && last != "at" && (ends || !IsOneOf(kNotBehindOnce, next))) return 1;
  return NumberWord(word);
}

std::string_view BoundAt(const std::vector<std::string_view>& words, size_t at) {
  std::string_view last = at > 0 ? Bare(words[at - 1]) : "", before = at > 1 ? Bare(words[at - 2]) : "";
  if ((before == "at" && last == "most") || (before == "up" && last == "to") ||
      (before == "maximum" && last == "of"))
    return "<=";
  if ((before == "at" && last == "least") || (before == "minimum" && last == "of")) return ">=";
  if ((before == "more" && last == "than") || last == "over" || last == "above") return ">";
  if ((before == "less" || before == "fewer") && last == "than") return "<";
  return last == "under" || last == "below" ? "<" : "";
}

std::string WithPlainPhrases(std::string_view plain) {
  static constexpr auto kPhrases =
      std::to_array<std::pair<std::string_view, std::string_view>>({{" prior to ", " before "},
                                                                    {" ahead of ", " before "},
                                                                    {" afterwards", " then"},
                                                                    {" afterward ", " then "},
                                                                    {" after that", " then"},
                                                                    {" thereafter", " then"},
                                                                    {" subsequently", " then"},
                                                                    {" followed by ", ", then "},
                                                                    {" no more than ", " at most "},
                                                                    {" not more than ", " at most "},
                                                                    {" no less than ", " at least "},
                                                                    {" no fewer than ", " at least "},
                                                                    {" more often than ", " more than "},
                                                                    {" in order to ", " to "},
                                                                    {" one hundred ", " hundred "},
                                                                    {" one thousand ", " thousand "},
                                                                    {" a hundred ", " hundred "},
                                                                    {" in the event of ", " in case of "}});
  std::string out = " " + std::string(plain) + " ";
  for (const auto& [from, to] : kPhrases) out = Replaced(out, from, to);
  return std::string(Trim(out));
}

Cased CaseOf(std::string_view plain) {
  if (std::string_view word = CaseWordAt(plain); !word.empty()) {
    size_t colon = plain.find(": "), comma = plain.find(", ");
    bool colons = plain.starts_with("when ") && colon != std::string_view::npos && colon < plain.find(". ");
    size_t end = colons ? colon : comma;
    if (end == std::string_view::npos) return {"", std::string(plain)};
    std::string_view body = plain.substr(end + 2);
    if (body.starts_with("then ")) body.remove_prefix(5);
    if (!HasWords(body)) return {"", std::string(plain)};
    return {ConditionOf(word, plain.substr(word.size(), end - word.size())), std::string(body)};
  }
  for (size_t at = plain.find(' '); at != std::string_view::npos; at = plain.find(' ', at + 1)) {
    std::string_view before = plain.substr(0, at), behind = plain.substr(at + 1);
    if (before.ends_with(".")) break;
    std::string_view word = CaseWordAt(behind);
    if (word.empty() || TakesClause(before)) continue;
    behind.remove_prefix(word.size());
    size_t end = behind.size();
    for (std::string_view mark : {". ", ", ", "; "}) end = std::min(end, behind.find(mark));
    while (before.ends_with(",")) before.remove_suffix(1);
    std::string_view condition = behind.substr(0, end);
    while (condition.ends_with(".")) condition.remove_suffix(1);
    return {ConditionOf(word, condition), std::string(before).append(behind.substr(end))};
  }
  return {"", std::string(plain)};
}

std::optional<Order> OrderOf(std::string_view body) {
  size_t stop = std::min(body.find(". "), body.size());
  std::string_view sentence = body.substr(0, stop), behind = body.substr(stop);
  for (bool before : {true, false}) {
    if (auto order = AroundWord(sentence, behind, before)) return order;
  }
  return AroundThen(sentence, behind);
}

}  // namespace clawtrace::distill
