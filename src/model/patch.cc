#include "model/patch.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>

#include "model/archive.h"

namespace clawtrace {

template <class A>
void Describe(A& a, PatchStep& s) {
  a.Field("session_id", s.session_id), a.Field("call_id", s.call_id), a.Field("step", s.step);
  a.Field("card_hash", s.card_hash);
}
constexpr bool IsRow(const PatchStep&) { return true; }

template <class A>
void Describe(A& a, PatchEdit& e) {
  a.Field("op", e.op), a.Field("file", e.file), a.Field("heading_path", e.heading_path);
  a.Field("block_hash", e.block_hash), a.Field("old_text", e.old_text), a.Field("new_text", e.new_text);
}
template <class A>
void Describe(A& a, MinedEffect& e) {
  a.Field("difference_ppm", e.difference_ppm), a.Field("low_ppm", e.low_ppm);
  a.Field("high_ppm", e.high_ppm), a.Field("q_ppm", e.q_ppm), a.Field("with_pass", e.with_pass);
  a.Field("with_fail", e.with_fail), a.Field("without_pass", e.without_pass);
  a.Field("without_fail", e.without_fail);
}

template <class A>
void Describe(A& a, PatchRemark& r) {
  a.Field("format", r.format), a.Field("task", r.task), a.Field("name", r.name), a.Field("text", r.text);
}
constexpr bool IsRow(const PatchRemark&) { return true; }

template <class A>
void Describe(A& a, Patch& p) {
  a.Field("schema", p.schema), a.Field("id", p.id), a.Field("patch_kind", p.patch_kind);
  a.Field("target_step", p.target_step), a.Field("target_steps", p.target_steps);
  a.Field("counterfactual", p.counterfactual), a.Field("expected_savings_usd", p.expected_savings_usd);
  a.Field("savings_low_usd", p.savings_low_usd), a.Field("savings_high_usd", p.savings_high_usd);
  a.Field("high_cost", p.high_cost);
  a.Field("rule", p.rule), a.Field("section", p.section), a.Field("condition", p.condition);
  a.Field("support", p.support), a.Field("exposed", p.exposed), a.Field("sessions", p.sessions);
  a.Field("tasks", p.tasks), a.Field("signature", p.signature), a.Field("effect", p.effect);
  a.Field("checks", p.checks), a.Field("edits", p.edits);
  a.Field("counterfactual_grade", p.counterfactual_grade), a.Field("evidence_grade", p.evidence_grade);
  a.Field("producer", p.producer), a.Field("base_skill_hash", p.base_skill_hash);
  a.Field("prompt_hash", p.prompt_hash), a.Field("producer_cost_usd", p.producer_cost_usd);
  a.Field("pinned", p.pinned), a.Field("remarks", p.remarks);
}

namespace {

constexpr auto kCounterfactualGrades = std::to_array<std::string_view>({"", "C0", "C1", "C2", "C3"});
constexpr auto kEvidenceGrades = std::to_array<std::string_view>({"", "E0", "E1", "E2", "E3", "E4"});

template <size_t N>
bool IsOneOf(const std::array<std::string_view, N>& words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

// What types alone do not say. A wrong grade would let a rule in that nothing admits, so it is no detail.
Status Validate(const Patch& patch, bool has_kind, std::string_view name) {
  auto refuse = [&](std::string what, std::string hint = {}) {
    return Fail(ErrorCode::kInvalidInput, fmt::format("{}: {}", name, what), std::move(hint));
  };
  if (!patch.schema.empty() && patch.schema != "patch/1") {
    return Fail(ErrorCode::kUnsupported, fmt::format("{}: schema {} is not known", name, patch.schema),
                "this version reads patch/1");
  }
  if (!has_kind) return refuse("patch_kind is missing", "one of preserve, prune, repair");
  if (!IsOneOf(kCounterfactualGrades, patch.counterfactual_grade)) {
    return refuse("counterfactual_grade is not one of C0 to C3");
  }
  if (!IsOneOf(kEvidenceGrades, patch.evidence_grade)) return refuse("evidence_grade is not one of E0 to E4");
  if (patch.support && *patch.support < 0) return refuse("support is negative");
  if (patch.exposed && patch.support && *patch.exposed < *patch.support)
    return refuse("exposed is less than support");
  if (patch.support && !patch.tasks.empty() && *patch.support != static_cast<int64_t>(patch.tasks.size())) {
    return refuse(fmt::format("support is {}, but {} tasks are named", *patch.support, patch.tasks.size()));
  }
  return {};
}

}  // namespace

std::string EncodePatch(const Patch& patch, bool json) {
  return Encode(patch, json ? DocWriter::Format::kJson : DocWriter::Format::kYaml);
}

Result<Patch> DecodePatch(std::string_view text, std::string_view name) {
  auto document = ParseYaml(text, name);
  if (!document) return std::unexpected(std::move(document.error()));
  auto patch = Decode<Patch>(text, name);
  if (!patch) return patch;
  CT_RETURN_IF_ERROR(Validate(*patch, document->Find("patch_kind") != nullptr, name));
  return patch;
}

}  // namespace clawtrace
