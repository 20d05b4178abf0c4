// Laws of detectors, on generated sessions.
#include <gtest/gtest.h>

#include <map>
#include <random>

#include "base/file.h"
#include "support/data.h"
#include "support/detector_laws.h"
#include "support/tool_session.h"

namespace clawtrace {
namespace {

TEST(DetectorPropertyTest, LawsHoldInGeneratedSessions) {
  PriceBook book = *PriceBook::FromTsv(*ReadFile(test::SourceDir() / "data/prices.tsv"), "prices.tsv");
  std::mt19937_64 random(7);
  std::map<std::string_view, size_t> findings;
  for (int round = 0; round < 80; ++round) {
    std::string bytes(200 + random() % 1500, '\0');
    for (char& byte : bytes) byte = static_cast<char>(random());
    Session session = test::ToolSessionMaker(bytes).Make();
    test::CheckDetectors(session, book);
    auto meanings = tools::MeaningsOf(session);
    compile::Scene scene(session, meanings);
    for (const compile::Detector* detector : compile::Detectors())
      findings[detector->name] += detector->find(scene).size();
  }
  for (std::string_view name : {"exact_repeat", "retry_unchanged", "superset_read", "overwritten_before_read",
                                "rederived_after_compaction", "thinking_only_turn"})
    EXPECT_GT(findings[name], 0u) << name << ": the sessions must have something to find";
}

}  // namespace
}  // namespace clawtrace
