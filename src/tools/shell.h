#pragma once
// What a shell command line does, as far as its text tells: its simple commands, whether they only read, what
// they touch. A command is read-only when every simple command of it is on the shipped list and nothing is
// redirected to a file or substituted; anything else may write (DESIGN 6).
#include <string>
#include <string_view>
#include <vector>

namespace clawtrace::tools {

struct SimpleCommand {
  std::string program;  // without folder; "" for a lone redirection
  std::vector<std::string> arguments;
  std::vector<std::string> writes;  // targets of > and >>
  std::vector<std::string> inputs;  // sources of <
};

struct ShellCommand {
  std::vector<SimpleCommand> parts;
  bool substitution = false;  // $(...) or `...`: may run anything
  bool read_only = false;
  bool mutates = false;             // names a write outright: redirection, sed -i, mv, rm, mkdir, ...
  bool volatile_result = false;     // depends on clock, network or processes
  bool check = false;               // a test, build, lint or validation run
  std::vector<std::string> reads;   // paths named by reading commands; empty for commands on the whole tree
  std::vector<std::string> writes;  // paths named by mutating commands
  std::string program() const { return parts.empty() ? "" : parts.front().program; }
};

// Never fails: text that is not well-formed shell gives what can be told of it.
ShellCommand ParseShell(std::string_view line);

}  // namespace clawtrace::tools
