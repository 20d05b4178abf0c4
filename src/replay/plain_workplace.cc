#include "replay/plain_workplace.h"

#include <fmt/core.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "replay/sandbox/file_tools.h"
#include "replay/sandbox/remote.h"

namespace clawtrace::replay {
namespace {

namespace fs = std::filesystem;

// Makes a folder, its own, and those above it.
Status MakeNew(const std::string& folder) {
  std::error_code error;
  fs::create_directories(fs::path(folder).parent_path(), error);
  if (::mkdir(folder.c_str(), 0755) == 0) return {};
  if (errno == EEXIST)
    return Fail(ErrorCode::kAlreadyExists,
                fmt::format("{} exists: no place for a copy of the workspace", folder),
                "move it away, or replay in the sandbox");
  return Fail(ErrorCode::kIo, fmt::format("cannot make {}: {}", folder, std::strerror(errno)));
}

}  // namespace

Result<std::unique_ptr<Workplace>> OpenPlainWorkplace(const WorkplaceOptions& options,
                                                      const SandboxHost& host) {
  Setup setup{.isolated = false, .options = options, .scratch = host.scratch + "/clawtrace-XXXXXX"};
  if (::mkdtemp(setup.scratch.data()) == nullptr)
    return Fail(ErrorCode::kIo,
                fmt::format("cannot make a folder in {}: {}", host.scratch, std::strerror(errno)));
  std::error_code error;
  for (const char* name : {"/home", "/tmp"}) fs::create_directory(setup.scratch + name, error);
  setup.options.environment = FullEnvironment(options, setup.scratch + "/home", setup.scratch + "/tmp");
  auto made = MakeNew(options.at);
  if (!made) {
    fs::remove_all(setup.scratch, error);
    return std::unexpected(std::move(made.error()));
  }
  auto workplace = OpenRemote(setup, host);
  // What its process would have removed, had there been one.
  if (!workplace)
    for (const std::string& folder : {setup.options.at, setup.scratch}) RemoveFolder(folder);
  return workplace;
}

}  // namespace clawtrace::replay
