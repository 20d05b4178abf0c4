#pragma once
// An oracle is one command that judges a workspace. It runs in a workplace of its own, opened on the state
// that is to be judged after everything that was judged has ended: its tests were never where a replayed
// command could see them, and no process that was left behind can touch its verdict. docs/oracles.md.
//
// What an oracle sees: the workspace where the session had it (WORKSPACE names it) and at /app; its tests at
// /tests, read-only (TESTS); a folder for what it says at /logs, writable, with verifier/ in it (LOGS,
// CLAWTRACE_ORACLE_OUT). Its verdict is read from the first that exists: files of the verdict readers in
// their order (verdict_reader.h), else the exit code: 0 pass; 126, 127 and death by a signal error; else
// fail. Error, never fail: no score was reached and no test was executed, a verdict that cannot be read, a
// limit of the workplace that was hit without a pass. docs/adr/0009-oracles.md.
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "replay/judgement.h"
#include "replay/workplace.h"

namespace clawtrace::replay {

struct OracleSpec {
  std::string name;          // what its verdicts are known by: a task's name, or of a command a hash
  std::string command;       // for bash -c, standing in the workspace
  std::string tests;         // folder or file for the oracle alone; "" none
  bool must_report = false;  // no verdict file is an error, whatever the exit code: tasks in Harbor's layout
  int64_t wall_ms = 600'000;
  int64_t repeat = 1;  // how often it is asked, each time in a fresh workplace
};

// What a user names: a command; a folder in Harbor's layout (tests/test.sh, task.toml with its time limit); a
// folder with test.sh. tests: for commands, may be "". Errors: kNotFound, kInvalidInput.
Result<OracleSpec> OracleNamed(const std::string& oracle, const std::string& tests);

// One asking.
struct OracleRun {
  OracleStatus status = OracleStatus::kSkipped;
  std::optional<int64_t> score_ppm;
  Ended how = Ended::kNotStarted;
  int exit_code = -1;  // as CommandResult
  int64_t wall_ns = 0;
  std::string format;       // the verdict reader that read it, "exit-code", "" when it came to none
  std::string output_tail;  // last kMostTail bytes, valid UTF-8
};
inline constexpr size_t kMostTail = 4000;

struct OracleResult {
  std::string oracle;   // OracleSpec::name
  std::string sha256;   // of the command and the test files: what exactly judged
  Judgement judgement;  // of all askings: kFlaky unless they agree in status and score; then a check passed
                        // if it passed each time
  std::vector<OracleRun> runs;
  int64_t entropy_ppm = 0;  // of the askings' verdicts, in millionths of a bit
};

using WorkplaceOpener = std::function<Result<std::unique_ptr<Workplace>>(const WorkplaceOptions&)>;
struct OracleSite {
  std::string workspace;  // folder with the state to be judged; never changed
  std::string at;         // where the session had it, absolute
  std::string scratch;    // existing folder, for what oracles say; left as it was
  Limits limits;
  bool walls = true;  // false: workplaces show no mounts, tests and output are named where they are outside
  WorkplaceOpener open;
};
// Asks spec.repeat times, each in a workplace of its own. Errors: no workplace could be opened or it broke.
Result<OracleResult> RunOracle(const OracleSpec& spec, const OracleSite& site);

// Command and test files in one hash, links by their targets. kLimit beyond 10,000 files or 1 GB.
Result<std::string> HashOfOracle(const OracleSpec& spec);

}  // namespace clawtrace::replay
