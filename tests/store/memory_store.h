#pragma once
// A store in memory: the plainest thing that keeps the promises of store.h, all of it behind one lock. It is
// here so that the conformance suite is asked of two engines.
#include <memory>

#include "store/store.h"

namespace clawtrace::store {

std::unique_ptr<Store> MakeMemoryStore();

}  // namespace clawtrace::store
