#include "capture/importers/opencode_resolve.h"

#include <fmt/core.h>

#include <algorithm>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <tuple>
#include <utility>

#include "capture/importers/opencode_facts.h"
#include "capture/line_reader.h"

namespace clawtrace::capture::opencode {
namespace {

// A message and what belongs to it, whatever file each came from.
struct Whole {
  std::vector<Fact> heads;            // versions of the message
  std::map<std::string, Fact> steps;  // by part id, which grows with time
  std::map<std::string, Fact> texts;
  std::map<std::string, int64_t> thoughts;
  std::set<std::string> retries;
  std::vector<Fact> tools, others;
  // Of the message that this one is a copy of: its id and those of its steps; empty when it is none.
  std::vector<std::string> copied;
};

std::vector<std::string> IdsOf(const std::string& message, const Whole& whole) {
  std::vector<std::string> ids = {message};
  for (auto& [id, step] : whole.steps) ids.push_back(id);
  return ids;
}

// Of two readings of one part the fuller counts, then the greater.
bool Better(const Fact& a, const Fact& b) {
  auto rank = [](const Fact& f) {
    return std::tuple(f.llm && f.llm->usage, f.llm && !f.llm->error.empty(), f.end_ns.has_value());
  };
  if (rank(a) != rank(b)) return rank(a) > rank(b);
  return EncodeFact(a) > EncodeFact(b);
}

void Take(std::map<std::string, Fact>* parts, Fact fact) {
  auto [at, fresh] = parts->try_emplace(fact.node);
  if (fresh || Better(fact, at->second)) at->second = std::move(fact);
}

void Sort(Fact fact, Whole* whole) {
  bool head = fact.parent_node.empty();
  if (fact.kind == FactKind::kUser && !head) return Take(&whole->texts, std::move(fact));
  if (fact.kind == FactKind::kLlmCall && !head) {
    const std::string& type = fact.llm->stop_reason;
    if (type == kRetryPart) return static_cast<void>(whole->retries.insert(fact.node));
    if (type == kThoughtPart) {
      int64_t& bytes = whole->thoughts[fact.node];
      bytes = std::max(bytes, fact.llm->thinking_bytes);
      return;
    }
    fact.llm->stop_reason.erase(0, kStepPart.size());
    return Take(&whole->steps, std::move(fact));
  }
  if (head && (fact.kind == FactKind::kUser || fact.kind == FactKind::kLlmCall)) {
    whole->heads.push_back(std::move(fact));
    return;
  }
  bool tool = fact.kind == FactKind::kToolUse || fact.kind == FactKind::kToolResult;
  (tool ? whole->tools : whole->others).push_back(std::move(fact));
}

class Resolver {
 public:
  explicit Resolver(std::vector<Fact>* facts) : out_(*facts) {}

  void Run() {
    std::vector<Fact> all = std::exchange(out_, {});
    // A folder called "skills" holds skills when one of them was loaded as such.
    std::set<std::pair<std::string, std::string>> loaded;
    for (const Fact& fact : all) {
      if (fact.kind == FactKind::kSkill && fact.skill->stage == SkillStage::kLoaded)
        loaded.emplace(fact.session_id, fact.skill->name);
    }
    for (Fact& fact : all) {
      if (fact.kind == FactKind::kSession || fact.kind == FactKind::kSkill) {
        fact.node.clear(), fact.parent_node.clear();
        if (fact.kind == FactKind::kSession || loaded.contains({fact.session_id, fact.skill->name}))
          out_.push_back(std::move(fact));
        continue;
      }
      if (fact.kind == FactKind::kToolUse) uses_[{fact.session_id, fact.id}].insert(fact.node);
      std::string message = fact.parent_node.empty() ? fact.node : fact.parent_node;
      Whole& whole = sessions_[fact.session_id][message];
      Sort(std::move(fact), &whole);
    }
    for (auto& [id, messages] : sessions_) {
      for (auto& [message, whole] : messages) std::ranges::sort(whole.heads, Better);
    }
    FindCopies();
    for (auto& [id, messages] : sessions_) InSession(&messages);
  }

 private:
  using Messages = std::map<std::string, Whole>;

  // What a copy of an answer keeps: when it was given, by whom, and what it used.
  static std::optional<std::string> KeyOf(const Whole& whole) {
    if (whole.heads.empty() || whole.heads.front().kind != FactKind::kLlmCall) return std::nullopt;
    const Fact& head = whole.heads.front();
    if (!head.start_ns || !head.end_ns || !head.llm->usage) return std::nullopt;
    const Usage& u = *head.llm->usage;
    return fmt::format("{} {} {} {} {} {} {} {}", *head.start_ns, *head.end_ns, head.llm->model,
                       u.uncached_input, u.cache_read, u.cache_write(), u.output, whole.steps.size());
  }

  // A fork begins with copies of another session's messages under new ids: they are older than the session
  // that holds them. They take the ids of the oldest session's, by which they are known as inherited.
  void FindCopies() {
    std::map<std::string_view, std::pair<int64_t, std::string>> forked_from;  // the youngest origin
    for (auto& [key, list] : Holders()) {
      std::ranges::sort(list);
      const Holder& origin = list.front();
      for (const Holder& holder : list) {
        if (!holder.copy || holder.session == origin.session) continue;
        WholeOf(holder).copied = IdsOf(std::string(origin.message), WholeOf(origin));
        auto& from = forked_from[holder.session];
        from = std::max(from, std::pair(origin.born, std::string(origin.session)));
      }
    }
    for (Fact& fact : out_) {
      auto origin = forked_from.find(fact.session_id);
      if (fact.kind == FactKind::kSession && origin != forked_from.end())
        fact.session->forked_from = origin->second.second;
    }
  }

  // An answer in a session; originals first, then by the age of the session.
  struct Holder {
    bool copy = false;
    int64_t born = 0;
    std::string_view session, message;
    auto operator<=>(const Holder&) const = default;
  };

  Whole& WholeOf(const Holder& holder) {
    return sessions_.find(std::string(holder.session))->second.find(std::string(holder.message))->second;
  }

  std::map<std::string, std::vector<Holder>> Holders() const {
    std::map<std::string_view, int64_t> born;
    for (const Fact& fact : out_) {
      if (fact.kind == FactKind::kSession && fact.start_ns) born.emplace(fact.session_id, *fact.start_ns);
    }
    std::map<std::string, std::vector<Holder>> holders;
    for (auto& [session, messages] : sessions_) {
      auto time = born.find(session);
      if (time == born.end()) continue;
      for (auto& [id, whole] : messages) {
        if (auto key = KeyOf(whole))
          holders[*key].push_back({*whole.heads.front().start_ns < time->second, time->second, session, id});
      }
    }
    return holders;
  }

  void InSession(Messages* messages) {
    std::vector<std::tuple<int64_t, std::string_view, Whole*>> order;
    for (auto& [id, whole] : *messages) {
      auto time = whole.heads.empty() ? std::nullopt : whole.heads.front().start_ns;
      order.emplace_back(time.value_or(std::numeric_limits<int64_t>::max()), id, &whole);
    }
    std::ranges::sort(order);
    ordinal_ = 0;
    for (auto& [time, id, whole] : order) {
      if (whole->heads.empty() || whole->heads.front().kind == FactKind::kUser)
        UserMessage(*whole);
      else
        AnswerMessage(std::string(id), *whole);
    }
  }

  void Put(Fact fact) {
    fact.node.clear();
    fact.parent_node.clear();
    fact.ordinal = ordinal_++;
    out_.push_back(std::move(fact));
  }

  // Also for parts whose message was not read: then nobody knows who spoke.
  void UserMessage(Whole& whole) {
    if (!whole.heads.empty()) {
      Fact fact = std::move(whole.heads.front());
      UserTurn turn;
      turn.is_meta = !whole.texts.empty();
      for (auto& [id, part] : whole.texts) turn.is_meta = turn.is_meta && part.user->is_meta;
      for (auto& [id, part] : whole.texts) {
        if (part.user->is_meta && !turn.is_meta) continue;
        if (!turn.text.empty()) turn.text += "\n", ++turn.text_bytes;
        turn.text += part.user->text;
        turn.text_bytes += part.user->text_bytes;
      }
      turn.text = Cut(turn.text, kMaxText);
      fact.user = std::move(turn);
      Put(std::move(fact));
    } else {
      for (auto& [id, part] : whole.texts) {
        part.kind = FactKind::kLink;
        part.user.reset();
        Put(std::move(part));
      }
      for (auto& [id, step] : whole.steps) Put(std::move(step));
    }
    PutTools(whole, {});
    for (Fact& fact : whole.others) Put(std::move(fact));
  }

  void AnswerMessage(const std::string& message, Whole& whole) {
    // Part ids from which on another call's parts begin, and that call.
    std::map<std::string, Fact> calls;
    auto name = [&](const std::string& own) {
      return whole.copied.empty() ? own : whole.copied[calls.empty() ? 0 : calls.size() + 1];
    };
    const Fact& head = whole.heads.front();
    for (auto& [id, step] : whole.steps) {
      Fact call = head;
      call.id = name(calls.empty() ? message : id);
      call.llm->usage = step.llm->usage;
      call.llm->reported_cost = step.llm->reported_cost;
      call.llm->stop_reason = step.llm->stop_reason;
      call.llm->error.clear();
      if (!calls.empty()) call.start_ns.reset();
      if (id != whole.steps.rbegin()->first) call.end_ns.reset();
      calls.emplace(id, std::move(call));
    }
    if (calls.empty()) {
      calls.emplace("\x7f", head);
      calls.begin()->second.id = whole.copied.empty() ? head.id : whole.copied.front();
    } else if (!head.llm->error.empty()) {
      Fact failed = head;
      failed.id = message + "/error";
      failed.start_ns.reset();
      failed.llm->usage.reset();
      failed.llm->reported_cost.reset();
      calls.emplace("\x7f", std::move(failed));
    }
    calls.begin()->second.llm->attempts =
        whole.retries.empty() ? 0 : static_cast<int64_t>(whole.retries.size()) + 1;
    AddTexts(whole, &calls);
    std::map<std::string, std::string> owners;
    for (auto& [until, call] : calls) owners[until] = call.id;
    for (auto& [until, call] : calls) {
      Put(std::move(call));
      PutTools(whole, owners, until);
    }
    PutTools(whole, owners);
    for (Fact& fact : whole.others) Put(std::move(fact));
  }

  // The call whose step ends a part: the first that ends after it.
  template <class Map>
  static auto Owner(Map& calls, const std::string& part) {
    auto at = calls.lower_bound(part);
    return at == calls.end() ? std::prev(calls.end()) : at;
  }

  static void AddTexts(Whole& whole, std::map<std::string, Fact>* calls) {
    for (auto& [id, part] : whole.texts) {
      LlmCall& call = *Owner(*calls, id)->second.llm;
      if (!call.text.empty()) call.text += "\n", ++call.text_bytes;
      call.text = Cut(call.text + part.user->text, kMaxText);
      call.text_bytes += part.user->text_bytes;
    }
    for (auto& [id, bytes] : whole.thoughts) Owner(*calls, id)->second.llm->thinking_bytes += bytes;
  }

  // Tools of the step that ends at until, or all that are left.
  void PutTools(Whole& whole, const std::map<std::string, std::string>& owners,
                const std::string& until = {}) {
    std::ranges::sort(whole.tools, {}, [](const Fact& f) { return std::tie(f.node, f.kind); });
    std::vector<Fact> left;
    int64_t index = 0;
    for (Fact& fact : whole.tools) {
      auto owner = owners.empty() ? owners.end() : Owner(owners, fact.node);
      if (!until.empty() && owner != owners.end() && owner->first != until) {
        left.push_back(std::move(fact));
        continue;
      }
      // Providers number their calls anew in every answer, some of them.
      auto used = uses_.find({fact.session_id, fact.id});
      bool shared = used != uses_.end() && used->second.size() > 1;
      if (shared) fact.id += "@" + fact.node;
      // What a copied call spawned hangs below the call it was copied from.
      if (fact.kind == FactKind::kToolResult && !whole.copied.empty()) fact.result->child_session.clear();
      if (fact.kind == FactKind::kToolUse) {
        fact.tool->llm_call = owner == owners.end() ? "" : owner->second;
        fact.tool->index = index++;
      }
      Put(std::move(fact));
    }
    whole.tools = std::move(left);
  }

  std::vector<Fact>& out_;
  std::map<std::string, Messages> sessions_;
  std::map<std::pair<std::string, std::string>, std::set<std::string>> uses_;  // tool call -> its parts
  int64_t ordinal_ = 0;
};

}  // namespace

void Resolve(std::vector<Fact>* facts) { Resolver(facts).Run(); }

}  // namespace clawtrace::capture::opencode
