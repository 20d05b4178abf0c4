// Unused output (DESIGN 6.1): what a reading step said first, and nobody before it, turns up in no later
// argument, answer or output. By fingerprint (text_uses.h); unknown, hence silent, where texts were cut, the
// output says too little of its own, a plain word of it was taken up, or the step may have been a check of
// something written.
#include <algorithm>

#include "compile/detector.h"
#include "compile/text_uses.h"

namespace clawtrace::compile {
namespace {

bool OnlyLists(const ToolMeaning& meaning) {
  if (meaning.tool_class == ToolClass::kList) return true;
  const auto& parts = meaning.shell.parts;
  return meaning.tool_class == ToolClass::kExec && !parts.empty() &&
         std::ranges::all_of(parts, [](const SimpleCommand& part) {
           return part.program == "ls" || part.program == "find" || part.program == "tree" ||
                  part.program == "fd" || part.program == "cd" || part.program == "pwd" ||
                  part.program == "head";
         });
}

bool IsCandidate(const Scene& scene, size_t i) {
  const ToolMeaning& meaning = scene.meanings[i];
  if (!OnlyLists(meaning) || !meaning.read_only || !MayRepeat(scene.session.steps[i], meaning)) return false;
  // Looking after a write may be a check of it: what it told is that all is well.
  return !MayHaveChanged(scene, 0, i) && !scene.writes.Unnamed(0, i);
}

// Only where the conversation came to an answer is it known that nothing used the output.
size_t LastReply(const Session& session) {
  size_t last = 0;
  for (size_t i = 0; i < session.steps.size(); ++i) {
    const Step& step = session.steps[i];
    if (step.abandoned) continue;
    if (step.kind != StepKind::kLlmCall)
      last = 0;
    else if (step.llm.text_bytes > 0 && step.llm.error.empty())
      last = i;
  }
  return last;
}

std::vector<Finding> Find(const Scene& scene) {
  std::vector<size_t> candidates;
  // A sub-agent may be there to check what others wrote.
  if (!scene.session.info.parent_session.empty()) return {};
  size_t end = LastReply(scene.session);
  for (size_t i = 0; i < end; ++i) {
    if (IsCandidate(scene, i)) candidates.push_back(i);
  }
  return UnusedAmong(scene, candidates);
}

}  // namespace

extern const Detector kUnusedOutput;
const Detector kUnusedOutput = {
    .name = "unused_output",
    .summary = "a listing of which nothing new was taken up later",
    .find = Find,
};

}  // namespace clawtrace::compile
