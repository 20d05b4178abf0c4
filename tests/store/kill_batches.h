#pragma once
// What the writer that is killed appends, so that the test knows what must be there.
#include <string>

#include "store/samples.h"

namespace clawtrace::store {

inline Batch KillBatch(int n) {
  std::string session = n % 2 == 0 ? "a" : "b";
  Batch batch = SampleBatch("t", session, n * 10, 1 + n % 5);
  if (n % 6 == 0)
    batch.payloads = {{"x", session, "call-" + std::to_string(n), "input", SamplePrompt(n % 12)}};
  return batch;
}

}  // namespace clawtrace::store
