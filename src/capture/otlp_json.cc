#include "capture/otlp_json.h"

#include <charconv>

namespace clawtrace::capture {
namespace {

constexpr std::string_view kRecordStart = "{\"resourceSpans\"";

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

  void Value(Json json, int depth, OtlpValue* out);
  void Attributes(Json list, int depth, OtlpAttributes* out);
  bool Span(Json json, OtlpSpan* out);
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
        if (out->items.size() >= kMaxOtlpAttributes)
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
    if (out->size() >= kMaxOtlpAttributes) {
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

bool IsSpace(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

}  // namespace

bool ReadOtlpJson(Json request, OtlpVisitor* visitor) {
  Json resources = request["resourceSpans"];
  if (!resources.is_array()) return false;
  resources.ForEachItem([&](Json resource_spans) {
    Reader shared;
    OtlpAttributes resource;
    shared.Attributes(resource_spans["resource"]["attributes"], 0, &resource);
    resource_spans["scopeSpans"].ForEachItem([&](Json scope_spans) {
      Json scope_json = scope_spans["scope"];
      OtlpScope scope{scope_json["name"].text(), scope_json["version"].text()};
      scope_spans["spans"].ForEachItem([&](Json json) {
        Reader reader;
        OtlpSpan span;
        if (!reader.Span(json, &span)) return visitor->OnUnusable(0, "bad-span");
        if (span.trace_id.empty() || span.span_id.empty()) return visitor->OnUnusable(0, "bad-span-id");
        if (reader.dropped) visitor->OnUnusable(0, "span-over-limit");
        visitor->OnSpan(resource, scope, span);
      });
    });
  });
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
        std::string_view here = text.substr(position_, kRecordStart.size());
        if (here.size() < kRecordStart.size() && kRecordStart.starts_with(here))
          return std::string_view::npos;
        if (here == kRecordStart) {
          *broken = true;
          return position_;
        }
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
        if (key == "resourceSpans")
          return value != std::string_view::npos && head[colon] == ':' && head[value] == '[';
        // A file of another format shows itself by its first key; only other OTLP signals are read past.
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
