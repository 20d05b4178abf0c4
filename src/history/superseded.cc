#include "history/superseded.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>
#include <utility>

#include "base/hash.h"
#include "model/fact_hash.h"

namespace clawtrace::history {
namespace {

constexpr std::string_view kFactMark = "superseded:", kPlaceMark = "superseded-place:";
constexpr std::string_view kHolds = "holds";

Fact Mark(std::string_view session_id, std::string_view what, uint64_t hash, bool holds, int64_t now_ns) {
  Fact mark;
  mark.kind = FactKind::kLink;
  mark.source = kMarkSource;
  mark.session_id = session_id;
  mark.id = std::string(what) + HexOf(hash);
  mark.ordinal = now_ns;
  if (holds) mark.node = kHolds;
  return mark;
}

// The latest mark of each; of two at one time the one that keeps.
class Marks {
 public:
  bool Take(const Fact& fact, std::string_view prefix) {
    if (!fact.id.starts_with(prefix)) return false;
    std::string_view digits = std::string_view(fact.id).substr(prefix.size());
    uint64_t hash = 0;
    std::from_chars(digits.data(), digits.data() + digits.size(), hash, 16);
    auto& last = marks_[hash];
    last = std::max(last, std::pair(fact.ordinal, fact.node == kHolds));
    return true;
  }
  bool empty() const { return marks_.empty(); }
  bool Drops(uint64_t hash) const {
    auto found = marks_.find(hash);
    return found != marks_.end() && !found->second.second;
  }

 private:
  std::map<uint64_t, std::pair<int64_t, bool>> marks_;
};

}  // namespace

uint64_t HashOfPlace(const Skipped& skipped) {
  uint64_t hash = Hash64(skipped.file);
  for (int64_t number : {skipped.line, skipped.offset})
    hash = Hash64({reinterpret_cast<const char*>(&number), sizeof number}, hash);
  return Hash64(skipped.reason, hash);
}

Fact MarkFact(std::string_view session_id, uint64_t content, bool holds, int64_t now_ns) {
  return Mark(session_id, kFactMark, content, holds, now_ns);
}

Fact MarkPlace(std::string_view session_id, uint64_t place, bool holds, int64_t now_ns) {
  return Mark(session_id, kPlaceMark, place, holds, now_ns);
}

void DropSuperseded(std::vector<Fact>* facts, std::vector<store::SkippedRecord>* skipped) {
  Marks of_facts, of_places;
  std::erase_if(*facts, [&](const Fact& fact) {
    if (fact.source != kMarkSource) return false;
    return of_facts.Take(fact, kFactMark) || of_places.Take(fact, kPlaceMark);
  });
  if (!of_facts.empty())
    std::erase_if(*facts, [&](const Fact& fact) { return of_facts.Drops(HashOf(fact)); });
  if (!of_places.empty())
    std::erase_if(*skipped, [&](const auto& record) { return of_places.Drops(HashOfPlace(record.skipped)); });
}

}  // namespace clawtrace::history
