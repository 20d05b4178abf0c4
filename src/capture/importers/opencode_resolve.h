#pragma once
// What the readers of OpenCode's records agree on with Resolve.
#include <string_view>

namespace clawtrace::capture::opencode {

inline constexpr std::string_view kSource = "opencode";
// Parts of an answer travel as calls of their own until Resolve; their stop reasons begin so.
inline constexpr std::string_view kStepPart = "part:step:", kThoughtPart = "part:thought",
                                  kRetryPart = "part:retry";

}  // namespace clawtrace::capture::opencode
