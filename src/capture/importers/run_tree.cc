#include "capture/importers/run_tree.h"

#include <algorithm>
#include <map>
#include <optional>
#include <tuple>
#include <utility>

#include "capture/replace_facts.h"

namespace clawtrace::capture::run_tree {
namespace {

bool IsAggregate(const Fact& fact) {
  return fact.llm && std::ranges::find(fact.llm->aliases, kAggregate) != fact.llm->aliases.end();
}

struct Run {
  std::string_view id;
  std::string_view parent_id;
  int parent = -1;
  std::vector<int> children;
  bool call = false, tool = false, agent = false, aggregate = false;
  bool calls_below = false;
  std::string_view name;  // of an agent
  std::string_view tool_name;
  std::string_view tool_id;  // its fact's id
  std::optional<int64_t> start_ns;
  std::optional<Usage> usage;
  int boundary = -1;  // the run that this one's session is named after; -1: the trace
  int handoff = -1;   // of an agent that was handed over to: the handing tool
};

auto Rank(const Usage& u) { return std::tuple(u.total(), u.output, u.cache_read, u.uncached_input); }

// One trace's runs as a forest.
class Tree {
 public:
  Tree(std::vector<Fact>* facts, const std::vector<size_t>& members) : facts_(*facts), members_(members) {
    for (size_t i : members_) Add(facts_[i]);
    Connect();
    MarkCallsBelow();
    FindHandoffs();
    SetBoundaries();
  }

  void Settle(std::vector<bool>* drop, std::vector<Fact>* added);

 private:
  void Add(const Fact& fact);
  void Connect();
  void MarkCallsBelow();
  void FindHandoffs();
  void SetBoundaries();
  std::string SessionOf(int run) const;
  std::map<int, Usage> OwnUsage(int64_t* mismatches);
  void BillGroups(std::vector<Fact>* added, std::map<std::string, std::map<std::string, int64_t>>* notes);
  void LinkTools(std::vector<Fact>* added);
  void AddSessions(const std::map<std::string, std::map<std::string, int64_t>>& notes,
                   std::vector<Fact>* added);

  std::vector<Fact>& facts_;
  const std::vector<size_t>& members_;
  std::vector<Run> runs_;
  std::vector<int> order_;  // parents before children
  std::map<std::string_view, int> index_;
  std::map<int, Usage> extra_;  // usage that calls get from their groups
};

void Tree::Add(const Fact& fact) {
  if (fact.node.empty()) return;
  auto [at, added] = index_.emplace(fact.node, static_cast<int>(runs_.size()));
  if (added) {
    runs_.emplace_back();
    runs_.back().id = fact.node;
  }
  Run& run = runs_[static_cast<size_t>(at->second)];
  // Versions of one run: the greater parent counts, whichever came first.
  run.parent_id = std::max<std::string_view>(run.parent_id, fact.parent_node);
  if (fact.start_ns && (!run.start_ns || *fact.start_ns < *run.start_ns)) run.start_ns = fact.start_ns;
  if (fact.kind == FactKind::kLlmCall && fact.llm) {
    bool aggregate = IsAggregate(fact);
    (aggregate ? run.aggregate : run.call) = true;
    const auto& usage = fact.llm->usage;
    if (usage && (!run.usage || Rank(*usage) > Rank(*run.usage))) run.usage = usage;
  } else if (fact.kind == FactKind::kToolUse && fact.tool) {
    run.tool = true;
    run.tool_name = std::max<std::string_view>(run.tool_name, fact.tool->name);
    run.tool_id = std::max<std::string_view>(run.tool_id, fact.id);
  } else if (fact.kind == FactKind::kSession && fact.session && fact.id != fact.session_id) {
    run.agent = true;
    run.name = std::max<std::string_view>(run.name, fact.session->agent_name);
  }
}

void Tree::Connect() {
  for (size_t i = 0; i < runs_.size(); ++i) {
    auto parent = index_.find(runs_[i].parent_id);
    if (parent != index_.end() && parent->second != static_cast<int>(i)) runs_[i].parent = parent->second;
  }
  // A ring of parents is cut at its least run, so that every run is reached once.
  std::vector<char> state(runs_.size(), 0);
  for (auto& [id, start] : index_) {
    std::vector<int> path;
    int at = start;
    while (at >= 0 && state[static_cast<size_t>(at)] == 0) {
      state[static_cast<size_t>(at)] = 1;
      path.push_back(at);
      at = runs_[static_cast<size_t>(at)].parent;
    }
    if (at >= 0 && state[static_cast<size_t>(at)] == 1) runs_[static_cast<size_t>(at)].parent = -1;
    for (int run : path) state[static_cast<size_t>(run)] = 2;
  }
  for (auto& [id, i] : index_) {
    int parent = runs_[static_cast<size_t>(i)].parent;
    if (parent >= 0)
      runs_[static_cast<size_t>(parent)].children.push_back(i);
    else
      order_.push_back(i);
  }
  for (size_t i = 0; i < order_.size(); ++i) {
    const auto& children = runs_[static_cast<size_t>(order_[i])].children;
    order_.insert(order_.end(), children.begin(), children.end());
  }
}

void Tree::MarkCallsBelow() {
  for (size_t i = order_.size(); i-- > 0;) {
    const Run& run = runs_[static_cast<size_t>(order_[i])];
    if (run.parent >= 0 && (run.call || run.aggregate || run.calls_below))
      runs_[static_cast<size_t>(run.parent)].calls_below = true;
  }
}

void Tree::FindHandoffs() {
  std::map<std::string_view, std::vector<int>> handoffs;  // by the agent's name
  for (auto& [id, i] : index_) {
    const Run& run = runs_[static_cast<size_t>(i)];
    if (run.tool && run.tool_name.starts_with(kHandoff))
      handoffs[run.tool_name.substr(kHandoff.size())].push_back(i);
  }
  for (auto& [name, list] : handoffs) {
    std::ranges::sort(list, {},
                      [&](int i) { return runs_[static_cast<size_t>(i)].start_ns.value_or(INT64_MIN); });
  }
  for (Run& run : runs_) {
    auto named = run.agent ? handoffs.find(run.name) : handoffs.end();
    if (named == handoffs.end()) continue;
    // The latest handover before the agent began.
    auto after = std::ranges::upper_bound(named->second, run.start_ns.value_or(INT64_MAX), {}, [&](int i) {
      return runs_[static_cast<size_t>(i)].start_ns.value_or(INT64_MIN);
    });
    if (after != named->second.begin()) run.handoff = *(after - 1);
  }
}

void Tree::SetBoundaries() {
  for (int i : order_) {
    Run& run = runs_[static_cast<size_t>(i)];
    if (run.parent >= 0) {
      const Run& parent = runs_[static_cast<size_t>(run.parent)];
      bool starts = (parent.tool && parent.calls_below) || parent.handoff >= 0;
      run.boundary = starts ? run.parent : parent.boundary;
    }
  }
}

std::string Tree::SessionOf(int run) const {
  const std::string& trace = facts_[members_.front()].session_id;
  int boundary = runs_[static_cast<size_t>(run)].boundary;
  return boundary < 0 ? trace : trace + "/" + std::string(runs_[static_cast<size_t>(boundary)].id);
}

// What each group used beyond the runs below it.
std::map<int, Usage> Tree::OwnUsage(int64_t* mismatches) {
  std::map<int, Usage> own;
  std::vector<Usage> total(runs_.size());
  for (size_t k = order_.size(); k-- > 0;) {
    int i = order_[k];
    const Run& run = runs_[static_cast<size_t>(i)];
    Usage below;
    for (int child : run.children) below += total[static_cast<size_t>(child)];
    total[static_cast<size_t>(i)] = below;
    if (!run.usage) continue;
    if (run.call) {
      total[static_cast<size_t>(i)] += *run.usage;
      continue;
    }
    const Usage& all = *run.usage;
    Usage rest{.uncached_input = all.uncached_input - below.uncached_input,
               .cache_read = all.cache_read - below.cache_read,
               .cache_write_5m = 0,
               .cache_write_1h = 0,
               .cache_write_unknown = all.cache_write() - below.cache_write(),
               .output = all.output - below.output,
               .reasoning = std::max<int64_t>(all.reasoning - below.reasoning, 0)};
    bool negative =
        rest.uncached_input < 0 || rest.cache_read < 0 || rest.cache_write_unknown < 0 || rest.output < 0;
    if (negative) {
      ++*mismatches;
      continue;
    }
    total[static_cast<size_t>(i)] = all;
    if (rest.total() > 0) own[i] = rest;
  }
  return own;
}

void Tree::BillGroups(std::vector<Fact>* added,
                      std::map<std::string, std::map<std::string, int64_t>>* notes) {
  int64_t mismatches = 0;
  std::map<int, Usage> own = OwnUsage(&mismatches);
  if (mismatches > 0) (*notes)[facts_[members_.front()].session_id]["aggregate_mismatch"] += mismatches;
  // The nearest group with usage above each run, and its calls that have none.
  std::vector<int> group(runs_.size(), -1);
  std::map<int, int> receiver;
  for (int i : order_) {
    const Run& run = runs_[static_cast<size_t>(i)];
    if (run.parent >= 0) {
      const Run& parent = runs_[static_cast<size_t>(run.parent)];
      group[static_cast<size_t>(i)] =
          parent.aggregate && parent.usage ? run.parent : group[static_cast<size_t>(run.parent)];
    }
    int above = group[static_cast<size_t>(i)];
    if (!run.call || run.usage || above < 0 || !own.contains(above)) continue;
    auto [at, first] = receiver.emplace(above, i);
    if (first) continue;
    auto key = [&](int r) {
      return std::pair(runs_[static_cast<size_t>(r)].start_ns, runs_[static_cast<size_t>(r)].id);
    };
    if (key(i) > key(at->second)) at->second = i;
  }
  for (auto& [i, usage] : own) {
    auto found = receiver.find(i);
    std::string session = SessionOf(found != receiver.end() ? found->second : i);
    if (found != receiver.end()) {
      extra_[found->second] = usage;
      (*notes)[session]["usage_of_group"];
      continue;
    }
    const Run& run = runs_[static_cast<size_t>(i)];
    Fact fact;
    fact.kind = FactKind::kLlmCall;
    fact.source = facts_[members_.front()].source;
    fact.session_id = session;
    fact.id = run.id;
    fact.start_ns = run.start_ns;
    LlmCall call;
    call.usage = usage;
    fact.llm = std::move(call);
    added->push_back(std::move(fact));
    ++(*notes)[session]["missing_leaf"];
  }
}

void Tree::LinkTools(std::vector<Fact>* added) {
  struct Start {
    int64_t time;
    std::string_view id;
  };
  std::map<std::string, std::vector<Start>> calls;
  auto collect = [&](const Fact& fact) {
    if (fact.kind == FactKind::kLlmCall && fact.llm && fact.start_ns && !IsAggregate(fact))
      calls[fact.session_id].push_back({*fact.start_ns, fact.id});
  };
  for (size_t i : members_) collect(facts_[i]);
  for (const Fact& fact : *added) collect(fact);
  auto order = [](const Start& s) { return std::tuple(s.time, s.id); };
  for (auto& [session, list] : calls) std::ranges::sort(list, {}, order);
  for (size_t i : members_) {
    Fact& fact = facts_[i];
    if (fact.kind != FactKind::kToolUse || !fact.tool || !fact.start_ns || !fact.tool->llm_call.empty())
      continue;
    const auto& list = calls[fact.session_id];
    auto after = std::ranges::upper_bound(list, *fact.start_ns, {}, [](const Start& s) { return s.time; });
    if (after != list.begin()) fact.tool->llm_call = std::string((after - 1)->id);
  }
}

void Tree::AddSessions(const std::map<std::string, std::map<std::string, int64_t>>& notes,
                       std::vector<Fact>* added) {
  const Fact& any = facts_[members_.front()];
  std::map<std::string, SessionInfo> sessions;
  for (auto& [id, i] : index_) {
    const Run& run = runs_[static_cast<size_t>(i)];
    if (run.boundary < 0 || !(run.call || run.tool || run.aggregate)) continue;
    const Run& boundary = runs_[static_cast<size_t>(run.boundary)];
    SessionInfo& info = sessions[SessionOf(i)];
    int asker = boundary.handoff >= 0 ? boundary.handoff : run.boundary;
    info.parent_session = SessionOf(asker);
    info.parent_call = runs_[static_cast<size_t>(asker)].tool_id;
    info.agent_name = boundary.handoff >= 0 ? boundary.name : boundary.tool_name;
  }
  // The agent right below a tool names the sub-agent better than the tool.
  for (int i : order_) {
    const Run& run = runs_[static_cast<size_t>(i)];
    if (!run.agent || run.boundary < 0 || run.name.empty()) continue;
    auto session = sessions.find(SessionOf(i));
    const Run& boundary = runs_[static_cast<size_t>(run.boundary)];
    if (session != sessions.end() && session->second.agent_name == boundary.tool_name && boundary.handoff < 0)
      session->second.agent_name = run.name;
  }
  for (auto& [session, counts] : notes) {
    SessionInfo& info = sessions[session];
    for (auto& [note, count] : counts)
      info.notes.push_back(count > 0 ? note + ":" + std::to_string(count) : note);
  }
  for (auto& [id, info] : sessions) {
    Fact fact;
    fact.kind = FactKind::kSession;
    fact.source = any.source;
    fact.session_id = fact.id = id;
    info.agent = any.source;
    fact.session = std::move(info);
    added->push_back(std::move(fact));
  }
}

void Tree::Settle(std::vector<bool>* drop, std::vector<Fact>* added) {
  std::map<std::string, std::map<std::string, int64_t>> notes;
  std::vector<Fact> own;
  if (!runs_.empty()) BillGroups(&own, &notes);
  // Session names are made of the trace's id, so they are made before any fact is moved.
  std::map<size_t, std::string> sessions;
  std::vector<Fact> infos;
  for (size_t i : members_) {
    const Fact& fact = facts_[i];
    if (!fact.node.empty()) sessions[i] = SessionOf(index_.find(fact.node)->second);
  }
  if (!runs_.empty()) AddSessions(notes, &infos);
  for (auto& [i, session] : sessions) {
    Fact& fact = facts_[i];
    bool named = fact.kind == FactKind::kSession && fact.id != fact.session_id;
    if (named || fact.kind == FactKind::kLink || IsAggregate(fact)) (*drop)[i] = true;
    auto usage = extra_.find(index_.find(fact.node)->second);
    if (fact.llm && !fact.llm->usage && usage != extra_.end()) fact.llm->usage = usage->second;
    if (!named) fact.session_id = session;
  }
  LinkTools(&own);
  // The tree is told; order within a session follows time.
  runs_.clear(), index_.clear();
  for (auto& [i, session] : sessions) facts_[i].node.clear(), facts_[i].parent_node.clear();
  for (auto* list : {&own, &infos}) added->insert(added->end(), list->begin(), list->end());
}

}  // namespace

void Resolve(std::vector<Fact>* facts) {
  std::map<std::string, std::vector<size_t>> traces;
  for (size_t i = 0; i < facts->size(); ++i) traces[(*facts)[i].session_id].push_back(i);
  std::vector<bool> drop(facts->size(), false);
  std::vector<Fact> added;
  for (auto& [trace, members] : traces) Tree(facts, members).Settle(&drop, &added);
  ReplaceFacts(drop, std::move(added), facts);
}

}  // namespace clawtrace::capture::run_tree
