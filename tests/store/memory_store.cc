#include "store/memory_store.h"

#include <fmt/core.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <set>
#include <tuple>

#include "base/hash.h"
#include "base/text.h"
#include "store/cursor.h"

namespace clawtrace::store {
namespace {

using Name = std::string;

struct SessionData {
  std::map<std::pair<std::string, int64_t>, Fact> facts;  // by readable form, and number of arrival
  std::set<std::string> known;                            // readable forms
  std::set<Skipped> skipped;
  std::vector<Payload> payloads;
  std::optional<int64_t> last_ns;
  int64_t family = 0;
};

struct FamilyData {
  uint64_t changed = 0, compiled = 0;
  int64_t touched_ns = 0;
  bool stale = false;
  std::optional<std::string> made_by;
  std::vector<CompiledSession> sessions;
};

struct TenantData {
  std::map<Name, SessionData, std::less<>> sessions;
  std::map<int64_t, FamilyData> families;
  std::map<Name, SourcePosition> positions;
  std::map<std::pair<Name, Name>, std::string> documents;
};

bool BadName(std::string_view name) { return name.empty() || name.size() > 4096 || name.contains('\0'); }

bool IsPossible(const Batch& batch) {
  for (const Fact& fact : batch.facts) {
    if (BadName(fact.session_id) || BadName(fact.source)) return false;
  }
  return std::ranges::none_of(batch.payloads, [](const Payload& p) { return BadName(p.session_id); });
}

std::string TextOf(const Fact& fact) {
  std::string text;
  if (fact.user) text += fact.user->text + '\n';
  if (fact.llm) text += fact.llm->text + '\n';
  if (fact.tool) text += fact.tool->name + '\n' + fact.tool->args + '\n';
  if (fact.result) text += fact.result->output + '\n' + fact.result->error + '\n';
  return text;
}

std::set<std::string> WordsOf(std::string_view text) {
  std::set<std::string> words;
  std::string word;
  for (char c : std::string(text) + ' ') {
    auto byte = static_cast<unsigned char>(c);
    if (byte >= 128 || std::isalnum(byte))
      word.push_back(c);
    else if (!word.empty())
      words.insert(ToLower(std::exchange(word, {})));
  }
  return words;
}

bool Matches(const SessionSummary& s, const SessionFilter& f) {
  if (f.agent && s.agent != *f.agent) return false;
  if (f.task_id && s.task_id != *f.task_id) return false;
  if (f.project && s.project != *f.project) return false;
  if (f.user && s.user != *f.user) return false;
  if (f.outcome && s.outcome != *f.outcome) return false;
  if (f.cost_status && s.cost_status != *f.cost_status) return false;
  if (f.from_ns && !(s.start_ns && *s.start_ns >= *f.from_ns)) return false;
  return !f.until_ns || (s.start_ns && *s.start_ns < *f.until_ns);
}

using Calls = std::set<std::pair<uint64_t, std::optional<int64_t>>>;
Calls CallsOf(const FamilyData& family) {
  Calls calls;
  for (const CompiledSession& session : family.sessions) {
    for (const CallTrace& call : session.calls.calls) calls.emplace(call.key, call.start_ns);
  }
  return calls;
}

class MemoryStore final : public Store {
 public:
  void Append(Batch batch, OnAppended done) override {
    Result<Appended> result = Fail(ErrorCode::kInvalidInput, "cannot be stored");
    if (IsPossible(batch)) {
      std::lock_guard lock(mutex_);
      result = Apply(std::move(batch));
    }
    done(std::move(result));
  }

  Result<FactsRead> ReadFacts(std::string_view tenant, std::string_view session_id, Scope scope,
                              const FactVisitor& visit) override {
    std::lock_guard lock(mutex_);
    FactsRead read;
    const TenantData& of = Of(tenant);
    auto asked = of.sessions.find(session_id);
    if (asked == of.sessions.end()) return read;
    read.sequence = sequence_;
    for (const auto& [name, session] : of.sessions) {
      if (scope == Scope::kSession ? name != session_id : session.family != asked->second.family) continue;
      read.session_ids.push_back(name);
      for (const Skipped& skipped : session.skipped) read.skipped.push_back({name, skipped});
      for (const auto& [key, fact] : session.facts) {
        if (!visit(fact)) return read;
      }
    }
    return read;
  }

  Result<std::vector<Payload>> ReadPayloads(std::string_view tenant, std::string_view session_id,
                                            std::string_view id) override {
    std::lock_guard lock(mutex_);
    std::vector<Payload> found;
    auto session = Of(tenant).sessions.find(session_id);
    if (session == Of(tenant).sessions.end()) return found;
    std::ranges::copy_if(session->second.payloads, std::back_inserter(found),
                         [&](const Payload& p) { return p.id == id; });
    std::ranges::sort(found, {}, [](const Payload& p) { return std::tie(p.source, p.part, p.bytes); });
    return found;
  }

  Result<std::vector<SourcePosition>> Positions(std::string_view tenant) override {
    std::lock_guard lock(mutex_);
    std::vector<SourcePosition> positions;
    for (const auto& [key, position] : Of(tenant).positions) positions.push_back(position);
    return positions;
  }

  Result<std::vector<ChangedFamily>> ChangedFamilies(std::string_view tenant, int64_t quiet_since_ns,
                                                     int64_t limit) override {
    std::lock_guard lock(mutex_);
    std::vector<ChangedFamily> changed;
    for (const auto& [id, family] : Of(tenant).families) {
      if (!family.stale || family.touched_ns >= quiet_since_ns) continue;
      changed.push_back({MembersOf(Of(tenant), id).front(), family.touched_ns});
    }
    std::ranges::sort(changed, {},
                      [](const ChangedFamily& f) { return std::pair(f.changed_ns, f.session_id); });
    changed.resize(std::min(changed.size(), static_cast<size_t>(std::max<int64_t>(limit, 0))));
    return changed;
  }

  std::string ListedAs(std::string_view tenant, const std::string& name, int64_t family) {
    std::string smallest;
    for (const CompiledSession& each : Of(tenant).families[family].sessions) {
      const std::string& id = each.summary.session_id;
      if (id == name) return id;
      if (smallest.empty() || id < smallest) smallest = id;
    }
    return smallest;
  }

  Result<bool> IsChanged(std::string_view tenant, std::string_view session_id) override {
    std::lock_guard lock(mutex_);
    TenantData& of = Of(tenant);
    auto member = of.sessions.find(session_id);
    if (member == of.sessions.end())
      return Fail(ErrorCode::kNotFound, "there is no session " + std::string(session_id));
    return of.families[member->second.family].stale;
  }

  Result<bool> PutCompiled(std::string_view tenant, const Compiled& compiled) override {
    std::lock_guard lock(mutex_);
    TenantData& of = Of(tenant);
    auto member = of.sessions.find(compiled.session_id);
    if (member == of.sessions.end()) return false;
    FamilyData& family = of.families[member->second.family];
    if (compiled.sequence < family.compiled) return false;
    for (const auto& [id, other] : of.families) {
      if (&other == &family) continue;
      for (const CompiledSession& theirs : other.sessions) {
        for (const CompiledSession& ours : compiled.sessions) {
          if (theirs.summary.session_id == ours.summary.session_id &&
              theirs.summary.agent == ours.summary.agent)
            return Fail(ErrorCode::kInvalidInput, "compiled of two families");
        }
      }
    }
    ++sequence_;
    Calls before = CallsOf(family), after, differ;
    family.sessions = compiled.sessions;
    after = CallsOf(family);
    std::ranges::set_symmetric_difference(before, after, std::inserter(differ, differ.end()));
    MarkHolders(of, family, differ);
    family.compiled = compiled.sequence;
    family.made_by = compiled.made_by;
    family.stale = family.changed > compiled.sequence;
    return true;
  }

  Result<int64_t> MarkStale(std::string_view tenant, std::string_view made_by) override {
    std::lock_guard lock(mutex_);
    int64_t marked = 0;
    for (auto& [id, family] : Of(tenant).families) {
      if (family.stale || !family.made_by || *family.made_by == made_by) continue;
      family.stale = true;
      ++marked;
    }
    return marked;
  }

  Result<std::vector<SessionCalls>> SessionsWithCalls(std::string_view tenant, std::string_view session_id,
                                                      std::span<const uint64_t> keys) override {
    std::lock_guard lock(mutex_);
    std::vector<SessionCalls> found;
    auto self = Of(tenant).sessions.find(session_id);
    for (const auto& [id, family] : Of(tenant).families) {
      if (self != Of(tenant).sessions.end() && self->second.family == id) continue;
      for (const CompiledSession& session : family.sessions) {
        auto holds = [&](const CallTrace& call) { return std::ranges::find(keys, call.key) != keys.end(); };
        if (std::ranges::any_of(session.calls.calls, holds)) found.push_back(session.calls);
      }
    }
    std::ranges::sort(found, {}, &SessionCalls::id);
    return found;
  }

  Result<SessionList> ListSessions(std::string_view tenant, const ListRequest& request) override {
    if (request.limit < 1 || request.limit > kMaxPage) return Fail(ErrorCode::kInvalidInput, "limit");
    const SessionFilter& f = request.filter;
    uint64_t asked =
        Hash64(fmt::format("{} {} {} {} {} {} {} {} {}", static_cast<int>(request.order),
                           f.agent.value_or("-"), f.task_id.value_or("-"), f.project.value_or("-"),
                           f.user.value_or("-"), static_cast<int>(f.outcome.value_or(Verdict{})),
                           static_cast<int>(f.cost_status.value_or(CostStatus{})), f.from_ns.value_or(0),
                           f.until_ns.value_or(0)));
    auto cursor = DecodeCursor(request.cursor);
    if (!request.cursor.empty() && (!cursor || cursor->request != asked))
      return Fail(ErrorCode::kInvalidInput, "cursor");
    auto key = [&](const SessionSummary& s) {
      int64_t first = request.order == SessionOrder::kDearest ? (s.cost ? s.cost->pico() : INT64_MIN)
                                                              : s.start_ns.value_or(INT64_MIN);
      return std::pair(first, s.session_id);
    };
    bool up = request.order == SessionOrder::kOldest;
    std::vector<SessionSummary> all = Summaries(tenant);
    std::erase_if(all, [&](const SessionSummary& s) {
      if (!Matches(s, f)) return true;
      if (request.cursor.empty()) return false;
      auto end = std::pair(cursor->key, cursor->id);
      return up ? key(s) <= end : key(s) >= end;
    });
    std::ranges::sort(all,
                      [&](const auto& a, const auto& b) { return up ? key(a) < key(b) : key(b) < key(a); });
    SessionList list;
    for (SessionSummary& s : all) {
      if (std::ssize(list.sessions) == request.limit) {
        auto end = key(list.sessions.back());
        list.next = EncodeCursor({.request = asked, .key = end.first, .id = end.second});
        break;
      }
      if (!request.with_cards) s.card.clear();
      list.sessions.push_back(std::move(s));
    }
    return list;
  }

  Result<std::vector<SessionSummary>> FindSessions(std::string_view tenant, std::string_view prefix,
                                                   int64_t limit) override {
    std::vector<SessionSummary> all = Summaries(tenant);
    std::erase_if(all, [&](const SessionSummary& s) { return !s.session_id.starts_with(prefix); });
    std::ranges::sort(all, {}, [](const SessionSummary& s) { return std::tie(s.session_id, s.agent); });
    all.resize(std::min(all.size(), static_cast<size_t>(limit)));
    return all;
  }

  Result<std::string> ReadPage(std::string_view tenant, std::string_view session_id, std::string_view agent,
                               int64_t page) override {
    std::lock_guard lock(mutex_);
    for (const auto& [id, family] : Of(tenant).families) {
      for (const CompiledSession& s : family.sessions) {
        bool is_it = s.summary.session_id == session_id && s.summary.agent == agent;
        if (is_it && page >= 0 && page < std::ssize(s.pages)) return s.pages[static_cast<size_t>(page)];
      }
    }
    return Fail(ErrorCode::kNotFound, "no page");
  }

  Result<std::vector<DayTotal>> DayTotals(std::string_view tenant, int32_t from, int32_t until) override {
    std::lock_guard lock(mutex_);
    std::map<std::tuple<int32_t, std::string, std::string>, DayTotal> totals;
    for (const auto& [id, family] : Of(tenant).families) {
      for (const CompiledSession& s : family.sessions) {
        for (const DaySpend& spend : s.spend) {
          if (spend.day < from || spend.day >= until) continue;
          DayTotal& total = totals[{spend.day, s.summary.agent, spend.model}];
          total.day = spend.day, total.agent = s.summary.agent, total.model = spend.model;
          total.calls += spend.calls, total.unpriced += spend.unpriced;
          total.tokens += spend.tokens, total.cost += spend.cost, total.included += spend.included;
        }
      }
    }
    std::vector<DayTotal> out;
    for (auto& [key, total] : totals) out.push_back(std::move(total));
    return out;
  }

  Result<SearchResult> Search(std::string_view tenant, const SearchRequest& request) override {
    std::set<std::string> words = WordsOf(request.text);
    if (words.empty() || request.limit < 1 || request.limit > kMaxPage)
      return Fail(ErrorCode::kInvalidInput, "search");
    uint64_t asked = Hash64(request.text);
    auto cursor = DecodeCursor(request.cursor);
    if (!request.cursor.empty() && (!cursor || cursor->request != asked))
      return Fail(ErrorCode::kInvalidInput, "cursor");
    std::lock_guard lock(mutex_);
    std::map<int64_t, SearchHit, std::greater<>> hits;
    for (const auto& [name, session] : Of(tenant).sessions) {
      for (const auto& [key, fact] : session.facts) {
        std::string text = TextOf(fact);
        if (key.second <= indexed_ && Has(text, words, request.text))
          hits[key.second] = {fact.source,
                              name,
                              fact.id,
                              fact.kind,
                              fact.start_ns,
                              text,
                              ListedAs(tenant, name, session.family)};
      }
    }
    SearchResult result;
    result.behind = arrivals_ - indexed_;
    for (auto& [number, hit] : hits) {
      if (!request.cursor.empty() && number >= cursor->number) continue;
      result.hits.push_back(std::move(hit));
      if (std::ssize(result.hits) < request.limit) continue;
      result.next = EncodeCursor({.request = asked, .number = number});
      break;
    }
    return result;
  }

  Result<int64_t> IndexText(int64_t limit) override {
    std::lock_guard lock(mutex_);
    indexed_ = std::min(arrivals_, indexed_ + std::max<int64_t>(limit, 0));
    return arrivals_ - indexed_;
  }

  Status PutDocument(std::string_view tenant, std::string_view collection, std::string_view key,
                     std::string_view bytes) override {
    std::lock_guard lock(mutex_);
    Of(tenant).documents[{Name(collection), Name(key)}] = bytes;
    return {};
  }
  Result<std::string> GetDocument(std::string_view tenant, std::string_view collection,
                                  std::string_view key) override {
    std::lock_guard lock(mutex_);
    auto found = Of(tenant).documents.find({Name(collection), Name(key)});
    if (found == Of(tenant).documents.end()) return Fail(ErrorCode::kNotFound, "no document");
    return found->second;
  }
  Result<std::vector<std::string>> DocumentKeys(std::string_view tenant,
                                                std::string_view collection) override {
    std::lock_guard lock(mutex_);
    std::vector<std::string> keys;
    for (const auto& [key, bytes] : Of(tenant).documents) {
      if (key.first == collection) keys.push_back(key.second);
    }
    return keys;
  }
  Result<bool> DeleteDocument(std::string_view tenant, std::string_view collection,
                              std::string_view key) override {
    std::lock_guard lock(mutex_);
    return Of(tenant).documents.erase({Name(collection), Name(key)}) > 0;
  }

  Result<Removed> Remove(std::string_view tenant, const RemoveRequest& request) override {
    if (request.session_id.has_value() + request.before_ns.has_value() + request.everything != 1)
      return Fail(ErrorCode::kInvalidInput, "one of them");
    std::lock_guard lock(mutex_);
    TenantData& of = Of(tenant);
    Removed removed;
    std::set<int64_t> going;
    for (const auto& [id, family] : of.families) {
      std::optional<int64_t> last;
      bool asked = request.everything;
      for (const Name& name : MembersOf(of, id)) {
        const SessionData& session = of.sessions.find(name)->second;
        asked = asked || name == request.session_id;
        if (session.last_ns) last = std::max(*session.last_ns, last.value_or(INT64_MIN));
      }
      if (asked || (request.before_ns && last.value_or(family.touched_ns) < *request.before_ns))
        going.insert(id);
    }
    for (int64_t id : going) {
      ++removed.families;
      for (const Name& name : MembersOf(of, id)) {
        SessionData& session = of.sessions.find(name)->second;
        ++removed.sessions;
        removed.facts += std::ssize(session.facts), removed.payloads += std::ssize(session.payloads);
        of.sessions.erase(name);
      }
      MarkHolders(of, of.families[id], CallsOf(of.families[id]));
      of.families.erase(id);
    }
    if (request.everything) of.positions.clear(), of.documents.clear();
    return removed;
  }

  Result<bool> FinishRemovals(int64_t) override { return false; }
  Result<CheckReport> Check() override { return CheckReport{}; }
  Status Backup(const std::string&) override { return Fail(ErrorCode::kUnsupported, "there is no file"); }
  Result<StoreStats> Stats() override {
    std::lock_guard lock(mutex_);
    StoreStats stats;
    for (const auto& [name, tenant] : tenants_) {
      ++stats.tenants;
      for (const auto& [id, family] : tenant.families) {
        stats.summaries += std::ssize(family.sessions), stats.changed_families += family.stale;
      }
      for (const auto& [id, session] : tenant.sessions) {
        stats.sessions += !session.facts.empty(), stats.facts += std::ssize(session.facts);
        stats.payloads += std::ssize(session.payloads);
        for (const Payload& payload : session.payloads) stats.payload_bytes += std::ssize(payload.bytes);
      }
    }
    stats.text_behind = arrivals_ - indexed_, stats.appends = appends_, stats.sequence = sequence_;
    return stats;
  }
  Result<StoreLoad> Load() override {
    auto stats = Stats();
    if (!stats) return std::unexpected(std::move(stats.error()));
    return StoreLoad(*stats);
  }
  Result<int64_t> Seal(int64_t) override { return 0; }
  Status Vacuum() override { return {}; }

 private:
  TenantData& Of(std::string_view tenant) { return tenants_[Name(tenant)]; }

  static std::vector<Name> MembersOf(const TenantData& of, int64_t family) {
    std::vector<Name> names;
    for (const auto& [name, session] : of.sessions) {
      if (session.family == family) names.push_back(name);
    }
    return names;
  }

  SessionData& SessionOf(TenantData& of, const Name& name) {
    SessionData& session = of.sessions[name];
    if (session.family == 0) of.families[session.family = ++families_];
    return session;
  }

  void Touch(TenantData& of, const SessionData& session, int64_t now_ns) {
    FamilyData& family = of.families[session.family];
    family.changed = sequence_, family.stale = true;
    family.touched_ns = std::max(family.touched_ns, now_ns);
  }

  void Link(TenantData& of, const Name& one, const Name& other) {
    if (BadName(one) || BadName(other)) return;
    int64_t kept = SessionOf(of, one).family, gone = SessionOf(of, other).family;
    if (kept == gone) return;
    for (auto& [name, session] : of.sessions) {
      if (session.family == gone) session.family = kept;
    }
    FamilyData& into = of.families[kept];
    FamilyData& from = of.families[gone];
    into.sessions.insert(into.sessions.end(), from.sessions.begin(), from.sessions.end());
    into.touched_ns = std::max(into.touched_ns, from.touched_ns);
    into.changed = sequence_, into.stale = true;
    of.families.erase(gone);
  }

  Appended Apply(Batch batch) {
    TenantData& of = Of(batch.tenant);
    ++appends_;
    Appended result{.sequence = ++sequence_};
    for (Fact& fact : batch.facts) {
      SessionData& session = SessionOf(of, fact.session_id);
      std::string key = EncodeFact(fact);
      if (fact.session) Link(of, fact.session_id, fact.session->parent_session);
      if (fact.result) Link(of, fact.session_id, fact.result->child_session);
      if (!session.known.insert(key).second) {
        ++result.facts_known;
        continue;
      }
      ++result.facts_added;
      for (auto time : {fact.start_ns, fact.end_ns}) {
        if (time) session.last_ns = std::max(*time, session.last_ns.value_or(*time));
      }
      Touch(of, session, batch.now_ns);
      session.facts.emplace(std::pair(std::move(key), ++arrivals_), std::move(fact));
    }
    for (Payload& payload : batch.payloads) {
      auto& payloads = SessionOf(of, payload.session_id).payloads;
      bool known = std::ranges::find(payloads, payload) != payloads.end();
      ++(known ? result.payloads_known : result.payloads_added);
      if (!known) payloads.push_back(std::move(payload));
    }
    for (const SkippedRecord& record : batch.skipped) {
      SessionData& session = SessionOf(of, record.session_id);
      if (session.skipped.insert(record.skipped).second) Touch(of, session, batch.now_ns);
    }
    for (const SessionLink& link : batch.links) Link(of, link.session_id, link.other);
    for (SourcePosition& position : batch.positions) of.positions[position.key] = position;
    return result;
  }

  void MarkHolders(TenantData& of, const FamilyData& self, const Calls& calls) {
    for (auto& [id, family] : of.families) {
      if (&family == &self) continue;
      for (const auto& [key, start] : CallsOf(family)) {
        auto same = [&](const auto& call) { return call.first == key; };
        if (std::ranges::any_of(calls, same)) family.stale = true, family.changed = sequence_;
      }
    }
  }

  std::vector<SessionSummary> Summaries(std::string_view tenant) {
    std::lock_guard lock(mutex_);
    std::vector<SessionSummary> all;
    for (const auto& [id, family] : Of(tenant).families) {
      for (const CompiledSession& session : family.sessions) all.push_back(session.summary);
    }
    return all;
  }

  static bool Has(const std::string& text, const std::set<std::string>& words, std::string_view asked) {
    if (!std::ranges::includes(WordsOf(text), words)) return false;
    bool quoted = false;
    for (std::string_view part : Split(asked, '"')) {
      if (quoted && !ContainsIgnoreCase(text, part)) return false;
      quoted = !quoted;
    }
    return true;
  }

  std::mutex mutex_;
  std::map<Name, TenantData> tenants_;
  uint64_t sequence_ = 0;
  int64_t families_ = 0, arrivals_ = 0, indexed_ = 0, appends_ = 0;
};

}  // namespace

std::unique_ptr<Store> MakeMemoryStore() { return std::make_unique<MemoryStore>(); }

}  // namespace clawtrace::store
