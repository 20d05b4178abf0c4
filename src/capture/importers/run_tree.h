#pragma once
// What formats of nested runs (spans with parents) share: runs arrive in any order and over several files, so
// each becomes facts with its own node and its parent's; Resolve makes sessions of the tree.
#include <string>
#include <string_view>
#include <vector>

#include "model/fact.h"

namespace clawtrace::capture::run_tree {

// Alias of a call that is no call: a group's usage, which may contain that of the runs below it.
inline constexpr std::string_view kAggregate = "#aggregate";
// Name of the tool that hands over to another agent: "transfer_to_<agent>".
inline constexpr std::string_view kHandoff = "transfer_to_";

// Before Resolve every fact has session_id = trace and node, parent_node = run and its parent ("" for the
// top). A named group (an agent, a chain) is a kSession fact whose id is not the trace, with agent_name.
// Resolve, for the facts of one unit in any order, O(n log n):
//  - a tool with calls below it ran a sub-agent: what is below belongs to session "<trace>/<tool's run>"; an
//    agent that was handed over to is one as well
//  - usage of a group is billed only where no run below shows it: to the call below it that has none, else as
//    a call of its own (notes "usage_of_group", "missing_leaf"); less than what is below is
//    "aggregate_mismatch"
//  - a tool belongs to the latest call of its session that began before it
void Resolve(std::vector<Fact>* facts);

}  // namespace clawtrace::capture::run_tree
