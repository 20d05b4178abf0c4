#include "pricing/prompt_layout.h"

#include <algorithm>
#include <numeric>
#include <unordered_map>

namespace clawtrace {
namespace {

__extension__ typedef __int128 Wide;

// No tokenizer makes more tokens of a text than it has bytes; what wraps a result in a prompt comes on top.
constexpr int64_t kWrapperTokens = 64;
// For texts whose tokens nothing measures.
constexpr int64_t kBytesPerToken = 4;
// Far above any text; keeps sums of hostile sizes in range.
constexpr int64_t kMaxBytes = int64_t{1} << 40;

int64_t Bytes(int64_t bytes) { return std::clamp<int64_t>(bytes, 0, kMaxBytes); }

// Local messages and requests without an answer leave nothing in the conversation.
bool IsAnswer(const Step& step) {
  if (!step.llm.billed && !step.inherited) return false;
  return step.llm.usage || step.llm.error.empty();
}

// Something said since the last known prompt, to be found again in the next one.
struct Pending {
  size_t step = 0;
  int64_t bytes = 0;
};

// Where a conversation stands.
struct Head {
  size_t epoch = 0;
  std::optional<size_t> answer;  // the last call with known tokens: its answer comes next in the prompt
  std::vector<Pending> pending;  // what came after it
  bool empty = true;             // no prompt yet
};

class Builder {
 public:
  explicit Builder(const Session& session) : session_(session) {
    layout_.epoch_of.resize(session.steps.size());
    layout_.answers.resize(session.steps.size());
  }

  PromptLayout Run() {
    FindNextPrompts();
    const auto& steps = session_.steps;
    for (size_t i = 0; i < steps.size(); ++i) {
      if (steps[i].kind != StepKind::kLlmCall) {
        head().pending.push_back({i, Bytes(steps[i].result.output_bytes)});
      } else if (IsAnswer(steps[i])) {
        TakeCall(i);
      }
    }
    SettleAnswer(main_);
    if (branch_) SettleAnswer(*branch_);
    return std::move(layout_);
  }

 private:
  Head& head() { return branch_ ? *branch_ : main_; }
  const Step& StepAt(size_t index) const { return session_.steps[index]; }

  // The known prompt size of the conversation's next call, by step.
  void FindNextPrompts() {
    next_prompt_.resize(session_.steps.size());
    std::optional<int64_t> next[2];  // on the way that was kept, and on others
    for (size_t i = session_.steps.size(); i-- > 0;) {
      const Usage* usage = UsageOf(StepAt(i));
      if (!usage || usage->prompt() == 0 || StepAt(i).llm.auxiliary) continue;
      std::optional<int64_t>& slot = next[StepAt(i).abandoned ? 1 : 0];
      next_prompt_[i] = slot;
      slot = usage->prompt();
    }
  }

  void TakeCall(size_t index) {
    const Step& step = StepAt(index);
    const Usage* usage = UsageOf(step);
    if (step.llm.auxiliary) {
      if (usage) PlaceBeside(index, usage->prompt());
      return;
    }
    EnterOrLeaveBranch(step.abandoned);
    if (!usage || usage->prompt() == 0) {
      head().pending.push_back({index, Bytes(step.llm.text_bytes) + Bytes(step.llm.thinking_bytes)});
      return;
    }
    Place(index, usage->prompt());
  }

  void EnterOrLeaveBranch(bool abandoned) {
    if (!abandoned) {
      if (branch_) SettleAnswer(*branch_);
      branch_.reset();
    } else if (!branch_) {
      branch_.emplace();
      branch_->empty = main_.empty;
      branch_at_fork_ = !main_.empty;
    }
  }

  // A request of its own: nothing of it is known to stand in other prompts.
  void PlaceBeside(size_t index, int64_t prompt) {
    layout_.epoch_of[index] = NewEpoch();
    Append(*layout_.epoch_of[index], SegmentKind::kBase, 0, prompt);
  }

  void Place(size_t index, int64_t prompt) {
    if (branch_ && branch_at_fork_) Fork(prompt);
    Head& at = head();
    int64_t known = at.empty ? 0 : layout_.epochs[at.epoch].end();
    if (at.empty) {
      Begin(prompt);
    } else if (prompt >= known) {
      int64_t rest = Grow(at, prompt - known);
      Append(at.epoch, SegmentKind::kUser, 0, rest);
    } else if (next_prompt_[index] && *next_prompt_[index] >= known) {
      return PlaceBeside(index, prompt);  // the conversation goes on as before
    } else {
      SettleAnswer(at);
      if (branch_ && !main_.empty)
        ForkAgain(prompt);
      else
        Shrink(prompt);
    }
    at.empty = false;
    at.pending.clear();
    at.answer = index;
    layout_.epoch_of[index] = at.epoch;
  }

  // What was pending when the branch left stands in its prompts and in those of the way that was kept: it
  // belongs before the fork.
  void Fork(int64_t prompt) {
    branch_at_fork_ = false;
    int64_t known = layout_.epochs[main_.epoch].end();
    if (prompt > known) {
      Grow(main_, prompt - known);
      main_.pending.clear();
      main_.answer.reset();
    }
    NewBranch(prompt, layout_.epochs[main_.epoch].end());
  }
  // Another branch right after one.
  void ForkAgain(int64_t prompt) {
    int64_t fork = layout_.epochs[branch_->epoch].fork;
    NewBranch(prompt, fork);
    Append(branch_->epoch, SegmentKind::kUser, 0, prompt - layout_.epochs[branch_->epoch].end());
  }
  void NewBranch(int64_t prompt, int64_t fork) {
    branch_->epoch = NewEpoch();
    layout_.epochs[branch_->epoch].parent = main_.epoch;
    layout_.epochs[branch_->epoch].fork = std::min(fork, prompt);
  }

  // The first prompt: base, then the user's words, then what the log has before any call.
  void Begin(int64_t prompt) {
    Head& at = head();
    at.epoch = NewEpoch();
    std::vector<int64_t> sizes;
    int64_t rest = prompt;
    auto estimate = [&](int64_t bytes) {
      int64_t tokens = std::min((bytes + kBytesPerToken - 1) / kBytesPerToken, rest);
      rest -= tokens;
      return tokens;
    };
    int64_t user = estimate(static_cast<int64_t>(session_.prompt.size()));
    for (const Pending& item : at.pending) sizes.push_back(estimate(item.bytes));
    Append(at.epoch, SegmentKind::kBase, 0, rest, true);
    Append(at.epoch, SegmentKind::kUser, 0, user, true);
    for (size_t i = 0; i < sizes.size(); ++i) AppendStep(at.epoch, at.pending[i].step, sizes[i], true);
  }

  // The history was replaced: by a summary when the log tells of a compaction, else by what nobody knows.
  void Shrink(int64_t prompt) {
    Head& at = head();
    const Epoch& before = layout_.epochs[at.epoch];
    bool compacted = compactions_ < session_.compactions;
    int64_t base = prompt;
    std::optional<std::pair<size_t, size_t>> replaced;
    if (compacted) {
      ++compactions_;
      base = 0;
      if (!before.segments.empty() && before.segments.front().kind == SegmentKind::kBase)
        base = std::min(before.segments.front().end - before.segments.front().begin, prompt);
      replaced = StepsOf(at);
    }
    at.epoch = NewEpoch();
    layout_.epochs[at.epoch].replaced = replaced;
    Append(at.epoch, SegmentKind::kBase, 0, base, compacted);
    Append(at.epoch, SegmentKind::kSummary, 0, prompt - base, compacted);
  }

  // First and last step that an epoch holds or that was about to enter it.
  std::optional<std::pair<size_t, size_t>> StepsOf(const Head& at) const {
    std::optional<std::pair<size_t, size_t>> range;
    auto take = [&](size_t step) {
      if (!range) range = {step, step};
      range->first = std::min(range->first, step), range->second = std::max(range->second, step);
    };
    for (const Segment& segment : layout_.epochs[at.epoch].segments) {
      if (segment.kind == SegmentKind::kStep) take(segment.step);
    }
    if (at.answer) take(*at.answer);
    for (const Pending& item : at.pending) take(item.step);
    return range;
  }

  // Puts what is pending at the end of the epoch; gives what remains of the growth.
  int64_t Grow(const Head& at, int64_t growth) {
    int64_t rest = growth;
    SettleAnswer(at);
    if (at.answer) rest -= GrowByAnswer(at, rest);
    std::vector<int64_t> bytes;
    int64_t most = 0;
    for (const Pending& item : at.pending) {
      bytes.push_back(item.bytes);
      most += item.bytes + kWrapperTokens;
    }
    if (bytes.empty()) return rest;
    bool sized = std::ranges::any_of(bytes, [](int64_t n) { return n > 0; });
    int64_t whole = sized ? std::min(rest, most) : rest;
    bool estimated = bytes.size() > 1 || whole < rest;
    std::vector<int64_t> tokens = SplitByWeight(whole, bytes);
    for (size_t i = 0; i < tokens.size(); ++i) AppendStep(at.epoch, at.pending[i].step, tokens[i], estimated);
    return rest - whole;
  }

  // The last answer as the next prompt repeats it; gives its tokens.
  int64_t GrowByAnswer(const Head& at, int64_t growth) {
    const std::vector<AnswerPart>& parts = layout_.answers[*at.answer];
    std::vector<int64_t> sizes;
    int64_t visible = 0;
    for (const AnswerPart& part : parts) sizes.push_back(part.tokens), visible += part.tokens;
    bool whole = growth >= visible;  // else parts of it did not come back
    if (!whole) sizes = SplitByWeight(growth, sizes);
    for (size_t i = 0; i < parts.size(); ++i) {
      Segment segment{
          .kind = SegmentKind::kStep, .step = *at.answer, .cause = parts[i].cause, .estimated = !whole};
      Append(at.epoch, segment, sizes[i]);
    }
    return whole ? visible : growth;
  }

  // Divides the visible output of the last answer, once all that it asked for is known.
  void SettleAnswer(const Head& at) {
    if (!at.answer) return;
    const Usage& usage = *UsageOf(StepAt(*at.answer));
    int64_t visible = usage.output - std::min(usage.reasoning, usage.output);
    layout_.answers[*at.answer] = PartsOf(*at.answer, at, visible);
  }

  // The text, then the tool calls as they were asked for.
  std::vector<AnswerPart> PartsOf(size_t call, const Head& at, int64_t visible) const {
    const LlmCall& llm = StepAt(call).llm;
    bool thinking = llm.usage->reasoning == 0;  // not told apart, so within the visible output
    std::vector<int64_t> bytes = {Bytes(llm.text_bytes) + (thinking ? Bytes(llm.thinking_bytes) : 0)};
    std::vector<AnswerPart> parts = {{call, 0}};
    for (const Pending& item : at.pending) {
      const Step& tool = StepAt(item.step);
      if (tool.kind == StepKind::kLlmCall || tool.result_only || tool.turn != StepAt(call).turn) continue;
      parts.push_back({item.step, 0});
      bytes.push_back(Bytes(tool.tool.args_bytes) + static_cast<int64_t>(tool.tool.name.size()));
    }
    std::vector<int64_t> tokens = SplitByWeight(visible, bytes);
    for (size_t i = 0; i < parts.size(); ++i) parts[i].tokens = tokens[i];
    return parts;
  }

  size_t NewEpoch() {
    layout_.epochs.emplace_back();
    return layout_.epochs.size() - 1;
  }
  void Append(size_t epoch, Segment segment, int64_t tokens) {
    if (tokens <= 0) return;
    segment.begin = layout_.epochs[epoch].end();
    segment.end = segment.begin + tokens;
    layout_.epochs[epoch].segments.push_back(segment);
  }
  void Append(size_t epoch, SegmentKind kind, size_t step, int64_t tokens, bool estimated = false) {
    Append(epoch, {.kind = kind, .step = step, .cause = step, .estimated = estimated}, tokens);
  }
  void AppendStep(size_t epoch, size_t step, int64_t tokens, bool estimated) {
    Append(epoch, SegmentKind::kStep, step, tokens, estimated);
  }

  const Session& session_;
  PromptLayout layout_;
  std::vector<std::optional<int64_t>> next_prompt_;
  Head main_;
  std::optional<Head> branch_;
  bool branch_at_fork_ = false;  // the branch's first known prompt is still to come
  int64_t compactions_ = 0;      // shrunk prompts that a compaction explains
};

}  // namespace

const Usage* UsageOf(const Step& step) {
  if (step.kind != StepKind::kLlmCall || (!step.llm.billed && !step.inherited)) return nullptr;
  return step.llm.usage && IsPlausible(*step.llm.usage) ? &*step.llm.usage : nullptr;
}

std::vector<int64_t> SplitByWeight(int64_t total, const std::vector<int64_t>& weights) {
  std::vector<int64_t> parts(weights.size());
  if (weights.empty()) return parts;
  Wide sum = 0;
  for (int64_t weight : weights) sum += weight;
  bool equal = sum == 0;
  if (equal) sum = static_cast<Wide>(weights.size());
  std::vector<Wide> rests(weights.size());
  int64_t left = total;
  for (size_t i = 0; i < weights.size(); ++i) {
    Wide share = Wide{total} * (equal ? 1 : weights[i]);
    parts[i] = static_cast<int64_t>(share / sum);
    rests[i] = share % sum;
    left -= parts[i];
  }
  std::vector<size_t> order(weights.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::sort(order,
                    [&](size_t a, size_t b) { return rests[a] != rests[b] ? rests[a] > rests[b] : a < b; });
  for (size_t i = 0; i < order.size() && left > 0; ++i, --left) ++parts[order[i]];
  return parts;
}

PromptLayout LayOutPrompts(const Session& session) { return Builder(session).Run(); }

}  // namespace clawtrace
