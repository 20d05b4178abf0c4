#pragma once
// The file operations of a workplace, as the process inside does them: whatever a path leads to is what that
// process can reach, no more.
#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "replay/workplace.h"

namespace clawtrace::replay {

// Errors as Workplace says. Files of /proc are refused: they are no files.
Result<std::string> ReadInside(const std::string& path, int64_t max_bytes);
Status WriteInside(const std::string& path, std::string_view bytes);
Status RemoveInside(const std::string& path);
// kLimit when there are more than a million entries, more than 200 folders above one, or more than 16 GiB.
Result<Tree> TreeInside(const std::string& folder);

// Files, folders and links with their modes (without set-user and set-group bits) and times of change; holes
// stay holes; sockets, pipes and devices are left out.
// `to` exists and is empty. All is given to `owner`; to nobody else when that is -1. Errors: kIo, kLimit (no
// room).
Status CopyFolder(int from, int to, uid_t owner, int depth = 0);

// With all that is in it, whatever its modes; links are removed, not followed.
void RemoveFolder(const std::string& folder);

}  // namespace clawtrace::replay
