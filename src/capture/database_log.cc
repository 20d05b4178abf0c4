#include "capture/database_log.h"

#include <utility>
#include <variant>
#include <vector>

namespace clawtrace::capture {
namespace {

constexpr int kMostRuns = 4;

// Keeps what a run finds until it is known to be good.
class Held final : public FactSink {
 public:
  void Add(Fact&& fact) override { calls_.emplace_back(std::move(fact)); }
  void Skip(int64_t line, int64_t offset, std::string_view reason) override {
    calls_.emplace_back(Skipped{"", line, offset, std::string(reason)});
  }
  void EndSession() override { calls_.emplace_back(End{}); }
  void MoveTo(FactSink* sink) {
    for (auto& call : calls_) {
      if (auto* fact = std::get_if<Fact>(&call))
        sink->Add(std::move(*fact));
      else if (auto* skip = std::get_if<Skipped>(&call))
        sink->Skip(skip->line, skip->offset, skip->reason);
      else
        sink->EndSession();
    }
  }

 private:
  struct End {};
  std::vector<std::variant<Fact, Skipped, End>> calls_;
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
