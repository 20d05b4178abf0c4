#include "replay/oracle.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <system_error>
#include <utility>

#include "base/file.h"
#include "base/hash.h"
#include "base/text.h"
#include "model/archive.h"
#include "replay/oracle_verdict.h"
#include "replay/scratch_folder.h"

namespace clawtrace::replay {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kTests = "/tests", kLogs = "/logs", kApp = "/app";
// Of a folder with test.sh: as Harbor runs it.
constexpr std::string_view kTestScript = R"(bash "$TESTS/test.sh")";

// timeout_sec of [verifier]: the one setting of task.toml that an oracle needs.
std::optional<int64_t> VerifierTimeout(std::string_view toml) {
  bool in_verifier = false;
  for (std::string_view line : Split(toml, '\n')) {
    line = Trim(line.substr(0, line.find('#')));
    if (line.starts_with('[')) in_verifier = line == "[verifier]";
    size_t equals = line.find('=');
    if (!in_verifier || equals == std::string_view::npos || Trim(line.substr(0, equals)) != "timeout_sec")
      continue;
    std::string_view value = Trim(line.substr(equals + 1));
    auto seconds = ParseInt(value.substr(0, value.find('.')));
    constexpr int64_t kMostSeconds = 86'400;
    if (seconds && *seconds > 0) return std::min(*seconds, kMostSeconds) * 1000;
  }
  return std::nullopt;
}

Result<std::string> AbsolutePath(const std::string& path) {
  std::error_code error;
  fs::path real = fs::canonical(path, error);
  if (error)
    return Fail(ErrorCode::kNotFound, fmt::format("there is no {}", path), "a file or folder of tests");
  return real.string();
}

Result<OracleSpec> OracleOfFolder(const std::string& folder) {
  std::error_code error;
  OracleSpec spec;
  spec.command = kTestScript;
  spec.must_report = true;
  fs::path root = fs::canonical(folder, error);
  if (fs::is_regular_file(root / "tests" / "test.sh", error))
    spec.tests = (root / "tests").string(), spec.name = root.filename().string();
  else if (fs::is_regular_file(root / "test.sh", error))
    spec.tests = root.string(), spec.name = root.parent_path().filename().string();
  else
    return Fail(ErrorCode::kInvalidInput, fmt::format("{} holds no oracle", folder),
                "a folder with tests/test.sh or test.sh, or a command: --oracle 'python3 -m pytest -q'");
  constexpr uint64_t kMostToml = 1 << 20;
  if (auto toml = ReadFile(root / "task.toml", kMostToml)) {
    if (auto timeout = VerifierTimeout(*toml)) spec.wall_ms = *timeout;
  }
  return spec;
}

struct FileToHash {
  std::string name;  // relative
  fs::path path;
};

// Sorted by name; folders themselves say nothing.
Result<std::vector<FileToHash>> FilesBelow(const fs::path& root) {
  constexpr size_t kMostFiles = 10'000;
  std::vector<FileToHash> files;
  std::error_code error;
  if (!fs::is_directory(root, error)) files.push_back({root.filename().string(), root});
  auto walk = fs::recursive_directory_iterator(root, error);
  if (error && files.empty()) return Fail(ErrorCode::kIo, fmt::format("cannot read {}", root.string()));
  for (; !error && walk != fs::recursive_directory_iterator(); walk.increment(error)) {
    if (walk->is_directory(error) && !walk->is_symlink(error)) continue;
    files.push_back({walk->path().lexically_relative(root).generic_string(), walk->path()});
    if (files.size() > kMostFiles)
      return Fail(ErrorCode::kLimit, fmt::format("{} holds more than {} files", root.string(), kMostFiles));
  }
  std::ranges::sort(files, {}, &FileToHash::name);
  return files;
}

// Each check that any run made; passed if it did in all of them.
std::vector<Check> ChecksOfAll(const std::vector<Asked>& all) {
  std::vector<Check> checks;
  std::map<std::string, size_t, std::less<>> passed;
  for (const Asked& asked : all) {
    for (const Check& check : asked.judgement.checks) {
      auto [known, is_new] = passed.emplace(check.name, 0);
      known->second += check.passed ? 1 : 0;
      if (is_new && checks.size() < kMostChecks) checks.push_back(check);
    }
  }
  for (Check& check : checks) {
    size_t times = passed[check.name];
    check.passed = times >= all.size();
    if (times > 0 && !check.passed) check.message = fmt::format("passed in {} of {} runs", times, all.size());
  }
  return checks;
}

// Disagreement is a state of its own: the more frequent verdict is not the verdict.
Judgement Flaky(const std::vector<Asked>& all) {
  Judgement flaky;
  flaky.status = OracleStatus::kFlaky;
  flaky.checks = ChecksOfAll(all);
  int64_t sum = 0;
  bool judged = true;
  std::map<OracleStatus, int64_t> counts;
  for (const Asked& asked : all) {
    const Judgement& one = asked.judgement;
    ++counts[one.status];
    judged = judged && (one.status == OracleStatus::kPass || one.status == OracleStatus::kFail);
    sum += one.score_ppm.value_or(one.status == OracleStatus::kPass ? 1'000'000 : 0);
  }
  if (judged) flaky.score_ppm = sum / static_cast<int64_t>(all.size());
  for (const auto& [status, count] : counts)
    flaky.message += fmt::format("{}{} {}", flaky.message.empty() ? "" : ", ", count, NameOf(status));
  return flaky;
}

int64_t EntropyOf(const std::vector<Asked>& all) {
  std::map<std::pair<OracleStatus, std::optional<int64_t>>, int64_t> counts;
  for (const Asked& asked : all) ++counts[{asked.judgement.status, asked.judgement.score_ppm}];
  double bits = 0;
  for (const auto& [verdict, count] : counts) {
    double share = static_cast<double>(count) / static_cast<double>(all.size());
    bits -= share * std::log2(share);
  }
  constexpr double kMillion = 1e6;
  return std::llround(bits * kMillion);
}

Judgement Joined(const std::vector<Asked>& all) {
  bool agree = std::ranges::all_of(all, [&](const Asked& asked) {
    return asked.judgement.status == all.front().judgement.status &&
           asked.judgement.score_ppm == all.front().judgement.score_ppm;
  });
  return agree ? all.front().judgement : Flaky(all);
}

// What one asking sees; out: for what it says, its own.
WorkplaceOptions OptionsOf(const OracleSpec& spec, const OracleSite& site, const std::string& out) {
  WorkplaceOptions options{.workspace = site.workspace, .at = site.at, .limits = site.limits};
  auto show = [&](std::string_view at, const std::string& from, bool writable) {
    if (site.walls) options.mounts.push_back({.from = from, .at = std::string(at), .writable = writable});
    return site.walls ? std::string(at) : from;
  };
  std::string logs = show(kLogs, out, true);
  options.environment = {{"WORKSPACE", site.at}, {"LOGS", logs}, {"CLAWTRACE_ORACLE_OUT", logs}};
  if (!spec.tests.empty()) options.environment.emplace_back("TESTS", show(kTests, spec.tests, false));
  if (site.walls && site.at != kApp) options.also_at.emplace_back(kApp);
  return options;
}

Result<Asked> AskOnce(const OracleSpec& spec, const OracleSite& site) {
  auto out = ScratchFolder::Make(site.scratch, "oracle");
  if (!out) return std::unexpected(out.error());
  // Harbor makes this folder, so that its scripts write into it without looking.
  std::error_code error;
  fs::create_directory(fs::path(out->path()) / "verifier", error);
  auto place = site.open(OptionsOf(spec, site, out->path()));
  if (!place) return std::unexpected(place.error());
  auto result = (*place)->Run({.shell = spec.command, .wall_ms = spec.wall_ms});
  if (!result) return std::unexpected(result.error());
  return VerdictOf(*result, spec, out->path());
}

}  // namespace

Result<OracleSpec> OracleNamed(const std::string& oracle, const std::string& tests) {
  std::error_code error;
  if (Trim(oracle).empty())
    return Fail(ErrorCode::kInvalidInput, "the oracle is empty", "a command, or a folder with tests/test.sh");
  if (fs::is_directory(oracle, error)) {
    if (tests.empty()) return OracleOfFolder(oracle);
    return Fail(ErrorCode::kInvalidInput, fmt::format("{} brings its own tests", oracle),
                "a folder as oracle, or a command with a folder of tests");
  }
  OracleSpec spec;
  spec.command = oracle;
  spec.name = "command-" + Sha256Hex(oracle).substr(0, 12);
  if (tests.empty()) return spec;
  auto path = AbsolutePath(tests);
  if (!path) return std::unexpected(path.error());
  spec.tests = std::move(*path);
  return spec;
}

Result<OracleResult> RunOracle(const OracleSpec& spec, const OracleSite& site) {
  OracleResult result;
  result.oracle = spec.name;
  auto hash = HashOfOracle(spec);
  if (!hash) return std::unexpected(hash.error());
  result.sha256 = std::move(*hash);
  std::vector<Asked> all;
  for (int64_t i = 0; i < std::max<int64_t>(spec.repeat, 1); ++i) {
    auto asked = AskOnce(spec, site);
    if (!asked) return std::unexpected(asked.error());
    result.runs.push_back(asked->run);
    all.push_back(std::move(*asked));
  }
  result.judgement = Joined(all);
  result.entropy_ppm = EntropyOf(all);
  return result;
}

Result<std::string> HashOfOracle(const OracleSpec& spec) {
  std::string list = fmt::format("command {}\n{}\n", spec.command.size(), spec.command);
  if (spec.tests.empty()) return Sha256Hex(list);
  auto files = FilesBelow(spec.tests);
  if (!files) return std::unexpected(files.error());
  uint64_t left = uint64_t{1} << 30;
  for (const FileToHash& file : *files) {
    std::error_code error;
    std::string content;
    if (fs::is_symlink(file.path, error)) {
      content = "link " + fs::read_symlink(file.path, error).string();
    } else {
      auto bytes = ReadFile(file.path, left);
      if (!bytes) return std::unexpected(bytes.error());
      left -= std::min<uint64_t>(left, bytes->size());
      content = std::move(*bytes);
    }
    list += fmt::format("{} {}\n{}\n", Sha256Hex(content), file.name.size(), file.name);
  }
  return Sha256Hex(list);
}

}  // namespace clawtrace::replay
