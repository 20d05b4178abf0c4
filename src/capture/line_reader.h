#pragma once
// Base of the readers for one-record-a-line formats: splits any chunking into lines, parses each as JSON, and
// reports what cannot be used with its line and offset. Blank lines are ignored, a UTF-8 byte order mark is
// skipped.
//  - invalid UTF-8: the record is repaired (U+FFFD) and used, and "invalid-utf8-repaired" is counted
//  - an unterminated last line is used if it parses, else counted as "truncated-line"
//  - a line above kMaxLineBytes is skipped as "line-too-long" without being held in memory
#include <string>
#include <string_view>

#include "base/json.h"
#include "capture/importer.h"
#include "capture/lenient_json.h"

namespace clawtrace::capture {

class JsonLineReader : public LogReader {
 public:
  explicit JsonLineReader(FactSink* sink) : sink_(sink) {}
  void Feed(std::string_view bytes) final;
  void Finish() final;

 protected:
  // One record; its Json is valid during the call only. Skip and Place refer to this line.
  virtual void OnRecord(Json record) = 0;
  // Whether the line is to be parsed at all; for lines that cannot matter.
  virtual bool Wanted(std::string_view line) const {
    (void)line;
    return true;
  }
  // Whether a record may be an array; other values are counted as "not-an-object".
  virtual bool TakesArrays() const { return false; }
  // After the last record.
  virtual void OnEnd() {}

  FactSink& sink() { return *sink_; }
  void Skip(std::string_view reason) { sink_->Skip(line_, offset_, reason); }
  int64_t line() const { return line_; }
  int64_t offset() const { return offset_; }
  // The record's bytes as read (valid during OnRecord).
  std::string_view raw() const { return raw_; }

 private:
  // padded: JsonParser::kPadding bytes behind the line can be read.
  void OnLine(std::string_view line, bool terminated, bool padded);

  FactSink* sink_;
  LenientJson parser_;
  std::string pending_;    // start of a line whose end has not arrived; padded on use
  bool dropping_ = false;  // inside a line that is too long
  int64_t line_ = 0;
  int64_t offset_ = 0;       // of the current line
  int64_t next_offset_ = 0;  // of the line after it
  std::string_view raw_;
};

// Texts in facts are cut to limits, on code point borders.
std::string Cut(std::string_view text, size_t max_bytes);

// Fills args, args_bytes, args_hash of a tool use from its JSON arguments.
void SetArgs(Json arguments, ToolUse* tool);
// Same from an argument text that should be JSON (OpenAI style); broken text is kept raw and marked.
void SetArgsText(std::string_view text, JsonParser* parser, ToolUse* tool);
// Fills output, output_bytes, output_hash.
void SetOutput(std::string_view output, ToolResult* result);

// A JSON time: ISO text, or a number of unix seconds, milliseconds or nanoseconds (told apart by size).
std::optional<int64_t> TimeOf(Json value);
// A token count: integer >= 0, or an integral double; nullopt for anything else, texts included.
std::optional<int64_t> CountOf(Json value);

}  // namespace clawtrace::capture
