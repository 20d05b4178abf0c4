// CostCraft's patch: {kind, rule_text, root_cause, source_task_id, source_outcome, action, target_cost_sink,
// counterfactual, skill_section, analyst_turns, diagnostic_passed}, a file is a list of them.
#include <fmt/core.h>

#include "base/doc_writer.h"
#include "base/text.h"
#include "distill/interchange/foreign.h"
#include "model/archive.h"
#include "skill/rules.h"

namespace clawtrace::distill {
namespace {

// What its reader takes where nothing is said.
constexpr std::string_view kDefaultSection = "Cost control";

std::string TextOfEdits(const Patch& patch) {
  std::string text;
  for (const PatchEdit& edit : patch.edits) text += (text.empty() ? "" : "\n\n") + edit.new_text;
  return text;
}

void Write(DocWriter* out, const Patch& patch, const std::string& task) {
  auto said = [&](std::string_view name, std::string_view otherwise) {
    std::string text = RemarkOf(patch, task, name);
    return text.empty() ? std::string(otherwise) : text;
  };
  std::string rule = patch.edits.empty() ? skill::RuleText(patch) : TextOfEdits(patch);
  std::string sink = said("target_cost_sink", "");
  bool graded = !patch.counterfactual_grade.empty() || !patch.evidence_grade.empty();
  out->BeginObject();
  out->Field("kind", said("kind", patch.edits.empty() ? "addition" : "edition"));
  out->Field("rule_text", said("rule_text", rule));
  out->Field("root_cause", said("root_cause", patch.counterfactual));
  out->Field("source_task_id", task);
  out->Field("source_outcome",
             said("source_outcome", patch.patch_kind == PatchKind::kRepair ? "failure" : "success"));
  out->Field("action", NameOf(patch.patch_kind));
  out->Key("target_cost_sink");
  if (sink.empty())
    out->Null();
  else
    out->String(sink);
  out->Field("counterfactual", said("counterfactual", patch.counterfactual));
  out->Field("skill_section", said("skill_section", patch.section.empty() ? kDefaultSection
                                                                          : std::string_view(patch.section)));
  if (auto turns = ParseInt(said("analyst_turns", ""))) out->Field("analyst_turns", *turns);
  out->Key("diagnostic_passed"), out->Bool(said("diagnostic_passed", graded ? "true" : "false") == "true");
  out->EndObject();
}

}  // namespace

void ReadCostCraft(const Foreign& from) {
  const Json& given = from.element;
  Patch patch;
  auto kind = EnumFrom<PatchKind>(given["action"].string_or("preserve"));
  if (!kind || (given["action"] && !given["action"].is_string()))
    return from.Refuse("unknown_action", "one of preserve, prune, repair");
  std::string_view form = given["kind"].string_or("addition");
  if (form != "addition" && form != "edition") return from.Refuse("unknown_kind", "addition or edition");
  if (!given["rule_text"].is_string()) return from.Refuse("no_rule", "rule_text is no text");
  patch.patch_kind = *kind, patch.producer = kCostCraft;
  patch.rule = given["rule_text"].text();
  patch.section = given["skill_section"].string_or(kDefaultSection);
  patch.counterfactual = given["counterfactual"].text();
  const Json named = given["source_task_id"];
  std::string task(named.text());
  if (named && !named.is_null() && !named.is_string()) {
    task = named.integer() ? std::to_string(*named.integer()) : "";
    if (task.empty()) from.Note("no_task", fmt::format("source_task_id {} is no id", named.Canonical()));
  }
  if (!task.empty()) patch.tasks = {task}, patch.support = 1;
  KeepRest(given, {"rule_text", "action", "skill_section", "counterfactual", "source_task_id"},
           {std::string(kCostCraft), task, "", ""}, &patch.remarks);
  // The format does not say what an edition edits.
  if (form == "edition") from.Note("edition_without_target", "taken as an addition");
  if (patch.remarks.empty()) patch.remarks.push_back({std::string(kCostCraft), task, "kind", "addition"});
  TakeRule(std::move(patch), from);
}

Exported ExportCostCraft(const std::vector<Patch>& patches) {
  Exported out;
  DocWriter writer(DocWriter::Format::kJsonPretty);
  writer.BeginArray();
  for (const Patch& patch : patches) {
    if (patch.edits.size() > 1)
      out.notes.push_back({patch.id, "edits_joined", "the format holds one text a patch and no target", ""});
    else if (!patch.edits.empty())
      out.notes.push_back({patch.id, "target_lost", "the format does not say what an edition edits", ""});
    if (patch.tasks.empty()) Write(&writer, patch, "");
    for (const std::string& task : patch.tasks) Write(&writer, patch, task);
  }
  writer.EndArray();
  out.text = writer.Take();
  return out;
}

}  // namespace clawtrace::distill
