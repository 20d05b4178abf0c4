#include "store/writer.h"

#include <chrono>
#include <future>
#include <utility>

namespace clawtrace::store {
namespace {

// Of one job alone; anything else says something about the disk.
bool IsOwnFault(const Status& status) {
  if (status) return false;
  switch (status.error().code) {
    case ErrorCode::kInvalidInput:
    case ErrorCode::kNotFound:
    case ErrorCode::kAlreadyExists:
    case ErrorCode::kLimit:
      return true;
    case ErrorCode::kUnsupported:
    case ErrorCode::kUnavailable:
    case ErrorCode::kCorruptData:
    case ErrorCode::kIo:
      return false;
  }
  return false;
}

class FunctionJob final : public Job {
 public:
  explicit FunctionJob(std::function<Status(WriteScope&)> apply) : apply_(std::move(apply)) {}
  Status Apply(WriteScope& scope) override { return apply_(scope); }
  void Done(const Status& status, uint64_t) override { done_.set_value(status); }
  std::future<Status> result() { return done_.get_future(); }

 private:
  std::function<Status(WriteScope&)> apply_;
  std::promise<Status> done_;
};

}  // namespace

Writer::Writer(Database db, WriterOptions options) : options_(std::move(options)), db_(std::move(db)) {
  rows_.emplace(&*db_);
  thread_ = std::thread([this] { Loop(); });
}

Writer::~Writer() {
  {
    std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

void Writer::Submit(std::unique_ptr<Job> job) {
  if (std::unique_ptr<Job> refused = Enqueue(std::move(job)))
    return refused->Done(Fail(ErrorCode::kUnavailable, "too much is waiting to be stored", "try again"), 0);
  wake_.notify_one();
}

std::unique_ptr<Job> Writer::Enqueue(std::unique_ptr<Job> job) {
  size_t bytes = job->bytes();
  std::lock_guard lock(mutex_);
  bool fits =
      waiting_bytes_ + bytes <= options_.max_waiting_bytes && jobs_.size() < options_.max_waiting_jobs;
  // One that is too large by itself may come alone.
  if (!fits && !jobs_.empty()) {
    ++counts_.refused;
    return job;
  }
  waiting_bytes_ += bytes;
  jobs_.push_back(std::move(job));
  return nullptr;
}

Status Writer::Run(std::function<Status(WriteScope&)> apply) {
  auto job = std::make_unique<FunctionJob>(std::move(apply));
  auto result = job->result();
  Submit(std::move(job));
  return result.get();
}

Status Writer::RunAlone(std::function<Status(Database&)> apply) {
  std::promise<Status> done;
  {
    std::lock_guard lock(mutex_);
    alone_.push_back([&] {
      if (suspect_) {
        if (Status recovered = Recover(); !recovered) return done.set_value(recovered);
      }
      done.set_value(apply(*db_));
    });
  }
  wake_.notify_one();
  return done.get_future().get();
}

Writer::Counts Writer::counts() const {
  std::lock_guard lock(mutex_);
  return counts_;
}

std::vector<std::unique_ptr<Job>> Writer::NextGroup() {
  std::unique_lock lock(mutex_);
  wake_.wait(lock, [&] { return stop_ || !jobs_.empty() || !alone_.empty(); });
  while (!alone_.empty()) {
    auto run = std::move(alone_.front());
    alone_.pop_front();
    lock.unlock();
    run();
    lock.lock();
  }
  // For those who came along last time; one who waits for each answer is not kept waiting at all.
  if (!jobs_.empty() && last_group_ > 1 && !stop_) {
    wake_.wait_for(lock, std::chrono::microseconds(options_.commit_window_us), [&] {
      return stop_ || jobs_.size() >= last_group_ || waiting_bytes_ >= options_.group_bytes;
    });
  }
  std::vector<std::unique_ptr<Job>> group;
  size_t bytes = 0;
  while (!jobs_.empty() && bytes < options_.group_bytes) {
    bytes += jobs_.front()->bytes();
    group.push_back(std::move(jobs_.front()));
    jobs_.pop_front();
  }
  waiting_bytes_ -= bytes;
  last_group_ = group.size();
  return group;
}

void Writer::Loop() {
  for (;;) {
    auto group = NextGroup();
    if (!group.empty()) {
      CommitGroup(std::move(group));
      continue;
    }
    std::lock_guard lock(mutex_);
    if (stop_ && jobs_.empty() && alone_.empty()) return;
  }
}

void Writer::CommitGroup(std::vector<std::unique_ptr<Job>> group) {
  std::vector<Status> results(group.size());
  Status status = suspect_ ? Recover() : Status();
  if (status) status = Begin();
  if (status) status = ApplyEach(group, results);
  if (status) status = Commit();
  if (!status) Abandon();
  {
    std::lock_guard lock(mutex_);
    if (status) ++counts_.commits;
    if (!status) counts_.refused += static_cast<int64_t>(group.size());
  }
  for (size_t i = 0; i < group.size(); ++i) group[i]->Done(status ? results[i] : status, sequence_);
  if (status) MoveLog();
}

Status Writer::Begin() {
  CT_RETURN_IF_ERROR(db_->Execute("BEGIN IMMEDIATE"));
  auto version = db_->Number("PRAGMA data_version");
  if (!version) return std::unexpected(version.error());
  if (data_version_ != *version) {
    // Another process wrote, or this is the first time.
    Forget();
    data_version_ = *version;
    auto sequence = db_->Number("SELECT value FROM meta WHERE name = 'sequence'");
    if (!sequence) return std::unexpected(sequence.error());
    sequence_ = static_cast<uint64_t>(sequence->value_or(0));
  }
  return {};
}

Status Writer::ApplyEach(std::vector<std::unique_ptr<Job>>& group, std::vector<Status>& results) {
  WriteScope scope{*db_, *rows_, sequence_ + 1, [this] { Forget(); }};
  for (size_t i = 0; i < group.size(); ++i) {
    CT_RETURN_IF_ERROR(db_->Prepare("SAVEPOINT job").Run());
    results[i] = group[i]->Apply(scope);
    if (!results[i]) {
      if (!IsOwnFault(results[i])) return results[i];
      Forget();
      CT_RETURN_IF_ERROR(db_->Prepare("ROLLBACK TO job").Run());
    }
    CT_RETURN_IF_ERROR(db_->Prepare("RELEASE job").Run());
  }
  return db_->Prepare("UPDATE meta SET value = ? WHERE name = 'sequence'")
      .Bind(static_cast<int64_t>(scope.sequence))
      .Run();
}

Status Writer::Commit() {
  CT_RETURN_IF_ERROR(db_->Execute("COMMIT"));
  ++sequence_;
  return {};
}

void Writer::Abandon() {
  if (!db_) return;
  if (db_->lost_sync()) suspect_ = true;
  // When even that fails the next BEGIN does too, and the connection is made anew.
  if (db_->in_transaction() && !db_->Execute("ROLLBACK")) suspect_ = true;
  data_version_.reset();
  Forget();
}

void Writer::Forget() {
  if (rows_) rows_->Forget();
  if (options_.on_forget) options_.on_forget();
}

// After a sync that failed the kernel may hold pages as written that never came to the disk, and a later sync
// says nothing of them. So the log is written into the file anew, whole, and synced, before anything is added
// behind what may be a hole.
Status Writer::Recover() {
  if (options_.on_recover) options_.on_recover();
  if (db_) db_->KeepLogOnClose();
  rows_.reset();
  db_.reset();
  auto opened = Database::Open(options_.path, options_.vfs, OpenAs::kWriter);
  if (!opened) return std::unexpected(opened.error());
  db_ = std::move(*opened);
  rows_.emplace(&*db_);
  CT_RETURN_IF_ERROR(db_->SetUpWriter());
  auto busy = db_->Number("PRAGMA wal_checkpoint(TRUNCATE)");
  if (!busy) return std::unexpected(busy.error());
  if (*busy != 0) return Fail(ErrorCode::kUnavailable, "the store is being brought in order", "try again");
  CT_RETURN_IF_ERROR(db_->QuickCheck());
  suspect_ = false;
  data_version_.reset();
  Forget();
  std::lock_guard lock(mutex_);
  ++counts_.recoveries;
  return {};
}

void Writer::MoveLog() {
  if (db_->log_pages() < options_.log_pages) return;
  // Only as far as readers allow; the rest is for the next time. The facts are safe in the log either way.
  if (!db_->Number("PRAGMA wal_checkpoint(PASSIVE)") && db_->lost_sync()) suspect_ = true;
}

}  // namespace clawtrace::store
