#include "distill/mining/rules.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>

#include "base/text.h"
#include "distill/signature.h"

namespace clawtrace::distill {
namespace {

// "edit a file", "editing a file"; empty when there are no words for it.
struct Phrase {
  std::string plain, ing;
  explicit operator bool() const { return !plain.empty(); }
};

struct Words {
  std::string_view deed, verb, ing, object;
};
constexpr auto kWords = std::to_array<Words>({
    {"read", "read", "reading", "a file"},
    {"list", "list", "listing", "a folder"},
    {"search", "search", "searching", "the files"},
    {"fetch", "fetch", "fetching", "a page"},
    {"write", "write", "writing", "a file"},
    {"edit", "edit", "editing", "a file"},
    {"check", "run", "running", "a check (tests, build or linter)"},
    {"exec", "run", "running", "a command"},
    {"plan", "note", "noting", "the plan"},
    {"spawn", "start", "starting", "a sub-agent"},
    {"reply", "write", "writing", "to the user"},
    {"think", "think", "thinking", "without acting"},
});

bool IsWord(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  });
}

// "`mkdir` and `python3`" of "mkdir+python3"; "git-commit" is said as it is typed.
std::string Programs(std::string_view verbs) {
  std::string text;
  for (std::string_view verb : Split(verbs, '+')) {
    if (!IsWord(verb)) return "";
    if (verb == "program" || verb == "script") return "";
    std::string typed(verb);
    for (std::string_view program : {"git-", "npm-", "pnpm-", "yarn-", "cargo-", "go-", "pip-", "pip3-",
                                     "docker-", "make-", "uv-", "python-", "python3-"}) {
      if (!verb.starts_with(program)) continue;
      typed[program.size() - 1] = ' ';
      if (program.starts_with("python")) typed.insert(program.size(), "-m ");
      break;
    }
    text += (text.empty() ? "`" : " and `") + typed + "`";
  }
  return text;
}

// "a `.py` file outside the working directory"
std::string FileOf(std::string_view target) {
  bool outside = target.ends_with(":out");
  if (outside) target.remove_suffix(4);
  std::string text = "a file";
  if (target == "dir") text = "a folder";
  if (IsWord(target) && target != "dir" && target != "file" && target != "other" && target != "many" &&
      target != "-")
    text = fmt::format("a `.{}` file", target);
  return outside ? text + " outside the working directory" : text;
}

Phrase PhraseOf(std::string_view signature) {
  std::string_view deed = DeedOf(signature);
  constexpr std::string_view kTool = "tool:";
  if (deed.starts_with(kTool)) {
    std::string_view name = deed.substr(kTool.size());
    if (!IsToolName(name) || name == "unnamed") return {};
    return {fmt::format("call `{}`", name), fmt::format("calling `{}`", name)};
  }
  size_t colon = deed.find(':');
  std::string_view what = deed.substr(0, colon);
  const Words* words =
      std::find_if(kWords.begin(), kWords.end(), [&](const Words& w) { return w.deed == what; });
  if (words == kWords.end()) return {};
  std::string object(words->object);
  if (colon != std::string_view::npos && (what == "exec" || what == "check")) {
    object = Programs(deed.substr(colon + 1));
    if (object.empty()) return {};
  }
  auto parts = Split(signature, '|');
  constexpr size_t kFineParts = 4;
  bool file = what == "read" || what == "write" || what == "edit";
  if (file && parts.size() == kFineParts) object = FileOf(parts[1]);
  return {fmt::format("{} {}", words->verb, object), fmt::format("{} {}", words->ing, object)};
}

std::string Capital(std::string text) {
  if (!text.empty() && text[0] >= 'a' && text[0] <= 'z') text[0] = static_cast<char>(text[0] - 'a' + 'A');
  return text;
}

// "After editing a file", "When editing a file fails", "When searching the files finds nothing".
std::string After(std::string_view signature, const Phrase& phrase) {
  if (FailedStatus(signature)) return fmt::format("When {} fails", phrase.ing);
  if (StatusOf(signature) == "empty") return fmt::format("When {} finds nothing", phrase.ing);
  return fmt::format("After {}", phrase.ing);
}

// There is nothing that these are done to, which could be another the next time.
bool HasNoTarget(std::string_view signature) {
  std::string_view deed = DeedOf(signature);
  return deed == "reply" || deed == "think" || deed == "plan";
}

// How many steps of one kind follow one another is the task's choice, not the agent's, unless they are the
// same again. While nothing was done in between a file is what it was; what a tool asks may not be.
std::string Again(const Feature& feature, const Phrase& phrase) {
  if (!feature.same_again) return "";
  bool reads = DeedOf(feature.first) == "read";
  return fmt::format("{} again, {} times in a row or more, {}.", phrase.plain, feature.count,
                     reads ? "while nothing has changed it" : "with the same arguments");
}

std::string NotAgain(const Feature& feature, const Phrase& phrase) {
  bool in_vain = FailedStatus(feature.first) || StatusOf(feature.first) == "empty";
  if (!feature.same_again && !HasNoTarget(feature.first) && !in_vain) return "";
  if (feature.kind == FeatureKind::kRepeat)
    return fmt::format("Do not {} {} times in a row or more.", phrase.plain, feature.count);
  return fmt::format("Do not keep {}: when a second try brings nothing new, change the approach.",
                     phrase.ing);
}

std::string ForPassing(const Feature& feature, const Phrase& first, const Phrase& second) {
  bool first_fails = FailedStatus(feature.first), second_fails = FailedStatus(feature.second);
  bool reacts = first_fails || StatusOf(feature.first) == "empty";
  switch (feature.kind) {
    case FeatureKind::kStep:
      return reacts ? "" : fmt::format("Make sure to {}.", first.plain);
    case FeatureKind::kNext:
      if (second_fails) return "";
      return reacts ? fmt::format("{}, {}.", After(feature.first, first), second.plain)
                    : fmt::format("Right after {}, {}.", first.ing, second.plain);
    case FeatureKind::kThen:
      if (second_fails) return "";
      return reacts ? fmt::format("{}, {}.", After(feature.first, first), second.plain)
                    : fmt::format("Before {}, {}.", second.ing, first.plain);
    case FeatureKind::kRepeat:
      return reacts ? "" : Again(feature, first);
    case FeatureKind::kMissing:  // what was not done cannot be done again
    case FeatureKind::kLast:
    case FeatureKind::kLoop:
    case FeatureKind::kDear:
      return "";
  }
  return "";
}

std::string ForFailing(const Feature& feature, const Phrase& first, const Phrase& second) {
  bool first_fails = FailedStatus(feature.first), second_fails = FailedStatus(feature.second);
  switch (feature.kind) {
    case FeatureKind::kStep:
      return first_fails ? fmt::format("Before {}, make sure that it cannot fail.", first.ing)
                         : fmt::format("Avoid {} unless the task asks for it.", first.ing);
    case FeatureKind::kNext:
    case FeatureKind::kThen:
      if (second_fails) return "";
      if (first_fails) return fmt::format("{}, do not simply {}.", After(feature.first, first), second.plain);
      return fmt::format("Do not {} {} after {}.", second.plain,
                         feature.kind == FeatureKind::kNext ? "right" : "soon", first.ing);
    case FeatureKind::kRepeat:
    case FeatureKind::kLoop:
      return NotAgain(feature, first);
    case FeatureKind::kMissing:
      return second_fails
                 ? ""
                 : fmt::format("{}, {} before finishing.", After(feature.first, first), second.plain);
    case FeatureKind::kDear:
      return fmt::format("Keep {} small: it is what costs most.", first.ing);
    case FeatureKind::kLast:
      if (feature.first == "last_change_unchecked")
        return "After the last change, run a check (tests, build or linter) before finishing.";
      if (feature.first == "error_left")
        return "Do not finish while something failed and nothing else was done in its place.";
      if (feature.first == "redundant")
        return "Do not repeat reads and commands whose results are known already.";
      return "";
  }
  return "";
}

}  // namespace

std::string RuleOf(const Feature& feature, bool passes) {
  bool fact = feature.kind == FeatureKind::kLast;
  Phrase first = fact ? Phrase() : PhraseOf(feature.first);
  Phrase second = feature.second.empty() ? Phrase() : PhraseOf(feature.second);
  if (!fact && (!first || (!feature.second.empty() && !second))) return "";
  // Signatures that differ only in what the words leave out say nothing: "read a file before reading a file".
  if (second && first.plain == second.plain) return "";
  return Capital(passes ? ForPassing(feature, first, second) : ForFailing(feature, first, second));
}

}  // namespace clawtrace::distill
