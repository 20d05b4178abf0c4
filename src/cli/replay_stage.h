#pragma once
// A replay with the workspace and the oracle that a user names.
#include <string>

#include "cli/whole_sessions.h"
#include "replay/replayer.h"

namespace clawtrace::cli {

struct StageSpec {
  std::string workspace;  // folder, DIR@COMMIT, archive, "trace"; "" = none: texts alone decide
  std::string oracle;     // replay::OracleNamed; "" = none
  std::string tests;      // what only the oracle sees
  std::string at;         // where the session had its workspace; "" = as recorded
  std::string cache;      // folder for answers; "" = none are kept
  int64_t repeat = 1;     // how often the oracle is asked
  bool walls = true;      // false: without isolation
};

// Errors: workspace or oracle cannot be read, nothing can be executed. What of the workspace was left out is
// told on world.err.
Result<ReplayReport> ReplayOn(const StageSpec& spec, const WholeSession& whole,
                              const replay::ReplayOptions& options, const World& world);

}  // namespace clawtrace::cli
