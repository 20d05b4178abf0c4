#pragma once
// OTLP spans, log records and metric points as read from either encoding: views into the input, valid during
// the callback only.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace clawtrace::capture {

struct OtlpAttribute;

struct OtlpValue {
  // kNone: nothing that can be read.
  enum class Kind { kNone, kText, kBool, kInt, kDouble, kBytes, kList, kMap };
  Kind kind = Kind::kNone;
  std::string_view text;  // kText; kBytes: in base64
  int64_t integer = 0;    // kInt, and 0 or 1 for kBool
  double real = 0;
  std::vector<OtlpValue> items;
  std::vector<OtlpAttribute> fields;
};

struct OtlpAttribute {
  std::string_view key;
  OtlpValue value;
};

using OtlpAttributes = std::vector<OtlpAttribute>;

struct OtlpEvent {
  std::string_view name;
  OtlpAttributes attributes;
};

struct OtlpScope {
  std::string_view name;
  std::string_view version;
};

struct OtlpSpan {
  std::string trace_id;   // 32 lower-case hex digits
  std::string span_id;    // 16
  std::string parent_id;  // 16, or "" for a root
  std::string_view name;
  int64_t kind = 0;
  std::optional<int64_t> start_ns, end_ns;
  OtlpAttributes attributes;
  std::vector<OtlpEvent> events;
  int64_t status = 0;  // 0 unset, 1 ok, 2 error
  std::string_view status_message;
};

struct OtlpLog {
  std::string trace_id, span_id;   // of the span it was written in, "" when none
  std::optional<int64_t> time_ns;  // stated, else observed
  std::string_view event_name;     // the record's own field; older emitters use attributes
  OtlpValue body;
  OtlpAttributes attributes;
};

// One data point of a sum or histogram (then its sum). Gauges and summaries are not read: none tells tokens.
struct OtlpPoint {
  std::string_view metric;
  bool cumulative = false;
  std::optional<int64_t> start_ns, time_ns;
  double value = 0;
  OtlpAttributes attributes;
};

enum class OtlpSignal { kSpans, kLogs, kMetrics };

// What one request holds, in input order.
class OtlpVisitor {
 public:
  virtual ~OtlpVisitor() = default;
  virtual void OnSpan(const OtlpAttributes& resource, const OtlpScope& scope, const OtlpSpan& span) = 0;
  virtual void OnLog(const OtlpAttributes& resource, const OtlpScope& scope, const OtlpLog& log) = 0;
  virtual void OnPoint(const OtlpAttributes& resource, const OtlpScope& scope, const OtlpPoint& point) = 0;
  // offset: from the start of the request; 0 when the encoding does not tell.
  virtual void OnUnusable(int64_t offset, std::string_view reason) = 0;
};

// Reasons that OnUnusable names for values and members of what is read all the same.
inline constexpr std::string_view kUnusableValue = "unusable-value";  // became unknown
inline constexpr std::string_view kRepeatedKey = "repeated-key";      // of lists all are read, else the last

inline constexpr uint64_t kMaxOtlpKind = 5, kMaxOtlpStatus = 2;  // largest value of each

// Limits on what one span may make us hold; what is beyond them is dropped and reported.
inline constexpr size_t kMaxOtlpAttributes = 20000;  // and items of one list, members of one map
inline constexpr size_t kMaxOtlpEvents = 2000;
inline constexpr int kMaxOtlpDepth = 32;
inline constexpr size_t kMaxOtlpValues = 200000;  // of all lists and maps together

const OtlpValue* FindAttribute(const OtlpAttributes& attributes, std::string_view key);
// "" when absent or no text.
std::string_view TextOf(const OtlpAttributes& attributes, std::string_view key);
// Integers, and doubles that hold one exactly.
std::optional<int64_t> IntOf(const OtlpAttributes& attributes, std::string_view key);
std::optional<bool> BoolOf(const OtlpAttributes& attributes, std::string_view key);
// Appends the value as JSON, as protobuf does: bytes in base64, what is no finite number as "NaN",
// "Infinity".
void AppendJson(const OtlpValue& value, std::string* out);

// Lower-case hex of 16 or 8 raw bytes; "" for another length or all zeros (OTLP: not a valid id).
std::string OtlpIdFromBytes(std::string_view bytes, size_t size);
// The same from hex digits of either case.
std::string OtlpIdFromHex(std::string_view hex, size_t size);
// Of a span or its status; 0 for what OTLP does not define.
int64_t OtlpEnum(uint64_t value, uint64_t largest);
// OTLP times are unsigned; 0 means unset and what a signed time cannot hold is no time.
std::optional<int64_t> OtlpTime(uint64_t nanoseconds);

}  // namespace clawtrace::capture
