#pragma once
// Rules as sentences, from shipped words and plain names alone.
#include <string>
#include <string_view>

#include "distill/mining/features.h"

namespace clawtrace::distill {

// One Markdown sentence: what to do when the pattern goes with passing, what to leave when it goes with
// failing. "" when no useful sentence says it: to fail is nothing to do again.
std::string RuleOf(const Feature& feature, bool passes);

}  // namespace clawtrace::distill
