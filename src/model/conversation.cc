#include "model/conversation.h"

#include <algorithm>
#include <map>
#include <ranges>
#include <tuple>

namespace clawtrace {

Conversation::Conversation(std::vector<ConversationNode> nodes) {
  // Versions of one record: the earliest time, then the smallest parent that is not empty.
  std::ranges::sort(nodes, [](auto& a, auto& b) {
    return std::tuple(a.id, a.time, a.parent.empty(), a.parent) <
           std::tuple(b.id, b.time, b.parent.empty(), b.parent);
  });
  std::vector<std::string_view> parents;
  for (const ConversationNode& node : nodes) {
    if (!entries_.empty() && entries_.back().id == node.id) {
      if (parents.back().empty()) parents.back() = node.parent;
      continue;
    }
    index_.emplace(node.id, static_cast<int>(entries_.size()));
    entries_.push_back({node.id, -1, node.time, -1, -1, false});
    parents.push_back(node.parent);
  }
  std::vector<std::vector<int>> children(entries_.size());
  std::vector<int> roots;
  for (size_t i = 0; i < entries_.size(); ++i) {
    auto found = index_.find(parents[i]);
    bool linked = !parents[i].empty() && found != index_.end() && found->second != static_cast<int>(i);
    if (linked) {
      entries_[i].parent = found->second;
      children[found->second].push_back(static_cast<int>(i));
    } else {
      roots.push_back(static_cast<int>(i));
    }
  }
  auto by_time = [this](int a, int b) {
    return std::tie(entries_[a].time, entries_[a].id) < std::tie(entries_[b].time, entries_[b].id);
  };
  for (auto& list : children) std::ranges::sort(list, by_time);
  std::ranges::sort(roots, by_time);
  for (int root : roots) Walk(root, children);
  if (next_position_ < static_cast<int64_t>(entries_.size())) {
    // Only cycles are left: each is opened at its earliest record.
    std::vector<int> rest;
    for (size_t i = 0; i < entries_.size(); ++i) {
      if (entries_[i].position < 0) rest.push_back(static_cast<int>(i));
    }
    std::ranges::sort(rest, by_time);
    for (int node : rest) {
      if (entries_[node].position >= 0) continue;
      entries_[node].parent = -1;
      ++cycles_;
      Walk(node, children);
    }
  }
  MarkActive();
  for (const Entry& entry : entries_) by_time_.emplace_back(entry.time, entry.position);
  std::ranges::sort(by_time_);
  int64_t greatest = -1;
  for (auto& [time, position] : by_time_) position = greatest = std::max(greatest, position);
}

void Conversation::Walk(int root, const std::vector<std::vector<int>>& children) {
  std::vector<int> stack = {root};
  while (!stack.empty()) {
    int node = stack.back();
    stack.pop_back();
    if (entries_[node].position >= 0) continue;
    entries_[node].position = next_position_++;
    entries_[node].root = root;
    for (int child : children[node] | std::views::reverse) stack.push_back(child);
  }
}

void Conversation::MarkActive() {
  std::map<int, int> latest;  // root -> its latest record
  for (size_t i = 0; i < entries_.size(); ++i) {
    auto [it, added] = latest.emplace(entries_[i].root, static_cast<int>(i));
    const Entry& now = entries_[it->second];
    if (!added && std::tie(entries_[i].time, entries_[i].position) > std::tie(now.time, now.position))
      it->second = static_cast<int>(i);
  }
  for (auto& [root, leaf] : latest) {
    for (int at = leaf; at >= 0 && !entries_[at].active; at = entries_[at].parent) entries_[at].active = true;
  }
}

int64_t Conversation::Position(std::string_view id) const {
  auto found = index_.find(id);
  return found == index_.end() ? -1 : entries_[found->second].position;
}

int64_t Conversation::PositionAt(std::optional<int64_t> time) const {
  if (!time) return -1;
  auto after = std::ranges::upper_bound(by_time_, *time, {}, &std::pair<int64_t, int64_t>::first);
  return after == by_time_.begin() ? -1 : std::prev(after)->second;
}

bool Conversation::IsActive(std::string_view id) const {
  auto found = index_.find(id);
  return found == index_.end() || entries_[found->second].active;
}

}  // namespace clawtrace
