#include <fmt/format.h>
#include <gmock/gmock.h>

#include "base/hash.h"
#include "capture/importers/recording_test_util.h"

namespace clawtrace::capture {
extern const Importer kClaudeCode;
namespace {

using namespace test;  // NOLINT: test support only
using testing::ElementsAre;
using testing::IsEmpty;

Collected ReadFolder(const fs::path& folder) {
  Collected log;
  for (const fs::path& file : FilesBelow(folder)) {
    if (file.extension() == ".jsonl" && Accepts(kClaudeCode, file)) ReadLog(kClaudeCode, file, &log);
  }
  return log;
}

Collected Lines(std::string_view text, std::string path = "s.jsonl", std::string sidecar = {}) {
  Collected log;
  ReadText(kClaudeCode, text, &log, std::move(path), std::move(sidecar));
  return log;
}

std::string Assistant(std::string_view id, std::string_view uuid, std::string_view parent,
                      std::string_view content, std::string_view usage, std::string_view more = "") {
  return fmt::format(
      R"({{"type":"assistant","sessionId":"s1","uuid":"{}","parentUuid":"{}","timestamp":"2026-01-02T03:04:05.000Z",)"
      R"("message":{{"id":"{}","role":"assistant","model":"claude-x","content":[{}],"usage":{}}}{}}})"
      "\n",
      uuid, parent, id, content, usage, more);
}

std::string Result(std::string_view id, std::string_view content, std::string_view fields,
                   std::string_view extra) {
  return fmt::format(
      R"({{"type":"user","sessionId":"s1","uuid":"r-{0}","parentUuid":"a","timestamp":"2026-01-02T03:04:06Z",)"
      R"("message":{{"role":"user","content":[{{"type":"tool_result","tool_use_id":"{0}","content":{1}{2}}}]}},)"
      R"("toolUseResult":{3}}})"
      "\n",
      id, content, fields, extra);
}

TEST(ClaudeCodeLog, SearchesOfTheProvider) {
  auto searches = [](std::string_view tool_use) {
    Collected log = Lines(
        Assistant("m1", "a", "", "", R"({"input_tokens":1,"output_tokens":2)" + std::string(tool_use) + "}"));
    for (const Fact& fact : log.facts) {
      if (fact.kind == FactKind::kLlmCall) return fact.llm->web_searches;
    }
    return int64_t{-1};
  };
  EXPECT_EQ(searches(R"(,"server_tool_use":{"web_search_requests":3,"web_fetch_requests":1})"), 3);
  EXPECT_EQ(searches(R"(,"server_tool_use":{"web_search_requests":-3})"), 0);
  EXPECT_EQ(searches(R"(,"server_tool_use":null)"), 0);
  EXPECT_EQ(searches(""), 0);
}

TEST(ClaudeCodeRecordings, KitMainFixture) {
  Collected log = ReadFolder(Golden("claude-code/main"));
  auto totals = TotalsOf(log);
  ASSERT_EQ(totals.size(), 2u);
  const AgentTotals& main = totals["4109040c-655a-437b-bd65-416cf9eb8ca4"];
  EXPECT_EQ(main.calls, 12);
  EXPECT_EQ(main.input, 168);
  EXPECT_EQ(main.cache_read, 202950);
  EXPECT_EQ(main.cache_write, 23382);
  EXPECT_EQ(main.output, 1255);
  EXPECT_EQ(main.tools.size(), 13u);
  const AgentTotals& check = totals["aa9ac80b7bc107d72"];
  EXPECT_EQ(check.calls, 3);
  EXPECT_EQ(check.input, 42);
  EXPECT_EQ(check.cache_read, 12620);
  EXPECT_EQ(check.cache_write, 6898);
  EXPECT_EQ(check.output, 264);
  EXPECT_THAT(check.tools, ElementsAre("toolu_mock_check00a", "toolu_mock_check00b", "toolu_mock_check01a"));

  const Fact* sub = log.Find(FactKind::kSession, "session", "aa9ac80b7bc107d72");
  ASSERT_TRUE(sub);
  EXPECT_EQ(sub->session->parent_session, "4109040c-655a-437b-bd65-416cf9eb8ca4");
  EXPECT_EQ(sub->session->parent_call, "toolu_mock_main09a");
  EXPECT_EQ(sub->session->agent_name, "general-purpose");
  EXPECT_EQ(sub->session->agent_version, "2.1.197");
  EXPECT_EQ(sub->session->cwd, "/tmp/demo");
  const Fact* spawn = log.Find(FactKind::kToolResult, "toolu_mock_main09a");
  ASSERT_TRUE(spawn);
  EXPECT_EQ(spawn->result->child_session, "aa9ac80b7bc107d72");
  const Fact* failed = log.Find(FactKind::kToolResult, "toolu_mock_main03a");
  ASSERT_TRUE(failed);
  EXPECT_EQ(failed->result->exit_code, 2);
  EXPECT_EQ(failed->result->error,
            "tools/summary.sh: 3: cannot create out/summary.csv: Directory nonexistent");
  EXPECT_TRUE(log.Find(FactKind::kToolResult, "toolu_mock_main08a")->result->unchanged);
  EXPECT_FALSE(log.Find(FactKind::kToolResult, "toolu_mock_main01a")->result->unchanged);
  EXPECT_THAT(log.skips, IsEmpty());
}

TEST(ClaudeCodeRecordings, KilledFixtureIsComplete) {
  auto totals = TotalsOf(ReadFolder(Golden("claude-code/killed")));
  ASSERT_EQ(totals.size(), 1u);
  const AgentTotals& main = totals.begin()->second;
  EXPECT_EQ(main.calls, 7);
  EXPECT_EQ(main.input, 98);
  EXPECT_EQ(main.cache_read, 97950);
  EXPECT_EQ(main.cache_write, 19202);
  EXPECT_EQ(main.output, 695);
  EXPECT_EQ(main.tools.size(), 8u);
}

TEST(ClaudeCodeRecordings, ClientsEqualTruth) {
  fs::path root = SharedData() / "clients/claude-code";
  if (!fs::exists(root)) GTEST_SKIP() << "no recordings at " << root << "; set CLAWTRACE_SHARED_DATA";
  int recordings = 0;
  for (auto& entry : fs::directory_iterator(root)) {
    if (!entry.is_directory()) continue;
    ++recordings;
    ExpectTruth(ReadFolder(entry.path() / "dot-claude"),
                KitTruth(entry.path() / "expected.json", "toolu_mock_", /*writes_on_wire=*/true),
                entry.path());
  }
  EXPECT_EQ(recordings, 5);
}

TEST(ClaudeCodeRecordings, SuiteEqualsTruth) {
  fs::path root = SharedData() / "suite/recordings";
  if (!fs::exists(root)) GTEST_SKIP() << "no recordings at " << root << "; set CLAWTRACE_SHARED_DATA";
  int recordings = 0;
  for (const fs::path& truth : FilesBelow(root)) {
    fs::path folder = truth.parent_path();
    if (truth.filename() != "truth.json" || folder.filename() != "claude-code") continue;
    ++recordings;
    ExpectTruth(ReadFolder(folder / "session"), SuiteTruth(truth, /*writes_on_wire=*/true), folder);
  }
  EXPECT_GE(recordings, 20);
}

// Every real log is recognised, whatever its first lines are, and gives a session.
TEST(ClaudeCodeRecordings, RealLogs) {
  fs::path root = SharedData() / "sessions/claude-code";
  if (!fs::exists(root)) GTEST_SKIP() << "no logs at " << root << "; set CLAWTRACE_SHARED_DATA";
  int read = 0;
  for (const fs::path& file : FilesBelow(root)) {
    if (file.extension() != ".jsonl" || file.filename() == "journal.jsonl") continue;
    SCOPED_TRACE(file);
    ASSERT_TRUE(Accepts(kClaudeCode, file));
    Collected log;
    ReadLog(kClaudeCode, file, &log);
    EXPECT_GE(log.Count(FactKind::kSession), 1u);
    for (const Fact& fact : log.facts) EXPECT_NE(fact.session_id, "");
    ++read;
  }
  EXPECT_GE(read, 80);
}

TEST(ClaudeCodeSniff, RefusesEverythingElse) {
  fs::path root = SharedData();
  if (!fs::exists(root / "clients"))
    GTEST_SKIP() << "no recordings at " << root << "; set CLAWTRACE_SHARED_DATA";
  int refused = 0;
  for (const char* part : {"clients", "golden", "sessions", "suite/recordings"}) {
    for (const fs::path& file : FilesBelow(root / part)) {
      std::string name = file.string();
      bool own = name.contains("/dot-claude/") || name.contains("/sessions/claude-code/") ||
                 (name.contains("/claude-code/session/"));
      if (own || file.extension() == ".gz") continue;
      EXPECT_FALSE(Accepts(kClaudeCode, file)) << file;
      ++refused;
    }
  }
  EXPECT_GT(refused, 300);
}

TEST(ClaudeCodeSniff, ToleratesSpacesAndKeyOrder) {
  EXPECT_TRUE(kClaudeCode.sniff(
      R"({ "uuid" : "u", "timestamp" : "2026-01-01T00:00:00Z", "message" : {"content" : "x"},)"
      R"( "sessionId" : "s", "type" : "user" })"));
  // A first line that is longer than the head.
  std::string cut =
      R"({"parentUuid":null,"isSidechain":false,"sessionId":"s","type":"user","message":{"content":")";
  EXPECT_TRUE(kClaudeCode.sniff(cut + std::string(70000, 'x')));
  EXPECT_FALSE(kClaudeCode.sniff(R"({"type":"user","session_id":"s","uuid":"u","message":{"content":"x"}})"));
  EXPECT_FALSE(kClaudeCode.sniff(""));
}

TEST(ClaudeCodeUnits, FilesOfOneSessionShareAKey) {
  fs::path root = Golden("claude-code/main");
  std::set<std::string> keys;
  for (const fs::path& file : FilesBelow(root)) {
    if (file.extension() == ".jsonl") keys.insert(kClaudeCode.unit_key(file.string(), MustRead(file)));
  }
  EXPECT_THAT(keys, ElementsAre("claude-code:4109040c-655a-437b-bd65-416cf9eb8ca4"));
  EXPECT_EQ(kClaudeCode.unit_key("p/4109040c-655a-437b-bd65-416cf9eb8ca4/subagents/agent-1.jsonl", "{"),
            "claude-code:4109040c-655a-437b-bd65-416cf9eb8ca4");
  EXPECT_EQ(kClaudeCode.sidecar_path("p/agent-1.jsonl"), "p/agent-1.meta.json");
  EXPECT_EQ(kClaudeCode.sidecar_path("p/4109040c.jsonl"), "");
}

// A compaction within the request, and another model asked for advice: charged, and not in the totals.
TEST(ClaudeCodeUsage, IterationsBesidesTheAnswer) {
  std::string compacted = Assistant(
      "m1", "a", "u", R"({"type":"text","text":"hi"})",
      R"({"input_tokens":23000,"output_tokens":1000,"iterations":[{"type":"compaction","input_tokens":180000,)"
      R"("output_tokens":3500,"cache_read_input_tokens":7},{"type":"message","input_tokens":23000,"output_tokens":1000}]})");
  Collected log = Lines(compacted + compacted);
  EXPECT_THAT(log.skips, IsEmpty());
  EXPECT_EQ(*log.Find(FactKind::kLlmCall, "m1")->llm->usage,
            (Usage{.uncached_input = 23000, .output = 1000}));
  const Fact* compaction = log.Find(FactKind::kLlmCall, "m1/compaction-1");
  ASSERT_TRUE(compaction);
  EXPECT_EQ(*compaction->llm->usage, (Usage{.uncached_input = 180000, .cache_read = 7, .output = 3500}));
  EXPECT_EQ(compaction->llm->model, "claude-x");
  EXPECT_TRUE(compaction->llm->auxiliary);
  EXPECT_TRUE(log.Find(FactKind::kCompaction, "m1/compaction-1"));

  log = Lines(Assistant(
      "m2", "a", "u", "",
      R"({"input_tokens":412,"output_tokens":531,"cache_read_input_tokens":0,"speed":"fast","iterations":[)"
      R"({"type":"message","input_tokens":412,"output_tokens":89},)"
      R"({"type":"advisor_message","model":"claude-y","input_tokens":823,"output_tokens":1612},)"
      R"({"type":"message","input_tokens":1348,"cache_read_input_tokens":412,"output_tokens":442}]})"));
  EXPECT_EQ(*log.Find(FactKind::kLlmCall, "m2")->llm->usage,
            (Usage{.uncached_input = 1760, .cache_read = 412, .output = 531}))
      << "the totals hold the input of the first iteration only";
  ASSERT_TRUE(log.Find(FactKind::kLlmCall, "m2/advisor-1"));
  const LlmCall& advisor = *log.Find(FactKind::kLlmCall, "m2/advisor-1")->llm;
  EXPECT_EQ(advisor.model, "claude-y");
  EXPECT_EQ(*advisor.usage, (Usage{.uncached_input = 823, .output = 1612}));
  EXPECT_EQ(advisor.service_tier, "") << "the tier is the request's";
  EXPECT_FALSE(log.Find(FactKind::kCompaction, "m2/advisor-1"));
}

TEST(ClaudeCodeUsage, IterationsThatAddNothing) {
  for (
      std::string_view list :
      {"null", "[]",
       R"([{"type":"message","input_tokens":4,"output_tokens":1},{"type":"message","input_tokens":6,"output_tokens":1}])",
       R"([{"type":"message","input_tokens":4,"output_tokens":1},{"type":"fallback_message","input_tokens":6,"output_tokens":2}])"}) {
    Collected log =
        Lines(Assistant("m1", "a", "u", "",
                        R"({"input_tokens":10,"output_tokens":2,"iterations":)" + std::string(list) + "}"));
    EXPECT_THAT(log.skips, IsEmpty()) << list;
    EXPECT_EQ(log.Count(FactKind::kLlmCall), 1u) << list;
    EXPECT_EQ(*log.Find(FactKind::kLlmCall, "m1")->llm->usage, (Usage{.uncached_input = 10, .output = 2}))
        << list;
  }
  Collected broken =
      Lines(Assistant("m1", "a", "u", "", R"({"input_tokens":10,"output_tokens":2,"iterations":[7]})"));
  EXPECT_THAT(broken.skips, ElementsAre("wrong-type:iterations"));
  EXPECT_EQ(*broken.Find(FactKind::kLlmCall, "m1")->llm->usage, (Usage{.uncached_input = 10, .output = 2}));
}

// One document around the records, which have no ids.
TEST(ClaudeCodeLog, SessionOnTheWeb) {
  fs::path path = Golden("claude-code/web/session.json");
  EXPECT_TRUE(Accepts(kClaudeCode, path));
  std::string text = MustRead(path), one_line;
  for (std::string_view line : Split(text, '\n')) one_line += Trim(line);
  for (const std::string& form : {text, one_line}) {
    Collected log;
    EXPECT_TRUE(kClaudeCode.sniff(form));
    ReadText(kClaudeCode, form, &log, "/x/session.json");
    EXPECT_THAT(log.skips, IsEmpty());
    EXPECT_EQ(log.Count(FactKind::kLlmCall), 2u);
    ASSERT_TRUE(log.Find(FactKind::kLlmCall, "msg_1", "session"));
    EXPECT_EQ(log.Find(FactKind::kToolResult, "toolu_1")->result->status, ToolStatus::kOk);
  }
}

TEST(ClaudeCodeUsage, BucketsTiersAndCost) {
  Collected log =
      Lines(Assistant("m1", "a", "u", R"({"type":"text","text":"hi"})",
                      R"({"input_tokens":1,"output_tokens":9,"cache_read_input_tokens":5,)"
                      R"("cache_creation_input_tokens":10,"speed":"fast","service_tier":"standard",)"
                      R"("cache_creation":{"ephemeral_5m_input_tokens":3,"ephemeral_1h_input_tokens":4}})",
                      R"(,"costUSD":0.25)") +
            Assistant("m2", "b", "a", "",
                      R"({"input_tokens":1,"output_tokens":2,"cache_creation_input_tokens":7,)"
                      R"("service_tier":"batch"})"));
  const LlmCall& one = *log.Find(FactKind::kLlmCall, "m1")->llm;
  ASSERT_TRUE(one.usage);
  EXPECT_EQ(*one.usage, (Usage{.uncached_input = 1,
                               .cache_read = 5,
                               .cache_write_5m = 3,
                               .cache_write_1h = 4,
                               .cache_write_unknown = 3,
                               .output = 9,
                               .reasoning = 0}));
  EXPECT_EQ(one.service_tier, "fast");
  EXPECT_EQ(one.reported_cost, Usd::Parse("0.25"));
  EXPECT_EQ(one.text, "hi");
  const LlmCall& two = *log.Find(FactKind::kLlmCall, "m2")->llm;
  EXPECT_EQ(two.usage->cache_write_unknown, 7);
  EXPECT_EQ(two.service_tier, "batch");
}

TEST(ClaudeCodeUsage, WrongTypesAreUnknownNotZero) {
  for (const char* usage :
       {R"("12")", "[]", R"({"input_tokens":"5","output_tokens":1})",
        R"({"input_tokens":-5,"output_tokens":1})", R"({"input_tokens":1.5,"output_tokens":1})",
        R"({"input_tokens":1,"output_tokens":1,"cache_creation":3})"}) {
    Collected log = Lines(Assistant("m", "a", "u", "", usage));
    EXPECT_FALSE(log.Find(FactKind::kLlmCall, "m")->llm->usage) << usage;
    EXPECT_THAT(log.skips, ElementsAre("wrong-type:usage")) << usage;
  }
  Collected log = Lines(Assistant("m", "a", "u", "", R"({"input_tokens":9000000000000,"output_tokens":1})"));
  EXPECT_THAT(log.skips, ElementsAre("implausible:usage"));
  log = Lines(Assistant("m", "a", "u", "", "null"));
  EXPECT_FALSE(log.Find(FactKind::kLlmCall, "m")->llm->usage);
  EXPECT_THAT(log.skips, IsEmpty());
}

TEST(ClaudeCodeUsage, LocalMessagesAreNotBilled) {
  std::string line = Assistant("m", "a", "u", R"({"type":"text","text":"API Error: 529 overloaded"})",
                               R"({"input_tokens":0,"output_tokens":0})", R"(,"isApiErrorMessage":true)");
  Collected log = Lines(line);
  EXPECT_FALSE(log.facts[0].llm->billed);
  EXPECT_EQ(log.facts[0].llm->error, "API Error: 529 overloaded");
  line = Assistant("m", "a", "u", R"({"type":"text","text":"No response requested."})", "{}");
  line.replace(line.find("claude-x"), 8, "<synthetic>");
  log = Lines(line);
  EXPECT_FALSE(log.facts[0].llm->billed);
  EXPECT_EQ(log.facts[0].llm->error, "");
}

TEST(ClaudeCodeTools, ResultStates) {
  Collected log = Lines(
      Result("ok", R"("fine")", R"(,"is_error":false)", R"({"stdout":"fine"})") +
      Result("text", R"("broken")", "", R"("Error: broken")") +
      Result("exit", R"("Exit code 127\n/bin/sh: python: not found")", R"(,"is_error":true)",
             R"("Error: Exit code 127")") +
      Result("trace", R"("Exit code 1\nTraceback (most recent call last):\n  File\nKeyError: 'x'")",
             R"(,"is_error":true)", "1") +
      Result("tag", R"("<tool_use_error>String to replace not found.\nString: a</tool_use_error>")",
             R"(,"is_error":true)", "[]") +
      Result("no", R"("The user doesn't want to proceed with this tool use.")", R"(,"is_error":true)",
             R"("Error: x")") +
      Result("stop", R"("part")", "", R"({"interrupted":true})") +
      Result("same", R"("Wasted call: file unchanged since your last Read.")", "", R"({"type":"x"})") +
      Result("typed", R"("as before")", "", R"({"type":"file_unchanged"})") +
      Result("pic", R"([{"type":"text","text":"a"},{"type":"image","source":{"data":"AAAA"}}])", "", "{}"));
  auto result = [&](std::string_view id) { return *log.Find(FactKind::kToolResult, id)->result; };
  EXPECT_EQ(result("ok").status, ToolStatus::kOk);
  EXPECT_EQ(result("ok").output, "fine");
  EXPECT_EQ(result("text").status, ToolStatus::kError);
  EXPECT_EQ(result("exit").exit_code, 127);
  EXPECT_EQ(result("exit").error, "/bin/sh: python: not found");
  EXPECT_EQ(result("trace").exit_code, 1);
  EXPECT_EQ(result("trace").error, "KeyError: 'x'");
  EXPECT_EQ(result("tag").error, "String to replace not found.");
  EXPECT_EQ(result("no").status, ToolStatus::kAborted);
  EXPECT_EQ(result("stop").status, ToolStatus::kAborted);
  EXPECT_TRUE(result("same").unchanged);
  EXPECT_TRUE(result("typed").unchanged);
  EXPECT_EQ(result("pic").output, "a\n[image " + HexOf(Hash64("AAAA")) + "]");
}

TEST(ClaudeCodeChain, EveryNodeIsKept) {
  Collected log = Lines(
      R"({"type":"user","sessionId":"s1","uuid":"u","parentUuid":null,"message":{"content":"do it"}}
{"type":"progress","sessionId":"s1","uuid":"p","parentUuid":"u","data":{"message":{"message":{"usage":{"output_tokens":7}}}}}
{"type":"system","subtype":"compact_boundary","sessionId":"s1","uuid":"c","parentUuid":null,"logicalParentUuid":"p"}
{"type":"user","sessionId":"s1","uuid":"v","parentUuid":"c","isCompactSummary":true,"message":{"content":"summary"}}
{"type":"attachment","sessionId":"s1","uuid":"q","parentUuid":"v","attachment":{"type":"queued_command","prompt":"and this"}}
{"type":"future","sessionId":"s1","uuid":"f","parentUuid":"q"}
)");
  std::map<std::string, std::string> chain;
  for (const Fact& fact : log.facts) {
    if (!fact.node.empty()) chain[fact.node] = fact.parent_node;
  }
  EXPECT_EQ(chain, (std::map<std::string, std::string>{
                       {"u", ""}, {"p", "u"}, {"c", "p"}, {"v", "c"}, {"q", "v"}, {"f", "q"}}));
  EXPECT_EQ(log.Count(FactKind::kLlmCall), 0u);
  EXPECT_EQ(log.Count(FactKind::kCompaction), 1u);
  EXPECT_FALSE(log.Find(FactKind::kUser, "u")->user->is_meta);
  EXPECT_TRUE(log.Find(FactKind::kUser, "v")->user->is_meta);
  EXPECT_EQ(log.Find(FactKind::kUser, "q")->user->text, "and this");
}

// Old logs hold sub-agents inline: two chains with equal prompts belong to the two calls in time order.
TEST(ClaudeCodeChain, InlineSidechainsAreSubAgents) {
  std::string task =
      R"({"type":"tool_use","id":"%","name":"Task","input":{"prompt":"look","subagent_type":"Explore"}})";
  auto call = [&](std::string id) { return std::string(task).replace(task.find('%'), 1, id); };
  auto side = [](std::string_view uuid, std::string_view parent, std::string_view type,
                 std::string_view content, int second) {
    return fmt::format(
        R"({{"type":"{}","isSidechain":true,"sessionId":"s1","uuid":"{}","parentUuid":{},"timestamp":"2026-01-02T03:05:0{}Z",)"
        R"("message":{{"id":"m-{}","content":{}}}}})"
        "\n",
        type, uuid, parent, second, uuid, content);
  };
  std::string text = Assistant("m1", "a", "u", call("t1") + "," + call("t2"), "{}") +
                     side("x1", "null", "user", R"("look")", 1) + side("y1", "null", "user", R"("look")", 2) +
                     side("x2", "\"x1\"", "assistant", "[]", 3) + side("y2", "\"y1\"", "assistant", "[]", 4);
  Collected log = Lines(text);
  EXPECT_EQ(log.Find(FactKind::kLlmCall, "m-x2")->session_id, "s1:sidechain:x1");
  EXPECT_EQ(log.Find(FactKind::kSession, "session", "s1:sidechain:x1")->session->parent_call, "t1");
  EXPECT_EQ(log.Find(FactKind::kSession, "session", "s1:sidechain:y1")->session->parent_call, "t2");
  EXPECT_EQ(log.Find(FactKind::kSession, "session", "s1:sidechain:y1")->session->parent_session, "s1");
  EXPECT_EQ(log.Find(FactKind::kSession, "session", "s1:sidechain:y1")->session->agent_name, "Explore");
  EXPECT_EQ(Encoded(Lines(Reversed(text))), Encoded(log));
  // A ring of parents is one chain too.
  log = Lines(side("b", "\"c\"", "assistant", "[]", 1) + side("c", "\"b\"", "assistant", "[]", 2));
  EXPECT_EQ(log.Find(FactKind::kLlmCall, "m-c")->session_id, "s1:sidechain:b");
}

TEST(ClaudeCodeChain, OrderAndRepetitionOfLinesDoNotMatter) {
  for (const fs::path& file : FilesBelow(Golden("claude-code"))) {
    if (file.extension() != ".jsonl") continue;
    std::string text = MustRead(file);
    Collected log = Lines(text);
    EXPECT_EQ(Encoded(Lines(Reversed(text))), Encoded(log)) << file;
    EXPECT_EQ(EncodedOnce(Lines(text + text)), EncodedOnce(log)) << file;
  }
}

// Old and foreign writers leave out ids: the content stands in, so that order and repetition still do not
// matter.
TEST(ClaudeCodeChain, RecordsWithoutIds) {
  std::string text = R"({"type":"user","timestamp":"2024-01-01T10:00:00Z","message":{"content":"go"}}
{"type":"assistant","timestamp":"2024-01-01T10:00:05Z","message":{"model":"m","content":[{"type":"tool_use","name":"Read","input":{}}],"usage":{"input_tokens":10,"output_tokens":5}}}
{"type":"assistant","timestamp":"2024-01-01T10:00:06Z","message":{"model":"m","content":[],"usage":{"input_tokens":11,"output_tokens":6}}}
)";
  Collected log = Lines(text, "folder/abc.jsonl");
  EXPECT_EQ(TotalsOf(log)["abc"].calls, 2);
  EXPECT_EQ(TotalsOf(log)["abc"].input, 21);
  EXPECT_EQ(TotalsOf(log)["abc"].tools.size(), 1u);
  EXPECT_EQ(Encoded(Lines(Reversed(text), "folder/abc.jsonl")), Encoded(log));
  EXPECT_EQ(EncodedOnce(Lines(text + text, "folder/abc.jsonl")), EncodedOnce(log));
}

// Any JSON type anywhere: replaces each value of a real line in turn.
TEST(ClaudeCodeInput, AnyTypeAnywhere) {
  static constexpr std::string_view kKeys[] = {
      "type",           "uuid",        "parentUuid", "sessionId", "agentId",       "timestamp",
      "message",        "id",          "content",    "usage",     "model",         "name",
      "input",          "tool_use_id", "is_error",   "text",      "toolUseResult", "isSidechain",
      "cache_creation", "stop_reason", "attachment", "prompt",    "forkedFrom",    "costUSD",
      "error",          "version",     "cwd"};
  static constexpr std::string_view kValues[] = {
      "null", "true",         "7",  "-1.5",         "\"x\"",
      "[]",   "[1,\"a\",{}]", "{}", R"({"id":[]})", "99999999999999999999"};
  std::string lines = MustRead(FilesBelow(Golden("claude-code/killed")).front());
  size_t runs = 0;
  for (std::string_view key : kKeys) {
    std::string quoted = fmt::format("\"{}\":", key);
    for (std::string_view value : kValues) {
      std::string broken = lines;
      std::string inserted = fmt::format("{},\"was-{}\":", value, key);
      for (size_t at = broken.find(quoted); at != std::string::npos; at = broken.find(quoted, at)) {
        at += quoted.size();
        broken.insert(at, inserted);
        at += inserted.size();
      }
      Collected log = Lines(broken);
      // A number out of range makes the line no JSON; then every line is a counted skip.
      EXPECT_GE(log.Count(FactKind::kSession) + log.skips.size(), 1u);
      ++runs;
    }
  }
  EXPECT_EQ(runs, std::size(kKeys) * std::size(kValues));
}

}  // namespace
}  // namespace clawtrace::capture
