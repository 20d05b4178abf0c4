// Export and import of ATIF: what goes out in one form comes back the same, and goes out under the format's
// own names.
#include "model/atif.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>

#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "capture/gather.h"
#include "compile/compile.h"
#include "support/data.h"

namespace clawtrace {
namespace {

namespace fs = std::filesystem;

const PriceBook& Book() {
  static const PriceBook book =
      *PriceBook::FromTsv(*ReadFile(test::SourceDir() / "data/prices.tsv"), "prices.tsv");
  return book;
}

std::vector<Session> SessionsBelow(const fs::path& path) {
  std::vector<Session> sessions;
  capture::Plan plan = capture::PlanInputs({path.string()});
  for (const capture::Unit& unit : plan.units) {
    for (Session& session : capture::ReadUnit(unit, plan, {}).sessions) {
      if (!session.steps.empty()) sessions.push_back(std::move(session));
    }
  }
  return sessions;
}

// Every recording under version control.
std::vector<Session> AllSessions() {
  std::vector<Session> all;
  for (const char* folder : {"tests/golden", "examples/recordings"}) {
    for (Session& session : SessionsBelow(test::SourceDir() / folder)) all.push_back(std::move(session));
  }
  return all;
}

struct Collected : capture::FactSink {
  std::vector<Fact> facts;
  std::vector<std::string> skips;
  void Add(Fact&& fact) override { facts.push_back(std::move(fact)); }
  void Skip(int64_t, int64_t, std::string_view reason) override { skips.emplace_back(reason); }
};

Session Reimported(const Session& session) {
  Collected log;
  std::string text = EncodeAtif(session);
  const capture::Importer* atif =
      capture::SniffImporter(std::string_view(text).substr(0, capture::kHeadBytes));
  EXPECT_TRUE(atif && atif->name == "atif") << session.id;
  if (!atif) return {};
  auto reader = atif->open({"export.json", ""}, &log);
  reader->Feed(text);
  reader->Finish();
  EXPECT_THAT(log.skips, testing::IsEmpty()) << session.id;
  auto sessions = AssembleSessions(std::move(log.facts));
  EXPECT_EQ(sessions.size(), 1u) << session.id;
  return sessions.empty() ? Session{} : std::move(sessions.front());
}

void ExpectSameCall(const LlmCall& a, const LlmCall& b, const std::string& where) {
  EXPECT_EQ(a.model, b.model) << where;
  EXPECT_EQ(a.provider, b.provider) << where;
  EXPECT_EQ(a.usage, b.usage) << where;
  EXPECT_EQ(a.reported_cost, b.reported_cost) << where;
  EXPECT_EQ(a.error, b.error) << where;
  EXPECT_EQ(a.billed, b.billed) << where;
  EXPECT_EQ(a.auxiliary, b.auxiliary) << where;
  EXPECT_EQ(a.text_bytes, b.text_bytes) << where;
  EXPECT_EQ(a.service_tier, b.service_tier) << where;
  EXPECT_EQ(a.aliases, b.aliases) << where;
  EXPECT_EQ(a.requested_model, b.requested_model) << where;
}

void ExpectSame(const Session& a, const Session& b);

void ExpectSameStep(const Step& a, const Step& b, const std::string& where) {
  EXPECT_EQ(a.kind, b.kind) << where;
  EXPECT_EQ(a.call_id, b.call_id) << where;
  EXPECT_EQ(a.turn, b.turn) << where;
  EXPECT_EQ(a.start_ns, b.start_ns) << where;
  EXPECT_EQ(a.end_ns, b.end_ns) << where;
  EXPECT_EQ(a.result_only, b.result_only) << where;
  if (a.kind == StepKind::kLlmCall) return ExpectSameCall(a.llm, b.llm, where);
  EXPECT_EQ(a.tool.name, b.tool.name) << where;
  EXPECT_EQ(a.tool.args, b.tool.args) << where;
  EXPECT_EQ(a.tool.args_hash, b.tool.args_hash) << where;
  EXPECT_EQ(a.result.status, b.result.status) << where;
  EXPECT_EQ(a.result.exit_code, b.result.exit_code) << where;
  EXPECT_EQ(a.result.error, b.result.error) << where;
  EXPECT_EQ(a.result.output_hash, b.result.output_hash) << where;
  EXPECT_EQ(a.result.unchanged, b.result.unchanged) << where;
  ASSERT_EQ(a.children.size(), b.children.size()) << where;
  for (size_t i = 0; i < a.children.size(); ++i) ExpectSame(a.children[i], b.children[i]);
}

void ExpectSame(const Session& a, const Session& b) {
  EXPECT_EQ(a.id, b.id);
  EXPECT_EQ(a.task_id, b.task_id) << a.id;
  EXPECT_EQ(a.prompt, b.prompt) << a.id;
  EXPECT_EQ(a.outcome, b.outcome) << a.id;
  EXPECT_EQ(a.compactions, b.compactions) << a.id;
  EXPECT_EQ(a.start_ns, b.start_ns) << a.id;
  EXPECT_EQ(a.end_ns, b.end_ns) << a.id;
  EXPECT_EQ(a.info.agent, b.info.agent) << a.id;
  EXPECT_EQ(a.info.agent_version, b.info.agent_version) << a.id;
  EXPECT_EQ(a.info.cwd, b.info.cwd) << a.id;
  ASSERT_EQ(a.steps.size(), b.steps.size()) << a.id;
  for (size_t i = 0; i < a.steps.size(); ++i)
    ExpectSameStep(a.steps[i], b.steps[i], a.id + " step " + std::to_string(i + 1));
}

// The card without what says where it was read from.
std::string CardText(const Session& session) {
  TraceCard card = compile::CompileCard(PriceSession(session, Book()), Book());
  card.source_hash.clear();
  card.skipped_input.clear();
  if (card.coverage) card.coverage->skipped_records = 0;
  return EncodeCard(card, DocFormat::kYaml);
}

void ExpectSameCard(const Session& session) {
  std::string ours = CardText(session), theirs = CardText(Reimported(session));
  if (ours == theirs) return;
  auto mine = Split(ours, '\n'), other = Split(theirs, '\n');
  size_t at = 0;
  while (at < mine.size() && at < other.size() && mine[at] == other[at]) ++at;
  ADD_FAILURE() << session.source << " " << session.id << " line " << at << "\n- "
                << (at < mine.size() ? mine[at] : "") << "\n+ " << (at < other.size() ? other[at] : "");
}

TEST(AtifTest, TheCardOfTheExportIsTheCard) {
  size_t checked = 0;
  std::vector<fs::path> folders = {test::SourceDir() / "tests/golden",
                                   test::SourceDir() / "examples/recordings"};
  if (fs::path shared = test::SharedData(); !shared.empty()) {
    for (const char* folder : {"clients", "suite", "sessions"}) folders.push_back(shared / folder);
  }
  for (const fs::path& folder : folders) {
    for (const Session& session : SessionsBelow(folder)) ExpectSameCard(session), ++checked;
  }
  EXPECT_GE(checked, 40u);
}

TEST(AtifTest, ImportOfExportIsTheSession) {
  auto sessions = AllSessions();
  ASSERT_GE(sessions.size(), 20u);
  for (const Session& session : sessions) {
    Session back = Reimported(session);
    ExpectSame(session, back);
    TraceCard ours = compile::CompileCard(PriceSession(session, Book()), Book());
    TraceCard theirs = compile::CompileCard(PriceSession(back, Book()), Book());
    EXPECT_EQ(ours.total_cost_usd, theirs.total_cost_usd) << session.id;
    EXPECT_EQ(ours.reported_cost_usd, theirs.reported_cost_usd) << session.id;
    EXPECT_EQ(ours.total_tokens, theirs.total_tokens) << session.id;
    EXPECT_EQ(ours.cost_status, theirs.cost_status) << session.id;
    EXPECT_EQ(EncodeAtif(back), EncodeAtif(Reimported(back))) << session.id;
  }
}

// Names of version 1.7; "!" marks what must be there.
const std::map<std::string, std::vector<std::string>>& Names() {
  static const std::map<std::string, std::vector<std::string>> names = {
      {"trajectory",
       {"!schema_version", "session_id", "trajectory_id", "!agent", "!steps", "final_metrics", "notes",
        "continued_trajectory_ref", "subagent_trajectories", "extra"}},
      {"agent", {"!name", "!version", "model_name", "tool_definitions", "extra"}},
      {"step",
       {"!step_id", "timestamp", "!source", "!message", "model_name", "reasoning_content", "reasoning_effort",
        "tool_calls", "observation", "metrics", "llm_call_count", "is_copied_context", "extra"}},
      {"tool_call", {"!tool_call_id", "!function_name", "!arguments", "extra"}},
      {"observation", {"!results"}},
      {"result", {"source_call_id", "content", "subagent_trajectory_ref", "extra"}},
      {"reference", {"trajectory_id", "trajectory_path", "session_id", "extra"}},
      {"metrics",
       {"prompt_tokens", "completion_tokens", "cached_tokens", "cost_usd", "logprobs", "prompt_token_ids",
        "completion_token_ids", "extra"}},
      {"final_metrics",
       {"total_prompt_tokens", "total_completion_tokens", "total_cached_tokens", "total_cost_usd",
        "total_steps", "extra"}}};
  return names;
}

void ExpectNames(const std::string& type, Json object) {
  ASSERT_TRUE(object.is_object()) << type;
  const auto& names = Names().at(type);
  object.ForEachField([&](std::string_view key, Json) {
    bool known = std::ranges::any_of(
        names, [&](const std::string& n) { return n == key || n == "!" + std::string(key); });
    EXPECT_TRUE(known) << type << "." << key;
  });
  for (const std::string& name : names) {
    if (!name.starts_with('!')) continue;
    EXPECT_TRUE(object[name.substr(1)]) << type << name;
  }
}

void ExpectAtif(Json trajectory) {
  ExpectNames("trajectory", trajectory);
  EXPECT_EQ(trajectory["schema_version"].text(), "ATIF-v1.7");
  ExpectNames("agent", trajectory["agent"]);
  if (trajectory["final_metrics"]) ExpectNames("final_metrics", trajectory["final_metrics"]);
  int64_t expected = 0;
  trajectory["steps"].ForEachItem([&](Json step) {
    ExpectNames("step", step);
    EXPECT_EQ(step["step_id"].integer(), ++expected);
    EXPECT_TRUE(step["message"].is_string());
    std::string source(step["source"].text());
    EXPECT_TRUE(source == "user" || source == "agent" || source == "system") << source;
    if (step["metrics"]) ExpectNames("metrics", step["metrics"]);
    std::set<std::string> calls;
    step["tool_calls"].ForEachItem([&](Json call) {
      ExpectNames("tool_call", call);
      EXPECT_TRUE(call["arguments"].is_object());
      calls.emplace(call["tool_call_id"].text());
    });
    if (!step["observation"]) return;
    ExpectNames("observation", step["observation"]);
    step["observation"]["results"].ForEachItem([&](Json result) {
      ExpectNames("result", result);
      std::string call(result["source_call_id"].text());
      EXPECT_TRUE(call.empty() || calls.contains(call)) << call;
      result["subagent_trajectory_ref"].ForEachItem(
          [&](Json reference) { ExpectNames("reference", reference); });
    });
  });
  trajectory["subagent_trajectories"].ForEachItem([](Json child) {
    EXPECT_FALSE(child["trajectory_id"].text().empty());
    ExpectAtif(child);
  });
}

TEST(AtifTest, ExportUsesTheFormatsNames) {
  for (const Session& session : AllSessions()) {
    SCOPED_TRACE(session.id);
    JsonParser parser;
    auto document = parser.Parse(EncodeAtif(session));
    ASSERT_TRUE(document);
    ExpectAtif(*document);
  }
}

TEST(AtifTest, UnknownStaysUnknown) {
  Session session;
  session.id = "s", session.source = "x";
  Step call;
  call.call_id = "c", call.turn = 1;
  session.steps.push_back(call);
  JsonParser parser;
  auto document = parser.Parse(EncodeAtif(session));
  ASSERT_TRUE(document);
  EXPECT_FALSE((*document)["steps"].at(0)["metrics"]);
  EXPECT_FALSE((*document)["final_metrics"]["total_cost_usd"]);
  EXPECT_FALSE((*document)["final_metrics"]["total_prompt_tokens"]);
  EXPECT_FALSE(Reimported(session).steps.at(0).llm.usage);
}

}  // namespace
}  // namespace clawtrace
