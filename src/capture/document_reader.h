#pragma once
// Base of the readers for formats that are one JSON document a file, whatever its layout. The document is
// held whole; a UTF-8 byte order mark is skipped, blank input is ignored.
//  - a document above kMaxDocumentBytes is skipped as "too-large" without being held
//  - a document whose end is missing is used as far as it goes, and counted as "truncated-document"
//  - bytes behind the document are counted as "trailing-bytes", the document is used
//  - invalid UTF-8 is repaired (U+FFFD) and counted as "invalid-utf8-repaired"
//  - what is no JSON, or neither object nor array, is counted as "not-json", "nul-bytes", "not-an-object"
#include <memory>
#include <string>
#include <string_view>

#include "base/json.h"
#include "capture/importer.h"
#include "capture/lenient_json.h"
#include "capture/line_reader.h"

namespace clawtrace::capture {

inline constexpr size_t kMaxDocumentBytes = size_t{512} << 20;
// Places inside a document cannot be told apart: no more than this many are reported.
inline constexpr size_t kMaxSkipsPerDocument = 100;

class JsonDocumentReader : public LogReader {
 public:
  explicit JsonDocumentReader(FactSink* sink) : sink_(sink) {}
  void Feed(std::string_view bytes) final;
  void Finish() final;

 protected:
  // The document, an object or an array, valid during the call only. Not called when there is none.
  virtual void OnDocument(Json document) = 0;

  FactSink& sink() { return *sink_; }
  // Something inside the document is unusable; the document has no lines and its place is its start.
  void Skip(std::string_view reason);

 private:
  void ReadDocument(std::string_view text);

  FactSink* sink_;
  std::string pending_;
  LenientJson parser_;
  bool dropping_ = false;
  size_t skips_ = 0;
};

// For formats that exist as one document and as a record a line. The document is pretty-printed or an array:
// the input begins with "[" or with a line that is only "{"; anything else goes to lines, a document in one
// line included.
std::unique_ptr<LogReader> LinesOrDocument(std::unique_ptr<JsonLineReader> lines,
                                           std::unique_ptr<JsonDocumentReader> document);

// The start of a file as a document, for sniff: what the head holds of it, or of its first line. Missing
// when it begins no JSON object or array. The handle is valid until the parser is used again.
Json HeadDocument(std::string_view head, JsonParser* parser);

}  // namespace clawtrace::capture
