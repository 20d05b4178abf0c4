// Dumps of OTLP trace requests: protobuf (one request a file), JSON (one document, or one request a line as
// the collector's file exporter writes). Format notes: docs/formats/otlp.md.
#include <algorithm>

#include "base/text.h"
#include "capture/importer.h"
#include "capture/otlp_json.h"
#include "capture/otlp_protobuf.h"
#include "capture/otlp_record.h"
#include "capture/otlp_tree.h"

namespace clawtrace::capture {
namespace {

// Requests are held whole; exporters write a few megabytes.
constexpr size_t kMaxRequestBytes = size_t{512} << 20;
constexpr size_t kMaxSkipsPerRequest = 100;
constexpr char kFirstKey = 0x0a;

class OtlpReader final : public LogReader, OtlpVisitor {
 public:
  explicit OtlpReader(FactSink* sink) : sink_(sink) {}

  void Feed(std::string_view bytes) final {
    while (!bytes.empty()) {
      // The first byte of a protobuf request is the key of its first field.
      if (mode_ == Mode::kUnknown) mode_ = bytes.front() == kFirstKey ? Mode::kProtobuf : Mode::kJson;
      // In pieces, so that a huge chunk of small records is not held twice.
      std::string_view piece = bytes.substr(0, size_t{1} << 20);
      bytes.remove_prefix(piece.size());
      if (dropping_) {
        Drop(piece);
        continue;
      }
      pending_.append(piece);
      if (mode_ == Mode::kJson) TakeDocuments();
      if (pending_.size() > kMaxRequestBytes) {
        sink_->Skip(mode_ == Mode::kJson ? line_ : 0, offset_, "too-large");
        offset_ += static_cast<int64_t>(pending_.size());
        pending_ = std::string();
        splitter_.Reset();
        dropping_ = true;
      }
    }
  }

  void Finish() final {
    if (dropping_) return;
    if (mode_ == Mode::kJson) {
      TakeDocuments();
      std::string_view rest = Trim(pending_);
      if (!rest.empty()) sink_->Skip(line_, offset_, "truncated-line");
    } else if (mode_ == Mode::kProtobuf) {
      skips_ = 0;
      line_ = 0;
      if (!ReadOtlpProtobuf(pending_, this)) sink_->Skip(0, 0, "not-otlp-traces");
    }
    pending_ = std::string();
  }

 private:
  enum class Mode { kUnknown, kJson, kProtobuf };

  // The rest of a record that was too long: lines come back at the next line end.
  void Drop(std::string_view piece) {
    size_t end = mode_ == Mode::kJson ? piece.find('\n') : std::string_view::npos;
    if (end == std::string_view::npos) {
      offset_ += static_cast<int64_t>(piece.size());
      return;
    }
    dropping_ = false;
    ++line_;
    offset_ += static_cast<int64_t>(end) + 1;
    Feed(piece.substr(end + 1));
  }

  void TakeDocuments() {
    size_t taken = 0;
    for (;;) {
      std::string_view rest = std::string_view(pending_).substr(taken);
      size_t blank = std::min(rest.find_first_not_of(" \t\r\n\xEF\xBB\xBF"), rest.size());
      if (blank > 0) {
        Advance(rest.substr(0, blank));
        taken += blank;
        splitter_.Reset();
        continue;
      }
      bool broken = false;
      size_t end = splitter_.FindEnd(rest, &broken);
      if (end == std::string_view::npos) break;
      splitter_.Reset();
      std::string_view document = rest.substr(0, end);
      if (broken)
        sink_->Skip(line_, offset_, "not-json");
      else
        ReadDocument(document);
      Advance(document);
      taken += end;
    }
    pending_.erase(0, taken);
  }

  void Advance(std::string_view bytes) {
    offset_ += static_cast<int64_t>(bytes.size());
    line_ += std::ranges::count(bytes, '\n');
  }

  void ReadDocument(std::string_view document) {
    skips_ = 0;
    auto request = parser_.Parse(document);
    std::string repaired;
    if (!request && !IsValidUtf8(document)) {
      repaired = ReplaceInvalidUtf8(document);
      request = parser_.Parse(repaired);
      if (request) sink_->Skip(line_, offset_, "invalid-utf8-repaired");
    }
    if (!request)
      return sink_->Skip(line_, offset_,
                         document.find('\0') == std::string_view::npos ? "not-json" : "nul-bytes");
    if (ReadOtlpJson(*request, this)) return;
    // The collector may write all signals into one file.
    if ((*request)["resourceLogs"] || (*request)["resourceMetrics"])
      sink_->Skip(line_, offset_, "other-signal");
    else
      sink_->Skip(line_, offset_, "not-otlp-traces");
  }

  void OnSpan(const OtlpAttributes& resource, const OtlpScope& scope, const OtlpSpan& span) final {
    sink_->Add(EncodeRecord(ReadSpan(resource, scope, span, &texts_)));
  }

  void OnUnusable(int64_t offset, std::string_view reason) final {
    if (++skips_ == kMaxSkipsPerRequest) reason = "more-skips-not-listed";
    if (skips_ <= kMaxSkipsPerRequest) sink_->Skip(line_, offset_ + offset, reason);
  }

  FactSink* sink_;
  Mode mode_ = Mode::kUnknown;
  std::string pending_;
  JsonSplitter splitter_;
  JsonParser parser_;  // of requests
  JsonParser texts_;   // of JSON inside attributes
  bool dropping_ = false;
  int64_t line_ = 1;
  int64_t offset_ = 0;  // of pending_'s first byte; of the current document while it is read
  size_t skips_ = 0;
};

bool Sniff(std::string_view head) {
  return head.starts_with(kFirstKey) ? LooksLikeOtlpProtobuf(head) : LooksLikeOtlpJson(head);
}

}  // namespace

extern const Importer kOtlp;
const Importer kOtlp = {
    .name = "otlp",
    .summary = "OpenTelemetry trace dumps (OTLP protobuf, JSON, JSON lines)",
    .default_root = "",
    .file_suffixes = ".pb,.json,.jsonl",
    .sniff = Sniff,
    .open = [](const FileContext&, FactSink* sink) -> std::unique_ptr<LogReader> {
      return std::make_unique<OtlpReader>(sink);
    },
    .resolve = ResolveOtlp,
    .unit_key = [](std::string_view, std::string_view) { return std::string("otlp"); },
};

}  // namespace clawtrace::capture
