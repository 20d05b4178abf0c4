#include "serve/api/router.h"

#include <fmt/core.h>

#include <algorithm>
#include <set>

#include "base/text.h"
#include "serve/api/problem.h"

namespace clawtrace::serve::api {
namespace {

bool IsPart(std::string_view segment) { return segment.starts_with('{') && segment.ends_with('}'); }

// How well a pattern matches: fixed parts count more the earlier they are; nullopt = not at all.
std::optional<uint64_t> Match(std::string_view pattern, const std::vector<std::string_view>& path) {
  auto segments = Split(pattern, '/');
  if (segments.size() != path.size()) return std::nullopt;
  uint64_t score = 1;
  for (size_t i = 0; i < segments.size(); ++i) {
    bool part = IsPart(segments[i]);
    if (part ? path[i].empty() : segments[i] != path[i]) return std::nullopt;
    score = score * 2 + (part ? 0 : 1);
  }
  return score;
}

bool IsTime(std::string_view text) { return ParseIsoTime(text).has_value(); }

std::optional<std::string> Wrong(const Param& param, std::string_view value) {
  if (!param.values.empty()) {
    auto allowed = Split(param.values, ',');
    if (std::ranges::find(allowed, value) == allowed.end())
      return fmt::format("{} is none of {}", param.name, param.values);
  }
  if (param.type == ParamType::kInteger && !ParseInt(value))
    return fmt::format("{} is no integer", param.name);
  if (param.type == ParamType::kTime && !IsTime(value))
    return fmt::format("{} is no time such as 2026-11-21 or 2026-11-21T10:00:00Z", param.name);
  if (param.type == ParamType::kFlag && value != "true" && value != "false")
    return fmt::format("{} is neither true nor false", param.name);
  return std::nullopt;
}

}  // namespace

Routed FindRoute(ApiRequest* request) {
  const std::string_view method = request->method == "HEAD" ? "GET" : std::string_view(request->method);
  const auto path = Split(request->path, '/');
  const Route* found = nullptr;
  uint64_t best = 0;
  std::set<std::string_view> allowed;
  for (const Route* route : Routes()) {
    auto score = Match(route->pattern, path);
    if (!score) continue;
    allowed.insert(route->method);
    if (route->method == method && *score > best) found = route, best = *score;
  }
  if (allowed.empty()) return {nullptr, Problem(404, "there is nothing here", "see /api/v1/openapi.json")};
  if (!found) {
    ApiResponse refusal = Problem(405, fmt::format("{} is not allowed here", request->method));
    std::string list;
    for (std::string_view other : allowed) list += (list.empty() ? "" : ", ") + std::string(other);
    refusal.headers.emplace_back("Allow", list);
    return {nullptr, std::move(refusal)};
  }
  auto segments = Split(found->pattern, '/');
  request->parts.clear();
  for (size_t i = 0; i < segments.size(); ++i) {
    if (!IsPart(segments[i])) continue;
    auto part = DecodePercent(path[i]);
    if (!part || !IsValidUtf8(*part)) return {nullptr, Problem(400, "the path is badly encoded")};
    request->parts.push_back(std::move(*part));
  }
  return {found, {}};
}

std::optional<ApiResponse> CheckQuery(const Route& route, const ApiRequest& request) {
  std::set<std::string_view> seen;
  for (const auto& [name, value] : request.query) {
    auto param = std::ranges::find(route.params, std::string_view(name), &Param::name);
    if (param == route.params.end()) {
      std::string known;
      for (const Param& each : route.params) known += (known.empty() ? "" : ", ") + std::string(each.name);
      return Problem(400, fmt::format("there is no parameter {}", PrefixUtf8(name, 64)),
                     known.empty() ? "this takes none" : "there are " + known);
    }
    if (!seen.insert(param->name).second) return Problem(400, fmt::format("{} is given twice", param->name));
    if (!IsValidUtf8(value)) return Problem(400, fmt::format("{} is not UTF-8", param->name));
    if (auto wrong = Wrong(*param, value)) return Problem(400, *wrong, param->help);
  }
  for (const Param& param : route.params) {
    if (param.required && !seen.contains(param.name))
      return Problem(400, fmt::format("{} is missing", param.name), param.help);
  }
  return std::nullopt;
}

ApiResponse Answer(const Route& route, const ApiRequest& request, Services& services) {
  if (auto refusal = CheckQuery(route, request)) return std::move(*refusal);
  return route.answer(request, services);
}

}  // namespace clawtrace::serve::api
