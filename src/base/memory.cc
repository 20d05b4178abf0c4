#include "base/memory.h"

#include <sys/types.h>

#include <cstddef>

// Of jemalloc, when the program is linked with it.
extern "C" int mallctl(const char* name, void* old, size_t* old_size, void* value, size_t size)
    __attribute__((weak));

namespace clawtrace {

void GiveMemoryBackSoon() {
  if (!mallctl) return;
  ssize_t dirty = 500, muzzy = 0;  // milliseconds
  // Of arenas that are yet to come, and of the one that there is.
  mallctl("arenas.dirty_decay_ms", nullptr, nullptr, &dirty, sizeof dirty);
  mallctl("arenas.muzzy_decay_ms", nullptr, nullptr, &muzzy, sizeof muzzy);
  mallctl("arena.0.dirty_decay_ms", nullptr, nullptr, &dirty, sizeof dirty);
  mallctl("arena.0.muzzy_decay_ms", nullptr, nullptr, &muzzy, sizeof muzzy);
}

void GiveMemoryBack() {
  if (mallctl) mallctl("arena.4096.purge", nullptr, nullptr, nullptr, 0);  // MALLCTL_ARENAS_ALL
}

}  // namespace clawtrace
