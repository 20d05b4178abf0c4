#include "distill/savings.h"

#include <algorithm>

#include "distill/mining/random.h"

namespace clawtrace::distill {
namespace {

__extension__ typedef __int128 Wide;

struct Sum {
  Wide pico = 0;
  int64_t count = 0;
};

Usd Mean(const Sum& sum) {
  // Half away from zero; amounts are not negative.
  return Usd::Pico(static_cast<int64_t>((sum.pico + sum.count / 2) / sum.count));
}

}  // namespace

std::optional<SavingsEstimate> EstimateSavings(const std::map<std::string, std::vector<Usd>>& by_task) {
  std::vector<Sum> tasks;
  Sum all;
  for (const auto& [task, savings] : by_task) {
    if (savings.empty()) continue;
    Sum& sum = tasks.emplace_back();
    for (Usd amount : savings) sum.pico += amount.pico();
    sum.count = std::ssize(savings);
    all.pico += sum.pico, all.count += sum.count;
  }
  if (all.count == 0) return std::nullopt;
  SavingsEstimate estimate{Mean(all), {}, {}};
  if (tasks.size() < 2) return estimate;
  constexpr size_t kResamples = 2000, kTail = kResamples / 40;
  constexpr uint64_t kSeed = 0xc1a37ace;
  std::vector<Usd> means;
  means.reserve(kResamples);
  FixedRandom random(kSeed);
  for (size_t i = 0; i < kResamples; ++i) {
    Sum drawn;
    for (size_t j = 0; j < tasks.size(); ++j) {
      const Sum& task = tasks[random.Below(static_cast<uint32_t>(tasks.size()))];
      drawn.pico += task.pico, drawn.count += task.count;
    }
    means.push_back(Mean(drawn));
  }
  std::ranges::sort(means);
  estimate.low = means[kTail], estimate.high = means[kResamples - 1 - kTail];
  return estimate;
}

}  // namespace clawtrace::distill
