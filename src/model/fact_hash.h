#pragma once
#include <cstdint>

#include "model/fact.h"

namespace clawtrace {

// Content hash of a fact: equal for equal facts, stable between runs and machines.
uint64_t HashOf(const Fact& fact);

}  // namespace clawtrace
