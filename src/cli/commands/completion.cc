#include <fmt/core.h>

#include "cli/command.h"

namespace clawtrace::cli {
namespace {

std::string Names() {
  std::string names;
  for (const Command* command : Commands()) names += (names.empty() ? "" : " ") + std::string(command->name);
  return names;
}

std::string FlagsOf(const Command& command) {
  std::string flags;
  for (const Flag& flag : command.flags) flags += std::string(flag.name) + " ";
  return flags + "--help";
}

void Bash(std::ostream& out) {
  out << "# bash completion for clawtrace\n_clawtrace() {\n  local cur=${COMP_WORDS[COMP_CWORD]}\n"
         "  if [ \"$COMP_CWORD\" -eq 1 ]; then\n";
  out << fmt::format("    COMPREPLY=($(compgen -W \"{} --help --version\" -- \"$cur\"))\n    return\n  fi\n",
                     Names());
  out << "  local flags=\n  case ${COMP_WORDS[1]} in\n";
  for (const Command* command : Commands())
    out << fmt::format("    {}) flags=\"{}\" ;;\n", command->name, FlagsOf(*command));
  out << "  esac\n  if [[ $cur == -* ]]; then\n    COMPREPLY=($(compgen -W \"$flags\" -- \"$cur\"))\n"
         "  elif [ \"${COMP_WORDS[1]}\" = completion ]; then\n    COMPREPLY=($(compgen -W \"bash zsh fish\" "
         "-- \"$cur\"))\n"
         "  else\n    COMPREPLY=($(compgen -f -- \"$cur\"))\n  fi\n}\ncomplete -o filenames -F _clawtrace "
         "clawtrace\n";
}

std::string Quoted(std::string_view text) {
  std::string out;
  for (char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return "'" + out + "'";
}

std::string Escaped(std::string_view text, std::string_view special) {
  std::string out;
  for (char c : text) {
    if (special.find(c) != std::string_view::npos) out.push_back('\\');
    out.push_back(c);
  }
  return out;
}

void Zsh(std::ostream& out) {
  out << "#compdef clawtrace\n# zsh completion for clawtrace\n_clawtrace() {\n  local -a commands\n  "
         "commands=(\n";
  for (const Command* command : Commands())
    out << "    " << Quoted(fmt::format("{}:{}", command->name, Escaped(command->summary, ":"))) << "\n";
  out << "  )\n  if (( CURRENT == 2 )); then\n    _describe command commands\n    return\n  fi\n  case "
         "$words[2] in\n";
  for (const Command* command : Commands()) {
    out << fmt::format("    {})\n      _arguments", command->name);
    for (const Flag& flag : command->flags) {
      std::string argument =
          flag.kind == FlagKind::kSwitch
              ? ""
              : fmt::format(":{}:{}", flag.value_name, flag.kind == FlagKind::kPath ? "_files" : "");
      out << " \\\n        "
          << Quoted(fmt::format("{}[{}]{}", flag.name, Escaped(flag.help, "[]:"), argument));
    }
    out << " \\\n        "
        << Quoted(command->positional_paths       ? "*:path:_files"
                  : command->name == "completion" ? "1:shell:(bash zsh fish)"
                                                  : "*:name:")
        << "\n      ;;\n";
  }
  out << "  esac\n}\n_clawtrace \"$@\"\n";
}

void Fish(std::ostream& out) {
  out << "# fish completion for clawtrace\n";
  for (const Command* command : Commands()) {
    out << fmt::format("complete -c clawtrace -n __fish_use_subcommand -f -a {} -d {}\n", command->name,
                       Quoted(command->summary));
  }
  for (const Command* command : Commands()) {
    for (const Flag& flag : command->flags) {
      out << fmt::format("complete -c clawtrace -n '__fish_seen_subcommand_from {}' -l {}{} -d {}\n",
                         command->name, flag.name.substr(2), flag.kind == FlagKind::kSwitch ? "" : " -r",
                         Quoted(flag.help));
    }
  }
  out << "complete -c clawtrace -n '__fish_seen_subcommand_from completion' -f -a 'bash zsh fish'\n";
}

int Run(const Arguments& arguments, const World& world) {
  std::string shell = arguments.positional.size() == 1 ? arguments.positional[0] : "";
  if (shell == "bash")
    Bash(*world.out);
  else if (shell == "zsh")
    Zsh(*world.out);
  else if (shell == "fish")
    Fish(*world.out);
  else
    return Report(world,
                  {ErrorCode::kInvalidInput, "completion needs the name of one shell: bash, zsh or fish",
                   "clawtrace completion bash > ~/.local/share/bash-completion/completions/clawtrace"});
  return kDone;
}

}  // namespace

extern const Command kCompletion;
const Command kCompletion = {
    .name = "completion",
    .summary = "print shell completion for bash, zsh or fish",
    .usage = "completion bash|zsh|fish",
    .details = "Source the output, or store it where the shell looks for completions.",
    .flags = {},
    .positional_paths = false,
    .run = Run,
};

}  // namespace clawtrace::cli
