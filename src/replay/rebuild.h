#pragma once
// A workspace put together from what a session's own steps showed of it, where nobody kept the real one.
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "replay/timeline.h"
#include "tools/tool_meaning.h"

namespace clawtrace::replay {

// Writes into `folder` (empty, existing) every file that was shown whole before the session wrote to it, and
// says what could not be known: files shown in part, named or listed but never shown. A last line end is
// taken to be there. Only paths below the session's working directory are written; a file takes at most what
// was shown. Errors: kIo.
Result<std::vector<std::string>> RebuildWorkspace(std::span<const Moment> timeline,
                                                  std::span<const tools::ToolMeaning> meanings,
                                                  const std::string& folder);

}  // namespace clawtrace::replay
