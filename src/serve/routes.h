#pragma once
// What is served beside /api/v1 (serve/api): routes.def, one line each. A route is data plus a function; the
// service has looked at method, key, role and origin before it calls one.
#include <array>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "serve/http.h"
#include "serve/keys.h"

namespace clawtrace::serve {

class Service;
struct Route;

// One request on its way, on a thread of the workers.
struct Call {
  Service& service;
  const Route& route;
  Request request;
  Caller caller;
};

struct Route {
  std::string_view method;   // "GET" serves HEAD too
  std::string_view pattern;  // the whole path
  Role role = Role::kNone;   // what a caller needs; kNone: anybody
  std::string_view subject;  // the route's own: a receiver's name
  std::string_view summary;
  // One of the two: the answer, or whoever will call reply later.
  Response (*answer)(Call& call) = nullptr;
  void (*take)(Call call, Reply reply) = nullptr;
};

std::span<const Route> Routes();

struct Found {
  const Route* route = nullptr;  // nullptr: no such path, or not with this method
  std::string allow;             // methods of the path, "" when there is no such path
};
Found FindRoute(std::string_view method, std::string_view path);

}  // namespace clawtrace::serve
