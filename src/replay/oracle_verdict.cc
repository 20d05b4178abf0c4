#include "replay/oracle_verdict.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>

#include "base/text.h"
#include "replay/verdict_json.h"
#include "replay/verdict_reader.h"

namespace clawtrace::replay {
namespace {

constexpr size_t kMostVerdictBytes = size_t{8} << 20;

struct Descriptor {
  int fd = -1;
  ~Descriptor() {
    if (fd >= 0) ::close(fd);
  }
};

// A file that the oracle left. kNotFound; kInvalidInput for anything but a plain file: a link could lead to a
// file of this machine, a pipe would never end.
Result<std::string> ReadLeft(const std::string& folder, std::string_view path) {
  Descriptor at{::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  int error = errno;
  auto parts = Split(path, '/');
  for (size_t i = 0; i < parts.size() && at.fd >= 0; ++i) {
    bool last = i + 1 == parts.size();
    int flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | (last ? 0 : O_DIRECTORY);
    Descriptor next{::openat(at.fd, std::string(parts[i]).c_str(), flags)};
    error = errno;
    std::swap(at.fd, next.fd);
  }
  if (at.fd < 0 && error == ENOENT) return Fail(ErrorCode::kNotFound, std::string(path));
  struct stat info{};
  if (at.fd < 0 || ::fstat(at.fd, &info) != 0 || !S_ISREG(info.st_mode))
    return Fail(ErrorCode::kInvalidInput, fmt::format("{} is no plain file that can be read", path));
  std::string bytes;
  constexpr size_t kBlock = size_t{64} << 10;
  for (;;) {
    size_t have = bytes.size();
    if (have > kMostVerdictBytes)
      return Fail(ErrorCode::kLimit, fmt::format("{} is larger than {} bytes", path, kMostVerdictBytes));
    bytes.resize(have + kBlock);
    ssize_t got = ::read(at.fd, bytes.data() + have, kBlock);
    bytes.resize(have + static_cast<size_t>(std::max<ssize_t>(got, 0)));
    if (got < 0 && errno != EINTR)
      return Fail(ErrorCode::kInvalidInput, fmt::format("{} cannot be read", path));
    if (got == 0) return bytes;
  }
}

// What the first file of this format says; nullopt when there is none.
std::optional<Judgement> Left(const VerdictReader& reader, const std::string& folder) {
  for (std::string_view path : reader.oracle_files) {
    auto text = ReadLeft(folder, path);
    if (!text && text.error().code == ErrorCode::kNotFound) continue;
    if (!text) return JudgementError(text.error().message);
    auto runs = reader.read(path.substr(path.rfind('/') + 1), *text);
    if (!runs) return JudgementError(fmt::format("{}: {}", path, runs.error().message));
    if (runs->size() != 1)
      return JudgementError(fmt::format("{} tells of {} runs, an oracle judges one", path, runs->size()));
    return std::move(runs->front().judgement);
  }
  return std::nullopt;
}

// A bare score becomes tellable by the tests that were reported beside it.
void TakeTests(const std::string& folder, Judgement* judgement) {
  for (const VerdictReader* reader : VerdictReaders()) {
    if (judgement->tests_run) return;
    auto beside = Left(*reader, folder);
    if (!beside || !beside->tests_run) continue;
    judgement->tests_run = beside->tests_run;
    if (!judgement->checks.empty()) return;
    judgement->checks = std::move(beside->checks), judgement->checks_left_out = beside->checks_left_out;
  }
}

Judgement ByExitCode(const CommandResult& result) {
  Judgement judgement;
  constexpr int kNotExecutable = 126, kNoSuchCommand = 127, kSignals = 128, kLastSignal = 64;
  int code = result.exit_code;
  if (result.how == Ended::kSignalled || (code > kSignals && code <= kSignals + kLastSignal))
    return JudgementError(fmt::format("the oracle died of signal {}", code - kSignals));
  if (code == kNotExecutable) return JudgementError("the oracle cannot be executed (exit code 126)");
  if (code == kNoSuchCommand) return JudgementError("a command of the oracle was not found (exit code 127)");
  judgement.status = code == 0 ? OracleStatus::kPass : OracleStatus::kFail;
  if (code != 0) judgement.message = fmt::format("exit code {}", code);
  return judgement;
}

// A failure without any test that was executed is none: nothing was judged.
void DoubtFailure(const CommandResult& result, Judgement* judgement) {
  if (judgement->status != OracleStatus::kFail || judgement->score_ppm.value_or(0) > 0) return;
  if (!result.limit.empty()) {
    *judgement = JudgementError(fmt::format("the oracle hit the limit of {}", result.limit));
    return;
  }
  if (!judgement->tests_run) judgement->tests_run = TestsTold(result.output);
  bool none_ran = judgement->tests_run ? *judgement->tests_run == 0
                                       : judgement->checks.empty() && SaysBroken(result.output);
  if (!none_ran) return;
  judgement->status = OracleStatus::kError;
  judgement->score_ppm.reset();
  judgement->message = "no test was executed";
}

struct Read {
  Judgement judgement;
  std::string_view format;
};

Read ReadVerdict(const CommandResult& result, const OracleSpec& spec, const std::string& out_folder) {
  for (const VerdictReader* reader : VerdictReaders()) {
    auto said = Left(*reader, out_folder);
    if (!said) continue;
    TakeTests(out_folder, &*said);
    return {std::move(*said), reader->name};
  }
  auto why = ReadLeft(out_folder, "verifier/error.txt");
  if (why) return {JudgementError(Trim(*why)), ""};
  if (spec.must_report)
    return {JudgementError(fmt::format("the oracle left no verdict (exit code {})", result.exit_code)), ""};
  return {ByExitCode(result), "exit-code"};
}

std::string TailOf(std::string_view output) {
  constexpr size_t kMargin = 4;  // a code point may be cut at the front
  if (output.size() > kMostTail - kMargin) {
    output.remove_prefix(output.size() - (kMostTail - kMargin));
    while (!output.empty() && (static_cast<unsigned char>(output.front()) & 0xC0) == 0x80)
      output.remove_prefix(1);
  }
  return BoundedText(output, kMostTail);
}

// The number right before word: "3" of "3 passed".
std::optional<int64_t> NumberBefore(std::string_view line, std::string_view word) {
  for (size_t at = line.find(word); at != std::string_view::npos; at = line.find(word, at + 1)) {
    size_t start = at;
    while (start > 0 && line[start - 1] >= '0' && line[start - 1] <= '9') --start;
    if (start < at) return ParseInt(line.substr(start, at - start));
  }
  return std::nullopt;
}

std::optional<int64_t> TestsOfLine(std::string_view line) {
  if (line.starts_with("Ran ")) return NumberBefore(line, " test");            // unittest
  if (line.starts_with("--- PASS") || line.starts_with("--- FAIL")) return 1;  // go
  std::optional<int64_t> sum;
  for (std::string_view word : {" passed", " failed"}) {
    if (auto number = NumberBefore(line, word))
      sum = sum.value_or(0) + std::clamp<int64_t>(*number, 0, 1'000'000);
  }
  if (sum) return sum;
  // pytest that could not collect: "===== 1 error in 0.12s ====="
  if (line.starts_with("=") && (line.contains(" error") || line.contains("no tests ran"))) return 0;
  return std::nullopt;
}

}  // namespace

bool SaysBroken(std::string_view output) {
  static constexpr std::array<std::string_view, 15> kSigns = {"No module named",
                                                              "command not found",
                                                              ": not found\n",
                                                              "Could not resolve host",
                                                              "Temporary failure in name resolution",
                                                              "Temporary failure resolving",
                                                              "Name or service not known",
                                                              "Network is unreachable",
                                                              "Failed to establish a new connection",
                                                              "Connection refused",
                                                              "getaddrinfo ENOTFOUND",
                                                              "getaddrinfo EAI_AGAIN",
                                                              "Unable to locate package",
                                                              "Cannot find module",
                                                              "can't open file"};
  return std::ranges::any_of(kSigns, [&](std::string_view sign) { return Contains(output, sign); });
}

std::optional<int64_t> TestsTold(std::string_view output) {
  std::optional<int64_t> sum;
  for (std::string_view line : Split(output, '\n')) {
    if (auto tests = TestsOfLine(line)) sum = sum.value_or(0) + *tests;
  }
  return sum;
}

Asked VerdictOf(const CommandResult& result, const OracleSpec& spec, const std::string& out_folder) {
  Asked asked;
  asked.run.how = result.how, asked.run.exit_code = result.exit_code, asked.run.wall_ns = result.wall_ns;
  asked.run.output_tail = TailOf(result.output);
  if (result.how == Ended::kNotStarted) {
    asked.judgement = JudgementError(fmt::format("the oracle was not started: {}", result.error));
  } else if (result.how == Ended::kTimedOut) {
    asked.judgement.status = OracleStatus::kTimeout;
    asked.judgement.message = fmt::format("the oracle took longer than {} s", spec.wall_ms / 1000);
  } else {
    Read read = ReadVerdict(result, spec, out_folder);
    asked.judgement = std::move(read.judgement), asked.run.format = read.format;
    DoubtFailure(result, &asked.judgement);
  }
  asked.run.status = asked.judgement.status, asked.run.score_ppm = asked.judgement.score_ppm;
  return asked;
}

}  // namespace clawtrace::replay
