#pragma once
// Which patterns of steps go with passing and which with failing, found by counting and guarded against
// chance and against hard tasks (docs/mining.md). Below about a hundred labelled sessions this ranks
// hypotheses and proves none.
#include <cstdint>
#include <string>
#include <vector>

#include "distill/evidence_base.h"
#include "distill/mining/features.h"
#include "distill/mining/patch_of.h"
#include "model/patch.h"

namespace clawtrace::distill {

struct MiningOptions {
  FeatureLimits limits;
  size_t shuffles = 200;   // for the null
  size_t resamples = 400;  // for intervals; 0: none
  // Compared with the stronger ones, and given an interval unless explained: so many, and all up to this q.
  size_t shown = 20;
  int64_t compared_q_ppm = 500'000;
  int64_t q_ppm = 100'000;  // at which a pattern is admitted
};

// What outcomes were compared within.
enum class Adjustment { kTask, kFamily, kNone };

struct MinedPattern {
  Feature feature;
  std::string name;                  // PatternName of it
  std::vector<std::string> aliases;  // other features of the same sessions, shortest first, at most 16
  int64_t z_milli = 0;               // above 0: goes with passing
  MinedEffect effect;                // intervals only where they were worked out, else [-1, 1]
  // Tasks (adjusted by task: those with both outcomes and with both kinds of session) in which the sessions
  // that show it did better, or worse for z < 0, than its others; sorted. Exposed: tasks in which that could
  // be seen.
  std::vector<std::string> tasks;
  int64_t exposed = 0;
  std::vector<uint32_t> sessions;  // that show it: indexes into MiningReport::labelled
  // Given the stronger patterns that stand for themselves little remains of this one: the one of them that
  // takes most of it. "" = stands for itself.
  std::string explained_by;
  bool admitted = false;  // q <= MiningOptions::q_ppm, in at least three tasks
};

struct MiningReport {
  std::vector<size_t> labelled;  // sessions with an outcome: indexes into EvidenceBase::sessions, by task
  size_t tasks = 0, mixed_tasks = 0;
  Adjustment adjustment = Adjustment::kTask;
  size_t features = 0;                 // before equal ones became one
  std::vector<MinedPattern> patterns;  // that could have reached significance, strongest first, then by name
};

// Pure and deterministic; the order of sessions does not matter. 400 sessions take well below a second.
MiningReport Mine(const EvidenceBase& base, const MiningOptions& options = {});

// Steps that show a pattern in the tasks that support it, of at most two sessions of each: first those whose
// outcome it goes with.
std::vector<StepPlace> Exemplars(const EvidenceBase& base, const MiningReport& report,
                                 const MinedPattern& pattern);

// What the analyst "mined-patterns" proposes. Patterns that go with passing are preserve patches, those that
// go with failing repair patches; E2 when admitted, else at most ten more with q of at most one half as E1 or
// E0.
std::vector<Patch> PatchesOf(const EvidenceBase& base, const MiningReport& report);

}  // namespace clawtrace::distill
