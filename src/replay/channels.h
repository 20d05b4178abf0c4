#pragma once
// What a session's own texts say about each step: the information channel and the rules of control, for any
// set of steps that stay.
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "model/replay_report.h"
#include "replay/control.h"
#include "replay/information.h"
#include "replay/task_words.h"
#include "replay/turns.h"

namespace clawtrace::replay {

// Why a step must stay, or cannot be decided.
struct Objection {
  Contribution verdict = Contribution::kUnknown;  // kNeeded or kUnknown
  std::string channel, reason, content;
  std::vector<size_t> evidence;  // places
};

class Channels {
 public:
  // timeline must outlive it.
  explicit Channels(std::span<const Moment> timeline);

  // What the steps really wrote, once that is known.
  void SetWrites(std::vector<Writes> writes);

  // Against leaving this step out while these stay; nullopt: nothing.
  std::optional<Objection> Against(size_t step, const std::vector<bool>& kept) const;
  // For a step without objection: why it can go.
  std::string WhyNot(size_t step, const std::vector<bool>& kept, std::vector<size_t>* evidence) const;

  // Steps whose effects nobody can see are not even asked about: LLM calls, copies, results without a call.
  bool IsCandidate(size_t step) const;
  // It only looked, or touched nothing but the conversation: nothing to execute.
  bool OnlyLooks(size_t step) const;
  bool Failed(size_t step) const;

  const std::vector<tools::ToolMeaning>& meanings() const { return meanings_; }
  const Information& information() const { return information_; }
  const std::vector<Control>& controls() const { return controls_; }
  const std::vector<std::vector<size_t>>& demands() const { return demands_; }
  const Turns& turns() const { return turns_; }
  const TaskWords& task() const { return task_; }

 private:
  std::optional<Objection> FromClient(size_t step, const std::vector<bool>& kept) const;
  std::optional<Objection> FromControl(size_t step, const std::vector<bool>& kept) const;
  std::optional<Objection> FromTask(size_t step, const std::vector<bool>& kept) const;
  bool SaidBefore(size_t step, const std::vector<bool>& kept) const;

  std::span<const Moment> timeline_;
  std::vector<tools::ToolMeaning> meanings_;
  Information information_;
  std::vector<Control> controls_;
  std::vector<std::vector<size_t>> demands_;
  std::vector<std::vector<size_t>> demanded_by_;
  std::vector<std::vector<size_t>> equals_;  // earlier steps with the same whole output
  Turns turns_;
  TaskWords task_;
};

}  // namespace clawtrace::replay
