#include "capture/whole_texts.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "base/hash.h"
#include "base/text.h"
#include "capture/gather.h"

namespace clawtrace::capture {
namespace {

std::string Long(char c) { return std::string(5000, c) + "\"end\"\n"; }
std::string Quoted(std::string_view text) {
  std::string json;
  AppendJsonString(text, &json);
  return json;
}

Fact ResultOf(const std::string& output) {
  Fact fact;
  fact.kind = FactKind::kToolResult;
  fact.result.emplace();
  fact.result->output = std::string(PrefixUtf8(output, kMaxText));
  fact.result->output_bytes = std::ssize(output), fact.result->output_hash = Hash64(output);
  return fact;
}
// A session with one tool use whose texts are cut as in the fact.
Session Cut(const Fact& fact) {
  Session session;
  Step& step = session.steps.emplace_back();
  step.kind = StepKind::kToolUse;
  if (fact.result) step.result = *fact.result;
  if (fact.tool) step.tool = *fact.tool;
  return session;
}
std::string OutputFrom(const std::string& output, const std::string& record) {
  WholeTexts whole;
  Fact fact = ResultOf(output);
  whole.Learn(fact, record);
  Session session = Cut(fact);
  int64_t cut = whole.Fill(&session);
  EXPECT_EQ(cut, session.steps[0].result.output == output ? 0 : 1);
  return session.steps[0].result.output;
}

TEST(WholeTextsTest, AnOutputIsFoundWhereverItStands) {
  std::string text = Long('a');
  EXPECT_EQ(OutputFrom(text, R"({"message":{"content":)" + Quoted(text) + "}}"), text);
  EXPECT_EQ(OutputFrom(text, R"({"content":)" + Quoted("header\n" + text + "footer") + "}"), text)
      << "within a longer text";
  EXPECT_EQ(OutputFrom(text, R"({"output":)" + Quoted(R"({"stdout":)" + Quoted(text) + "}") + "}"), text)
      << "JSON in a string";
  EXPECT_EQ(OutputFrom(text, text), text) << "the record itself";
}

TEST(WholeTextsTest, PartsAreJoined) {
  std::string one = Long('a'), two = Long('b');
  std::string record = R"({"content":[{"type":"text","text":)" + Quoted(one) + R"(},{"type":"text","text":)" +
                       Quoted(two) + "}]}";
  EXPECT_EQ(OutputFrom(one + "\n" + two, record), one + "\n" + two);
  EXPECT_EQ(OutputFrom(one + two, record), one + two);
}

TEST(WholeTextsTest, OnlyWhatHasTheHashIsTaken) {
  std::string text = Long('a'), other = text;
  other[4000] = 'x';
  EXPECT_NE(OutputFrom(text, R"({"content":)" + Quoted(other) + "}"), other);
}

TEST(WholeTextsTest, ArgumentsAreFoundByTheirCanonicalForm) {
  std::string args = R"({"b":)" + Quoted(Long('c') + Long('d') + Long('e') + Long('f')) + R"(,"a":1})";
  JsonParser parser;
  std::string canonical = parser.Parse(args)->Canonical();
  Fact fact;
  fact.kind = FactKind::kToolUse;
  fact.tool.emplace();
  fact.tool->args = std::string(PrefixUtf8(canonical, kMaxArgs));
  fact.tool->args_bytes = std::ssize(canonical), fact.tool->args_hash = Hash64(canonical);
  for (const std::string& record : {R"({"input":)" + args + "}", R"({"arguments":)" + Quoted(args) + "}"}) {
    WholeTexts whole;
    whole.Learn(fact, record);
    Session session = Cut(fact);
    whole.Fill(&session);
    EXPECT_EQ(session.steps[0].tool.args, canonical);
  }
}

TEST(WholeTextsTest, HostileRecordsGiveNothing) {
  std::string text = Long('a');
  std::string deep(2000, '['), cut = R"({"content":)" + Quoted(text);
  for (const std::string& record :
       {std::string(), std::string("{"), deep, cut.substr(0, 3000), std::string(9000, '\0')})
    EXPECT_EQ(OutputFrom(text, record).size(), kMaxText);
}

TEST(WholeTextsTest, OurRecordingsAreReadWhole) {
  std::string folder = std::string(CLAWTRACE_SOURCE_DIR) + "/examples/recordings";
  Plan plan = PlanInputs({folder});
  int64_t longer = 0;
  for (const Unit& unit : plan.units) {
    const Unit* one = &unit;
    for (const Session& session : ReadWholeUnits({&one, 1}, plan, {}).sessions) {
      for (const Step& step : session.steps) {
        EXPECT_EQ(step.result.output_bytes, std::ssize(step.result.output))
            << session.id << " " << step.call_id;
        EXPECT_EQ(step.tool.args_bytes, std::ssize(step.tool.args)) << session.id << " " << step.call_id;
        longer += step.result.output.size() > kMaxText;
      }
    }
  }
  EXPECT_GT(longer, 0) << "some are longer than what facts keep";
}

}  // namespace
}  // namespace clawtrace::capture
