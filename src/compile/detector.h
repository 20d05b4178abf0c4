#pragma once
// A detector finds suspected waste in one session (sub-agents are compiled on their own): one file under
// detectors/, one line in detectors.def. Structural evidence only, so every finding is grade C0, "suspected".
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/session.h"
#include "pricing/attribution.h"
#include "tools/tool_meaning.h"
#include "tools/write_index.h"

namespace clawtrace::compile {

using tools::MeaningOf;
using tools::MeaningsOf;
using tools::ToolClass;
using tools::ToolMeaning;
using tools::WriteIndex;

// What detectors of observations look at besides.
struct SceneMoney {
  const PricedSession& priced;
  const Attribution& attribution;
  const PriceBook& book;
};

// What detectors look at: one session and, step by step, what its tools touched. Session, meanings and money
// must outlive it.
struct Scene {
  Scene(const Session& of, std::span<const ToolMeaning> its_meanings, const SceneMoney* its_money = nullptr);

  const Session& session;
  std::span<const ToolMeaning> meanings;
  WriteIndex writes;
  // Indexes of the first LLM call after each compaction, as far as the drop of the prompt's size shows where
  // that was; ascending.
  std::vector<size_t> compactions;
  const SceneMoney* money;  // nullptr: not worked out; then there are no observations

  bool CompactedBetween(size_t from, size_t to) const;
};

struct Finding {
  // The step that makes the others needless: the one that is repeated, tried again or holds what they read,
  // or the one that overwrites. nullopt: there is none, what they gave was not used.
  std::optional<size_t> first;
  std::vector<size_t> steps;  // indexes of the wasteful steps, ascending, without first
  std::string target;         // resource or command
  // Of observations; see the card's Observation.
  std::optional<Usd> cost;
  std::optional<int64_t> share_percent;
  std::string requested_model, model;
};

struct Detector {
  std::string_view name;  // "exact_repeat": stored in cards, stable
  std::string_view summary;
  std::vector<Finding> (*find)(const Scene& scene);
  // What it finds is worth knowing but no waste: it never counts as wasted, saveable or redundant.
  bool observes = false;
};

// May the steps strictly between two have changed what step `to` reads or checks? Named writes count against
// named reads; commands that may write anything count only against what cannot be named (a whole-tree check
// or listing). The first such step.
std::optional<size_t> MayHaveChanged(const Scene& scene, size_t from, size_t to);

// Two calls of which the later can repeat the earlier at all: the same tool, arguments known, both went well,
// nothing that depends on clock, network or processes, and no named write.
bool MayRepeat(const Step& step, const ToolMeaning& meaning);

// false: the log left the arguments out, or kept "{}" of a tool that cannot do without them; then two calls
// cannot be told apart.
bool ArgumentsKnown(const Step& step, const ToolMeaning& meaning);

// Did two results say the same? The later one may be the agent's own "unchanged" mark. false when unknown.
bool SameResult(const ToolResult& earlier, const ToolResult& later);

const std::vector<const Detector*>& Detectors();

}  // namespace clawtrace::compile
