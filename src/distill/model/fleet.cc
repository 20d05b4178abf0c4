#include "distill/model/fleet.h"

#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

namespace clawtrace::distill {

size_t RunFleet(size_t count, size_t workers, const std::function<bool(size_t, size_t)>& job) {
  std::atomic<size_t> next = 0;
  std::atomic<bool> stop = false;
  auto work = [&](size_t worker) {
    while (!stop) {
      size_t index = next++;
      if (index >= count) return;
      if (!job(index, worker)) stop = true;
    }
  };
  size_t threads = std::min(std::max<size_t>(workers, 1), count);
  std::vector<std::thread> fleet;
  for (size_t worker = 1; worker < threads; ++worker) fleet.emplace_back(work, worker);
  work(0);
  for (std::thread& thread : fleet) thread.join();
  return std::min(next.load(), count);
}

}  // namespace clawtrace::distill
