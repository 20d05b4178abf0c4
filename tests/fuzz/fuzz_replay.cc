// Any bytes as a session (tests/support/generated_session.h), replayed by its texts alone: every tool use
// gets a verdict, the counts add up, nothing that may write is dropped, and the report survives being
// written.
#include <cstdint>

#include "replay/replayer.h"
#include "support/generated_session.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace clawtrace;
  static const PriceBook book = *PriceBook::FromTsv(test::kGeneratedPrices, "generated");
  Session session = test::SessionMaker({data, data + size}).Make();
  auto report = replay::Replay(PriceSession(session, book), nullptr, {});
  CT_CHECK(report.has_value());
  CT_CHECK(report->needed + report->not_needed + report->unknown == std::ssize(report->steps));
  CT_CHECK(report->minimal.has_value());
  CT_CHECK(report->minimal->kept.size() + report->minimal->dropped.size() == report->steps.size());
  CT_CHECK(report->minimal->llm_calls <= report->minimal->llm_calls_as_recorded);
  for (const StepVerdict& step : report->steps) {
    CT_CHECK(!step.reason.empty() && !step.outcome_checked);
    CT_CHECK(step.verdict == Contribution::kUnknown || step.grade == "C1");
  }
  for (bool json : {false, true}) {
    auto again = DecodeReplayReport(EncodeReplayReport(*report, json), "fuzz");
    CT_CHECK(again.has_value() && *again == *report);
  }
  return 0;
}
