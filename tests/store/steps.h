#pragma once
// Steps that the tests of the conformance suite share.
#include <gmock/gmock.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "store/conformance.h"
#include "store/samples.h"

namespace clawtrace::store {

// The value, or an empty one and a failure.
template <class T>
T Must(Result<T> result) {
  EXPECT_TRUE(result) << result.error().message;
  return result ? std::move(*result) : T{};
}

struct Read {
  std::vector<Fact> facts;
  FactsRead about;
};

inline Read ReadAll(Store& store, std::string_view tenant, std::string_view session,
                    Scope scope = Scope::kSession) {
  Read read;
  auto about = store.ReadFacts(tenant, session, scope, [&](Fact fact) {
    read.facts.push_back(std::move(fact));
    return true;
  });
  EXPECT_TRUE(about) << about.error().message;
  if (about) read.about = *about;
  EXPECT_EQ(read.about.damaged, 0);
  return read;
}

inline Appended Append(Store& store, Batch batch) {
  auto appended = AppendAndWait(store, std::move(batch));
  EXPECT_TRUE(appended) << appended.error().message;
  return appended.value_or(Appended{});
}

// Compiles nothing, but says so of the facts that are there now.
inline bool PutSessions(Store& store, std::string_view tenant, const std::string& session,
                        std::vector<CompiledSession> sessions, const std::string& made_by = "test") {
  Compiled compiled{.session_id = session, .made_by = made_by, .sessions = std::move(sessions)};
  compiled.sequence = ReadAll(store, tenant, session).about.sequence;
  auto put = store.PutCompiled(tenant, compiled);
  EXPECT_TRUE(put) << put.error().message;
  return put.value_or(false);
}

inline std::vector<std::string> Changed(Store& store, std::string_view tenant) {
  auto families = store.ChangedFamilies(tenant, INT64_MAX, 1000);
  EXPECT_TRUE(families);
  std::vector<std::string> ids;
  for (const ChangedFamily& family : families.value_or(std::vector<ChangedFamily>()))
    ids.push_back(family.session_id);
  std::ranges::sort(ids);
  return ids;
}

inline std::vector<std::string> Ids(const SessionList& list) {
  std::vector<std::string> ids;
  for (const SessionSummary& summary : list.sessions) ids.push_back(summary.session_id);
  return ids;
}

// All pages of a list.
inline std::vector<SessionSummary> ListAll(Store& store, std::string_view tenant, ListRequest request) {
  std::vector<SessionSummary> all;
  for (int pages = 0; pages < 1000; ++pages) {
    auto list = store.ListSessions(tenant, request);
    EXPECT_TRUE(list) << list.error().message;
    if (!list) break;
    EXPECT_LE(std::ssize(list->sessions), request.limit);
    all.insert(all.end(), list->sessions.begin(), list->sessions.end());
    if (list->next.empty()) break;
    request.cursor = list->next;
  }
  return all;
}

inline void IndexAll(Store& store) {
  for (int i = 0; i < 1000; ++i) {
    auto left = store.IndexText(7);
    ASSERT_TRUE(left) << left.error().message;
    if (*left == 0) return;
  }
  FAIL() << "the index does not catch up";
}

inline std::vector<std::string> Find(Store& store, std::string_view tenant, const std::string& text,
                                     int64_t limit = 50) {
  std::vector<std::string> ids;
  SearchRequest request{.text = text, .limit = limit};
  for (int pages = 0; pages < 1000; ++pages) {
    auto result = store.Search(tenant, request);
    EXPECT_TRUE(result) << result.error().message;
    if (!result) break;
    for (const SearchHit& hit : result->hits) ids.push_back(hit.session_id + "/" + hit.id);
    if (result->next.empty()) break;
    request.cursor = result->next;
  }
  return ids;
}

}  // namespace clawtrace::store
