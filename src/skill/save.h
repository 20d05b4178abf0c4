#pragma once
// The two halves of replacing a directory that must never be half there. Public to the module for its tests.
#include <filesystem>
#include <string>

#include "base/result.h"

namespace clawtrace::skill {

// Absolute spelling without a trailing slash; kInvalidInput for a path that names no directory of its own
// ("/").
Result<std::filesystem::path> DirectoryPath(const std::string& path);

// Puts prepared in the place of path; the old directory, if there was one, ends up at prepared or is gone.
// One atomic exchange where the file system has it; else two renames, between which only RecoverSave knows
// the way back.
Status SwapDirectory(const std::filesystem::path& prepared, const std::filesystem::path& path,
                     bool may_exchange);

// Where the old directory waits between the two renames.
std::filesystem::path AsidePath(const std::filesystem::path& path);

// Puts back what an interrupted SwapDirectory set aside.
Status RecoverSave(const std::filesystem::path& path);

}  // namespace clawtrace::skill
