#pragma once
// Files. Reads never follow a file that shrinks into undefined memory (no mmap); writes are all or nothing.
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace clawtrace {

// Whole file; kLimit when it is larger than max_bytes.
Result<std::string> ReadFile(const std::filesystem::path& path, uint64_t max_bytes = uint64_t{1} << 30);
// Writes a temporary file beside path, syncs, renames over it. Creates missing parent directories.
Status WriteFileAtomically(const std::filesystem::path& path, std::string_view bytes);

}  // namespace clawtrace
