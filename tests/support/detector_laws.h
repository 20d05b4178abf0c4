#pragma once
// What holds of findings in any session, checked on sessions made of bytes. CT_CHECK fails otherwise.
#include <algorithm>
#include <string>
#include <string_view>

#include "base/result.h"
#include "compile/compile.h"
#include "compile/explain.h"
#include "compile/failures.h"

namespace clawtrace::test {

// Is one path the other, or a folder above it? The slow way, for comparison with WriteIndex.
inline bool Touches(std::string_view written, std::string_view read) {
  auto below = [](std::string_view path, std::string_view folder) {
    return path.size() > folder.size() && path.starts_with(folder) && path[folder.size()] == '/';
  };
  return written == read || read == "." || written == "." || below(read, written) || below(written, read);
}

inline bool NamesAWriteTo(const compile::Scene& scene, size_t writer, size_t reader) {
  const Step& step = scene.session.steps[writer];
  const tools::ToolMeaning& meaning = scene.meanings[writer];
  if (step.kind == StepKind::kLlmCall || meaning.read_only || step.abandoned) return false;
  bool file_tool =
      meaning.tool_class == tools::ToolClass::kEdit || meaning.tool_class == tools::ToolClass::kWrite;
  if (step.result.status == ToolStatus::kError && !meaning.writes_unknown && !file_tool) return false;
  return std::ranges::any_of(meaning.writes, [&](const std::string& written) {
    return std::ranges::any_of(scene.meanings[reader].reads,
                               [&](const std::string& read) { return Touches(written, read); });
  });
}

inline void CheckFinding(const compile::Scene& scene, const compile::Detector& detector,
                         const compile::Finding& finding) {
  const auto& steps = scene.session.steps;
  CT_CHECK(!finding.steps.empty() && std::ranges::is_sorted(finding.steps) &&
           finding.steps.back() < steps.size());
  CT_CHECK(std::ranges::adjacent_find(finding.steps) == finding.steps.end());
  CT_CHECK(!finding.first || std::ranges::find(finding.steps, *finding.first) == finding.steps.end());
  bool looks_again = detector.name == "exact_repeat" || detector.name == "superset_read" ||
                     detector.name == "near_repeat" || detector.name == "rederived_after_compaction";
  for (size_t i : finding.steps) {
    CT_CHECK(!steps[i].abandoned && !steps[i].result_only);
    if (!looks_again) continue;
    CT_CHECK(*finding.first < i && steps[i].result.status == ToolStatus::kOk);
    CT_CHECK(!scene.meanings[i].volatile_result && scene.meanings[i].writes.empty());
    // Whatever chain of repeats led from the first to this one, nothing on the way wrote to what it reads.
    for (size_t between = *finding.first + 1; between < i; ++between)
      CT_CHECK(!NamesAWriteTo(scene, between, i));
  }
}

inline void CheckWriteIndex(const compile::Scene& scene) {
  size_t count = scene.session.steps.size();
  for (size_t to = 0; to < count; to += 1 + count / 32) {
    for (size_t from = 0; from < to; from += 1 + count / 16) {
      size_t slow = from + 1;
      while (slow < to && !NamesAWriteTo(scene, slow, to)) ++slow;
      auto fast = scene.writes.Named(scene.meanings[to].reads, from, to);
      CT_CHECK(fast ? *fast == slow : slow == to);
    }
  }
}

inline void CheckDetectors(const Session& session, const PriceBook& book) {
  auto meanings = tools::MeaningsOf(session);
  compile::Scene scene(session, meanings);
  for (const compile::Detector* detector : compile::Detectors()) {
    for (const compile::Finding& finding : detector->find(scene)) CheckFinding(scene, *detector, finding);
  }
  CheckWriteIndex(scene);
  for (const compile::Failure& failure : compile::FindFailures(scene)) {
    CT_CHECK(failure.step < session.steps.size() && (!failure.repair || *failure.repair > failure.step));
    CT_CHECK(!failure.error_class.empty() && std::ranges::is_sorted(failure.retries));
  }
  PricedSession priced = PriceSession(session, book);
  TraceCard card = compile::CompileCard(priced, book);
  CT_CHECK(card == compile::CompileCard(PriceSession(session, book), book));
  std::string text = EncodeCard(card, DocFormat::kYaml);
  auto back = DecodeCard(text, "card");
  CT_CHECK(back && EncodeCard(*back, DocFormat::kYaml) == text);
  for (size_t i = 0; i < session.steps.size(); i += 1 + session.steps.size() / 3) {
    std::string why = compile::ExplainStep(priced, book, i, "", true);
    CT_CHECK(why == compile::ExplainStep(priced, book, i, "", true));
  }
}

}  // namespace clawtrace::test
