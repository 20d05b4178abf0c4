// A writer is killed at random points: what it said was stored is there, byte-equal, once.
#include <gmock/gmock.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>

#include "base/temp_folder_test_util.h"
#include "base/text.h"
#include "store/kill_batches.h"
#include "store/sqlite_store.h"

namespace clawtrace::store {
namespace {

using testing::IsEmpty;

constexpr int kRoundsOfOneStore = 10;

int Rounds() {
  const char* set = std::getenv("CLAWTRACE_KILL_ROUNDS");
  return set ? std::atoi(set) : 20;
}

// Runs the writer until it has acknowledged that many batches, kills it, and returns all that it said.
std::set<int> RunAndKill(const std::string& path, int first, int acknowledgements) {
  std::set<int> said;
  int pipe[2];
  EXPECT_EQ(::pipe(pipe), 0);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, pipe[1], STDOUT_FILENO);
  ::posix_spawn_file_actions_addclose(&actions, pipe[0]);
  ::posix_spawn_file_actions_addclose(&actions, pipe[1]);
  std::string program = CLAWTRACE_KILL_WRITER, number = std::to_string(first), file = path;
  char* arguments[] = {program.data(), file.data(), number.data(), nullptr};
  pid_t child = 0;
  EXPECT_EQ(::posix_spawn(&child, program.c_str(), &actions, nullptr, arguments, environ), 0);
  ::posix_spawn_file_actions_destroy(&actions);
  ::close(pipe[1]);
  std::string text;
  char block[4096];
  bool killed = false;
  for (ssize_t n = 0; (n = ::read(pipe[0], block, sizeof block)) > 0;) {
    text.append(block, static_cast<size_t>(n));
    if (killed || std::ranges::count(text, '\n') < acknowledgements) continue;
    ::kill(child, SIGKILL);
    killed = true;
  }
  ::close(pipe[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_TRUE(WIFSIGNALED(status)) << "the writer stopped by itself with " << WEXITSTATUS(status);
  text.resize(text.rfind('\n') + 1);
  for (std::string_view line : Split(text, '\n')) {
    if (auto batch = ParseInt(line)) said.insert(static_cast<int>(*batch));
  }
  return said;
}

void ExpectThere(Store& store, const std::set<int>& batches) {
  std::map<std::string, Fact> facts;
  for (std::string session : {"a", "b"}) {
    auto read = store.ReadFacts("t", session, Scope::kSession, [&](Fact fact) {
      std::string key = session + fact.id;
      EXPECT_TRUE(facts.emplace(key, std::move(fact)).second) << key << " is there twice";
      return true;
    });
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(read->damaged, 0);
  }
  for (int n : batches) {
    Batch batch = KillBatch(n);
    for (const Fact& fact : batch.facts) {
      auto found = facts.find(fact.session_id + fact.id);
      ASSERT_NE(found, facts.end()) << "batch " << n << " is lost";
      EXPECT_EQ(found->second, fact);
    }
    for (const Payload& payload : batch.payloads) {
      auto read = store.ReadPayloads("t", payload.session_id, payload.id);
      ASSERT_TRUE(read && read->size() == 1) << "a payload of batch " << n << " is lost";
      EXPECT_EQ((*read)[0], payload);
    }
  }
}

TEST(KillNine, LosesNothingThatWasAcknowledged) {
  std::mt19937 random(5);
  std::optional<test::TempFolder> folder;
  std::set<int> said;
  int total = 0, next = 0;
  for (int round = 0; round < Rounds(); ++round) {
    if (round % kRoundsOfOneStore == 0) {
      folder.emplace();
      said.clear(), next = 0;
    }
    std::string path = *folder / "store.db";
    auto now = RunAndKill(path, next, static_cast<int>(random() % 60));
    total += static_cast<int>(now.size());
    said.merge(now);
    // Behind everything that was under way.
    next = (said.empty() ? next : std::max(next, *said.rbegin())) + 100;
    auto store = OpenSqliteStore({.path = path, .secret = "sixteen bytes or more"});
    ASSERT_TRUE(store) << store.error().message;
    ExpectThere(**store, said);
    auto report = (*store)->Check();
    ASSERT_TRUE(report) << report.error().message;
    ASSERT_THAT(report->problems, IsEmpty()) << "round " << round;
  }
  EXPECT_GT(total, Rounds() * 5);
}

}  // namespace
}  // namespace clawtrace::store
