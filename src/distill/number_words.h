#pragma once
// Numbers that rules write in words.
#include <optional>
#include <string_view>

namespace clawtrace::distill {

// "three" is 3, "twenty" 20, "twice" 2; nullopt for other lower-case words. Not for "one" and "once", which
// are numbers only where the words around them say so.
std::optional<int> NumberWord(std::string_view word);

}  // namespace clawtrace::distill
