#pragma once
// Workplaces where hostile commands do no harm (docs/sandbox.md says what that means,
// docs/adr/0008-sandbox.md how). Everything that is run in one is ended and everything that it wrote is gone
// when the workplace is, also when this process is killed. Thread-safe: workplaces may be opened from several
// threads.
#include <memory>
#include <string>

#include "base/result.h"
#include "replay/workplace.h"

namespace clawtrace::replay {

// What workplaces need of the outside.
struct SandboxHost {
  std::string program;  // that calls RunAsWorkplaceProcess (sandbox/program.h) first: clawtrace itself
  std::string scratch;  // folder for temporary files; only plain workplaces need it
};

// The environment's defaults: HOME is /home/user, a folder of the sandbox's own. WorkplaceOptions::at may be
// any place but those of the system itself; an empty `workspace` shows an empty folder there. Errors:
// kNotFound (workspace, mount, program), kInvalidInput (nothing can be shown at a place), kLimit (the
// workspace must be copied, and is larger than Limits::disk_bytes), kUnavailable (this machine allows no
// sandbox: why, and what may be done). It is never opened without one of its walls.
Result<std::unique_ptr<Workplace>> OpenSandbox(const WorkplaceOptions& options, const SandboxHost& host);

// Opens one and runs a command in it. Errors: as above.
Status SandboxAvailable(const SandboxHost& host);

}  // namespace clawtrace::replay
