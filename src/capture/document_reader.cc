#include "capture/document_reader.h"

#include <optional>

#include "base/memory.h"
#include "base/text.h"

namespace clawtrace::capture {

namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
constexpr std::string_view kBlank = " \t\r\n";

class LinesOrDocumentReader final : public LogReader {
 public:
  LinesOrDocumentReader(std::unique_ptr<JsonLineReader> lines, std::unique_ptr<JsonDocumentReader> document)
      : lines_(std::move(lines)), document_(std::move(document)) {}

  void Feed(std::string_view bytes) override {
    if (chosen_) return chosen_->Feed(bytes);
    size_t had = start_.size();
    for (size_t i = 0; i < bytes.size() && !chosen_; ++i) {
      start_.push_back(bytes[i]);
      Choose(bytes[i]);
    }
    if (!chosen_) return;
    bytes.remove_prefix(start_.size() - had);
    chosen_->Feed(start_);
    if (!bytes.empty()) chosen_->Feed(bytes);
    FreeText(&start_);
  }

  void Finish() override {
    if (!chosen_) {
      chosen_ = lines_.get();
      chosen_->Feed(start_);
    }
    chosen_->Finish();
  }

 private:
  void Choose(char c) {
    bool blank = kBlank.find(c) != std::string_view::npos;
    if (start_.size() <= kByteOrderMark.size() && kByteOrderMark.starts_with(start_)) return;
    // Blanks in front of everything tell nothing; a file of them is no reason to hold it.
    if (!open_ && blank && start_.size() < kMaxBlanks) return;
    if (!open_ && c == '{') {
      open_ = true;
    } else if (!open_) {
      chosen_ = c == '[' ? static_cast<LogReader*>(document_.get()) : lines_.get();
    } else if (c == '\n') {
      chosen_ = document_.get();
    } else if (!blank || start_.size() >= kMaxBlanks) {
      chosen_ = lines_.get();
    }
  }

  static constexpr size_t kMaxBlanks = size_t{1} << 20;
  std::unique_ptr<JsonLineReader> lines_;
  std::unique_ptr<JsonDocumentReader> document_;
  LogReader* chosen_ = nullptr;
  std::string start_;  // what was read before the choice
  bool open_ = false;  // the first brace was seen
};

}  // namespace

void JsonDocumentReader::Feed(std::string_view bytes) {
  if (dropping_) return;
  if (pending_.size() + bytes.size() > kMaxDocumentBytes) {
    dropping_ = true;
    FreeText(&pending_);
    return Skip("too-large");
  }
  pending_.append(bytes);
}

void JsonDocumentReader::Finish() {
  if (dropping_) return;
  pending_.reserve(pending_.size() + JsonParser::kPadding);
  std::string_view text = pending_;
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  text = Trim(text);
  if (!text.empty()) ReadDocument(text);
  FreeText(&pending_);
}

void JsonDocumentReader::ReadDocument(std::string_view text) {
  auto document = parser_.ParsePadded(text);
  std::string_view why = parser_.why();
  std::string closed;
  if (!document) {
    closed = CloseJson(text);
    // A document that was complete keeps every byte of its start; one that was cut ends in other brackets.
    bool complete = closed.size() < text.size() && text.starts_with(closed);
    if (!closed.empty()) document = parser_.Parse(closed);
    if (document) Skip(complete ? "trailing-bytes" : "truncated-document");
  }
  if (!document) return Skip(why);
  if (parser_.repaired()) Skip("invalid-utf8-repaired");
  if (!document->is_object() && !document->is_array()) return Skip("not-an-object");
  // Of which readers name the parts, where it has some.
  sink_->FromRecord(parser_.parsed(), -1);
  OnDocument(*document);
  sink_->FromRecord({}, -1);
}

void JsonDocumentReader::Skip(std::string_view reason) {
  if (++skips_ > kMaxSkipsPerDocument) return;
  sink_->Skip(0, 0, skips_ == kMaxSkipsPerDocument ? "more-skips-not-listed" : reason);
}

std::unique_ptr<LogReader> LinesOrDocument(std::unique_ptr<JsonLineReader> lines,
                                           std::unique_ptr<JsonDocumentReader> document) {
  return std::make_unique<LinesOrDocumentReader>(std::move(lines), std::move(document));
}

Json HeadDocument(std::string_view head, JsonParser* parser) {
  auto json = parser->Parse(CloseJson(head));
  return json ? *json : Json();
}

}  // namespace clawtrace::capture
