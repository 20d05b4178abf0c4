#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <random>
#include <set>

#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "capture/importer.h"
#include "model/session.h"

namespace clawtrace::capture {

extern const Importer kOpenClaw;

namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::UnorderedElementsAre;

struct Read : FactSink {
  std::vector<Fact> facts;
  std::vector<std::string> skips;  // "line:reason"
  void Add(Fact&& fact) override { facts.push_back(std::move(fact)); }
  void Skip(int64_t line, int64_t, std::string_view reason) override {
    skips.push_back(std::to_string(line) + ":" + std::string(reason));
  }
  std::vector<const Fact*> Of(FactKind kind) const {
    std::vector<const Fact*> found;
    for (const Fact& fact : facts) {
      if (fact.kind == kind) found.push_back(&fact);
    }
    return found;
  }
  const Fact& One(FactKind kind, std::string_view id) const {
    static const Fact none;
    for (const Fact& fact : facts) {
      if (fact.kind == kind && fact.id == id) return fact;
    }
    ADD_FAILURE() << "no fact " << id;
    return none;
  }
};

Read ReadText(std::string_view text, std::string path = "log.jsonl", std::string sidecar = "") {
  Read read;
  auto reader = kOpenClaw.open({std::move(path), std::move(sidecar)}, &read);
  reader->Feed(text);
  reader->Finish();
  return read;
}

fs::path Golden() { return fs::path(CLAWTRACE_SOURCE_DIR) / "tests/golden"; }

std::string Text(const fs::path& path) {
  auto text = ReadFile(path);
  EXPECT_TRUE(text) << path;
  return text.value_or("");
}

Read ReadReference(const std::string& name) {
  return ReadText(Text(Golden() / "reference" / (name + ".jsonl")));
}

fs::path SharedData() {
  const char* set = std::getenv("CLAWTRACE_SHARED_DATA");
  return set ? fs::path(set) : fs::path(CLAWTRACE_SOURCE_DIR) / "../shared/data";
}

struct Sums {
  int64_t calls = 0, errors = 0, input = 0, read = 0, write = 0, output = 0;
  std::vector<std::string> tools, failing;
};

// Per session id.
std::map<std::string, Sums> SumsOf(const Read& read) {
  std::map<std::string, Sums> sums;
  for (const Fact& fact : read.facts) {
    Sums& sum = sums[fact.session_id];
    if (fact.llm && !fact.llm->error.empty()) ++sum.errors;
    if (fact.llm && fact.llm->billed && fact.llm->error.empty()) ++sum.calls;
    if (fact.llm && fact.llm->usage) {
      sum.input += fact.llm->usage->uncached_input;
      sum.read += fact.llm->usage->cache_read;
      sum.write += fact.llm->usage->cache_write();
      sum.output += fact.llm->usage->output;
    }
    if (fact.tool) sum.tools.push_back(fact.id);
    if (fact.result && fact.result->status == ToolStatus::kError) sum.failing.push_back(fact.id);
  }
  return sums;
}

// The endpoint's truth. Its wire (OpenAI chat) carries no cache writes: they are part of the input.
void ExpectTokens(const Sums& ours, Json truth, const std::string& where) {
  auto get = [&](std::string_view key) { return truth[key].integer().value_or(-1); };
  EXPECT_EQ(ours.input, get("uncached_input") + get("cache_write")) << where;
  EXPECT_EQ(ours.read, get("cache_read")) << where;
  EXPECT_EQ(ours.write, 0) << where;
  EXPECT_EQ(ours.output, get("output")) << where;
}

void ExpectIds(std::vector<std::string> ours, std::vector<std::string> truth, const std::string& where) {
  for (std::string& id : ours) id.erase(0, id.starts_with("call_mock_") ? 10 : 0);
  for (std::string& id : truth) id.erase(0, id.starts_with("call_mock_") ? 10 : 0);
  EXPECT_THAT(ours, testing::UnorderedElementsAreArray(truth)) << where;
}

void CheckClientRecording(const std::string& log, const std::string& expected, const std::string& where) {
  Read read = ReadText(log);
  EXPECT_THAT(read.skips, testing::IsEmpty()) << where;
  JsonParser parser;
  auto truth = parser.Parse(expected);
  ASSERT_TRUE(truth);
  auto sums = SumsOf(read);
  ASSERT_EQ(sums.size(), 2u) << where;
  // The parent's id is a prefix of the child's, so it comes first.
  Sums& main = sums.begin()->second;
  Sums& check = sums.rbegin()->second;
  for (auto [name, sum] : {std::pair("main", &main), std::pair("check", &check)}) {
    Json agent = (*truth)["agents"][name];
    EXPECT_EQ(sum->calls, agent["llm_calls"].integer()) << where << name;
    ExpectTokens(*sum, agent["tokens"], where + name);
    std::vector<std::string> tools;
    agent["tool_calls"].ForEachItem([&](Json tool) { tools.emplace_back(tool["id"].text()); });
    ExpectIds(sum->tools, tools, where + name);
  }
  std::vector<std::string> failing, repeated;
  (*truth)["totals"]["failing_tool_calls"].ForEachItem([&](Json id) { failing.emplace_back(id.text()); });
  ExpectIds(main.failing, failing, where);
  // A repeated read has the arguments and the output of an earlier one.
  (*truth)["totals"]["repeated_reads"].ForEachItem([&](Json id) { repeated.emplace_back(id.text()); });
  std::vector<std::string> again;
  std::set<std::pair<uint64_t, uint64_t>> seen;
  for (const Fact* use : read.Of(FactKind::kToolUse)) {
    if (use->session_id != sums.begin()->first || use->tool->name != "read") continue;
    const Fact& result = read.One(FactKind::kToolResult, use->id);
    if (!seen.emplace(use->tool->args_hash, result.result->output_hash).second) again.push_back(use->id);
  }
  ExpectIds(again, repeated, where);
}

void CheckSuiteRecording(const std::string& log, const std::string& truth_text, const std::string& where) {
  Read read = ReadText(log);
  EXPECT_THAT(read.skips, testing::IsEmpty()) << where;
  JsonParser parser;
  auto truth = parser.Parse(truth_text);
  ASSERT_TRUE(truth) << where;
  auto sums = SumsOf(read);
  ASSERT_EQ(sums.size(), 1u) << where;
  Sums& sum = sums.begin()->second;
  EXPECT_EQ(sum.calls, (*truth)["totals"]["llm_calls"].integer()) << where;
  ExpectTokens(sum, (*truth)["totals"]["tokens"], where);
  std::vector<std::string> tools, failing;
  (*truth)["tool_calls"].ForEachItem([&](Json tool) {
    tools.emplace_back(tool["id"].text());
    if (tool["fails"].boolean().value_or(false)) failing.emplace_back(tool["id"].text());
  });
  ExpectIds(sum.tools, tools, where);
  ExpectIds(sum.failing, failing, where);
}

std::string OneLog(const fs::path& folder) {
  std::string text;
  int logs = 0;
  for (auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.path().extension() != ".jsonl") continue;
    text = Text(entry.path());
    ++logs;
  }
  EXPECT_EQ(logs, 1) << folder;
  return text;
}

TEST(OpenClawTest, CommittedRecordingsEqualTheirTruth) {
  fs::path root = Golden() / "openclaw";
  CheckClientRecording(Text(root / "pi-subagent/session.jsonl"), Text(root / "pi-subagent/expected.json"),
                       "main ");
  CheckSuiteRecording(Text(root / "pi-wasteful/session.jsonl"), Text(root / "pi-wasteful/truth.json"),
                      "wasteful ");
}

TEST(OpenClawTest, SharedRecordingsEqualTheirTruth) {
  fs::path shared = SharedData();
  if (!fs::is_directory(shared)) GTEST_SKIP() << "needs the shared recordings: no " << shared;
  int client = 0, suite = 0;
  for (auto& variant : fs::directory_iterator(shared / "clients/pi")) {
    if (!fs::exists(variant.path() / "expected.json")) continue;
    CheckClientRecording(OneLog(variant.path() / "sessions"), Text(variant.path() / "expected.json"),
                         variant.path());
    ++client;
  }
  for (auto& task : fs::directory_iterator(shared / "suite/recordings")) {
    for (auto& run : fs::directory_iterator(task.path())) {
      fs::path folder = run.path() / "pi";
      if (!fs::exists(folder / "truth.json")) continue;
      CheckSuiteRecording(OneLog(folder / "session"), Text(folder / "truth.json"), folder);
      ++suite;
    }
  }
  EXPECT_GE(client, 1);
  EXPECT_GE(suite, 20);
}

TEST(OpenClawTest, RealLogsGiveEveryCall) {
  fs::path root = SharedData() / "sessions/pi-v3";
  if (!fs::is_directory(root)) GTEST_SKIP() << "needs the shared session collection: no " << root;
  int files = 0;
  Sums total;
  Usd reported;
  for (auto& entry : fs::recursive_directory_iterator(root)) {
    if (entry.path().extension() != ".jsonl") continue;
    ++files;
    std::string text = Text(entry.path());
    EXPECT_TRUE(kOpenClaw.sniff(std::string_view(text).substr(0, kHeadBytes))) << entry.path();
    Read read = ReadText(text, entry.path());
    EXPECT_THAT(read.skips, testing::IsEmpty()) << entry.path();
    int64_t lines = 0;
    for (size_t at = text.find("\"role\":\"assistant\""); at != std::string::npos;
         at = text.find("\"role\":\"assistant\"", at + 1)) {
      ++lines;
    }
    EXPECT_EQ(static_cast<int64_t>(read.Of(FactKind::kLlmCall).size()), lines) << entry.path();
    for (auto& [id, sum] : SumsOf(read)) {
      total.calls += sum.calls, total.errors += sum.errors, total.input += sum.input, total.read += sum.read;
      total.write += sum.write, total.output += sum.output;
    }
    for (const Fact* call : read.Of(FactKind::kLlmCall)) reported += call->llm->reported_cost.value_or(Usd());
  }
  EXPECT_GT(files, 10);
  EXPECT_GT(total.calls, 100);
  // Independently summed over the collection's 17 files.
  if (files == 17) {
    EXPECT_EQ(total.calls + total.errors, 192);
    EXPECT_EQ(total.input, 2264);
    EXPECT_EQ(total.read, 10181493);
    EXPECT_EQ(total.write, 922974);
    EXPECT_EQ(total.output, 274125);
    EXPECT_EQ(reported.ToDecimal(7), "10.6342674");
  }
  RecordProperty("calls", std::to_string(total.calls));
  RecordProperty("reported_usd", reported.ToDecimal());
}

TEST(OpenClawTest, ReferenceErrorsAtItemLevel) {
  Read read = ReadReference("05-errors-item-level");
  std::set<std::string> failing;
  for (const Fact* fact : read.Of(FactKind::kToolResult)) {
    EXPECT_EQ(fact->result->status, ToolStatus::kError) << fact->id;
    failing.insert(fact->id);
  }
  EXPECT_EQ(failing.size(), 15u);  // c1-c3, z0-z11; the one without an id is c3's
  EXPECT_EQ(read.One(FactKind::kToolResult, "c1").result->error, "ENOENT: no such file a");
  EXPECT_EQ(read.One(FactKind::kToolResult, "c2").result->error.substr(0, 8), "exit 1: ");
  EXPECT_EQ(read.facts.empty(), false);
  std::vector<std::string> c3;
  for (const Fact* fact : read.Of(FactKind::kToolResult)) {
    if (fact->id == "c3") c3.push_back(fact->result->error);
  }
  EXPECT_THAT(c3, UnorderedElementsAre("", R"({"code":7,"message":"boom"})"));
  EXPECT_EQ(read.Of(FactKind::kToolUse).size(), 3u);
}

TEST(OpenClawTest, ReferenceErrorsAtMessageLevel) {
  Read read = ReadReference("06-errors-message-level");
  EXPECT_EQ(read.One(FactKind::kToolResult, "c1").result->status, ToolStatus::kError);
  EXPECT_EQ(read.One(FactKind::kToolResult, "c2").result->status, ToolStatus::kOk);
  EXPECT_EQ(read.One(FactKind::kToolResult, "c2").result->exit_code, 0);
  EXPECT_EQ(read.One(FactKind::kToolUse, "c1").tool->args_hash,
            read.One(FactKind::kToolUse, "c2").tool->args_hash);
  const LlmCall& refused = *read.One(FactKind::kLlmCall, "e0008").llm;
  EXPECT_EQ(refused.error, "429 rate limit");
  EXPECT_EQ(refused.usage, Usage{});  // nothing was used, which is known
}

TEST(OpenClawTest, ReferenceSubAgents) {
  Read read = ReadReference("07-sub-agents");
  EXPECT_EQ(read.Of(FactKind::kToolUse).size(), 5u);
  EXPECT_EQ(read.One(FactKind::kToolResult, "t4").result->child_session,
            "agent:main:subagent:0c0ffee0-0000-4000-8000-000000000000");
  EXPECT_EQ(read.One(FactKind::kToolResult, "t3").result->output, "features overlap mostly");
}

TEST(OpenClawTest, ReferenceCacheCostAndModels) {
  Read read = ReadReference("08-cache-and-missing-cost");
  auto calls = read.Of(FactKind::kLlmCall);
  ASSERT_EQ(calls.size(), 5u);
  for (const Fact* call : calls) EXPECT_EQ(call->llm->usage.has_value(), call->id != "e0007");
  EXPECT_EQ(calls[0]->llm->usage->cache_write_unknown, 5000);
  EXPECT_EQ(calls[0]->llm->reported_cost, std::nullopt);
  EXPECT_EQ(calls[2]->llm->reported_cost, std::nullopt);
  EXPECT_EQ(calls[4]->llm->reported_cost, Usd::Parse("0.05625"));
  Read models = ReadReference("09-model-switch");
  EXPECT_EQ(models.One(FactKind::kLlmCall, "e0004").llm->model, "claude-opus-4-7");
  EXPECT_EQ(models.One(FactKind::kLlmCall, "e0006").llm->model, "gemini-2.5-flash");
}

TEST(OpenClawTest, ReferenceArgumentShapes) {
  Read read = ReadReference("10-args-encodings");
  auto tool = [&](std::string_view id) { return *read.One(FactKind::kToolUse, id).tool; };
  for (std::string_view id : {"a1", "a2", "a3", "a4"}) {
    EXPECT_EQ(tool(id).args, R"({"n":1,"path":"x.txt"})") << id;
    EXPECT_EQ(tool(id).name, "read") << id;
    EXPECT_FALSE(tool(id).args_broken) << id;
  }
  EXPECT_TRUE(tool("a5").args_broken);
  EXPECT_EQ(tool("a5").args, R"({"command": "ls)");
  EXPECT_EQ(tool("a7").args, "{}");
  EXPECT_EQ(tool("a8").args, "");
  EXPECT_EQ(tool("a9").name, "");
}

TEST(OpenClawTest, ReferenceContentShapes) {
  Read read = ReadReference("12-content-shapes");
  const LlmCall& first = *read.One(FactKind::kLlmCall, "e0003").llm;
  EXPECT_EQ(first.text, "plain string answer");
  EXPECT_EQ(first.usage->output, 6);
  EXPECT_EQ(first.model, "");
  const LlmCall& second = *read.One(FactKind::kLlmCall, "e0004").llm;
  EXPECT_EQ(second.text, "loose\nok");
  EXPECT_EQ(second.usage, std::nullopt);
  EXPECT_EQ(second.reported_cost, Usd::Parse("0.5"));
  EXPECT_EQ(read.One(FactKind::kLlmCall, "e0009").llm->usage, std::nullopt);
  EXPECT_THAT(read.skips,
              ElementsAre("4:wrong-type:content", "4:wrong-type:usage.input", "4:wrong-type:usage.output"));
  EXPECT_EQ(read.One(FactKind::kToolUse, "e0005").tool->args, R"({"command":"ls"})");
  EXPECT_EQ(read.One(FactKind::kToolUse, "e0005").tool->llm_call, "");
  EXPECT_EQ(read.Of(FactKind::kCompaction).size(), 1u);
}

TEST(OpenClawTest, ReferenceBadInputs) {
  auto skips = [](const std::string& name) { return ReadReference(name).skips; };
  EXPECT_THAT(skips("15a-bad-truncated-last-line"), ElementsAre("2:truncated-line"));
  EXPECT_THAT(skips("15b-bad-line-separator"), ElementsAre());
  EXPECT_EQ(ReadReference("15b-bad-line-separator").Of(FactKind::kLlmCall).size(), 2u);
  EXPECT_EQ(ReadReference("15c-bad-nel").Of(FactKind::kLlmCall).size(), 2u);
  EXPECT_THAT(skips("15d-bad-null-message"), ElementsAre("2:wrong-type:message"));
  EXPECT_THAT(skips("15e-bad-record-not-object"), ElementsAre("2:not-an-object"));
  EXPECT_THAT(skips("15f-bad-usage-text"), ElementsAre("1:wrong-type:usage.input"));
  EXPECT_THAT(skips("15g-bad-cost-number"), ElementsAre("1:missing:usage.output", "1:wrong-type:usage.cost"));
  EXPECT_THAT(skips("15h-bad-content-number"), ElementsAre("1:wrong-type:content"));
  EXPECT_THAT(skips("15i-bad-tool-name-list"), ElementsAre("1:wrong-type:toolCall.name"));
  for (std::string name :
       {"15f-bad-usage-text", "15g-bad-cost-number", "15h-bad-content-number", "15i-bad-tool-name-list"}) {
    Read read = ReadReference(name);
    ASSERT_EQ(read.Of(FactKind::kLlmCall).size(), 1u) << name;
    EXPECT_EQ(read.Of(FactKind::kLlmCall)[0]->llm->usage, std::nullopt) << name;
  }
  EXPECT_TRUE(ReadReference("15j-empty-file").facts.empty());
}

TEST(OpenClawTest, SniffTakesEveryReferenceInput) {
  for (auto& entry : fs::directory_iterator(Golden() / "reference")) {
    if (entry.path().extension() != ".jsonl" || fs::file_size(entry.path()) == 0) continue;
    EXPECT_TRUE(kOpenClaw.sniff(Text(entry.path()))) << entry.path();
  }
  for (std::string_view other :
       {R"({"type":"assistant","message":{"role":"assistant"},"uuid":"u","sessionId":"s"})",
        R"({"timestamp":"2026","type":"session_meta","payload":{"id":"x"}})",
        R"({"type":"message","role":"user","content":[]})",
        R"({"traceSchema":"openclaw-trajectory","type":"session","id":"x","version":3})",
        "{\"type\":\"session\",\"version\":3,\"id\":\"x\"}\n{\"type\":\"agent_start\"}",
        R"({"resourceSpans":[]})", "[]", "", "hello"}) {
    EXPECT_FALSE(kOpenClaw.sniff(other)) << other;
  }
  std::string long_line =
      R"({"type": "message", "message": {"role": "user", "content": ")" + std::string(kHeadBytes, 'x');
  EXPECT_TRUE(kOpenClaw.sniff(long_line.substr(0, kHeadBytes)));
}

TEST(OpenClawTest, VersionOneHasNoIds) {
  Read read = ReadText(Text(Golden() / "openclaw/linear-v1/session.jsonl"));
  auto calls = read.Of(FactKind::kLlmCall);
  ASSERT_EQ(calls.size(), 2u);
  EXPECT_EQ(calls[0]->llm->model, "claude-sonnet-4-5");  // the header's
  EXPECT_EQ(calls[1]->llm->model, "claude-haiku-4-5");
  EXPECT_EQ(calls[0]->ordinal, 2);
  EXPECT_EQ(calls[0]->node, "");
  EXPECT_EQ(read.One(FactKind::kToolUse, "toolu_1").tool->llm_call, calls[0]->id);
  EXPECT_EQ(calls[0]->session_id, "5d0c1a52-0000-4000-8000-000000000001");
  // A repeated line is the same record.
  std::string text = Text(Golden() / "openclaw/linear-v1/session.jsonl");
  EXPECT_EQ(ReadText(text + text).facts, read.facts);
}

TEST(OpenClawTest, TreeOfOpenClaw) {
  Read read = ReadText(Text(Golden() / "openclaw/openclaw-tree/session.jsonl"));
  EXPECT_THAT(read.skips, ElementsAre());
  const SessionInfo& info = *read.Of(FactKind::kSession)[0]->session;
  EXPECT_EQ(info.agent, "openclaw");
  EXPECT_EQ(info.forked_from, "7f000000-0000-4000-8000-000000000001");
  const LlmCall& first = *read.One(FactKind::kLlmCall, "a0000003").llm;
  EXPECT_EQ(first.model, "claude-sonnet-4-6");  // the snapshot's
  EXPECT_EQ(first.usage->cache_write_5m, 300);
  EXPECT_EQ(first.usage->cache_write_1h, 200);
  EXPECT_EQ(first.usage->reasoning, 8);
  EXPECT_EQ(read.One(FactKind::kLlmCall, "a0000005").llm->model, "claude-sonnet-4-6");
  EXPECT_EQ(read.One(FactKind::kLlmCall, "a0000008").llm->model, "kimi-k2.5");  // its own branch's change
  const LlmCall& summary = *read.One(FactKind::kLlmCall, "a000000a").llm;
  EXPECT_TRUE(summary.auxiliary);
  EXPECT_EQ(summary.model, "kimi-k2.5");
  EXPECT_FALSE(read.One(FactKind::kLlmCall, "a000000d").llm->billed);
  // Two answers used one tool call id; each result finds its own.
  EXPECT_EQ(read.One(FactKind::kToolResult, "exec:0@a0000003").result->exit_code, 2);
  EXPECT_EQ(read.One(FactKind::kToolResult, "exec:0@a0000003").result->status, ToolStatus::kError);
  EXPECT_EQ(read.One(FactKind::kToolResult, "exec:0@a0000008").result->output, "built");
  EXPECT_EQ(read.One(FactKind::kToolUse, "exec:0@a0000008").tool->args, R"({"command":"make all"})");
  EXPECT_EQ(
      *read.One(FactKind::kLlmCall, "a0000003").end_ns - *read.One(FactKind::kLlmCall, "a0000003").start_ns,
      2'800'000'000);
  auto sessions = AssembleSessions(read.facts);
  ASSERT_EQ(sessions.size(), 1u);
  std::map<std::string, bool> abandoned;
  for (const Step& step : sessions[0].steps) abandoned[step.call_id] = step.abandoned;
  EXPECT_TRUE(abandoned["a0000005"]);  // the branch that was left at the model change
  EXPECT_FALSE(abandoned["a0000008"]);
}

TEST(OpenClawTest, LineOrderDoesNotMatter) {
  std::string text = Text(Golden() / "openclaw/openclaw-tree/session.jsonl");
  std::vector<std::string_view> lines = Split(Trim(text), '\n');
  auto sorted = [](Read read) {
    std::ranges::sort(read.facts, {}, EncodeFact);
    return read.facts;
  };
  auto original = sorted(ReadText(text));
  std::mt19937 random(7);
  for (int round = 0; round < 50; ++round) {
    std::ranges::shuffle(lines, random);
    std::string shuffled;
    for (std::string_view line : lines) shuffled += std::string(line) + "\n";
    ASSERT_EQ(sorted(ReadText(shuffled)), original) << shuffled;
  }
}

// Editing the first prompt starts a second branch at the log's beginning.
TEST(OpenClawTest, EntriesWithoutParentAreBranchesOfOneConversation) {
  std::string log = R"({"type":"session","version":3,"id":"s","timestamp":"2026-05-02T08:00:00Z","cwd":"/w"}
{"type":"message","id":"a1","parentId":null,"timestamp":"2026-05-02T08:00:01Z","message":{"role":"user","content":"x"}}
{"type":"message","id":"a2","parentId":"a1","timestamp":"2026-05-02T08:00:02Z","message":{"role":"assistant","content":"first"}}
{"type":"message","id":"b1","parentId":null,"timestamp":"2026-05-02T08:00:03Z","message":{"role":"user","content":"y"}}
{"type":"message","id":"b2","parentId":"b1","timestamp":"2026-05-02T08:00:04Z","message":{"role":"assistant","content":"second"}}
)";
  Read read = ReadText(log);
  EXPECT_EQ(read.Of(FactKind::kSession)[0]->session->agent, "pi");
  auto sessions = AssembleSessions(read.facts);
  ASSERT_EQ(sessions.size(), 1u);
  ASSERT_EQ(sessions[0].steps.size(), 2u);
  EXPECT_TRUE(sessions[0].steps[0].abandoned);
  EXPECT_FALSE(sessions[0].steps[1].abandoned);
}

TEST(OpenClawTest, SessionIndexLinksSubAgents) {
  std::string index = R"({"agent:main:main":{"sessionId":"8a1de3c0-0000-4000-8000-000000000002"},
    "agent:main:subagent:0c0ffee0-0000-4000-8000-000000000000":{"sessionId":"child-1","spawnedBy":"agent:main:main"}})";
  Read parent = ReadText(Text(Golden() / "openclaw/openclaw-tree/session.jsonl"), "x.jsonl", index);
  EXPECT_EQ(parent.One(FactKind::kToolResult, "sessions_spawn:1").result->child_session, "child-1");
  std::string log =
      R"({"type":"session","version":3,"id":"child-1","timestamp":"2026-05-02T08:00:13Z","cwd":"/srv"}
{"type":"message","id":"b1","parentId":null,"timestamp":"2026-05-02T08:00:14Z","message":{"role":"assistant","content":"found","model":"m","provider":"p","usage":{"input":5,"output":2,"cacheRead":0,"cacheWrite":0}}}
)";
  Read child = ReadText(log, "child-1.jsonl", index);
  const SessionInfo& info = *child.Of(FactKind::kSession)[0]->session;
  EXPECT_EQ(info.parent_session, "8a1de3c0-0000-4000-8000-000000000002");
  std::vector<Fact> all = parent.facts;
  all.insert(all.end(), child.facts.begin(), child.facts.end());
  auto sessions = AssembleSessions(all);
  ASSERT_EQ(sessions.size(), 1u);
  auto spawn = std::ranges::find(sessions[0].steps, "sessions_spawn:1", &Step::call_id);
  ASSERT_NE(spawn, sessions[0].steps.end());
  ASSERT_EQ(spawn->children.size(), 1u);
  EXPECT_EQ(spawn->children[0].id, "child-1");
  EXPECT_EQ(kOpenClaw.sidecar_path("/a/sessions/x.jsonl"), "/a/sessions/sessions.json");
  EXPECT_EQ(kOpenClaw.unit_key("/h/.openclaw/agents/main/sessions/x.jsonl", ""), "/h/.openclaw/agents/main");
  EXPECT_EQ(kOpenClaw.unit_key("/h/.pi/agent/sessions/--tmp--/x.jsonl", ""), "");
}

TEST(OpenClawTest, SeveralSubAgentsInOneResult) {
  std::string message =
      R"({"role":"assistant","content":[],"usage":{"input":3,"output":1,"cacheRead":0,"cacheWrite":0}})";
  std::string result = R"({"agent":"scout","model":"acme/small","messages":[)" + message + "]}";
  std::string log = R"({"type":"session","version":3,"id":"s","cwd":"/w"}
{"type":"message","id":"a","parentId":null,"message":{"role":"toolResult","toolCallId":"c","toolName":"subagent","content":[],"details":{"results":[)" +
                    result + "," + result + R"(,{"agent":"x","usage":{}}]},"isError":false}})";
  Read read = ReadText(log);
  auto sums = SumsOf(read);
  EXPECT_EQ(sums["s/c#1"].input, 3);
  EXPECT_EQ(sums["s/c#2"].calls, 1);
  const Fact& child = read.One(FactKind::kSession, "s/c#2");
  EXPECT_EQ(child.session->parent_session, "s");
  EXPECT_EQ(child.session->parent_call, "c");
  EXPECT_EQ(child.session->agent_name, "scout");
  ASSERT_EQ(read.Of(FactKind::kLlmCall).size(), 2u);
  EXPECT_EQ(read.Of(FactKind::kLlmCall)[0]->llm->model, "small");
  EXPECT_EQ(read.Of(FactKind::kLlmCall)[0]->llm->provider, "acme");
  EXPECT_THAT(read.skips, ElementsAre("2:subagent-without-messages"));
}

TEST(OpenClawTest, UsageThatSaysNothingIsUnknown) {
  auto usage_of = [](const std::string& rest) {
    Read read = ReadText(R"({"type":"message","id":"a","parentId":null,"message":{"role":"assistant",)" +
                         rest + "}}");
    EXPECT_EQ(read.Of(FactKind::kLlmCall).size(), 1u);
    return read.Of(FactKind::kLlmCall)[0]->llm->usage;
  };
  std::string zeros = R"("usage":{"input":0,"output":0,"cacheRead":0,"cacheWrite":0})";
  EXPECT_EQ(usage_of(R"("content":"hello",)" + zeros), std::nullopt);
  EXPECT_EQ(usage_of(R"("content":[],"stopReason":"error",)" + zeros), Usage{});
  EXPECT_EQ(usage_of(R"("content":"par","stopReason":"error",)" + zeros), std::nullopt);
  EXPECT_EQ(usage_of(R"("content":[],"usage":{"input":1,"output":1,"cacheRead":"9"})"), std::nullopt);
  EXPECT_EQ(usage_of(R"("content":[],"usage":{"input":-1,"output":1})"), std::nullopt);
  EXPECT_EQ(usage_of(R"("content":[],"usage":{"input":1,"output":9e30})"), std::nullopt);
  EXPECT_EQ(usage_of(R"("content":[],"usage":7)"), std::nullopt);
  EXPECT_EQ(usage_of(R"("content":[],"usage":{"input":1,"output":2})")->output, 2);
}

TEST(OpenClawTest, TheModelThatARouterChose) {
  auto call_of = [](const std::string& models) {
    Read read = ReadText(
        R"({"type":"message","id":"a","parentId":null,"message":{"role":"assistant","content":"x",)" +
        models + "}}");
    EXPECT_EQ(read.Of(FactKind::kLlmCall).size(), 1u);
    return *read.Of(FactKind::kLlmCall)[0]->llm;
  };
  LlmCall routed = call_of(R"("model":"auto","responseModel":"gpt-5.4")");
  EXPECT_EQ(routed.model, "gpt-5.4");
  ASSERT_TRUE(routed.requested_model);
  EXPECT_EQ(*routed.requested_model, "auto");
  LlmCall plain = call_of(R"("model":"gpt-5.4")");
  EXPECT_EQ(plain.model, "gpt-5.4");
  EXPECT_FALSE(plain.requested_model);
}

TEST(OpenClawTest, JoinedLogsStayApart) {
  std::string a = Text(Golden() / "openclaw/pi-wasteful/session.jsonl");
  std::string b = Text(Golden() / "openclaw/linear-v1/session.jsonl");
  Read both = ReadText(a + b, "-");
  EXPECT_EQ(SumsOf(both).size(), 2u);
  EXPECT_EQ(both.facts.size(), ReadText(a).facts.size() + ReadText(b).facts.size());
}

TEST(OpenClawTest, LogsWithoutHeaderAreNamedByTheirFile) {
  std::string line = R"({"type":"message","message":{"role":"user","content":"hi"}})";
  EXPECT_EQ(ReadText(line, "/x/2026-01-01_5d0c1a52-0000-4000-8000-000000000001.jsonl").facts[0].session_id,
            "5d0c1a52-0000-4000-8000-000000000001");
  EXPECT_EQ(ReadText(line, "/x/abc.jsonl.reset.2026").facts[0].session_id, "abc");
  EXPECT_TRUE(ReadText(line, "-").facts[0].session_id.starts_with("stdin-"));
}

}  // namespace
}  // namespace clawtrace::capture
