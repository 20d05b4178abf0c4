// Any bytes as a session (tests/support/generated_session.h), priced and taken apart: both views of its cost
// sum to the same, no share is negative, savings are those of a set and never more than the whole.
#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include "support/generated_session.h"
#include "support/money_invariants.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace clawtrace;
  static const PriceBook book = *PriceBook::FromTsv(test::kGeneratedPrices, "generated");
  Session session = test::SessionMaker({data, data + size}).Make();
  std::string broken = test::BrokenMoney(PriceSession(session, book), size);
  if (!broken.empty()) std::fprintf(stderr, "%s\n", broken.c_str());
  CT_CHECK(broken.empty());
  return 0;
}
