#pragma once
// Executes candidates in workplaces and asks an oracle of what they leave. Answers are kept by content: the
// same steps in the same workspace under the same oracle are executed once, over any number of runs.
#include <atomic>
#include <functional>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "replay/oracle.h"
#include "replay/trial.h"

namespace clawtrace::replay {

struct TrialSite {
  std::string workspace;    // folder as it was before the session; never changed
  std::string at;           // where the workplace shows it, absolute
  std::string recorded_at;  // where the session had it; "" = its working directory
  std::string scratch;      // existing folder for temporary files
  std::string cache;        // folder for answers, made when missing; "" = none are kept
  std::string program;      // what identifies this build: answers of another are not used
  Limits limits;
  bool walls = true;     // false: workplaces are plain copies, each at a place of its own below scratch
  WorkplaceOpener open;  // safe to call from several threads
  std::optional<OracleSpec> oracle;
};

class StateTrials final : public Trials {
 public:
  // The timeline must outlive it. Errors: the workspace or the oracle cannot be read.
  static Result<std::unique_ptr<StateTrials>> Make(std::span<const Moment> timeline, TrialSite site);

  Result<Trial> Run(const std::vector<bool>& keep, bool effects) override;
  Result<std::optional<Judgement>> JudgeStart() override;
  Result<Tree> StartTree() override;
  std::string oracle_id() const override;
  std::string oracle_command() const override;
  int64_t known() const override { return known_; }

 private:
  StateTrials(std::span<const Moment> timeline, TrialSite site)
      : timeline_(timeline), site_(std::move(site)) {}

  std::string KeyOf(const std::vector<bool>& keep, bool effects) const;
  std::optional<Trial> Recall(const std::string& key) const;
  void Remember(const std::string& key, const Trial& trial) const;
  Result<Trial> Execute(const std::vector<bool>& keep, bool effects) const;
  Result<Judgement> Judge(const std::string& workspace) const;
  std::string NextPlace() const;  // where the next workplace shows the workspace

  std::span<const Moment> timeline_;
  TrialSite site_;
  Tree start_;
  std::string base_key_;               // of workspace, oracle, limits and program
  std::vector<std::string> step_key_;  // by place: what is executed
  std::string oracle_sha_;
  std::atomic<int64_t> known_ = 0;
  mutable std::atomic<int64_t> places_ = 0;
  std::mutex judging_;
  std::optional<Judgement> start_judgement_;
};

}  // namespace clawtrace::replay
