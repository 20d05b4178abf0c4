#include "distill/merge/other_words.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>
#include <vector>

#include "base/text.h"
#include "distill/merge/content.h"
#include "distill/merge/meaning.h"
#include "distill/number_words.h"

namespace clawtrace::distill {
namespace {

template <size_t N>
bool IsOneOf(const std::array<std::string_view, N>& words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

struct Token {
  enum class Kind { kWord, kName, kMark };
  std::string text;  // of a word lower case, of a name as it is written
  Kind kind = Kind::kWord;
  bool operator==(const Token&) const = default;
  auto operator<=>(const Token&) const = default;
};
using Tokens = std::vector<Token>;

bool IsMark(const Token& token) { return token.kind == Token::Kind::kMark; }

bool IsLetter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || static_cast<unsigned char>(c) >= 0x80;
}

bool IsCapital(char c) { return c >= 'A' && c <= 'Z'; }

// Numbers, paths, identifiers, "UTF-8", "README": nothing in them is a matter of words.
bool IsName(std::string_view chunk) {
  if (std::any_of(chunk.begin() + 1, chunk.end(), IsCapital)) return true;
  return !std::all_of(chunk.begin(), chunk.end(),
                      [](char c) { return IsLetter(c) || c == '-' || c == '\''; });
}

std::string Replaced(std::string text, std::string_view from, std::string_view to) {
  for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
    text.replace(at, from.size(), to);
  return text;
}

void AddWord(std::string word, Tokens* tokens) {
  constexpr std::string_view kNot = "n't";
  bool contracted = word.size() > kNot.size() && word.ends_with(kNot);
  if (contracted) word.resize(word.size() - kNot.size());
  bool denied = contracted || word == "cannot";
  if (word == "ca" || word == "cannot") word = "can";
  if (contracted && word == "wo") word = "will";
  tokens->push_back({.text = std::move(word)});
  if (denied) tokens->push_back({.text = "not"});
}

void AddChunk(std::string_view chunk, Tokens* tokens) {
  constexpr std::string_view kBefore = "([{\"'*-", kBehind = ")]}\"'*.,;:!?-";
  auto mark = [](char c) { return Token{.text = std::string(1, c), .kind = Token::Kind::kMark}; };
  // "--flag" and "-v" are names; a dash alone is a mark.
  bool is_flag = chunk.size() > 1 && chunk.front() == '-';
  while (!is_flag && !chunk.empty() && kBefore.find(chunk.front()) != std::string_view::npos) {
    tokens->push_back(mark(chunk.front()));
    chunk.remove_prefix(1);
  }
  Tokens behind;
  while (!chunk.empty() && kBehind.find(chunk.back()) != std::string_view::npos) {
    behind.insert(behind.begin(), mark(chunk.back()));
    chunk.remove_suffix(1);
  }
  if (!chunk.empty() && IsName(chunk))
    tokens->push_back({.text = std::string(chunk), .kind = Token::Kind::kName});
  else if (!chunk.empty())
    AddWord(ToLower(chunk), tokens);
  tokens->insert(tokens->end(), behind.begin(), behind.end());
}

// Typographic quotes and dashes are the plain ones.
std::string WithPlainMarks(std::string_view text) {
  static constexpr auto kMarks =
      std::to_array<std::pair<std::string_view, std::string_view>>({{"\xe2\x80\x98", "'"},
                                                                    {"\xe2\x80\x99", "'"},
                                                                    {"\xe2\x80\x9c", "\""},
                                                                    {"\xe2\x80\x9d", "\""},
                                                                    {"\xe2\x80\x94", " - "},
                                                                    {"\xe2\x80\x93", " - "},
                                                                    {"\xe2\x80\xa6", " ... "}});
  std::string plain(text);
  for (const auto& [from, to] : kMarks) plain = Replaced(std::move(plain), from, to);
  return plain;
}

Tokens Scanned(std::string_view text) {
  Tokens tokens;
  while (!text.empty()) {
    size_t open = text.find('`');
    size_t close = open == std::string_view::npos ? open : text.find('`', open + 1);
    if (close == std::string_view::npos) open = text.size();
    std::string prose = WithPlainMarks(text.substr(0, open));
    for (std::string_view chunk : Split(prose, ' ')) {
      if (!chunk.empty()) AddChunk(chunk, &tokens);
    }
    if (close == std::string_view::npos) break;
    // With its marks: a word in code is another thing than the word.
    std::string_view code = text.substr(open, close + 1 - open);
    tokens.push_back({.text = std::string(code), .kind = Token::Kind::kName});
    text.remove_prefix(close + 1);
  }
  return tokens;
}

// Nothing, a mark, or what a clause of its own begins behind.
bool BeginsClause(const Tokens& tokens) {
  constexpr auto kMarks = std::to_array<std::string_view>({".", ";", ":", ",", "-"});
  return tokens.empty() || (IsMark(tokens.back()) && IsOneOf(kMarks, tokens.back().text));
}

bool Follows(const Tokens& tokens, size_t at, const std::vector<std::string_view>& words) {
  if (words.size() > tokens.size() - at) return false;
  return std::equal(words.begin(), words.end(), tokens.begin() + static_cast<std::ptrdiff_t>(at),
                    [](std::string_view word, const Token& token) {
                      return token.kind == Token::Kind::kWord && token.text == word;
                    });
}

// Phrases in the words that all of them are compared in.
Tokens WithOnePhrase(const Tokens& tokens) {
  static constexpr auto kPhrases =
      std::to_array<std::pair<std::string_view, std::string_view>>({{"prior to", "before"},
                                                                    {"more often than", "more than"},
                                                                    {"no more than", "at most"},
                                                                    {"not more than", "at most"},
                                                                    {"no less than", "at least"},
                                                                    {"no fewer than", "at least"},
                                                                    {"in order to", "to"},
                                                                    {"one hundred", "hundred"},
                                                                    {"one thousand", "thousand"}});
  Tokens out;
  for (size_t i = 0; i < tokens.size();) {
    auto phrase = std::find_if(kPhrases.begin(), kPhrases.end(),
                               [&](const auto& each) { return Follows(tokens, i, Split(each.first, ' ')); });
    if (phrase == kPhrases.end()) {
      out.push_back(tokens[i++]);
      continue;
    }
    for (std::string_view word : Split(phrase->second, ' ')) out.push_back({.text = std::string(word)});
    i += Split(phrase->first, ' ').size();
  }
  return out;
}

// Only where a clause begins, "do not" is a command: "files that do not change" are not those that never do.
Tokens WithOneCommand(const Tokens& tokens) {
  constexpr auto kArticles = std::to_array<std::string_view>({"a", "an", "the"});
  Tokens out;
  for (size_t i = 0; i < tokens.size(); ++i) {
    const Token& token = tokens[i];
    bool is_word = token.kind == Token::Kind::kWord, begins = BeginsClause(out);
    if (is_word && IsOneOf(kArticles, token.text)) continue;
    if (begins && is_word && (token.text == "always" || token.text == "please")) continue;
    if (begins && (Follows(tokens, i, {"never"}) || Follows(tokens, i, {"do", "not"}))) {
      i += token.text == "do";
      out.push_back({.text = "!"});
    } else if (begins && is_word && (token.text == "if" || token.text == "whenever")) {
      out.push_back({.text = "when"});
    } else {
      out.push_back(token);
    }
  }
  bool stops = !out.empty() && IsMark(out.back()) && out.back().text == ".";
  if (stops) out.pop_back();
  return out;
}

// "Before X, Y" is "Y before X" where Y is one command without a part that the case could belong to.
void MoveCase(Tokens* tokens, size_t begin, size_t end) {
  constexpr auto kCases =
      std::to_array<std::string_view>({"when", "before", "after", "unless", "until", "while"});
  constexpr auto kParts =
      std::to_array<std::string_view>({"and", "or", "but", "then", "because", "since", "so", "as", "that",
                                       "which", "who", "where", "once", "if", "whenever"});
  auto at = [&](size_t i) { return tokens->begin() + static_cast<std::ptrdiff_t>(i); };
  auto is = [](const auto& list, const Token& token) {
    return token.kind == Token::Kind::kWord && IsOneOf(list, token.text);
  };
  if (begin == end || !is(kCases, (*tokens)[begin])) return;
  auto is_mark = [](const Token& token) { return IsMark(token); };
  auto comma = std::find_if(at(begin), at(end), is_mark);
  if (comma == at(end) || comma->text != "," || comma + 1 == at(end)) return;
  bool single = std::none_of(comma + 1, at(end), [&](const Token& token) {
    return IsMark(token) || is(kCases, token) || is(kParts, token);
  });
  if (!single) return;
  Tokens moved(comma + 1, at(end));
  moved.insert(moved.end(), at(begin), comma);
  tokens->erase(std::copy(moved.begin(), moved.end(), at(begin)), at(end));
}

void MoveCases(Tokens* tokens) {
  auto separates = [](const Token& token) { return IsMark(token) && token.text != ","; };
  for (size_t end = tokens->size();;) {
    size_t begin = end;
    while (begin > 0 && !separates((*tokens)[begin - 1])) --begin;
    MoveCase(tokens, begin, end);
    if (begin == 0) return;
    end = begin - 1;
  }
}

// Words that deny, and words that name a case: no synonym and no form of theirs is another of them.
constexpr auto kDenying = std::to_array<std::string_view>(
    {"!", "not", "no", "never", "none", "neither", "nor", "nothing", "without", "always"});
constexpr auto kCaseWords =
    std::to_array<std::string_view>({"when", "whenever", "while", "if", "unless", "until", "before", "after",
                                     "once", "only", "except", "during", "provided"});

// Synonyms stand for each other in the same form: "edited files" are "modified files", not files to edit.
std::string FormOf(std::string_view word) {
  constexpr auto kPast = std::to_array<std::string_view>({"made", "ran", "wrote", "written"});
  // The table has them for comparing rules; here each says something else than the others of its group.
  constexpr auto kOwn = std::to_array<std::string_view>(
      {"just", "merely", "sole", "repeatedly", "huge", "this", "these", "that", "those"});
  bool is_own = IsOneOf(kOwn, word) || IsOneOf(kDenying, word) || IsOneOf(kCaseWords, word);
  if (is_own || word.find('-') != std::string_view::npos) return std::string(word);
  std::string_view form = word.ends_with("ed") || IsOneOf(kPast, word) ? "+ed"
                          : word.ends_with("ing")                      ? "+ing"
                                                                       : "";
  // Of the first word of a group too: it stands in the table as it is written.
  return KeyOf(KeyOf(word)).append(form);
}

Tokens TokensOf(std::string_view text) {
  Tokens tokens = WithOneCommand(WithOnePhrase(Scanned(text)));
  MoveCases(&tokens);
  for (Token& token : tokens) {
    if (token.kind != Token::Kind::kWord) continue;
    auto number = NumberWord(token.text);
    if (number && token.text != "twice" && token.text != "thrice")
      token = {.text = std::to_string(*number), .kind = Token::Kind::kName};
    else
      token.text = FormOf(token.text);
  }
  return tokens;
}

template <typename Wanted>
Tokens Sorted(const Tokens& tokens, const Wanted& wanted) {
  Tokens out;
  std::copy_if(tokens.begin(), tokens.end(), std::back_inserter(out), wanted);
  std::sort(out.begin(), out.end());
  return out;
}

}  // namespace

std::string ProblemOfOtherWords(std::string_view text, std::string_view other) {
  Meaning old = MeaningOf(text), meaning = MeaningOf(other);
  Tokens was = TokensOf(text), is = TokensOf(other);
  auto differ = [&](const auto& wanted) { return Sorted(was, wanted) != Sorted(is, wanted); };
  auto one_of = [](const auto& list) {
    return
        [&list](const Token& token) { return token.kind == Token::Kind::kWord && IsOneOf(list, token.text); };
  };
  if (meaning.forbids != old.forbids) return "refused_polarity";
  if (meaning.values != old.values) return "refused_values";
  if (differ([](const Token& token) { return token.kind == Token::Kind::kName; })) return "refused_names";
  if (OrdersOppose(meaning, old)) return "refused_order";
  if (was == is) return "";
  if (differ(one_of(kCaseWords))) return "refused_condition";
  if (differ(one_of(kDenying))) return "refused_polarity";
  if (differ([](const Token& token) { return !IsMark(token); })) return "refused_words";
  std::erase_if(was, IsMark), std::erase_if(is, IsMark);
  return was == is ? "refused_punctuation" : "refused_order";
}

}  // namespace clawtrace::distill
