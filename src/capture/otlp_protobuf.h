#pragma once
// OTLP in protobuf, read by field number (opentelemetry-proto trace/v1, logs/v1, metrics/v1). No schema, no
// exceptions, no copies.
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>

#include "capture/otlp_span.h"

namespace clawtrace::capture {

// Walks the fields of one message.
//   WireReader reader(bytes);
//   while (reader.Next()) switch (reader.field()) ...
//   if (reader.failed()) ...
class WireReader {
 public:
  enum class Type : uint8_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };
  explicit WireReader(std::string_view bytes) : begin_(bytes.data()), rest_(bytes) {}

  // False at the end and on a malformed field. A length that reaches beyond the input gives what is there,
  // and cut() is true from then on: so the head of a file can be read with the same code.
  bool Next();
  bool failed() const { return failed_; }
  bool cut() const { return cut_; }
  uint32_t field() const { return field_; }
  Type type() const { return type_; }
  bool is(Type type) const { return type_ == type; }
  uint64_t number() const { return number_; }                                   // varint and fixed types
  std::string_view bytes() const { return bytes_; }                             // kBytes
  size_t offset() const { return static_cast<size_t>(rest_.data() - begin_); }  // behind the field

 private:
  bool Varint(uint64_t* value);
  bool Fixed(size_t size);

  const char* begin_;
  std::string_view rest_;
  uint32_t field_ = 0;
  Type type_ = Type::kVarint;
  uint64_t number_ = 0;
  std::string_view bytes_;
  bool failed_ = false;
  bool cut_ = false;
};

// Reads one request of any signal: the first item that can only be one of the three tells which. Unusable
// items are reported and the rest is read on; false: nothing of it could be read as one.
bool ReadOtlpProtobuf(std::string_view request, OtlpVisitor* visitor);

// The same for a request whose signal is known. False: no well-formed message (reported too).
bool ReadOtlpProtobuf(std::string_view request, OtlpSignal signal, OtlpVisitor* visitor);

// Is it a request of another signal (by the first item that can only be one of the three), or of none?
bool HoldsOnlyOther(std::string_view request, OtlpSignal signal);

// Could a file with this head be a request? True only when a span with ids and a start time, a log record
// with a time, or a metric with a name and data is in sight.
bool LooksLikeOtlpProtobuf(std::string_view head);

}  // namespace clawtrace::capture
