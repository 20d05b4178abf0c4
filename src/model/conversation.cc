#include "model/conversation.h"

#include <algorithm>
#include <map>
#include <ranges>
#include <tuple>

namespace clawtrace {

Conversation::Conversation(const std::vector<ConversationNode>& nodes) {
  // Versions of one record: the earliest time, and of those that name a parent the earliest, then smallest.
  struct Parent {
    int64_t time = 0;
    std::string_view id;
  };
  std::vector<Parent> parents;
  index_.reserve(nodes.size());
  for (const ConversationNode& node : nodes) {
    auto [it, added] = index_.emplace(node.id, static_cast<int>(entries_.size()));
    if (added) {
      entries_.push_back({node.id, -1, node.time, -1, -1, false});
      parents.push_back({node.time, node.parent});
      continue;
    }
    Entry& entry = entries_[it->second];
    entry.time = std::min(entry.time, node.time);
    Parent& parent = parents[it->second];
    if (node.parent.empty()) continue;
    if (parent.id.empty() || std::tie(node.time, node.parent) < std::tie(parent.time, parent.id))
      parent = {node.time, node.parent};
  }
  std::vector<std::vector<int>> children(entries_.size());
  std::vector<int> roots;
  for (size_t i = 0; i < entries_.size(); ++i) {
    auto found = index_.find(parents[i].id);
    bool linked = !parents[i].id.empty() && found != index_.end() && found->second != static_cast<int>(i);
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

Conversation::Place Conversation::Find(std::string_view id) const {
  auto found = index_.find(id);
  if (found == index_.end()) return {};
  const Entry& entry = entries_[found->second];
  return {entry.position, entry.active};
}

int64_t Conversation::PositionAt(std::optional<int64_t> time) const {
  if (!time) return -1;
  auto after = std::ranges::upper_bound(by_time_, *time, {}, &std::pair<int64_t, int64_t>::first);
  return after == by_time_.begin() ? -1 : std::prev(after)->second;
}

}  // namespace clawtrace
