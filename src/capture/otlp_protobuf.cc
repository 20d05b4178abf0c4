#include "capture/otlp_protobuf.h"

#include <bit>
#include <cstring>

#include "base/base64.h"
#include "base/text.h"

namespace clawtrace::capture {
namespace {

using Type = WireReader::Type;

// Texts with invalid UTF-8 are repaired; the repaired copies live as long as the request is read.
struct Decoder {
  std::deque<std::string> repaired, encoded;
  bool dropped = false;   // something was beyond a limit
  bool unusable = false;  // something was of no use, such as a time that no clock shows
  size_t values = 0;      // held in lists and maps

  std::string_view Text(std::string_view bytes) {
    if (IsValidUtf8(bytes)) return bytes;
    repaired.push_back(ReplaceInvalidUtf8(bytes));
    return repaired.back();
  }
  std::optional<int64_t> Time(uint64_t nanoseconds) {
    auto time = OtlpTime(nanoseconds);
    unusable = unusable || (nanoseconds > 0 && !time);
    return time;
  }
  bool Attribute(std::string_view bytes, int depth, OtlpAttribute* out);
  bool Value(std::string_view bytes, int depth, OtlpValue* out);
  bool Values(std::string_view bytes, int depth, bool map, OtlpValue* out);
  bool Event(std::string_view bytes, OtlpEvent* out);
  bool Span(std::string_view bytes, OtlpSpan* out);
  bool Log(std::string_view bytes, OtlpLog* out);
  bool Point(std::string_view bytes, bool histogram, OtlpPoint* out);
  bool Add(std::string_view bytes, OtlpAttributes* out);
};

bool Decoder::Values(std::string_view bytes, int depth, bool map, OtlpValue* out) {
  out->kind = map ? OtlpValue::Kind::kMap : OtlpValue::Kind::kList;
  WireReader reader(bytes);
  while (reader.Next()) {
    if (reader.field() != 1 || !reader.is(Type::kBytes)) continue;
    if (out->items.size() + out->fields.size() >= kMaxOtlpAttributes || ++values >= kMaxOtlpValues) {
      dropped = true;
      continue;
    }
    if (map) {
      if (!Attribute(reader.bytes(), depth, &out->fields.emplace_back())) return false;
    } else if (!Value(reader.bytes(), depth, &out->items.emplace_back())) {
      return false;
    }
  }
  return !reader.failed() && !reader.cut();
}

bool Decoder::Value(std::string_view bytes, int depth, OtlpValue* out) {
  if (depth >= kMaxOtlpDepth) {
    dropped = true;
    return true;
  }
  WireReader reader(bytes);
  while (reader.Next()) {
    switch (reader.field()) {
      case 1:
        if (!reader.is(Type::kBytes)) return false;
        out->kind = OtlpValue::Kind::kText, out->text = Text(reader.bytes());
        break;
      case 2:
        if (!reader.is(Type::kVarint)) return false;
        out->kind = OtlpValue::Kind::kBool, out->integer = reader.number() != 0;
        break;
      case 3:
        if (!reader.is(Type::kVarint)) return false;
        out->kind = OtlpValue::Kind::kInt, out->integer = static_cast<int64_t>(reader.number());
        break;
      case 4:
        if (!reader.is(Type::kFixed64)) return false;
        out->kind = OtlpValue::Kind::kDouble, out->real = std::bit_cast<double>(reader.number());
        break;
      case 5:
      case 6:
        if (!reader.is(Type::kBytes) || !Values(reader.bytes(), depth + 1, reader.field() == 6, out))
          return false;
        break;
      case 7:
        if (!reader.is(Type::kBytes)) return false;
        out->kind = OtlpValue::Kind::kBytes, out->text = encoded.emplace_back(Base64(reader.bytes()));
        break;
      default:
        break;  // what later versions add
    }
  }
  return !reader.failed() && !reader.cut();
}

bool Decoder::Attribute(std::string_view bytes, int depth, OtlpAttribute* out) {
  WireReader reader(bytes);
  while (reader.Next()) {
    if (reader.field() > 2) continue;
    if (!reader.is(Type::kBytes)) return false;
    if (reader.field() == 1) out->key = Text(reader.bytes());
    if (reader.field() == 2 && !Value(reader.bytes(), depth, &out->value)) return false;
  }
  return !reader.failed() && !reader.cut();
}

bool Decoder::Add(std::string_view bytes, OtlpAttributes* out) {
  if (out->size() >= kMaxOtlpAttributes) {
    dropped = true;
    return true;
  }
  return Attribute(bytes, 0, &out->emplace_back());
}

bool Decoder::Event(std::string_view bytes, OtlpEvent* out) {
  WireReader reader(bytes);
  while (reader.Next()) {
    if (!reader.is(Type::kBytes)) continue;
    if (reader.field() == 2) out->name = Text(reader.bytes());
    if (reader.field() == 3 && !Add(reader.bytes(), &out->attributes)) return false;
  }
  return !reader.failed() && !reader.cut();
}

void ReadStatus(std::string_view bytes, Decoder* decoder, OtlpSpan* out) {
  WireReader reader(bytes);
  while (reader.Next()) {
    if (reader.field() == 2 && reader.is(Type::kBytes)) out->status_message = decoder->Text(reader.bytes());
    if (reader.field() == 3 && reader.is(Type::kVarint))
      out->status = OtlpEnum(reader.number(), kMaxOtlpStatus);
  }
}

bool Decoder::Span(std::string_view bytes, OtlpSpan* out) {
  WireReader reader(bytes);
  while (reader.Next()) {
    bool text = reader.is(Type::kBytes);
    switch (reader.field()) {
      case 1:
        out->trace_id = text ? OtlpIdFromBytes(reader.bytes(), 16) : "";
        break;
      case 2:
        out->span_id = text ? OtlpIdFromBytes(reader.bytes(), 8) : "";
        break;
      case 4:
        out->parent_id = text ? OtlpIdFromBytes(reader.bytes(), 8) : "";
        break;
      case 5:
        if (!text) return false;
        out->name = Text(reader.bytes());
        break;
      case 6:
        if (!reader.is(Type::kVarint)) return false;
        out->kind = OtlpEnum(reader.number(), kMaxOtlpKind);
        break;
      case 7:
      case 8:
        if (!reader.is(Type::kFixed64)) return false;
        (reader.field() == 7 ? out->start_ns : out->end_ns) = Time(reader.number());
        break;
      case 9:
        if (!text || !Add(reader.bytes(), &out->attributes)) return false;
        break;
      case 11:
        if (!text) return false;
        if (out->events.size() >= kMaxOtlpEvents)
          dropped = true;
        else if (!Event(reader.bytes(), &out->events.emplace_back()))
          return false;
        break;
      case 15:
        if (!text) return false;
        ReadStatus(reader.bytes(), this, out);
        break;
      default:
        break;
    }
  }
  return !reader.failed() && !reader.cut();
}

// Resource and scope may stand behind what they describe, so they are looked up first.
OtlpAttributes ResourceOf(std::string_view resource_spans, Decoder* decoder) {
  OtlpAttributes attributes;
  WireReader outer(resource_spans);
  while (outer.Next()) {
    if (outer.field() != 1 || !outer.is(Type::kBytes)) continue;
    WireReader reader(outer.bytes());
    while (reader.Next()) {
      if (reader.field() == 1 && reader.is(Type::kBytes)) decoder->Add(reader.bytes(), &attributes);
    }
  }
  return attributes;
}

OtlpScope ScopeOf(std::string_view scope_spans, Decoder* decoder) {
  OtlpScope scope;
  WireReader outer(scope_spans);
  while (outer.Next()) {
    if (outer.field() != 1 || !outer.is(Type::kBytes)) continue;
    WireReader reader(outer.bytes());
    while (reader.Next()) {
      if (reader.field() == 1 && reader.is(Type::kBytes)) scope.name = decoder->Text(reader.bytes());
      if (reader.field() == 2 && reader.is(Type::kBytes)) scope.version = decoder->Text(reader.bytes());
    }
  }
  return scope;
}

bool Decoder::Log(std::string_view bytes, OtlpLog* out) {
  WireReader reader(bytes);
  std::optional<int64_t> observed;
  while (reader.Next()) {
    bool text = reader.is(Type::kBytes), time = reader.is(Type::kFixed64);
    switch (reader.field()) {
      case 1:
        if (!time) return false;
        out->time_ns = Time(reader.number());
        break;
      case 5:
        if (!text || !Value(reader.bytes(), 0, &out->body)) return false;
        break;
      case 6:
        if (!text || !Add(reader.bytes(), &out->attributes)) return false;
        break;
      case 9:
        out->trace_id = text ? OtlpIdFromBytes(reader.bytes(), 16) : "";
        break;
      case 10:
        out->span_id = text ? OtlpIdFromBytes(reader.bytes(), 8) : "";
        break;
      case 11:
        if (!time) return false;
        observed = Time(reader.number());
        break;
      case 12:
        if (!text) return false;
        out->event_name = Text(reader.bytes());
        break;
      default:
        break;
    }
  }
  if (!out->time_ns) out->time_ns = observed;
  return !reader.failed() && !reader.cut();
}

// Number points hold their value in field 4 or 6 and attributes in 7; histograms their sum in 5 (exponential
// ones too) and attributes in 9 or 1.
bool Decoder::Point(std::string_view bytes, bool histogram, OtlpPoint* out) {
  WireReader reader(bytes);
  bool any = false;
  while (reader.Next()) {
    bool fixed = reader.is(Type::kFixed64);
    uint32_t field = reader.field();
    if (field == 2 && fixed) out->start_ns = Time(reader.number());
    if (field == 3 && fixed) out->time_ns = Time(reader.number());
    if (field == (histogram ? 5u : 4u) && fixed)
      out->value = std::bit_cast<double>(reader.number()), any = true;
    if (!histogram && field == 6 && fixed)
      out->value = static_cast<double>(static_cast<int64_t>(reader.number())), any = true;
    bool attribute = histogram ? field == 9 || field == 1 : field == 7;
    if (attribute && reader.is(Type::kBytes) && !Add(reader.bytes(), &out->attributes)) return false;
  }
  return any && !reader.failed() && !reader.cut();
}

// What one scope's items are read with.
struct Place {
  const char* begin;  // of the request
  const OtlpAttributes& resource;
  OtlpScope scope;
  OtlpVisitor* visitor;

  int64_t OffsetOf(std::string_view item) const { return item.data() - begin; }
};

void ReportTexts(const Place& place, std::string_view item, const Decoder& texts,
                 std::string_view over_limit) {
  if (texts.dropped) place.visitor->OnUnusable(place.OffsetOf(item), over_limit);
  if (!texts.repaired.empty()) place.visitor->OnUnusable(place.OffsetOf(item), "invalid-utf8-repaired");
  if (texts.unusable) place.visitor->OnUnusable(place.OffsetOf(item), kUnusableValue);
}

void ReadSpan(std::string_view item, bool cut, const Place& place) {
  Decoder texts;
  OtlpSpan span;
  int64_t offset = place.OffsetOf(item);
  if (cut) return place.visitor->OnUnusable(offset, "truncated-span");
  if (!texts.Span(item, &span)) return place.visitor->OnUnusable(offset, "bad-span");
  if (span.trace_id.empty() || span.span_id.empty()) return place.visitor->OnUnusable(offset, "bad-span-id");
  ReportTexts(place, item, texts, "span-over-limit");
  place.visitor->OnSpan(place.resource, place.scope, span);
}

void ReadLog(std::string_view item, bool cut, const Place& place) {
  Decoder texts;
  OtlpLog log;
  if (cut) return place.visitor->OnUnusable(place.OffsetOf(item), "truncated-log-record");
  if (!texts.Log(item, &log)) return place.visitor->OnUnusable(place.OffsetOf(item), "bad-log-record");
  ReportTexts(place, item, texts, "log-record-over-limit");
  place.visitor->OnLog(place.resource, place.scope, log);
}

void ReadPoints(std::string_view data, bool histogram, std::string_view metric, const Place& place) {
  bool cumulative = false;
  WireReader temporality(data);
  while (temporality.Next()) {
    if (temporality.field() == 2 && temporality.is(Type::kVarint)) cumulative = temporality.number() == 2;
  }
  WireReader reader(data);
  while (reader.Next()) {
    if (reader.field() != 1 || !reader.is(Type::kBytes)) continue;
    Decoder texts;
    OtlpPoint point;
    point.metric = metric, point.cumulative = cumulative;
    if (texts.Point(reader.bytes(), histogram, &point))
      place.visitor->OnPoint(place.resource, place.scope, point);
    if (texts.unusable) place.visitor->OnUnusable(place.OffsetOf(reader.bytes()), kUnusableValue);
  }
}

void ReadMetric(std::string_view item, bool cut, const Place& place) {
  if (cut) return place.visitor->OnUnusable(place.OffsetOf(item), "truncated-metric");
  Decoder texts;
  std::string_view name;
  WireReader names(item);
  while (names.Next()) {
    if (names.field() == 1 && names.is(Type::kBytes)) name = texts.Text(names.bytes());
  }
  WireReader reader(item);
  while (reader.Next()) {
    bool histogram = reader.field() == 9 || reader.field() == 10;
    if ((histogram || reader.field() == 7) && reader.is(Type::kBytes))
      ReadPoints(reader.bytes(), histogram, name, place);
  }
  if (reader.failed()) place.visitor->OnUnusable(place.OffsetOf(item), "bad-metric");
}

using Signal = OtlpSignal;

void ReadScope(Signal signal, std::string_view bytes, const char* begin, const OtlpAttributes& resource,
               Decoder* decoder, OtlpVisitor* visitor) {
  Place place{begin, resource, ScopeOf(bytes, decoder), visitor};
  WireReader reader(bytes);
  while (reader.Next()) {
    if (reader.field() != 2 || !reader.is(Type::kBytes)) continue;
    if (signal == Signal::kSpans) ReadSpan(reader.bytes(), reader.cut(), place);
    if (signal == Signal::kLogs) ReadLog(reader.bytes(), reader.cut(), place);
    if (signal == Signal::kMetrics) ReadMetric(reader.bytes(), reader.cut(), place);
  }
  if (reader.failed())
    visitor->OnUnusable(bytes.data() - begin + static_cast<int64_t>(reader.offset()), "bad-protobuf");
}

// One span's fields as a trace request must have them; nullopt: too little of it is in sight.
std::optional<bool> IsSpan(std::string_view bytes, bool cut) {
  WireReader reader(bytes);
  bool trace = false, span = false, start = false;
  while (reader.Next()) {
    bool partial = reader.cut();
    switch (reader.field()) {
      case 1:
        if (!reader.is(Type::kBytes)) return false;
        trace = !partial && !OtlpIdFromBytes(reader.bytes(), 16).empty();
        if (!partial && !trace) return false;
        break;
      case 2:
        if (!reader.is(Type::kBytes)) return false;
        span = !partial && !OtlpIdFromBytes(reader.bytes(), 8).empty();
        if (!partial && !span) return false;
        break;
      case 4:
        // Some writers put eight zeros or nothing for "no parent".
        if (!reader.is(Type::kBytes) || (!partial && !reader.bytes().empty() && reader.bytes().size() != 8))
          return false;
        break;
      case 5:
        if (!reader.is(Type::kBytes) || (!partial && !IsValidUtf8(reader.bytes()))) return false;
        break;
      case 7:
      case 8:
        if (!reader.is(Type::kFixed64)) return false;
        if (reader.field() == 7) start = OtlpTime(reader.number()).has_value();
        break;
      default:
        break;
    }
  }
  if (reader.failed() && !cut) return false;
  if (trace && span && start) return true;
  return cut ? std::optional<bool>() : false;
}

// The same for a log record: a time, and every field of the type that it has there.
std::optional<bool> IsLog(std::string_view bytes, bool cut) {
  static constexpr Type kTypes[] = {Type::kBytes, Type::kFixed64, Type::kVarint, Type::kBytes,   Type::kBytes,
                                    Type::kBytes, Type::kBytes,   Type::kVarint, Type::kFixed32, Type::kBytes,
                                    Type::kBytes, Type::kFixed64, Type::kBytes};
  WireReader reader(bytes);
  bool time = false;
  while (reader.Next()) {
    if (reader.field() >= std::size(kTypes) || !reader.is(kTypes[reader.field()])) return false;
    if (reader.field() == 1 || reader.field() == 11) time = time || OtlpTime(reader.number()).has_value();
    size_t size = reader.field() == 9 ? 16 : reader.field() == 10 ? 8 : 0;
    if (size && !reader.cut() && !reader.bytes().empty() && reader.bytes().size() != size) return false;
  }
  if (reader.failed() && !cut) return false;
  if (time) return true;
  return cut ? std::optional<bool>() : false;
}

bool LooksLikeMetricData(std::string_view data) {
  WireReader reader(data);
  bool points = false;
  while (reader.Next()) {
    if (reader.field() > 3 || !reader.is(reader.field() == 1 ? Type::kBytes : Type::kVarint)) return false;
    points = points || reader.field() == 1;
  }
  return points && (!reader.failed() || reader.cut());
}

// And for a metric: a name, and data points of some kind.
std::optional<bool> IsMetric(std::string_view bytes, bool cut) {
  WireReader reader(bytes);
  bool name = false, data = false;
  while (reader.Next()) {
    if (!reader.is(Type::kBytes)) return false;
    switch (reader.field()) {
      case 1:
        if (reader.bytes().empty() || (!reader.cut() && !IsValidUtf8(reader.bytes()))) return false;
        name = !reader.cut();
        break;
      case 2:
      case 3:
      case 12:
        break;
      case 5:
      case 7:
      case 9:
      case 10:
      case 11:
        if (!LooksLikeMetricData(reader.bytes())) return false;
        data = true;
        break;
      default:
        return false;
    }
  }
  if (reader.failed() && !cut) return false;
  if (name && data) return true;
  return cut ? std::optional<bool>() : false;
}

// nullopt: nothing decides. *refused: an item is none of the three.
std::optional<Signal> SignalOf(std::string_view of_scope, bool* refused) {
  WireReader reader(of_scope);
  while (reader.Next()) {
    if (reader.field() > 3 || !reader.is(Type::kBytes)) {
      *refused = true;
      return std::nullopt;
    }
    if (reader.field() != 2) continue;
    auto span = IsSpan(reader.bytes(), reader.cut());
    if (span == true) return Signal::kSpans;
    auto log = IsLog(reader.bytes(), reader.cut());
    if (log == true) return Signal::kLogs;
    auto metric = IsMetric(reader.bytes(), reader.cut());
    if (metric == true) return Signal::kMetrics;
    if (span == false && log == false && metric == false) *refused = true;
    if (*refused) return std::nullopt;
  }
  if (reader.failed() && !reader.cut()) *refused = true;
  return std::nullopt;
}

// Of a whole request: by the first item that tells, whatever is broken before it.
std::optional<Signal> SignalOfRequest(std::string_view request) {
  WireReader reader(request);
  while (reader.Next()) {
    if (reader.field() != 1 || !reader.is(Type::kBytes)) continue;
    WireReader scopes(reader.bytes());
    while (scopes.Next()) {
      if (scopes.field() != 2 || !scopes.is(Type::kBytes)) continue;
      WireReader items(scopes.bytes());
      while (items.Next()) {
        if (items.field() != 2 || !items.is(Type::kBytes)) continue;
        if (IsSpan(items.bytes(), false) == true) return Signal::kSpans;
        if (IsLog(items.bytes(), false) == true) return Signal::kLogs;
        if (IsMetric(items.bytes(), false) == true) return Signal::kMetrics;
      }
    }
  }
  return std::nullopt;
}

}  // namespace

bool WireReader::Varint(uint64_t* value) {
  *value = 0;
  for (int shift = 0; shift < 64 && !rest_.empty(); shift += 7) {
    auto byte = static_cast<unsigned char>(rest_.front());
    rest_.remove_prefix(1);
    *value |= static_cast<uint64_t>(byte & 0x7f) << shift;
    if (byte < 0x80) return true;
  }
  // The input's end inside a number cuts, ten bytes without an end are malformed.
  if (rest_.empty()) cut_ = true;
  failed_ = true;
  return false;
}

bool WireReader::Fixed(size_t size) {
  if (rest_.size() < size) {
    cut_ = failed_ = true;
    rest_.remove_prefix(rest_.size());  // offset() still counts from the message's begin
    return false;
  }
  number_ = 0;
  for (size_t i = size; i-- > 0;) number_ = number_ << 8 | static_cast<unsigned char>(rest_[i]);
  rest_.remove_prefix(size);
  return true;
}

bool WireReader::Next() {
  if (failed_ || rest_.empty()) return false;
  uint64_t key = 0, size = 0;
  if (!Varint(&key)) return false;
  field_ = static_cast<uint32_t>(key >> 3);
  type_ = static_cast<Type>(key & 7);
  if (key >> 3 == 0 || key >> 3 > 0x1fffffff) return !(failed_ = true);
  bytes_ = {};
  switch (type_) {
    case Type::kVarint:
      return Varint(&number_);
    case Type::kFixed64:
      return Fixed(8);
    case Type::kFixed32:
      return Fixed(4);
    case Type::kBytes:
      if (!Varint(&size)) return false;
      if (size > rest_.size()) cut_ = true;
      bytes_ = rest_.substr(0, static_cast<size_t>(std::min<uint64_t>(size, rest_.size())));
      rest_.remove_prefix(bytes_.size());
      return true;
    default:
      return !(failed_ = true);  // groups are not used by OTLP
  }
}

bool ReadOtlpProtobuf(std::string_view request, OtlpSignal signal, OtlpVisitor* visitor) {
  WireReader reader(request);
  bool well_formed = true;
  while (reader.Next()) {
    if (reader.field() != 1) continue;
    if (!reader.is(Type::kBytes)) {
      well_formed = false;
      continue;
    }
    Decoder decoder;
    OtlpAttributes resource = ResourceOf(reader.bytes(), &decoder);
    WireReader scopes(reader.bytes());
    while (scopes.Next()) {
      if (scopes.field() == 2 && scopes.is(Type::kBytes))
        ReadScope(signal, scopes.bytes(), request.data(), resource, &decoder, visitor);
    }
    if (scopes.failed() && !reader.cut())
      visitor->OnUnusable(static_cast<int64_t>(reader.offset()), "bad-protobuf");
    well_formed = well_formed && !scopes.failed() && !scopes.cut();
  }
  if (reader.cut())
    visitor->OnUnusable(static_cast<int64_t>(request.size()), "truncated-request");
  else if (reader.failed())
    visitor->OnUnusable(static_cast<int64_t>(reader.offset()), "bad-protobuf");
  return well_formed && !reader.cut() && !reader.failed();
}

bool ReadOtlpProtobuf(std::string_view request, OtlpVisitor* visitor) {
  (void)ReadOtlpProtobuf(request, SignalOfRequest(request).value_or(Signal::kSpans), visitor);
  WireReader reader(request);
  while (reader.Next()) {
    if (reader.field() == 1 && reader.is(Type::kBytes)) return true;
  }
  return false;
}

bool HoldsOnlyOther(std::string_view request, OtlpSignal signal) {
  if (auto found = SignalOfRequest(request)) return *found != signal;
  WireReader reader(request);
  bool lists = false;
  while (reader.Next()) lists = lists || reader.field() == 1;
  return !request.empty() && !lists;
}

bool LooksLikeOtlpProtobuf(std::string_view head) {
  WireReader reader(head);
  while (reader.Next()) {
    if (reader.field() != 1 || !reader.is(Type::kBytes)) return false;
    WireReader resource_spans(reader.bytes());
    while (resource_spans.Next()) {
      if ((resource_spans.field() > 3 && resource_spans.field() != 1000) || !resource_spans.is(Type::kBytes))
        return false;
      if (resource_spans.field() != 2) continue;
      bool refused = false;
      if (SignalOf(resource_spans.bytes(), &refused)) return true;
      if (refused) return false;
    }
    if (resource_spans.failed() && !resource_spans.cut()) return false;
  }
  return false;
}

}  // namespace clawtrace::capture
