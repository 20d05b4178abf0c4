#include "model/usage.h"

namespace clawtrace {

Usage& Usage::operator+=(const Usage& other) {
  uncached_input += other.uncached_input;
  cache_read += other.cache_read;
  cache_write_5m += other.cache_write_5m;
  cache_write_1h += other.cache_write_1h;
  cache_write_unknown += other.cache_write_unknown;
  output += other.output;
  reasoning += other.reasoning;
  return *this;
}

bool IsPlausible(const Usage& u) {
  for (int64_t n : {u.uncached_input, u.cache_read, u.cache_write_5m, u.cache_write_1h, u.cache_write_unknown,
                    u.output, u.reasoning}) {
    if (n < 0 || n > kMaxTokensPerBucket) return false;
  }
  return true;
}

}  // namespace clawtrace
