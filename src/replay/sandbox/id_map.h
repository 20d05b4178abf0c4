#pragma once
// User namespaces: who is who.
#include <sys/types.h>

#include <string>

#include "base/result.h"
#include "replay/sandbox/open_file.h"

namespace clawtrace::replay {

// The calling process has just made a user namespace: `outside` is `inside` there, and nobody else is
// anybody. Groups likewise. Errors: kUnavailable.
Status MapSelf(uid_t inside, uid_t outside, gid_t outside_group);

// A user namespace that exchanges two users (and two groups) and leaves all others as they are: mounts that
// are mapped by it show the files of one as the other's. Needs root. Errors: kUnavailable.
struct Exchange {
  uid_t user = 0, with_user = 0;
  gid_t group = 0, with_group = 0;
};
Result<OpenFile> NamespaceOf(const Exchange& exchange);

}  // namespace clawtrace::replay
