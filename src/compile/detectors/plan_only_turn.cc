// Plan-only turn: an LLM call of its own for a note that changes nothing and shows nothing: a list of things
// to do of which only the ticks changed, an entry of such a list that no later call takes up, or a command
// that prints words given in it. The note could have stood beside the next call. The first list of a session
// and lists with new entries are plans, not notes, and are left alone.
#include <algorithm>
#include <map>

#include "base/json.h"
#include "compile/detector.h"

namespace clawtrace::compile {
namespace {

// "echo done": no file, no variable, nothing run.
bool OnlyPrintsItself(const ToolMeaning& meaning) {
  const tools::ShellCommand& shell = meaning.shell;
  return meaning.tool_class == ToolClass::kExec && meaning.read_only && !shell.parts.empty() &&
         meaning.command.find_first_of("$`*?~") == std::string::npos && meaning.reads.empty() &&
         std::ranges::all_of(shell.parts, [](const tools::SimpleCommand& part) {
           return part.program == "echo" || part.program == "printf" || part.program == ":" ||
                  part.program == "true";
         });
}

// The texts of a list's entries, without their state; "" when the step is no list or its entries have no
// text.
std::string EntriesOf(const Step& step) {
  thread_local JsonParser parser;
  auto args = parser.Parse(step.tool.args);
  if (!args || step.tool.args_bytes > static_cast<int64_t>(step.tool.args.size())) return {};
  Json list = (*args)["todos"] ? (*args)["todos"] : (*args)["plan"];
  std::string entries;
  bool all = true;
  list.ForEachItem([&](Json item) {
    Json text = item["content"] ? item["content"] : item["step"] ? item["step"] : item["description"];
    all = all && !text.text().empty();
    entries += text.Canonical() + "\n";
  });
  return all ? entries : std::string();
}

// Turns whose only tool use is the given step.
std::map<int64_t, size_t> UsesByTurn(const Session& session) {
  std::map<int64_t, size_t> uses;
  for (const Step& step : session.steps) {
    if (step.kind != StepKind::kLlmCall) ++uses[step.turn];
  }
  return uses;
}

std::vector<Finding> Find(const Scene& scene) {
  std::vector<Finding> findings;
  const auto& steps = scene.session.steps;
  std::map<int64_t, size_t> uses = UsesByTurn(scene.session);
  std::optional<size_t> last_plan;
  size_t last_work = 0;  // what an agent prints last is its answer
  for (size_t i = 0; i < steps.size(); ++i) {
    if (scene.meanings[i].tool_class == ToolClass::kPlan)
      last_plan = i;
    else if (steps[i].kind != StepKind::kLlmCall && !OnlyPrintsItself(scene.meanings[i]))
      last_work = i;
  }
  std::string entries;  // of the list as it stands
  for (size_t i = 0; i < steps.size(); ++i) {
    const Step& step = steps[i];
    const ToolMeaning& meaning = scene.meanings[i];
    bool counts = step.kind == StepKind::kToolUse && !step.abandoned && !step.result_only &&
                  step.result.status == ToolStatus::kOk && step.turn > 0 && uses[step.turn] == 1;
    bool note = i < last_work && OnlyPrintsItself(meaning);
    if (meaning.tool_class == ToolClass::kPlan && step.kind == StepKind::kToolUse && !step.abandoned) {
      std::string now = EntriesOf(step);
      bool creates = step.tool.name == "TaskCreate";
      note = (!now.empty() && now == entries) || (creates && i == last_plan);
      if (!now.empty()) entries = std::move(now);
    }
    if (counts && note) findings.push_back({.first = std::nullopt, .steps = {i}, .target = meaning.target});
  }
  return findings;
}

}  // namespace

extern const Detector kPlanOnlyTurn;
const Detector kPlanOnlyTurn = {
    .name = "plan_only_turn",
    .summary = "a turn of its own for a note that changes and shows nothing",
    .find = Find,
};

}  // namespace clawtrace::compile
