#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <filesystem>
#include <system_error>

#include "base/text.h"
#include "cli/command.h"
#include "cli/table.h"

namespace clawtrace::cli {

#define CT_COMMAND(constant) extern const Command constant;
#include "cli/commands.def"
#undef CT_COMMAND

std::span<const Command* const> Commands() {
  static constexpr auto kAll = std::to_array<const Command*>({
#define CT_COMMAND(constant) &constant,
#include "cli/commands.def"
#undef CT_COMMAND
  });
  return kAll;
}

int Report(const World& world, const Error& error) {
  // Names of files and words of the user stand in messages: nothing in them may speak to the terminal.
  auto lines = [](std::string_view text) {
    std::string out;
    for (std::string_view line : Split(text, '\n')) out += (out.empty() ? "" : "\n") + Printable(line);
    return out;
  };
  *world.err << "clawtrace: " << lines(error.message) << "\n";
  if (!error.hint.empty()) *world.err << "\nhint: " << lines(error.hint) << "\n";
  return kCouldNot;
}

namespace {

size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      size_t up = row[j];
      row[j] = std::min({up + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1])});
      diagonal = up;
    }
  }
  return row[b.size()];
}

template <class Range, class NameOf>
std::string Nearest(std::string_view word, const Range& candidates, NameOf name_of) {
  std::string best;
  size_t distance = word.size() / 2 + 1;
  for (const auto& candidate : candidates) {
    size_t d = EditDistance(word, name_of(candidate));
    if (d < distance) distance = d, best = std::string(name_of(candidate));
  }
  return best;
}

void PrintOverview(std::ostream& out) {
  out << "clawtrace " CLAWTRACE_VERSION
         " - what LLM agents did, what each step cost, what was wasted\n\nusage: clawtrace COMMAND "
         "[ARGUMENTS]\n\n";
  for (const Command* command : Commands())
    out << fmt::format("  {:<12} {}\n", command->name, command->summary);
  out << "\n  clawtrace COMMAND --help   details and flags\n  clawtrace --version\n";
}

void PrintHelp(const Command& command, std::ostream& out) {
  out << fmt::format("{}\n\nusage: clawtrace {}\n\n{}\n", command.summary, command.usage, command.details);
  if (command.flags.empty()) return;
  out << "\nflags:\n";
  for (const Flag& flag : command.flags) {
    std::string name =
        std::string(flag.name) + (flag.value_name.empty() ? "" : " " + std::string(flag.value_name));
    out << fmt::format("  {:<22} {}\n", name, flag.help);
  }
}

const Command* FindCommand(std::string_view name) {
  for (const Command* command : Commands()) {
    if (command->name == name) return command;
  }
  return nullptr;
}

int UsageError(const World& world, std::string message, std::string hint) {
  return Report(world, {ErrorCode::kInvalidInput, std::move(message), std::move(hint)});
}

// What the parser library refused, in our words.
std::string WhatIsWrong(const Command& command, const std::vector<std::string>& words) {
  for (const Flag& flag : command.flags) {
    if (flag.kind == FlagKind::kSwitch) continue;
    int64_t times = 0;
    bool valued = true;
    for (size_t i = 0; i < words.size(); ++i) {
      bool alone = words[i] == flag.name, joined = words[i].starts_with(std::string(flag.name) + "=");
      if (alone || joined) ++times;
      if (alone && (i + 1 == words.size() || words[i + 1].starts_with("--"))) valued = false;
      if (joined && words[i].size() == flag.name.size() + 1) valued = false;
    }
    if (!valued) return fmt::format("{} needs a value: {} {}", flag.name, flag.name, flag.value_name);
    if (times > 1) return fmt::format("{} is given more than once", flag.name);
  }
  auto dashed =
      std::ranges::find_if(words, [](const std::string& w) { return w.starts_with('-') && w != "-"; });
  return dashed == words.end() ? "these arguments do not fit" : fmt::format("unknown flag {}", *dashed);
}

// remaining: what the parser library made nothing of; given: all words.
Error RefusalOf(const Command& command, const std::vector<std::string>& remaining,
                const std::vector<std::string>& given) {
  std::string hint = fmt::format("clawtrace {} --help lists the flags", command.name);
  for (const std::string& word : remaining) {
    std::string near =
        word.starts_with("-") ? Nearest(word, command.flags, [](const Flag& f) { return f.name; }) : "";
    if (!near.empty()) hint = fmt::format("did you mean {}?", near);
  }
  for (const std::string& word : given) {
    bool known = std::any_of(command.flags.begin(), command.flags.end(), [&](const Flag& f) {
      return word == f.name || word.starts_with(std::string(f.name) + "=");
    });
    if (!word.starts_with("--") || known) continue;
    std::string near = Nearest(word, command.flags, [](const Flag& f) { return f.name; });
    return {ErrorCode::kInvalidInput, fmt::format("{}: unknown flag {}", command.name, word),
            near.empty() ? hint : fmt::format("did you mean {}?", near)};
  }
  return {ErrorCode::kInvalidInput, fmt::format("{}: {}", command.name, WhatIsWrong(command, given)), hint};
}

// The parser library is used for what it is good at, splitting flags from values; words are ours.
Result<Arguments> Parse(const Command& command, std::vector<std::string> words) {
  Arguments arguments;
  CLI::App app;
  app.set_help_flag();
  std::map<std::string, bool> switches;
  for (const Flag& flag : command.flags) {
    std::string name(flag.name);
    if (flag.kind == FlagKind::kSwitch)
      app.add_flag(name, switches[name]);
    else
      app.add_option(name, arguments.values[name]);
  }
  app.add_option("paths", arguments.positional);
  for (const std::string& word : words) {
    auto set = std::ranges::find_if(command.flags, [&](const Flag& flag) {
      return flag.kind == FlagKind::kSwitch && word.starts_with(std::string(flag.name) + "=");
    });
    if (set != command.flags.end())
      return Fail(ErrorCode::kInvalidInput, fmt::format("{}: {} takes no value", command.name, set->name),
                  fmt::format("write {}, or leave it out", set->name));
  }
  const std::vector<std::string> given = words;
  std::reverse(words.begin(), words.end());  // the library takes them last first, and uses them up
  try {
    app.parse(words);
  } catch (const CLI::ParseError&) {
    return std::unexpected(RefusalOf(command, app.remaining(), given));
  }
  std::erase_if(arguments.values, [&](const auto& item) { return app.get_option(item.first)->count() == 0; });
  for (auto& [name, on] : switches) {
    if (on) arguments.values[name] = "1";
  }
  return arguments;
}

// A skill is replaced as a whole, and whoever stands in it stays in what is deleted by then.
int RunFrom(const std::filesystem::path& folder, const Command& command, const Arguments& arguments,
            const World& world) {
  int code = command.run(arguments, world);
  std::error_code error;
  bool same = folder.empty() || std::filesystem::equivalent(folder, ".", error);
  if (!same && !error) *world.err << "the folder you are in was replaced: cd \"$PWD\" enters the new one\n";
  return code;
}

}  // namespace

int Main(int argc, const char* const* argv, const World& world) {
  std::vector<std::string> words(argv + std::min(argc, 1), argv + argc);
  if (words.empty() || words[0] == "--help" || words[0] == "-h" || words[0] == "help") {
    const Command* about = words.size() > 1 ? FindCommand(words[1]) : nullptr;
    if (about)
      PrintHelp(*about, *world.out);
    else
      PrintOverview(*world.out);
    return kDone;
  }
  if (words[0] == "--version" || words[0] == "-V") {
    *world.out << "clawtrace " CLAWTRACE_VERSION "\n";
    return kDone;
  }
  const Command* command = FindCommand(words[0]);
  if (!command) {
    std::string near = Nearest(words[0], Commands(), [](const Command* c) { return c->name; });
    return UsageError(world, fmt::format("no command named {}", words[0]),
                      near.empty() ? "clawtrace --help lists the commands"
                                   : fmt::format("did you mean clawtrace {}?", near));
  }
  words.erase(words.begin());
  if (std::find(words.begin(), words.end(), "--help") != words.end() ||
      std::find(words.begin(), words.end(), "-h") != words.end()) {
    PrintHelp(*command, *world.out);
    return kDone;
  }
  auto arguments = Parse(*command, std::move(words));
  if (!arguments) return Report(world, arguments.error());
  std::error_code unknown;
  return RunFrom(std::filesystem::current_path(unknown), *command, *arguments, world);
}

}  // namespace clawtrace::cli
