// Facts to sessions. Every choice below is made by content, never by arrival, so that any order, repetition
// or splitting of the input gives the same sessions.
#include <algorithm>
#include <map>
#include <numeric>
#include <ranges>
#include <set>
#include <tuple>
#include <unordered_map>
#include <unordered_set>

#include "base/hash.h"
#include "base/text.h"
#include "model/conversation.h"
#include "model/fact_hash.h"
#include "model/session.h"

namespace clawtrace {
namespace {

using FactRef = const Fact*;

// Everything known of one session while it is being put together.
struct Draft {
  std::string source, id;
  std::vector<std::pair<FactRef, uint64_t>> facts;  // with content hash
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
        &SessionInfo::task_id, &SessionInfo::parent_session, &SessionInfo::parent_call,
        &SessionInfo::agent_name, &SessionInfo::forked_from, &SessionInfo::billing}) {
    MergeText(info.*field, other.*field);
  }
  TakeLater(info.reported_cost, other.reported_cost);
  auto rank = [](const Usage& u) { return std::tuple(u.total(), u.output, u.cache_read, u.uncached_input); };
  const auto &ours = info.reported_usage, &theirs = other.reported_usage;
  if (theirs && (!ours || rank(*theirs) > rank(*ours))) info.reported_usage = theirs;
}

// Which version of a call's record is the full one: with usage, then the larger output (a client that logs
// while streaming repeats the record with growing counts), then the larger total, then the greater hash.
auto CallRank(const Fact& fact, uint64_t hash) {
  const LlmCall& call = *fact.llm;
  return std::tuple(call.billed, call.usage.has_value(), call.usage ? call.usage->output : 0,
                    call.usage ? call.usage->total() : 0, fact.end_ns.has_value(), call.text_bytes, hash);
}

Step UniteCall(const std::string& id, std::vector<std::pair<FactRef, uint64_t>> versions,
               const Conversation& order) {
  auto best = std::ranges::max_element(versions, {}, [](auto& v) { return CallRank(*v.first, v.second); });
  Step step;
  step.kind = StepKind::kLlmCall;
  step.call_id = id;
  step.llm = *best->first->llm;
  step.llm.text.clear();
  step.llm.aliases.clear();
  step.llm.text_bytes = step.llm.thinking_bytes = 0;
  // Blocks of one answer come on lines of their own, each with its own node; a node's versions are not added
  // up.
  std::map<std::tuple<int64_t, std::string>, FactRef> blocks;
  for (auto& [fact, hash] : versions) {
    TakeEarlier(step.start_ns, fact->start_ns);
    TakeLater(step.end_ns, fact->end_ns ? fact->end_ns : fact->start_ns);
    if (best->first->llm->model.empty()) MergeText(step.llm.model, fact->llm->model);
    if (best->first->llm->provider.empty()) MergeText(step.llm.provider, fact->llm->provider);
    TakeLater(step.llm.reported_cost, fact->llm->reported_cost);
    step.llm.web_searches = std::max(step.llm.web_searches, fact->llm->web_searches);
    step.llm.aliases.insert(step.llm.aliases.end(), fact->llm->aliases.begin(), fact->llm->aliases.end());
    step.llm.attempts = std::max(step.llm.attempts, fact->llm->attempts);
    if (best->first->llm->stop_reason.empty()) MergeText(step.llm.stop_reason, fact->llm->stop_reason);
    FactRef& block = blocks[{order.Position(fact->node), fact->node}];
    if (!block || CallRank(*block, 0) < CallRank(*fact, 0) ||
        (CallRank(*block, 0) == CallRank(*fact, 0) && block->llm->text < fact->llm->text)) {
      block = fact;
    }
  }
  std::ranges::sort(step.llm.aliases);
  auto repeated = std::ranges::unique(step.llm.aliases);
  step.llm.aliases.erase(repeated.begin(), repeated.end());
  for (auto& [key, fact] : blocks) {
    step.llm.text_bytes += fact->llm->text_bytes;
    step.llm.thinking_bytes += fact->llm->thinking_bytes;
    if (step.llm.text.size() < kMaxText)
      step.llm.text += PrefixUtf8(fact->llm->text, kMaxText - step.llm.text.size());
  }
  return step;
}

// Where a step stands: by the conversation first, then by what the source counts, then by time.
struct OrderKey {
  int64_t position = -1;
  int64_t ordinal = -1;
  int64_t time = INT64_MIN;
  std::string id;
  auto operator<=>(const OrderKey&) const = default;
};

OrderKey KeyOf(const Fact& fact, const Conversation& order) {
  OrderKey key;
  key.position = order.Position(fact.node);
  if (key.position < 0 && !order.empty()) key.position = order.PositionAt(fact.start_ns);
  key.ordinal = fact.ordinal;
  key.time = fact.start_ns.value_or(INT64_MIN);
  key.id = fact.id;
  return key;
}

struct Call {
  OrderKey key;
  Step step;
};
struct Tool {
  OrderKey key;
  Step step;
  bool has_use = false, has_result = false;
};

void TakeUse(Tool& tool, const Fact& fact, const OrderKey& key) {
  bool better = !tool.has_use ||
                std::tuple(fact.tool->args_bytes, fact.tool->args_hash, std::string_view(fact.tool->name)) >
                    std::tuple(tool.step.tool.args_bytes, tool.step.tool.args_hash,
                               std::string_view(tool.step.tool.name));
  std::string llm_call = tool.step.tool.llm_call;
  if (better) tool.step.tool = *fact.tool;
  if (tool.step.tool.llm_call.empty()) tool.step.tool.llm_call = llm_call;
  tool.key = tool.has_use ? std::min(tool.key, key) : key;
  tool.has_use = true;
  TakeEarlier(tool.step.start_ns, fact.start_ns);
}

void TakeResult(Tool& tool, const Fact& fact, const OrderKey& key) {
  auto rank = [](const ToolResult& r) {
    return std::tuple(r.status != ToolStatus::kUnknown, r.output_bytes, r.output_hash, r.exit_code,
                      std::string_view(r.error), std::string_view(r.child_session));
  };
  std::string child = tool.step.result.child_session;
  if (!tool.has_result || rank(*fact.result) > rank(tool.step.result)) tool.step.result = *fact.result;
  if (tool.step.result.child_session.empty()) tool.step.result.child_session = child;
  tool.has_result = true;
  if (!tool.has_use) tool.key = key;
  TakeLater(tool.step.end_ns, fact.end_ns ? fact.end_ns : fact.start_ns);
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
  for (auto& [fact, hash] : draft.facts) {
    TakeEarlier(draft.session.start_ns, fact->start_ns);
    TakeLater(draft.session.end_ns, fact->end_ns ? fact->end_ns : fact->start_ns);
  }
}

void SetPrompt(Draft& draft, const Conversation& order) {
  std::optional<OrderKey> first;
  for (auto& [fact, hash] : draft.facts) {
    if (fact->kind != FactKind::kUser || !fact->user || fact->user->is_meta || Trim(fact->user->text).empty())
      continue;
    OrderKey key = KeyOf(*fact, order);
    if (first && !(key < *first)) continue;
    first = key;
    draft.session.prompt = fact->user->text;
  }
  draft.session.task_id = TaskOf(draft.session);
}

// Calls in order; each followed by its tools. Tools that no known call asked for stand where their own record
// does.
std::vector<Step> Interleave(std::vector<Call> calls, std::vector<Tool> tools) {
  std::ranges::sort(calls, {}, &Call::key);
  std::unordered_map<std::string_view, size_t> call_index;
  for (size_t i = 0; i < calls.size(); ++i) call_index.emplace(calls[i].step.call_id, i);
  auto rank_of = [&](const Tool& tool) {
    auto found = call_index.find(tool.step.tool.llm_call);
    if (found != call_index.end()) return found->second;
    auto after = std::ranges::upper_bound(calls, tool.key, {}, &Call::key);
    return after == calls.begin() ? SIZE_MAX : static_cast<size_t>(after - calls.begin()) - 1;
  };
  using Row = std::tuple<int64_t, OrderKey, int64_t, size_t>;  // rank (-1 = before all), key, index, tool
  std::vector<Row> rows;
  for (size_t i = 0; i < tools.size(); ++i) {
    size_t rank = rank_of(tools[i]);
    rows.emplace_back(rank == SIZE_MAX ? -1 : static_cast<int64_t>(rank), tools[i].key,
                      tools[i].step.tool.index, i);
  }
  // Within one answer the block index counts before the record's id.
  std::ranges::sort(rows, [](const Row& a, const Row& b) {
    const OrderKey &ka = std::get<1>(a), &kb = std::get<1>(b);
    return std::tuple(std::get<0>(a), ka.position, ka.ordinal, std::get<2>(a), ka.time,
                      std::string_view(ka.id)) < std::tuple(std::get<0>(b), kb.position, kb.ordinal,
                                                            std::get<2>(b), kb.time, std::string_view(kb.id));
  });
  std::vector<Step> steps;
  steps.reserve(calls.size() + tools.size());
  size_t next = 0;
  auto take_tools = [&](int64_t rank, std::optional<size_t> asker) {
    for (; next < rows.size() && std::get<0>(rows[next]) == rank; ++next) {
      Step step = std::move(tools[std::get<3>(rows[next])].step);
      if (asker && step.tool.llm_call == steps[*asker].call_id) {
        step.turn = steps[*asker].turn;
        step.abandoned = steps[*asker].abandoned;
      }
      steps.push_back(std::move(step));
    }
  };
  take_tools(-1, std::nullopt);
  for (size_t i = 0; i < calls.size(); ++i) {
    calls[i].step.turn = static_cast<int64_t>(i) + 1;
    steps.push_back(std::move(calls[i].step));
    size_t asker = steps.size() - 1;
    take_tools(static_cast<int64_t>(i), asker);
  }
  return steps;
}

Conversation OrderOf(const Draft& draft) {
  std::vector<ConversationNode> nodes;
  for (auto& [fact, hash] : draft.facts) {
    if (!fact->node.empty())
      nodes.push_back({fact->node, fact->parent_node, fact->start_ns.value_or(INT64_MIN)});
  }
  return Conversation(std::move(nodes));
}

void NoteGaps(Draft& draft, const std::vector<Tool>& tools) {
  for (const Tool& tool : tools) {
    if (!tool.has_result) Note(draft, "missing_result");
    if (!tool.has_use) Note(draft, "result_without_call");
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

void BuildSteps(Draft& draft) {
  Conversation order = OrderOf(draft);
  if (order.cycles() > 0) Note(draft, "cyclic_parents", order.cycles());
  std::unordered_map<std::string, std::vector<std::pair<FactRef, uint64_t>>> versions;
  std::unordered_map<std::string, Tool> tools_by_id;
  uint64_t set_hash = 0;
  for (auto& [fact, hash] : draft.facts) {
    set_hash += Hash64(HexOf(hash));
    if (fact->kind == FactKind::kSession && fact->session) MergeInfo(draft, *fact->session);
    if (fact->kind == FactKind::kCompaction) ++draft.session.compactions;
    if (fact->kind == FactKind::kOutcome && fact->outcome) TakeOutcome(draft.session, *fact);
    if (fact->kind == FactKind::kSkill && fact->skill) TakeSkill(draft.session, *fact->skill);
    if (fact->kind == FactKind::kLlmCall && fact->llm) versions[fact->id].emplace_back(fact, hash);
    if (fact->kind == FactKind::kToolUse && fact->tool)
      TakeUse(tools_by_id[fact->id], *fact, KeyOf(*fact, order));
  }
  for (auto& [fact, hash] : draft.facts) {
    if (fact->kind == FactKind::kToolResult && fact->result)
      TakeResult(tools_by_id[fact->id], *fact, KeyOf(*fact, order));
  }
  draft.session.source_hash = set_hash;
  std::vector<Call> calls;
  for (auto& [id, facts] : versions) {
    Call call{KeyOf(*facts.front().first, order), UniteCall(id, facts, order)};
    bool active = false;
    for (auto& [fact, hash] : facts) {
      call.key = std::min(call.key, KeyOf(*fact, order));
      active = active || order.IsActive(fact->node);
    }
    call.step.abandoned = !active;
    calls.push_back(std::move(call));
  }
  std::vector<Tool> tools;
  for (auto& [id, tool] : tools_by_id) {
    tool.step.kind = StepKind::kToolUse;
    tool.step.call_id = id;
    tool.step.result_only = !tool.has_use;
    if (IsSpawnTool(tool.step.tool.name) || !tool.step.result.child_session.empty())
      tool.step.kind = StepKind::kSubagentSpawn;
    tools.push_back(std::move(tool));
  }
  SetTimes(draft);
  SetPrompt(draft, order);
  NoteGaps(draft, tools);
  if (calls.empty()) Note(draft, "no_model_call");
  draft.session.steps = Interleave(std::move(calls), std::move(tools));
  NoteClock(draft);
  for (auto& [fact, hash] : draft.facts) {
    if (fact->kind != FactKind::kSession || !fact->session) continue;
    for (const std::string& note : fact->session->notes) draft.notes.emplace(note, 0);
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

std::vector<Draft> GroupBySession(const std::vector<Fact>& facts) {
  std::map<std::pair<std::string_view, std::string_view>, size_t> index;
  std::vector<Draft> drafts;
  std::vector<std::unordered_set<uint64_t>> seen;
  for (const Fact& fact : facts) {
    auto [it, added] = index.emplace(
        std::pair<std::string_view, std::string_view>(fact.source, fact.session_id), drafts.size());
    if (added) {
      Draft draft;
      draft.source = fact.source, draft.id = fact.session_id;
      drafts.push_back(std::move(draft));
      seen.emplace_back();
    }
    uint64_t hash = HashOf(fact);
    if (seen[it->second].insert(hash).second) drafts[it->second].facts.emplace_back(&fact, hash);
  }
  // From here on arrival order is forgotten.
  for (Draft& draft : drafts) std::ranges::sort(draft.facts, {}, &std::pair<FactRef, uint64_t>::second);
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
