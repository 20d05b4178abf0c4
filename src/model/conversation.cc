#include "model/conversation.h"

#include <algorithm>
#include <numeric>
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
  numbers_.reserve(nodes.size());
  for (const ConversationNode& node : nodes) {
    auto [number, added] = index_.Add(node.id);
    numbers_.push_back(number);
    if (added) {
      entries_.push_back({-1, node.time, -1, -1, false});
      parents.push_back({node.time, node.parent});
      continue;
    }
    Entry& entry = entries_[number];
    entry.time = std::min(entry.time, node.time);
    Parent& parent = parents[number];
    if (node.parent.empty()) continue;
    if (parent.id.empty() || std::tie(node.time, node.parent) < std::tie(parent.time, parent.id))
      parent = {node.time, node.parent};
  }
  std::vector<int> roots;
  for (size_t i = 0; i < entries_.size(); ++i) {
    size_t above = parents[i].id.empty() ? TextIndex::kNone : index_.Find(parents[i].id);
    if (above != TextIndex::kNone && above != i)
      entries_[i].parent = static_cast<int>(above);
    else
      roots.push_back(static_cast<int>(i));
  }
  Children children = FindChildren();
  auto age = [this](int entry) { return Age(entry); };
  std::ranges::sort(roots, {}, age);
  for (int root : roots) Walk(root, children);
  if (next_position_ < static_cast<int64_t>(entries_.size())) {
    // Only cycles are left: each is opened at its earliest record.
    std::vector<int> rest;
    for (size_t i = 0; i < entries_.size(); ++i) {
      if (entries_[i].position < 0) rest.push_back(static_cast<int>(i));
    }
    std::ranges::sort(rest, {}, age);
    for (int node : rest) {
      if (entries_[node].position >= 0) continue;
      entries_[node].parent = -1;
      ++cycles_;
      Walk(node, children);
    }
  }
  MarkActive();
  by_time_.reserve(entries_.size());
  for (const Entry& entry : entries_) by_time_.emplace_back(entry.time, entry.position);
  std::ranges::sort(by_time_);
  int64_t greatest = -1;
  for (auto& [time, position] : by_time_) position = greatest = std::max(greatest, position);
}

Conversation::Children Conversation::FindChildren() const {
  Children children;
  children.starts.resize(entries_.size() + 1);
  for (const Entry& entry : entries_) {
    if (entry.parent >= 0) ++children.starts[static_cast<size_t>(entry.parent) + 1];
  }
  std::partial_sum(children.starts.begin(), children.starts.end(), children.starts.begin());
  children.all.resize(static_cast<size_t>(children.starts.back()));
  std::vector<int> next(children.starts.begin(), children.starts.end() - 1);
  for (size_t i = 0; i < entries_.size(); ++i) {
    if (entries_[i].parent >= 0) children.all[next[entries_[i].parent]++] = static_cast<int>(i);
  }
  for (size_t i = 0; i < entries_.size(); ++i) {
    auto from = children.all.begin() + children.starts[i], to = children.all.begin() + children.starts[i + 1];
    if (to - from > 1) std::sort(from, to, [this](int a, int b) { return Age(a) < Age(b); });
  }
  return children;
}

void Conversation::Walk(int root, const Children& children) {
  std::vector<int> stack = {root};
  while (!stack.empty()) {
    int node = stack.back();
    stack.pop_back();
    if (entries_[node].position >= 0) continue;
    entries_[node].position = next_position_++;
    entries_[node].root = root;
    for (int i = children.starts[node + 1]; i-- > children.starts[node];) stack.push_back(children.all[i]);
  }
}

void Conversation::MarkActive() {
  std::vector<int> latest(entries_.size(), -1);  // by root: its latest record
  for (size_t i = 0; i < entries_.size(); ++i) {
    int& now = latest[entries_[i].root];
    auto when = [this](size_t entry) { return std::pair(entries_[entry].time, entries_[entry].position); };
    if (now < 0 || when(i) > when(static_cast<size_t>(now))) now = static_cast<int>(i);
  }
  for (int leaf : latest) {
    for (int at = leaf; at >= 0 && !entries_[at].active; at = entries_[at].parent) entries_[at].active = true;
  }
}

Conversation::Place Conversation::Find(std::string_view id) const {
  size_t number = index_.Find(id);
  return number == TextIndex::kNone ? Place{} : PlaceOf(entries_[number]);
}

int64_t Conversation::PositionAt(std::optional<int64_t> time) const {
  if (!time) return -1;
  auto after = std::ranges::upper_bound(by_time_, *time, {}, &std::pair<int64_t, int64_t>::first);
  return after == by_time_.begin() ? -1 : std::prev(after)->second;
}

}  // namespace clawtrace
