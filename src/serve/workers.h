#pragma once
// A few threads that take jobs in turn.
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace clawtrace::serve {

class Workers {
 public:
  using Job = std::move_only_function<void()>;
  explicit Workers(unsigned threads);
  ~Workers();  // after all jobs
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  // False: too many wait, and the job was not taken.
  bool Add(Job& job);

 private:
  void Loop();

  static constexpr size_t kMaxWaiting = 4096;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Job> jobs_;
  bool stop_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace clawtrace::serve
