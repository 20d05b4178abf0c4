#pragma once
// Control information (DESIGN 6.3): a check tells the agent to go on or to turn back, and nothing of it need
// ever be said again, so neither channel sees whether it mattered.
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "replay/timeline.h"
#include "tools/tool_meaning.h"

namespace clawtrace::replay {

// What is known of the writes of each step: what it names (tools::ToolMeaning), or, after the recording was
// executed again, what it changed.
struct Writes {
  bool may = false;                // wrote, or may have written, anything at all
  bool unnamed = false;            // may have written what it does not name
  std::vector<std::string> paths;  // normalised, relative to the working directory
};
std::vector<Writes> NamedWrites(std::span<const Moment> timeline,
                                std::span<const tools::ToolMeaning> meanings);

struct Control {
  std::string what;  // "test", "read-back of out/errors.csv", ...; "" = no check
  // Place of an equal check with the same result before it, with nothing written in between to what it
  // checks: while that is kept, this one said nothing new. The latest such.
  std::optional<size_t> repeats;
  bool is_check() const { return !what.empty(); }
};
// By place. Steps that failed are no checks that passed: they are looked at all the same.
std::vector<Control> ControlsOf(std::span<const Moment> timeline,
                                std::span<const tools::ToolMeaning> meanings, std::span<const Writes> writes);

// Does it show what files hold? Listing, searching and counting do not.
bool ShowsFiles(const tools::ToolMeaning& meaning);

// It ended with status 1 to say "none" or "not the same": an answer, no failure.
bool FoundNothing(const Moment& moment, const tools::ToolMeaning& meaning);

// Do two results say the same, but for times?
bool SameAnswer(const ToolResult& a, const ToolResult& b);

// Steps that the client itself demands before another: Claude Code and OpenCode refuse to edit what was not
// read before. By place: the earlier steps of which one must stay; empty: none.
std::vector<std::vector<size_t>> DemandsOf(std::span<const Moment> timeline,
                                           std::span<const tools::ToolMeaning> meanings);

}  // namespace clawtrace::replay
