#pragma once
// Outputs of two runs of one tool, compared without what no second run can repeat: times, durations, ids,
// process numbers, temporary paths, terminal colours, owners and dates of listings.
#include <string>
#include <string_view>

namespace clawtrace::replay {

// Each changing thing becomes a word in angle brackets ("<time>", "<id>"); white space at line
// ends goes.
std::string NormaliseOutput(std::string_view text);

struct OutputPair {
  std::string_view recorded;
  bool recorded_cut = false;  // only the start of it was kept
  std::string_view executed;
};

struct OutputMatch {
  bool same = false;
  bool partial = false;       // equal as far as the recorded one was kept: the client or the log cut it
  bool nothing_kept = false;  // partial, and there is nothing to compare
  std::string difference;     // first difference, one line of at most 200 bytes
};

// Lines in the same order, else the same lines in another one. Where the recorded text says that its middle
// or end was left out, what is there is compared.
OutputMatch CompareOutputs(const OutputPair& pair);

}  // namespace clawtrace::replay
