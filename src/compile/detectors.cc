#include <algorithm>

#include "compile/detector.h"

namespace clawtrace::compile {

#define CT_DETECTOR(constant) extern const Detector constant;
#include "compile/detectors.def"
#undef CT_DETECTOR

const std::vector<const Detector*>& Detectors() {
  static const std::vector<const Detector*> all = {
#define CT_DETECTOR(constant) &constant,
#include "compile/detectors.def"
#undef CT_DETECTOR
  };
  return all;
}

namespace {

// Is one path the other, or a folder above it?
bool Touches(std::string_view written, std::string_view read) {
  if (written == read || read == "." || written == ".") return true;
  auto below = [](std::string_view path, std::string_view folder) {
    return path.size() > folder.size() && path.starts_with(folder) && path[folder.size()] == '/';
  };
  return below(read, written) || below(written, read);
}

}  // namespace

bool MayHaveChanged(const Scene& scene, size_t from, size_t to) {
  const ToolMeaning& reader = scene.meanings[to];
  for (size_t i = from + 1; i < to; ++i) {
    const Step& step = scene.session.steps[i];
    const ToolMeaning& writer = scene.meanings[i];
    if (step.kind == StepKind::kLlmCall || writer.read_only || step.abandoned) continue;
    bool failed_without_effect = step.result.status == ToolStatus::kError && !writer.writes_unknown;
    if (failed_without_effect) continue;
    if (reader.reads.empty()) return true;
    for (const std::string& written : writer.writes) {
      if (std::any_of(reader.reads.begin(), reader.reads.end(),
                      [&](const std::string& read) { return Touches(written, read); }))
        return true;
    }
  }
  return false;
}

}  // namespace clawtrace::compile
