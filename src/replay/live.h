#pragma once
// Asks a model again what it would do next, with a step left out of its history, and with nothing left out:
// the control, without which the first says nothing, for the log holds neither the system prompt nor the
// definitions of tools, and no model says the same each time (DESIGN 6.5). Shown beside a verdict, never part
// of one.
#include <cstdint>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "llm/asker.h"
#include "model/replay_report.h"
#include "replay/timeline.h"

namespace clawtrace::replay {

struct LiveOptions {
  std::string model;
  int64_t times = 5;  // each, from 1 to kMostTrials
  int64_t max_tokens = 4096;
  std::optional<int64_t> temperature_milli;
  bool compatible = false;  // llm::Request
};

// What is asked, and what was answered then.
struct LiveQuestion {
  llm::Request without, control;
  size_t call = 0;                 // place in the timeline of the LLM call that is asked for again
  std::vector<size_t> actions;     // tool uses that it asked for and that stay; none: it answered
  std::vector<std::string> notes;  // what of the history is not as it was
};

// The next LLM call of the same conversation after the steps to drop (tool uses of one session) that is left
// without them. Errors: kNotFound when a step is none or nothing follows, kUnsupported when the history
// cannot be told: no prompt, a step on a branch that was left. The timeline must outlive the question.
Result<LiveQuestion> QuestionWithout(std::span<const Moment> timeline, const std::set<size_t>& dropped,
                                     const LiveOptions& options);

enum class Likeness { kSameAction, kSameSignature, kOther, kAnswered };

// The first action of a reply against those that were recorded: the nearest counts. kSameAction: the tool and
// its arguments, but for members that only describe; kSameSignature: the tool and its target
// (tools/tool_meaning.h). Where an answer was recorded, an answer is kSameSignature, the same words
// kSameAction, a tool kOther.
Likeness Compare(std::span<const Moment> timeline, const LiveQuestion& question, const llm::Reply& reply);

// Asks both in turns, so that an end in between leaves both as often asked. Single failures are counted;
// errors are those of QuestionWithout, of a provider that rejects (kUnavailable), of a cassette that does not
// hold it (kNotFound), and of a model that nobody knows the price of (kInvalidInput).
Result<LiveCheck> AskAgain(std::span<const Moment> timeline, const std::set<size_t>& dropped,
                           const LiveOptions& options, llm::Asker* asker);

}  // namespace clawtrace::replay
