#include "replay/chain.h"

#include <fmt/core.h>

#include <map>
#include <set>

#include "base/doc_writer.h"
#include "base/text.h"

namespace clawtrace::replay {
namespace {

class Climber {
 public:
  Climber(std::span<const Moment> timeline, const Channels& channels, size_t most)
      : timeline_(timeline), channels_(channels), all_(timeline.size(), true), left_(most) {}

  ChainLink Climb(size_t step, std::string content) {
    ChainLink link{.step = timeline_[step].id, .target = Target(step), .content = std::move(content)};
    if (!seen_.insert(step).second) {
      link.shown_before = true;
      return link;
    }
    // One line a source step, with the longest of what was taken from it: paths before their parts.
    std::map<size_t, std::string> sources;
    for (const Flow& flow : channels_.information().SourcesOf(step, all_)) {
      std::string& longest = sources[flow.from];
      if (flow.content.size() > longest.size()) longest = flow.content;
    }
    for (auto& [source, taken] : sources) {
      if (left_ == 0) break;
      --left_;
      link.sources.push_back(Climb(source, taken));
    }
    return link;
  }

 private:
  std::string Target(size_t step) const {
    if (timeline_[step].step->kind == StepKind::kLlmCall) return "answer";
    return channels_.meanings()[step].target;
  }

  std::span<const Moment> timeline_;
  const Channels& channels_;
  std::vector<bool> all_;
  std::set<size_t> seen_;
  size_t left_;
};

void Write(const ChainLink& link, int depth, std::string* out) {
  std::string taken = link.content.empty() ? "" : fmt::format("\"{}\" from ", link.content);
  out->append(fmt::format("{:{}}{}step {}  {}{}\n", "", depth * 2, taken, link.step, link.target,
                          link.shown_before ? "  (see above)" : ""));
  for (const ChainLink& source : link.sources) Write(source, depth + 1, out);
}

void Write(const ChainLink& link, DocWriter* out) {
  out->BeginObject();
  out->Field("step", link.step), out->Field("target", link.target);
  if (!link.content.empty()) out->Field("content", link.content);
  if (link.shown_before) out->Key("shown_before"), out->Bool(true);
  if (!link.sources.empty()) {
    out->Key("sources");
    out->BeginArray();
    for (const ChainLink& source : link.sources) Write(source, out);
    out->EndArray();
  }
  out->EndObject();
}

}  // namespace

ChainLink ChainOf(std::span<const Moment> timeline, const Channels& channels, size_t step, size_t most) {
  return Climber(timeline, channels, most).Climb(step, "");
}

std::string ChainText(const ChainLink& chain) {
  std::string text;
  Write(chain, 0, &text);
  return text;
}

std::string ChainJson(const ChainLink& chain) {
  DocWriter out(DocWriter::Format::kJson);
  Write(chain, &out);
  return out.Take();
}

}  // namespace clawtrace::replay
