#pragma once
// Takes rights away: namespaces, identity, capabilities, system calls.
#include "base/result.h"
#include "replay/sandbox/new_root.h"

namespace clawtrace::replay {

// Root that may mount, in the namespaces that the machine started with, or somebody else.
Owner WhoRuns();

// Namespaces of its own for this process and (of processes) its children, users among them unless it is
// privileged. The process has one thread. Errors: kUnavailable, with what may be done about it.
Status Separate(const Owner& owner);

// For the first process in the new namespaces: no network but lo, a neutral host name.
Status PlainMachine();

// For good: another user, no capability, none to be had by running a program, and only harmless system calls.
// Ends with the process that started it. Errors: kUnavailable.
Status DropRights(const Owner& owner);

}  // namespace clawtrace::replay
