#pragma once
// Takes requests apart into requests of one item each, as an exporter with the smallest batches would send.
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "capture/otlp_protobuf.h"

namespace clawtrace::test {

inline void AppendVarint(uint64_t value, std::string* out) {
  for (; value >= 0x80; value >>= 7) *out += static_cast<char>(value | 0x80);
  *out += static_cast<char>(value);
}

// A length-delimited protobuf field.
inline std::string Field(uint32_t number, std::string_view bytes) {
  std::string out;
  AppendVarint(number << 3 | 2, &out);
  AppendVarint(bytes.size(), &out);
  out += bytes;
  return out;
}

inline std::vector<std::string> SplitOtlpProtobuf(std::string_view request) {
  using capture::WireReader;
  std::vector<std::string> parts;
  WireReader resources(request);
  while (resources.Next()) {
    std::string resource;
    for (WireReader reader(resources.bytes()); reader.Next();) {
      if (reader.field() == 1) resource = Field(1, reader.bytes());
    }
    WireReader scopes(resources.bytes());
    while (scopes.Next()) {
      if (scopes.field() != 2) continue;
      std::string scope;
      for (WireReader reader(scopes.bytes()); reader.Next();) {
        if (reader.field() == 1) scope = Field(1, reader.bytes());
      }
      for (WireReader items(scopes.bytes()); items.Next();) {
        if (items.field() == 2)
          parts.push_back(Field(1, resource + Field(2, scope + Field(2, items.bytes()))));
      }
    }
  }
  return parts;
}

inline std::vector<std::string> SplitOtlpJson(Json request) {
  std::vector<std::string> parts;
  struct Names {
    const char *resources, *scopes, *items;
  };
  for (const Names& names :
       {Names{"resourceSpans", "scopeSpans", "spans"}, Names{"resourceLogs", "scopeLogs", "logRecords"},
        Names{"resourceMetrics", "scopeMetrics", "metrics"}}) {
    request[names.resources].ForEachItem([&](Json resource) {
      resource[names.scopes].ForEachItem([&](Json scope) {
        scope[names.items].ForEachItem([&](Json item) {
          std::string scope_json = scope["scope"] ? scope["scope"].Canonical() : "{}";
          std::string resource_json = resource["resource"] ? resource["resource"].Canonical() : "{}";
          parts.push_back(std::string("{\"") + names.resources + "\":[{\"resource\":" + resource_json +
                          ",\"" + names.scopes + "\":[{\"scope\":" + scope_json + ",\"" + names.items +
                          "\":[" + item.Canonical() + "]}]}]}");
        });
      });
    });
  }
  return parts;
}

}  // namespace clawtrace::test
