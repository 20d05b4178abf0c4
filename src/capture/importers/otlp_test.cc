// The importer on recordings of real clients: committed ones always, the shared collection when it is there.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/json.h"
#include "capture/otlp_test_util.h"

namespace clawtrace::capture {
namespace {

using test::Totals;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::IsSupersetOf;
using testing::UnorderedElementsAre;

// The truth of the client kit: tokens as their wires carry them (only Anthropic's tells cache writes,
// Gemini's has reasoning beside output). Tool ids lack the client's prefix there.
struct Agent {
  Totals totals;
  std::set<std::string> failing;
};
std::map<std::string, Agent> TruthOf(const test::fs::path& folder) {
  std::map<std::string, Agent> out;
  JsonParser parser;
  auto text = ReadFile(folder / "expected.json");
  auto json = parser.Parse(text.value_or(""));
  EXPECT_TRUE(json) << folder;
  if (!json) return out;
  std::string_view wire = (*json)["wire"].text();
  (*json)["agents"].ForEachField([&](std::string_view name, Json agent) {
    if (name == "aux") return;
    Agent& a = out[name == "check" ? "check" : "main"];
    auto count = [&](std::string_view key) { return agent["tokens"][key].integer().value_or(-1); };
    a.totals.calls = agent["llm_calls"].integer().value_or(-1);
    a.totals.read = count("cache_read");
    a.totals.input = count("uncached_input") + count("cache_read") + count("cache_write");
    a.totals.write = wire == "anthropic-messages" ? count("cache_write") : 0;
    a.totals.output = count("output") + (wire == "gemini" ? count("reasoning") : 0);
    agent["tool_calls"].ForEachItem([&](Json tool) {
      a.totals.tools.insert(std::string(tool["id"].text()));
      if (tool["note"].text() == "fails") a.failing.insert(std::string(tool["id"].text()));
    });
  });
  return out;
}

// "toolu_mock_main01a" is "main01a".
std::string ShortId(const std::string& id) {
  size_t at = id.find("mock_");
  return at == std::string::npos ? id : id.substr(at + 5);
}
std::set<std::string> ShortIds(const std::set<std::string>& ids) {
  std::set<std::string> out;
  for (auto& id : ids) out.insert(ShortId(id));
  return out;
}

// What a dump cannot show, as listed in docs/formats/otlp.md.
struct Known {
  std::string folder;
  std::string signal = "traces";
  std::map<std::string, Totals> lower = {};   // instead of the truth; tools = ids that are missing
  std::set<std::string> failing_unseen = {};  // failures that no span shows
  std::set<std::string> failing_more = {};    // failures that the truth does not list
  std::set<std::string> notes = {};           // at least these, on the main session
  int64_t attempts = 0;                       // of main and sub-agent, when the spans tell
  size_t failed_calls = 0;
};

void Check(const test::fs::path& root, const Known& known) {
  SCOPED_TRACE(known.folder + " " + known.signal);
  auto log = test::ReadDump(root / known.folder / "otlp", known.signal);
  EXPECT_THAT(log.skips, IsEmpty());
  auto truth = TruthOf(root / known.folder);
  auto sessions = test::Sessions(log);
  EXPECT_EQ(sessions.size(), truth.size());
  int64_t attempts = 0;
  for (auto& [id, session] : sessions) {
    bool sub = !session.info.parent_session.empty();
    const Agent& agent = truth[sub ? "check" : "main"];
    Totals expected = agent.totals;
    if (auto lower = known.lower.find(sub ? "check" : "main"); lower != known.lower.end()) {
      auto tools = expected.tools;
      for (auto& missing : lower->second.tools) EXPECT_EQ(tools.erase(missing), 1u) << missing;
      expected = lower->second;
      expected.tools = tools;
    }
    Totals got = session.totals;
    got.tools = ShortIds(got.tools);
    EXPECT_EQ(got, expected) << id;
    auto failing = sub ? std::set<std::string>() : agent.failing;
    for (auto& unseen : known.failing_unseen) failing.erase(unseen);
    if (!sub) failing.insert(known.failing_more.begin(), known.failing_more.end());
    EXPECT_EQ(ShortIds(session.failing), failing);
    for (auto& [tool, result] : session.results)
      EXPECT_EQ(result.status == ToolStatus::kError, !result.error.empty()) << tool;
    for (auto& [tool, use] : session.uses) EXPECT_TRUE(session.calls.contains(use.llm_call)) << tool;
    for (auto& [call, llm] : session.calls) {
      attempts += llm.attempts;
      EXPECT_NE(llm.model, "") << call;
    }
    EXPECT_LE(session.prompts.size(), 1u) << "one task was given";
    if (sub) {
      ASSERT_TRUE(sessions.contains(session.info.parent_session));
      EXPECT_TRUE(sessions.at(session.info.parent_session).uses.contains(session.info.parent_call))
          << session.info.parent_call;
      EXPECT_TRUE(ShortId(session.info.parent_call).starts_with("main")) << session.info.parent_call;
    } else {
      EXPECT_THAT(session.info.notes, IsSupersetOf(known.notes));
      EXPECT_EQ(session.failed_calls.size(), known.failed_calls);
    }
  }
  if (known.attempts) {
    EXPECT_EQ(attempts, known.attempts);
  }
}

#define NEEDS_SHARED(path)           \
  if (!test::fs::is_directory(path)) \
  GTEST_SKIP() << "no recordings at " << (path) << " (CLAWTRACE_SHARED_DATA)"

TEST(OtlpRecordings, ClaudeCode) {
  auto root = test::SharedData() / "clients/claude-code";
  NEEDS_SHARED(root);
  // A call that fails validation has neither span nor event.
  Totals main{12, 226500, 202950, 23382, 1255, {"main05a"}};
  Check(root, {.folder = "main",
               .lower = {{"main", main}},
               .failing_unseen = {"main05a"},
               .notes = {"tool_args_missing:3"},
               .attempts = 16});
  Check(root, {.folder = "main", .signal = "logs", .lower = {{"main", main}}, .failing_unseen = {"main05a"}});
  Check(root, {.folder = "main",
               .signal = "",
               .lower = {{"main", main}},
               .failing_unseen = {"main05a"},
               .attempts = 16});
  Totals killed{7, 117250, 97950, 19202, 695, {"main05a"}};
  for (const char* signal : {"traces", ""}) {
    Check(root, {.folder = "killed",
                 .signal = signal,
                 .lower = {{"main", killed}},
                 .failing_unseen = {"main05a"},
                 .notes = {"missing_parent_spans:1"},
                 .attempts = 7});
  }
  Check(root, {.folder = "killed",
               .signal = "logs",
               .lower = {{"main", {5, 79500, 61900, 17530, 492, {"main05a", "main06a"}}}},
               .failing_unseen = {"main05a"}});
  for (const char* folder : {"otlp-json", "otlp-grpc", "mcp"}) {
    Check(root, {.folder = folder, .attempts = 4});
    Check(root, {.folder = folder, .signal = "logs"});
    Check(root, {.folder = folder, .signal = "", .attempts = 4});
  }
}

TEST(OtlpRecordings, Codex) {
  auto root = test::SharedData() / "clients/codex";
  NEEDS_SHARED(root);
  // An exit code is only in the output, which spans do not carry and events do.
  Check(root,
        {.folder = "main", .failing_unseen = {"main03a"}, .notes = {"tool_args_missing:15"}, .attempts = 18});
  for (const char* signal : {"logs", ""}) {
    Check(root, {.folder = "main", .signal = signal, .attempts = 18});
    Check(root, {.folder = "otlp-json", .signal = signal, .attempts = 4});
    Check(root, {.folder = "otlp-grpc", .signal = signal, .attempts = 4});
  }
  Check(root, {.folder = "otlp-json", .attempts = 4});
  Check(root, {.folder = "otlp-grpc", .attempts = 4});
  // The last batches were never sent.
  Check(root, {.folder = "killed",
               .lower = {{"main", {4, 47840, 34920, 0, 395, {"main04a", "main05a", "main06a"}}}},
               .failing_unseen = {"main03a", "main05a"},
               .notes = {"missing_parent_spans:1"},
               .attempts = 4});
  for (const char* signal : {"logs", ""}) {
    Check(root, {.folder = "killed",
                 .signal = signal,
                 .lower = {{"main", {5, 61400, 47840, 0, 492, {"main05a", "main06a"}}}},
                 .failing_unseen = {"main05a"},
                 .attempts = 5});
  }
}

TEST(OtlpRecordings, GeminiCli) {
  auto root = test::SharedData() / "clients/gemini-cli";
  NEEDS_SHARED(root);
  // Spans carry neither cached tokens nor thoughts; events do.
  for (const char* folder : {"main", "otlp-grpc"}) {
    Check(root, {.folder = folder,
                 .lower = {{"main", {12, 166260, 0, 0, 1255, {}}}, {"check", {3, 15450, 0, 0, 301, {}}}},
                 .notes = {"cache_not_reported", "reasoning_not_reported"},
                 .failed_calls = 1});
    // An exit code is only in the output, which events do not carry and spans do.
    Check(root, {.folder = folder, .signal = "logs", .failing_unseen = {"main03a"}, .failed_calls = 1});
    Check(root, {.folder = folder, .signal = "", .failed_calls = 1});
  }
}

TEST(OtlpRecordings, QwenCode) {
  auto root = test::SharedData() / "clients/qwen-code";
  NEEDS_SHARED(root);
  for (const char* folder : {"main", "otlp-grpc"}) {
    Check(root, {.folder = folder, .notes = {"tool_args_missing:13"}, .attempts = 17});
    Check(root, {.folder = folder, .signal = "logs"});
    Check(root, {.folder = folder, .signal = "", .attempts = 17});
  }
}

TEST(OtlpRecordings, Opencode) {
  auto root = test::SharedData() / "clients/opencode";
  NEEDS_SHARED(root);
  // The last batches are lost when the command exits; loading the skill failed on the recording machine. Its
  // log records tell nothing of calls.
  for (const char* signal : {"traces", ""}) {
    Check(root, {.folder = "main",
                 .signal = signal,
                 .lower = {{"main", {10, 123200, 108360, 0, 1059, {"main10a"}}}},
                 .failing_more = {"main00a"},
                 .notes = {"missing_parent_spans:1"},
                 .failed_calls = 1});
  }
  EXPECT_THAT(test::ReadDump(root / "main/otlp", "logs").facts, IsEmpty());
}

TEST(OtlpRecordings, Sdks) {
  auto root = test::SharedData() / "clients";
  NEEDS_SHARED(root);
  for (const char* folder :
       {"sdk-ai/main", "sdk-ai/otlp-json", "sdk-ai/legacy-spans", "sdk-langgraph-openinference/main"})
    Check(root, {.folder = folder});
  // No cached tokens; failed tool spans have neither the tool's name nor the call's id.
  auto log = test::ReadDump(root / "sdk-langgraph-traceloop/main/otlp");
  auto sessions = test::Sessions(log);
  ASSERT_EQ(sessions.size(), 2u);
  auto truth = TruthOf(root / "sdk-langgraph-traceloop/main");
  for (auto& [id, session] : sessions) {
    bool sub = !session.info.parent_session.empty();
    const Totals& expected = truth[sub ? "check" : "main"].totals;
    EXPECT_EQ(session.totals.calls, expected.calls);
    EXPECT_EQ(session.totals.input, expected.input);
    EXPECT_EQ(session.totals.output, expected.output);
    EXPECT_EQ(session.totals.read, 0);
    EXPECT_EQ(session.totals.tools.size(), expected.tools.size());
    EXPECT_EQ(session.failing.size(), sub ? 0u : 2u);
    if (sub) {
      EXPECT_EQ(session.info.parent_call, "call_mock_main08a");
      EXPECT_THAT(session.info.notes, ElementsAre("cache_not_reported", "parent_by_time"));
    } else {
      EXPECT_THAT(session.info.notes, ElementsAre("cache_not_reported", "tool_names_missing:2"));
    }
  }
}

TEST(OtlpRecordings, Suite) {
  auto root = test::SharedData() / "suite/recordings";
  NEEDS_SHARED(root);
  size_t count = 0, own_failures = 0;
  for (auto& entry : test::fs::recursive_directory_iterator(root)) {
    if (entry.path().filename() != "otlp") continue;
    auto folder = entry.path().parent_path();
    SCOPED_TRACE(folder);
    bool codex = folder.filename() == "codex";  // logs only
    JsonParser parser;
    auto json = parser.Parse(ReadFile(folder / "truth.json").value_or(""));
    ASSERT_TRUE(json);
    Json totals = (*json)["totals"], tokens = totals["tokens"];
    auto of = [](Json object, std::string_view key) { return object[key].integer().value_or(-1); };
    Totals expected{of(totals, "llm_calls"),
                    of(tokens, "uncached_input") + of(tokens, "cache_read") + of(tokens, "cache_write"),
                    of(tokens, "cache_read"),
                    codex ? 0 : of(tokens, "cache_write"),
                    of(tokens, "output"),
                    {}};
    std::set<std::string> failing;
    (*json)["tool_calls"].ForEachItem([&](Json tool) {
      std::string id(tool["id"].text());
      expected.tools.insert(id);
      if (tool["fails"].boolean() == true) failing.insert(id);
    });
    for (const char* signal : {"traces", "logs", ""}) {
      if (codex && signal == std::string_view("traces")) continue;
      SCOPED_TRACE(signal);
      auto sessions = test::Sessions(test::ReadDump(folder / "otlp", signal));
      ASSERT_EQ(sessions.size(), 1u);
      EXPECT_EQ(sessions.begin()->second.totals, expected);
      // A process that could not be created is in one recording, not in its script.
      auto found = sessions.begin()->second.failing;
      if (codex && failing.empty() && found.size() == 1)
        ++own_failures;
      else
        EXPECT_EQ(found, failing);
      for (const std::string& note : sessions.begin()->second.info.notes)
        EXPECT_FALSE(note.starts_with("metrics_disagree")) << note;
    }
    ++count;
  }
  EXPECT_EQ(count, 40u);
  EXPECT_EQ(own_failures, 2u) << "one, in logs alone and in all signals";
}

TEST(OtlpRecordings, SniffKnowsAllSignals) {
  auto root = test::SharedData();
  NEEDS_SHARED(root / "clients");
  size_t dumps = 0;
  for (auto& entry : test::fs::recursive_directory_iterator(root)) {
    std::string name = entry.path().filename();
    if (entry.path().parent_path().filename() != "otlp" || name == "index.jsonl") continue;
    // The OpenAI Agents SDK has a trace format of its own.
    if (entry.path().string().find("sdk-openai-agents") != std::string::npos) continue;
    std::string body = test::Body(entry.path());
    EXPECT_TRUE(test::Otlp().sniff(std::string_view(body).substr(0, kHeadBytes))) << entry.path();
    ++dumps;
  }
  EXPECT_GT(dumps, 160u);
}

TEST(OtlpImporter, CommittedRecordings) {
  Totals skilled{4,
                 61900,
                 45150,
                 16694,
                 395,
                 {"toolu_mock_skilled00a", "toolu_mock_skilled01a", "toolu_mock_skilled01b",
                  "toolu_mock_skilled01c", "toolu_mock_skilled02a"}};
  auto claude = test::Sessions(test::ReadDump(test::Golden("claude-code")));
  ASSERT_EQ(claude.size(), 1u);
  auto& session = claude.begin()->second;
  EXPECT_EQ(session.totals, skilled);
  EXPECT_EQ(session.info.agent, "claude-code");
  EXPECT_EQ(session.info.agent_version, "2.1.197");
  EXPECT_EQ(session.prompts.size(), 1u);
  EXPECT_EQ(session.uses.at("toolu_mock_skilled01a").name, "Read");
  for (auto& [id, call] : session.calls) {
    EXPECT_EQ(call.provider, "anthropic");
    EXPECT_EQ(call.usage->cache_write_unknown, call.usage->cache_write())
        << "spans do not tell the time to live";
  }
  auto suite = test::Sessions(test::ReadDump(test::Golden("claude-code-pb")));
  ASSERT_EQ(suite.size(), 1u);
  EXPECT_EQ(suite.begin()->second.totals.input, 78075);
  for (const char* name : {"sdk-ai", "sdk-ai-lines"}) {
    auto sdk = test::Sessions(test::ReadDump(test::Golden(name)));
    ASSERT_EQ(sdk.size(), 2u);
    for (auto& [id, one] : sdk) {
      bool sub = !one.info.parent_session.empty();
      EXPECT_EQ(one.totals.calls, sub ? 3 : 11);
      EXPECT_EQ(one.totals.input, sub ? 2730 : 40150);
      EXPECT_EQ(one.totals.read, sub ? 1610 : 34750);
      EXPECT_EQ(one.totals.output, sub ? 264 : 1137);
      EXPECT_EQ(one.info.parent_call, sub ? "call_mock_main08a" : "");
      EXPECT_EQ(one.info.agent_name, sub ? "checker" : "");
      if (sub) continue;
      EXPECT_THAT(one.failing, ElementsAre("call_mock_main02a", "call_mock_main04a"));
      EXPECT_EQ(one.uses.at("call_mock_main00a").args, R"({"path":"NOTES.md"})");
    }
  }
}

constexpr std::string_view kSpan =
    R"({"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"30313233343536373839616263646566","spanId":"4142434445464748","startTimeUnixNano":"5"}]}]}]})";

TEST(OtlpImporter, LayoutsOfJson) {
  std::string one(kSpan), pretty;
  for (char c : one) pretty += c == '{' || c == ',' ? std::string(1, c) + "\n  " : std::string(1, c);
  for (const std::string& text : {one, one + "\n", "  " + one + " \n\n", pretty, "\xEF\xBB\xBF" + one,
                                  one + one, one + "\n" + pretty}) {
    std::optional<std::multiset<std::string>> whole;
    for (size_t chunk : {SIZE_MAX, size_t{1}, size_t{5}, size_t{100}}) {
      test::OtlpLog log;
      test::FeedText(text, &log, chunk);
      EXPECT_THAT(log.skips, IsEmpty()) << text;
      EXPECT_GE(log.facts.size(), 1u);
      if (!whole) whole = test::Encoded(log.facts);
      EXPECT_EQ(test::Encoded(log.facts), *whole);
    }
  }
}

TEST(OtlpImporter, UnusableRecordsAreReportedWithTheirPlace) {
  std::string good(kSpan);
  auto skips = [](const std::string& text) {
    test::OtlpLog log;
    test::FeedText(text, &log);
    return std::pair(log.facts.size(), log.skips);
  };
  std::string at = std::to_string(good.size() + 1);
  EXPECT_EQ(skips(good + "\n{\"resourceLogs\":[]}\n" + good),
            std::pair(size_t{2}, std::vector<std::string>{}));
  EXPECT_EQ(skips(good + "\n{\"a\":1}\n" + good),
            std::pair(size_t{2}, std::vector<std::string>{"not-otlp@2:" + at}));
  EXPECT_EQ(skips(good + "\n" + good.substr(0, 60) + "\n" + good),
            std::pair(size_t{2}, std::vector<std::string>{"not-json@2:" + at}));
  EXPECT_EQ(skips(good + "\n{\"resourceSpans\":[\n" + good),
            std::pair(size_t{2}, std::vector<std::string>{"not-json@2:" + at}));
  EXPECT_EQ(skips(good + "\n" + good.substr(0, 60)),
            std::pair(size_t{1}, std::vector<std::string>{"truncated-line@2:" + at}));
  std::string bad_id = good;
  bad_id.replace(bad_id.find("4142"), 4, "zzzz");
  EXPECT_EQ(skips(bad_id), std::pair(size_t{0}, std::vector<std::string>{"bad-span-id@1:0"}));
  EXPECT_EQ(skips("\n\x05hello").first, 0u);
}

TEST(OtlpImporter, Sniff) {
  auto sniff = test::Otlp().sniff;
  EXPECT_TRUE(sniff(kSpan));
  EXPECT_TRUE(sniff(kSpan.substr(0, 40)));
  EXPECT_TRUE(sniff("{\n  \"resourceSpans\": [\n"));
  EXPECT_TRUE(sniff("{\"resourceLogs\":[{}]}\n{\"resourceSpans\":[]}"));
  EXPECT_TRUE(sniff("{\"resourceLogs\":[{\"resource\":{}}]}"));
  EXPECT_TRUE(sniff("{\"resourceMetrics\":[]}"));
  for (std::string_view other : {"{\"type\":\"user\",\"resourceSpans\":[]}", "{\"resourceSpans\":5}",
                                 "{\"data\":[{\"resourceSpans\":[]}]}", "", " ", "[]", "x"}) {
    EXPECT_FALSE(sniff(other)) << other;
  }
}

}  // namespace
}  // namespace clawtrace::capture
