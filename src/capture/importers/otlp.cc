// Dumps of OTLP requests (traces, logs, metrics): protobuf (one request a file), JSON (one document, or one
// request a line as the collector's file exporter writes). Format notes: docs/formats/otlp.md.
#include <algorithm>

#include "base/memory.h"
#include "base/text.h"
#include "capture/importer.h"
#include "capture/lenient_json.h"
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
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

class OtlpReader final : public LogReader, OtlpVisitor {
 public:
  explicit OtlpReader(FactSink* sink) : sink_(sink) {}

  void Feed(std::string_view bytes) final {
    while (!bytes.empty()) {
      // In pieces, so that a huge chunk of small records is not held twice.
      std::string_view piece = bytes.substr(0, size_t{1} << 20);
      bytes.remove_prefix(piece.size());
      if (dropping_) {
        Drop(piece);
        continue;
      }
      pending_.append(piece);
      if (mode_ == Mode::kUnknown && !Detect(false)) continue;
      if (mode_ == Mode::kJson) TakeDocuments();
      // Only what is new can hold the first line end of the record that stays.
      bool taken = pending_.size() < piece.size();
      std::string_view fresh = taken ? std::string_view(pending_) : piece;
      several_lines_ = (!taken && several_lines_) || fresh.find('\n') != std::string_view::npos;
      if (TooLong(pending_.size(), several_lines_)) GiveUp();
    }
  }

  void Finish() final {
    if (dropping_) return;
    if (mode_ == Mode::kUnknown) Detect(true);
    if (mode_ == Mode::kJson) {
      TakeDocuments();
      std::string_view rest = Trim(pending_);
      if (!rest.empty()) sink_->Skip(line_, offset_, "truncated-line");
    } else if (mode_ == Mode::kProtobuf) {
      skips_ = 0;
      line_ = 0;
      if (!ReadOtlpProtobuf(pending_, this)) sink_->Skip(0, offset_, "not-otlp");
    }
    FreeText(&pending_);
  }

 private:
  enum class Mode { kUnknown, kJson, kProtobuf };

  // The first byte of a protobuf request is the key of its first field; tools that touched the file may have
  // put a byte order mark before it. False: too little is there to tell.
  bool Detect(bool at_end) {
    if (!at_end && pending_.size() <= kByteOrderMark.size() && kByteOrderMark.starts_with(pending_))
      return false;
    if (pending_.starts_with(kByteOrderMark)) {
      pending_.erase(0, kByteOrderMark.size());
      offset_ += static_cast<int64_t>(kByteOrderMark.size());
    }
    mode_ = pending_.starts_with(kFirstKey) ? Mode::kProtobuf : Mode::kJson;
    return true;
  }

  // One-line records keep to every format's line limit; a document or protobuf request may be larger.
  bool TooLong(size_t size, bool several_lines) const {
    return size > (mode_ == Mode::kJson && !several_lines ? kMaxLineBytes : kMaxRequestBytes);
  }
  std::string_view TooLongReason(bool several_lines) const {
    return mode_ == Mode::kJson && !several_lines ? "line-too-long" : "too-large";
  }

  void GiveUp() {
    sink_->Skip(mode_ == Mode::kJson ? line_ : 0, offset_, TooLongReason(several_lines_));
    offset_ += static_cast<int64_t>(pending_.size());
    FreeText(&pending_);
    splitter_.Reset();
    dropping_ = true;
    // Inside of a pretty-printed document no line begins anything.
    to_the_end_ = mode_ == Mode::kProtobuf || several_lines_;
  }

  // The rest of a record that was too long: lines come back at the next line end.
  void Drop(std::string_view piece) {
    size_t end = to_the_end_ ? std::string_view::npos : piece.find('\n');
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
      size_t blank = std::min(rest.find_first_not_of(" \t\r\n"), rest.size());
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
      bool lines = document.size() > kMaxLineBytes && document.find('\n') != std::string_view::npos;
      if (TooLong(document.size(), lines))
        sink_->Skip(line_, offset_, TooLongReason(lines));
      else if (broken)
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
    if (!request) return sink_->Skip(line_, offset_, parser_.why());
    if (parser_.repaired()) sink_->Skip(line_, offset_, "invalid-utf8-repaired");
    if (!ReadOtlpJson(*request, this)) sink_->Skip(line_, offset_, "not-otlp");
  }

  void OnSpan(const OtlpAttributes& resource, const OtlpScope& scope, const OtlpSpan& span) final {
    Add(ReadSpan(resource, scope, span, &texts_), span.attributes, nullptr);
  }

  void OnLog(const OtlpAttributes& resource, const OtlpScope& scope, const OtlpLog& log) final {
    if (auto record = ReadEvent(resource, scope, log, &texts_))
      Add(std::move(*record), log.attributes, &log.body);
  }

  void OnPoint(const OtlpAttributes& resource, const OtlpScope& scope, const OtlpPoint& point) final {
    if (auto record = ReadPoint(resource, scope, point)) Add(std::move(*record), {}, nullptr);
  }

  // The attributes and the body, which hold all texts, as JSON.
  static std::string RecordOf(const OtlpAttributes& attributes, const OtlpValue* body) {
    std::string out = "{\"attributes\":{";
    for (const OtlpAttribute& attribute : attributes) {
      if (!out.ends_with('{')) out += ',';
      AppendJsonString(attribute.key, &out);
      out += ':';
      AppendJson(attribute.value, &out);
    }
    out += '}';
    if (body && body->kind != OtlpValue::Kind::kNone) {
      out += ",\"body\":";
      AppendJson(*body, &out);
    }
    return out + '}';
  }

  void Add(SpanRecord record, const OtlpAttributes& attributes, const OtlpValue* body) {
    if (!record.conversation.empty() && record.conversation != record.trace_id)
      sink_->Link(record.trace_id, record.conversation);
    bool cut = record.prompt_bytes > static_cast<int64_t>(record.prompt.size());
    Fact fact = EncodeRecord(std::move(record));
    if (!cut && !IsCut(fact)) return sink_->Add(std::move(fact));
    std::string whole = RecordOf(attributes, body);
    sink_->FromRecord(whole, -1);
    sink_->Add(std::move(fact));
    sink_->FromRecord({}, -1);
  }

  void OnUnusable(int64_t offset, std::string_view reason) final {
    if (++skips_ == kMaxSkipsPerRequest) reason = "more-skips-not-listed";
    if (skips_ <= kMaxSkipsPerRequest) sink_->Skip(line_, offset_ + offset, reason);
  }

  FactSink* sink_;
  Mode mode_ = Mode::kUnknown;
  std::string pending_;
  JsonSplitter splitter_;
  LenientJson parser_;          // of requests
  JsonParser texts_;            // of JSON inside attributes
  bool several_lines_ = false;  // pending_ holds a line end
  bool dropping_ = false;
  bool to_the_end_ = false;  // dropping, and nothing usable can follow
  int64_t line_ = 1;
  int64_t offset_ = 0;  // of pending_'s first byte; of the current document while it is read
  size_t skips_ = 0;
};

bool Sniff(std::string_view head) {
  if (head.starts_with(kByteOrderMark)) head.remove_prefix(kByteOrderMark.size());
  return head.starts_with(kFirstKey) ? LooksLikeOtlpProtobuf(head) : LooksLikeOtlpJson(head);
}

}  // namespace

extern const Importer kOtlp;
const Importer kOtlp = {
    .name = "otlp",
    .summary = "OpenTelemetry dumps: traces, logs, metrics (OTLP protobuf, JSON, JSON lines)",
    .default_root = "",
    .file_suffixes = ".pb,.json,.jsonl",
    .sniff = Sniff,
    .open = [](const FileContext&, FactSink* sink) -> std::unique_ptr<LogReader> {
      return std::make_unique<OtlpReader>(sink);
    },
    .resolve = ResolveOtlp,
    .becomes =
        [](const Fact& fact, std::string_view id) {
          JsonParser parser;
          Fact copy = fact;
          auto record = DecodeRecord(&copy, &parser);
          if (!record) return false;
          // What a session begins with may stand on any span.
          return ResolvedId(*record) == id || (!record->prompt.empty() && id == "prompt:" + record->span_id);
        },
    .links = LinkRecords,
    .unit_key = [](std::string_view, std::string_view) { return std::string("otlp"); },
};

}  // namespace clawtrace::capture
