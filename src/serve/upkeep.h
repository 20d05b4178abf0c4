#pragma once
// What a server does beside answering: compiles sessions that are quiet, fills the full-text index, packs
// what is cold, removes what is too old. One thread; idle while nothing came in. The index waits while much
// comes in, for seconds at most: what is to be acknowledged goes first.
#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "history/history.h"
#include "serve/log.h"
#include "store/store.h"

namespace clawtrace::serve {

struct UpkeepOptions {
  store::Store* store = nullptr;
  const PriceBook* book = nullptr;
  std::string made_by;                  // HistoryOptions::made_by
  std::function<int64_t()> now_ns;      // time of day
  int64_t quiet_ns = 30'000'000'000;    // a session is compiled when nothing came for so long
  int64_t cold_ns = 3'600'000'000'000;  // and packed
  int64_t keep_ns = 0;                  // families older than this are removed; 0: never
  int64_t every_ms = 2'000;
  Log* log = nullptr;
  std::atomic<bool>* store_well = nullptr;  // set when a store that took nothing takes something again
};

class Upkeep {
 public:
  explicit Upkeep(UpkeepOptions options);
  ~Upkeep();  // after the step that is under way
  Upkeep(const Upkeep&) = delete;
  Upkeep& operator=(const Upkeep&) = delete;

  // What is due now, in turns of about a second, on the caller's thread: Status tells the first thing that
  // went wrong.
  Status RunOnce();

 private:
  void Loop();
  Status Compile(const std::string& tenant);
  Status Index();
  bool ProbeStore();
  Status Tidy(const std::vector<std::string>& tenants);
  Status FinishRemovals();  // some of it

  UpkeepOptions options_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::atomic<bool> stop_{false};
  int64_t tidied_ns_ = 0;
  std::atomic<bool> behind_{false};         // the index or a removal has more to do at once
  int64_t appends_ = 0;                     // when it was last looked
  std::optional<int64_t> behind_since_ns_;  // the full-text index
  std::string complaint_;                   // last thing said, so that it is not said again and again
  std::thread thread_;
};

}  // namespace clawtrace::serve
