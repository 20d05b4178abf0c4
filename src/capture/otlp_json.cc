#include "capture/otlp_json.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace clawtrace::capture {
namespace {

constexpr std::array<std::string_view, 3> kRecordStarts = {"{\"resourceSpans\"", "{\"resourceLogs\"",
                                                           "{\"resourceMetrics\""};

// 64-bit integers: proto3 JSON writes them as text, many exporters as numbers.
std::optional<int64_t> Int64Of(Json value) {
  if (auto number = value.integer()) return number;
  auto text = value.string();
  if (!text) return std::nullopt;
  int64_t parsed = 0;
  auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), parsed);
  if (error != std::errc() || end != text->data() + text->size()) return std::nullopt;
  return parsed;
}

struct Reader {
  bool dropped = false;
  size_t values = 0;  // held in lists and maps

  void Value(Json json, int depth, OtlpValue* out);
  void Attributes(Json list, int depth, OtlpAttributes* out);
  bool Span(Json json, OtlpSpan* out);
  bool Log(Json json, OtlpLog* out);
  bool Point(Json json, OtlpPoint* out);
};

void Reader::Value(Json json, int depth, OtlpValue* out) {
  if (depth >= kMaxOtlpDepth) {
    dropped = true;
    return;
  }
  json.ForEachField([&](std::string_view key, Json value) {
    if (key == "stringValue") {
      if (!value.is_string()) return;
      out->kind = OtlpValue::Kind::kText, out->text = value.text();
    } else if (key == "boolValue") {
      out->kind = OtlpValue::Kind::kBool, out->integer = value.boolean().value_or(false);
    } else if (key == "intValue") {
      auto number = Int64Of(value);
      if (number) out->kind = OtlpValue::Kind::kInt, out->integer = *number;
    } else if (key == "doubleValue") {
      auto number = value.number();
      if (number) out->kind = OtlpValue::Kind::kDouble, out->real = *number;
    } else if (key == "arrayValue") {
      out->kind = OtlpValue::Kind::kList;
      value["values"].ForEachItem([&](Json item) {
        if (out->items.size() >= kMaxOtlpAttributes || ++values >= kMaxOtlpValues)
          dropped = true;
        else
          Value(item, depth + 1, &out->items.emplace_back());
      });
    } else if (key == "kvlistValue") {
      out->kind = OtlpValue::Kind::kMap;
      Attributes(value["values"], depth + 1, &out->fields);
    }
  });
}

void Reader::Attributes(Json list, int depth, OtlpAttributes* out) {
  list.ForEachItem([&](Json item) {
    if (out->size() >= kMaxOtlpAttributes || ++values >= kMaxOtlpValues) {
      dropped = true;
      return;
    }
    OtlpAttribute& attribute = out->emplace_back();
    item.ForEachField([&](std::string_view key, Json value) {
      if (key == "key") attribute.key = value.text();
      if (key == "value") Value(value, depth, &attribute.value);
    });
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
      out->name = value.text();
    else if (key == "kind")
      out->kind = value.integer().value_or(0);
    else if (key == "startTimeUnixNano")
      out->start_ns = OtlpTime(static_cast<uint64_t>(Int64Of(value).value_or(0)));
    else if (key == "endTimeUnixNano")
      out->end_ns = OtlpTime(static_cast<uint64_t>(Int64Of(value).value_or(0)));
    else if (key == "attributes")
      Attributes(value, 0, &out->attributes);
    else if (key == "events") {
      value.ForEachItem([&](Json item) {
        if (out->events.size() >= kMaxOtlpEvents) {
          dropped = true;
          return;
        }
        OtlpEvent& event = out->events.emplace_back();
        event.name = item["name"].text();
        Attributes(item["attributes"], 0, &event.attributes);
      });
    } else if (key == "status") {
      out->status_message = value["message"].text();
      Json code = value["code"];
      out->status = code.integer().value_or(code.text() == "STATUS_CODE_ERROR" ? 2
                                            : code.text() == "STATUS_CODE_OK"  ? 1
                                                                               : 0);
    }
  });
  return true;
}

bool Reader::Log(Json json, OtlpLog* out) {
  if (!json.is_object()) return false;
  auto time = OtlpTime(static_cast<uint64_t>(Int64Of(json["timeUnixNano"]).value_or(0)));
  auto observed = OtlpTime(static_cast<uint64_t>(Int64Of(json["observedTimeUnixNano"]).value_or(0)));
  out->time_ns = time ? time : observed;
  out->trace_id = OtlpIdFromHex(json["traceId"].text(), 16);
  out->span_id = OtlpIdFromHex(json["spanId"].text(), 8);
  out->event_name = json["eventName"].text();
  Value(json["body"], 0, &out->body);
  Attributes(json["attributes"], 0, &out->attributes);
  return true;
}

// A number point has asInt or asDouble, a histogram's a sum.
bool Reader::Point(Json json, OtlpPoint* out) {
  out->start_ns = OtlpTime(static_cast<uint64_t>(Int64Of(json["startTimeUnixNano"]).value_or(0)));
  out->time_ns = OtlpTime(static_cast<uint64_t>(Int64Of(json["timeUnixNano"]).value_or(0)));
  Attributes(json["attributes"], 0, &out->attributes);
  if (auto whole = Int64Of(json["asInt"]))
    out->value = static_cast<double>(*whole);
  else if (auto real = json["asDouble"].number())
    out->value = *real;
  else if (auto sum = json["sum"].number())
    out->value = *sum;
  else
    return false;
  return true;
}

void ReadSpans(Json scope_spans, const OtlpAttributes& resource, const OtlpScope& scope,
               OtlpVisitor* visitor) {
  scope_spans["spans"].ForEachItem([&](Json json) {
    Reader reader;
    OtlpSpan span;
    if (!reader.Span(json, &span)) return visitor->OnUnusable(0, "bad-span");
    if (span.trace_id.empty() || span.span_id.empty()) return visitor->OnUnusable(0, "bad-span-id");
    if (reader.dropped) visitor->OnUnusable(0, "span-over-limit");
    visitor->OnSpan(resource, scope, span);
  });
}

void ReadLogs(Json scope_logs, const OtlpAttributes& resource, const OtlpScope& scope, OtlpVisitor* visitor) {
  scope_logs["logRecords"].ForEachItem([&](Json json) {
    Reader reader;
    OtlpLog log;
    if (!reader.Log(json, &log)) return visitor->OnUnusable(0, "bad-log-record");
    if (reader.dropped) visitor->OnUnusable(0, "log-record-over-limit");
    visitor->OnLog(resource, scope, log);
  });
}

void ReadMetrics(Json scope_metrics, const OtlpAttributes& resource, const OtlpScope& scope,
                 OtlpVisitor* visitor) {
  scope_metrics["metrics"].ForEachItem([&](Json metric) {
    if (!metric.is_object()) return visitor->OnUnusable(0, "bad-metric");
    for (std::string_view kind : {"sum", "histogram", "exponentialHistogram"}) {
      Json data = metric[kind];
      bool cumulative = data["aggregationTemporality"].integer() == 2 ||
                        data["aggregationTemporality"].text() == "AGGREGATION_TEMPORALITY_CUMULATIVE";
      data["dataPoints"].ForEachItem([&](Json json) {
        Reader reader;
        OtlpPoint point;
        point.metric = metric["name"].text();
        point.cumulative = cumulative;
        if (reader.Point(json, &point)) visitor->OnPoint(resource, scope, point);
      });
    }
  });
}

struct Signal {
  OtlpSignal signal;
  std::string_view resources, scopes;
  void (*read)(Json, const OtlpAttributes&, const OtlpScope&, OtlpVisitor*);
};
constexpr std::array<Signal, 3> kSignals = {
    {{OtlpSignal::kSpans, "resourceSpans", "scopeSpans", ReadSpans},
     {OtlpSignal::kLogs, "resourceLogs", "scopeLogs", ReadLogs},
     {OtlpSignal::kMetrics, "resourceMetrics", "scopeMetrics", ReadMetrics}}};

void ReadSignal(const Signal& signal, Json resources, OtlpVisitor* visitor) {
  resources.ForEachItem([&](Json of_resource) {
    Reader shared;
    OtlpAttributes resource;
    shared.Attributes(of_resource["resource"]["attributes"], 0, &resource);
    of_resource[signal.scopes].ForEachItem([&](Json of_scope) {
      Json scope_json = of_scope["scope"];
      OtlpScope scope{scope_json["name"].text(), scope_json["version"].text()};
      signal.read(of_scope, resource, scope, visitor);
    });
  });
}

bool IsSpace(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

}  // namespace

bool ReadOtlpJson(Json request, OtlpVisitor* visitor) {
  bool any = false;
  for (const Signal& signal : kSignals) {
    Json resources = request[signal.resources];
    any = any || resources.is_array();
    ReadSignal(signal, resources, visitor);
  }
  return any;
}

bool ReadOtlpJson(Json request, OtlpSignal wanted, OtlpVisitor* visitor) {
  for (const Signal& signal : kSignals) {
    if (signal.signal != wanted) continue;
    Json resources = request[signal.resources];
    if (resources && !resources.is_null() && !resources.is_array()) return false;
    ReadSignal(signal, resources, visitor);
  }
  return true;
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
