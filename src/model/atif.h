#pragma once
// Sessions in the Agent Trajectory Interchange Format (ATIF) 1.7, as Harbor and its readers take it.
#include <string>
#include <string_view>

#include "model/session.h"

namespace clawtrace {

inline constexpr std::string_view kAtifVersion = "ATIF-v1.7";

// One pretty-printed JSON document. Every LLM call is a step of source "agent" with its tool calls and their
// observations; sub-agents are embedded below subagent_trajectories and named by the observation of their
// spawn. prompt_tokens include the cached ones, as the format wants it. metrics.cost_usd is the client's own
// figure and is left out where it gave none: unknown is never 0.
// What ATIF has no member for (call ids, cache writes by time to live, exit codes, outcome, task) stands
// below extra.clawtrace of the object it belongs to; readers of ATIF skip it, ours takes it back. Steps
// that a fork copied are marked is_copied_context. Not kept: branches that the conversation left are written
// like any other step.
std::string EncodeAtif(const Session& session);

}  // namespace clawtrace
