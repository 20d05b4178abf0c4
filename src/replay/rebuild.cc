#include "replay/rebuild.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <optional>
#include <set>

#include "base/file.h"
#include "base/text.h"
#include "replay/content.h"
#include "tools/read_range.h"

namespace clawtrace::replay {
namespace {

using tools::ToolClass;
using tools::ToolMeaning;

// Below the working directory, and nothing that leads out of it.
bool IsInside(std::string_view path) {
  return !path.empty() && path != "." && !path.starts_with('/') && !path.starts_with("..") &&
         !path.contains('\0');
}

// The one file that a step showed, and whether all of it.
struct Shown {
  std::string path;
  bool whole = false;
};

std::optional<Shown> ShownBy(const Moment& moment, const ToolMeaning& meaning) {
  const Step& step = *moment.step;
  bool kept = step.result.output_bytes == std::ssize(step.result.output);
  if (meaning.tool_class == ToolClass::kRead) {
    auto range = tools::RangeOf(step, meaning);
    return Shown{meaning.path, kept && range && range->first == 1};
  }
  bool cat = meaning.tool_class == ToolClass::kExec && meaning.shell.parts.size() == 1 &&
             meaning.shell.program() == "cat" && meaning.reads.size() == 1 && !meaning.shell.substitution;
  if (cat) return Shown{meaning.reads.front(), kept};
  return std::nullopt;
}

std::string TextOf(const Moment& moment) {
  // Not PlainText with the folder taken out of paths: files may name it.
  std::string text = PlainText(moment.step->result.output, "");
  if (!text.empty() && !text.ends_with('\n')) text += '\n';
  return text;
}

class Rebuilder {
 public:
  void Read(const Moment& moment, const ToolMeaning& meaning) {
    const Step& step = *moment.step;
    if (step.kind == StepKind::kLlmCall || step.inherited) return;
    bool went_well = step.result.status != ToolStatus::kError && step.result.status != ToolStatus::kAborted;
    auto shown = went_well ? ShownBy(moment, meaning) : std::nullopt;
    if (shown && IsInside(shown->path) && !touched_.contains(shown->path)) {
      if (shown->whole) {
        files_.try_emplace(shown->path, TextOf(moment));
      } else {
        parts_.insert(shown->path);
      }
    }
    if (!shown && went_well) {
      for (const std::string& path : meaning.reads) {
        if (IsInside(path) && !touched_.contains(path)) named_.insert(path);
      }
    }
    if (!went_well) return;
    bool edits = meaning.tool_class == ToolClass::kEdit;
    for (const std::string& path : meaning.writes) {
      if (edits && IsInside(path) && !touched_.contains(path)) named_.insert(path);
      touched_.insert(path);
    }
    bool runs = meaning.tool_class == ToolClass::kExec && meaning.writes_unknown;
    if (runs && !ran_) ran_ = moment.id;
  }

  Result<std::vector<std::string>> Write(const std::string& folder) {
    std::vector<std::string> gaps;
    for (const auto& [path, text] : files_)
      CT_RETURN_IF_ERROR(WriteFileAtomically(std::filesystem::path(folder) / path, text));
    for (const std::string& path : parts_) {
      if (!files_.contains(path)) gaps.push_back(path + " was shown in part");
    }
    for (const std::string& path : named_) {
      if (!files_.contains(path) && !parts_.contains(path)) gaps.push_back(path + " was never shown");
    }
    if (ran_) gaps.push_back("what step " + *ran_ + " and others like it read besides");
    return gaps;
  }

 private:
  std::map<std::string, std::string> files_;
  std::set<std::string> parts_, named_, touched_;
  std::optional<std::string> ran_;
};

}  // namespace

Result<std::vector<std::string>> RebuildWorkspace(std::span<const Moment> timeline,
                                                  std::span<const ToolMeaning> meanings,
                                                  const std::string& folder) {
  Rebuilder rebuilder;
  for (size_t i = 0; i < timeline.size(); ++i) rebuilder.Read(timeline[i], meanings[i]);
  return rebuilder.Write(folder);
}

}  // namespace clawtrace::replay
