#include "model/join_sources.h"

#include <algorithm>
#include <map>
#include <set>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <utility>

namespace clawtrace {
namespace {

constexpr int64_t kNsPerSecond = 1'000'000'000;
constexpr int64_t kCallWindow = 30 * kNsPerSecond;  // between a log's line and a span's end
constexpr int64_t kErrorWindow = 5 * kNsPerSecond;
constexpr int kMaxLook = 64;  // candidates of equal tokens looked at on either side

// OpenClaw's plugin tells an attempt at a turn, all its requests in one sum, where others tell each request.
bool TellsAttempts(const Session& session) { return session.source == "openclaw-plugin"; }

// Telemetry shows less than a client's own log, whatever else it is, and sums show least.
int RankOf(const Session& session) { return TellsAttempts(session) ? 2 : session.source == "otlp" ? 1 : 0; }

int64_t TimeOf(const Step& step) { return step.end_ns.value_or(step.start_ns.value_or(INT64_MIN)); }

int64_t Distance(int64_t a, int64_t b) {
  int64_t difference = 0;
  if (a == INT64_MIN || b == INT64_MIN || __builtin_sub_overflow(a, b, &difference)) return INT64_MAX;
  return difference < 0 ? -difference : difference;
}

void TakeText(std::string* into, const std::string& other) {
  if (into->empty()) *into = other;
}
template <class T>
void TakeIfUnknown(std::optional<T>* into, const std::optional<T>& other) {
  if (!*into) *into = other;
}
void Widen(const std::optional<int64_t>& start, const std::optional<int64_t>& end,
           std::optional<int64_t>* from, std::optional<int64_t>* to) {
  if (start && (!*from || *start < **from)) *from = start;
  if (end && (!*to || *end > **to)) *to = end;
}

auto UsageRank(const std::optional<Usage>& usage) {
  if (!usage) return std::tuple(false, false, false, false);
  bool split = usage->cache_write_5m + usage->cache_write_1h > 0;
  return std::tuple(true, usage->cache_read + usage->cache_write() > 0, split, usage->reasoning > 0);
}

void JoinCall(Step* into, const Step& other) {
  LlmCall& call = into->llm;
  if (UsageRank(other.llm.usage) > UsageRank(call.usage)) {
    call.usage = other.llm.usage;
    call.other_reading = other.llm.other_reading;
    if (call.usage && call.error.empty()) call.billed = true;
  }
  TakeIfUnknown(&call.reported_cost, other.llm.reported_cost);
  JoinModels(&call, other.llm);
  TakeText(&call.provider, other.llm.provider);
  TakeText(&call.stop_reason, other.llm.stop_reason);
  TakeText(&call.service_tier, other.llm.service_tier);
  call.auxiliary = call.auxiliary || other.llm.auxiliary;
  call.attempts = std::max(call.attempts, other.llm.attempts);
  call.web_searches = std::max(call.web_searches, other.llm.web_searches);
  if (call.text_bytes == 0) call.text = other.llm.text, call.text_bytes = other.llm.text_bytes;
  call.thinking_bytes = std::max(call.thinking_bytes, other.llm.thinking_bytes);
  std::set<std::string> names(call.aliases.begin(), call.aliases.end());
  names.insert(other.llm.aliases.begin(), other.llm.aliases.end());
  if (other.call_id != into->call_id) names.insert(other.call_id);
  call.aliases.assign(names.begin(), names.end());
  Widen(other.start_ns, other.end_ns, &into->start_ns, &into->end_ns);
}

void JoinTool(Step* into, const Step& other) {
  TakeText(&into->tool.name, other.tool.name);
  TakeText(&into->tool.cwd, other.tool.cwd);
  if (into->tool.args.empty() && !other.tool.args.empty()) {
    into->tool.args = other.tool.args, into->tool.args_bytes = other.tool.args_bytes;
    into->tool.args_hash = other.tool.args_hash, into->tool.args_broken = other.tool.args_broken;
  }
  if (into->result_only && !other.result_only) into->result_only = false;
  ToolResult& result = into->result;
  if (result.status == ToolStatus::kUnknown) {
    result.status = other.result.status, result.error = other.result.error;
  } else if (result.status == ToolStatus::kOk && other.result.status == ToolStatus::kError &&
             result.exit_code.value_or(1) != 0) {
    // A log without an exit code may call a failure a success; telemetry of the same call knows.
    result.status = other.result.status, result.error = other.result.error;
  }
  TakeIfUnknown(&result.exit_code, other.result.exit_code);
  TakeText(&result.child_session, other.result.child_session);
  if (result.output_hash == 0 && other.result.output_bytes > result.output_bytes) {
    result.output = other.result.output, result.output_bytes = other.result.output_bytes;
    result.output_hash = other.result.output_hash;
  }
  if (into->kind == StepKind::kToolUse) into->kind = other.kind;
  Widen(other.start_ns, other.end_ns, &into->start_ns, &into->end_ns);
}

// "agent-x" in one source is "x" in another.
bool SameAgentId(std::string_view a, std::string_view b) {
  if (a.size() < b.size()) std::swap(a, b);
  constexpr size_t kLeast = 6;
  if (a == b) return true;
  return b.size() >= kLeast && a.ends_with(b) &&
         std::string_view("-/:").find(a[a.size() - b.size() - 1]) != std::string_view::npos;
}

// Finds the base's step that another source's step tells of. Each step of the base is found once.
class Matcher {
 public:
  explicit Matcher(const std::vector<Step>& steps) : steps_(steps), taken_(steps.size(), false) {
    for (size_t i = 0; i < steps.size(); ++i) {
      const Step& step = steps[i];
      if (step.kind != StepKind::kLlmCall) {
        tools_.emplace(step.call_id, i);
        continue;
      }
      calls_.emplace(step.call_id, i);
      for (const std::string& name : step.llm.aliases) calls_.emplace(name, i);
      if (!step.llm.error.empty()) errors_.emplace(TimeOf(step), i);
      if (!step.llm.usage || step.llm.usage->total() == 0) continue;
      // Some emitters leave reasoning out of the output.
      const Usage& usage = *step.llm.usage;
      by_tokens_[{usage.prompt(), usage.output}].emplace(TimeOf(step), i);
      if (usage.reasoning > 0)
        by_tokens_[{usage.prompt(), usage.output - usage.reasoning}].emplace(TimeOf(step), i);
    }
  }

  // Ids first for all steps, then tokens: a call without an id must not take another's place.
  std::vector<std::optional<size_t>> Match(const std::vector<Step>& others) {
    std::vector<std::optional<size_t>> found(others.size());
    for (size_t i = 0; i < others.size(); ++i) found[i] = Take(ById(others[i]));
    for (size_t i = 0; i < others.size(); ++i) {
      if (!found[i] && others[i].kind == StepKind::kLlmCall) found[i] = Take(ByContent(others[i]));
    }
    return found;
  }

 private:
  using ByTime = std::multimap<int64_t, size_t>;

  std::optional<size_t> Take(std::optional<size_t> index) {
    if (!index || taken_[*index]) return std::nullopt;
    taken_[*index] = true;
    return index;
  }

  std::optional<size_t> ById(const Step& step) const {
    const auto& index = step.kind == StepKind::kLlmCall ? calls_ : tools_;
    if (auto at = index.find(step.call_id); at != index.end()) return at->second;
    if (step.kind != StepKind::kLlmCall) return std::nullopt;
    for (const std::string& name : step.llm.aliases) {
      if (auto at = index.find(name); at != index.end()) return at->second;
    }
    return std::nullopt;
  }

  std::optional<size_t> ByContent(const Step& step) const {
    if (!step.llm.error.empty()) return Nearest(errors_, step, kErrorWindow);
    if (!step.llm.usage || step.llm.usage->total() == 0) return std::nullopt;
    const Usage& usage = *step.llm.usage;
    for (int64_t output : {usage.output, usage.output - usage.reasoning}) {
      auto at = by_tokens_.find({usage.prompt(), output});
      auto found = at == by_tokens_.end() ? std::nullopt : Nearest(at->second, step, kCallWindow);
      if (found) return found;
    }
    return std::nullopt;
  }

  std::optional<size_t> Nearest(const ByTime& candidates, const Step& step, int64_t window) const {
    std::optional<size_t> best;
    int64_t best_distance = window;
    auto look = [&](const std::pair<const int64_t, size_t>& candidate) {
      int64_t distance = Distance(candidate.first, TimeOf(step));
      if (distance > best_distance || (best && distance == best_distance) || taken_[candidate.second]) return;
      const LlmCall& known = steps_[candidate.second].llm;
      bool models = known.model.empty() || step.llm.model.empty() ||
                    known.model.starts_with(step.llm.model) || step.llm.model.starts_with(known.model);
      if (models) best = candidate.second, best_distance = distance;
    };
    auto middle = candidates.lower_bound(TimeOf(step));
    auto at = middle;
    for (int i = 0; i < kMaxLook && at != candidates.begin(); ++i) look(*--at);
    at = middle;
    for (int i = 0; i < kMaxLook && at != candidates.end(); ++i, ++at) look(*at);
    return best;
  }

  const std::vector<Step>& steps_;
  std::vector<bool> taken_;
  std::unordered_map<std::string_view, size_t> calls_, tools_;
  std::map<std::pair<int64_t, int64_t>, ByTime> by_tokens_;
  ByTime errors_;
};

// The last step of the base that began no later; -1: before all.
class Timeline {
 public:
  explicit Timeline(const std::vector<Step>& steps) : earliest_(steps.size()) {
    int64_t least = INT64_MAX;
    for (size_t i = steps.size(); i-- > 0;) {
      least = std::min(least, steps[i].start_ns.value_or(INT64_MAX));
      earliest_[i] = least;
    }
  }
  int64_t Before(std::optional<int64_t> time) const {
    if (!time) return static_cast<int64_t>(earliest_.size()) - 1;
    return std::ranges::upper_bound(earliest_, *time) - earliest_.begin() - 1;
  }

 private:
  std::vector<int64_t> earliest_;  // start of this step or any later one
};

void Renumber(std::vector<Step>* steps) {
  std::unordered_map<std::string_view, const Step*> askers;
  int64_t turn = 0;
  for (Step& step : *steps) {
    if (step.kind == StepKind::kLlmCall) step.turn = ++turn, askers.emplace(step.call_id, &step);
  }
  for (Step& step : *steps) {
    if (step.kind == StepKind::kLlmCall) continue;
    auto asker = askers.find(step.tool.llm_call);
    step.turn = asker == askers.end() ? 0 : asker->second->turn;
  }
}

void Join(Session* base, Session other);

// Where the base's own sub-agents are.
using Places = std::vector<std::pair<size_t, size_t>>;  // step, child

Places PlacesOf(const std::vector<Step>& steps) {
  Places places;
  for (size_t i = 0; i < steps.size(); ++i) {
    for (size_t child = 0; child < steps[i].children.size(); ++child) places.emplace_back(i, child);
  }
  return places;
}

// Sub-agents that the other source tells, each into the base's own if it has it, else below the step.
void JoinChildren(const Places& places, std::vector<Step>* base, Step* below, std::vector<Session> others) {
  if (others.empty()) return;
  if (others.size() == 1 && below->children.size() == 1)
    return Join(&below->children.front(), std::move(others.front()));
  for (Session& other : others) {
    auto same = std::ranges::find_if(places, [&](const auto& place) {
      return SameAgentId((*base)[place.first].children[place.second].id, other.id);
    });
    if (same != places.end())
      Join(&(*base)[same->first].children[same->second], std::move(other));
    else
      below->children.push_back(std::move(other));
  }
}

int64_t CountCalls(const std::vector<Step>& steps) {
  return std::ranges::count_if(steps, [](const Step& step) { return step.kind == StepKind::kLlmCall; });
}

// Steps that only the other source tells: the base's step that each follows, its time, its own order.
using Extra = std::tuple<int64_t, int64_t, size_t, Step>;

void Insert(std::vector<Extra> extra, std::vector<Step>* steps) {
  std::ranges::sort(extra, {}, [](const Extra& row) {
    return std::tuple(std::get<0>(row), std::get<1>(row), std::get<2>(row));
  });
  std::vector<Step> merged;
  merged.reserve(steps->size() + extra.size());
  size_t next = 0;
  for (int64_t i = -1; i < std::ssize(*steps); ++i) {
    if (i >= 0) merged.push_back(std::move((*steps)[static_cast<size_t>(i)]));
    for (; next < extra.size() && std::get<0>(extra[next]) == i; ++next)
      merged.push_back(std::move(std::get<3>(extra[next])));
  }
  *steps = std::move(merged);
}

// Attempts whose requests the base tells one by one: a request that asked for a tool of the attempt, or one
// that went out while it ran. Such a sum is not charged again. O(n log n).
class Attempts {
 public:
  Attempts(const std::vector<Step>& base, const std::vector<Step>& others);

  bool AreTold(const Step& attempt) const { return told_.contains(attempt.call_id); }
  // Requests of the base that the attempts tell of, but for those that a step of the other source is
  // (matches).
  int64_t CountRequests(const std::vector<std::optional<size_t>>& matches) const;
  bool SumToMore(const std::vector<std::optional<size_t>>& matches) const;

 private:
  static int64_t StartOf(const Step& step) { return step.start_ns.value_or(step.end_ns.value_or(INT64_MIN)); }

  const std::vector<Step>&base_, &others_;
  std::set<std::string_view> told_;
  std::set<size_t> requests_;  // indices in base
};

Attempts::Attempts(const std::vector<Step>& base, const std::vector<Step>& others)
    : base_(base), others_(others) {
  std::unordered_map<std::string_view, size_t> calls;
  std::unordered_map<std::string_view, std::string_view> askers;
  std::multimap<int64_t, size_t> starts;
  for (size_t i = 0; i < base.size(); ++i) {
    const Step& step = base[i];
    if (step.kind != StepKind::kLlmCall) {
      askers.emplace(step.call_id, step.tool.llm_call);
    } else if (step.llm.error.empty()) {
      calls.emplace(step.call_id, i);
      if (StartOf(step) != INT64_MIN) starts.emplace(StartOf(step), i);
    }
  }
  int64_t seen_until = INT64_MIN;  // attempts begin in order, so each request is looked at once
  std::set<std::pair<int64_t, const Step*>> attempts;
  for (const Step& step : others) {
    if (step.kind == StepKind::kLlmCall) {
      if (step.llm.error.empty() && step.start_ns && step.end_ns) attempts.emplace(*step.start_ns, &step);
      continue;
    }
    auto asker = askers.find(step.call_id);
    auto call = asker == askers.end() ? calls.end() : calls.find(asker->second);
    if (call == calls.end() || step.tool.llm_call.empty()) continue;
    told_.insert(step.tool.llm_call);
    requests_.insert(call->second);
  }
  for (auto& [start, attempt] : attempts) {
    auto first = starts.lower_bound(start);
    if (first == starts.end() || first->first > *attempt->end_ns) continue;
    told_.insert(attempt->call_id);
    for (auto at = starts.lower_bound(std::max(start, seen_until));
         at != starts.end() && at->first <= *attempt->end_ns; ++at)
      requests_.insert(at->second);
    seen_until = std::max(seen_until, *attempt->end_ns);
  }
}

int64_t Attempts::CountRequests(const std::vector<std::optional<size_t>>& matches) const {
  std::set<size_t> left = requests_;
  for (const auto& match : matches) {
    if (match) left.erase(*match);
  }
  return std::ssize(left);
}

bool Attempts::SumToMore(const std::vector<std::optional<size_t>>& matches) const {
  std::set<size_t> left = requests_;
  int64_t sum = 0;
  for (size_t i = 0; i < others_.size(); ++i) {
    if (matches[i])
      left.erase(*matches[i]);
    else if (others_[i].kind == StepKind::kLlmCall && AreTold(others_[i]) && others_[i].llm.usage)
      sum += others_[i].llm.usage->total();
  }
  for (size_t i : left) sum -= base_[i].llm.usage ? base_[i].llm.usage->total() : 0;
  return sum > 0;
}

struct Counts {
  int64_t both = 0, only_base = 0, only_other = 0;
  bool attempts_sum_to_more = false;
};

// Drops the attempts that the base tells, with their matches.
Counts LeaveOutAttempts(const std::vector<Step>& base, std::vector<Step>* others,
                        std::vector<std::optional<size_t>>* matches) {
  Attempts attempts(base, *others);
  Counts counts;
  counts.both = attempts.CountRequests(*matches);
  counts.attempts_sum_to_more = attempts.SumToMore(*matches);
  std::set<std::string> told;
  size_t kept = 0;
  std::vector<bool> drop(others->size(), false);
  for (size_t i = 0; i < others->size(); ++i) {
    const Step& step = (*others)[i];
    drop[i] = step.kind == StepKind::kLlmCall && !(*matches)[i] && attempts.AreTold(step);
    if (drop[i]) told.insert(step.call_id);
  }
  for (size_t i = 0; i < others->size(); ++i) {
    if (drop[i]) continue;
    Step& step = (*others)[i];
    if (told.contains(step.tool.llm_call)) step.tool.llm_call.clear();
    if (kept != i) (*others)[kept] = std::move(step), (*matches)[kept] = (*matches)[i];
    ++kept;
  }
  others->resize(kept), matches->resize(kept);
  return counts;
}

Counts JoinSteps(std::vector<Step>* base, std::vector<Step> others, bool attempts_told) {
  Counts counts;
  auto matches = Matcher(*base).Match(others);
  if (attempts_told) counts = LeaveOutAttempts(*base, &others, &matches);
  Timeline timeline(*base);
  Places places = PlacesOf(*base);
  std::unordered_map<std::string, std::string> renamed;   // the other source's id of a call -> the base's
  std::unordered_map<std::string_view, int64_t> last_of;  // call -> its last tool in the base
  for (size_t i = 0; i < base->size(); ++i) {
    const Step& step = (*base)[i];
    last_of[step.kind == StepKind::kLlmCall ? step.call_id : step.tool.llm_call] = static_cast<int64_t>(i);
  }
  for (size_t i = 0; i < others.size(); ++i) {
    if (matches[i] && others[i].kind == StepKind::kLlmCall)
      renamed.emplace(others[i].call_id, (*base)[*matches[i]].call_id);
  }
  std::vector<Extra> extra;
  for (size_t i = 0; i < others.size(); ++i) {
    Step& step = others[i];
    bool is_call = step.kind == StepKind::kLlmCall;
    if (!is_call) {
      auto asker = renamed.find(step.tool.llm_call);
      if (asker != renamed.end()) step.tool.llm_call = asker->second;
    }
    if (matches[i]) {
      Step& known = (*base)[*matches[i]];
      if (is_call)
        JoinCall(&known, step), ++counts.both;
      else
        JoinTool(&known, step);
      JoinChildren(places, base, &known, std::move(step.children));
      continue;
    }
    std::vector<Session> children = std::exchange(step.children, {});
    JoinChildren(places, base, &step, std::move(children));
    // A spawn that stood only for a sub-agent which the base hangs elsewhere.
    if (step.tool.name == "unlinked_subagent" && step.children.empty()) continue;
    if (is_call) ++counts.only_other;
    auto asked = is_call ? last_of.end() : last_of.find(step.tool.llm_call);
    int64_t after = asked == last_of.end() ? timeline.Before(step.start_ns) : asked->second;
    int64_t time = step.start_ns.value_or(INT64_MIN);
    extra.emplace_back(after, time, i, std::move(step));
  }
  counts.only_base = CountCalls(*base) - counts.both;
  Insert(std::move(extra), base);
  Renumber(base);
  return counts;
}

void JoinInfo(SessionInfo* into, const SessionInfo& other) {
  for (auto field :
       {&SessionInfo::agent, &SessionInfo::agent_version, &SessionInfo::cwd, &SessionInfo::project,
        &SessionInfo::task_id, &SessionInfo::user, &SessionInfo::parent_session, &SessionInfo::parent_call,
        &SessionInfo::agent_name, &SessionInfo::forked_from, &SessionInfo::billing}) {
    TakeText(&(into->*field), other.*field);
  }
  TakeIfUnknown(&into->reported_cost, other.reported_cost);
  TakeIfUnknown(&into->reported_usage, other.reported_usage);
}

void JoinSkills(std::vector<SkillUse>* into, const std::vector<SkillUse>& others) {
  for (const SkillUse& other : others) {
    auto at = std::ranges::lower_bound(*into, other.name, {}, &SkillUse::name);
    if (at == into->end() || at->name != other.name)
      into->insert(at, other);
    else if (other.stage > at->stage)
      *at = other;
  }
}

bool IsAbout(std::string_view note, std::string_view what) {
  return note == what || (note.starts_with(what) && note.substr(what.size()).starts_with(':'));
}

// What the joined steps hold, whichever source told it.
struct Closed {
  int64_t missing_results = 0;
  bool any_call = false, cache = false, auxiliary = false;
};

Closed ClosedBy(const std::vector<Step>& steps) {
  Closed closed;
  for (const Step& step : steps) {
    bool is_call = step.kind == StepKind::kLlmCall;
    if (!is_call && step.result.status == ToolStatus::kUnknown && !step.result_only) ++closed.missing_results;
    if (!is_call) continue;
    closed.any_call = true;
    closed.auxiliary = closed.auxiliary || step.llm.auxiliary;
    closed.cache =
        closed.cache || (step.llm.usage && step.llm.usage->cache_read + step.llm.usage->cache_write() > 0);
  }
  return closed;
}

// Gaps of the base that the other source closed are none any more; the other's own gaps do not matter where
// the base has no such gap. Its counters were compared with its calls, so they tell of the whole only when it
// has all of them.
void JoinNotes(Session* base, const Session& other, const Counts& counts) {
  Closed closed = ClosedBy(base->steps);
  int64_t missing = closed.missing_results;
  std::set<std::string> notes;
  for (const std::string& note : base->notes) {
    bool none_now = IsAbout(note, "missing_result") || (IsAbout(note, "no_model_call") && closed.any_call) ||
                    (IsAbout(note, "cache_not_reported") && closed.cache) ||
                    (IsAbout(note, "title_call_not_logged") && closed.auxiliary);
    if (!none_now) notes.insert(note);
  }
  if (missing > 0) notes.insert("missing_result:" + std::to_string(missing));
  for (const std::string& note : other.notes) {
    if (IsAbout(note, "metrics_disagree") && counts.only_base == 0) notes.insert(note);
  }
  if (counts.attempts_sum_to_more) notes.insert("attempts_sum_to_more");
  if (counts.only_base > 0)
    notes.insert("calls_only_in:" + base->source + ":" + std::to_string(counts.only_base));
  if (counts.only_other > 0)
    notes.insert("calls_only_in:" + other.source + ":" + std::to_string(counts.only_other));
  base->notes.assign(notes.begin(), notes.end());
}

void Join(Session* base, Session other) {
  Counts counts = JoinSteps(&base->steps, std::move(other.steps), TellsAttempts(other));
  JoinInfo(&base->info, other.info);
  JoinSkills(&base->skills, other.skills);
  JoinNotes(base, other, counts);
  TakeText(&base->prompt, other.prompt);
  TakeText(&base->task_id, other.task_id);
  if (other.outcome.source > base->outcome.source) base->outcome = other.outcome;
  Widen(other.start_ns, other.end_ns, &base->start_ns, &base->end_ns);
  base->compactions = std::max(base->compactions, other.compactions);
  base->source_hash += other.source_hash;
  base->skipped.insert(base->skipped.end(), other.skipped.begin(), other.skipped.end());
  std::ranges::sort(base->skipped);
}

}  // namespace

std::vector<Session> JoinSources(std::vector<Session> sessions) {
  std::vector<size_t> order(sessions.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::ranges::sort(order, [&](size_t a, size_t b) {
    auto key = [&](size_t i) {
      const Session& s = sessions[i];
      return std::tuple(RankOf(s), std::string_view(s.source), s.source_hash, i);
    };
    return key(a) < key(b);
  });
  std::map<std::pair<std::string, std::string>, size_t> bases;  // agent, id
  std::vector<bool> joined(sessions.size(), false);
  for (size_t i : order) {
    auto [base, fresh] = bases.emplace(std::pair(sessions[i].info.agent, sessions[i].id), i);
    if (fresh || sessions[base->second].source == sessions[i].source) continue;
    Session& into = sessions[base->second];
    std::string note = "joined_with:" + sessions[i].source;
    Join(&into, std::move(sessions[i]));
    into.notes.insert(std::ranges::lower_bound(into.notes, note), note);
    joined[i] = true;
  }
  std::vector<Session> out;
  for (size_t i = 0; i < sessions.size(); ++i) {
    if (!joined[i]) out.push_back(std::move(sessions[i]));
  }
  return out;
}

}  // namespace clawtrace
