#pragma once
// The card as the published reference compiler (ClawTrace's costcraft, snapshot of 2026-04-30) prints it for
// a session log of OpenClaw or pi, faults included: for comparing with published cards and for programs that
// read them. Our own card is CompileCard's; docs/tracecard.md says where the two differ and why.
#include <cstdint>
#include <string>
#include <string_view>

namespace clawtrace::compile {

struct ReferenceInput {
  std::string_view log;  // one JSON record a line
  std::string task_id = "unknown";
  std::string_view final_message;  // of the run; empty = the last text in the log, at most 2,000 characters
  size_t top_k = 6;
};

// Total: a line that is no record, or has values of unexpected types, counts as if it or they were not there;
// the reference stops with an exception. Words of scripts beyond Latin, Greek and Cyrillic are compared as
// they stand.
std::string ReferenceCard(const ReferenceInput& input, bool json);

}  // namespace clawtrace::compile
