#pragma once
// Patches as a fleet of analysts would give them: lessons said in several words, contradictions, values,
// orders, edits of a skill, grades and evidence of all kinds. For tests and benchmarks; same seed, same
// patches.
#include <fmt/core.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "model/patch.h"
#include "skill/skill.h"

namespace clawtrace::distill {

inline SkillDir GeneratedSkill() {
  std::string text =
      "---\nname: demo\ndescription: Work with files. Use when files are read.\n---\n\n# Demo\n\n## "
      "Workflow\n\n- Look at "
      "the task before anything else.\n- Keep the original workbook untouched.\n\n## Checks\n\n- Run the "
      "linter after "
      "every change.\n\n```sh\n# Checks\nmake check\n```\n\nSee references/old.md for more.\n";
  return {"demo", {{"SKILL.md", text}, {"references/old.md", "# Old\n\n- Prefer small commits.\n"}}};
}

inline Patch GeneratedPatch(std::mt19937* random, size_t number) {
  auto pick = [&](const std::vector<std::string>& of) { return of[(*random)() % of.size()]; };
  static const std::vector<std::string> kVerbs = {"Read",  "List", "Check", "Download", "Parse", "Convert",
                                                  "Index", "Sort", "Merge", "Validate", "Print", "Compress"};
  static const std::vector<std::string> kThings = {
      "the ledger file",     "every log line",    "the search results", "a customer table",
      "the build output",    "the schema dump",   "the config folder",  "all test reports",
      "the invoice archive", "a chat transcript", "the date columns",   "the hidden sheets",
      "the error trace",     "the price list",    "a git history"};
  static const std::vector<std::string> kTails = {"once",
                                                  "before writing the answer",
                                                  "after loading the index",
                                                  "at most 3 times",
                                                  "at most 5 times",
                                                  "in ascending order",
                                                  "in descending order",
                                                  "with `python3`",
                                                  "into out/result.csv",
                                                  "and keep what it says",
                                                  ""};
  Patch patch;
  patch.schema = "patch/1";
  patch.patch_kind = static_cast<PatchKind>((*random)() % 3);
  std::string lead = pick({"", "", "Do not ", "Never ", "Always ", "Avoid to "});
  patch.rule = lead + pick(kVerbs) + " " + pick(kThings) + " " + pick(kTails) + ".";
  if ((*random)() % 5 == 0) patch.condition = pick({"the file is large", "no test exists", "time is short"});
  patch.id = fmt::format("{}-{}", static_cast<int>(patch.patch_kind), number);
  patch.section = pick({"", "Workflow", "Checks", "Candidates (unproven)", "Pitfalls"});
  for (size_t i = (*random)() % 6; i > 0; --i)
    patch.tasks.push_back("task-" + std::to_string((*random)() % 40));
  std::sort(patch.tasks.begin(), patch.tasks.end());
  patch.tasks.erase(std::unique(patch.tasks.begin(), patch.tasks.end()), patch.tasks.end());
  patch.support = static_cast<int64_t>(patch.tasks.size());
  if ((*random)() % 3) patch.exposed = *patch.support + static_cast<int64_t>((*random)() % 10);
  if ((*random)() % 3)
    patch.expected_savings_usd = Usd::Pico(static_cast<int64_t>((*random)() % 1000) * 1'000'000'000);
  if ((*random)() % 3) patch.high_cost = (*random)() % 3 > 0;
  patch.counterfactual_grade = pick({"", "C0", "C1", "C1", "C2", "C3"});
  patch.evidence_grade = pick({"E0", "E1", "E2", "E2", "E3", "E4"});
  if ((*random)() % 4 == 0) patch.signature = "exec:" + pick({"ls", "cat", "make", "git-log"}) + "|-|ok";
  patch.pinned = (*random)() % 60 == 0;
  for (const std::string& task : patch.tasks)
    patch.target_steps.push_back({"s-" + task, "call", "4", "card"});
  if ((*random)() % 8 == 0) {
    patch.edits.push_back({pick({"a", "b"}) == "a" ? EditOp::kReplace : EditOp::kInsertAfter, "SKILL.md", "",
                           "",
                           pick({"- Run the linter after every change.",
                                 "- Keep the original workbook untouched.", "- nothing like it"}),
                           "- " + patch.rule});
  }
  if ((*random)() % 40 == 0) {
    patch.edits = {{EditOp::kCreateFile, fmt::format("references/topic-{}.md", (*random)() % 3), "", "", "",
                    "# Topic\n\n- " + patch.rule + "\n"}};
  }
  return patch;
}

inline std::vector<Patch> GeneratedPatches(unsigned seed, size_t count) {
  std::mt19937 random(seed);
  std::vector<Patch> patches;
  for (size_t i = 0; i < count; ++i) {
    patches.push_back(GeneratedPatch(&random, i));
    // The same lesson from another part of the fleet: other tasks, sometimes other words.
    if (random() % 4 != 0) continue;
    Patch other = patches[random() % patches.size()];
    other.tasks = {"task-" + std::to_string(random() % 40)}, other.support = 1, other.exposed.reset();
    if (random() % 2) other.id += "b", other.rule = "Please " + other.rule;
    patches.push_back(std::move(other)), ++i;
  }
  return patches;
}

}  // namespace clawtrace::distill
