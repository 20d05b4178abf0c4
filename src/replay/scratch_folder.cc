#include "replay/scratch_folder.h"

#include <fmt/core.h>

#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

namespace clawtrace::replay {
namespace {

namespace fs = std::filesystem;

// Folders that nobody may enter or write cannot be emptied either.
void OpenAll(const fs::path& folder) {
  std::error_code error;
  std::vector<fs::path> open = {folder};
  while (!open.empty()) {
    fs::path at = std::move(open.back());
    open.pop_back();
    fs::permissions(at, fs::perms::owner_all, fs::perm_options::add, error);
    for (auto entry = fs::directory_iterator(at, error); !error && entry != fs::directory_iterator();
         entry.increment(error)) {
      if (fs::is_directory(entry->symlink_status(error))) open.push_back(entry->path());
    }
  }
}

}  // namespace

Result<ScratchFolder> ScratchFolder::Make(const std::string& below, std::string_view name) {
  std::error_code error;
  fs::path real = fs::canonical(below, error);
  std::string path = (real / fmt::format("{}.XXXXXX", name)).string();
  if (error || !::mkdtemp(path.data()))
    return Fail(ErrorCode::kIo, fmt::format("cannot make a folder below {}", below),
                "temporary files need a place: set TMPDIR to a folder that can be written");
  ScratchFolder made;
  made.path_ = std::move(path);
  return made;
}

ScratchFolder::ScratchFolder(ScratchFolder&& other) noexcept : path_(std::exchange(other.path_, "")) {}

ScratchFolder& ScratchFolder::operator=(ScratchFolder&& other) noexcept {
  std::swap(path_, other.path_);
  return *this;
}

ScratchFolder::~ScratchFolder() {
  if (path_.empty()) return;
  OpenAll(path_);
  std::error_code error;
  fs::remove_all(path_, error);
}

}  // namespace clawtrace::replay
