#pragma once
// A store whose writes of facts and cards a test can refuse, as a full disk does, or whose appends it holds
// back; all else goes to the one behind it.
#include <functional>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "store/store.h"

namespace clawtrace::test {

class GatedStore final : public store::Store {
 public:
  explicit GatedStore(std::unique_ptr<store::Store> inner) : inner_(std::move(inner)) {}

  void Refuse(std::optional<Error> with) {
    std::lock_guard lock(mutex_);
    refusal_ = std::move(with);
  }
  void Hold() {
    std::lock_guard lock(mutex_);
    holding_ = true;
  }
  size_t held() {
    std::lock_guard lock(mutex_);
    return held_.size();
  }
  void Release() {
    std::vector<std::function<void()>> held;
    {
      std::lock_guard lock(mutex_);
      holding_ = false;
      held.swap(held_);
    }
    for (auto& append : held) append();
  }
  store::Store& inner() { return *inner_; }

  void Append(store::Batch batch, store::OnAppended done) override {
    std::unique_lock lock(mutex_);
    if (refusal_) {
      Error error = *refusal_;
      lock.unlock();
      return done(std::unexpected(std::move(error)));
    }
    if (holding_) {
      held_.push_back(
          [this, batch = std::move(batch), done = std::move(done)] { inner_->Append(batch, done); });
      return;
    }
    lock.unlock();
    inner_->Append(std::move(batch), std::move(done));
  }
  Result<store::FactsRead> ReadFacts(std::string_view tenant, std::string_view session, store::Scope scope,
                                     const store::FactVisitor& visit) override {
    return inner_->ReadFacts(tenant, session, scope, visit);
  }
  Result<std::vector<store::Payload>> ReadPayloads(std::string_view tenant, std::string_view session,
                                                   std::string_view id) override {
    return inner_->ReadPayloads(tenant, session, id);
  }
  Result<std::vector<store::SourcePosition>> Positions(std::string_view tenant) override {
    return inner_->Positions(tenant);
  }
  Result<std::vector<store::ChangedFamily>> ChangedFamilies(std::string_view tenant, int64_t since,
                                                            int64_t limit) override {
    return inner_->ChangedFamilies(tenant, since, limit);
  }
  Result<bool> IsChanged(std::string_view tenant, std::string_view session) override {
    return inner_->IsChanged(tenant, session);
  }
  Result<bool> PutCompiled(std::string_view tenant, const store::Compiled& compiled) override {
    {
      std::lock_guard lock(mutex_);
      if (refusal_) return std::unexpected(*refusal_);
    }
    return inner_->PutCompiled(tenant, compiled);
  }
  Result<int64_t> MarkStale(std::string_view tenant, std::string_view made_by) override {
    return inner_->MarkStale(tenant, made_by);
  }
  Result<std::vector<SessionCalls>> SessionsWithCalls(std::string_view tenant, std::string_view session,
                                                      std::span<const uint64_t> keys) override {
    return inner_->SessionsWithCalls(tenant, session, keys);
  }
  Result<store::SessionList> ListSessions(std::string_view tenant,
                                          const store::ListRequest& request) override {
    return inner_->ListSessions(tenant, request);
  }
  Result<std::vector<store::SessionSummary>> FindSessions(std::string_view tenant, std::string_view prefix,
                                                          int64_t limit) override {
    return inner_->FindSessions(tenant, prefix, limit);
  }
  Result<std::string> ReadPage(std::string_view tenant, std::string_view session, std::string_view agent,
                               int64_t page) override {
    return inner_->ReadPage(tenant, session, agent, page);
  }
  Result<std::vector<store::DayTotal>> DayTotals(std::string_view tenant, int32_t from,
                                                 int32_t until) override {
    return inner_->DayTotals(tenant, from, until);
  }
  Result<store::SearchResult> Search(std::string_view tenant, const store::SearchRequest& request) override {
    return inner_->Search(tenant, request);
  }
  Result<int64_t> IndexText(int64_t limit) override { return inner_->IndexText(limit); }
  Status PutDocument(std::string_view tenant, std::string_view collection, std::string_view key,
                     std::string_view bytes) override {
    return inner_->PutDocument(tenant, collection, key, bytes);
  }
  Result<std::string> GetDocument(std::string_view tenant, std::string_view collection,
                                  std::string_view key) override {
    return inner_->GetDocument(tenant, collection, key);
  }
  Result<std::vector<std::string>> DocumentKeys(std::string_view tenant,
                                                std::string_view collection) override {
    return inner_->DocumentKeys(tenant, collection);
  }
  Result<bool> DeleteDocument(std::string_view tenant, std::string_view collection,
                              std::string_view key) override {
    return inner_->DeleteDocument(tenant, collection, key);
  }
  Result<store::Removed> Remove(std::string_view tenant, const store::RemoveRequest& request) override {
    return inner_->Remove(tenant, request);
  }
  Result<bool> FinishRemovals(int64_t commits) override { return inner_->FinishRemovals(commits); }
  Result<store::CheckReport> Check() override { return inner_->Check(); }
  Status Backup(const std::string& path) override { return inner_->Backup(path); }
  Result<store::StoreStats> Stats() override { return inner_->Stats(); }
  Result<store::StoreLoad> Load() override { return inner_->Load(); }
  Result<int64_t> Seal(int64_t since) override { return inner_->Seal(since); }
  Status Vacuum() override { return inner_->Vacuum(); }

 private:
  std::unique_ptr<store::Store> inner_;
  std::mutex mutex_;
  std::optional<Error> refusal_;
  bool holding_ = false;
  std::vector<std::function<void()>> held_;
};

}  // namespace clawtrace::test
