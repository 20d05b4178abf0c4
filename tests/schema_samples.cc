// Prints documents of every kind that has a schema, once with every field set and once with none: one JSON
// object a line, {"schema": NAME, "document": ...}. tests/schema_test.py checks them against schemas/, in
// both directions.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "distill/audit/audit.h"
#include "distill/merge/report.h"
#include "model/fact.h"
#include "model/patch.h"
#include "model/replay_report.h"
#include "model/session.h"
#include "model/tracecard.h"
#include "skill/decisions.h"
#include "skill/history.h"
#include "skill/provenance.h"

namespace clawtrace {
namespace {

void Print(std::string_view schema, const std::string& document) {
  std::string line = document;  // a pretty one has line ends between its values, and none inside them
  std::replace(line.begin(), line.end(), '\n', ' ');
  std::printf("{\"schema\":\"%.*s\",\"document\":%s}\n", static_cast<int>(schema.size()), schema.data(),
              line.c_str());
}

Usage FullUsage() {
  return {.uncached_input = 1,
          .cache_read = 2,
          .cache_write_5m = 3,
          .cache_write_1h = 4,
          .cache_write_unknown = 5,
          .output = 6,
          .reasoning = 6};
}

SessionInfo FullInfo() {
  SessionInfo info;
  for (auto field :
       {&SessionInfo::agent, &SessionInfo::agent_version, &SessionInfo::cwd, &SessionInfo::project,
        &SessionInfo::task_id, &SessionInfo::user, &SessionInfo::parent_session, &SessionInfo::parent_call,
        &SessionInfo::agent_name, &SessionInfo::forked_from, &SessionInfo::billing}) {
    info.*field = "x";
  }
  info.notes = {"n"};
  return info;
}

LlmCall FullCall() {
  LlmCall call;
  for (auto field : {&LlmCall::model, &LlmCall::provider, &LlmCall::stop_reason, &LlmCall::error,
                     &LlmCall::service_tier, &LlmCall::text}) {
    call.*field = "x";
  }
  call.usage = FullUsage();
  call.reported_cost = Usd::Pico(1);
  call.billed = false;
  call.auxiliary = true;
  call.attempts = call.text_bytes = call.thinking_bytes = 1;
  call.aliases = {"x"};
  call.web_searches = 1;
  call.other_reading = FullUsage();
  call.requested_model = std::string("x");
  return call;
}

ToolUse FullTool() {
  ToolUse tool;
  for (auto field : {&ToolUse::llm_call, &ToolUse::name, &ToolUse::args, &ToolUse::cwd}) tool.*field = "x";
  tool.args_hash = ~uint64_t{0};
  tool.args_broken = true;
  return tool;
}

ToolResult FullResult() {
  ToolResult result;
  for (auto field : {&ToolResult::error, &ToolResult::output, &ToolResult::child_session})
    result.*field = "x";
  result.status = ToolStatus::kAborted;
  result.exit_code = -9;
  result.unchanged = true;
  return result;
}

Outcome FullOutcome() {
  return {
      .verdict = Verdict::kPartial, .source = OutcomeSource::kVerifier, .score_ppm = 500'000, .judge = "x"};
}

SkillUse FullSkill() { return {.name = "x", .stage = SkillStage::kLoaded, .path = "x", .call = "x"}; }

void PrintFacts() {
  Fact fact;
  for (auto field : {&Fact::source, &Fact::session_id, &Fact::id, &Fact::node, &Fact::parent_node})
    fact.*field = "x";
  fact.start_ns = fact.end_ns = 1;
  fact.session = FullInfo();
  fact.user = UserTurn{.text = "x", .text_bytes = 1, .is_meta = true};
  fact.llm = FullCall();
  fact.tool = FullTool();
  fact.result = FullResult();
  fact.outcome = FullOutcome();
  fact.skill = FullSkill();
  for (const auto& [kind, name] : EnumNames(FactKind{})) {
    fact.kind = kind;
    Print("fact", EncodeFact(fact));
  }
  Print("fact", EncodeFact(Fact{}));
}

void PrintSessions() {
  Session session;
  for (auto field : {&Session::id, &Session::source, &Session::task_id, &Session::prompt})
    session.*field = "x";
  session.info = FullInfo();
  session.outcome = FullOutcome();
  session.start_ns = session.end_ns = 1;
  session.skills = {FullSkill()};
  session.notes = {"n"};
  session.skipped = {{.file = "f", .line = 1, .offset = 0, .reason = "not-json"}};
  Step call;
  call.call_id = "c";
  call.start_ns = call.end_ns = 1;
  call.abandoned = call.inherited = call.result_only = true;
  call.llm = FullCall();
  Step spawn;
  spawn.kind = StepKind::kSubagentSpawn;
  spawn.tool = FullTool();
  spawn.result = FullResult();
  spawn.children.push_back(session);
  session.steps = {call, spawn, Step{}};
  Print("session", EncodeSession(session, true));
  Print("session", EncodeSession(Session{}, true));
}

CardStep FullStep(StepKind kind) {
  CardStep step;
  step.id = "9b/1";
  step.kind = kind;
  for (auto field : {&CardStep::tool, &CardStep::model, &CardStep::agent, &CardStep::call_id,
                     &CardStep::error, &CardStep::reason}) {
    step.*field = "x";
  }
  step.role = "final_reply";
  step.turn = step.start_ms = step.duration_ms = step.exit_code = 1;
  for (auto field : {&CardStep::cost_usd, &CardStep::reported_cost_usd, &CardStep::cost_low_usd,
                     &CardStep::cost_high_usd, &CardStep::attributed_cost_usd, &CardStep::context_cost_usd}) {
    step.*field = Usd::Pico(1);
  }
  step.cost_delta_percent = -3;
  step.cost_reason = "assumed:cache_read=input";
  step.cost_status = CostStatus::kIncluded;
  step.tokens = FullUsage();
  step.status = ToolStatus::kError;
  step.outcome_contribution = Contribution::kNotNeeded, step.grade = "C1";
  step.estimated = step.redundant = step.suspected = step.abandoned = step.inherited = true;
  return step;
}

void FillLists(TraceCard* card) {
  card->steps = {FullStep(StepKind::kLlmCall), FullStep(StepKind::kToolUse),
                 FullStep(StepKind::kSubagentSpawn)};
  card->steps[0].id = "1";
  card->top_cost_spans = card->steps;
  card->redundant_tool_calls = {{.tool = "x",
                                 .reason = "exact_repeat",
                                 .grade = "C0",
                                 .target = "x",
                                 .first = "1",
                                 .steps = {"2", "9/3"},
                                 .call_ids = {"x", "y"},
                                 .wasted_usd = Usd::Pico(1),
                                 .expected_savings_usd = Usd::Pico(1)}};
  card->reserved_costs = {{.row = "summary",
                           .step = "3",
                           .cost_usd = Usd::Pico(1),
                           .estimated = true,
                           .first = "3/1",
                           .last = "3/2"}};
  card->failed_or_repaired_steps = {{.step = "1",
                                     .call_id = "x",
                                     .tool = "x",
                                     .error = "x",
                                     .error_class = "x",
                                     .kind = "mistake",
                                     .args = "x",
                                     .repaired_by = "2",
                                     .repair_call_id = "x",
                                     .repair_args = "x",
                                     .helpers = {"x"},
                                     .retries = {"3"},
                                     .cost_usd = Usd::Pico(1),
                                     .wasted_usd = Usd::Pico(1)}};
  card->observations = {{.reason = "x",
                         .tool = "x",
                         .target = "x",
                         .steps = {"1"},
                         .call_ids = {"x"},
                         .cost_usd = Usd::Pico(1),
                         .share_percent = 7,
                         .requested_model = "x",
                         .model = "y"}};
  card->skills = {FullSkill()};
  card->sub_agents = {{.step = "3",
                       .session_id = "x",
                       .agent = "x",
                       .log_present = true,
                       .cost_usd = Usd::Pico(1),
                       .llm_call_count = 1,
                       .tool_call_count = 1}};
  card->coverage = Coverage{.priced = 1,
                            .reported = 1,
                            .unpriced = 1,
                            .included = 1,
                            .skipped_records = 1,
                            .unpriced_models = {"x"},
                            .notes = {"x"}};
  card->skipped_input = {{.file = "f", .line = 1, .offset = 0, .reason = "not-json"}};
}

void PrintCards() {
  TraceCard card;
  card.schema = "tracecard/1";
  for (auto field : {&TraceCard::session_id, &TraceCard::agent, &TraceCard::agent_version,
                     &TraceCard::task_id, &TraceCard::price_book}) {
    card.*field = "x";
  }
  card.source_hash = "0123456789abcdef";
  card.models = {"x"};
  card.outcome = Verdict::kSuccess;
  card.outcome_source = OutcomeSource::kUser;
  card.cost_status = CostStatus::kPriced;
  for (auto field : {&TraceCard::total_cost_usd, &TraceCard::own_cost_usd, &TraceCard::included_cost_usd,
                     &TraceCard::reported_cost_usd, &TraceCard::wasted_usd, &TraceCard::more_cost_usd,
                     &TraceCard::saveable_usd, &TraceCard::cost_low_usd, &TraceCard::cost_high_usd}) {
    card.*field = Usd::Pico(1);
  }
  card.total_tokens = card.own_tokens = FullUsage();
  for (auto field : {&TraceCard::started_ms, &TraceCard::llm_call_count, &TraceCard::tool_call_count,
                     &TraceCard::spawn_count, &TraceCard::own_llm_call_count, &TraceCard::own_tool_call_count,
                     &TraceCard::wall_ms, &TraceCard::llm_ms, &TraceCard::tool_ms, &TraceCard::more_steps,
                     &TraceCard::more_redundant, &TraceCard::more_failed, &TraceCard::more_observations,
                     &TraceCard::more_sub_agents, &TraceCard::more_skipped, &TraceCard::more_skills}) {
    card.*field = 1;
  }
  card.usd_rounded = true;
  FillLists(&card);
  Print("tracecard", EncodeCard(card, DocFormat::kJson));
  card.total_cost_usd.reset();  // no known cost is null, not absent
  Print("tracecard", EncodeCard(card, DocFormat::kJson));
  TraceCard least;
  least.session_id = "x";
  Print("tracecard", EncodeCard(least, DocFormat::kJson));
}

void PrintPatches() {
  Patch patch;
  patch.schema = "patch/1";
  for (auto field : {&Patch::id, &Patch::counterfactual, &Patch::section, &Patch::rule, &Patch::condition,
                     &Patch::producer, &Patch::base_skill_hash, &Patch::signature, &Patch::prompt_hash}) {
    patch.*field = "x";
  }
  patch.target_step = 1;
  patch.target_steps = {{.session_id = "x", .call_id = "x", .step = "1", .card_hash = "x"}};
  patch.expected_savings_usd = Usd::Pico(1);
  patch.tasks = {"x"};
  patch.support = 1;
  patch.counterfactual_grade = "C0";
  patch.evidence_grade = "E2";
  patch.savings_low_usd = patch.savings_high_usd = patch.producer_cost_usd = Usd::Pico(1);
  patch.high_cost = patch.pinned = true;
  patch.exposed = patch.sessions = 1;
  patch.effect = MinedEffect{};
  patch.checks = {"x"};
  patch.edits = {{EditOp::kReplace, "SKILL.md", "x", "x", "x", "x"}};
  Print("patch", EncodePatch(patch, true));
  Print("patch", EncodePatch(Patch{}, true));
  Patch imported;
  imported.schema = "patch/1", imported.id = "x", imported.producer = "costcraft";
  imported.remarks = {{.format = "costcraft", .task = "x", .name = "x", .text = "x"}};
  Print("patch", EncodePatch(imported, true));
}

void PrintMergeReports() {
  using namespace distill;
  MergeInput input{.patch_id = "p", .edit = 0, .fate = MergeFate::kMerged, .rebased = true};
  input.reason = input.rule = input.detail = "x";
  MergedRule rule{.id = "p", .exposed = 2, .support_low_ppm = 1, .members = {"p"}};
  for (auto field : {&MergedRule::reason, &MergedRule::file, &MergedRule::section}) rule.*field = "x";
  rule.counterfactual_grade = "C1", rule.evidence_grade = "E1", rule.reworded = "accepted";
  rule.expected_savings_usd = Usd::Pico(1);
  MergeReport report{.base_skill_hash = "x", .skill_hash = "x", .blocked = true, .without = {"cost"}};
  report.rules = {rule}, report.inputs = {input}, report.removed_rules = report.notes = {"x"};
  report.conflicts = {{.rules = {"a", "b"}, .winner = "a", .rationale = "x"}};
  Print("merge-report", EncodeMergeReport(report, true));
  Print("merge-report", EncodeMergeReport(MergeReport{}, true));
}

void PrintReplays() {
  ReplayReport report;
  report.schema = "replay/1", report.workspace = "rebuilt";
  for (auto field :
       {&ReplayReport::session_id, &ReplayReport::agent, &ReplayReport::task_id, &ReplayReport::source_hash,
        &ReplayReport::steps_hash, &ReplayReport::closed, &ReplayReport::first_divergence}) {
    report.*field = "x";
  }
  report.workspace_gaps = report.notes = {"x"};
  report.fidelity_ppm = 1;
  for (auto field : {&ReplayReport::needed_usd, &ReplayReport::not_needed_usd, &ReplayReport::unknown_usd,
                     &ReplayReport::total_cost_usd}) {
    report.*field = Usd::Pico(1);
  }
  report.oracle = {.id = "x", .command = "x", .recorded = "pass", .start = "fail", .failed_checks = {"x"}};
  report.minimal = {.kept = {"1"},
                    .dropped = {"3/7"},
                    .cost_usd = Usd::Pico(1),
                    .saved_usd = Usd::Pico(1),
                    .cost_without_undecided_usd = Usd::Pico(1)};
  report.minimal->outcome_checked = report.out_of_budget = true;
  report.failure = {.step = "1", .call_id = "x", .reason = "x", .files = {"x"}};
  report.failure->passes_without = report.failure->ignored = {"1"};
  StepVerdict step{.step = "1", .call_id = "x", .tool = "x", .target = "x", .grade = "C1"};
  step.verdict = Contribution::kNotNeeded, step.channel = "replay", step.reason = step.content = "x";
  step.evidence = {"2"}, step.failed = step.outcome_checked = true, step.files_differ = {"x"};
  step.attributed_cost_usd = step.savings_usd = Usd::Pico(1);
  LiveCheck& live = step.live.emplace();
  for (auto field : {&LiveCheck::provider, &LiveCheck::model, &LiveCheck::next_action, &LiveCheck::stopped,
                     &LiveCheck::error}) {
    live.*field = "x";
  }
  live.next_step = "3/8", live.cost_usd = Usd::Pico(1), live.notes = {"x"};
  live.difference = {.ppm = -1, .low_ppm = -1'000'000, .high_ppm = 1};
  live.without.action = live.without.signature = {.ppm = 1, .low_ppm = 0, .high_ppm = 1'000'000};
  report.steps = {step};
  step.live = LiveCheck{};
  report.steps.push_back(step);
  Print("replay", EncodeReplayReport(report, true));
  Print("replay", EncodeReplayReport(ReplayReport{}, true));
}

void PrintProvenance() {
  skill::RuleRecord rule;
  for (auto field : {&skill::RuleRecord::id, &skill::RuleRecord::text_hash, &skill::RuleRecord::section,
                     &skill::RuleRecord::file, &skill::RuleRecord::trial, &skill::RuleRecord::producer,
                     &skill::RuleRecord::base_skill_hash}) {
    rule.*field = "x";
  }
  rule.counterfactual_grade = "C1", rule.evidence_grade = "E1", rule.support = 1;
  rule.blocks = rule.tasks = {"x"}, rule.expected_savings_usd = Usd::Pico(1);
  rule.evidence = {{"x", "x", "x", "x"}};
  Print("skill-provenance", skill::EncodeProvenance({.rules = {rule}, .headings = {{"x", "x"}}}));
  Print("skill-provenance", skill::EncodeProvenance({}));
}

// What a skill keeps besides: as files of it.
void PrintRecords() {
  SkillDir skill{"demo", {{"SKILL.md", "x"}, {"run.sh", "x"}}, {"run.sh"}};
  SkillDir next = skill;
  next.files["SKILL.md"] = "y";
  if (auto both = skill::WithVersion(skill, next, skill::VersionOrigin::kClawtrace, {"x"})) skill = *both;
  skill::TakenBack taken{.id = "x", .text_hash = "x", .version = "x", .tasks = {"x"}};
  taken.counterfactual_grade = "C1", taken.evidence_grade = "E1";
  skill::KeepDecisions({.pins = {{"x", "x", "x"}, {"y", "", ""}}, .taken_back = {taken}}, &skill);
  if (!distill::AddWaivers({{"x", "x", "x", "x", "x"}, {"x", "", "x", "x", ""}}, &skill)) std::abort();
  Print("skill-history", skill.files.at(std::string(skill::kVersionsFile)));
  Print("skill-decisions", skill.files.at(std::string(skill::kDecisionsFile)));
  Print("skill-waivers", skill.files.at(std::string(distill::kWaiversFile)));
}

void PrintAudits() {
  distill::AuditFinding finding{.id = "x", .check = "x", .file = "x", .line = 1, .rule = "x"};
  finding.message = finding.literal = "x", finding.inherited = true;
  finding.waiver = distill::Waiver{"x", "x", "x", "x", "x"};
  distill::AuditReport report{.before_hash = "x", .after_hash = "x", .blocked = true};
  report.not_checked = {"x"}, report.findings = {finding}, report.unused_waivers = {*finding.waiver};
  Print("audit-report", distill::EncodeAuditReport(report, true));
  Print("audit-report", distill::EncodeAuditReport({}, true));
}

}  // namespace
}  // namespace clawtrace

int main() {
  clawtrace::PrintFacts();
  clawtrace::PrintSessions();
  clawtrace::PrintCards();
  clawtrace::PrintPatches();
  clawtrace::PrintReplays();
  clawtrace::PrintMergeReports();
  clawtrace::PrintProvenance();
  clawtrace::PrintRecords();
  clawtrace::PrintAudits();
}
