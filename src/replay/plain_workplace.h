#pragma once
// A workplace without walls: commands run as the user, with the user's files and network, in a copy of the
// workspace. Only for users who ask for it in so many words. Kept are: the workspace itself, the caller's
// environment, the limits of a process (CPU, files, time) and those on processes and memory together as far
// as looking every 20 ms goes; what a command writes elsewhere stays, and Limits::disk_bytes is not kept.
#include <memory>

#include "replay/sandbox.h"

namespace clawtrace::replay {

// The copy is made at WorkplaceOptions::at itself, since recorded commands may name it: it must not exist
// yet, and is removed with the workplace. Mounts are links, made where nothing is yet. Errors: kAlreadyExists
// (at, or a mount's place), kNotFound (workspace, program), kIo, kUnavailable.
Result<std::unique_ptr<Workplace>> OpenPlainWorkplace(const WorkplaceOptions& options,
                                                      const SandboxHost& host);

}  // namespace clawtrace::replay
