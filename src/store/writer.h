#pragma once
// The one thread of a store that writes. Jobs that wait together share a transaction and its one sync; a job
// is answered when that is on the disk.
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "base/result.h"
#include "store/rows.h"

namespace clawtrace::store {

// What a job may use while it runs.
struct WriteScope {
  Database& db;
  Rows& rows;
  uint64_t sequence;  // of the commit that will hold it
  // Whoever deletes rows says so, before and after: their numbers may be given out again.
  std::function<void()> forget;
};

class Job {
 public:
  virtual ~Job() = default;
  // On the writer's thread, in a transaction. Errors: kInvalidInput, kNotFound, kAlreadyExists and kLimit
  // undo this job alone, all others the transaction with every job in it.
  virtual Status Apply(WriteScope& scope) = 0;
  // Exactly once, after the commit or with what went wrong.
  virtual void Done(const Status& status, uint64_t sequence) = 0;
  // What was remembered of rows does not hold any more.
  virtual size_t bytes() const { return 0; }
};

struct WriterOptions {
  std::string path, vfs;
  int64_t commit_window_us = 5'000;             // how long to wait for company when there was some before
  size_t group_bytes = size_t{4} << 20;         // a commit is not kept waiting beyond this
  size_t max_waiting_bytes = size_t{64} << 20;  // more is refused
  size_t max_waiting_jobs = 10'000;
  int64_t log_pages = 2'000;         // the log is moved into the file beyond this
  std::function<void()> on_forget;   // rows may have gone: rollback, recovery, another process
  std::function<void()> on_recover;  // every other connection must be closed
};

class Writer {
 public:
  Writer(Database db, WriterOptions options);
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;
  ~Writer();  // after everything that waits

  // Any thread. Done is called later, or at once on this thread when too much is waiting.
  void Submit(std::unique_ptr<Job> job);
  // Submits and waits. Not from a Done.
  Status Run(std::function<Status(WriteScope&)> apply);
  // Runs outside of any transaction, between two.
  Status RunAlone(std::function<Status(Database&)> apply);

  struct Counts {
    int64_t commits = 0, refused = 0, recoveries = 0;
  };
  Counts counts() const;

 private:
  class Waiting;
  struct Group;

  std::unique_ptr<Job> Enqueue(std::unique_ptr<Job> job);  // gives it back when too much is waiting
  void Loop();
  std::vector<std::unique_ptr<Job>> NextGroup();
  void CommitGroup(std::vector<std::unique_ptr<Job>> group);
  Status Begin();
  Status ApplyEach(std::vector<std::unique_ptr<Job>>& group, std::vector<Status>& results);
  Status Commit();
  void Abandon();
  Status Recover();
  void MoveLog();
  void Forget();

  WriterOptions options_;
  std::optional<Database> db_;  // empty while it could not be opened again
  std::optional<Rows> rows_;
  uint64_t sequence_ = 0;
  std::optional<int64_t> data_version_;
  bool suspect_ = false;  // a sync failed: what is on the disk is not known

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::unique_ptr<Job>> jobs_;
  std::deque<std::function<void()>> alone_;
  size_t waiting_bytes_ = 0, last_group_ = 0;
  bool stop_ = false;
  Counts counts_;
  std::thread thread_;
};

}  // namespace clawtrace::store
