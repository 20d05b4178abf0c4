// Signatures over recordings of one script by three clients: what a step was does not depend on who logged
// it.
#include "distill/signature.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "capture/gather.h"
#include "compile/failures.h"
#include "support/data.h"

namespace clawtrace {
namespace {

namespace fs = std::filesystem;

struct Signatures {
  std::vector<std::string> medium, fine;
};

Signatures SignaturesOf(const fs::path& recording) {
  Signatures signatures;
  capture::Plan plan = capture::PlanInputs({(recording / "session").string()});
  for (const capture::Unit& unit : plan.units) {
    for (const Session& session : capture::ReadUnit(unit, plan, {}).sessions) {
      auto meanings = compile::MeaningsOf(session);
      compile::Scene scene(session, meanings);
      std::map<size_t, std::string> errors;
      for (const compile::Failure& failure : compile::FindFailures(scene)) {
        errors[failure.step] = failure.error_class;
        for (size_t retry : failure.retries) errors[retry] = failure.error_class;
      }
      for (size_t i = 0; i < session.steps.size(); ++i) {
        const Step& step = session.steps[i];
        if (step.abandoned || step.kind == StepKind::kLlmCall) continue;
        distill::Signature signature = distill::SignatureOf(step, meanings[i], errors[i]);
        signatures.medium.push_back(signature.medium);
        signatures.fine.push_back(signature.fine);
      }
    }
  }
  return signatures;
}

// What was done, whatever came of it.
std::vector<std::string> Deeds(std::vector<std::string> signatures) {
  for (std::string& signature : signatures) signature.erase(signature.rfind('|'));
  return signatures;
}

TEST(ClientSignatureTest, AreTheSameForEveryClient) {
  CT_NEEDS_SHARED_DATA();
  fs::path recordings = test::SharedData() / "suite/recordings";
  if (!fs::is_directory(recordings)) GTEST_SKIP() << "needs suite/recordings, which is not there";
  size_t steps = 0;
  for (const auto& task : fs::directory_iterator(recordings)) {
    for (const auto& run : fs::directory_iterator(task.path())) {
      Signatures pi = SignaturesOf(run.path() / "pi");
      EXPECT_FALSE(pi.medium.empty()) << run.path();
      steps += pi.medium.size();
      for (const char* client : {"claude-code", "codex"}) {
        Signatures other = SignaturesOf(run.path() / client);
        EXPECT_EQ(Deeds(other.medium), Deeds(pi.medium)) << run.path() / client;
        EXPECT_EQ(Deeds(other.fine), Deeds(pi.fine)) << run.path() / client;
        // A client may refuse what the others do, which is an outcome; not so in these.
        if (run.path().filename() != "lean") continue;
        EXPECT_EQ(other.medium, pi.medium) << run.path() / client;
        EXPECT_EQ(other.fine, pi.fine) << run.path() / client;
      }
    }
  }
  EXPECT_GT(steps, 100u) << "recordings without steps would pass too";
}

}  // namespace
}  // namespace clawtrace
