#include <algorithm>
#include <map>
#include <tuple>

#include "distill/distill.h"

namespace clawtrace::distill {
namespace {

// One card a session. Of two versions the fuller one counts, by what they hold and never by which came first.
std::vector<TraceCard> OneEach(const std::vector<TraceCard>& cards) {
  auto size = [](const TraceCard& card) {
    return std::tuple(card.llm_call_count.value_or(0) + card.tool_call_count.value_or(0), card.steps.size(),
                      std::string_view(card.source_hash));
  };
  std::map<std::string, const TraceCard*> chosen;
  for (const TraceCard& card : cards) {
    // Cards without an id are told apart by their content.
    auto [place, first] =
        chosen.emplace(card.session_id.empty() ? EncodeCard(card, DocFormat::kJson) : card.session_id, &card);
    if (first || *place->second == card) continue;
    auto was = size(*place->second), now = size(card);
    bool better = now > was || (now == was && EncodeCard(card, DocFormat::kJson) >
                                                  EncodeCard(*place->second, DocFormat::kJson));
    if (better) place->second = &card;
  }
  std::vector<TraceCard> out;
  out.reserve(chosen.size());
  for (const auto& [key, card] : chosen) out.push_back(*card);
  return out;
}

}  // namespace

std::vector<Patch> ProposePatches(const std::vector<TraceCard>& cards) {
  std::vector<TraceCard> distinct = OneEach(cards);
  std::vector<Patch> patches;
  for (const Analyst* analyst : Analysts()) {
    std::vector<Patch> found = analyst->propose(distinct);
    patches.insert(patches.end(), std::make_move_iterator(found.begin()),
                   std::make_move_iterator(found.end()));
  }
  std::sort(patches.begin(), patches.end(), [](const Patch& a, const Patch& b) {
    auto key = [](const Patch& p) {
      return std::tuple(p.patch_kind, -p.support.value_or(0), std::string_view(p.id));
    };
    return key(a) < key(b);
  });
  return patches;
}

}  // namespace clawtrace::distill
