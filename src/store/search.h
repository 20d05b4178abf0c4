#pragma once
// Facts by the words in their texts. The index holds words without the texts, and comes after the facts.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "store/store.h"
#include "store/writer.h"

namespace clawtrace::store {

// Words of a fact as the index has them, each once. What this gives for a fact must not change without a
// migration that indexes anew: to take a fact out of the index its words are needed again.
std::string IndexWords(const Fact& fact, int64_t tenant);

struct FactRow {
  int64_t id = 0;
  std::string hash, words;
};
// How many facts are behind the index, by their numbers: those that were removed since are counted as well.
inline constexpr const char* kFactsNotIndexed =
    "SELECT max(0, ifnull(max(id), 0) - (SELECT value FROM meta WHERE name = 'indexed')) FROM fact";

// The next facts behind the index, and how many are left behind these.
struct Unindexed {
  int64_t indexed = 0, left = 0;
  std::vector<FactRow> facts;
};
Result<Unindexed> FindUnindexed(Database& db, int64_t limit);
Status IndexRows(WriteScope& scope, const Unindexed& rows);

Result<SearchResult> SearchRows(Database& db, int64_t tenant, const SearchRequest& request);

}  // namespace clawtrace::store
