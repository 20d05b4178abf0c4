#include "store/readers.h"

namespace clawtrace::store {
namespace {

constexpr size_t kMaxIdle = 4;

}  // namespace

Result<Readers::Lease> Readers::Take() {
  std::unique_lock lock(mutex_);
  uint64_t epoch = epoch_;
  if (!idle_.empty()) {
    Database db = std::move(idle_.back());
    idle_.pop_back();
    lock.unlock();
    CT_RETURN_IF_ERROR(db.Execute("BEGIN"));
    return Lease(this, std::move(db), epoch);
  }
  lock.unlock();
  auto opened = Database::Open(path_, vfs_, OpenAs::kReader);
  if (!opened) return std::unexpected(opened.error());
  CT_RETURN_IF_ERROR(opened->Execute("BEGIN"));
  return Lease(this, std::move(*opened), epoch);
}

Readers::Lease::~Lease() {
  if (!home_) return;
  Status ended = db_.Execute("ROLLBACK");  // nothing was written
  std::lock_guard lock(home_->mutex_);
  if (ended && epoch_ == home_->epoch_ && home_->idle_.size() < kMaxIdle)
    home_->idle_.push_back(std::move(db_));
}

void Readers::CloseAll() {
  std::vector<Database> closing;
  std::lock_guard lock(mutex_);
  ++epoch_;
  closing.swap(idle_);
}

}  // namespace clawtrace::store
