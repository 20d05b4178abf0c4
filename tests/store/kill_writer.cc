// Appends to a store as fast as it goes and says on standard output what was acknowledged, until it is
// killed:
//   store_kill_writer FILE FIRST
// Batches are numbered from FIRST; a line with the number follows each acknowledgement.
#include <unistd.h>

#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <string>
#include <thread>

#include "store/kill_batches.h"
#include "store/sqlite_store.h"

namespace clawtrace::store {
namespace {

// In one write, so that a line is whole or not there.
void Say(const std::string& line) {
  if (::write(STDOUT_FILENO, line.data(), line.size()) < 0) std::_Exit(3);
}

// Things that go on beside appending: indexing, packing, compiling, removing.
void Housekeep(Store& store, int n) {
  if (n % 7 == 0 && !store.IndexText(50)) std::_Exit(4);
  if (n % 31 == 0 && !store.Seal(INT64_MAX)) std::_Exit(5);
  if (n % 11 == 0 && !store.PutCompiled("t", {.session_id = "a",
                                              .sequence = static_cast<uint64_t>(n),
                                              .sessions = {SampleSession("a", n)}}))
    std::_Exit(6);
  if (n % 23 != 0) return;
  if (!AppendAndWait(store, SampleBatch("t", "scratch", n * 10, 20))) std::_Exit(7);
  if (!store.Remove("t", {.session_id = "scratch"})) std::_Exit(8);
}

int Run(const std::string& path, int first) {
  auto store = OpenSqliteStore(
      {.path = path, .secret = "sixteen bytes or more", .commit_window_us = 500, .log_pages = 200});
  if (!store) return 2;
  std::thread housekeeper([&] {
    for (int n = first;; ++n) Housekeep(**store, n);
  });
  std::mutex mutex;
  std::condition_variable wake;
  int waiting = 0;
  for (int n = first;; ++n) {
    {
      constexpr int kAtOnce = 8;
      std::unique_lock lock(mutex);
      wake.wait(lock, [&] { return waiting < kAtOnce; });
      ++waiting;
    }
    (*store)->Append(KillBatch(n), [&, n](const Result<Appended>& result) {
      if (!result) std::_Exit(9);
      Say(std::to_string(n) + "\n");
      std::lock_guard lock(mutex);
      --waiting;
      wake.notify_one();
    });
  }
}

}  // namespace
}  // namespace clawtrace::store

int main(int argc, char** argv) {
  if (argc != 3) return 1;
  return clawtrace::store::Run(argv[1], std::atoi(argv[2]));
}
