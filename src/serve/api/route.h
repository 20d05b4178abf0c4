#pragma once
// The route table of /api/v1. A route is data plus one function: a file in this folder and one line in
// routes.def. Parameters are declared once and serve checking
// and the OpenAPI document alike.
#include <cstdint>
#include <map>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pricing/pricing.h"
#include "serve/api/message.h"
#include "store/store.h"

namespace clawtrace::serve::api {

// What was refused since the server started, by reason; thread-safe.
class Refusals {
 public:
  void Count(std::string_view reason, int64_t times = 1);
  std::map<std::string, int64_t> Counts() const;

 private:
  mutable std::mutex mutex_;
  std::map<std::string, int64_t> counts_;
};

// What handlers work with; lives as long as the server.
struct Services {
  store::Store& store;
  const PriceBook& book;
  std::string made_by;  // history::HistoryOptions::made_by
  std::string version;  // of the program
  Refusals& refusals;
  // Held by whoever compiles: one large session after another, not all in memory at once.
  std::mutex compiling = {};
};

enum class ParamType { kString, kInteger, kTime, kFlag };  // kTime: ISO 8601 or a day; kFlag: "true", "false"

// In the query; the pattern's parts are described by the pattern.
struct Param {
  std::string_view name;
  ParamType type = ParamType::kString;
  std::string_view help;
  std::string_view values;  // comma-separated, when only these are allowed
  bool required = false;
};

struct Route {
  std::string_view method;   // "GET"
  std::string_view pattern;  // "/api/v1/sessions/{session}/card"
  Role role = Role::kRead;
  std::string_view summary;  // one sentence
  std::span<const Param> params;
  std::string_view request_schema;   // JSON Schema of the body; "" = none
  std::string_view response_schema;  // JSON Schema of the answer; "" = described by response_type alone
  std::string_view response_type = "application/json";
  // May wait for the store: runs on a worker.
  ApiResponse (*answer)(const ApiRequest& request, Services& services) = nullptr;
};

std::span<const Route* const> Routes();  // registry order

// What a request of this route may be answered with, ascending: what the server says of every request (400,
// 403, 429, 500, 503) and what follows from the route's role, path and body.
std::vector<int> StatusesOf(const Route& route);

}  // namespace clawtrace::serve::api
