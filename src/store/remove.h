#pragma once
// Taking families out, and payload texts into packs. Both go in slices, each a commit of its own, so that
// nobody waits long for the writer; what was begun is finished after a crash.
#include <cstdint>
#include <string_view>

#include "store/readers.h"
#include "store/store.h"
#include "store/writer.h"

namespace clawtrace::store {

Result<Removed> RemoveFamilies(Readers& readers, Writer& writer, std::string_view tenant,
                               const RemoveRequest& request);
// The rest of removals that were to be finished later, or were interrupted, in about so many commits. True
// when something is left.
Result<bool> FinishRemovals(Readers& readers, Writer& writer, int64_t commits);

Result<int64_t> SealFamilies(Readers& readers, Writer& writer, int64_t unchanged_since_ns);

// Finishes removals, gives what is free back to the file system and empties the log.
Status GiveBack(Readers& readers, Writer& writer);

}  // namespace clawtrace::store
