// Every recording of a real client has a truth computed from what the endpoint saw. Session logs must give
// exactly that.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <set>

#include "base/file.h"
#include "base/json.h"
#include "base/temp_folder_test_util.h"
#include "capture/gather.h"
#include "compile/compile.h"
#include "support/data.h"

namespace clawtrace {
namespace {

namespace fs = std::filesystem;

const PriceBook& Book() {
  static const PriceBook book = [] {
    auto tsv = ReadFile(test::SourceDir() / "data/prices.tsv");
    CT_CHECK(tsv.has_value());
    auto parsed = PriceBook::FromTsv(*tsv, "prices.tsv");
    CT_CHECK(parsed.has_value());
    return *parsed;
  }();
  return book;
}

struct Read {
  std::vector<Session> sessions;
  std::vector<capture::Unusable> unusable;
};

Read ReadPath(const fs::path& path) {
  Read read;
  capture::Plan plan = capture::PlanInputs({path.string()});
  read.unusable = plan.unusable;
  for (const capture::Unit& unit : plan.units) {
    for (Session& session : capture::ReadUnit(unit, plan, {}).sessions)
      read.sessions.push_back(std::move(session));
  }
  return read;
}

struct AgentTruth {
  int64_t calls = 0;
  Usage tokens;  // cache writes in cache_write_unknown
  std::set<std::string> tools;
};

// What one recording must give after the rules for its wire (what the wire does not carry cannot be told).
void AddTokens(Json tokens, const std::string& wire, Usage* usage) {
  auto get = [&](std::string_view key) { return tokens[key].integer().value_or(0); };
  bool writes_on_wire = wire == "anthropic-messages";
  usage->uncached_input += get("uncached_input") + (writes_on_wire ? 0 : get("cache_write"));
  usage->cache_read += get("cache_read");
  usage->cache_write_unknown += writes_on_wire ? get("cache_write") : 0;
  usage->output +=
      get("output") + (wire == "gemini" || wire == "gemini-generate-content" ? get("reasoning") : 0);
}

struct Measured {
  int64_t calls = 0;
  Usage tokens;
  std::set<std::string> tools, failing, suspected;
};

void Measure(const Session& session, Measured* own) {
  for (const Step& step : session.steps) {
    if (step.kind == StepKind::kLlmCall) {
      if (!step.llm.billed || step.llm.auxiliary) continue;
      if (!step.llm.error.empty() && step.llm.usage.value_or(Usage{}).total() == 0)
        continue;  // a failed attempt
      ++own->calls;
      if (step.llm.usage) own->tokens += *step.llm.usage;
    } else if (!step.result_only && step.tool.name != "unlinked_subagent") {
      own->tools.insert(step.call_id);
      if (step.result.status == ToolStatus::kError) own->failing.insert(step.call_id);
    }
  }
}

std::vector<const Session*> ChildrenOf(const Session& session) {
  std::vector<const Session*> children;
  for (const Step& step : session.steps) {
    for (const Session& child : step.children) children.push_back(&child);
  }
  return children;
}

bool EndsWithOneOf(const std::string& id, const std::string& truth) {
  return id == truth || id.ends_with(truth);
}

void ExpectTools(const std::set<std::string>& ours, const std::vector<std::string>& truth,
                 const std::string& where) {
  EXPECT_EQ(ours.size(), truth.size()) << where;
  for (const std::string& id : truth) {
    EXPECT_TRUE(
        std::any_of(ours.begin(), ours.end(), [&](const std::string& o) { return EndsWithOneOf(o, id); }))
        << where << " misses " << id;
  }
}

void ExpectTokens(const Usage& ours, const Usage& truth, const std::string& where) {
  EXPECT_EQ(ours.uncached_input, truth.uncached_input) << where;
  EXPECT_EQ(ours.cache_read, truth.cache_read) << where;
  EXPECT_EQ(ours.cache_write(), truth.cache_write_unknown) << where;
  EXPECT_EQ(ours.output, truth.output) << where;
}

std::vector<std::string> Suspected(const Session& session) {
  TraceCard card = compile::CompileCard(PriceSession(session, Book()), Book());
  std::vector<std::string> ids;
  for (const CardStep& step : card.steps) {
    if (step.suspected) ids.push_back(step.call_id);
  }
  return ids;
}

void ExpectEachStepSumsToTotal(const Session& session, const std::string& where) {
  TraceCard card = compile::CompileCard(PriceSession(session, Book()), Book());
  Usd sum;
  for (const CardStep& step : card.steps) sum += step.cost_usd.value_or(Usd());
  EXPECT_EQ(sum, card.total_cost_usd.value_or(Usd())) << where;
}

// A log and the telemetry of the same session, read together as the commands do.
Read ReadTogether(const fs::path& logs, const fs::path& telemetry) {
  Read read;
  capture::Plan plan = capture::PlanInputs({logs.string(), telemetry.string()});
  std::vector<const capture::Unit*> units;
  for (const capture::Unit& unit : plan.units) units.push_back(&unit);
  read.sessions = capture::ReadUnits(units, plan, {}).sessions;
  return read;
}

// Without the tools' outputs nothing shows that a second look gave the same.
enum class Outputs { kTold, kNotTold };

// own_failures: tool calls that fail for a reason of the client's, which no script asked for. telemetry: read
// together with the logs, which must change no total; "" for the logs alone.
void CheckClient(const fs::path& recording, const fs::path& logs,
                 const std::vector<std::string>& own_failures = {}, const fs::path& telemetry = {},
                 Outputs outputs = Outputs::kTold) {
  SCOPED_TRACE(recording.string() + (telemetry.empty() ? "" : " with telemetry"));
  auto text = ReadFile(recording / "expected.json");
  ASSERT_TRUE(text);
  JsonParser parser;
  Json truth = *parser.Parse(*text);
  std::string wire(truth["wire"].text());
  Read read = telemetry.empty() ? ReadPath(logs) : ReadTogether(logs, telemetry);
  ASSERT_EQ(read.sessions.size(), 1u);
  const Session& root = read.sessions.front();
  Measured main;
  Measure(root, &main);
  auto check_agent = [&](Json agent, const Measured& ours, const std::string& name) {
    Usage tokens;
    AddTokens(agent["tokens"], wire, &tokens);
    EXPECT_EQ(ours.calls, agent["llm_calls"].integer().value_or(-1)) << name;
    ExpectTokens(ours.tokens, tokens, name);
    std::vector<std::string> ids;
    agent["tool_calls"].ForEachItem([&](Json tool) { ids.emplace_back(tool["id"].text()); });
    ExpectTools(ours.tools, ids, name);
  };
  check_agent(truth["agents"]["main"] ? truth["agents"]["main"] : truth["agents"]["skilled"], main, "main");
  if (truth["agents"]["check"]) {
    auto children = ChildrenOf(root);
    ASSERT_EQ(children.size(), 1u);
    Measured child;
    Measure(*children[0], &child);
    check_agent(truth["agents"]["check"], child, "check");
  }
  std::vector<std::string> failing = own_failures, repeated;
  truth["totals"]["failing_tool_calls"].ForEachItem([&](Json id) { failing.emplace_back(id.text()); });
  truth["totals"]["repeated_reads"].ForEachItem([&](Json id) { repeated.emplace_back(id.text()); });
  ExpectTools(main.failing, failing, "failing");
  auto suspected = Suspected(root);
  if (outputs == Outputs::kNotTold) repeated.clear();
  for (const std::string& id : repeated) {
    EXPECT_TRUE(std::any_of(suspected.begin(), suspected.end(),
                            [&](const std::string& s) { return EndsWithOneOf(s, id); }))
        << "not found as repeated: " << id;
  }
  ExpectEachStepSumsToTotal(root, recording.string());
}

TEST(TruthTest, ClientsMainRecordings) {
  CT_NEEDS_SHARED_DATA();
  fs::path clients = test::SharedData() / "clients";
  for (const char* variant : {"main", "otlp-json", "otlp-grpc", "mcp"}) {
    if (fs::exists(clients / "claude-code" / variant))
      CheckClient(clients / "claude-code" / variant, clients / "claude-code" / variant / "dot-claude");
    if (fs::exists(clients / "codex" / variant))
      CheckClient(clients / "codex" / variant, clients / "codex" / variant / "sessions");
    if (fs::exists(clients / "gemini-cli" / variant))
      CheckClient(clients / "gemini-cli" / variant, clients / "gemini-cli" / variant / "dot-gemini");
    if (fs::exists(clients / "qwen-code" / variant))
      CheckClient(clients / "qwen-code" / variant, clients / "qwen-code" / variant / "dot-qwen");
    if (fs::exists(clients / "pi" / variant))
      CheckClient(clients / "pi" / variant, clients / "pi" / variant / "sessions");
    // The skill tool wants a program that was not there.
    if (fs::exists(clients / "opencode" / variant)) {
      CheckClient(clients / "opencode" / variant, clients / "opencode" / variant / "opencode.db",
                  {"main00a"});
      test::TempFolder exports;
      for (const auto& file : fs::directory_iterator(clients / "opencode" / variant)) {
        if (file.path().filename().string().starts_with("export-"))
          fs::copy_file(file.path(), exports / file.path().filename());
      }
      CheckClient(clients / "opencode" / variant, exports.path(), {"main00a"});
    }
    if (fs::exists(clients / "openclaw" / variant / "openclaw-agent.sqlite"))
      CheckClient(clients / "openclaw" / variant, clients / "openclaw" / variant / "openclaw-agent.sqlite");
  }
}

// One session told by its log, its spans, its events and its counters counts once.
TEST(TruthTest, LogsTogetherWithTelemetry) {
  CT_NEEDS_SHARED_DATA();
  fs::path clients = test::SharedData() / "clients";
  for (const char* variant : {"main", "otlp-json", "otlp-grpc", "mcp"}) {
    fs::path claude = clients / "claude-code" / variant, codex = clients / "codex" / variant;
    if (fs::exists(claude)) CheckClient(claude, claude / "dot-claude", {}, claude / "otlp");
    if (fs::exists(codex)) CheckClient(codex, codex / "sessions", {}, codex / "otlp");
  }
  fs::path opencode = clients / "opencode/main";
  for (const char* variant : {"main", "otlp-grpc"}) {
    fs::path gemini = clients / "gemini-cli" / variant, qwen = clients / "qwen-code" / variant;
    CheckClient(gemini, gemini / "dot-gemini", {}, gemini / "otlp");
    CheckClient(qwen, qwen / "dot-qwen", {}, qwen / "otlp");
  }
  CheckClient(opencode, opencode / "opencode.db", {"main00a"}, opencode / "otlp");
}

// Only telemetry tells of the call that gave the session its title; no price is known for it.
TEST(TruthTest, ATitleDoesNotMakeASessionUnpriced) {
  CT_NEEDS_SHARED_DATA();
  fs::path opencode = test::SharedData() / "clients/opencode/main";
  Read read = ReadTogether(opencode / "opencode.db", opencode / "otlp");
  ASSERT_EQ(read.sessions.size(), 1u);
  const Session& session = read.sessions.front();
  EXPECT_EQ(std::ranges::count(session.notes, "title_call_not_logged"), 0);
  TraceCard card = compile::CompileCard(PriceSession(session, Book()), Book());
  EXPECT_EQ(card.cost_status, CostStatus::kReported);
  EXPECT_EQ(card.coverage->unpriced, 1);
}

// Telemetry without the log: the bodies as they were sent, some of them compressed.
TEST(TruthTest, TelemetryAlone) {
  CT_NEEDS_SHARED_DATA();
  fs::path clients = test::SharedData() / "clients";
  for (const char* variant : {"main", "otlp-grpc"}) {
    fs::path gemini = clients / "gemini-cli" / variant, qwen = clients / "qwen-code" / variant;
    CheckClient(gemini, gemini / "otlp");
    CheckClient(qwen, qwen / "otlp", {}, {}, Outputs::kNotTold);
  }
}

// OpenClaw's plugin tells one sum for all requests of an attempt: every token and tool is there, the requests
// are not (4 calls for 16, docs/formats/openclaw-plugin.md).
TEST(TruthTest, OpenClawPluginAlone) {
  CT_NEEDS_SHARED_DATA();
  fs::path recording = test::SharedData() / "clients/openclaw/clawtrace-plugin";
  auto text = ReadFile(recording / "expected.json");
  ASSERT_TRUE(text);
  JsonParser parser;
  Json truth = *parser.Parse(*text);
  Read read = ReadPath(recording / "events");
  ASSERT_EQ(read.sessions.size(), 1u);
  const Session& root = read.sessions.front();
  auto children = ChildrenOf(root);
  ASSERT_EQ(children.size(), 1u);
  Measured main, child;
  Measure(root, &main), Measure(*children[0], &child);
  EXPECT_EQ(main.calls, 3);
  EXPECT_EQ(child.calls, 1);
  std::vector<std::string> failing;
  truth["totals"]["failing_tool_calls"].ForEachItem([&](Json id) { failing.emplace_back(id.text()); });
  ExpectTools(main.failing, failing, "failing");
  for (auto& [name, ours] : {std::pair("main", &main), std::pair("check", &child)}) {
    Usage tokens;
    AddTokens(truth["agents"][name]["tokens"], "openai-chat", &tokens);
    ExpectTokens(ours->tokens, tokens, name);
    std::vector<std::string> ids;
    truth["agents"][name]["tool_calls"].ForEachItem([&](Json tool) { ids.emplace_back(tool["id"].text()); });
    ExpectTools(ours->tools, ids, name);
  }
  for (const Session* session : {&root, children[0]})
    EXPECT_TRUE(std::ranges::count(session->notes, "calls_summed_per_attempt")) << session->id;
  ExpectEachStepSumsToTotal(root, recording.string());
}

// The same script ran with the plugin and, a few minutes before, with the database kept: the plugin's clock
// is set back to that run.
TEST(TruthTest, OpenClawPluginTogetherWithTheDatabase) {
  CT_NEEDS_SHARED_DATA();
  fs::path clients = test::SharedData() / "clients/openclaw";
  fs::path database = clients / "main/openclaw-agent.sqlite";
  Read log = ReadPath(database), plugin = ReadPath(clients / "clawtrace-plugin/events");
  ASSERT_EQ(log.sessions.size(), 1u);
  ASSERT_EQ(plugin.sessions.size(), 1u);
  int64_t back_ms = (*plugin.sessions[0].start_ns - *log.sessions[0].start_ns) / 1'000'000;
  test::TempFolder events;
  for (const auto& file : fs::directory_iterator(clients / "clawtrace-plugin/events")) {
    auto text = ReadFile(file.path());
    ASSERT_TRUE(text);
    constexpr std::string_view kTime = "\"tsMs\":";
    size_t at = text->find(kTime);
    if (at == std::string::npos) continue;
    at += kTime.size();
    size_t digits = text->find(',', at) - at;
    text->replace(at, digits, std::to_string(std::stoll(text->substr(at, digits)) - back_ms));
    std::ofstream(events / file.path().filename()) << *text;
  }
  CheckClient(clients / "main", database, {}, events.path());
  Read joined = ReadTogether(database, events.path());
  ASSERT_EQ(joined.sessions.size(), 1u);
  EXPECT_TRUE(std::ranges::count(joined.sessions[0].notes, "joined_with:openclaw-plugin"));
  EXPECT_FALSE(std::ranges::count(joined.sessions[0].notes, "attempts_sum_to_more"));
}

// Needed calls that a detector suspects are false alarms; wasteful ones that it names are hits.
struct Alarms {
  int hits = 0, repeats_in_truth = 0, false_alarms = 0, own_failures = 0;
};

void CheckSuite(const fs::path& recording, Alarms* alarms) {
  SCOPED_TRACE(recording.string());
  auto text = ReadFile(recording / "truth.json");
  ASSERT_TRUE(text);
  JsonParser parser;
  Json truth = *parser.Parse(*text);
  std::string client = recording.filename();
  std::string wire = client == "claude-code" ? "anthropic-messages" : "openai";
  Read read = fs::exists(recording / "otlp") ? ReadTogether(recording / "session", recording / "otlp")
                                             : ReadPath(recording / "session");
  ASSERT_EQ(read.sessions.size(), 1u);
  const Session& root = read.sessions.front();
  Measured main;
  Measure(root, &main);
  EXPECT_EQ(main.calls, truth["totals"]["llm_calls"].integer().value_or(-1));
  Usage tokens;
  AddTokens(truth["totals"]["tokens"], wire, &tokens);
  ExpectTokens(main.tokens, tokens, "totals");
  std::vector<std::string> ids, failing;
  std::map<std::string, std::pair<bool, std::string>> needed;
  truth["tool_calls"].ForEachItem([&](Json tool) {
    ids.emplace_back(tool["id"].text());
    if (tool["fails"].boolean().value_or(false)) failing.emplace_back(tool["id"].text());
    std::string reasons;
    tool["reasons"].ForEachItem([&](Json reason) { reasons += std::string(reason.text()) + " "; });
    needed[std::string(tool["id"].text())] = {tool["truth"].text() == "needed", reasons};
  });
  ExpectTools(main.tools, ids, "tools");
  for (const std::string& id : failing) {
    EXPECT_TRUE(std::any_of(main.failing.begin(), main.failing.end(),
                            [&](const std::string& f) { return EndsWithOneOf(f, id); }))
        << "failure not found: " << id;
  }
  // What fails beyond the script is a client's own trouble: one Codex call whose process could not be
  // created.
  for (const std::string& id : main.failing) {
    bool scripted = std::any_of(failing.begin(), failing.end(),
                                [&](const std::string& f) { return EndsWithOneOf(id, f); });
    if (!scripted) ++alarms->own_failures;
  }
  auto suspected = Suspected(root);
  for (auto& [id, info] : needed) {
    bool flagged = std::any_of(suspected.begin(), suspected.end(),
                               [&](const std::string& s) { return EndsWithOneOf(s, id); });
    bool repeat = info.second.find("repeat_read") != std::string::npos ||
                  info.second.find("retry_unchanged") != std::string::npos ||
                  info.second.find("verification_repeat") != std::string::npos;
    if (!info.first && repeat) ++alarms->repeats_in_truth, alarms->hits += flagged;
    if (!info.first && repeat && !flagged)
      if (std::getenv("CLAWTRACE_VERBOSE"))
        std::printf("missed   %s %s %s\n", recording.c_str(), id.c_str(), info.second.c_str());
    if (info.first && flagged)
      ++alarms->false_alarms,
          std::printf("false    %s %s %s\n", recording.c_str(), id.c_str(), info.second.c_str());
  }
  ExpectEachStepSumsToTotal(root, recording.string());
}

TEST(TruthTest, SuiteRecordings) {
  CT_NEEDS_SHARED_DATA();
  Alarms alarms;
  int recordings = 0;
  for (const auto& entry : fs::recursive_directory_iterator(test::SharedData() / "suite/recordings")) {
    if (entry.path().filename() == "truth.json")
      CheckSuite(entry.path().parent_path(), &alarms), ++recordings;
  }
  EXPECT_GE(recordings, 60);
  EXPECT_EQ(alarms.false_alarms, 0);
  EXPECT_EQ(alarms.own_failures, 1);
  std::printf("suite: %d recordings, %d of %d repeats and retries found, %d false alarms\n", recordings,
              alarms.hits, alarms.repeats_in_truth, alarms.false_alarms);
}

}  // namespace
}  // namespace clawtrace
