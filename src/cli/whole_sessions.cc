#include "cli/whole_sessions.h"

#include <fmt/core.h>

#include <algorithm>
#include <map>
#include <set>
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

Result<std::deque<WholeSession>> FromFiles(const Selection& selection) {
  capture::Plan plan = capture::PlanInputs(selection.inputs);
  auto units = UnitsBySession(plan);
  if (units.empty())
    return std::unexpected(InTermsOf(
        selection, {ErrorCode::kNotFound, fmt::format("no session found in {}", selection.inputs.front()),
                    "clawtrace doctor lists the formats that are read"}));
  auto chosen = Named(units, selection.selectors);
  if (!chosen) return std::unexpected(chosen.error());
  std::set<std::set<size_t>> jobs;
  for (const SessionName& name : *chosen) jobs.insert(units[name]);
  std::deque<WholeSession> sessions;
  for (const std::set<size_t>& job : jobs) {
    std::vector<const capture::Unit*> together;
    for (size_t i : job) together.push_back(&plan.units[i]);
    for (Session& session : capture::ReadWholeUnits(together, plan, {}).sessions) {
      SessionName name(session.info.agent, session.id);
      if (!chosen->contains(name) || units[name] != job) continue;
      sessions.emplace_back().session = std::move(session);
    }
  }
  return sessions;
}

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

Result<std::deque<WholeSession>> FromStore(const Selection& selection, const PriceBook& book,
                                           const World& world) {
  auto local = OpenCompiledStore(selection.store, book, world);
  if (!local) return std::unexpected(local.error());
  auto all = ReadStored(*local->store, selection.selectors);
  if (!all) return std::unexpected(all.error());
  std::deque<WholeSession> sessions;
  for (const Compiled& item : *all) {
    auto family = history::ReadFamily(*local->store, kLocalTenant, item.card.session_id);
    if (!family) return std::unexpected(family.error());
    for (size_t i = 0; i < family->sessions.size(); ++i) {
      Session& session = family->sessions[i];
      if (session.id != item.card.session_id || session.source != item.source) continue;
      PricedSession priced;  // marks what earlier sessions are charged for
      history::ViewOf(&session, book, family->options[i], &priced);
      FillFromRecords(*local->store, &session);
      sessions.emplace_back().session = std::move(session);
      break;
    }
  }
  return sessions;
}

}  // namespace

Result<std::deque<WholeSession>> ReadWholeSessions(const Selection& selection, const PriceBook& book,
                                                   const World& world) {
  auto sessions = selection.store.empty() ? FromFiles(selection) : FromStore(selection, book, world);
  if (!sessions) return sessions;
  std::ranges::sort(*sessions, {}, [](const WholeSession& whole) {
    const Session& session = whole.session;
    return std::tuple(session.start_ns.value_or(INT64_MAX), session.id, session.source);
  });
  for (WholeSession& whole : *sessions) whole.priced = PriceSession(whole.session, book);
  return sessions;
}

}  // namespace clawtrace::cli
