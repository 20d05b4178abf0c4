#pragma once
// Programs that said that they could not do their work, in the output of a command that ended well. Who
// speaks tells a failure from a text that is merely shown. From the log alone; pure.
#include <set>
#include <string>
#include <string_view>

#include "tools/tool_meaning.h"

namespace clawtrace::distill {

// The kind of the first line that says so, "" when none does: as cards class errors where the line tells
// (compile::KnownErrorClass), else "traceback", "test_failure" (of checks always), "make", "fatal" or
// "error". `read_before`: lines that the agent was shown of files before; a line of a log that a program
// repeats is no failure of it.
std::string PrintedFailure(const tools::ToolMeaning& meaning, std::string_view output,
                           const std::set<std::string, std::less<>>& read_before = {});

}  // namespace clawtrace::distill
