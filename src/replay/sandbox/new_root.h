#pragma once
// The files that a sandbox sees.
#include <sys/types.h>

#include <string>
#include <vector>

#include "base/result.h"
#include "replay/sandbox/open_file.h"
#include "replay/sandbox/wire.h"

namespace clawtrace::replay {

// As seen inside.
inline constexpr char kShellStartPath[] = "/dev/.clawtrace-shell";
inline constexpr uid_t kUserInside = 1000;

// Who works in the sandbox, as seen where its mounts are made.
struct Owner {
  bool privileged = false;  // mounts are made by root, and the sandbox's user is another
  uid_t uid = 0;            // of the sandbox's user; its group has the same number
};

// What of outside is shown inside besides the system: detached mounts.
struct Shown {
  OpenFile workspace;            // none: an empty one
  bool mapped = true;            // the workspace belongs to the sandbox's user, as that sees it
  std::vector<OpenFile> mounts;  // as in WorkplaceOptions
};
// Needs the right to mount. Privileged: before process namespaces are made. Errors: kNotFound, kUnavailable.
Result<Shown> TakeHold(const WorkplaceOptions& options, const Owner& owner);

// Puts a new root in place of the old one, which cannot be reached any more. By the first process of the
// sandbox, in mount and process namespaces of its own. Errors: kUnavailable (the kernel refuses a mount),
// kLimit (the workspace must be copied and is too large), kInvalidInput (a place where nothing can be shown).
Status EnterNewRoot(const WorkplaceOptions& options, const Owner& owner, Shown shown);

}  // namespace clawtrace::replay
