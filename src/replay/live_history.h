#pragma once
// How recorded tool uses are told to a model.
#include <string>
#include <string_view>

#include "model/fact.h"

namespace clawtrace::replay {

// As all providers take it: letters, digits, '_' and '-', at most 64.
std::string WireName(std::string_view name);
// A canonical JSON object; what was recorded bare, or broken, as its member "input".
std::string WireArgs(const ToolUse& tool);
// The reverse, for a tool that was recorded like this one.
std::string FromWireArgs(const ToolUse& like, const std::string& args);

}  // namespace clawtrace::replay
