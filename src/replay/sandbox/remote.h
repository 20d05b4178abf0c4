#pragma once
// A workplace whose work another process does.
#include <memory>

#include "replay/sandbox.h"
#include "replay/sandbox/wire.h"

namespace clawtrace::replay {

// Starts the process and waits until it is ready. Errors: its own; kNotFound (no such program), kUnavailable.
Result<std::unique_ptr<Workplace>> OpenRemote(const Setup& setup, const SandboxHost& host);

// The whole environment: defaults for what is absent, by name. `home` is HOME.
std::vector<std::pair<std::string, std::string>> FullEnvironment(const WorkplaceOptions& options,
                                                                 const std::string& home,
                                                                 const std::string& temporary);

}  // namespace clawtrace::replay
