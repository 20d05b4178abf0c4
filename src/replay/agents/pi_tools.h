#pragma once
// The tools of pi, which OpenClaw builds on.
#include <string>
#include <string_view>

#include "replay/action.h"

namespace clawtrace::replay {

Action PiRead(Json args);
Action PiEdit(Json args);
Action PiWrite(Json args);
Action PiBash(Json args);
std::string PiSaid(const Action& action, std::string_view output);

}  // namespace clawtrace::replay
