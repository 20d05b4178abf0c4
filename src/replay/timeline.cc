#include "replay/timeline.h"

#include <fmt/core.h>

namespace clawtrace::replay {
namespace {

struct Place {
  std::string prefix;
  size_t depth = 0;
  size_t spawn = SIZE_MAX;
};

void Append(const Session& session, const Place& place, std::vector<Moment>* line) {
  for (size_t i = 0; i < session.steps.size(); ++i) {
    const Step& step = session.steps[i];
    std::string id = fmt::format("{}{}", place.prefix, i + 1);
    size_t at = line->size();
    line->push_back({.session = &session,
                     .step = &step,
                     .index = i,
                     .id = id,
                     .depth = place.depth,
                     .spawn = place.spawn});
    for (size_t c = 0; c < step.children.size(); ++c) {
      std::string letter = c == 0 ? "" : std::string(1, static_cast<char>('a' + std::min<size_t>(c, 25)));
      Append(step.children[c], {.prefix = id + letter + "/", .depth = place.depth + 1, .spawn = at}, line);
    }
  }
}

}  // namespace

std::vector<Moment> TimelineOf(const Session& root) {
  std::vector<Moment> line;
  Append(root, {}, &line);
  return line;
}

}  // namespace clawtrace::replay
