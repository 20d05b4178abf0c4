// Any bytes as sessions (tests/support/tool_session.h) that are extracted, gathered and distilled: steps and
// savings are the session's own, every patch is well formed, and no word of a session that only it has
// reaches a rule.
#include <cstdint>

#include "distill/distill.h"
#include "distill/seed.h"
#include "replay/replayer.h"
#include "support/generated_session.h"
#include "support/tool_session.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace clawtrace;
  static const PriceBook book = *PriceBook::FromTsv(test::kGeneratedPrices, "generated");
  std::string_view bytes(reinterpret_cast<const char*>(data), size);
  std::vector<distill::EvidenceSession> sessions;
  for (int part = 0; part < 4; ++part) {
    size_t from = size * static_cast<size_t>(part) / 4;
    Session session = test::ToolSessionMaker(bytes.substr(from)).Make(60);
    session.id = "s" + std::to_string(part), session.task_id = "t" + std::to_string(part / 2);
    session.prompt += " zebra-kept.csv";
    if (part > 1)
      session.outcome = {part == 2 ? Verdict::kSuccess : Verdict::kFailure, OutcomeSource::kUser, {}, {}};
    PricedSession priced = PriceSession(session, book);
    auto report = replay::Replay(priced, nullptr, {});
    CT_CHECK(report.has_value());
    sessions.push_back(distill::Extract(priced, book, part % 2 ? &*report : nullptr));
    const distill::EvidenceSession& got = sessions.back();
    for (const distill::Waste& waste : got.waste) {
      for (size_t step : waste.steps) CT_CHECK(step < got.steps.size());
      CT_CHECK(!waste.saved_usd || *waste.saved_usd >= Usd());
      CT_CHECK(!waste.proven || !waste.steps.empty());
    }
  }
  distill::EvidenceBase base = distill::Gather(std::move(sessions));
  CT_CHECK(distill::WhenNotTo(base).size() == 6);
  for (const Patch& patch : distill::ProposePatches(base)) {
    CT_CHECK(!patch.rule.empty() && patch.rule.find("zebra") == std::string::npos);
    CT_CHECK(patch.support.value_or(0) <= patch.exposed.value_or(0));
    for (bool json : {false, true}) {
      auto again = DecodePatch(EncodePatch(patch, json), "fuzz");
      CT_CHECK(again.has_value() && *again == patch);
    }
  }
  return 0;
}
