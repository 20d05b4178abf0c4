#include "distill/lexicon.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>

#include "base/json.h"
#include "base/text.h"

namespace clawtrace::distill {
namespace {

struct Word {
  std::string_view program;
  std::string_view repetition;
};

constexpr auto kPrograms = std::to_array<Word>({
    {"cat", "read"}, {"head", "read"}, {"tail", "read"}, {"less", "read"}, {"sed", "read"}, {"nl", "read"},
    {"ls", "list"}, {"tree", "list"}, {"find", "list"}, {"fd", "list"},
    {"grep", "search"}, {"rg", "search"}, {"ag", "search"},
});

struct Phrase {
  std::string_view repetition;
  std::string_view rule;
  std::string_view what;
};

constexpr auto kRepetitions = std::to_array<Phrase>({
    {"read", "Read a file once and work from what it said; read it again only after something has written to it.", "reads"},
    {"list", "List a folder once; list it again only after files were added or removed.", "listings"},
    {"search", "Run a search once and keep its result; search again only after the files have changed.", "searches"},
    {"check", "Run a test, build or validation once per change; do not run it again while nothing has been written since.", "runs"},
});

struct Repair {
  std::string_view error_class;
  std::string_view rule;
  std::string_view condition;
};

constexpr auto kRepairs = std::to_array<Repair>({
    {"missing_directory", "Create the output folder before writing into it: `mkdir -p <dir>`.", "when a file goes into a folder that may not exist"},
    {"missing_file", "Make sure that a path exists before using it: `ls <dir>`.", "when a path was not seen in a listing"},
    {"edit_no_match", "Before an edit, read the file and copy the text to replace exactly; an edit that matches nothing changes nothing.", "when editing a file"},
    {"permission_denied", "Make a script executable before running it: `chmod +x <file>`.", "when a script is run by its path"},
    {"syntax_error", "After a syntax error, read the file at the place that the message names and correct it before running it again.", "when a script does not parse"},
    {"test_failure", "When a check fails, change what it names before running it again.", "when a test, build or validation fails"},
    {"invalid_arguments", "Look at a tool's required arguments before calling it.", "when a tool call is refused"},
    {"timeout", "Split long-running commands, or run them in the background and read their output later.", "when a command may run long"},
});

// The replacement for a missing command: the first word of what worked that is a longer or shorter spelling of it.
std::optional<std::string> VariantIn(std::string_view args, std::string_view missing) {
  JsonParser parser;
  auto json = parser.Parse(args);
  std::string command(json ? std::string() : std::string(args));
  if (json) {
    for (std::string_view key : {"command", "cmd", "script"}) {
      if (auto text = (*json)[key].string()) command = std::string(*text);
    }
  }
  std::replace_if(command.begin(), command.end(), [](char c) { return c == '\n' || c == ';' || c == '|' || c == '&' || c == '(' || c == '\t'; }, ' ');
  for (std::string_view word : Split(command, ' ')) {
    bool variant = word != missing && (word.starts_with(missing) || (missing.starts_with(word) && word.size() >= 2));
    if (variant && IsCommandName(word)) return std::string(word);
  }
  return std::nullopt;
}

}  // namespace

bool IsCommandName(std::string_view word) {
  constexpr size_t kMaxName = 32;
  auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  if (word.empty() || word.size() > kMaxName || !letter(word[0])) return false;
  return std::all_of(word.begin(), word.end(), [&](char c) { return letter(c) || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '+' || c == '-'; });
}

std::optional<std::string> RepetitionOf(std::string_view target) {
  std::string_view kind = target.substr(0, target.find(' '));
  if (kind == "read" || kind == "list" || kind == "search") return std::string(kind);
  if (kind != "exec") return std::nullopt;
  std::string_view command = target.size() > kind.size() ? Trim(target.substr(kind.size())) : std::string_view();
  std::string_view program = command.substr(0, command.find(' '));
  for (const Word& word : kPrograms) {
    if (word.program == program) return std::string(word.repetition);
  }
  return "check";
}

Lesson RepetitionLesson(std::string_view repetition) {
  for (const Phrase& phrase : kRepetitions) {
    if (phrase.repetition != repetition) continue;
    return {fmt::format("repeat:{}", repetition), std::string(phrase.rule), "",
            fmt::format("Without the repeated {} the same content was already there: each returned what the first had returned, and no step in "
                        "between named a write to it. Structural evidence (C0); not replayed.", phrase.what)};
  }
  return {};
}

std::optional<Lesson> RepairLesson(const FailedStep& failed) {
  constexpr std::string_view kMissing = "missing_command:";
  if (failed.error_class.starts_with(kMissing)) {
    std::string missing = failed.error_class.substr(kMissing.size());
    auto variant = VariantIn(failed.repair_args, missing);
    if (!IsCommandName(missing) || !variant) return std::nullopt;
    return Lesson{fmt::format("missing_command:{}:{}", missing, *variant), fmt::format("Use `{}`; the command `{}` is not installed.", *variant, missing),
                  fmt::format("where `{}` is missing", missing),
                  fmt::format("With `{}` from the start the failed attempt would not have been made; the same session succeeded with it. Not replayed.", *variant)};
  }
  for (const Repair& repair : kRepairs) {
    if (repair.error_class != failed.error_class) continue;
    return Lesson{fmt::format("repair:{}", repair.error_class), std::string(repair.rule), std::string(repair.condition),
                  "Done first, the step that failed would have met what it needed; in the same session it succeeded after that. Not replayed."};
  }
  return std::nullopt;
}

Lesson RetryLesson() {
  return {"repair:retry_unchanged", "When a step fails, change its input or what it depends on before trying again; the same call fails the same way.", "after a failed step",
          "The unchanged retries failed like the first attempt; what ended the series was a change. Not replayed."};
}

}  // namespace clawtrace::distill
