// Unused output (DESIGN 6.1), by fingerprint (text_uses.h), of listings. Judged by the names in it, a listing
// is unused when the agent said none that was new, or said them only after another output had told them too,
// or when all had been known. Judged by all of it, when nothing that it was the first to say turns up in any
// later argument, answer or output. Unknown, hence silent, where texts were cut, the output says too little,
// or the step may have been a check of something written.
#include <algorithm>

#include "compile/detector.h"
#include "compile/text_uses.h"

namespace clawtrace::compile {
namespace {

bool OnlyLists(const ToolMeaning& meaning) {
  if (meaning.tool_class == ToolClass::kList) return true;
  const auto& parts = meaning.shell.parts;
  return meaning.tool_class == ToolClass::kExec && !parts.empty() &&
         std::ranges::all_of(parts, [](const tools::SimpleCommand& part) {
           return part.program == "ls" || part.program == "find" || part.program == "tree" ||
                  part.program == "fd" || part.program == "cd" || part.program == "pwd" ||
                  part.program == "head";
         });
}

bool IsCandidate(const Scene& scene, size_t i) {
  const ToolMeaning& meaning = scene.meanings[i];
  if (!meaning.read_only || !MayRepeat(scene.session.steps[i], meaning)) return false;
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

std::vector<Finding> UnusedOf(const Scene& scene, std::span<const size_t> listings) {
  constexpr int64_t kFewest = 4;       // new pieces of the whole output; fewer prove nothing
  constexpr int64_t kFewestNames = 2;  // new names; one may be missed
  std::vector<Finding> findings;
  if (listings.empty()) return findings;
  std::vector<ListingUse> names = UsesOfListings(scene.session, listings);
  std::vector<OutputUse> uses = UsesOfOutputs(scene.session, listings);
  for (size_t c = 0; c < listings.size(); ++c) {
    // A name that was asked for was looked at for something else: its size, its date, its being there.
    if (!uses[c].known || names[c].asked_for) continue;
    bool enough = names[c].told == 0 ? names[c].names > 0 : names[c].names >= kFewestNames;
    bool by_names = enough && names[c].used == 0;
    bool by_pieces = uses[c].distinctive >= kFewest && uses[c].used == 0 && uses[c].words_used == 0;
    if (!by_names && !by_pieces) continue;
    findings.push_back(
        {.first = std::nullopt, .steps = {listings[c]}, .target = scene.meanings[listings[c]].target});
  }
  return findings;
}

std::vector<Finding> Find(const Scene& scene) {
  std::vector<size_t> listings;
  // A sub-agent may be there to check what others wrote.
  if (!scene.session.info.parent_session.empty()) return {};
  size_t end = LastReply(scene.session);
  for (size_t i = 0; i < end; ++i) {
    if (OnlyLists(scene.meanings[i]) && IsCandidate(scene, i)) listings.push_back(i);
  }
  return UnusedOf(scene, listings);
}

}  // namespace

extern const Detector kUnusedOutput;
const Detector kUnusedOutput = {
    .name = "unused_output",
    .summary = "a listing of which nothing new was taken up later",
    .find = Find,
};

}  // namespace clawtrace::compile
