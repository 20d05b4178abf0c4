#include "replay/sandbox.h"

#include <fmt/core.h>

#include "replay/sandbox/remote.h"

namespace clawtrace::replay {

Result<std::unique_ptr<Workplace>> OpenSandbox(const WorkplaceOptions& options, const SandboxHost& host) {
  Setup setup{.isolated = true, .options = options, .scratch = {}};
  setup.options.environment = FullEnvironment(options, "/home/user", "/tmp");
  return OpenRemote(setup, host);
}

Status SandboxAvailable(const SandboxHost& host) {
  auto sandbox = OpenSandbox(
      {.workspace = {}, .at = "/tmp/workspace", .mounts = {}, .environment = {}, .limits = {}}, host);
  if (!sandbox) return std::unexpected(std::move(sandbox.error()));
  auto result = (*sandbox)->Run({.shell = "exit 7", .argv = {}, .cwd = {}, .input = {}});
  if (!result) return std::unexpected(std::move(result.error()));
  if (result->exit_code != 7)
    return Fail(ErrorCode::kUnavailable,
                fmt::format("no command can be run in a sandbox: {}",
                            result->error.empty() ? result->output : result->error),
                "bash must be installed in /usr/bin or /bin");
  return {};
}

}  // namespace clawtrace::replay
