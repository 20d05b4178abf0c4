#pragma once
// The information channel (DESIGN 6.2): which content first appeared in a step's output, and what that stays
// took it up. Works on any session, without a workspace. An agent knows what its prompt said, what it said
// itself before anything else did, and what outputs told it; content that it says is accounted for when one
// of these still stands before it. What failed told accounts for nothing that a success tells after it.
//
// Every agent (the root and each sub-agent) has a context of its own: content passes between them only by
// the spawn's arguments and its result. Results of one turn are seen after all its calls were made.
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "replay/timeline.h"
#include "tools/tool_meaning.h"

namespace clawtrace::replay {

enum class Use {
  kNone,
  kWeak,    // plain words, single digits, or a choice among known things: it may have been used
  kStrong,  // content that nothing else gave
};

// Why a step is needed, or how what it said is known without it.
struct Need {
  Use use = Use::kNone;
  size_t used_by = 0;   // place in the timeline of the step that takes it up
  std::string content;  // at most 80 bytes, one line
  // kNone: of something that is taken up after the step, an other kept source; nullopt when nothing is.
  std::optional<size_t> instead;
};

// That step `to` says content which step `from` was the first to show.
struct Flow {
  size_t from = 0, to = 0;
  std::string content;
};

class Information {
 public:
  // timeline, what it points to and meanings (by place) must outlive it. O(size of all texts).
  Information(std::span<const Moment> timeline, std::span<const tools::ToolMeaning> meanings);
  ~Information();

  // For the set of kept places, step left out. Safe to call from several threads.
  Need NeedOf(size_t step, const std::vector<bool>& kept) const;
  // Do the steps of `sure` take up distinctive content that nothing else among them told them before? What
  // else takes it up, with the words that announce it, may have been in vain itself.
  bool IsTakenUp(size_t step, const std::vector<bool>& sure) const;
  // false: its output, or something that is said after it, was not kept whole or is no text, reasoning after
  // it is hidden, or the log ends before its agent says anything more; why says which. Then only kStrong and
  // kWeak mean something.
  bool Known(size_t step, std::string* why) const;
  // What is taken from this step, and from nothing else that is kept, and which another output of it would
  // not tell any more; "" when it tells all. For executions that came out otherwise than recorded.
  std::string MissingFrom(size_t step, const std::vector<bool>& kept, std::string_view output) const;
  // What this step said that earlier steps told it: distinctive content, each once, with the first kept step
  // that shows it.
  std::vector<Flow> SourcesOf(size_t step, const std::vector<bool>& kept) const;

 private:
  struct Index;
  // A short answer that may be a choice among known things, one of which is said afterwards.
  std::optional<Need> ChoiceIn(size_t step, const std::vector<bool>& kept) const;

  std::unique_ptr<Index> index_;
};

}  // namespace clawtrace::replay
