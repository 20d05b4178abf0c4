// What only these formats have; what every importer must do is in tests/conformance/importer_test.cc.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "capture/gather.h"
#include "capture/importer.h"
#include "capture/importers/cline_messages.h"
#include "capture/importers/recording_test_util.h"

namespace clawtrace::capture {

extern const Importer kCline;

namespace {

namespace fs = std::filesystem;
using test::Collected;
using test::ReadText;
using testing::ElementsAre;
using testing::IsEmpty;

std::vector<Session> ReadFolder(const fs::path& folder) {
  std::vector<Session> sessions;
  Plan plan = PlanInputs({folder.string()});
  for (const Unit& unit : plan.units) {
    for (Session& session : ReadUnit(unit, plan, {}).sessions) sessions.push_back(std::move(session));
  }
  return sessions;
}

Usage TotalOf(const Session& session, int64_t* calls, Usd* cost) {
  Usage sum;
  for (const Step& step : session.steps) {
    if (step.kind != StepKind::kLlmCall || !step.llm.error.empty()) continue;
    sum += step.llm.usage.value_or(Usage{});
    *cost += step.llm.reported_cost.value_or(Usd());
    ++*calls;
  }
  return sum;
}

const Step* ToolOf(const Session& session, std::string_view id) {
  for (const Step& step : session.steps) {
    if (step.kind != StepKind::kLlmCall && step.call_id == id) return &step;
  }
  return nullptr;
}

TEST(ClineTest, RequestsAndMessagesAreOneTask) {
  auto sessions = ReadFolder(test::Golden("cline") / "main");
  ASSERT_EQ(sessions.size(), 1u);
  const Session& session = sessions[0];
  EXPECT_EQ(session.id, "1786000000000");
  EXPECT_EQ(session.info.agent, "cline");
  EXPECT_TRUE(session.prompt.starts_with("Follow NOTES.md"));
  EXPECT_THAT(session.skipped, IsEmpty());
  int64_t calls = 0;
  Usd cost;
  EXPECT_EQ(TotalOf(session, &calls, &cost),
            (Usage{.uncached_input = 84, .cache_read = 59800, .cache_write_unknown = 16200, .output = 428}));
  EXPECT_EQ(calls, 5);
  EXPECT_EQ(cost.ToDecimal(), "0.085362");
  int failed = 0;
  std::vector<std::string> tools;
  for (const Step& step : session.steps) {
    if (step.kind == StepKind::kLlmCall) {
      EXPECT_EQ(step.llm.model, "claude-sonnet-4-5-20250929");
      failed += step.llm.error == "529 overloaded";
    } else {
      tools.push_back(step.call_id + "@" + std::to_string(step.turn));
    }
  }
  EXPECT_EQ(failed, 1);
  // The third request failed: its message does not exist, and the fourth asked for the third tool.
  EXPECT_THAT(tools, ElementsAre("toolu_c1@1", "toolu_c2@2", "toolu_c3@4", "toolu_c4@5", "toolu_c5@6"));
  EXPECT_EQ(ToolOf(session, "toolu_c2")->result.status, ToolStatus::kError);
  EXPECT_EQ(ToolOf(session, "toolu_c2")->result.exit_code, 2);
  EXPECT_EQ(ToolOf(session, "toolu_c1")->result.output_hash, ToolOf(session, "toolu_c4")->result.output_hash);
}

TEST(ClineTest, RooReadsXmlToolsAndChildTasks) {
  auto sessions = ReadFolder(test::Golden("cline") / "roo");
  ASSERT_EQ(sessions.size(), 1u);
  const Session& session = sessions[0];
  EXPECT_EQ(session.info.agent, "roo-code");
  EXPECT_EQ(session.info.cwd, "/tmp/demo");
  int64_t calls = 0;
  Usd cost;
  // The protocol says that cached tokens are within the input.
  EXPECT_EQ(TotalOf(session, &calls, &cost),
            (Usage{.uncached_input = 38000 - 27800, .cache_read = 27800, .output = 280}));
  EXPECT_EQ(calls, 4);
  const Step* read = ToolOf(session, "message-1#0");
  ASSERT_TRUE(read);
  EXPECT_EQ(read->tool.name, "read_file");
  EXPECT_EQ(read->tool.args, "{\"path\":\"report.md\"}");
  EXPECT_EQ(read->result.output, "1 | total 548");
  EXPECT_EQ(read->turn, 1);
  const Step* failed = ToolOf(session, "message-3#0");
  ASSERT_TRUE(failed);
  EXPECT_EQ(failed->result.status, ToolStatus::kError);
  EXPECT_EQ(failed->turn, 2);
  const Session* child = nullptr;
  for (const Step& step : session.steps) {
    if (!step.children.empty()) child = &step.children[0];
  }
  ASSERT_TRUE(child);
  EXPECT_EQ(child->steps.size(), 3u);
}

TEST(ClineTest, SessionDocumentsHoldEverything) {
  auto sessions = ReadFolder(test::Golden("cline") / "sdk");
  ASSERT_EQ(sessions.size(), 1u);
  int64_t calls = 0;
  Usd cost;
  EXPECT_EQ(TotalOf(sessions[0], &calls, &cost),
            (Usage{.uncached_input = 200, .cache_read = 11900, .cache_write_unknown = 12200, .output = 130}));
  EXPECT_EQ(calls, 2);
  EXPECT_EQ(cost.ToDecimal(), "0.05187");
  ASSERT_EQ(sessions[0].skills.size(), 1u);
  EXPECT_EQ(sessions[0].skills[0].name, "orders-summary");
}

TEST(ClineTest, ARealSessionDocumentGivesItsTotals) {
  fs::path path = test::SharedData() / "sessions/cline/session.messages.json";
  if (!fs::exists(path)) GTEST_SKIP() << "no shared data at " << path;
  auto sessions = ReadFolder(path);
  ASSERT_EQ(sessions.size(), 1u);
  EXPECT_EQ(sessions[0].source, "cline");
  EXPECT_THAT(sessions[0].skipped, IsEmpty());
  // The metrics of the document, added up.
  JsonParser parser;
  std::string text = test::MustRead(path);
  Json document = *parser.Parse(text);
  int64_t answers = 0, input = 0, output = 0;
  document["messages"].ForEachItem([&](Json message) {
    if (message["role"].text() != "assistant") return;
    ++answers;
    input += message["metrics"]["inputTokens"].integer().value_or(0);
    output += message["metrics"]["outputTokens"].integer().value_or(0);
  });
  int64_t calls = 0;
  Usd cost;
  Usage total = TotalOf(sessions[0], &calls, &cost);
  EXPECT_EQ(calls, answers);
  EXPECT_EQ(total.prompt(), input);
  EXPECT_EQ(total.output, output);
  EXPECT_GT(answers, 10);
}

TEST(ClineTest, ConventionsOfTheInputAreKept) {
  Collected log;
  ReadText(
      kCline,
      R"([{"ts":1786000000000,"type":"say","say":"api_req_started","text":"{\"tokensIn\":100,\"tokensOut\":5,\"cacheReads\":60}"},)"
      R"({"ts":1786000000100,"type":"say","say":"api_req_started","text":"{\"apiProtocol\":\"anthropic\",\"tokensIn\":100,\"tokensOut\":5,\"cacheReads\":60}"},)"
      R"({"ts":1786000000200,"type":"say","say":"api_req_started","text":"{\"tokensIn\":-4}"},)"
      R"({"ts":1786000000300,"type":"say","say":"api_req_started","text":"{\"request\":\"x\"}"},)"
      R"({"ts":1786000000400,"type":"ask","ask":"api_req_failed","text":"401 no key"}])",
      &log, "tasks/t1/ui_messages.json");
  const LlmCall& unclear = *log.Find(FactKind::kLlmCall, "shown-1786000000000")->llm;
  EXPECT_EQ(unclear.usage->uncached_input, 100);
  EXPECT_EQ(unclear.other_reading->uncached_input, 40);
  EXPECT_FALSE(log.Find(FactKind::kLlmCall, "shown-1786000000100")->llm->other_reading);
  EXPECT_FALSE(log.Find(FactKind::kLlmCall, "shown-1786000000200")->llm->usage);
  EXPECT_EQ(log.Find(FactKind::kLlmCall, "shown-1786000000300")->llm->error, "401 no key");
  EXPECT_THAT(log.skips, ElementsAre("wrong-type:tokens"));
}

TEST(ClineTest, ToolsAreFoundInText) {
  auto tool = FindXmlTool("x <read_file>\n<path>a.cc</path>\n<range>1-2</range>\n</read_file> y");
  ASSERT_TRUE(tool);
  EXPECT_EQ(tool->name, "read_file");
  EXPECT_EQ(tool->args, R"({"path":"a.cc","range":"1-2"})");
  EXPECT_FALSE(FindXmlTool("<thinking>read_file</thinking><unknown><path>x</path></unknown>"));
  EXPECT_FALSE(FindXmlTool("<read_file><path>cut off"));
  // The first call counts; tags inside of its content do not.
  EXPECT_EQ(
      FindXmlTool("<write_to_file><path>a</path><content><read_file></read_file></content></write_to_file>")
          ->name,
      "write_to_file");
}

}  // namespace
}  // namespace clawtrace::capture
