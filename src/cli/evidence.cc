#include "cli/evidence.h"

#include <mutex>

#include "cli/replay_stage.h"
#include "cli/whole_sessions.h"
#include "replay/replayer.h"

namespace clawtrace::cli {
namespace {

Result<ReplayReport> VerdictsOf(const WholeSession& whole, const Verdicts& verdicts, const World& world) {
  if (const ReplayReport* given = verdicts.given ? verdicts.given->Find(whole.session) : nullptr)
    return *given;
  if (verdicts.cases) {
    auto found = verdicts.cases->find(whole.session.id);
    if (found != verdicts.cases->end() && !found->second.workspace.empty()) {
      const distill::Case& one = found->second;
      StageSpec spec{.workspace = one.workspace, .oracle = one.oracle, .tests = one.tests, .at = one.at};
      if (!world.cache_dir.empty()) spec.cache = world.cache_dir + "/replay";
      return ReplayOn(spec, whole, {}, world);
    }
  }
  if (whole.replay) return *whole.replay;
  return replay::Replay(whole.priced, nullptr, {});
}

}  // namespace

Result<distill::EvidenceBase> ReadEvidence(const Selection& selection, const PriceBook& book,
                                           const World& world, const Verdicts& verdicts) {
  std::vector<distill::EvidenceSession> sessions;
  std::mutex mutex;
  Status read = ForEachWholeSession(selection, book, world, [&](const WholeSession& whole) -> Status {
    auto report = VerdictsOf(whole, verdicts, world);
    if (!report) return std::unexpected(std::move(report.error()));
    distill::EvidenceSession session = distill::Extract(whole.priced, book, &*report);
    std::lock_guard lock(mutex);
    sessions.push_back(std::move(session));
    return {};
  });
  if (!read) return std::unexpected(std::move(read.error()));
  return distill::Gather(std::move(sessions));
}

}  // namespace clawtrace::cli
