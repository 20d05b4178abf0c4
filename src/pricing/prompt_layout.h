#pragma once
// What each prompt of a session held, token by token, as far as a log can show it. Logs have sizes, not
// texts: a prompt is the one before it plus the answer, the tool results and what the user said since. Sizes
// come from the prompts' own token counts; bytes only divide what several things share.
//
// Prompts that only grow share one line of tokens (an epoch). A prompt smaller than the one before it starts
// a new one, and so does a request beside the conversation (a title, a side question). A branch that was left
// later continues its epoch from the point where it left.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "model/session.h"

namespace clawtrace {

enum class SegmentKind {
  kBase,     // system prompt, tool definitions, and whatever stood there before the log began
  kUser,     // what people, or the client in their place, said
  kSummary,  // what a compaction put in place of earlier steps
  kStep,     // an answer or a tool's result
};

struct Segment {
  SegmentKind kind = SegmentKind::kBase;
  size_t step = 0;  // kStep: that produced it, index into Session::steps
  size_t cause =
      0;  // kStep: without which it would not be there: for the arguments in an answer the tool use
  int64_t begin = 0, end = 0;  // tokens [begin, end) of the epoch's line
  bool estimated = false;      // its size was not measured alone
};

struct Epoch {
  std::optional<size_t> parent;   // tokens before fork are the parent's
  int64_t fork = 0;               // where its own segments begin
  std::vector<Segment> segments;  // adjacent, ascending
  // After a compaction: first and last step whose content the summary stands for.
  std::optional<std::pair<size_t, size_t>> replaced;

  int64_t end() const { return segments.empty() ? fork : segments.back().end; }
};

// What an answer held: visible tokens, in the order in which later prompts repeat them.
struct AnswerPart {
  size_t cause = 0;  // the call itself, or the tool use whose arguments these are
  int64_t tokens = 0;
};

struct PromptLayout {
  std::vector<Epoch> epochs;
  std::vector<std::optional<size_t>> epoch_of;   // by step: the epoch of an LLM call whose prompt is known
  std::vector<std::vector<AnswerPart>> answers;  // by step: LLM calls with visible output
};

// The call's tokens when the log has plausible ones; nullptr for other steps, failed requests without usage
// and local messages. Calls that an earlier session is charged for have them: they stand in later prompts.
const Usage* UsageOf(const Step& step);

// Prompts that are not known (no usage) hold nothing and break nothing. Linear in the steps.
PromptLayout LayOutPrompts(const Session& session);

// Splits total in proportion to the weights, exactly: by largest remainder, ties to the first. All weights 0:
// equally. Weights and total must not be negative.
std::vector<int64_t> SplitByWeight(int64_t total, const std::vector<int64_t>& weights);

}  // namespace clawtrace
