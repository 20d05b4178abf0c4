#include "serve/api/openapi.h"

#include <map>
#include <vector>

#include "base/doc_writer.h"
#include "base/json.h"
#include "base/text.h"
#include "serve/api/route.h"

namespace clawtrace::serve::api {
namespace {

// The table's schemas are JSON text; ours, so that they parse is a promise (openapi_test.cc).
void WriteJson(Json json, DocWriter* w) {
  switch (json.kind()) {
    case Json::Kind::kObject:
      w->BeginObject();
      json.ForEachField([&](std::string_view key, Json value) { w->Key(key), WriteJson(value, w); });
      return w->EndObject();
    case Json::Kind::kArray:
      w->BeginArray();
      json.ForEachItem([&](Json value) { WriteJson(value, w); });
      return w->EndArray();
    case Json::Kind::kString:
      return w->String(json.text());
    case Json::Kind::kBool:
      return w->Bool(*json.boolean());
    case Json::Kind::kNull:
      return w->Null();
    case Json::Kind::kInt:
    case Json::Kind::kUint:
    case Json::Kind::kDouble:
    case Json::Kind::kMissing:
      return w->Int(json.integer().value_or(0));
  }
}

void Schema(std::string_view text, DocWriter* w) {
  JsonParser parser;
  auto json = parser.Parse(text);
  CT_CHECK(json.has_value());
  WriteJson(*json, w);
}

void Content(std::string_view type, std::string_view schema, DocWriter* w) {
  w->Key("content"), w->BeginObject(), w->Key(type), w->BeginObject();
  if (!schema.empty()) w->Key("schema"), Schema(schema, w);
  w->EndObject(), w->EndObject();
}

void ParamSchema(const Param& param, DocWriter* w) {
  w->Key("schema"), w->BeginObject();
  w->Field("type", param.type == ParamType::kInteger ? "integer" : "string");
  if (param.type == ParamType::kTime) w->Field("format", "date-time");
  std::string_view values = param.type == ParamType::kFlag ? "true,false" : param.values;
  if (!values.empty()) {
    w->Key("enum"), w->BeginArray();
    for (std::string_view value : Split(values, ',')) w->String(value);
    w->EndArray();
  }
  w->EndObject();
}

void Parameters(const Route& route, DocWriter* w) {
  w->Key("parameters"), w->BeginArray();
  for (std::string_view segment : Split(route.pattern, '/')) {
    if (!segment.starts_with('{')) continue;
    w->BeginObject();
    w->Field("name", segment.substr(1, segment.size() - 2)), w->Field("in", "path");
    w->Key("required"), w->Bool(true);
    w->Key("schema"), w->BeginObject(), w->Field("type", "string"), w->EndObject();
    w->EndObject();
  }
  for (const Param& param : route.params) {
    w->BeginObject();
    w->Field("name", param.name), w->Field("in", "query"), w->Field("description", param.help);
    if (param.required) w->Key("required"), w->Bool(true);
    ParamSchema(param, w);
    w->EndObject();
  }
  w->EndArray();
}

constexpr int kDone = 200;
constexpr std::string_view kProblem = R"({"$ref":"#/components/schemas/Problem"})";
constexpr std::string_view kProblemSchema =
    R"({"type":"object","required":["status","title","detail"],"properties":{"type":{"type":"string"},)"
    R"("title":{"type":"string"},"status":{"type":"integer"},"detail":{"type":"string"},"hint":{"type":"string"}}})";

void Operation(const Route& route, DocWriter* w) {
  w->BeginObject();
  w->Field("summary", route.summary);
  Parameters(route, w);
  if (!route.request_schema.empty()) {
    w->Key("requestBody"), w->BeginObject();
    Content("application/json", route.request_schema, w);
    w->EndObject();
  }
  w->Key("responses"), w->BeginObject();
  for (int status : StatusesOf(route)) {
    w->Key(std::to_string(status)), w->BeginObject();
    w->Field("description", status == kDone ? "done" : ReasonOf(status));
    if (status == kDone)
      Content(route.response_type, route.response_schema, w);
    else
      Content("application/problem+json", kProblem, w);
    w->EndObject();
  }
  w->Key("default"), w->BeginObject(), w->Field("description", "what HTTP itself refuses (RFC 9457)");
  Content("application/problem+json", kProblem, w);
  w->EndObject();
  w->EndObject();
  w->Field("x-clawtrace-role", NameOf(route.role));
  w->EndObject();
}

}  // namespace

std::string OpenApiDocument(std::string_view version) {
  std::map<std::string_view, std::vector<const Route*>> paths;
  for (const Route* route : Routes()) paths[route->pattern].push_back(route);
  DocWriter w(DocWriter::Format::kJsonPretty);
  w.BeginObject();
  w.Field("openapi", "3.1.0");
  w.Key("info"), w.BeginObject();
  w.Field("title", "ClawTrace"), w.Field("version", version);
  w.EndObject();
  w.Key("security"), w.BeginArray(), w.BeginObject(), w.Key("key"), w.BeginArray(), w.EndArray(),
      w.EndObject(), w.BeginObject(), w.EndObject(), w.EndArray();
  w.Key("paths"), w.BeginObject();
  for (const auto& [pattern, routes] : paths) {
    w.Key(pattern), w.BeginObject();
    for (const Route* route : routes) w.Key(ToLower(route->method)), Operation(*route, &w);
    w.EndObject();
  }
  w.EndObject();
  w.Key("components"), w.BeginObject();
  w.Key("schemas"), w.BeginObject(), w.Key("Problem"), Schema(kProblemSchema, &w), w.EndObject();
  w.Key("securitySchemes"), w.BeginObject(), w.Key("key"), w.BeginObject();
  w.Field("type", "http"), w.Field("scheme", "bearer");
  w.Field("description",
          "made with `clawtrace key add`; without any key the server answers on loopback only");
  w.EndObject(), w.EndObject(), w.EndObject();
  w.EndObject();
  return w.Take();
}

}  // namespace clawtrace::serve::api
