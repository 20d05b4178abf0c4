// Any other agent: its tools are told by their names (tools::MeaningOf), their results taken as they are.
#include "replay/action.h"
#include "replay/agents/arguments.h"
#include "replay/agents/wording.h"

namespace clawtrace::replay {
namespace {

std::string ToolSaid(const Action& action, std::string_view output) {
  if (action.kind == ActionKind::kRead) return WithoutLineNumbers(output);
  if (action.kind != ActionKind::kCommand) return {};
  return std::string(UnlessOneOf(output, {"(no output)"}));
}

}  // namespace

extern const RecordedAgent kGenericAgent;
const RecordedAgent kGenericAgent = {.name = "generic", .action_of = ActionByMeaning, .tool_said = ToolSaid};

}  // namespace clawtrace::replay
