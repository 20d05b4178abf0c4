#pragma once
// The tools of Gemini CLI, which Qwen Code and iFlow CLI build on.
#include <string>
#include <string_view>

#include "replay/action.h"

namespace clawtrace::replay {

Action GeminiRead(Json args);
Action GeminiReplace(Json args);
Action GeminiShell(Json args);
Action GeminiSearch(Json args);
std::string GeminiSaid(const Action& action, std::string_view output);

}  // namespace clawtrace::replay
