#include "serve/routes.h"

namespace clawtrace::serve {

#define CT_ANSWER(method, pattern, role, function, summary) Response function(Call& call);
#define CT_TAKE(method, pattern, role, subject, function, summary) void function(Call call, Reply reply);
#include "serve/routes.def"
#undef CT_ANSWER
#undef CT_TAKE

std::span<const Route> Routes() {
#define CT_ANSWER(method, pattern, role, function, summary) \
  {method, pattern, role, "", summary, function, nullptr},
#define CT_TAKE(method, pattern, role, subject, function, summary) \
  {method, pattern, role, subject, summary, nullptr, function},
  static constexpr Route kAll[] = {
#include "serve/routes.def"
  };
#undef CT_ANSWER
#undef CT_TAKE
  return kAll;
}

Found FindRoute(std::string_view method, std::string_view path) {
  Found found;
  for (const Route& route : Routes()) {
    if (route.pattern != path) continue;
    found.allow += (found.allow.empty() ? "" : ", ") + std::string(route.method);
    if (route.method == "GET") found.allow += ", HEAD";
    bool same = route.method == method || (route.method == "GET" && method == "HEAD");
    if (same && !found.route) found.route = &route;
  }
  return found;
}

}  // namespace clawtrace::serve
