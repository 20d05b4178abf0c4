// Any bytes as a report of every reader of verdicts. Besides crashes and hangs it finds judgements beyond
// their bounds and errors that do not say why.
#include <cstdint>
#include <string_view>

#include "base/text.h"
#include "replay/verdict_reader.h"

namespace clawtrace::replay {
namespace {

void Look(const Judgement& judgement) {
  constexpr int64_t kWhole = 1'000'000;
  CT_CHECK(!judgement.score_ppm || (*judgement.score_ppm >= 0 && *judgement.score_ppm <= kWhole));
  CT_CHECK(judgement.status != OracleStatus::kError || !judgement.message.empty());
  CT_CHECK(judgement.checks.size() <= kMostChecks && judgement.metrics.size() <= kMostMetrics);
  for (const Check& check : judgement.checks) {
    CT_CHECK(check.name.size() <= kMostName && IsValidUtf8(check.name));
    CT_CHECK(check.message.size() <= kMostMessage && IsValidUtf8(check.message));
    CT_CHECK(check.evidence.size() <= kMostMessage && IsValidUtf8(check.evidence));
  }
}

void TestOne(std::string_view text) {
  for (const VerdictReader* reader : VerdictReaders()) {
    for (std::string_view name : {"result.json", "reward.txt"}) {
      (void)reader->sniff(name, text);
      auto runs = reader->read(name, text);
      CT_CHECK(runs ? !runs->empty() : !runs.error().message.empty());
      if (!runs) continue;
      for (const JudgedRun& run : *runs) Look(run.judgement);
      auto again = reader->read(name, text);
      CT_CHECK(again && *again == *runs);
    }
  }
}

}  // namespace
}  // namespace clawtrace::replay

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  clawtrace::replay::TestOne({reinterpret_cast<const char*>(data), size});
  return 0;
}
