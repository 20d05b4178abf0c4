#pragma once
// Whether a model's words for a rule say what the rule says, and nothing else. Only what closed lists of
// words show to be the same is taken: a rule that keeps its own words loses nothing.
#include <string>
#include <string_view>

namespace clawtrace::distill {

// text: what the rule says now, with its condition; both with white space collapsed. "": other may stand in
// its place; else the code of why not (docs/merge.md, Reword).
std::string ProblemOfOtherWords(std::string_view text, std::string_view other);

}  // namespace clawtrace::distill
