#pragma once
// What can be said of a session as present or absent: steps it has, steps that follow each other, loops, what
// is missing before its end, where its cost lies. No feature looks at outcomes.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "distill/evidence_base.h"
#include "model/fact.h"

namespace clawtrace::distill {

enum class Granularity { kCoarse, kMedium, kFine };

// Steps of one granularity with immediate repeats collapsed. LLM calls count only when their turn uses no
// tool.
struct Run {
  uint32_t token = 0;
  uint32_t count = 1;
  uint32_t first = 0, last = 0;  // indexes into EvidenceSession::steps
};

// Signatures as numbers; one list for all granularities.
struct Token {
  std::string signature;
  Granularity granularity = Granularity::kMedium;
};
struct Sequences {
  std::vector<Token> tokens;
  std::vector<std::vector<Run>> runs[3];  // by granularity, then as the sessions given
};
Sequences SequencesOf(const std::vector<const EvidenceSession*>& sessions);

enum class FeatureKind {
  kStep,     // has a step first
  kLast,     // of the whole session: last_change_unchecked, error_left, redundant
  kNext,     // second comes right after first
  kThen,     // second comes within kMaxGap steps after first
  kRepeat,   // first, count times or more in a row
  kLoop,     // first three times in a row, or failing twice in a row
  kMissing,  // first, and after the last of it no second
  kDear,     // first is among the dearest tenth of steps
};

struct Feature {
  FeatureKind kind = FeatureKind::kStep;
  Granularity granularity = Granularity::kMedium;
  std::string first, second;  // signatures; of kLast the fact's name
  int64_t count = 0;          // kRepeat; of "redundant" percent
  // kRepeat, kLoop: no run that shows it has anything but the same again - one call, of a loop also failures
  // and empty answers. A token alone tells only that steps of one kind followed one another.
  bool same_again = false;
  bool operator==(const Feature&) const = default;
};
bool IsSameAgain(FeatureKind kind, const EvidenceSession& session, const Run& run);
// "read|ok", "read|ok > edit|ok", "read|ok .. edit|ok", "read|ok x3", "loop exec:make|err", "edit|ok without
// check|ok", "dear read", "last_change_unchecked", "redundant 25".
std::string PatternName(const Feature& feature);

struct FeatureLimits {
  size_t sessions = 3, tasks = 3;  // at least this many show it, and one does not
};
inline constexpr size_t kMaxGap = 5;

struct FeatureSet {
  std::vector<Feature> features;
  std::vector<std::vector<uint32_t>> sessions;  // that show it, ascending: indexes into the list given
};
// Time O(steps x kMaxGap + sessions x signatures of a session squared).
FeatureSet FindFeatures(const std::vector<const EvidenceSession*>& sessions, const FeatureLimits& limits);

// The steps that show a feature in a session, first occurrence: of what is missing the step it is missing
// after. Empty when the session does not show it.
std::vector<size_t> StepsThatShow(const Feature& feature, const EvidenceSession& session);

// Indexes of the dearest tenth of the steps; empty when the cost of some step is not known.
std::vector<size_t> DearSteps(const EvidenceSession& session);

// The parts of a signature: "exec:make" and "err:syntax_error" of "exec:make|-|opt|err:syntax_error".
std::string_view DeedOf(std::string_view signature);
std::string_view StatusOf(std::string_view signature);  // "" of a coarse one
bool FailedStatus(std::string_view signature);          // err, timeout, aborted

}  // namespace clawtrace::distill
