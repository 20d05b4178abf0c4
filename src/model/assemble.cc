// Facts to sessions. Every choice below is made by content, never by arrival, so that any order, repetition
// or splitting of the input gives the same sessions.
#include <algorithm>
#include <bit>
#include <map>
#include <numeric>
#include <ranges>
#include <set>
#include <tuple>

#include "base/hash.h"
#include "base/text.h"
#include "model/conversation.h"
#include "model/fact_hash.h"
#include "model/session.h"
#include "model/text_index.h"

namespace clawtrace {
namespace {

struct Entry {
  Fact* fact = nullptr;  // its large parts are moved into the step at the end
  uint64_t hash = 0;     // of the content
  Conversation::Place place;
};

// Everything known of one session while it is being put together.
struct Draft {
  std::string source, id;
  std::vector<Entry> facts;
  Session session;
  std::map<std::string, int64_t> notes;
  int parent = -1;  // index of the parent's draft
};

void Note(Draft& draft, const std::string& note, int64_t count = 1) { draft.notes[note] += count; }

// Versions of one field: the longer text wins, then the greater; equal for any order.
void MergeText(std::string& into, const std::string& other) {
  if (std::pair(other.size(), std::string_view(other)) > std::pair(into.size(), std::string_view(into)))
    into = other;
}

template <class T>
void TakeEarlier(std::optional<T>& into, const std::optional<T>& other) {
  if (other && (!into || *other < *into)) into = other;
}
template <class T>
void TakeLater(std::optional<T>& into, const std::optional<T>& other) {
  if (other && (!into || *other > *into)) into = other;
}

void MergeInfo(Draft& draft, const SessionInfo& other) {
  SessionInfo& info = draft.session.info;
  for (auto field :
       {&SessionInfo::agent, &SessionInfo::agent_version, &SessionInfo::cwd, &SessionInfo::project,
        &SessionInfo::task_id, &SessionInfo::user, &SessionInfo::parent_session, &SessionInfo::parent_call,
        &SessionInfo::agent_name, &SessionInfo::forked_from, &SessionInfo::billing}) {
    MergeText(info.*field, other.*field);
  }
  TakeLater(info.reported_cost, other.reported_cost);
  auto rank = [](const Usage& u) {
    return std::tuple(u.total(), u.output, u.cache_read, u.uncached_input, u.cache_write_1h, u.cache_write_5m,
                      u.reasoning);
  };
  const auto &ours = info.reported_usage, &theirs = other.reported_usage;
  if (theirs && (!ours || rank(*theirs) > rank(*ours))) info.reported_usage = theirs;
}

// Which version of a call's record is the full one: with usage, then the larger output (a client that logs
// while streaming repeats the record with growing counts), then the larger total, then the dearer, then the
// greater hash. What was said decides nothing before: not every view reads it.
auto Dearer(const std::optional<Usage>& usage) {
  Usage u = usage.value_or(Usage{});
  return std::tuple(u.cache_write_1h, u.cache_write_5m, u.cache_write_unknown, u.uncached_input, u.reasoning);
}
auto CallRank(const Fact& fact, uint64_t hash) {
  const LlmCall& call = *fact.llm;
  return std::tuple(call.billed, call.usage.has_value(), call.usage ? call.usage->output : 0,
                    call.usage ? call.usage->total() : 0, Dearer(call.usage), fact.end_ns.has_value(),
                    call.text_bytes, hash);
}

// What of all versions belongs to the call: the full one's words where it has any, else the longest; the
// span.
void MergeVersion(const Fact& fact, const LlmCall& full, Step* step) {
  const LlmCall& call = *fact.llm;
  TakeEarlier(step->start_ns, fact.start_ns);
  TakeLater(step->end_ns, fact.end_ns ? fact.end_ns : fact.start_ns);
  MergeText(step->llm.model, full.model.empty() ? call.model : full.model);
  MergeText(step->llm.provider, full.provider.empty() ? call.provider : full.provider);
  MergeText(step->llm.stop_reason, full.stop_reason.empty() ? call.stop_reason : full.stop_reason);
  TakeLater(step->llm.reported_cost, call.reported_cost);
  step->llm.web_searches = std::max(step->llm.web_searches, call.web_searches);
  step->llm.aliases.insert(step->llm.aliases.end(), call.aliases.begin(), call.aliases.end());
  step->llm.attempts = std::max(step->llm.attempts, call.attempts);
}

// Blocks of one answer come on lines of their own, each with its own node; a node's versions are not added
// up.
void UniteBlocks(std::vector<const Entry*>& versions, Step* step) {
  std::ranges::sort(versions, [](const Entry* a, const Entry* b) {
    auto place = [](const Entry* e) { return std::pair(e->place.position, std::string_view(e->fact->node)); };
    if (place(a) != place(b)) return place(a) < place(b);
    auto ranks = std::pair(CallRank(*b->fact, 0), CallRank(*a->fact, 0));
    if (ranks.first != ranks.second) return ranks.first < ranks.second;
    return std::tie(b->fact->llm->text, b->hash) < std::tie(a->fact->llm->text, a->hash);
  });
  const Entry* before = nullptr;
  for (const Entry* entry : versions) {
    if (before && before->place.position == entry->place.position && before->fact->node == entry->fact->node)
      continue;
    before = entry;
    const LlmCall& block = *entry->fact->llm;
    step->llm.text_bytes += block.text_bytes;
    step->llm.thinking_bytes += block.thinking_bytes;
    if (step->llm.text.size() < kMaxText)
      step->llm.text += PrefixUtf8(block.text, kMaxText - step->llm.text.size());
  }
}

Step UniteCall(std::string_view id, std::vector<const Entry*>& versions) {
  auto best =
      std::ranges::max_element(versions, {}, [](const Entry* v) { return CallRank(*v->fact, v->hash); });
  Step step;
  step.kind = StepKind::kLlmCall;
  step.call_id = id;
  LlmCall& full = *(*best)->fact->llm;
  UniteBlocks(versions, &step);
  for (const Entry* entry : versions) MergeVersion(*entry->fact, full, &step);
  LlmCall united = std::move(step.llm);  // what the versions say beside each other
  step.llm = std::move(full);
  auto keep = [&](auto field) { step.llm.*field = std::move(united.*field); };
  keep(&LlmCall::text), keep(&LlmCall::text_bytes), keep(&LlmCall::thinking_bytes), keep(&LlmCall::aliases);
  keep(&LlmCall::model), keep(&LlmCall::provider), keep(&LlmCall::stop_reason), keep(&LlmCall::reported_cost);
  keep(&LlmCall::web_searches), keep(&LlmCall::attempts);
  std::ranges::sort(step.llm.aliases);
  auto repeated = std::ranges::unique(step.llm.aliases);
  step.llm.aliases.erase(repeated.begin(), repeated.end());
  return step;
}

// Where a step stands: by the conversation first, then by what the source counts, then by time.
struct OrderKey {
  int64_t position = -1;
  int64_t ordinal = -1;
  int64_t time = INT64_MIN;
  std::string_view id;  // of the fact
  auto operator<=>(const OrderKey&) const = default;
};

OrderKey KeyOf(const Entry& entry, const Conversation& order) {
  const Fact& fact = *entry.fact;
  OrderKey key;
  key.position = entry.place.position;
  if (key.position < 0 && !order.empty()) key.position = order.PositionAt(fact.start_ns);
  key.ordinal = fact.ordinal;
  key.time = fact.start_ns.value_or(INT64_MIN);
  key.id = fact.id;
  return key;
}

// Steps are large: until their order is known only what decides it is kept.
struct Call {
  OrderKey key;
  std::string_view id;
  std::vector<const Entry*> versions;
};
struct Tool {
  OrderKey key;
  std::string_view id;
  const Entry* use = nullptr;  // the fullest version
  const Entry* result = nullptr;
  std::string_view llm_call, child_session;  // of the fullest version, else the greatest of the others
  std::optional<int64_t> start_ns, end_ns;
};

// The fullest version's word if it has one, else the greatest.
void TakeWord(std::string_view full, std::string_view own, std::string_view* word) {
  *word = full.empty() ? std::max(*word, own) : full;
}

void TakeUse(Tool& tool, const Entry& entry, const OrderKey& key) {
  auto rank = [](const Entry& e) {
    const ToolUse& use = *e.fact->tool;
    return std::tuple(use.args_bytes, use.args_hash, std::string_view(use.name), e.hash);
  };
  tool.key = tool.use ? std::min(tool.key, key) : key;
  if (!tool.use || rank(entry) > rank(*tool.use)) tool.use = &entry;
  TakeWord(tool.use->fact->tool->llm_call, entry.fact->tool->llm_call, &tool.llm_call);
  TakeEarlier(tool.start_ns, entry.fact->start_ns);
}

void TakeResult(Tool& tool, const Entry& entry, const OrderKey& key) {
  const Fact& fact = *entry.fact;
  auto rank = [](const Entry& e) {
    const ToolResult& r = *e.fact->result;
    return std::tuple(r.status != ToolStatus::kUnknown, r.output_bytes, r.output_hash, r.exit_code,
                      std::string_view(r.error), std::string_view(r.child_session), e.hash);
  };
  if (!tool.use) tool.key = tool.result ? std::min(tool.key, key) : key;
  if (!tool.result || rank(entry) > rank(*tool.result)) tool.result = &entry;
  TakeWord(tool.result->fact->result->child_session, fact.result->child_session, &tool.child_session);
  TakeLater(tool.end_ns, fact.end_ns ? fact.end_ns : fact.start_ns);
}

Step StepOf(const Tool& tool) {
  Step step;
  step.kind = StepKind::kToolUse;
  step.call_id = tool.id;
  step.start_ns = tool.start_ns, step.end_ns = tool.end_ns;
  step.result_only = !tool.use;
  if (tool.use) {
    std::string llm_call(tool.llm_call);
    step.tool = std::move(*tool.use->fact->tool);
    step.tool.llm_call = std::move(llm_call);
  }
  if (tool.result) {
    std::string child(tool.child_session);
    step.result = std::move(*tool.result->fact->result);
    step.result.child_session = std::move(child);
  }
  if (IsSpawnTool(step.tool.name) || !step.result.child_session.empty()) step.kind = StepKind::kSubagentSpawn;
  return step;
}

void TakeOutcome(Session& session, const Fact& fact) {
  // Source rank first, then the latest; two of one rank and time that disagree are "partial" (DESIGN 2).
  const Outcome& other = *fact.outcome;
  Outcome& now = session.outcome;
  if (other.source > now.source) {
    now = other;
  } else if (other.source == now.source && other.verdict != now.verdict &&
             now.source != OutcomeSource::kNone) {
    now.verdict = Verdict::kPartial;
  }
}

// The furthest stage of each skill; of equal stages the least path, so that arrival does not matter.
void TakeSkill(Session& session, const SkillUse& use) {
  auto at = std::ranges::lower_bound(session.skills, use.name, {}, &SkillUse::name);
  if (at == session.skills.end() || at->name != use.name) {
    session.skills.insert(at, use);
  } else if (use.stage > at->stage ||
             (use.stage == at->stage && std::tie(use.path, use.call) < std::tie(at->path, at->call))) {
    *at = use;
  }
}

std::string NormalisedPrompt(std::string_view prompt) {
  std::string out;
  for (char c : ToLower(prompt)) {
    bool space = c == ' ' || c == '\n' || c == '\t' || c == '\r';
    if (space && (out.empty() || out.back() == ' ')) continue;
    out.push_back(space ? ' ' : c);
  }
  return std::string(Trim(out));
}

std::string TaskOf(const Session& session) {
  if (!session.info.task_id.empty()) return session.info.task_id;
  if (session.prompt.empty()) return {};
  std::string workspace = session.info.project;
  if (workspace.empty()) workspace = session.info.cwd;
  while (workspace.size() > 1 && workspace.back() == '/') workspace.pop_back();
  workspace = workspace.substr(workspace.rfind('/') + 1);
  return "task-" + Sha256Hex(NormalisedPrompt(session.prompt) + "\n" + workspace).substr(0, 12);
}

void SetTimes(Draft& draft) {
  for (const auto& [fact, hash, place] : draft.facts) {
    TakeEarlier(draft.session.start_ns, fact->start_ns);
    TakeLater(draft.session.end_ns, fact->end_ns ? fact->end_ns : fact->start_ns);
  }
}

void SetPrompt(Draft& draft, const Conversation& order) {
  std::vector<std::pair<std::pair<OrderKey, uint64_t>, const Fact*>> prompts;
  for (const Entry& entry : draft.facts) {
    const Fact* fact = entry.fact;
    if (fact->kind != FactKind::kUser || !fact->user || fact->user->is_meta || Trim(fact->user->text).empty())
      continue;
    prompts.emplace_back(std::pair(KeyOf(entry, order), entry.hash), fact);
  }
  std::ranges::sort(prompts, [](const auto& a, const auto& b) { return a.first < b.first; });
  for (const auto& [key, fact] : prompts) {
    if (draft.session.prompt.empty())
      draft.session.prompt = fact->user->text;
    else
      draft.session.later_prompts.push_back(fact->user->text);
  }
  draft.session.task_id = TaskOf(draft.session);
}

// Calls in order; each followed by its tools. Tools that no known call asked for stand where their own record
// does.
std::vector<Step> Interleave(std::vector<Call> calls, const std::vector<Tool>& tools) {
  std::ranges::sort(calls, {}, &Call::key);
  TextIndex call_index;
  call_index.reserve(calls.size());
  for (const Call& call : calls) call_index.Add(call.id);
  auto rank_of = [&](const Tool& tool) {
    size_t asker = call_index.Find(tool.llm_call);
    if (asker != TextIndex::kNone) return static_cast<int64_t>(asker);
    auto after = std::ranges::upper_bound(calls, tool.key, {}, &Call::key);
    return static_cast<int64_t>(after - calls.begin()) - 1;
  };
  // Rank -1 is before all calls. Within one answer the block index counts before the record's id.
  struct Row {
    int64_t rank = 0, index = 0;
    const Tool* tool = nullptr;
    auto order() const {
      const OrderKey& key = tool->key;
      return std::tuple(rank, key.position, key.ordinal, index, key.time, key.id);
    }
  };
  std::vector<Row> rows;
  rows.reserve(tools.size());
  for (const Tool& tool : tools)
    rows.push_back({rank_of(tool), tool.use ? tool.use->fact->tool->index : 0, &tool});
  std::ranges::sort(rows, {}, &Row::order);
  std::vector<Step> steps;
  // And for sub-agents that no step is known to have spawned.
  constexpr size_t kMore = 8;
  steps.reserve(calls.size() + tools.size() + kMore);
  size_t next = 0;
  auto take_tools = [&](int64_t rank, std::optional<size_t> asker) {
    for (; next < rows.size() && rows[next].rank == rank; ++next) {
      Step& step = steps.emplace_back(StepOf(*rows[next].tool));
      if (!asker || step.tool.llm_call != steps[*asker].call_id) continue;
      step.turn = steps[*asker].turn;
      step.abandoned = steps[*asker].abandoned;
    }
  };
  take_tools(-1, std::nullopt);
  for (size_t i = 0; i < calls.size(); ++i) {
    bool active = std::ranges::any_of(calls[i].versions, [](const Entry* e) { return e->place.active; });
    Step& step = steps.emplace_back(UniteCall(calls[i].id, calls[i].versions));
    step.turn = static_cast<int64_t>(i) + 1;
    step.abandoned = !active;
    take_tools(static_cast<int64_t>(i), steps.size() - 1);
  }
  return steps;
}

Conversation OrderOf(Draft& draft) {
  std::vector<ConversationNode> nodes;
  nodes.reserve(draft.facts.size());
  for (const Entry& entry : draft.facts) {
    const Fact& fact = *entry.fact;
    if (!fact.node.empty()) nodes.push_back({fact.node, fact.parent_node, fact.start_ns.value_or(INT64_MIN)});
  }
  Conversation order(nodes);
  size_t next = 0;
  for (Entry& entry : draft.facts) {
    if (!entry.fact->node.empty()) entry.place = order.At(next++);
  }
  return order;
}

void NoteGaps(Draft& draft, const std::vector<Tool>& tools) {
  for (const Tool& tool : tools) {
    if (!tool.result) Note(draft, "missing_result");
    if (!tool.use) Note(draft, "result_without_call");
  }
}

void NoteClock(Draft& draft) {
  int64_t previous = INT64_MIN;
  for (const Step& step : draft.session.steps) {
    if (step.kind != StepKind::kLlmCall || !step.start_ns || step.abandoned) continue;
    if (*step.start_ns < previous) Note(draft, "clock_backwards");
    previous = *step.start_ns;
  }
}

// Things by the id of their facts.
template <class T>
class ById {
 public:
  T& operator[](std::string_view id) {
    auto [number, added] = index_.Add(id);
    if (added) values_.emplace_back().id = id;
    return values_[number];
  }
  std::vector<T> Take() { return std::move(values_); }

 private:
  TextIndex index_;
  std::vector<T> values_;
};

void TakeCall(Call& call, const Entry& entry, const OrderKey& key) {
  call.key = call.versions.empty() ? key : std::min(call.key, key);
  call.versions.push_back(&entry);
}

void TakeFacts(Draft& draft, const Conversation& order, ById<Call>* calls, ById<Tool>* tools) {
  std::vector<const Entry*> outcomes;
  for (const Entry& entry : draft.facts) {
    const Fact* fact = entry.fact;
    draft.session.source_hash += Hash64({reinterpret_cast<const char*>(&entry.hash), sizeof entry.hash});
    if (fact->kind == FactKind::kSession && fact->session) MergeInfo(draft, *fact->session);
    if (fact->kind == FactKind::kCompaction) ++draft.session.compactions;
    if (fact->kind == FactKind::kOutcome && fact->outcome) outcomes.push_back(&entry);
    if (fact->kind == FactKind::kSkill && fact->skill) TakeSkill(draft.session, *fact->skill);
    if (fact->kind == FactKind::kLlmCall && fact->llm)
      TakeCall((*calls)[fact->id], entry, KeyOf(entry, order));
    if (fact->kind == FactKind::kToolUse && fact->tool)
      TakeUse((*tools)[fact->id], entry, KeyOf(entry, order));
  }
  for (const Entry& entry : draft.facts) {
    if (entry.fact->kind == FactKind::kToolResult && entry.fact->result)
      TakeResult((*tools)[entry.fact->id], entry, KeyOf(entry, order));
  }
  std::ranges::sort(outcomes, {}, &Entry::hash);
  for (const Entry* entry : outcomes) TakeOutcome(draft.session, *entry->fact);
}

void BuildSteps(Draft& draft) {
  Conversation order = OrderOf(draft);
  if (order.cycles() > 0) Note(draft, "cyclic_parents", order.cycles());
  ById<Call> calls_by_id;
  ById<Tool> tools_by_id;
  TakeFacts(draft, order, &calls_by_id, &tools_by_id);
  std::vector<Call> calls = calls_by_id.Take();
  std::vector<Tool> tools = tools_by_id.Take();
  SetTimes(draft);
  SetPrompt(draft, order);
  NoteGaps(draft, tools);
  if (calls.empty()) Note(draft, "no_model_call");
  draft.session.steps = Interleave(std::move(calls), tools);
  NoteClock(draft);
  for (const Entry& entry : draft.facts) {
    const Fact& fact = *entry.fact;
    if (fact.kind != FactKind::kSession || !fact.session) continue;
    for (const std::string& note : fact.session->notes) draft.notes.emplace(note, 0);
  }
}

// --- sub-agents
// ---------------------------------------------------------------------------------------------------

struct Place {
  int draft = -1;
  size_t step = 0;
};

// The spawning step of a child, or the parent session alone, or nothing.
std::optional<Place> FindParent(const std::vector<Draft>& drafts,
                                const std::multimap<std::string_view, Place>& calls,
                                const std::multimap<std::string_view, Place>& spawns,
                                const std::map<std::pair<std::string_view, std::string_view>, int>& by_id,
                                int child) {
  const SessionInfo& info = drafts[child].session.info;
  std::optional<Place> found;
  if (!info.parent_call.empty()) {
    auto [from, to] = calls.equal_range(info.parent_call);
    for (auto it = from; it != to; ++it) {
      const Draft& draft = drafts[it->second.draft];
      if (it->second.draft == child || draft.source != drafts[child].source) continue;
      bool named = draft.id == info.parent_session;
      if (!found || named ||
          (drafts[found->draft].id != info.parent_session && draft.id < drafts[found->draft].id))
        found = it->second;
    }
    if (found) return found;
  }
  auto [from, to] = spawns.equal_range(drafts[child].id);
  for (auto it = from; it != to; ++it) {
    if (it->second.draft != child && drafts[it->second.draft].source == drafts[child].source)
      return it->second;
  }
  if (!info.parent_session.empty()) {
    auto parent = by_id.find({drafts[child].source, info.parent_session});
    if (parent != by_id.end() && parent->second != child) return Place{parent->second, SIZE_MAX};
  }
  return std::nullopt;
}

// Real agents nest a few levels; a longer chain is hostile or broken input and would exhaust the stack of
// whoever walks the tree. Every kMaxDepth-th link is cut and its child stands as a root.
void CutDeepChains(std::vector<Draft>& drafts, std::vector<std::optional<Place>>& places) {
  constexpr int kMaxDepth = 48;
  std::vector<int> depth(drafts.size(), -1);
  std::vector<size_t> chain;
  for (size_t d = 0; d < drafts.size(); ++d) {
    size_t at = d;
    while (depth[at] < 0 && drafts[at].parent >= 0)
      chain.push_back(at), at = static_cast<size_t>(drafts[at].parent);
    if (depth[at] < 0) depth[at] = 0;
    for (int below = depth[at]; !chain.empty(); chain.pop_back()) depth[chain.back()] = ++below;
  }
  for (size_t d = 0; d < drafts.size(); ++d) {
    if (depth[d] == 0 || depth[d] % kMaxDepth != 0) continue;
    drafts[d].parent = -1;
    places[d].reset();
    Note(drafts[d], "nested_too_deep");
  }
}

// The root of what a session is linked to so far; shortens the ways it goes (union-find).
int RootOf(std::vector<int>& above, int at) {
  while (above[at] != at) at = above[at] = above[above[at]];
  return at;
}

std::vector<std::optional<Place>> LinkChildren(std::vector<Draft>& drafts) {
  std::multimap<std::string_view, Place> calls;
  std::multimap<std::string_view, Place>
      spawns;  // by the child's id, also without an "agent:main:" before it
  std::map<std::pair<std::string_view, std::string_view>, int> by_id;
  for (size_t d = 0; d < drafts.size(); ++d) {
    by_id[{drafts[d].source, drafts[d].id}] = static_cast<int>(d);
    for (size_t s = 0; s < drafts[d].session.steps.size(); ++s) {
      const Step& step = drafts[d].session.steps[s];
      if (step.kind == StepKind::kLlmCall || step.result_only) continue;
      calls.emplace(step.call_id, Place{static_cast<int>(d), s});
      std::string_view child = step.result.child_session;
      for (; !child.empty(); child = child.substr(std::min(child.find(':'), child.size() - 1) + 1)) {
        spawns.emplace(child, Place{static_cast<int>(d), s});
      }
    }
  }
  std::vector<std::optional<Place>> places(drafts.size());
  std::vector<int> above(drafts.size());
  std::iota(above.begin(), above.end(), 0);
  for (size_t d = 0; d < drafts.size(); ++d) {
    auto place = FindParent(drafts, calls, spawns, by_id, static_cast<int>(d));
    if (!place) continue;
    if (RootOf(above, place->draft) == static_cast<int>(d)) {
      Note(drafts[d], "cyclic_subagents");
      continue;
    }
    above[d] = drafts[d].parent = place->draft;
    places[d] = place;
  }
  CutDeepChains(drafts, places);
  return places;
}

void FinishNotes(Draft& draft) {
  for (auto& [note, count] : draft.notes) {
    bool plain = count <= 0 || note == "no_model_call";
    draft.session.notes.push_back(plain ? note : note + ":" + std::to_string(count));
  }
}

Session& Attach(Draft& parent, std::optional<size_t> step, Session child) {
  if (!step) {
    Step spawn;
    spawn.kind = StepKind::kSubagentSpawn;
    spawn.call_id = child.id;
    spawn.tool.name = "unlinked_subagent";
    spawn.start_ns = child.start_ns, spawn.end_ns = child.end_ns;
    parent.session.steps.push_back(std::move(spawn));
    step = parent.session.steps.size() - 1;
  }
  Step& spawn = parent.session.steps[*step];
  spawn.kind = StepKind::kSubagentSpawn;
  if (spawn.result.child_session.empty()) spawn.result.child_session = child.id;
  spawn.children.push_back(std::move(child));
  return spawn.children.back();
}

std::vector<Session> Nest(std::vector<Draft>& drafts) {
  auto places = LinkChildren(drafts);
  for (size_t d = 0; d < drafts.size(); ++d) {
    if (places[d] && places[d]->step == SIZE_MAX) Note(drafts[places[d]->draft], "unlinked_subagent");
  }
  for (Draft& draft : drafts) FinishNotes(draft);
  // Deepest first, so that a child is complete before it moves into its parent.
  std::vector<std::pair<int, size_t>> by_depth;
  for (size_t d = 0; d < drafts.size(); ++d) {
    int depth = 0;
    for (int at = drafts[d].parent; at >= 0; at = drafts[at].parent) ++depth;
    by_depth.emplace_back(-depth, d);
  }
  std::ranges::sort(by_depth);
  std::vector<Session> roots;
  for (auto& [depth, d] : by_depth) {
    Session session = std::move(drafts[d].session);
    if (!places[d]) {
      roots.push_back(std::move(session));
    } else {
      bool unlinked = places[d]->step == SIZE_MAX;
      Attach(drafts[places[d]->draft], unlinked ? std::nullopt : std::optional(places[d]->step),
             std::move(session));
    }
  }
  return roots;
}

// Of facts with the same content one is kept.
void DropRepeated(std::vector<Entry>* facts) {
  std::vector<uint64_t> seen(std::bit_ceil(2 * facts->size() + 1));
  bool seen_zero = false;
  std::erase_if(*facts, [&](const Entry& entry) {
    if (entry.hash == 0) return std::exchange(seen_zero, true);
    size_t mask = seen.size() - 1, at = entry.hash & mask;
    while (seen[at] != 0 && seen[at] != entry.hash) at = (at + 1) & mask;
    return std::exchange(seen[at], entry.hash) == entry.hash;
  });
}

// Facts keep the order in which they came, for the processor's sake; nothing below may depend on it.
std::vector<Draft> GroupBySession(std::vector<Fact>& facts) {
  std::map<std::pair<std::string_view, std::string_view>, size_t> index;
  std::vector<Draft> drafts;
  size_t last = SIZE_MAX;
  for (Fact& fact : facts) {
    if (last == SIZE_MAX || drafts[last].id != fact.session_id || drafts[last].source != fact.source) {
      auto [it, added] = index.emplace(
          std::pair<std::string_view, std::string_view>(fact.source, fact.session_id), drafts.size());
      last = it->second;
      if (added) {
        Draft& draft = drafts.emplace_back();
        draft.source = fact.source, draft.id = fact.session_id;
      }
    }
    drafts[last].facts.push_back({&fact, HashOf(fact), {}});
  }
  for (Draft& draft : drafts) DropRepeated(&draft.facts);
  std::ranges::sort(drafts, {}, [](const Draft& d) {
    return std::pair<std::string_view, std::string_view>(d.source, d.id);
  });
  return drafts;
}

}  // namespace

std::vector<Session> AssembleSessions(std::vector<Fact> facts) {
  std::vector<Draft> drafts = GroupBySession(facts);
  for (Draft& draft : drafts) {
    draft.session.id = draft.id;
    draft.session.source = draft.source;
    BuildSteps(draft);
  }
  std::vector<Session> roots = Nest(drafts);
  std::ranges::sort(roots, [](const Session& a, const Session& b) {
    return std::tuple(a.start_ns.value_or(INT64_MAX), std::string_view(a.id), std::string_view(a.source)) <
           std::tuple(b.start_ns.value_or(INT64_MAX), std::string_view(b.id), std::string_view(b.source));
  });
  return roots;
}

}  // namespace clawtrace
