#pragma once
// The system calls that no process of a sandbox may make.
#include "base/result.h"

namespace clawtrace::replay {

// For this process and all that it starts, for good. Everything is allowed but what replayed tools have no
// use for and what reaches the kernel's rarely tried corners: mounts, namespaces, tracing, modules, BPF,
// io_uring, keys, machine state, sockets other than local and IP, typing into a terminal; memory that no
// limit of ours counts; and what would slow or starve the sandbox's first process. Errors: kUnavailable.
Status DenyCalls();

}  // namespace clawtrace::replay
