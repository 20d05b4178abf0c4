#pragma once
// The process that does a workplace's work, on its side of the socket. It has one thread and nothing else to
// do: it is the first process of the sandbox, or in a plain workplace the one that all others descend from.
#include "replay/sandbox/run_command.h"
#include "replay/sandbox/wire.h"

namespace clawtrace::replay {

// Answers requests until the other side has gone; then every process that was started is ended.
void Serve(bool isolated, Surroundings surroundings);

}  // namespace clawtrace::replay
