#include "capture/importers/openhands_resolve.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "capture/replace_facts.h"

namespace clawtrace::capture::openhands {

namespace {

// Costs of calls out of what the session had cost up to each of them.
void SettleCosts(std::vector<Fact>& facts, const std::vector<size_t>& calls) {
  std::map<std::string_view, std::pair<int64_t, Usd>> reached;  // call -> its first place, the most it says
  for (size_t i : calls) {
    const LlmCall& call = *facts[i].llm;
    if (std::ranges::find(call.aliases, kAccumulated) == call.aliases.end()) continue;
    auto [at, added] = reached.emplace(facts[i].id, std::pair(facts[i].ordinal, *call.reported_cost));
    if (added) continue;
    at->second.first = std::min(at->second.first, facts[i].ordinal);
    at->second.second = std::max(at->second.second, *call.reported_cost);
  }
  std::vector<std::tuple<int64_t, Usd, std::string_view>> order;
  for (auto& [id, place] : reached) order.emplace_back(place.first, place.second, id);
  std::ranges::sort(order);
  std::map<std::string, std::optional<Usd>, std::less<>> own;
  Usd before;
  for (auto& [ordinal, total, id] : order) {
    Usd cost = total - before;
    own[std::string(id)] = cost > Usd() ? std::optional(cost) : std::nullopt;
    before = std::max(before, total);
  }
  for (size_t i : calls) {
    LlmCall& call = *facts[i].llm;
    if (std::erase(call.aliases, kAccumulated) > 0) call.reported_cost = own[facts[i].id];
  }
}

// What base_state.json knows of a call goes to the call's event; calls without an event stay.
void JoinState(std::vector<Fact>& facts, const std::vector<size_t>& calls, std::vector<bool>* drop) {
  std::map<std::string_view, size_t> state;
  std::set<std::string_view> listed;
  for (size_t i : calls) {
    LlmCall& call = *facts[i].llm;
    if (std::erase(call.aliases, kStateOnly) > 0)
      state.emplace(facts[i].id, i);
    else
      listed.insert(facts[i].id);
  }
  for (size_t i : calls) {
    auto known = state.find(facts[i].id);
    if (known == state.end() || !listed.contains(facts[i].id)) continue;
    const LlmCall& source = *facts[known->second].llm;
    if (known->second == i) {
      (*drop)[i] = true;
      continue;
    }
    LlmCall& call = *facts[i].llm;
    if (call.model.empty()) call.model = source.model;
    if (!call.usage) call.usage = source.usage;
    if (!call.reported_cost) call.reported_cost = source.reported_cost;
  }
}

// Events between a delegation and its observation are the delegate's.
void SplitDelegates(std::vector<Fact>& facts, const std::vector<size_t>& members, std::vector<Fact>* added) {
  std::map<std::string_view, int64_t> ends;
  for (size_t i : members) {
    if (facts[i].kind != FactKind::kToolResult) continue;
    int64_t& end = ends.emplace(facts[i].id, facts[i].ordinal).first->second;
    end = std::max(end, facts[i].ordinal);
  }
  struct Span {
    int64_t from, to;
    std::string call, session, parent, agent;
  };
  std::vector<Span> spans;
  std::set<std::string_view> known;
  std::string root = facts[members.front()].session_id;
  for (size_t i : members) {
    const Fact& fact = facts[i];
    if (fact.kind != FactKind::kToolUse || fact.tool->name != "delegate_task" ||
        !known.insert(fact.id).second)
      continue;
    auto end = ends.find(fact.id);
    int64_t to = end == ends.end() ? INT64_MAX : end->second;
    if (to > fact.ordinal + 1) spans.push_back({fact.ordinal, to, fact.id, root + "/" + fact.id, root, ""});
  }
  if (spans.empty()) return;
  std::ranges::sort(spans, {},
                    [](const Span& s) { return std::tuple(s.from, -s.to, std::string_view(s.call)); });
  // The innermost span around a place, by one sweep over places and spans in order.
  std::vector<size_t> order = members;
  std::ranges::sort(order, {}, [&](size_t i) { return facts[i].ordinal; });
  std::vector<size_t> open;
  size_t next = 0;
  std::set<size_t> used;
  for (size_t i : order) {
    Fact& fact = facts[i];
    if (fact.ordinal < 0) continue;
    while (next < spans.size() && spans[next].from < fact.ordinal) {
      while (!open.empty() && spans[open.back()].to <= spans[next].from) open.pop_back();
      if (!open.empty()) spans[next].parent = spans[open.back()].session;
      open.push_back(next++);
    }
    while (!open.empty() && spans[open.back()].to <= fact.ordinal) open.pop_back();
    if (open.empty() || fact.kind == FactKind::kSession || fact.kind == FactKind::kOutcome) continue;
    fact.session_id = spans[open.back()].session;
    used.insert(open.back());
  }
  for (size_t s : used) {
    Fact fact;
    fact.kind = FactKind::kSession;
    fact.source = "openhands";
    fact.session_id = fact.id = spans[s].session;
    SessionInfo info;
    info.agent = "openhands";
    info.parent_session = spans[s].parent, info.parent_call = spans[s].call;
    fact.session = std::move(info);
    added->push_back(std::move(fact));
  }
}

}  // namespace

void Resolve(std::vector<Fact>* facts) {
  std::map<std::string, std::vector<size_t>> sessions;
  for (size_t i = 0; i < facts->size(); ++i) sessions[(*facts)[i].session_id].push_back(i);
  std::vector<bool> drop(facts->size(), false);
  std::vector<Fact> added;
  for (auto& [session, members] : sessions) {
    std::vector<size_t> calls;
    for (size_t i : members) {
      if ((*facts)[i].kind == FactKind::kLlmCall && (*facts)[i].llm) calls.push_back(i);
    }
    SettleCosts(*facts, calls);
    JoinState(*facts, calls, &drop);
    SplitDelegates(*facts, members, &added);
  }
  ReplaceFacts(drop, std::move(added), facts);
}

}  // namespace clawtrace::capture::openhands
