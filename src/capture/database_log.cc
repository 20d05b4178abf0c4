#include "capture/database_log.h"

#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace clawtrace::capture {
namespace {

constexpr int kMostRuns = 4;
// Of the records of facts that are cut: those beyond are left out.
constexpr size_t kMostHeld = size_t{256} << 20;

// Keeps what a run finds until it is known to be good.
class Held final : public FactSink {
 public:
  void Add(Fact&& fact) override {
    if (IsCut(fact)) NameRecord();
    calls_.emplace_back(std::move(fact));
  }
  void Skip(int64_t line, int64_t offset, std::string_view reason) override {
    calls_.emplace_back(Skipped{"", line, offset, std::string(reason)});
  }
  void EndSession() override { calls_.emplace_back(End{}); }
  void FromRecord(std::string_view bytes, int64_t) override { Start(bytes, Json()); }
  void FromElement(Json element) override { Start({}, element); }
  KeptRecord KeepRecord() override {
    if (held_ == 0 && (!bytes_.empty() || element_)) held_ = Hold();
    return held_;
  }
  using FactSink::FromKept;
  void FromKept(std::span<const KeptRecord> records) override {
    Start({}, Json());
    named_.assign(records.begin(), records.end());
  }

  void MoveTo(FactSink* sink) {
    for (auto& call : calls_) {
      if (auto* fact = std::get_if<Fact>(&call))
        sink->Add(std::move(*fact));
      else if (auto* skip = std::get_if<Skipped>(&call))
        sink->Skip(skip->line, skip->offset, skip->reason);
      else if (auto* from = std::get_if<From>(&call))
        Name(*from, sink);
      else
        sink->EndSession();
    }
  }

 private:
  struct End {};
  struct From {
    std::vector<KeptRecord> records;
  };

  void Start(std::string_view bytes, Json element) {
    bytes_ = bytes, element_ = element;
    held_ = 0;
    named_.clear();
  }

  KeptRecord Hold() {
    std::string record = bytes_.empty() ? element_.Canonical() : std::string(bytes_);
    if (record.size() > kMostHeld - total_) return 0;
    total_ += record.size();
    records_.push_back(std::move(record));
    return std::ssize(records_);
  }

  // For the fact that follows.
  void NameRecord() {
    if (named_.empty()) named_.assign(1, KeepRecord());
    if (calls_.empty() || last_named_ != named_) calls_.emplace_back(From{named_});
    last_named_ = named_;
  }

  void Name(const From& from, FactSink* sink) {
    std::vector<KeptRecord> kept;
    for (KeptRecord id : from.records) {
      sink->FromRecord(id == 0 ? std::string_view() : records_[static_cast<size_t>(id) - 1], -1);
      if (from.records.size() > 1) kept.push_back(sink->KeepRecord());
    }
    if (!kept.empty()) sink->FromKept(kept);
  }

  std::vector<std::variant<Fact, Skipped, End, From>> calls_;
  std::vector<std::string> records_;
  size_t total_ = 0;
  // What was named last, and under which number it is held.
  std::string_view bytes_;
  Json element_;
  KeptRecord held_ = 0;
  std::vector<KeptRecord> named_, last_named_;
};

}  // namespace

Status ReadUnchanged(const std::string& path, FactSink* sink,
                     const std::function<void(SqliteReader reader, FactSink* sink)>& read) {
  for (int run = 1;; ++run) {
    auto reader = SqliteReader::Open(path);
    if (!reader) return std::unexpected(reader.error());
    FileStamp before = reader->stamp();
    Held held;
    read(std::move(*reader), &held);
    bool changed = StampOf(path) != before;
    if (changed && run < kMostRuns) continue;
    held.MoveTo(sink);
    if (changed) sink->Skip(0, 0, "changed-while-reading");
    return {};
  }
}

}  // namespace clawtrace::capture
