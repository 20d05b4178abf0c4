#pragma once
// Where what a step said came from: "this number in step 31 came from step 4", and so on up to the prompt.
#include <span>
#include <string>
#include <vector>

#include "replay/channels.h"

namespace clawtrace::replay {

struct ChainLink {
  std::string step, target;   // "12", "exec cat x"
  std::string content;        // what the step below took from it; "" at the start
  bool shown_before = false;  // its own sources stand further up
  std::vector<ChainLink> sources;
};

// The tree above a step, each step's sources once, distinctive content only; at most `most` links. An LLM
// step stands for what it says; a tool use for its arguments.
ChainLink ChainOf(std::span<const Moment> timeline, const Channels& channels, size_t step, size_t most = 200);

std::string ChainText(const ChainLink& chain);  // for people, indented
std::string ChainJson(const ChainLink& chain);

}  // namespace clawtrace::replay
