#include "cli/inputs.h"

#include <fmt/core.h>
#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <mutex>
#include <set>
#include <thread>

#include "base/file.h"

namespace clawtrace::cli {
namespace {

// Shows "read 120 of 480 MB" on a terminal once a run takes longer than a second.
class Progress {
 public:
  Progress(const World& world, uint64_t total) : world_(world), total_(total) {}
  ~Progress() {
    if (shown_) *world_.err << "\r\x1b[K" << std::flush;
  }
  void Add(uint64_t bytes) {
    done_ += bytes;
    if (!world_.err_is_terminal) return;
    auto now = std::chrono::steady_clock::now();
    std::lock_guard lock(mutex_);
    if (now - start_ < std::chrono::seconds(1) || now - last_ < std::chrono::milliseconds(100)) return;
    last_ = now, shown_ = true;
    *world_.err << fmt::format("\rread {} of {} MB\x1b[K", done_.load() >> 20, total_ >> 20) << std::flush;
  }

 private:
  const World& world_;
  uint64_t total_;
  std::atomic<uint64_t> done_ = 0;
  std::mutex mutex_;
  bool shown_ = false;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now(), last_ = start_;
};

void TellProblems(const World& world, const std::vector<capture::Unusable>& problems) {
  constexpr size_t kShown = 10;
  for (size_t i = 0; i < problems.size() && i < kShown; ++i) {
    *world.err << fmt::format("clawtrace: skipped {}: {}\n", problems[i].path, problems[i].reason);
  }
  if (problems.size() > kShown)
    *world.err << fmt::format("clawtrace: skipped {} more\n", problems.size() - kShown);
}

// A session both logged and traced: spans give way to the log, which shows more.
void PreferLogs(std::vector<Compiled>& all, const World& world) {
  std::set<std::string, std::less<>> logged;
  for (const Compiled& item : all) {
    if (item.source != "otlp") logged.insert(item.card.session_id);
  }
  size_t doubled = std::erase_if(all, [&](const Compiled& item) {
    return item.source == "otlp" && logged.contains(item.card.session_id);
  });
  if (doubled)
    *world.err << fmt::format(
        "clawtrace: {} sessions are present both as logs and as spans; the logs were used\n", doubled);
}

bool Exists(const std::string& path) {
  struct stat info{};
  // A path that cannot even be looked at was meant as one: reading it says why.
  return ::lstat(path.c_str(), &info) == 0 || errno == EACCES || errno == ELOOP || errno == ENOTDIR;
}

}  // namespace

Result<PriceBook> LoadPrices(const Arguments& arguments, const World& world) {
  if (world.data_dir.empty()) {
    return Fail(ErrorCode::kNotFound, "cannot find the price book prices.tsv",
                fmt::format("looked in {}; set CLAWTRACE_DATA to its folder", world.data_hint));
  }
  auto tsv = ReadFile(world.data_dir + "/prices.tsv");
  if (!tsv) return std::unexpected(tsv.error());
  auto book = PriceBook::FromTsv(*tsv, world.data_dir + "/prices.tsv");
  if (!book || !arguments.Has("--prices")) return book;
  auto overrides = ReadFile(arguments.Value("--prices"));
  if (!overrides) return std::unexpected(overrides.error());
  CT_RETURN_IF_ERROR(book->AddOverrides(*overrides, arguments.Value("--prices")));
  return book;
}

namespace {

Error NoSuch(const std::string& word) {
  return {ErrorCode::kNotFound, fmt::format("no file and no session named {}", word.empty() ? "\"\"" : word),
          "clawtrace sessions lists the sessions that are there"};
}

}  // namespace

Error InTermsOf(const Selection& selection, Error error) {
  bool nothing_read = error.code == ErrorCode::kNotFound && !selection.selectors.empty();
  return nothing_read ? NoSuch(selection.selectors[0]) : error;
}

Result<Selection> Select(const Arguments& arguments, const World& world) {
  Selection selection;
  for (const std::string& word : arguments.positional) {
    bool is_input = word == "-" || Exists(word) || word.find_first_of("*?[") != std::string::npos;
    (is_input ? selection.inputs : selection.selectors).push_back(word);
  }
  if (selection.inputs.empty()) {
    for (const std::string& word : selection.selectors) {
      // A word that looks like a path and is none was meant as a path.
      if (word.starts_with('/') || word.starts_with('.') || word.ends_with(".jsonl") ||
          word.ends_with(".json") || word.ends_with(".pb")) {
        return Fail(ErrorCode::kNotFound, fmt::format("cannot read {}: no such file or directory", word));
      }
    }
    selection.inputs = capture::KnownRoots(world.home);
    if (selection.inputs.empty() && !selection.selectors.empty())
      return std::unexpected(NoSuch(selection.selectors[0]));
    if (selection.inputs.empty()) {
      return Fail(ErrorCode::kNotFound, "no agent logs found in the known folders of this user",
                  "name a file or folder, or see clawtrace doctor");
    }
  }
  return selection;
}

void DropSteps(Compiled& item) { item.card.steps = {}; }

Result<std::vector<Compiled>> CompileAll(const std::vector<std::string>& inputs, const PriceBook& book,
                                         const World& world, const Keep& keep) {
  capture::Plan plan = capture::PlanInputs(inputs);
  uint64_t total = 0;
  for (const capture::Unit& unit : plan.units) total += unit.bytes;
  Progress progress(world, total);
  std::vector<Compiled> all;
  std::vector<capture::Unusable> problems = plan.unusable;
  std::mutex mutex;
  std::atomic<size_t> next = 0;
  auto work = [&] {
    for (size_t i = next++; i < plan.units.size(); i = next++) {
      capture::UnitResult unit =
          capture::ReadUnit(plan.units[i], plan, [&](uint64_t bytes) { progress.Add(bytes); });
      std::vector<Compiled> compiled;
      for (Session& session : unit.sessions) {
        Compiled item;
        PricedSession priced = PriceSession(session, book);
        item.card = compile::CompileCard(priced, book);
        item.source = session.source, item.cwd = session.info.cwd, item.project = session.info.project;
        if (keep) keep(item, priced);
        session = Session();
        compiled.push_back(std::move(item));
      }
      std::lock_guard lock(mutex);
      std::move(compiled.begin(), compiled.end(), std::back_inserter(all));
      problems.insert(problems.end(), unit.unusable.begin(), unit.unusable.end());
    }
  };
  size_t threads = std::min<size_t>(std::max(1u, world.threads), plan.units.size());
  {
    std::vector<std::jthread> pool;
    for (size_t i = 1; i < threads; ++i) pool.emplace_back(work);
    work();
  }
  std::sort(problems.begin(), problems.end(), [](const auto& a, const auto& b) {
    return std::tie(a.path, a.reason) < std::tie(b.path, b.reason);
  });
  TellProblems(world, problems);
  if (plan.unrecognised_files > 0 && !all.empty()) {
    *world.err << fmt::format("clawtrace: {} other files in the folders are no log of a known agent\n",
                              plan.unrecognised_files);
  }
  if (all.empty()) {
    std::string hint = plan.unrecognised_files ? fmt::format(
                                                     "{} files were looked at, none is a log of a known "
                                                     "agent; clawtrace doctor lists the formats",
                                                     plan.unrecognised_files)
                                               : "";
    return Fail(
        ErrorCode::kNotFound,
        fmt::format(
            "no session found in {}",
            inputs.empty() ? "nothing" : inputs.front() + (inputs.size() > 1 ? " and the other inputs" : "")),
        hint);
  }
  std::sort(all.begin(), all.end(), [](const Compiled& a, const Compiled& b) {
    return std::tuple(a.card.started_ms.value_or(INT64_MAX), std::string_view(a.card.session_id),
                      std::string_view(a.source), std::string_view(a.card.source_hash)) <
           std::tuple(b.card.started_ms.value_or(INT64_MAX), std::string_view(b.card.session_id),
                      std::string_view(b.source), std::string_view(b.card.source_hash));
  });
  PreferLogs(all, world);
  return all;
}

Result<std::vector<size_t>> Match(const std::vector<Compiled>& all, const std::string& selector) {
  constexpr size_t kMinPrefix = 6;
  std::string agent, id = selector;
  if (size_t colon = selector.find(':'); colon != std::string::npos)
    agent = selector.substr(0, colon), id = selector.substr(colon + 1);
  std::vector<size_t> exact, prefix;
  for (size_t i = 0; i < all.size(); ++i) {
    const TraceCard& card = all[i].card;
    bool of_agent = agent.empty() || card.agent == agent;
    if (card.session_id == selector || (of_agent && card.session_id == id))
      exact.push_back(i);
    else if (of_agent && id.size() >= kMinPrefix && card.session_id.starts_with(id))
      prefix.push_back(i);
  }
  std::vector<size_t>& found = exact.empty() ? prefix : exact;
  if (found.empty())
    return Fail(ErrorCode::kNotFound, fmt::format("no session named {}", selector),
                "clawtrace sessions lists them; a prefix needs at least 6 characters");
  if (found.size() > 1) {
    std::string candidates;
    for (size_t i : found) candidates += fmt::format("\n  {}:{}", all[i].card.agent, all[i].card.session_id);
    return Fail(ErrorCode::kInvalidInput,
                fmt::format("{} names {} sessions:{}", selector, found.size(), candidates),
                "use a longer prefix or agent:id");
  }
  return found;
}

}  // namespace clawtrace::cli
