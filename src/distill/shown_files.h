#pragma once
// Which files a step shows to its agent, as far as its call tells: commands that print what files hold show
// them, commands that tell names, sizes or sums (ls, wc) do not. Pure.
#include <string>
#include <string_view>
#include <vector>

#include "distill/evidence_base.h"
#include "tools/tool_meaning.h"

namespace clawtrace::distill {

// What a simple command that prints files names for it: paths, patterns, folders, "." when it searches the
// tree and names none. Empty for other commands and where the output goes to a file.
std::vector<std::string> ShownOperands(const tools::SimpleCommand& command);

// Files that the step printed and names one by one, normalised.
std::vector<std::string> ShownFiles(const EvidenceStep& step);

// The step printed the file: it names it, or a pattern that it matches, or a folder above it and the file in
// its output.
bool Shows(const EvidenceStep& step, std::string_view path);
// It may have: a folder above it is enough, and any program that is given the file can print it.
bool MayShow(const EvidenceStep& step, std::string_view path);

}  // namespace clawtrace::distill
