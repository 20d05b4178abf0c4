#pragma once
// Numbers for shuffles and resampling that are the same on every machine: SplitMix64 (Steele, Lea, Flood
// 2014), seeded with a constant. Not for secrets.
#include <cstdint>

namespace clawtrace::distill {

class FixedRandom {
 public:
  explicit FixedRandom(uint64_t seed) : state_(seed) {}

  uint64_t Next() {
    uint64_t z = (state_ += 0x9E3779B97F4A7C15U);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9U;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBU;
    return z ^ (z >> 31);
  }
  // In [0, n); n > 0 and below 2^32, so that the bias is below 2^-32.
  uint32_t Below(uint32_t n) { return static_cast<uint32_t>(((Next() >> 32) * n) >> 32); }
  // In [0, 1).
  double Unit() { return static_cast<double>(Next() >> 11) * 0x1.0p-53; }

 private:
  uint64_t state_;
};

}  // namespace clawtrace::distill
