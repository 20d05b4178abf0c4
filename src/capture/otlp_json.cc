#include "capture/otlp_json.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <deque>

#include "base/base64.h"

namespace clawtrace::capture {
namespace {

constexpr std::array<std::string_view, 3> kRecordStarts = {"{\"resourceSpans\"", "{\"resourceLogs\"",
                                                           "{\"resourceMetrics\""};

// Calls f for each member of this name: a key may be repeated.
template <class F>
void Each(Json object, std::string_view name, F f) {
  object.ForEachField([&](std::string_view key, Json value) {
    if (key == name) f(value);
  });
}

// The last member of this name counts.
Json Last(Json object, std::string_view name) {
  Json last;
  Each(object, name, [&](Json value) { last = value; });
  return last;
}

// Somewhere in the value an object has two members of one name. Depth is bounded by the parser.
bool RepeatsKeys(Json json) {
  constexpr size_t kFew = 8;
  bool found = false;
  if (json.is_object()) {
    std::vector<std::string_view> keys;
    json.ForEachField([&](std::string_view key, Json value) {
      found =
          found || (keys.size() < kFew && std::ranges::find(keys, key) != keys.end()) || RepeatsKeys(value);
      keys.push_back(key);
    });
    if (keys.size() <= kFew || found) return found;
    std::ranges::sort(keys);
    return std::ranges::adjacent_find(keys) != keys.end();
  }
  json.ForEachItem([&](Json item) { found = found || RepeatsKeys(item); });
  return found;
}

// What of an item cannot be read as it should be becomes unknown, and is counted once an item; null is the
// same as absent.
struct Reader {
  bool dropped = false;
  bool unusable = false;
  size_t values = 0;  // held in lists and maps
  std::deque<std::string> encoded;

  std::string_view Text(Json value);
  // 64-bit integers: proto3 JSON writes them as text, many exporters as numbers.
  std::optional<int64_t> Int64(Json value);
  std::optional<double> Double(Json value);
  std::optional<int64_t> Time(Json value);
  void Bytes(Json value, OtlpValue* out);
  void Member(std::string_view key, Json value, int depth, OtlpValue* out);
  void Value(Json json, int depth, OtlpValue* out);
  void Attributes(Json list, int depth, OtlpAttributes* out);
  void Events(Json list, OtlpSpan* out);
  void Status(Json status, OtlpSpan* out);
  bool Span(Json json, OtlpSpan* out);
  bool Log(Json json, OtlpLog* out);
  bool Point(Json json, OtlpPoint* out);
  bool IsSet(Json value) const { return value && !value.is_null(); }
};

std::string_view Reader::Text(Json value) {
  unusable = unusable || (IsSet(value) && !value.is_string());
  return value.text();
}

std::optional<int64_t> Reader::Int64(Json value) {
  auto number = value.integer();
  if (auto text = value.string()) {
    int64_t parsed = 0;
    auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), parsed);
    if (error == std::errc() && end == text->data() + text->size()) number = parsed;
  }
  unusable = unusable || (IsSet(value) && !number);
  return number;
}

std::optional<double> Reader::Double(Json value) {
  auto number = value.number();
  if (auto text = value.string()) {
    double parsed = 0;
    auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), parsed);
    bool word = *text == "NaN" || *text == "Infinity" || *text == "-Infinity";
    bool digits = text->find_first_not_of("0123456789+-.eE") == std::string_view::npos;
    if ((word || digits) && error == std::errc() && end == text->data() + text->size()) number = parsed;
  }
  unusable = unusable || (IsSet(value) && !number);
  return number;
}

std::optional<int64_t> Reader::Time(Json value) {
  auto number = Int64(value);
  if (!number) return std::nullopt;
  unusable = unusable || *number < 0;
  return *number < 0 ? std::nullopt : OtlpTime(static_cast<uint64_t>(*number));
}

void Reader::Bytes(Json value, OtlpValue* out) {
  auto bytes = FromBase64(value.text());
  if (!value.is_string() || !bytes) {
    unusable = unusable || IsSet(value);
    return;
  }
  out->kind = OtlpValue::Kind::kBytes, out->text = encoded.emplace_back(Base64(*bytes));
}

void Reader::Member(std::string_view key, Json value, int depth, OtlpValue* out) {
  if (key == "stringValue") {
    std::string_view text = Text(value);
    if (value.is_string()) out->kind = OtlpValue::Kind::kText, out->text = text;
  } else if (key == "boolValue") {
    auto flag = value.boolean();
    unusable = unusable || (IsSet(value) && !flag);
    if (flag) out->kind = OtlpValue::Kind::kBool, out->integer = *flag;
  } else if (key == "intValue") {
    auto number = Int64(value);
    if (number) out->kind = OtlpValue::Kind::kInt, out->integer = *number;
  } else if (key == "doubleValue") {
    auto number = Double(value);
    if (number) out->kind = OtlpValue::Kind::kDouble, out->real = *number;
  } else if (key == "bytesValue") {
    Bytes(value, out);
  } else if (key == "arrayValue") {
    out->kind = OtlpValue::Kind::kList;
    Each(value, "values", [&](Json list) {
      list.ForEachItem([&](Json item) {
        if (out->items.size() >= kMaxOtlpAttributes || ++values >= kMaxOtlpValues)
          dropped = true;
        else
          Value(item, depth + 1, &out->items.emplace_back());
      });
    });
  } else if (key == "kvlistValue") {
    out->kind = OtlpValue::Kind::kMap;
    Each(value, "values", [&](Json list) { Attributes(list, depth + 1, &out->fields); });
  }
}

void Reader::Value(Json json, int depth, OtlpValue* out) {
  if (depth >= kMaxOtlpDepth) {
    dropped = true;
    return;
  }
  json.ForEachField([&](std::string_view key, Json value) { Member(key, value, depth, out); });
}

void Reader::Attributes(Json list, int depth, OtlpAttributes* out) {
  unusable = unusable || (IsSet(list) && !list.is_array());
  list.ForEachItem([&](Json item) {
    if (out->size() >= kMaxOtlpAttributes || ++values >= kMaxOtlpValues) {
      dropped = true;
      return;
    }
    OtlpAttribute& attribute = out->emplace_back();
    item.ForEachField([&](std::string_view key, Json value) {
      if (key == "key") attribute.key = Text(value);
      if (key == "value") Value(value, depth, &attribute.value);
    });
  });
}

void Reader::Events(Json list, OtlpSpan* out) {
  list.ForEachItem([&](Json item) {
    if (out->events.size() >= kMaxOtlpEvents) {
      dropped = true;
      return;
    }
    OtlpEvent& event = out->events.emplace_back();
    item.ForEachField([&](std::string_view key, Json value) {
      if (key == "name") event.name = Text(value);
      if (key == "attributes") Attributes(value, 0, &event.attributes);
    });
  });
}

void Reader::Status(Json status, OtlpSpan* out) {
  status.ForEachField([&](std::string_view key, Json value) {
    if (key == "message") out->status_message = Text(value);
    if (key != "code") return;
    int64_t named = value.text() == "STATUS_CODE_ERROR" ? 2 : value.text() == "STATUS_CODE_OK" ? 1 : 0;
    out->status = OtlpEnum(static_cast<uint64_t>(value.integer().value_or(named)), kMaxOtlpStatus);
  });
}

bool Reader::Span(Json json, OtlpSpan* out) {
  if (!json.is_object()) return false;
  json.ForEachField([&](std::string_view key, Json value) {
    if (key == "traceId")
      out->trace_id = OtlpIdFromHex(value.text(), 16);
    else if (key == "spanId")
      out->span_id = OtlpIdFromHex(value.text(), 8);
    else if (key == "parentSpanId")
      out->parent_id = OtlpIdFromHex(value.text(), 8);
    else if (key == "name")
      out->name = Text(value);
    else if (key == "kind")
      out->kind = OtlpEnum(static_cast<uint64_t>(value.integer().value_or(0)), kMaxOtlpKind);
    else if (key == "startTimeUnixNano")
      out->start_ns = Time(value);
    else if (key == "endTimeUnixNano")
      out->end_ns = Time(value);
    else if (key == "attributes")
      Attributes(value, 0, &out->attributes);
    else if (key == "events")
      Events(value, out);
    else if (key == "status")
      Status(value, out);
  });
  return true;
}

bool Reader::Log(Json json, OtlpLog* out) {
  if (!json.is_object()) return false;
  std::optional<int64_t> observed;
  json.ForEachField([&](std::string_view key, Json value) {
    if (key == "timeUnixNano")
      out->time_ns = Time(value);
    else if (key == "observedTimeUnixNano")
      observed = Time(value);
    else if (key == "traceId")
      out->trace_id = OtlpIdFromHex(value.text(), 16);
    else if (key == "spanId")
      out->span_id = OtlpIdFromHex(value.text(), 8);
    else if (key == "eventName")
      out->event_name = Text(value);
    else if (key == "body")
      Value(value, 0, &out->body);
    else if (key == "attributes")
      Attributes(value, 0, &out->attributes);
  });
  if (!out->time_ns) out->time_ns = observed;
  return true;
}

// A number point has asInt or asDouble, a histogram's a sum.
bool Reader::Point(Json json, OtlpPoint* out) {
  std::optional<double> amount;
  json.ForEachField([&](std::string_view key, Json value) {
    if (key == "startTimeUnixNano") {
      out->start_ns = Time(value);
    } else if (key == "timeUnixNano") {
      out->time_ns = Time(value);
    } else if (key == "attributes") {
      Attributes(value, 0, &out->attributes);
    } else if (key == "asInt") {
      if (auto whole = Int64(value)) amount = static_cast<double>(*whole);
    } else if (key == "asDouble" || key == "sum") {
      if (auto real = Double(value)) amount = real;
    }
  });
  out->value = amount.value_or(0);
  return amount.has_value();
}

void ReadSpans(Json list, const OtlpAttributes& resource, const OtlpScope& scope, OtlpVisitor* visitor) {
  list.ForEachItem([&](Json json) {
    Reader reader;
    OtlpSpan span;
    if (!reader.Span(json, &span)) return visitor->OnUnusable(0, "bad-span");
    if (span.trace_id.empty() || span.span_id.empty()) return visitor->OnUnusable(0, "bad-span-id");
    if (reader.dropped) visitor->OnUnusable(0, "span-over-limit");
    if (reader.unusable) visitor->OnUnusable(0, kUnusableValue);
    visitor->OnSpan(resource, scope, span);
  });
}

void ReadLogs(Json list, const OtlpAttributes& resource, const OtlpScope& scope, OtlpVisitor* visitor) {
  list.ForEachItem([&](Json json) {
    Reader reader;
    OtlpLog log;
    if (!reader.Log(json, &log)) return visitor->OnUnusable(0, "bad-log-record");
    if (reader.dropped) visitor->OnUnusable(0, "log-record-over-limit");
    if (reader.unusable) visitor->OnUnusable(0, kUnusableValue);
    visitor->OnLog(resource, scope, log);
  });
}

void ReadPoints(Json data, std::string_view metric, const OtlpAttributes& resource, const OtlpScope& scope,
                OtlpVisitor* visitor) {
  Json temporality = Last(data, "aggregationTemporality");
  bool cumulative = temporality.integer() == 2 || temporality.text() == "AGGREGATION_TEMPORALITY_CUMULATIVE";
  Each(data, "dataPoints", [&](Json list) {
    list.ForEachItem([&](Json json) {
      Reader reader;
      OtlpPoint point;
      point.metric = metric, point.cumulative = cumulative;
      if (reader.Point(json, &point)) visitor->OnPoint(resource, scope, point);
      if (reader.unusable) visitor->OnUnusable(0, kUnusableValue);
    });
  });
}

void ReadMetrics(Json list, const OtlpAttributes& resource, const OtlpScope& scope, OtlpVisitor* visitor) {
  list.ForEachItem([&](Json metric) {
    if (!metric.is_object()) return visitor->OnUnusable(0, "bad-metric");
    std::string_view name = Last(metric, "name").text();
    metric.ForEachField([&](std::string_view key, Json data) {
      if (key == "sum" || key == "histogram" || key == "exponentialHistogram")
        ReadPoints(data, name, resource, scope, visitor);
    });
  });
}

struct Signal {
  OtlpSignal signal;
  std::string_view resources, scopes, items;
  void (*read)(Json list, const OtlpAttributes&, const OtlpScope&, OtlpVisitor*);
};
constexpr std::array<Signal, 3> kSignals = {
    {{OtlpSignal::kSpans, "resourceSpans", "scopeSpans", "spans", ReadSpans},
     {OtlpSignal::kLogs, "resourceLogs", "scopeLogs", "logRecords", ReadLogs},
     {OtlpSignal::kMetrics, "resourceMetrics", "scopeMetrics", "metrics", ReadMetrics}}};

void ReadScope(const Signal& signal, Json of_scope, const OtlpAttributes& resource, OtlpVisitor* visitor) {
  OtlpScope scope;
  Each(of_scope, "scope", [&](Json json) {
    if (Json name = Last(json, "name")) scope.name = name.text();
    if (Json version = Last(json, "version")) scope.version = version.text();
  });
  Each(of_scope, signal.items, [&](Json list) { signal.read(list, resource, scope, visitor); });
}

void ReadSignal(const Signal& signal, Json resources, OtlpVisitor* visitor) {
  resources.ForEachItem([&](Json of_resource) {
    Reader shared;
    OtlpAttributes resource;
    Each(of_resource, "resource", [&](Json json) {
      Each(json, "attributes", [&](Json list) { shared.Attributes(list, 0, &resource); });
    });
    if (shared.unusable) visitor->OnUnusable(0, kUnusableValue);
    Each(of_resource, signal.scopes, [&](Json scopes) {
      scopes.ForEachItem([&](Json of_scope) { ReadScope(signal, of_scope, resource, visitor); });
    });
  });
}

bool IsSpace(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

}  // namespace

bool ReadOtlpJson(Json request, OtlpVisitor* visitor) {
  if (RepeatsKeys(request)) visitor->OnUnusable(0, kRepeatedKey);
  bool any = false;
  for (const Signal& signal : kSignals) {
    Each(request, signal.resources, [&](Json resources) {
      any = any || resources.is_array();
      ReadSignal(signal, resources, visitor);
    });
  }
  return any;
}

bool ReadOtlpJson(Json request, OtlpSignal wanted, OtlpVisitor* visitor) {
  if (RepeatsKeys(request)) visitor->OnUnusable(0, kRepeatedKey);
  bool lists = true;
  for (const Signal& signal : kSignals) {
    if (signal.signal != wanted) continue;
    Each(request, signal.resources, [&](Json resources) {
      lists = lists && (resources.is_null() || resources.is_array());
      ReadSignal(signal, resources, visitor);
    });
  }
  return lists;
}

size_t JsonSplitter::FindEnd(std::string_view text, bool* broken) {
  *broken = false;
  for (; position_ < text.size(); ++position_) {
    char c = text[position_];
    if (in_string_) {
      // No JSON text holds a raw line end: the record was cut off here.
      if (c == '\n') {
        *broken = true;
        return position_ + 1;
      }
      if (escaped_)
        escaped_ = false;
      else if (c == '\\')
        escaped_ = true;
      else if (c == '"')
        in_string_ = false;
      continue;
    }
    if (c == '"') {
      in_string_ = true;
    } else if (c == '{' || c == '[') {
      // A request at the start of a line inside another one: the earlier line was cut off between two tokens.
      if (depth_ > 0 && c == '{' && position_ > 0 && text[position_ - 1] == '\n') {
        std::string_view rest = text.substr(position_);
        if (std::ranges::any_of(kRecordStarts, [&](auto start) { return rest.starts_with(start); })) {
          *broken = true;
          return position_;
        }
        if (std::ranges::any_of(kRecordStarts, [&](auto start) { return start.starts_with(rest); }))
          return std::string_view::npos;
      }
      ++depth_;
    } else if (c == '}' || c == ']') {
      if (--depth_ <= 0) return position_ + 1;
    } else if (c == '\n' && depth_ == 0 && stray_) {
      *broken = true;  // a line that is no document at all
      return position_ + 1;
    }
    if (depth_ == 0 && !IsSpace(c)) stray_ = true;
  }
  return std::string_view::npos;
}

bool LooksLikeOtlpJson(std::string_view head) {
  int depth = 0;
  bool key_next = false, in_string = false;
  size_t string_start = 0;
  for (size_t i = 0; i < head.size(); ++i) {
    char c = head[i];
    if (in_string) {
      if (c == '\\') {
        ++i;
      } else if (c == '"') {
        in_string = false;
        if (depth != 1 || !key_next) continue;
        key_next = false;
        std::string_view key = head.substr(string_start, i - string_start);
        size_t colon = head.find_first_not_of(" \t\r\n", i + 1);
        size_t value = colon == std::string_view::npos ? colon : head.find_first_not_of(" \t\r\n", colon + 1);
        if (key == "resourceSpans" || key == "resourceLogs" || key == "resourceMetrics")
          return value != std::string_view::npos && head[colon] == ':' && head[value] == '[';
        // A file of another format shows itself by its first key; only what OTLP may add is read past.
        if (!key.starts_with("resource") && key != "partialSuccess") return false;
      }
      continue;
    }
    if (depth == 0 && c != '{' && !IsSpace(c)) return false;
    if (c == '"')
      in_string = true, string_start = i + 1;
    else if (c == '{' || c == '[')
      key_next = ++depth == 1;
    else if (c == '}' || c == ']')
      --depth;
    else if (c == ',' && depth == 1)
      key_next = true;
  }
  return false;
}

}  // namespace clawtrace::capture
