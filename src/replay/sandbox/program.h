#pragma once
// The program as a workplace's process: what workplaces start (SandboxHost::program), and no person.
#include <optional>

namespace clawtrace::replay {

inline constexpr char kWorkplaceArgument[] = "workplace-process";
inline constexpr int kControlFile = 3;

// To be asked first in main, when there is but one thread. Nothing when the arguments are not those of a
// workplace's process; else its work is done, and the result is the program's exit code.
std::optional<int> RunAsWorkplaceProcess(int argc, const char* const* argv);

}  // namespace clawtrace::replay
