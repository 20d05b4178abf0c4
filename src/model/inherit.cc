#include "model/inherit.h"

#include <fmt/core.h>

#include <algorithm>
#include <map>
#include <string_view>
#include <unordered_set>

#include "base/hash.h"

namespace clawtrace {
namespace {

// Calls without an own id or usage cannot be told from others.
std::optional<uint64_t> KeyOf(const Session& session, const Step& step) {
  if (step.kind != StepKind::kLlmCall || step.call_id.empty() || !step.llm.usage) return std::nullopt;
  uint64_t key = Hash64(session.source);
  key = Hash64(step.call_id, key);
  key = Hash64(step.llm.model, key);
  const Usage& usage = *step.llm.usage;
  for (int64_t tokens : {usage.uncached_input, usage.cache_read, usage.cache_write(), usage.output})
    key = Hash64({reinterpret_cast<const char*>(&tokens), sizeof tokens}, key);
  return key;
}

template <class Visit>
void ForEachSession(const Session& session, const Visit& visit) {
  visit(session);
  for (const Step& step : session.steps) {
    for (const Session& child : step.children) ForEachSession(child, visit);
  }
}

// The session at the start of a chain of forks, as far as it is present; -1 - index for one without a chain.
class Origins {
 public:
  explicit Origins(std::span<const SessionCalls> sessions) : sessions_(sessions) {
    for (size_t i = 0; i < sessions.size(); ++i) by_id_.emplace(sessions[i].id, i);
  }
  // The number of forks between a session and its origin, and the origin. Chains that bite their tail end
  // where they began to repeat.
  std::pair<int64_t, std::string_view> Of(size_t index) const {
    int64_t depth = 0;
    std::unordered_set<size_t> seen;
    while (seen.insert(index).second && !sessions_[index].forked_from.empty()) {
      auto above = by_id_.find(sessions_[index].forked_from);
      if (above == by_id_.end()) return {depth + 1, sessions_[index].forked_from};
      index = above->second, ++depth;
    }
    return {depth, sessions_[index].id};
  }

 private:
  std::span<const SessionCalls> sessions_;
  std::map<std::string_view, size_t> by_id_;
};

struct Claim {
  uint64_t key = 0;
  size_t rank = 0;  // of the session, earliest first
  std::optional<int64_t> start_ns;
};

// The earlier sessions that hold a call: when theirs began, and where they come from.
class Holders {
 public:
  bool Hold(std::span<const Claim> claims, std::string_view origin) const {
    return roots_.contains(origin) || std::ranges::any_of(claims, [&](const Claim& claim) {
             return claim.start_ns && times_.contains(*claim.start_ns);
           });
  }
  void Add(std::span<const Claim> claims, std::string_view origin) {
    for (const Claim& claim : claims) {
      if (claim.start_ns) times_.insert(*claim.start_ns);
    }
    roots_.insert(origin);
  }

 private:
  std::unordered_set<int64_t> times_;
  std::unordered_set<std::string_view> roots_;
};

}  // namespace

SessionCalls CallsOf(const Session& session) {
  SessionCalls out;
  out.id = session.id, out.forked_from = session.info.forked_from, out.parent = session.info.parent_session;
  ForEachSession(session, [&](const Session& each) {
    if (&each != &session) out.below.push_back(each.id);
    for (const Step& step : each.steps) {
      if (step.children.empty() && !step.result.child_session.empty())
        out.missing.push_back(step.result.child_session);
      auto key = KeyOf(each, step);
      if (!key) continue;
      out.calls.push_back({*key, step.start_ns});
      if (step.start_ns) out.start_ns = std::min(out.start_ns.value_or(INT64_MAX), *step.start_ns);
      auto end = step.end_ns ? step.end_ns : step.start_ns;
      if (end) out.end_ns = std::max(out.end_ns.value_or(INT64_MIN), *end);
    }
  });
  return out;
}

std::vector<std::vector<uint64_t>> FindInherited(std::span<const SessionCalls> sessions) {
  Origins origins(sessions);
  std::vector<std::pair<int64_t, std::string_view>> origin(sessions.size());
  std::vector<size_t> order(sessions.size());
  for (size_t i = 0; i < sessions.size(); ++i) origin[i] = origins.Of(i), order[i] = i;
  auto age = [&](size_t i) {
    const SessionCalls& s = sessions[i];
    return std::tuple(s.start_ns.value_or(INT64_MAX), origin[i].first, s.end_ns.value_or(INT64_MAX),
                      std::string_view(s.id), s.calls.size());
  };
  std::ranges::sort(order, [&](size_t a, size_t b) { return age(a) < age(b); });
  std::vector<Claim> claims;
  for (size_t rank = 0; rank < order.size(); ++rank) {
    for (const CallTrace& call : sessions[order[rank]].calls)
      claims.push_back({call.key, rank, call.start_ns});
  }
  std::ranges::sort(claims, {}, [](const Claim& c) { return std::tuple(c.key, c.rank, c.start_ns); });
  std::vector<std::vector<uint64_t>> inherited(sessions.size());
  for (size_t from = 0, to = 0; from < claims.size(); from = to) {
    while (to < claims.size() && claims[to].key == claims[from].key) ++to;
    if (claims[from].rank == claims[to - 1].rank) continue;  // within one session
    Holders before;
    for (size_t i = from; i < to;) {
      size_t end = i;
      while (end < to && claims[end].rank == claims[i].rank) ++end;
      std::span<const Claim> own(&claims[i], end - i);
      size_t index = order[claims[i].rank];
      if (before.Hold(own, origin[index].second)) inherited[index].push_back(claims[i].key);
      before.Add(own, origin[index].second);
      i = end;
    }
  }
  for (auto& keys : inherited) std::ranges::sort(keys);
  return inherited;
}

int64_t MarkInherited(Session* session, std::span<const uint64_t> keys) {
  int64_t count = 0;
  std::unordered_set<int64_t> turns;
  for (Step& step : session->steps) {
    auto key = KeyOf(*session, step);
    if (key && std::ranges::binary_search(keys, *key)) {
      step.inherited = true, step.llm.billed = false;
      ++count;
      if (step.turn != 0) turns.insert(step.turn);
    }
  }
  for (Step& step : session->steps) {
    if (step.kind != StepKind::kLlmCall && turns.contains(step.turn)) step.inherited = true;
    for (Session& child : step.children) count += MarkInherited(&child, keys);
  }
  if (count == 0) return 0;
  std::erase_if(session->notes, [](const std::string& note) { return note.starts_with("inherited_calls:"); });
  session->notes.push_back(fmt::format("inherited_calls:{}", count));
  std::ranges::sort(session->notes);
  return count;
}

}  // namespace clawtrace
