#include "history/links.h"

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "capture/importer.h"

namespace clawtrace::history {

std::vector<store::SessionLink> LinksOf(std::span<const Fact> facts) {
  std::set<std::pair<std::string, std::string>> links;
  auto add = [&](std::string_view one, std::string_view other) {
    // A store's text ends at a zero byte, and an id of this size is none.
    constexpr size_t kLongest = 512;
    for (std::string_view id : {one, other}) {
      if (id.empty() || id.size() > kLongest || id.find('\0') != std::string_view::npos) return;
    }
    if (one != other) links.emplace(one, other);
  };
  std::set<std::string_view> sources;
  for (const Fact& fact : facts) {
    sources.insert(fact.source);
    if (fact.session) add(fact.session_id, fact.session->forked_from);
    // "agent:main:subagent:ID" may be told by a log that calls itself "subagent:ID", or "ID".
    std::string_view child = fact.result ? std::string_view(fact.result->child_session) : "";
    for (size_t colon = 0; (colon = child.find(':')) != std::string_view::npos;) {
      child.remove_prefix(colon + 1);
      add(fact.session_id, child);
    }
  }
  for (std::string_view source : sources) {
    const capture::Importer* importer = capture::FindImporter(source);
    if (!importer || !importer->links) continue;
    std::vector<Fact> own;
    if (sources.size() > 1) {
      for (const Fact& fact : facts) {
        if (fact.source == source) own.push_back(fact);
      }
    }
    capture::SessionLinks found;
    importer->links(sources.size() > 1 ? std::span<const Fact>(own) : facts, &found);
    for (const auto& [one, other] : found) add(one, other);
  }
  std::vector<store::SessionLink> list;
  for (const auto& [one, other] : links) list.push_back({one, other});
  return list;
}

}  // namespace clawtrace::history
