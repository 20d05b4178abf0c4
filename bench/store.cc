// The store against its bars. One part or all:
//   bench_store [prompts|ingest|session|list] [FOLDER] [SESSIONS]     FOLDER: where stores are made, /tmp
// prompts  what calls of conversations send, as it is kept: raw bytes by bytes on disk, while warm and sealed
// ingest   durable spans of 2 KB payload from 4 callers: spans a second, CPU a span, syncs a commit
// session  first page and summary of a session of 50,000 steps and 1 GB of payloads
// list     first pages of SESSIONS sessions, 1,000,000
#include <fmt/core.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "base/file.h"
#include "base/json.h"
#include "store/sqlite_store.h"

namespace clawtrace::store {
namespace {

using Clock = std::chrono::steady_clock;

double Seconds(Clock::time_point since) {
  return std::chrono::duration<double>(Clock::now() - since).count();
}

double CpuSeconds() {
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  return seconds(used.ru_utime) + seconds(used.ru_stime);
}

[[noreturn]] void Stop(const Error& error) {
  fmt::print(stderr, "bench_store: {}\n", error.message);
  std::exit(1);
}

template <class T>
T Must(Result<T> result) {
  if (!result) Stop(result.error());
  return std::move(*result);
}

// A store that is gone when the benchmark is.
class Scratch {
 public:
  explicit Scratch(const std::string& folder) : path_(folder + "/clawtrace-bench-XXXXXX") {
    if (!::mkdtemp(path_.data())) Stop({ErrorCode::kIo, "cannot make a folder in " + folder, ""});
    Open();
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  ~Scratch() {
    store_.reset();
    std::filesystem::remove_all(path_);
  }
  void Close() { store_.reset(); }
  void Open() {
    store_ = Must(OpenSqliteStore({.path = path_ + "/store.db", .secret = "bench bench bench bench"}));
  }
  Store& store() { return *store_; }
  // Of file and log, after the log was moved into the file and what is free given back.
  double Bytes() {
    if (Status done = store_->Vacuum(); !done) Stop(done.error());
    double sum = 0;
    for (const auto& entry : std::filesystem::directory_iterator(path_)) {
      if (!entry.path().string().ends_with("-shm")) sum += static_cast<double>(entry.file_size());
    }
    return sum;
  }

 private:
  std::string path_;
  std::unique_ptr<Store> store_;
};

// Texts as agents read and write them: slices of the project's own sources and documents, as JSON strings.
class Author {
 public:
  explicit Author(uint64_t seed) : random_(seed) {
    std::vector<std::filesystem::path> files;
    for (const char* folder : {"/src", "/docs", "/tests/store", "/tools"}) {
      for (const auto& entry :
           std::filesystem::recursive_directory_iterator(CLAWTRACE_SOURCE_DIR + std::string(folder)))
        if (entry.is_regular_file()) files.push_back(entry.path());
    }
    std::ranges::sort(files);
    for (const auto& file : files) AppendJsonString(Must(ReadFile(file)), &all_);
  }
  // No text twice before the sources are used up.
  std::string Text(size_t bytes) {
    if (at_ + bytes > all_.size()) at_ = Below(4000);
    std::string text = all_.substr(at_, bytes);
    at_ += bytes;
    // Neither half an escape at the end nor the end of a string within.
    while (!text.empty() && text.back() == '\\') text.pop_back();
    std::ranges::replace(text, '"', '\'');
    return text;
  }
  uint64_t Below(uint64_t n) { return random_() % n; }

 private:
  std::mt19937_64 random_;
  std::string all_;
  size_t at_ = 0;
};

Fact Call(const std::string& session, int n) {
  Fact fact;
  fact.kind = FactKind::kLlmCall;
  fact.source = "otlp", fact.session_id = session, fact.id = fmt::format("call-{:08x}", n);
  fact.start_ns = 1'780'000'000'000'000'000 + n * int64_t{1'000'000'000};
  fact.llm = LlmCall{.model = "claude-sonnet-4",
                     .provider = "anthropic",
                     .usage = Usage{.uncached_input = n, .output = 100}};
  return fact;
}

// Conversations of so many calls. A system prompt with tools of 14 KB, the same in every session; two
// messages a call, of 200 bytes to 4 KB. All sessions have new texts.
void Prompts(const std::string& folder) {
  for (int calls : {5, 20, 100, 500}) {
    Scratch scratch(folder);
    Author author(static_cast<uint64_t>(calls));
    int sessions = 2500 / calls;
    std::string system = R"([{"role":"system","content":")" + author.Text(14'000) + "\"}";
    double raw = 0, facts = 0, cpu = 0, wall = 0;
    for (int s = 0; s < sessions; ++s) {
      std::string prompt = system;
      for (int n = 0; n < calls; ++n) {
        for (const char* role : {"assistant", "user"})
          prompt +=
              fmt::format(R"(,{{"role":"{}","content":"{}"}})", role, author.Text(200 + author.Below(3800)));
        std::string session = fmt::format("session-{}", s);
        Batch batch{.tenant = "t"};
        batch.facts = {Call(session, n)};
        batch.payloads = {{"otlp", session, batch.facts[0].id, "input", prompt + "]"}};
        raw += static_cast<double>(prompt.size() + 1), facts += 1;
        double busy = CpuSeconds();
        auto begin = Clock::now();
        Must(AppendAndWait(scratch.store(), std::move(batch)));
        cpu += CpuSeconds() - busy, wall += Seconds(begin);
      }
    }
    double warm = scratch.Bytes();
    while (Must(scratch.store().Seal(INT64_MAX)) > 0) {
    }
    double cold = scratch.Bytes();
    fmt::print(
        "prompts calls={} sessions={} raw_mb={:.1f} warm_mb={:.2f} sealed_mb={:.2f} cpu_us_per_call={:.0f} "
        "wall_ms_per_call={:.2f} warm_ratio={:.0f} ratio={:.0f}\n",
        calls, sessions, raw / 1e6, warm / 1e6, cold / 1e6, cpu / facts * 1e6, wall / facts * 1e3, raw / warm,
        raw / cold);
  }
}

void Ingest(const std::string& folder) {
  constexpr int kCallers = 4, kBatches = 400, kSpans = 50;
  Scratch scratch(folder);
  // Made beforehand: the making is not the store's.
  std::vector<std::vector<Batch>> work(kCallers);
  Author author(1);
  for (int c = 0; c < kCallers; ++c) {
    for (int b = 0; b < kBatches; ++b) {
      Batch batch{.tenant = "t"};
      for (int s = 0; s < kSpans; ++s) {
        std::string session = fmt::format("session-{}-{}", c, b / 20);
        batch.facts.push_back(Call(session, b * kSpans + s));
        batch.facts.back().llm->text = author.Text(500);
        batch.payloads.push_back({"otlp", session, batch.facts.back().id, "output", author.Text(2000)});
      }
      work[static_cast<size_t>(c)].push_back(std::move(batch));
    }
  }
  std::mutex mutex;
  std::vector<double> waits;
  double busy = CpuSeconds();
  auto begin = Clock::now();
  std::vector<std::thread> callers;
  for (auto& batches : work) {
    callers.emplace_back([&] {
      for (Batch& batch : batches) {
        auto asked = Clock::now();
        Must(AppendAndWait(scratch.store(), std::move(batch)));
        std::lock_guard lock(mutex);
        waits.push_back(Seconds(asked) * 1e3);
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  double wall = Seconds(begin), cpu = CpuSeconds() - busy;
  std::ranges::sort(waits);
  auto stats = Must(scratch.store().Stats());
  double spans = kCallers * kBatches * kSpans;
  fmt::print(
      "ingest spans={:.0f} spans_per_s={:.0f} cpu_us_per_span={:.1f} p50_ms={:.1f} p99_ms={:.1f} commits={} "
      "batches_per_commit={:.1f}\n",
      spans, spans / wall, cpu / spans * 1e6, waits[waits.size() / 2], waits[waits.size() * 99 / 100],
      stats.commits, static_cast<double>(stats.appends) / static_cast<double>(stats.commits));
  begin = Clock::now();
  while (Must(scratch.store().IndexText(2000)) > 0) {
  }
  fmt::print("index seconds={:.1f} facts={:.0f}\n", Seconds(begin), spans);
}

// The longest of several times, in ms; the first one opens a connection.
double Worst(int times, const std::function<void()>& run) {
  double worst = 0;
  for (int i = 0; i < times; ++i) {
    auto begin = Clock::now();
    run();
    worst = std::max(worst, Seconds(begin) * 1e3);
  }
  return worst;
}

void Session(const std::string& folder) {
  constexpr int kSteps = 50'000, kStepsOfPage = 100, kPayload = 20'000;
  Scratch scratch(folder);
  Author author(2);
  std::string text = author.Text(kPayload);
  CompiledSession compiled;
  compiled.summary = {.session_id = "long", .agent = "codex", .task_id = "task"};
  for (int first = 0; first < kSteps; first += 500) {
    Batch batch{.tenant = "t"};
    for (int n = first; n < first + 500; ++n) {
      batch.facts.push_back(Call("long", n));
      text.replace(static_cast<size_t>(n) % (kPayload - 20), 9, fmt::format("{:09}", n));
      batch.payloads.push_back({"otlp", "long", batch.facts.back().id, "output", text});
    }
    Must(AppendAndWait(scratch.store(), std::move(batch)));
  }
  for (int page = 0; page < kSteps / kStepsOfPage; ++page)
    compiled.pages.push_back(author.Text(kStepsOfPage * 200));
  Must(scratch.store().PutCompiled("t",
                                   {.session_id = "long", .sequence = UINT32_MAX, .sessions = {compiled}}));
  scratch.Close();
  auto opening = Clock::now();
  scratch.Open();
  double open = Seconds(opening) * 1e3;
  double page = Worst(3, [&] {
    Must(scratch.store().FindSessions("t", "long", 2));
    Must(scratch.store().ReadPage("t", "long", "codex", 0));
    Must(scratch.store().ReadPayloads("t", "long", "call-00000001"));
  });
  auto begin = Clock::now();
  int64_t facts = 0;
  Must(scratch.store().ReadFacts("t", "long", Scope::kFamily, [&](const Fact&) { return ++facts > 0; }));
  fmt::print(
      "session steps={} payload_mb={} open_store_ms={:.1f} summary_and_first_page_ms={:.1f} "
      "all_facts_ms={:.0f}\n",
      facts, kSteps / 1000 * kPayload / 1000, open, page, Seconds(begin) * 1e3);
}

CompiledSession Listed(const std::string& id, int n) {
  CompiledSession session;
  session.summary = {.session_id = id,
                     .agent = n % 10 == 0 ? "codex" : "claude-code",
                     .task_id = fmt::format("task-{:012x}", n / 5),
                     .project = fmt::format("project-{}", n % 50),
                     .prompt = "please mend the parser"};
  session.summary.start_ns = 1'780'000'000'000'000'000 + int64_t{n} * 7'919 % 1'000'003 * 1'000'000'000;
  session.summary.outcome = n % 3 == 0 ? Verdict::kSuccess : Verdict::kUnknown;
  session.summary.cost_status = CostStatus::kPriced;
  session.summary.cost = Usd::Pico(int64_t{n} * 104'729 % 1'000'003 * 1'000'000);
  session.summary.card = "a card of the size that summaries of cards have, about three hundred bytes: " + id;
  session.spend = {
      {.day = 20'600 + n % 30, .model = "claude-sonnet-4", .calls = 10, .cost = *session.summary.cost}};
  return session;
}

// As many callers would: they share commits.
void CompileBatch(Store& store, int first, int count) {
  constexpr int kCompilers = 50;
  std::vector<std::thread> compilers;
  for (int t = 0; t < kCompilers; ++t) {
    compilers.emplace_back([&, t] {
      for (int n = first + t; n < first + count; n += kCompilers) {
        std::string id = fmt::format("session-{:08x}", n);
        Must(store.PutCompiled("t", {.session_id = id, .sequence = UINT32_MAX, .sessions = {Listed(id, n)}}));
      }
    });
  }
  for (std::thread& compiler : compilers) compiler.join();
}

void List(const std::string& folder, int sessions) {
  constexpr int kOfBatch = 1000;
  Scratch scratch(folder);
  auto begin = Clock::now();
  for (int first = 0; first < sessions; first += kOfBatch) {
    Batch batch{.tenant = "t"};
    for (int n = first; n < first + kOfBatch; ++n)
      batch.facts.push_back(Call(fmt::format("session-{:08x}", n), n));
    Must(AppendAndWait(scratch.store(), std::move(batch)));
    CompileBatch(scratch.store(), first, kOfBatch);
  }
  double made = Seconds(begin);
  std::pair<const char*, ListRequest> requests[] = {
      {"newest", {}},
      {"dearest", {.order = SessionOrder::kDearest}},
      {"with_cards", {.with_cards = true}},
      {"one_agent", {.filter = {.agent = "codex"}}},
      {"one_task", {.filter = {.task_id = fmt::format("task-{:012x}", 777)}}},
      {"one_outcome", {.filter = {.outcome = Verdict::kSuccess}}},
      {"one_project", {.filter = {.project = "project-7"}}},
      {"no_outcome", {.filter = {.outcome = Verdict::kPartial}}},
      {"no_user", {.filter = {.user = "nobody"}}},
      {"no_project", {.filter = {.project = "none"}}},
      {"one_day", {.filter = {.from_ns = 1'780'100'000'000'000'000, .until_ns = 1'780'186'400'000'000'000}}},
  };
  fmt::print("list sessions={} made_s={:.0f}", sessions, made);
  scratch.Close();
  scratch.Open();
  for (const auto& [name, request] : requests)
    fmt::print(" {}_ms={:.1f}", name, Worst(3, [&] { Must(scratch.store().ListSessions("t", request)); }));
  double totals = Worst(3, [&] { Must(scratch.store().DayTotals("t", 0, INT32_MAX)); });
  double find = Worst(3, [&] { Must(scratch.store().FindSessions("t", "session-0000ffff", 2)); });
  fmt::print(" totals_ms={:.1f} find_ms={:.1f}\n", totals, find);
}

int Run(const std::string& part, const std::string& folder, int sessions) {
  std::pair<const char*, std::function<void(const std::string&)>> parts[] = {
      {"prompts", Prompts}, {"ingest", Ingest}, {"session", Session}, {"list", [&](const std::string& in) {
                                                                         List(in, sessions);
                                                                       }}};
  bool known = false;
  for (const auto& [name, run] : parts) {
    if (!part.empty() && part != name) continue;
    known = true;
    run(folder);
  }
  if (!known) fmt::print(stderr, "bench_store: no such part: {}\n", part);
  return known ? 0 : 2;
}

}  // namespace
}  // namespace clawtrace::store

int main(int argc, char** argv) {
  return clawtrace::store::Run(argc > 1 ? argv[1] : "", argc > 2 ? argv[2] : "/tmp",
                               argc > 3 ? std::atoi(argv[3]) : 1'000'000);
}
