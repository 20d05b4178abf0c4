#include "capture/sessions.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include "capture/importer.h"
#include "model/fact_hash.h"
#include "model/join_sources.h"

namespace clawtrace::capture {
namespace {

std::set<std::string, std::less<>> SourcesOf(const std::vector<Fact>& facts) {
  std::set<std::string, std::less<>> sources;
  const std::string* last = nullptr;
  for (const Fact& fact : facts) {
    if (last && *last == fact.source) continue;
    last = &*sources.insert(fact.source).first;
  }
  return sources;
}

// Each fact once, in an order of their content: importers need not see to it that arrival decides nothing.
void Settle(std::vector<Fact>* facts) {
  std::vector<std::pair<uint64_t, size_t>> order(facts->size());
  for (size_t i = 0; i < facts->size(); ++i) order[i] = {HashOf((*facts)[i]), i};
  std::ranges::sort(order);
  std::vector<Fact> settled;
  settled.reserve(facts->size());
  for (size_t i = 0; i < order.size(); ++i) {
    if (i == 0 || order[i].first != order[i - 1].first)
      settled.push_back(std::move((*facts)[order[i].second]));
  }
  *facts = std::move(settled);
}

void Resolve(std::vector<Fact>* facts) {
  auto sources = SourcesOf(*facts);
  for (const std::string& source : sources) {
    const Importer* importer = FindImporter(source);
    if (!importer || !importer->resolve) continue;
    if (sources.size() == 1) {
      Settle(facts);
      return importer->resolve(facts);
    }
    std::vector<Fact> own, rest;
    for (Fact& fact : *facts) (fact.source == source ? own : rest).push_back(std::move(fact));
    *facts = std::move(own);
    Settle(facts);
    importer->resolve(facts);
    std::ranges::move(rest, std::back_inserter(*facts));
  }
}

// Judgements take the source of the session that they are about; of one judge the last one counts. Of a
// session that nobody has told yet they make none.
void PlaceJudgements(std::vector<Fact>* facts) {
  struct Judged {
    std::string source;                                  // the least one that tells the session
    std::map<std::string, std::optional<int64_t>> last;  // by the judgement's id
  };
  std::map<std::string, Judged> sessions;
  for (const Fact& fact : *facts) {
    if (fact.source != kJudgeSource) continue;
    auto& last = sessions[fact.session_id].last[fact.id];
    last = std::max(last, fact.end_ns);
  }
  if (sessions.empty()) return;
  for (const Fact& fact : *facts) {
    auto at = sessions.find(fact.session_id);
    if (at == sessions.end() || fact.source == kJudgeSource) continue;
    std::string& source = at->second.source;
    if (source.empty() || fact.source < source) source = fact.source;
  }
  std::erase_if(*facts, [&](Fact& fact) {
    if (fact.source != kJudgeSource) return false;
    if (fact.kind == FactKind::kLink) return true;  // stands for a document that is kept beside the session
    const Judged& judged = sessions[fact.session_id];
    if (!judged.source.empty()) fact.source = judged.source;
    return judged.source.empty() || fact.end_ns != judged.last.find(fact.id)->second;
  });
}

using Roots = std::map<std::string_view, Session*>;

void CollectIds(const Session& session, Roots* index, Session* root) {
  index->emplace(session.id, root);
  for (const Step& step : session.steps) {
    for (const Session& child : step.children) CollectIds(child, index, root);
  }
}

void Attach(SkippedPlaces* skipped, std::vector<Session>* sessions) {
  if (sessions->empty()) {
    for (auto& [id, list] : skipped->by_session)
      skipped->orphaned.insert(skipped->orphaned.end(), list.begin(), list.end());
    return;
  }
  Roots roots;
  for (Session& session : *sessions) CollectIds(session, &roots, &session);
  auto give = [](Session* to, const std::vector<Skipped>& list) {
    to->skipped.insert(to->skipped.end(), list.begin(), list.end());
  };
  for (auto& [id, list] : skipped->by_session) {
    auto found = roots.find(id);
    // A resolved unit (spans) may have regrouped: then the places belong to the first session.
    give(found != roots.end() ? found->second : &sessions->front(), list);
  }
  give(&sessions->front(), skipped->orphaned);
  skipped->orphaned.clear();
  for (Session& session : *sessions) std::ranges::sort(session.skipped);
}

}  // namespace

std::vector<Session> SessionsOf(std::vector<Fact> facts, SkippedPlaces* skipped) {
  Resolve(&facts);
  PlaceJudgements(&facts);
  std::vector<Session> sessions = JoinSources(AssembleSessions(std::move(facts)));
  Attach(skipped, &sessions);
  return sessions;
}

}  // namespace clawtrace::capture
