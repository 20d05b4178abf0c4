#include "store/search.h"

#include <algorithm>
#include <array>
#include <bit>
#include <set>

#include "base/hash.h"
#include "base/text.h"
#include "store/cursor.h"
#include "store/facts.h"

namespace clawtrace::store {
namespace {

// Longer words are found by their beginning: encoded data makes endless ones.
constexpr size_t kMaxWord = 64;
constexpr size_t kExcerptBefore = 60, kExcerpt = 200;
constexpr int64_t kMaxTerms = 32;
// How many facts are looked at for one that is found; the next page goes on behind them.
constexpr int64_t kLooksPerHit = 50;

bool IsWordByte(char c) {
  static constexpr auto kWordBytes = [] {
    std::array<bool, 256> is_word{};
    for (size_t byte = 0; byte < is_word.size(); ++byte)
      is_word[byte] = byte >= 128 || (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') ||
                      (byte >= 'a' && byte <= 'z');
    return is_word;
  }();
  return kWordBytes[static_cast<unsigned char>(c)];
}

template <class F>
void ForEachWord(std::string_view text, F&& visit) {
  for (size_t i = 0; i < text.size();) {
    if (!IsWordByte(text[i])) {
      ++i;
      continue;
    }
    size_t begin = i;
    while (i < text.size() && IsWordByte(text[i])) ++i;
    visit(text.substr(begin, std::min(i - begin, kMaxWord)));
  }
}

// Narrows the index to one tenant. Longer than any word of a text, so that none can be taken for it. Whether
// a fact is the tenant's is decided by its row, not by this.
std::string TenantWord(int64_t tenant) { return std::string(kMaxWord, 'z') + std::to_string(tenant); }

std::string TextOf(const Fact& fact) {
  std::string text;
  auto add = [&](const std::string& more) {
    if (!more.empty()) text.append(more).push_back('\n');
  };
  if (fact.user) add(fact.user->text);
  if (fact.llm) add(fact.llm->text), add(fact.llm->error);
  if (fact.tool) add(fact.tool->name), add(fact.tool->args);
  if (fact.result) add(fact.result->output), add(fact.result->error);
  if (fact.skill) add(fact.skill->name);
  return text;
}

struct Terms {
  std::set<std::string> words;
  std::vector<std::string> phrases;  // as given
  std::string first;
};

// Words outside of quotes may stand anywhere, what is within stands together.
Terms TermsOf(std::string_view text) {
  Terms terms;
  bool quoted = false;
  for (std::string_view part : Split(text, '"')) {
    if (quoted && !Trim(part).empty()) terms.phrases.emplace_back(part);
    ForEachWord(ToLower(part), [&](std::string_view word) {
      if (terms.first.empty()) terms.first = word;
      terms.words.emplace(word);
    });
    quoted = !quoted;
  }
  return terms;
}

std::string ExcerptOf(std::string_view text, std::string_view word) {
  std::string lower = ToLower(text);
  size_t at = lower.find(word);
  size_t begin = at == std::string::npos || at < kExcerptBefore ? 0 : at - kExcerptBefore;
  // Not within a character.
  while (begin > 0 && (static_cast<unsigned char>(text[begin]) & 0xc0) == 0x80) --begin;
  return ReplaceInvalidUtf8(PrefixUtf8(text.substr(begin), kExcerpt));
}

std::string MatchOf(const Terms& terms, int64_t tenant) {
  std::string match = TenantWord(tenant);
  for (const std::string& word : terms.words) match.append(" \"").append(word).append("\"");
  return match;
}

// Leaves the first of equal words. Not by sorting: comparing words costs more than all the rest of indexing.
void DropRepeated(std::vector<std::string_view>* words) {
  std::vector<uint32_t> slots(std::bit_ceil(words->size() * 2));  // place in words from 1; 0: empty
  uint32_t kept = 0;
  for (std::string_view word : *words) {
    size_t slot = Hash64(word) & (slots.size() - 1);
    while (slots[slot] != 0 && (*words)[slots[slot] - 1] != word) slot = (slot + 1) & (slots.size() - 1);
    if (slots[slot] != 0) continue;
    (*words)[kept] = word;
    slots[slot] = ++kept;
  }
  words->resize(kept);
}

bool HasPhrases(std::string_view text, const Terms& terms) {
  return std::ranges::all_of(terms.phrases,
                             [&](const std::string& phrase) { return ContainsIgnoreCase(text, phrase); });
}

}  // namespace

std::string IndexWords(const Fact& fact, int64_t tenant) {
  std::string text = ToLower(TextOf(fact));
  std::vector<std::string_view> words;
  words.reserve(text.size() / 4);
  ForEachWord(text, [&](std::string_view word) { words.push_back(word); });
  if (words.empty()) return {};
  DropRepeated(&words);
  std::string out = TenantWord(tenant);
  out.reserve(out.size() + text.size() + 1);
  for (std::string_view word : words) out.append(" ").append(word);
  return out;
}

Result<Unindexed> FindUnindexed(Database& db, int64_t limit) {
  Unindexed found;
  auto indexed = db.Number("SELECT value FROM meta WHERE name = 'indexed'");
  if (!indexed) return std::unexpected(indexed.error());
  found.indexed = indexed->value_or(0);
  Statement rows = db.Prepare(
      "SELECT f.id, f.hash, s.owner, f.kind, f.body FROM fact f JOIN session s ON s.id = f.session "
      "WHERE f.id > ? ORDER BY f.id LIMIT ?");
  rows.Bind(found.indexed).Bind(limit);
  while (rows.Step()) {
    FactRow& row = found.facts.emplace_back();
    row.id = rows.Int(0), row.hash = rows.Blob(1);
    // What cannot be read has no words; Check tells of it.
    if (auto fact = DecodeFactRow(rows.Int(3), rows.Blob(4))) row.words = IndexWords(*fact, rows.Int(2));
  }
  CT_RETURN_IF_ERROR(rows.ok());
  int64_t last = found.facts.empty() ? found.indexed : found.facts.back().id;
  Statement left = db.Prepare("SELECT max(0, ifnull(max(id), 0) - ?) FROM fact");
  if (left.Bind(last).Step()) found.left = left.Int(0);
  CT_RETURN_IF_ERROR(left.ok());
  return found;
}

Status IndexRows(WriteScope& scope, const Unindexed& rows) {
  auto indexed = scope.db.Number("SELECT value FROM meta WHERE name = 'indexed'");
  if (!indexed) return std::unexpected(indexed.error());
  // Somebody else has been here.
  if (*indexed != rows.indexed || rows.facts.empty()) return {};
  for (const FactRow& row : rows.facts) {
    if (row.words.empty()) continue;
    // It may have been removed since, and its number given to another.
    Statement there = scope.db.Prepare("SELECT 1 FROM fact WHERE id = ? AND hash = ?");
    bool is_there = there.Bind(row.id).BindBlob(row.hash).Step();
    CT_RETURN_IF_ERROR(there.ok());
    if (!is_there) continue;
    Statement add = scope.db.Prepare("INSERT INTO text(rowid, words) VALUES(?, ?)");
    CT_RETURN_IF_ERROR(add.Bind(row.id).Bind(std::string_view(row.words)).Run());
  }
  return scope.db.Prepare("UPDATE meta SET value = ? WHERE name = 'indexed'")
      .Bind(rows.facts.back().id)
      .Run();
}

Result<SearchResult> SearchRows(Database& db, int64_t tenant, const SearchRequest& request) {
  if (request.limit < 1 || request.limit > kMaxPage)
    return Fail(ErrorCode::kInvalidInput, "the limit of a search is from 1 to " + std::to_string(kMaxPage));
  Terms terms = TermsOf(request.text);
  if (terms.words.empty()) return Fail(ErrorCode::kInvalidInput, "a search needs a word");
  if (std::ssize(terms.words) > kMaxTerms)
    return Fail(ErrorCode::kInvalidInput, "a search of too many words");
  uint64_t asked = Hash64(request.text);
  int64_t before = INT64_MAX;
  if (!request.cursor.empty()) {
    auto cursor = DecodeCursor(request.cursor);
    if (!cursor || cursor->request != asked)
      return Fail(ErrorCode::kInvalidInput, "the cursor is not of this search", "begin with the first page");
    before = cursor->number;
  }
  SearchResult result;
  if (tenant <= 0) return result;
  std::string match = MatchOf(terms, tenant);
  Statement rows = db.Prepare(
      "SELECT f.id, f.kind, f.body, s.name, w.s, s.tenant, "
      "coalesce((SELECT m.session FROM summary m WHERE m.family = s.family AND m.session = s.name), "
      "(SELECT min(m.session) FROM summary m WHERE m.family = s.family)) FROM text CROSS JOIN fact f ON f.id "
      "= text.rowid "
      "CROSS JOIN session s ON s.id = f.session CROSS JOIN word w ON w.id = f.source "
      "WHERE text MATCH ? AND text.rowid < ? ORDER BY text.rowid DESC LIMIT ?");
  rows.Bind(std::string_view(match)).Bind(before).Bind(request.limit * kLooksPerHit);
  int64_t looked = 0, last = 0;
  while (rows.Step()) {
    if (std::ssize(result.hits) == request.limit) break;
    ++looked, last = rows.Int(0);
    auto fact = rows.Int(5) == tenant ? DecodeFactRow(rows.Int(1), rows.Blob(2)) : Result<Fact>(Fact{});
    if (!fact || rows.Int(5) != tenant) continue;
    std::string text = TextOf(*fact);
    if (!HasPhrases(text, terms)) continue;
    result.hits.push_back({std::string(rows.Text(4)), std::string(rows.Text(3)), fact->id, fact->kind,
                           fact->start_ns, ExcerptOf(text, terms.first), std::string(rows.Text(6))});
  }
  CT_RETURN_IF_ERROR(rows.ok());
  if (std::ssize(result.hits) == request.limit || looked == request.limit * kLooksPerHit)
    result.next = EncodeCursor({.request = asked, .number = last});
  auto behind = db.Number(kFactsNotIndexed);
  if (!behind) return std::unexpected(behind.error());
  result.behind = behind->value_or(0);
  return result;
}

}  // namespace clawtrace::store
