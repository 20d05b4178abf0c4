#pragma once
// Words of rules in one form: spellings of a word, words for the same thing, numbers in words. What two
// sentences must share, word by word and in order, to be the same rule; likeness alone does not tell "the
// backup of the database" from "the backup of the log".
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace clawtrace::distill {

// Lower-case words: runs of letters, digits, underscores and bytes beyond ASCII.
std::vector<std::string> WordsOf(std::string_view plain);

// One form of a lower-case word: its stem, or that of the word that says the same ("directory": "folder").
std::string KeyOf(std::string_view word);

// Words that say nothing about what is to be done: articles, pronouns, forms of "be", prepositions that
// sentences swap freely.
bool IsFiller(std::string_view word);

// "three" is 3, "twice" is 2; nullopt for other words. "one" and "once" are numbers only where the words
// around them say so ("another one", "once it is done").
std::optional<int> NumberOf(const std::vector<std::string_view>& words, size_t at);

// "<=" behind "at most", ">=" behind "at least", ">" behind "more than"; "" when no bound is named.
std::string_view BoundAt(const std::vector<std::string_view>& words, size_t at);

// Phrases that say the same in one form: "prior to" is "before", "no more than" is "at most".
std::string WithPlainPhrases(std::string_view plain);

// In which case a sentence holds, and what it says then.
struct Cased {
  std::string condition;  // "" = always; begins with "not " when it was named by "unless"
  std::string body;
};
Cased CaseOf(std::string_view plain);

// What is wanted first and what then, as far as the sentence says; rest: what stands behind both.
struct Order {
  std::string first, then, rest;
};
std::optional<Order> OrderOf(std::string_view body);

}  // namespace clawtrace::distill
