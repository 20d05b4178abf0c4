#pragma once
// What a rule's sentence says, as far as words show it: whether it asks for something or forbids it, the
// values it insists on, what it wants before what, and the names it speaks of. Where rules are compared,
// these decide whether two that sound alike say the same, contradict each other, or neither.
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "distill/merge/report.h"
#include "distill/merge/words.h"

namespace clawtrace::distill {

// "A instead of B", "A, not B", "prefer A over B": what is taken, what is not, and both.
struct Choice {
  TermVector taken, left, both;
  std::vector<std::string> about;  // words before it that say where, and beside code spans what for
};

struct Meaning {
  std::string text;       // as in the skill
  std::string condition;  // of "When CONDITION: RULE", "RULE if CONDITION", lower case; "" = always
  bool forbids = false;   // an odd number of negations in the leading clause
  TermVector all;         // words without negations, values and the condition before a colon
  TermVector body;        // and without any condition
  TermVector leading;     // words of the leading clause
  TermVector when;        // words of the condition
  bool when_not = false;  // an odd number of negations in it
  // Values that exclude each other, as "KIND:VALUE", sorted: numbers "n:5", paths "p:src/x.py", members of a
  // group of alternatives "ascending/descending:ascending".
  std::vector<std::string> values;
  std::vector<std::pair<TermVector, TermVector>> orders;  // first, then
  std::optional<Choice> choice;
  std::vector<std::pair<TermVector, TermVector>> omissions;  // "B without A": A, B
  // Every word that decides what is said, in order, in one form (content.h): "!" for a negation, "<" between
  // what comes first and what then.
  std::vector<std::string> content, when_content;
  std::vector<std::string> object;  // what the leading clause is done to
  std::set<std::string> names;      // spans of code, identifiers, paths: what other words must keep
};

// item_text: white space collapsed.
Meaning MeaningOf(std::string_view item_text);

// Both apply in the same cases, as far as can be seen: conditions alike, and neither denies the other.
bool SameCondition(const Meaning& a, const Meaning& b);

// One wants A before B, the other B before A.
bool OrdersOppose(const Meaning& a, const Meaning& b);

// The same slot is filled with different values: each has as many values of a kind as the other, and not the
// same ones.
bool ValuesExclude(const Meaning& a, const Meaning& b);

// Says the same: every word that decides is the same, in the same order, in the same cases, with the same
// names and values; and alike by at least percent. Likeness alone would count the evidence of one rule for
// another one. Texts that are equal but for case always do. Transitive but for percent.
bool SaysSame(const Meaning& a, const Meaning& b, int percent);

// What two rules that are not the same contradict each other in; nullopt: they can both be followed, as far
// as words show it. Of two rules of which one holds always and the other in some cases: kConditionOverlap.
std::optional<ConflictType> ContradictionOf(const Meaning& a, const Meaning& b);

}  // namespace clawtrace::distill
