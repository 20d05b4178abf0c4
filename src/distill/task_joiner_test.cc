#include "distill/task_joiner.h"

#include <fmt/core.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace clawtrace::distill {
namespace {

using Tasks = std::vector<std::pair<std::string, std::string>>;  // name, prompt

std::map<std::string, std::string> Joined(const Tasks& tasks) {
  TaskJoiner joiner;
  for (const auto& [name, prompt] : tasks) joiner.Add("family", name, prompt);
  return joiner.Join();
}

std::string Variation(size_t number) {
  return fmt::format("Please look into report {} of the weekly list and tell me what went wrong there",
                     number);
}

TEST(TaskJoiner, VariationsOfOnePromptAreOneTaskHoweverManyThereAre) {
  constexpr size_t kMany = TaskJoiner::kMostCompared + 500;
  Tasks tasks;
  for (size_t i = 0; i < kMany; ++i) tasks.emplace_back(fmt::format("t{:05}", i), Variation(i));
  tasks.emplace_back("other", "Write a letter to the bank about the second account and its fees, please");
  auto joined = Joined(tasks);
  EXPECT_EQ(joined.size(), kMany);
  for (const auto& [task, root] : joined) EXPECT_EQ(root, "t00000") << task;
}

TEST(TaskJoiner, ManyKindsOfPromptsStayApart) {
  constexpr size_t kMany = 2 * TaskJoiner::kMostCompared, kKinds = 10;
  Tasks tasks;
  for (size_t i = 0; i < kMany; ++i) {
    size_t kind = i % kKinds;
    tasks.emplace_back(fmt::format("t{:05}", i),
                       fmt::format("{} colour{} shape{} place{}", Variation(i), kind, kind, kind));
  }
  auto joined = Joined(tasks);
  EXPECT_EQ(joined.size(), kMany);
  for (const auto& [task, root] : joined) EXPECT_EQ(root, fmt::format("t0000{}", task.back())) << task;
}

// The same as comparing all pairs, in any order of adding.
TEST(TaskJoiner, FindsWhatAllPairsWouldFind) {
  std::mt19937 random(7);
  for (int round = 0; round < 40; ++round) {
    Tasks tasks;
    for (int i = 0; i < 60; ++i) {
      std::string prompt;
      for (int word = 0; word < 12; ++word)
        prompt += fmt::format("w{} ", random() % 8 == 0 ? random() % 30 : word);
      tasks.emplace_back(fmt::format("t{:02}", i), prompt);
    }
    std::map<std::string, std::string> wanted;
    std::vector<std::pair<std::string, std::string>> alike;
    for (size_t i = 0; i < tasks.size(); ++i) {
      wanted[tasks[i].first] = tasks[i].first;
      for (size_t j = 0; j < i; ++j) {
        if (Joined({tasks[i], tasks[j]}).size() == 2) alike.emplace_back(tasks[i].first, tasks[j].first);
      }
    }
    for (bool changed = true; changed;) {
      changed = false;
      for (const auto& [a, b] : alike) {
        const std::string& first = std::min(wanted[a], wanted[b]);
        changed = changed || wanted[a] != wanted[b];
        wanted[a] = wanted[b] = std::string(first);
      }
    }
    std::shuffle(tasks.begin(), tasks.end(), random);
    auto joined = Joined(tasks);
    for (const auto& [task, root] : wanted) {
      auto found = joined.find(task);
      EXPECT_EQ(found == joined.end() ? task : found->second, root) << round;
    }
  }
}

}  // namespace
}  // namespace clawtrace::distill
