#include "cli/replay_stage.h"

#include <fmt/core.h>

#include <filesystem>

#include "cli/table.h"
#include "replay/oracle.h"
#include "replay/plain_workplace.h"
#include "replay/rebuild.h"
#include "replay/sandbox.h"
#include "replay/state_trials.h"
#include "replay/workspace.h"

namespace clawtrace::cli {
namespace {

// What a replay in a workspace stands on; lives as long as it.
struct Stage {
  replay::ScratchFolder scratch;
  replay::StartWorkspace workspace;
  std::vector<replay::Moment> timeline;
  std::unique_ptr<replay::StateTrials> trials;
  std::vector<std::string> gaps;
  bool rebuilt = false;
};

Status FindWorkspace(const std::string& spec, const World& world, Stage* stage) {
  std::error_code error;
  if (spec == "trace" && !std::filesystem::exists(spec, error)) {
    stage->rebuilt = true;
    stage->workspace.folder = stage->scratch.path() + "/rebuilt";
    std::filesystem::create_directory(stage->workspace.folder, error);
    std::vector<tools::ToolMeaning> meanings(stage->timeline.size());
    for (size_t i = 0; i < meanings.size(); ++i) {
      const replay::Moment& moment = stage->timeline[i];
      if (moment.step->kind != StepKind::kLlmCall)
        meanings[i] = tools::MeaningOf(moment.step->tool, moment.session->info.cwd);
    }
    auto gaps = replay::RebuildWorkspace(stage->timeline, meanings, stage->workspace.folder);
    if (!gaps) return std::unexpected(std::move(gaps.error()));
    stage->gaps = std::move(*gaps);
    return {};
  }
  auto workspace = replay::OpenWorkspace(spec, stage->scratch.path());
  if (!workspace) return std::unexpected(std::move(workspace.error()));
  stage->workspace = std::move(*workspace);
  if (stage->workspace.unpacked.left_out_count > 0)
    *world.err << fmt::format("clawtrace: {} entries of {} were left out, first {} ({})\n",
                              stage->workspace.unpacked.left_out_count, Printable(stage->workspace.origin),
                              Printable(stage->workspace.unpacked.left_out.front().path),
                              stage->workspace.unpacked.left_out.front().reason);
  return {};
}

Result<std::unique_ptr<Stage>> SetStage(const StageSpec& spec, const Session& session, const World& world) {
  auto stage = std::make_unique<Stage>();
  auto scratch = replay::ScratchFolder::Make(world.scratch_dir, "clawtrace-replay");
  if (!scratch) return std::unexpected(std::move(scratch.error()));
  stage->scratch = std::move(*scratch);
  stage->timeline = replay::TimelineOf(session);
  CT_RETURN_IF_ERROR(FindWorkspace(spec.workspace, world, stage.get()));
  replay::SandboxHost host{.program = world.workplace_program, .scratch = stage->scratch.path()};
  replay::TrialSite site;
  site.workspace = stage->workspace.folder, site.scratch = stage->scratch.path(), site.walls = spec.walls;
  site.recorded_at = spec.at.empty() ? session.info.cwd : spec.at;
  bool absolute = site.recorded_at.starts_with('/') && site.recorded_at.size() > 1;
  site.at = absolute ? site.recorded_at : "/app";
  site.program = world.program, site.cache = spec.cache;
  site.open = [walls = spec.walls, host](const replay::WorkplaceOptions& options) {
    return walls ? replay::OpenSandbox(options, host) : replay::OpenPlainWorkplace(options, host);
  };
  if (!spec.oracle.empty()) {
    auto oracle = replay::OracleNamed(spec.oracle, spec.tests);
    if (!oracle) return std::unexpected(std::move(oracle.error()));
    oracle->repeat = spec.repeat;
    site.oracle = std::move(*oracle);
  }
  auto trials = replay::StateTrials::Make(stage->timeline, std::move(site));
  if (!trials) return std::unexpected(std::move(trials.error()));
  stage->trials = std::move(*trials);
  return stage;
}

}  // namespace

Result<ReplayReport> ReplayOn(const StageSpec& spec, const WholeSession& whole,
                              const replay::ReplayOptions& options, const World& world) {
  if (spec.workspace.empty()) return replay::Replay(whole.priced, nullptr, options);
  auto stage = SetStage(spec, whole.session, world);
  if (!stage) return std::unexpected(std::move(stage.error()));
  auto report = replay::Replay(whole.priced, (*stage)->trials.get(), options);
  if (report && (*stage)->rebuilt) report->workspace = "rebuilt", report->workspace_gaps = (*stage)->gaps;
  return report;
}

}  // namespace clawtrace::cli
