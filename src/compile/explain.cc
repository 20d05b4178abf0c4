#include "compile/explain.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "base/doc_writer.h"
#include "base/hash.h"
#include "base/text.h"
#include "compile/detector.h"
#include "compile/failures.h"
#include "compile/money.h"
#include "compile/near_groups.h"
#include "compile/text_uses.h"
#include "compile/turn_cost.h"

namespace clawtrace::compile {
namespace {

constexpr size_t kMostText = 400;
constexpr size_t kLookBack = 200;  // calls of the same tool looked at for a nearly equal one

std::string_view WordOf(ToolStatus status) {
  for (const auto& [value, word] : EnumNames(ToolStatus{})) {
    if (value == status) return word;
  }
  return "unknown";
}

bool IsSameCall(const Step& a, const Step& b) {
  return a.tool.name == b.tool.name && a.tool.args_bytes > 0 && a.tool.args_hash == b.tool.args_hash &&
         a.tool.args_bytes == b.tool.args_bytes && a.tool.cwd == b.tool.cwd;
}

bool IsNear(const Step& a, const Step& b) {
  std::array<std::string_view, 2> pair = {a.tool.args, b.tool.args};
  return !NearGroups(pair).empty();
}

class Explainer {
 public:
  Explainer(const PricedSession& priced, const PriceBook& book, size_t index, std::string_view prefix,
            DocWriter* out)
      : priced_(priced),
        session_(*priced.session),
        meanings_(MeaningsOf(session_)),
        money_(priced),
        scene_money_{priced, money_.attribution(), book},
        scene_(session_, meanings_, &scene_money_),
        turns_(priced),
        index_(index),
        prefix_(prefix),
        out_(*out) {}

  void Print() {
    const Step& step = session_.steps[index_];
    out_.BeginObject();
    out_.Field("step", IdOf(index_));
    out_.Field("call_id", step.call_id);
    if (step.abandoned) out_.Key("abandoned"), out_.Bool(true);
    if (step.kind == StepKind::kLlmCall)
      Call(step);
    else
      Tool(step);
    Flags();
    Observations();
    if (step.kind != StepKind::kLlmCall) Comparisons();
    if (step.kind != StepKind::kLlmCall && meanings_[index_].read_only) Use();
    Failed();
    out_.EndObject();
  }

 private:
  std::string IdOf(size_t index) const { return fmt::format("{}{}", prefix_, index + 1); }
  std::string Named(size_t index) const { return IdOf(index) + " (" + meanings_[index].target + ")"; }

  void Amount(std::string_view key, const std::optional<Usd>& amount) {
    out_.Key(key);
    if (amount)
      out_.Number(amount->ToDecimal());
    else
      out_.Null();
  }

  void Texts(std::string_view key, const std::vector<std::string>& texts) {
    if (texts.empty()) return;
    out_.Key(key), out_.BeginArray(true);
    for (const std::string& text : texts) out_.String(text);
    out_.EndArray();
  }

  void Call(const Step& step) {
    out_.Field("model", step.llm.model);
    if (step.llm.requested_model) out_.Field("requested_model", *step.llm.requested_model);
    Amount("cost_usd", priced_.prices[index_].billed);
    out_.Field("text_bytes", step.llm.text_bytes), out_.Field("thinking_bytes", step.llm.thinking_bytes);
  }

  void Tool(const Step& step) {
    const ToolMeaning& meaning = meanings_[index_];
    out_.Field("tool", step.tool.name), out_.Field("target", meaning.target);
    out_.Key("arguments"), out_.BeginObject(true);
    out_.Field("bytes", step.tool.args_bytes), out_.Field("hash", HexOf(step.tool.args_hash));
    if (step.tool.args_broken) out_.Field("not_json", "the arguments could not be parsed");
    out_.EndObject();
    out_.Key("result"), out_.BeginObject(true);
    out_.Field("status", WordOf(step.result.status)), out_.Field("bytes", step.result.output_bytes);
    out_.Field("hash", HexOf(step.result.output_hash));
    if (step.result.exit_code) out_.Field("exit_code", *step.result.exit_code);
    if (step.result.unchanged) out_.Key("marked_unchanged"), out_.Bool(true);
    out_.EndObject();
    out_.Key("read_only"), out_.Bool(meaning.read_only);
    if (meaning.volatile_result) out_.Key("depends_on_clock_or_network"), out_.Bool(true);
    if (meaning.writes_unknown) out_.Key("may_write_anything"), out_.Bool(true);
    Texts("reads", meaning.reads);
    Texts("writes", meaning.writes);
    Amount("turn_cost_usd", TurnCostOf(step));
    Amount("saved_turn_usd", turns_.Of({index_}));  // null: the turn asked for something else too
  }

  std::optional<Usd> TurnCostOf(const Step& step) const {
    std::optional<Usd> sum;
    for (size_t i = 0; i < session_.steps.size() && step.turn != 0; ++i) {
      const Step& call = session_.steps[i];
      if (call.kind != StepKind::kLlmCall || call.turn != step.turn) continue;
      if (auto billed = priced_.prices[i].billed) sum = sum.value_or(Usd()) + *billed;
    }
    return sum;
  }

  bool Has(const Finding& finding) const {
    return finding.first == index_ || std::binary_search(finding.steps.begin(), finding.steps.end(), index_);
  }

  void Which(const Detector& detector, const Finding& finding) {
    out_.Field("detector", detector.name), out_.Field("finds", detector.summary);
    if (detector.observes) {
      out_.Field("target", finding.target);
    } else {
      out_.Field("grade", "C0");
      if (finding.first == index_) out_.Field("this_step", "is the one that makes the others needless");
      if (finding.first) out_.Field("first", IdOf(*finding.first));
    }
    std::vector<std::string> steps;
    for (size_t i : finding.steps) steps.push_back(IdOf(i));
    Texts("steps", steps);
  }

  void Flags() {
    out_.Key("flags"), out_.BeginArray();
    for (const Detector* detector : Detectors()) {
      if (detector->observes) continue;
      for (const Finding& finding : detector->find(scene_)) {
        if (!Has(finding)) continue;
        out_.BeginObject();
        Which(*detector, finding);
        std::set<size_t> set(finding.steps.begin(), finding.steps.end());
        auto saved = money_.SavedWithout(set);
        Amount("wasted_usd", WasteOf(turns_.Of(set), saved));
        Amount("expected_savings_usd", saved);
        out_.EndObject();
      }
    }
    out_.EndArray();
  }

  void Observations() {
    bool any = false;
    for (const Detector* detector : Detectors()) {
      if (!detector->observes) continue;
      for (const Finding& finding : detector->find(scene_)) {
        if (!Has(finding)) continue;
        if (!std::exchange(any, true)) out_.Key("observations"), out_.BeginArray();
        out_.BeginObject();
        Which(*detector, finding);
        Amount("cost_usd", finding.cost);
        if (finding.share_percent) out_.Field("share_percent", *finding.share_percent);
        if (!finding.requested_model.empty()) {
          out_.Field("requested_model", finding.requested_model);
          out_.Field("model", finding.model);
        }
        out_.EndObject();
      }
    }
    if (any) out_.EndArray();
  }

  // Latest earlier steps that a detector would compare this one with, and what they have in common with it.
  std::vector<std::pair<size_t, std::string_view>> Others() const {
    const Step& step = session_.steps[index_];
    std::vector<std::pair<size_t, std::string_view>> others;
    std::set<std::string_view> told;
    size_t looked = 0;
    for (size_t i = index_; i-- > 0 && told.size() < 3;) {
      const Step& other = session_.steps[i];
      if (other.kind == StepKind::kLlmCall || other.result_only) continue;
      std::string_view how;
      if (IsSameCall(other, step))
        how = "equal call";
      else if (other.tool.name == step.tool.name && looked++ < kLookBack && IsNear(other, step))
        how = "nearly equal call";
      else if (!meanings_[index_].reads.empty() && meanings_[i].reads == meanings_[index_].reads)
        how = "reads the same";
      if (!how.empty() && told.insert(how).second) others.emplace_back(i, how);
    }
    return others;
  }

  void Comparisons() {
    out_.Key("compared_with"), out_.BeginArray();
    for (const auto& [other, how] : Others()) {
      const Step &before = session_.steps[other], &step = session_.steps[index_];
      out_.BeginObject();
      out_.Field("step", Named(other)), out_.Field("how", how);
      bool known = before.result.output_hash != 0 && (step.result.output_hash != 0 || step.result.unchanged);
      std::string_view result = !known                                   ? "unknown"
                                : SameResult(before.result, step.result) ? "equal"
                                                                         : "different";
      out_.Field("result", result);
      out_.Key("bytes"), out_.BeginArray(true);
      out_.Int(before.result.output_bytes), out_.Int(step.result.output_bytes);
      out_.EndArray();
      auto changed = MayHaveChanged(scene_, other, index_);
      out_.Field("written_between", changed ? Named(*changed) : "nothing that it reads");
      if (auto unnamed = scene_.writes.Unnamed(other, index_); unnamed && unnamed != changed)
        out_.Field("may_have_written_between", Named(*unnamed));
      if (scene_.CompactedBetween(other, index_)) out_.Key("compaction_between"), out_.Bool(true);
      if (how == "equal call") Texts("no_exact_repeat_because", WhyNot(other));
      if (how == "nearly equal call") Texts("no_near_repeat_because", WhyNotNear(other));
      out_.EndObject();
    }
    out_.EndArray();
  }

  std::vector<std::string> WhyNot(size_t other) const {
    const Step &before = session_.steps[other], &step = session_.steps[index_];
    std::vector<std::string> reasons;
    if (step.abandoned || before.abandoned) reasons.emplace_back("on a branch that was left");
    if (step.tool.args_broken) reasons.emplace_back("its arguments could not be parsed");
    if (meanings_[index_].volatile_result)
      reasons.emplace_back("its result depends on clock, network or processes");
    if (step.result.status != ToolStatus::kOk) reasons.emplace_back("it did not go well");
    if (meanings_[index_].tool_class == ToolClass::kPlan) reasons.emplace_back("it plans");
    if (meanings_[index_].shell.mutates)
      reasons.emplace_back("it names a write: doing it twice may be meant");
    if (!SameResult(before.result, step.result))
      reasons.emplace_back("the result is not known to be the same");
    if (auto changed = MayHaveChanged(scene_, other, index_))
      reasons.push_back("step " + Named(*changed) + " may have changed what it looks at");
    if (scene_.CompactedBetween(other, index_))
      reasons.emplace_back("a compaction had removed the first result");
    return reasons;
  }

  std::vector<std::string> WhyNotNear(size_t other) const {
    std::vector<std::string> reasons = WhyNot(other);
    if (!meanings_[index_].read_only) reasons.emplace_back("it may do more than look");
    if (meanings_[other].reads != meanings_[index_].reads || meanings_[other].path != meanings_[index_].path)
      reasons.emplace_back("it looks at something else");
    return reasons;
  }

  void Use() {
    std::array<size_t, 1> one = {index_};
    OutputUse use = UsesOfOutputs(session_, one)[0];
    out_.Key("output_use"), out_.BeginObject(true);
    if (!use.known) {
      out_.Field("unknown", "this output or something said later was not kept whole");
    } else {
      out_.Field("new_pieces", use.distinctive), out_.Field("used_later", use.used);
      out_.Field("plain_words_used_later", use.words_used);
      if (!use.example.empty()) out_.Field("example", use.example);
    }
    out_.EndObject();
  }

  void Failed() {
    for (const Failure& failure : FindFailures(scene_)) {
      bool part = failure.step == index_ || failure.repair == index_ ||
                  std::ranges::find(failure.retries, index_) != failure.retries.end();
      if (!part) continue;
      out_.Key("failure"), out_.BeginObject();
      out_.Field("step", IdOf(failure.step)), out_.Field("error_class", failure.error_class);
      out_.Field("kind", failure.environment ? "environment" : "mistake");
      out_.Field("error", PrefixUtf8(failure.error, kMostText));
      std::vector<std::string> retries, helpers;
      for (size_t i : failure.retries) retries.push_back(IdOf(i));
      for (size_t i : failure.helpers) helpers.push_back(Named(i));
      Texts("retries", retries);
      if (failure.repair) {
        out_.Field("repaired_by", Named(*failure.repair));
        Texts("steps_between_that_wrote", helpers);
        Difference(session_.steps[failure.step].tool.args, session_.steps[*failure.repair].tool.args);
      } else {
        out_.Field("repaired_by", "nothing");
      }
      out_.EndObject();
      return;
    }
  }

  // What differs between two arguments: without what they start and end with alike.
  void Difference(std::string_view was, std::string_view now) {
    if (was == now) {
      out_.Field("arguments", "the same");
      return;
    }
    auto boundary = [](std::string_view text, size_t at) {
      return at >= text.size() || (text[at] & 0xC0) != 0x80;
    };
    size_t head = static_cast<size_t>(std::ranges::mismatch(was, now).in1 - was.begin());
    while (head > 0 && !(boundary(was, head) && boundary(now, head))) --head;
    was.remove_prefix(head), now.remove_prefix(head);
    size_t tail = 0;
    while (tail < was.size() && tail < now.size() && was[was.size() - 1 - tail] == now[now.size() - 1 - tail])
      ++tail;
    while (tail > 0 && !boundary(was, was.size() - tail)) --tail;
    was.remove_suffix(tail), now.remove_suffix(tail);
    out_.Field("arguments_were", PrefixUtf8(was, kMostText));
    out_.Field("arguments_became", PrefixUtf8(now, kMostText));
  }

  const PricedSession& priced_;
  const Session& session_;
  std::vector<ToolMeaning> meanings_;
  Money money_;
  SceneMoney scene_money_;
  Scene scene_;
  TurnCost turns_;
  size_t index_;
  std::string_view prefix_;
  DocWriter& out_;
};

}  // namespace

std::string ExplainStep(const PricedSession& priced, const PriceBook& book, size_t index,
                        std::string_view prefix, bool json) {
  DocWriter out(json ? DocWriter::Format::kJson : DocWriter::Format::kYaml);
  Explainer(priced, book, index, prefix, &out).Print();
  return out.Take();
}

}  // namespace clawtrace::compile
