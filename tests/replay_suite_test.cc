// What released clients did, executed again in the sandbox: the same results, the same effects, the same
// files.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <map>

#include "base/file.h"
#include "base/json.h"
#include "base/temp_folder_test_util.h"
#include "capture/gather.h"
#include "replay/execute.h"
#include "replay/sandbox.h"
#include "replay/workspace.h"
#include "support/data.h"

namespace clawtrace {
namespace {

namespace fs = std::filesystem;
using namespace replay;

constexpr std::string_view kRecordedAt = "/tmp/demo";
const SandboxHost kHost = {.program = CLAWTRACE_BINARY, .scratch = "/tmp"};

Session SessionOf(const fs::path& log) {
  capture::Plan plan = capture::PlanInputs({log.string()});
  std::vector<Session> all;
  for (const capture::Unit& unit : plan.units) {
    capture::UnitResult read = capture::ReadUnit(unit, plan, {});
    std::ranges::move(read.sessions, std::back_inserter(all));
  }
  EXPECT_EQ(all.size(), 1u) << log;
  return all.size() == 1 ? std::move(all[0]) : Session{};
}

// A copy of what an archive or a folder holds, in a sandbox, where the recording had it.
struct Place {
  StartWorkspace start;
  std::unique_ptr<Workplace> workplace;
};
Place Open(const fs::path& archive) {
  auto start = OpenWorkspace(archive.string(), "/tmp");
  EXPECT_TRUE(start) << start.error().message;
  if (!start) return {};
  auto workplace = OpenSandbox({.workspace = start->folder, .at = std::string(kRecordedAt)}, kHost);
  EXPECT_TRUE(workplace) << workplace.error().message;
  return {*std::move(start), workplace ? *std::move(workplace) : nullptr};
}

std::string NamesIn(Json list) {
  std::string names;
  list.ForEachItem([&](Json name) { names += std::string(name.text()) + "\n"; });
  return names;
}
std::string NamesIn(const std::vector<std::string>& list) {
  std::string names;
  for (const std::string& name : list) names += name + "\n";
  return names;
}

// Each step against the truth that the suite states of it.
void ExpectTruth(Json truth, std::span<const Moment> line, const Execution& all) {
  std::map<std::string, Json, std::less<>> calls;
  truth["tool_calls"].ForEachItem([&](Json call) { calls[std::string(call["id"].text())] = call; });
  size_t seen = 0;
  for (size_t i = 0; i < line.size(); ++i) {
    if (line[i].step->kind == StepKind::kLlmCall) continue;
    const StepRun& run = all.runs[i];
    SCOPED_TRACE(line[i].id + " " + line[i].step->tool.name + " " + line[i].step->tool.args.substr(0, 200));
    auto call = calls.find(line[i].step->call_id);
    ASSERT_NE(call, calls.end());
    ++seen;
    // The truth is about what was asked for; a client that refused it did nothing.
    if (run.why != "the client refused it") {
      EXPECT_EQ(run.ok, !call->second["fails"].boolean().value_or(false)) << run.output;
      EXPECT_EQ(NamesIn(run.changed), NamesIn(call->second["effects"]));
    }
    EXPECT_FALSE(run.unsupported) << run.why;
  }
  EXPECT_EQ(seen, calls.size());
}

TEST(ReplaySuiteTest, RecordingsOfTheSuiteComeOutAsRecorded) {
  CT_NEEDS_SHARED_DATA();
  if (auto there = SandboxAvailable(kHost); !there)
    GTEST_SKIP() << "this machine allows no sandbox: " << there.error().message;
  if (fs::exists("/usr/bin/python"))
    GTEST_SKIP() << "the recordings need a machine on which no python is on PATH, only python3";
  size_t recordings = 0;
  int64_t comparable = 0, matched = 0;
  for (const auto& entry : fs::recursive_directory_iterator(test::SharedData() / "suite/recordings")) {
    if (entry.path().filename() != "truth.json") continue;
    fs::path folder = entry.path().parent_path();
    SCOPED_TRACE(folder.string());
    ++recordings;
    Session session = SessionOf(folder / "session");
    std::vector<Moment> line = TimelineOf(session);
    Place place = Open(folder / "workspace-start.tar.gz"), end = Open(folder / "workspace-end.tar.gz");
    ASSERT_TRUE(place.workplace && end.workplace);
    auto all = Execute(line, std::vector<bool>(line.size(), true), *place.workplace, {.effects = true});
    ASSERT_TRUE(all) << all.error().message;
    EXPECT_GE(all->fidelity(), 0.95);
    comparable += all->comparable, matched += all->matched;
    auto bytes = ReadFile(entry.path());
    ASSERT_TRUE(bytes);
    JsonParser parser;
    auto truth = parser.Parse(*bytes);
    ASSERT_TRUE(truth);
    ExpectTruth(*truth, line, *all);
    auto want = end.workplace->ReadTree();
    ASSERT_TRUE(want) << want.error().message;
    EXPECT_EQ(all->final_tree, *want);
  }
  EXPECT_EQ(recordings, 60u);
  EXPECT_GT(comparable, 400);
  // Two programs may write to one pipe at once.
  EXPECT_GE(matched, comparable - 2);
}

// The same task by seven clients, with a failing command, a failing edit, repeats and a sub-agent.
TEST(ReplaySuiteTest, SevenClientsComeOutAsRecorded) {
  CT_NEEDS_SHARED_DATA();
  if (auto there = SandboxAvailable(kHost); !there)
    GTEST_SKIP() << "this machine allows no sandbox: " << there.error().message;
  fs::path root = test::SharedData() / "clients";
  test::TempFolder folder;
  fs::path start = folder / "start";
  std::string make = "bash '" + (root / "run/make-workspace.sh").string() + "' '" + start.string() + "'";
  if (std::system(make.c_str()) != 0) GTEST_SKIP() << "making the workspace needs bash and git";
  const std::pair<std::string, std::string> kLogs[] = {
      {"claude-code", "dot-claude"}, {"codex", "sessions"},
      {"gemini-cli", "dot-gemini"},  {"openclaw", "openclaw-agent.sqlite"},
      {"opencode", "opencode.db"},   {"pi", "sessions"},
      {"qwen-code", "dot-qwen"},
  };
  for (const auto& [client, log] : kLogs) {
    SCOPED_TRACE(client);
    Session session = SessionOf(root / client / "main" / log);
    std::vector<Moment> line = TimelineOf(session);
    Place place = Open(start);
    ASSERT_TRUE(place.workplace);
    auto all = Execute(line, std::vector<bool>(line.size(), true), *place.workplace,
                       {.recorded_at = std::string(kRecordedAt)});
    ASSERT_TRUE(all) << all.error().message;
    EXPECT_GE(all->comparable, 8);
    for (size_t i = 0; i < line.size(); ++i) {
      const StepRun& run = all->runs[i];
      // The client lost the output of this one: it recorded "(empty)" for a command that prints a number.
      bool lost = client == "qwen-code" && run.difference == "line 1: nothing recorded, \"548\" executed";
      EXPECT_TRUE(lost || run.match != Match::kDiffers) << line[i].id << ": " << run.difference;
    }
    auto text = place.workplace->ReadFile("out/summary.csv");
    EXPECT_EQ(text.value_or("none"), "north,156.00\nsouth,297.00\nwest,95.00\n");
  }
}

}  // namespace
}  // namespace clawtrace
