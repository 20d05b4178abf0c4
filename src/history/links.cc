#include "history/links.h"

#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "capture/importer.h"

namespace clawtrace::history {
namespace {

class Links {
 public:
  void Add(std::string_view one, std::string_view other) {
    if (one != other && IsName(one) && IsName(other)) links_.emplace(one, other);
  }
  // "agent:main:subagent:ID" may be told by a log that calls itself "subagent:ID", or "ID".
  void AddShorter(std::string_view session, std::string_view child) {
    for (size_t colon = 0; (colon = child.find(':')) != std::string_view::npos;) {
      child.remove_prefix(colon + 1);
      Add(session, child);
    }
  }
  std::vector<store::SessionLink> Take() const {
    std::vector<store::SessionLink> list;
    for (const auto& [one, other] : links_) list.push_back({one, other});
    return list;
  }

 private:
  // A store's text ends at a zero byte, and an id of this size is none.
  static bool IsName(std::string_view id) {
    constexpr size_t kLongest = 512;
    return !id.empty() && id.size() <= kLongest && id.find('\0') == std::string_view::npos;
  }

  std::set<std::pair<std::string, std::string>> links_;
};

void AskImporter(std::string_view source, std::span<const Fact> facts, Links* links) {
  const capture::Importer* importer = capture::FindImporter(source);
  if (!importer || !importer->links) return;
  std::vector<Fact> own;
  for (const Fact& fact : facts) {
    if (fact.source == source) own.push_back(fact);
  }
  capture::SessionLinks found;
  importer->links(own, &found);
  for (const auto& [one, other] : found) links->Add(one, other);
}

}  // namespace

std::vector<store::SessionLink> LinksOf(std::span<const Fact> facts) {
  Links links;
  std::set<std::string_view> sources;
  for (const Fact& fact : facts) {
    sources.insert(fact.source);
    if (fact.session) links.Add(fact.session_id, fact.session->forked_from);
    if (fact.result) links.AddShorter(fact.session_id, fact.result->child_session);
  }
  for (std::string_view source : sources) AskImporter(source, facts, &links);
  return links.Take();
}

}  // namespace clawtrace::history
