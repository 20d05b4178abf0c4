// Trace2Skill's input: lists of records {instance_id, source_file, record_source?, items: [{type, number,
// title, description, content, relation_to_skill?, skill_reflection?}]}, and {failure_cause, failure_memory}
// lists of patterns {index, title, description, skill_improvement?, source_case_task_ids?, ...}.
#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <optional>

#include "base/text.h"
#include "distill/interchange/foreign.h"
#include "skill/rules.h"

namespace clawtrace::distill {
namespace {

// Runs of one task have names of their own: variants of its prompt, and seeds.
std::string TaskOf(std::string_view instance) {
  constexpr std::string_view kPrompt = "_prompt", kSeed = "_seed_";
  if (size_t at = instance.rfind(kSeed); at != std::string_view::npos && at > 0) {
    std::string_view digits = instance.substr(at + kSeed.size());
    if (!digits.empty() && digits.find_first_not_of("0123456789") == std::string_view::npos)
      instance = instance.substr(0, at);
  }
  if (instance.size() > kPrompt.size() && instance.ends_with(kPrompt)) instance.remove_suffix(kPrompt.size());
  return std::string(instance);
}

std::string NameOfRun(const Json& record) {
  for (std::string_view key : {"task_id", "instance_id", "id"}) {
    Json id = record[key];
    if (id.is_string()) return std::string(Trim(id.text()));
    if (auto number = id.integer()) return std::to_string(*number);
  }
  return "";
}

std::optional<PatchKind> KindOf(std::string_view type) {
  if (type == "failure_memory") return PatchKind::kRepair;
  if (type == "success_memory") return PatchKind::kPreserve;
  return std::nullopt;
}

// The first of the members that a skill could carry as a rule; the first that says anything when none is.
std::string_view RuleMember(const Json& item, PatchKind kind,
                            std::initializer_list<std::string_view> members) {
  std::string_view fallback;
  for (std::string_view member : members) {
    if (item[member].text().empty()) continue;
    Patch probe;
    probe.id = "x", probe.patch_kind = kind, probe.rule = item[member].text();
    if (skill::RuleRefusal(probe).empty()) return member;
    if (fallback.empty()) fallback = member;
  }
  return fallback;
}

struct Causes {
  std::vector<Json> items;
  bool used = false;
};

void ReadItem(const Foreign& record, const std::string& run, Causes* causes, const Foreign& item) {
  std::string_view type = item.element["type"].text();
  auto kind = KindOf(type);
  if (!kind) return item.Refuse("unknown_type", "failure_cause, failure_memory or success_memory");
  Patch patch;
  patch.patch_kind = *kind, patch.producer = kTrace2Skill;
  std::string task = TaskOf(run);
  if (!task.empty()) patch.tasks = {task}, patch.support = 1;
  std::string_view member = RuleMember(item.element, *kind, {"content", "description", "title"});
  if (!member.empty()) patch.rule = item.element[member].text();
  std::string format(kTrace2Skill);
  KeepRest(record.element, {"items"}, {format, task, "", ""}, &patch.remarks);
  KeepRest(item.element, {member}, {format, task, "item.", ""}, &patch.remarks);
  if (*kind == PatchKind::kRepair) {
    causes->used = true;
    for (const Json& cause : causes->items)
      KeepRest(cause, {"type"},
               {format, task, fmt::format("cause[{}].", cause["number"].integer().value_or(0)), ""},
               &patch.remarks);
  }
  TakeRule(std::move(patch), item);
}

void ReadPattern(std::string_view type, const Foreign& from) {
  Patch patch;
  auto kind = KindOf(type);
  if (!kind) return from.Refuse("cause_without_rule", "a cause says what went wrong, not what to do");
  patch.patch_kind = *kind, patch.producer = kTrace2Skill;
  std::string_view member =
      RuleMember(from.element, *kind, {"skill_improvement", "content", "description", "title"});
  if (!member.empty()) patch.rule = from.element[member].text();
  from.element["source_case_task_ids"].ForEachItem([&](const Json& id) {
    std::string task = id.is_string() ? TaskOf(id.text()) : id.Canonical();
    if (!task.empty()) patch.tasks.push_back(std::move(task));
  });
  std::sort(patch.tasks.begin(), patch.tasks.end());
  patch.tasks.erase(std::unique(patch.tasks.begin(), patch.tasks.end()), patch.tasks.end());
  // Counts and indices of a batch name no task: how many support it is not known.
  if (!patch.tasks.empty()) patch.support = static_cast<int64_t>(patch.tasks.size());
  std::string format(kTrace2Skill);
  KeepRest(from.element, {member}, {format, "", "pattern.", ""}, &patch.remarks);
  patch.remarks.push_back({format, "", "pattern_list", std::string(type)});
  TakeRule(std::move(patch), from);
}

}  // namespace

void ReadRecord(const Foreign& from) {
  if (!from.element["items"].is_array()) return from.Refuse("unknown_shape", "items is no list");
  std::string run = NameOfRun(from.element);
  Causes causes;
  std::vector<Foreign> lessons, others;
  size_t index = 0;
  from.element["items"].ForEachItem([&](const Json& item) {
    Foreign one = from;
    one.element = item, one.place = fmt::format("{}.items[{}]", from.place, index++);
    bool cause = item["type"].text() == "failure_cause";
    if (cause) causes.items.push_back(item);
    (cause ? others : lessons).push_back(std::move(one));
  });
  if (run.empty() && !lessons.empty())
    from.Note("no_task", "no member names the run: its support is not known");
  for (const Foreign& lesson : lessons) ReadItem(from, run, &causes, lesson);
  for (const Foreign& cause : others) {
    if (!causes.used) cause.Refuse("cause_without_rule", "a cause says what went wrong, not what to do");
  }
}

void ReadPatterns(const Foreign& from) {
  from.element.ForEachField([&](std::string_view type, const Json& list) {
    Foreign one = from;
    one.place = fmt::format("{}.{}", from.place, type), one.element = list;
    bool known = KindOf(type) || type == "failure_cause";
    if (!known || !list.is_array()) return one.Refuse("unknown_shape", "no list of patterns of a known type");
    size_t index = 0;
    list.ForEachItem([&](const Json& pattern) {
      Foreign each = one;
      each.element = pattern, each.place = fmt::format("{}[{}]", one.place, index++);
      ReadPattern(type, each);
    });
  });
}

}  // namespace clawtrace::distill
