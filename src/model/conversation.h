#pragma once
// The order of a conversation from its parent chain: a forest of records, each naming the one it follows.
// Broken and cyclic chains are made whole by breaking them at their earliest record.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/text_index.h"

namespace clawtrace {

struct ConversationNode {
  std::string_view id;
  std::string_view parent;  // "" or unknown id = starts a chain
  int64_t time = 0;
};

// Keeps the views it was given: the facts must outlive it.
class Conversation {
 public:
  explicit Conversation(const std::vector<ConversationNode>& nodes);

  bool empty() const { return entries_.empty(); }
  // Position of the last record that is not later than time; -1 when there is none.
  int64_t PositionAt(std::optional<int64_t> time) const;
  // Where a record stands, depth-first: parents before children, branches by (time, id); -1 for unknown or
  // empty ids. active: it is on the path from the start to the latest record of its chain;
  // unknown ids are.
  struct Place {
    int64_t position = -1;
    bool active = true;
  };
  Place Find(std::string_view id) const;
  // Same for the i-th of the nodes it was made of.
  Place At(size_t node) const { return PlaceOf(entries_[numbers_[node]]); }
  int64_t cycles() const { return cycles_; }

 private:
  struct Entry {
    int parent = -1;
    int64_t time = 0;
    int64_t position = -1;
    int root = -1;
    bool active = false;
  };
  // Who follows each entry, in one row: those of i from starts[i] to starts[i + 1].
  struct Children {
    std::vector<int> starts, all;
  };
  Children FindChildren() const;
  static Place PlaceOf(const Entry& entry) { return {entry.position, entry.active}; }
  std::pair<int64_t, std::string_view> Age(int entry) const { return {entries_[entry].time, index_[entry]}; }
  void Walk(int root, const Children& children);
  void MarkActive();

  TextIndex index_;
  std::vector<Entry> entries_;                        // by number in index_
  std::vector<size_t> numbers_;                       // of the nodes given
  std::vector<std::pair<int64_t, int64_t>> by_time_;  // time, greatest position so far
  int64_t next_position_ = 0;
  int64_t cycles_ = 0;
};

}  // namespace clawtrace
