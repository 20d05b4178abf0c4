#pragma once
// Which blocks of a skill are ours to change: those that our records say we wrote, and that nobody has
// pinned.
#include <set>
#include <string>
#include <string_view>

#include "model/patch.h"
#include "skill/blocks.h"
#include "skill/decisions.h"
#include "skill/edits.h"
#include "skill/provenance.h"

namespace clawtrace::skill {

class Ownership {
 public:
  Ownership(const Provenance& records, const Decisions& decisions);

  bool IsOurs(std::string_view file, const Block& block) const;
  bool IsPinned(const Block& block) const { return pins_.contains(block.hash); }

  // Why the edit may not change or take out what stands there: "not_ours", "pinned"; "" when it may. With
  // edit_others all text may be changed but for what is pinned. What only adds may always.
  std::string WhyNot(const PatchEdit& edit, const std::vector<Block>& blocks, bool edit_others) const;

 private:
  std::set<std::string, std::less<>> items_, blocks_, pins_;
  std::set<std::string, std::less<>> headings_;  // FILE and TEXT between a line end
  std::set<std::string, std::less<>> links_;     // texts of items that lead to references of ours
};

}  // namespace clawtrace::skill
