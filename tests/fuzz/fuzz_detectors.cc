// Any bytes as a session of tool calls: the detectors' laws, the card and the explanations.
#include <cstdint>

#include "support/detector_laws.h"
#include "support/tool_session.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace clawtrace;
  constexpr size_t kSteps = 120;
  static const PriceBook book{};
  test::CheckDetectors(test::ToolSessionMaker({reinterpret_cast<const char*>(data), size}).Make(kSteps),
                       book);
  return 0;
}
