#include "cli/corpus.h"

#include <fmt/core.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <map>
#include <mutex>
#include <numeric>
#include <set>
#include <thread>

#include "base/text.h"
#include "capture/gather.h"
#include "cli/index.h"
#include "cli/table.h"
#include "model/inherit.h"
#include "model/pack_archive.h"

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
    *world.err << fmt::format("clawtrace: skipped {}: {}\n", Printable(problems[i].path),
                              Printable(problems[i].reason));
  }
  if (problems.size() > kShown)
    *world.err << fmt::format("clawtrace: skipped {} more\n", problems.size() - kShown);
}

using UnitSet = std::vector<size_t>;  // indexes into plan.units, ascending

// A compiled session with what decides how it relates to the others.
struct Held {
  Compiled item;
  SessionCalls calls;
  UnitSet units;
};

// A Held in the index: without its units, which the reader knows, and with the view as bytes.
struct Stored {
  std::string view;
  SessionCalls calls;
};
template <class A>
void Describe(A& a, Stored& s) {
  a.Field("", s.view), a.Field("", s.calls);
}

std::string Pack(const std::vector<Held>& list) {
  std::vector<Stored> stored;
  for (const Held& held : list) {
    Stored& row = stored.emplace_back();
    history::PackView(held.item, &row.view);
    row.calls = held.calls;
  }
  std::string bytes;
  PackWriter(&bytes).Put(stored);
  return bytes;
}

std::optional<std::vector<Held>> Unpack(std::string_view bytes, const UnitSet& units) {
  PackReader reader(bytes);
  std::vector<Stored> stored;
  reader.Get(stored);
  if (!reader.good() || !reader.at_end()) return std::nullopt;
  std::vector<Held> list;
  for (Stored& row : stored) {
    Held& held = list.emplace_back();
    if (!history::UnpackView(row.view, &held.item)) return std::nullopt;
    held.calls = std::move(row.calls);
    held.units = units;
  }
  return list;
}

class Corpus {
 public:
  Corpus(const std::vector<std::string>& inputs, const PriceBook& book, const World& world, const Keep& keep,
         Want want)
      : index_(want == Want::kCards ? "" : world.cache_dir, world.program),
        plan_(capture::PlanInputs(inputs, &index_)),
        book_(book),
        world_(world),
        keep_(keep),
        want_(want),
        progress_(world, BytesOf(plan_)) {
    problems_ = plan_.unusable;
  }

  Result<std::vector<Compiled>> Compile(const std::vector<std::string>& inputs) {
    std::vector<UnitSet> jobs;
    for (size_t i = 0; i < plan_.units.size(); ++i) jobs.push_back({i});
    Run(jobs, {});
    JoinSessions();
    ChargeOnce();
    index_.Save();
    Tell();
    if (held_.empty()) return NothingFound(inputs);
    std::vector<Compiled> all;
    for (Held& held : held_) all.push_back(std::move(held.item));
    return all;
  }

 private:
  using Inherited = std::map<std::pair<std::string, std::string>, std::vector<uint64_t>>;  // source, id

  static uint64_t BytesOf(const capture::Plan& plan) {
    uint64_t total = 0;
    for (const capture::Unit& unit : plan.units) total += unit.bytes;
    return total;
  }

  // Reads and compiles each set of units as one. inherited: what to mark; when there is any, only the
  // sessions named in it are compiled.
  void Run(const std::vector<UnitSet>& jobs, const Inherited& inherited) {
    std::atomic<size_t> next = 0;
    auto work = [&] {
      for (size_t i = next++; i < jobs.size(); i = next++) RunOne(jobs[i], inherited);
    };
    size_t threads = std::min<size_t>(std::max(1u, world_.threads), jobs.size());
    {
      std::vector<std::jthread> pool;
      for (size_t i = 1; i < threads; ++i) pool.emplace_back(work);
      work();
    }
    std::ranges::sort(held_, {}, [](const Held& held) {
      const TraceCard& card = held.item.card;
      return std::tuple(card.started_ms.value_or(INT64_MAX), std::string_view(card.session_id),
                        std::string_view(held.item.source), std::string_view(card.source_hash));
    });
  }

  void Summarise(Compiled* item) const {
    item->spend = history::SpendOf(item->card);
    if (want_ == Want::kSummaries) item->tools = history::ToolsOf(item->card);
    item->card.steps = {};
  }

  compile::Depth depth() const {
    return want_ == Want::kTotals ? compile::Depth::kTotals : compile::Depth::kFull;
  }

  // From the index, if all of it is still true. Only what the same view wrote: what a run says must not
  // depend on what ran before.
  bool Recall(const UnitSet& set) {
    const capture::Unit& unit = plan_.units[set.front()];
    auto bytes = index_.Summary(unit, book_.id(), depth());
    auto list = bytes ? Unpack(*bytes, set) : std::nullopt;
    if (!list) return false;
    progress_.Add(unit.bytes);
    std::lock_guard lock(mutex_);
    std::ranges::move(*list, std::back_inserter(held_));
    return true;
  }

  void RunOne(const UnitSet& set, const Inherited& inherited) {
    bool alone = set.size() == 1 && inherited.empty() && want_ != Want::kCards;
    if (alone && Recall(set)) return;
    std::vector<const capture::Unit*> units;
    for (size_t i : set) units.push_back(&plan_.units[i]);
    capture::UnitResult read = capture::ReadUnits(
        units, plan_, [&](uint64_t bytes) { progress_.Add(bytes); }, want_ == Want::kTotals);
    std::vector<Held> made;
    for (Session& session : read.sessions) {
      auto copied = inherited.find({session.source, session.id});
      if (!inherited.empty() && copied == inherited.end()) continue;
      Held held;
      held.calls = CallsOf(session);
      history::ViewOptions how;
      if (copied != inherited.end()) how.inherited = copied->second;
      how.depth = depth();
      held.units = set;
      PricedSession priced;
      static_cast<history::SessionView&>(held.item) = history::ViewOf(&session, book_, how, &priced);
      if (keep_) keep_(held.item, priced);
      if (want_ != Want::kCards) Summarise(&held.item);
      session = Session();
      made.push_back(std::move(held));
    }
    bool whole = read.unusable.empty();  // what failed is tried again the next time
    std::string packed = alone && whole && !world_.cache_dir.empty() ? Pack(made) : std::string();
    std::lock_guard lock(mutex_);
    if (!packed.empty()) index_.Remember(plan_.units[set.front()], book_.id(), depth(), std::move(packed));
    std::ranges::move(made, std::back_inserter(held_));
    if (inherited.empty()) {
      problems_.insert(problems_.end(), read.unusable.begin(), read.unusable.end());
    }
  }

  // The session that stands for an input without any usable record is named after the file.
  static bool HasRecords(const Held& held) {
    const auto& notes = held.item.card.coverage->notes;
    return std::ranges::find(notes, "no_usable_record") == notes.end();
  }

  // Which units belong together so far.
  class UnitGroups {
   public:
    explicit UnitGroups(size_t units) : above_(units) { std::iota(above_.begin(), above_.end(), size_t{0}); }
    size_t Root(size_t at) {
      while (above_[at] != at) at = above_[at] = above_[above_[at]];
      return at;
    }
    void Join(const Held& one, const Held& other) {
      size_t a = Root(one.units.front()), b = Root(other.units.front());
      above_[std::max(a, b)] = std::min(a, b);
    }
    std::map<size_t, UnitSet> OfSeveral() {
      std::map<size_t, UnitSet> groups;
      for (size_t i = 0; i < above_.size(); ++i) groups[Root(i)].push_back(i);
      std::erase_if(groups, [](const auto& group) { return group.second.size() < 2; });
      return groups;
    }

   private:
    std::vector<size_t> above_;
  };
  // By agent (true) or source, its name, and the session's id.
  using HeldById = std::map<std::tuple<bool, std::string_view, std::string_view>, const Held*>;

  // By source and id, and by agent and id: a log and its telemetry.
  HeldById JoinEqualIds(UnitGroups* units) {
    HeldById by_id;
    for (const Held& held : held_) {
      if (!HasRecords(held)) continue;
      for (bool by_agent : {false, true}) {
        std::string_view name = by_agent ? held.item.card.agent : held.item.source;
        if (by_agent && name.empty()) continue;
        auto [first, fresh] =
            by_id.emplace(std::tuple(by_agent, name, std::string_view(held.calls.id)), &held);
        if (!fresh) units->Join(*first->second, held);
      }
    }
    return by_id;
  }

  // Sub-agents that other files hold than the session that spawned them.
  void JoinSubAgents(HeldById* by_id, UnitGroups* units) {
    for (const Held& held : held_) {
      for (const std::string& id : held.calls.below)
        by_id->emplace(std::tuple(false, std::string_view(held.item.source), std::string_view(id)), &held);
    }
    auto join = [&](const Held& held, std::string_view other) {
      auto found = other.empty() ? by_id->end() : by_id->find({false, held.item.source, other});
      if (found != by_id->end()) units->Join(*found->second, held);
    };
    for (const Held& held : held_) {
      join(held, held.calls.parent);
      for (const std::string& id : held.calls.missing) join(held, id);
    }
  }

  // Units that speak of one session are read again, together.
  void JoinSessions() {
    UnitGroups units(plan_.units.size());
    HeldById by_id = JoinEqualIds(&units);
    JoinSubAgents(&by_id, &units);
    std::map<size_t, UnitSet> groups = units.OfSeveral();
    if (groups.empty()) return;
    std::erase_if(held_, [&](const Held& held) { return groups.contains(units.Root(held.units.front())); });
    std::vector<UnitSet> jobs;
    for (auto& [first, set] : groups) jobs.push_back(std::move(set));
    Run(jobs, {});
  }

  void ChargeOnce() {
    std::vector<SessionCalls> calls;
    std::set<std::string_view> present;
    for (Held& held : held_) calls.push_back(std::move(held.calls));
    for (const SessionCalls& each : calls) present.insert(each.id);
    auto copies = FindInherited(calls);
    Inherited inherited;
    std::set<UnitSet> jobs;
    for (size_t i = 0; i < held_.size(); ++i) {
      Held& held = held_[i];
      if (!copies[i].empty()) {
        inherited.emplace(std::pair(held.item.source, calls[i].id), std::move(copies[i]));
        jobs.insert(held.units);
      } else if (!calls[i].forked_from.empty() && !present.contains(calls[i].forked_from)) {
        history::NotePossibleCopy(&held.item.card);
      }
    }
    if (inherited.empty()) return;
    std::erase_if(held_, [&](const Held& held) {
      return inherited.contains({held.item.source, held.item.card.session_id});
    });
    Run({jobs.begin(), jobs.end()}, inherited);
  }

  void Tell() {
    std::ranges::sort(problems_, {}, [](const auto& p) { return std::tie(p.path, p.reason); });
    TellProblems(world_, problems_);
    if (plan_.unrecognised_files > 0 && !held_.empty()) {
      *world_.err << fmt::format("clawtrace: {} other files in the folders are no log of a known agent\n",
                                 plan_.unrecognised_files);
    }
  }

  Result<std::vector<Compiled>> NothingFound(const std::vector<std::string>& inputs) const {
    std::string hint = "clawtrace doctor lists the formats that are read, and the logs of this user";
    int64_t files = plan_.unrecognised_files;
    if (files > 0)
      hint = fmt::format(
          "{} file{} looked at, none is a log of a known agent; clawtrace doctor lists the formats", files,
          files == 1 ? " was" : "s were");
    std::string where =
        inputs.empty() ? "nothing" : inputs.front() + (inputs.size() > 1 ? " and the other inputs" : "");
    return Fail(ErrorCode::kNotFound, fmt::format("no session found in {}", where), hint);
  }

  Index index_;
  capture::Plan plan_;
  const PriceBook& book_;
  const World& world_;
  Keep keep_;
  Want want_;
  Progress progress_;
  std::mutex mutex_;
  std::vector<Held> held_;
  std::vector<capture::Unusable> problems_;
};

}  // namespace

Result<std::vector<Compiled>> CompileAll(const std::vector<std::string>& inputs, const PriceBook& book,
                                         const World& world, const Keep& keep) {
  return Corpus(inputs, book, world, keep, Want::kCards).Compile(inputs);
}

Result<std::vector<Compiled>> SummariseAll(const std::vector<std::string>& inputs, const PriceBook& book,
                                           const World& world, Want want) {
  return Corpus(inputs, book, world, {}, want).Compile(inputs);
}

}  // namespace clawtrace::cli
