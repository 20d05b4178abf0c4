#pragma once
// What the allocator does with memory that was freed.

namespace clawtrace {

// From now on freed memory goes back to the system within a second. For programs that run on after a burst:
// by default the allocator keeps it for ten seconds, as much again as the next burst takes. Does nothing
// where the allocator is not jemalloc.
void GiveMemoryBackSoon();
// All that is free now, at once: before something large. Takes milliseconds.
void GiveMemoryBack();

}  // namespace clawtrace
