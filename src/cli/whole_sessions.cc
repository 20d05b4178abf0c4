#include "cli/whole_sessions.h"

#include <fmt/core.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>
#include <set>
#include <thread>
#include <tuple>

#include "capture/gather.h"
#include "capture/whole_texts.h"
#include "cli/local_store.h"
#include "history/records.h"

namespace clawtrace::cli {
namespace {

bool HasRecords(const Session& session) {
  return std::ranges::find(session.notes, "no_usable_record") == session.notes.end();
}

using SessionName = std::pair<std::string, std::string>;  // agent, id

// Which units tell of which session; one told by several is read from all of them.
std::map<SessionName, std::set<size_t>> UnitsBySession(const capture::Plan& plan) {
  std::map<SessionName, std::set<size_t>> units;
  for (size_t i = 0; i < plan.units.size(); ++i) {
    const capture::Unit* unit = &plan.units[i];
    capture::UnitResult read = capture::ReadUnits({&unit, 1}, plan, {}, plan.units.size() > 1);
    for (const Session& session : read.sessions) {
      if (HasRecords(session)) units[{session.info.agent, session.id}].insert(i);
    }
  }
  return units;
}

// The names that match a selector as history::FindSession reads it.
Result<std::set<SessionName>> Named(const std::map<SessionName, std::set<size_t>>& units,
                                    const std::vector<std::string>& selectors) {
  std::set<SessionName> chosen;
  std::vector<Compiled> all;
  for (const auto& [name, places] : units) {
    Compiled& item = all.emplace_back();
    item.card.agent = name.first, item.card.session_id = name.second;
  }
  for (const std::string& selector : selectors) {
    auto found = Match(all, selector);
    if (!found) return std::unexpected(found.error());
    for (size_t i : *found) chosen.emplace(all[i].card.agent, all[i].card.session_id);
  }
  if (selectors.empty()) {
    for (const auto& [name, places] : units) chosen.insert(name);
  }
  return chosen;
}

// The sessions of files: what there is to read, and reading one part of it. Parts share no session.
class FilePlan {
 public:
  static Result<FilePlan> Make(const Selection& selection) {
    FilePlan out;
    out.plan_ = capture::PlanInputs(selection.inputs);
    out.units_ = UnitsBySession(out.plan_);
    if (out.units_.empty())
      return std::unexpected(InTermsOf(
          selection, {ErrorCode::kNotFound, fmt::format("no session found in {}", selection.inputs.front()),
                      "clawtrace doctor lists the formats that are read"}));
    auto chosen = Named(out.units_, selection.selectors);
    if (!chosen) return std::unexpected(chosen.error());
    out.chosen_ = std::move(*chosen);
    std::set<std::set<size_t>> jobs;
    for (const SessionName& name : out.chosen_) jobs.insert(out.units_[name]);
    out.jobs_.assign(jobs.begin(), jobs.end());
    return out;
  }

  size_t parts() const { return jobs_.size(); }
  std::vector<Session> Read(size_t part) const {
    const std::set<size_t>& job = jobs_[part];
    std::vector<const capture::Unit*> together;
    for (size_t i : job) together.push_back(&plan_.units[i]);
    std::vector<Session> sessions;
    for (Session& session : capture::ReadWholeUnits(together, plan_, {}).sessions) {
      SessionName name(session.info.agent, session.id);
      if (!chosen_.contains(name) || units_.at(name) != job) continue;
      sessions.push_back(std::move(session));
    }
    return sessions;
  }

 private:
  capture::Plan plan_;
  std::map<SessionName, std::set<size_t>> units_;
  std::set<SessionName> chosen_;
  std::vector<std::set<size_t>> jobs_;
};

// Every text that is cut is looked for in the records that were kept of it.
void FillFromRecords(store::Store& store, Session* session) {
  capture::WholeTexts whole;
  auto learn = [&](auto&& self, const Session& of) -> void {
    for (const Step& step : of.steps) {
      bool cut = step.kind == StepKind::kLlmCall
                     ? step.llm.text_bytes > std::ssize(step.llm.text)
                     : step.tool.args_bytes > std::ssize(step.tool.args) ||
                           step.result.output_bytes > std::ssize(step.result.output);
      if (cut) {
        auto payloads = history::ReadPayloads(store, kLocalTenant, of.id, step.call_id);
        for (const store::Payload& payload : payloads ? *payloads : std::vector<store::Payload>())
          whole.Learn(step, payload.bytes);
      }
      for (const Session& child : step.children) self(self, child);
    }
  };
  learn(learn, *session);
  whole.Fill(session);
}

Result<Session> FromFamily(store::Store& store, const Compiled& item, const PriceBook& book) {
  auto family = history::ReadFamily(store, kLocalTenant, item.card.session_id);
  if (!family) return std::unexpected(family.error());
  for (size_t i = 0; i < family->sessions.size(); ++i) {
    Session& session = family->sessions[i];
    if (session.id != item.card.session_id || session.source != item.source) continue;
    PricedSession priced;  // marks what earlier sessions are charged for
    history::ViewOf(&session, book, family->options[i], &priced);
    FillFromRecords(store, &session);
    return std::move(session);
  }
  return Fail(ErrorCode::kNotFound, fmt::format("session {} is in the store no more", item.card.session_id));
}

Status Give(WholeSession whole, const PriceBook& book, const TakeWhole& take) {
  whole.priced = PriceSession(whole.session, book);
  return take(whole);
}

Status EachOfFiles(const Selection& selection, const PriceBook& book, unsigned threads,
                   const TakeWhole& take) {
  auto files = FilePlan::Make(selection);
  if (!files) return std::unexpected(std::move(files.error()));
  std::atomic<size_t> next = 0;
  std::atomic<bool> stopped = false;
  std::mutex mutex;
  Status first;
  auto work = [&] {
    for (size_t part = next++; part < files->parts() && !stopped; part = next++) {
      for (Session& session : files->Read(part)) {
        WholeSession whole;
        whole.session = std::move(session);
        Status taken = Give(std::move(whole), book, take);
        if (taken) continue;
        std::lock_guard lock(mutex);
        if (first) first = std::move(taken);
        stopped = true;
      }
    }
  };
  std::vector<std::thread> helpers;
  for (unsigned i = 1; i < std::min<size_t>(threads, files->parts()); ++i) helpers.emplace_back(work);
  work();
  for (std::thread& helper : helpers) helper.join();
  return first;
}

Status EachOfStore(const Selection& selection, const PriceBook& book, const World& world,
                   const TakeWhole& take) {
  auto local = OpenCompiledStore(selection.store, book, world);
  if (!local) return std::unexpected(std::move(local.error()));
  auto all = ReadStored(*local->store, selection.selectors);
  if (!all) return std::unexpected(std::move(all.error()));
  for (const Compiled& item : *all) {
    auto session = FromFamily(*local->store, item, book);
    if (!session) return std::unexpected(std::move(session.error()));
    WholeSession whole;
    whole.session = std::move(*session);
    auto replay = history::GetReplay(*local->store, kLocalTenant, whole.session);
    if (!replay) return std::unexpected(std::move(replay.error()));
    whole.replay = std::move(*replay);
    CT_RETURN_IF_ERROR(Give(std::move(whole), book, take));
  }
  return {};
}

}  // namespace

Status ForEachWholeSession(const Selection& selection, const PriceBook& book, const World& world,
                           const TakeWhole& take) {
  return selection.store.empty() ? EachOfFiles(selection, book, world.threads, take)
                                 : EachOfStore(selection, book, world, take);
}

Result<std::deque<WholeSession>> ReadWholeSessions(const Selection& selection, const PriceBook& book,
                                                   const World& world) {
  std::vector<Session> read;
  std::mutex mutex;
  Status status = ForEachWholeSession(selection, book, world, [&](const WholeSession& whole) -> Status {
    std::lock_guard lock(mutex);
    read.push_back(whole.session);
    return {};
  });
  if (!status) return std::unexpected(std::move(status.error()));
  std::ranges::sort(read, {}, [](const Session& session) {
    return std::tuple(session.start_ns.value_or(INT64_MAX), session.id, session.source);
  });
  std::deque<WholeSession> sessions;
  for (Session& session : read) {
    WholeSession& whole = sessions.emplace_back();
    whole.session = std::move(session);
    whole.priced = PriceSession(whole.session, book);
  }
  return sessions;
}

}  // namespace clawtrace::cli
