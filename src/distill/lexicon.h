#pragma once
// The words that rules are made of. Traces are untrusted: apart from what stands here, only a command's name that
// passes IsCommandName may reach a rule.
#include <optional>
#include <string>
#include <string_view>

#include "distill/evidence.h"

namespace clawtrace::distill {

// A plain program name: letters, digits and . _ + -, at most 32 bytes, starting with a letter.
bool IsCommandName(std::string_view word);

// target: a redundant group's ("read NOTES.md", "exec cat a.txt"). What kind of repetition it is, by what was done
// again: "read", "list", "search", "check"; nullopt for what is not worth a rule.
std::optional<std::string> RepetitionOf(std::string_view target);
Lesson RepetitionLesson(std::string_view repetition);

// What a repaired failure teaches; nullopt where nothing general can be said of it.
std::optional<Lesson> RepairLesson(const FailedStep& failed);
Lesson RetryLesson();

}  // namespace clawtrace::distill
