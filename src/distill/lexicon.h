#pragma once
// The words that rules may use for what agents did. Logs are untrusted: a command reaches a rule only as an
// action of this list with its operands abstracted, or as a program name of a plain shape; everything else is
// described.
#include <string>
#include <string_view>
#include <vector>

namespace clawtrace::distill {

// A command line as its simple commands: words without quotes and redirections, wrappers (sudo, env, timeout
// 5) and leading assignments taken off.
struct Command {
  std::vector<std::string> words;
  std::string_view program() const { return words.empty() ? std::string_view() : std::string_view(words[0]); }
  std::string_view word(size_t index) const {
    return index < words.size() ? std::string_view(words[index]) : std::string_view();
  }
};
std::vector<Command> SplitCommand(std::string_view line);

// What running a command line finds out.
enum class CommandKind { kRead, kList, kSearch, kCheck, kState, kOther };
CommandKind KindOf(std::string_view line);

// [A-Za-z0-9._+-]{1,32}, at most two parts unless the list has it: too short to carry a sentence.
bool IsPlainName(std::string_view name);
bool IsKnownProgram(std::string_view name);
bool IsInterpreter(std::string_view name);  // runs a script given as its first operand

// "mkdir -p <dir>" for any mkdir, "pip install <package>" ...; "" when the list does not have the action.
std::string_view ActionOf(const Command& command);

}  // namespace clawtrace::distill
