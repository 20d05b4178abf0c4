#pragma once
// Memory that is not needed any more.
#include <string>

namespace clawtrace {

// Empties a text and frees what it held. To assign an empty one keeps the buffer (libstdc++ copies short
// texts into it).
inline void FreeText(std::string* text) { std::string().swap(*text); }

// From now on freed memory goes back to the system within a second. For programs that run on after a burst:
// by default the allocator keeps it for ten seconds, as much again as the next burst takes. Does nothing
// where the allocator is not jemalloc.
void GiveMemoryBackSoon();
// All that is free now, at once: before something large. Takes milliseconds.
void GiveMemoryBack();

}  // namespace clawtrace
