#pragma once
// Does a text for a skill give away what only the recorded tasks hold? Literals and phrases of prompts, tool
// inputs, outputs and gold texts, as SkillEvolver's audit compares them (checks 2 and 6), without the words
// that everybody uses.
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "distill/evidence_base.h"

namespace clawtrace::distill {

struct Leak {
  std::string literal;  // as the text has it
  std::string source;   // "prompt", "input", "output", "gold": the first of these that holds it
  bool phrase = false;  // a run of words; else one literal
  bool operator==(const Leak&) const = default;
  auto operator<=>(const Leak&) const = default;
};

struct LeakSources {
  const EvidenceBase* evidence = nullptr;  // may be nullptr: then gold alone
  std::vector<std::string> gold;           // expected answers and files of tests
  std::set<std::string> exempt;            // lower case: words that stand in the skill already
};

// Of each text its leaks, sorted. A literal has at least kLeastLiteral characters; it is none when it is a
// common word, the name of a tool that was used or of a known program, exempt, or when at least
// kUnrelatedTasks unrelated tasks hold it: tasks are unrelated when they differ, and for literals with digits
// when their workspaces differ. A phrase is a run of kPhraseWords words that fewer tasks hold. What gold
// texts hold leaks however many tasks hold it. Time grows linearly with the evidence.
inline constexpr size_t kLeastLiteral = 4, kPhraseWords = 6, kUnrelatedTasks = 3;
std::vector<std::vector<Leak>> FindLeaks(const LeakSources& sources, const std::vector<std::string>& texts);

// The literals of a text, lower case, longer ones with the parts of their paths.
std::set<std::string> LiteralsOf(std::string_view text);

// word is lower case, ASCII letters: it, or what it is derived from by an ending, is in the shipped list.
bool IsCommonWord(std::string_view word);

}  // namespace clawtrace::distill
