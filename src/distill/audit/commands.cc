// Caps on counts, and commands and paths in texts of ours.
#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <set>

#include "base/entities.h"
#include "base/json.h"
#include "base/text.h"
#include "distill/audit/checks.h"
#include "distill/lexicon.h"
#include "distill/number_words.h"
#include "skill/blocks.h"
#include "skill/paths.h"

namespace clawtrace::distill {
namespace {

std::vector<std::string> WordsOf(std::string_view text) {
  std::vector<std::string> words;
  std::string word;
  for (char c : ToLower(text) + " ") {
    bool part = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    if (part)
      word.push_back(c);
    else if (!word.empty())
      words.push_back(std::exchange(word, {}));
  }
  return words;
}

template <size_t N>
bool IsIn(const std::array<std::string_view, N>& words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

constexpr auto kUnits = std::to_array<std::string_view>(
    {"call",    "calls",    "time",       "times",       "search",  "searches", "read",      "reads",
     "request", "requests", "attempt",    "attempts",    "retry",   "retries",  "step",      "steps",
     "turn",    "turns",    "query",      "queries",     "command", "commands", "edit",      "edits",
     "run",     "runs",     "message",    "messages",    "try",     "tries",    "iteration", "iterations",
     "lookup",  "lookups",  "invocation", "invocations", "round",   "rounds",   "tool"});

std::optional<int64_t> NumberOf(std::string_view word) {
  if (word == "one" || word == "once") return 1;
  if (auto number = NumberWord(word)) return *number;
  return ParseInt(word);
}

// How many words before words[at] say that what follows is a bound; 0 when they do not.
size_t BoundBefore(const std::vector<std::string>& words, size_t at) {
  struct Bound {
    size_t count;
    std::string_view first, second;
  };
  constexpr auto kBounds = std::to_array<Bound>({{2, "at", "most"},
                                                 {2, "more", "than"},
                                                 {2, "up", "to"},
                                                 {2, "limited", "to"},
                                                 {2, "maximum", "of"},
                                                 {2, "fewer", "than"},
                                                 {2, "less", "than"},
                                                 {2, "limit", "of"},
                                                 {1, "max", ""},
                                                 {1, "maximum", ""},
                                                 {1, "within", ""},
                                                 {1, "only", ""},
                                                 {1, "to", ""}});
  for (const Bound& bound : kBounds) {
    if (at < bound.count) continue;
    bool fits = bound.count == 1 ? words[at - 1] == bound.first
                                 : words[at - 2] == bound.first && words[at - 1] == bound.second;
    if (!fits) continue;
    // "limit searches to 3", but not "go to 3 steps"
    if (bound.first == "to") {
      size_t from = at > 6 ? at - 6 : 0;
      auto begin = words.begin() + static_cast<std::ptrdiff_t>(from),
           end = words.begin() + static_cast<std::ptrdiff_t>(at);
      if (std::find(begin, end, "limit") == end && std::find(begin, end, "cap") == end &&
          std::find(begin, end, "restrict") == end)
        continue;
    }
    return bound.count;
  }
  return 0;
}

bool CountsActions(const std::vector<std::string>& words, size_t number) {
  constexpr size_t kWithin = 3;
  for (size_t i = number + 1; i < words.size() && i <= number + kWithin; ++i) {
    if (IsIn(kUnits, words[i])) return true;
  }
  return false;
}

// Is there a kind of step that sessions of at least three tasks did more than `cap` times, some of them for
// nothing? Only sessions that speak for the rule count.
bool HasCountPathology(const EvidenceBase& evidence, const skill::RuleRecord& record, int64_t cap) {
  std::set<std::string> cited, tasks;
  for (const skill::Evidence& each : record.evidence) cited.insert(each.session_id);
  for (const EvidenceSession& session : evidence.sessions) {
    if (!cited.contains(skill::PlainId(session.card.session_id))) continue;
    std::map<std::string, int64_t> counts;
    std::set<std::string> wasteful;
    for (const EvidenceStep& step : session.steps) ++counts[step.signature.medium];
    for (const Waste& waste : session.waste) {
      for (size_t index : waste.steps) {
        if (index < session.steps.size()) wasteful.insert(session.steps[index].signature.medium);
      }
    }
    for (const std::string& signature : wasteful) {
      if (counts[signature] > cap) tasks.insert(session.task);
    }
  }
  constexpr size_t kTasks = 3;
  return tasks.size() >= kTasks;
}

// Texts between backticks.
std::vector<std::string> CodeSpans(std::string_view text) {
  std::vector<std::string> spans;
  for (size_t at = text.find('`'); at != std::string_view::npos;) {
    size_t begin = std::min(text.find_first_not_of('`', at), text.size());
    std::string marks(begin - at, '`');
    size_t end = text.find(marks, begin);
    if (end == std::string_view::npos) break;
    spans.emplace_back(Trim(text.substr(begin, end - begin)));
    at = text.find('`', end + marks.size());
  }
  return spans;
}

bool IsOurAction(std::string_view span) {
  std::vector<Command> commands = SplitCommand(span);
  return !commands.empty() && std::all_of(commands.begin(), commands.end(), [&](const Command& command) {
    std::string_view action = ActionOf(command);
    return !action.empty() && Contains(span, action);
  });
}

bool StandsIn(const EvidenceBase& evidence, std::string_view span) {
  std::string escaped;
  AppendJsonString(span, &escaped);
  std::string_view inner = std::string_view(escaped).substr(1, escaped.size() - 2);
  for (const EvidenceSession& session : evidence.sessions) {
    if (Contains(session.prompt, span)) return true;
    for (const EvidenceStep& step : session.steps) {
      if (Contains(step.args, inner) || Contains(step.output, span)) return true;
    }
  }
  return false;
}

constexpr auto kDestructive =
    std::to_array<std::string_view>({"rm -rf",           "rm -fr",         "rm -r /",
                                     "git push --force", "git push -f",    "git reset --hard",
                                     "git clean -fd",    "git clean -xfd", "chmod 777",
                                     "chmod -r 777",     "mkfs",           "dd if=",
                                     "> /dev/sd",        "shutdown ",      "drop table",
                                     "drop database",    "truncate table", ":(){",
                                     "curl | sh",        "curl | bash",    "--no-verify",
                                     "--dangerously",    "sudo "});

// "/etc/x", "~/x", "C:\x", "../x": places of one machine.
// Each once, at most kMaxPaths: one of them blocks.
std::set<std::string> ForeignPaths(std::string_view text) {
  constexpr size_t kMaxPaths = 100;
  std::set<std::string> out;
  for (size_t at = 0; at < text.size() && out.size() < kMaxPaths;) {
    size_t end = text.find_first_of(" \t\n\"'`(),;", at);
    std::string_view token = text.substr(at, std::min(end, text.size()) - at);
    at = std::min(end, text.size()) + 1;
    while (!token.empty() && std::string_view(".:!?").find(token.back()) != std::string_view::npos)
      token.remove_suffix(1);
    bool rooted = token.size() > 2 && token[0] == '/' && token[1] != '/' &&
                  token.find('/', 1) != std::string_view::npos;
    bool home = token.starts_with("~/") || token.starts_with("$HOME/");
    bool drive = token.size() > 3 && token[1] == ':' && token[2] == '\\';
    bool usual =
        token == "/dev/null" || token.starts_with("/tmp/<") || token.find('<') != std::string_view::npos;
    if ((rooted || home || drive || Contains(token, "../")) && !usual) out.emplace(token);
  }
  return out;
}

}  // namespace

std::optional<int64_t> CapOf(std::string_view text) {
  std::vector<std::string> words = WordsOf(text);
  for (size_t at = 0; at < words.size(); ++at) {
    auto number = NumberOf(words[at]);
    if (!number) continue;
    bool adverb = words[at] == "once" || words[at] == "twice" || words[at] == "thrice";
    size_t bound = BoundBefore(words, at);
    bool only = bound == 1 && words[at - 1] == "only";
    // "only once" tells how; "at most once" how often.
    if (bound > 0 && (adverb ? !only : CountsActions(words, at))) return number;
    bool behind = at + 2 < words.size() && IsIn(kUnits, words[at + 1]) &&
                  (words[at + 2] == "max" || words[at + 2] == "maximum" || words[at + 2] == "limit");
    if (behind) return number;
  }
  for (std::string_view mark : {"<=", "\xE2\x89\xA4"}) {
    size_t at = text.find(mark);
    if (at == std::string_view::npos) continue;
    std::vector<std::string> behind = WordsOf(text.substr(at + mark.size()));
    if (!behind.empty() && NumberOf(behind[0]) && CountsActions(behind, 0)) return NumberOf(behind[0]);
  }
  return std::nullopt;
}

void CheckCaps(const AuditInput& input, Findings* out) {
  for (const OwnText& text : input.texts) {
    auto cap = text.added ? CapOf(text.text) : std::nullopt;
    if (!cap) continue;
    bool shown = text.record && input.context.evidence &&
                 HasCountPathology(*input.context.evidence, *text.record, *cap);
    if (shown) continue;
    out->push_back(FindingAbout(
        text, "hard-cap",
        fmt::format("it caps a count at {}, and no three tasks show steps beyond it that were for nothing",
                    *cap),
        text.text));
  }
}

namespace {

void CheckCopiedCommands(const EvidenceBase& evidence, const OwnText& text, Findings* out) {
  std::vector<std::string> spans = CodeSpans(text.text);
  if (text.kind == skill::BlockKind::kCode) {
    for (std::string_view line : Split(text.text, '\n')) spans.emplace_back(Trim(line));
  }
  for (const std::string& span : spans) {
    bool words = span.find(' ') != std::string::npos;
    if (words && !IsOurAction(span) && StandsIn(evidence, span))
      out->push_back(FindingAbout(text, "copied-command", "a command as a recorded session has it", span));
  }
}

}  // namespace

void CheckCommands(const AuditInput& input, Findings* out) {
  for (const OwnText& text : input.texts) {
    if (!text.added || text.kind == skill::BlockKind::kFrontMatter) continue;
    std::string lower = ToLower(text.text);
    for (std::string_view command : kDestructive) {
      if (Contains(lower, command))
        out->push_back(
            FindingAbout(text, "destructive-command", "a command that destroys or overrides", command));
    }
    bool markup = skill::HasMarkup(text.text) || skill::HasMarkup(DecodedText(text.text).text());
    if (text.kind != skill::BlockKind::kCode && markup)
      out->push_back(FindingAbout(text, "raw-html", "markup that a page would act on", ""));
    for (const std::string& path : ForeignPaths(text.text))
      out->push_back(FindingAbout(text, "copied-path", "a place of one machine", path));
    if (input.context.evidence) CheckCopiedCommands(*input.context.evidence, text, out);
  }
}

}  // namespace clawtrace::distill
