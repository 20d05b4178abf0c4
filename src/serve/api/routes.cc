#include <algorithm>
#include <array>

#include "serve/api/route.h"

namespace clawtrace::serve::api {

#define CT_ROUTE(constant) extern const Route constant;
#include "serve/api/routes.def"
#undef CT_ROUTE

std::span<const Route* const> Routes() {
  static const auto all = std::to_array<const Route*>({
#define CT_ROUTE(constant) &constant,
#include "serve/api/routes.def"
#undef CT_ROUTE
  });
  return all;
}

std::vector<int> StatusesOf(const Route& route) {
  std::vector<int> statuses = {200, 400, 403, 429, 500, 503};
  if (route.role != Role::kNone) statuses.push_back(401);
  if (route.pattern.find('{') != std::string_view::npos) statuses.push_back(404);
  if (!route.request_schema.empty()) statuses.insert(statuses.end(), {413, 415});
  std::ranges::sort(statuses);
  return statuses;
}

void Refusals::Count(std::string_view reason, int64_t times) {
  std::scoped_lock lock(mutex_);
  counts_[std::string(reason)] += times;
}

std::map<std::string, int64_t> Refusals::Counts() const {
  std::scoped_lock lock(mutex_);
  return counts_;
}

}  // namespace clawtrace::serve::api
