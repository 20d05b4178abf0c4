// What the server says of itself.
#include <unistd.h>

#include <fstream>

#include "serve/service.h"

namespace clawtrace::serve {
namespace {

double ResidentBytes() {
  std::ifstream statm("/proc/self/statm");
  double pages = 0, resident = 0;
  statm >> pages >> resident;
  return resident * static_cast<double>(sysconf(_SC_PAGESIZE));
}

void AppendStore(const store::StoreLoad& load, std::string* out) {
  auto add = [&](std::string_view name, int64_t value) {
    Metrics::Append(name, "", static_cast<double>(value), out);
  };
  add("store_sessions", load.summaries), add("store_changed_families", load.changed_families);
  add("store_text_behind", load.text_behind);
  add("store_file_bytes", load.file_bytes), add("store_log_bytes", load.log_bytes);
  add("store_commits_total", load.commits), add("store_appends_total", load.appends);
  add("store_appends_refused_total", load.appends_refused), add("store_recoveries_total", load.recoveries);
}

}  // namespace

Response Health(Call& call) {
  Response response;
  response.content_type = "application/json";
  bool well = call.service.store_well;
  if (!well) response.status = 503;
  response.body = well ? "{\"status\":\"ok\"}" : "{\"status\":\"store_unavailable\"}";
  return response;
}

Response MetricsText(Call& call) {
  Response response;
  response.content_type = "text/plain; version=0.0.4; charset=utf-8";
  response.body = call.service.metrics().Text();
  ServerCounts counts = call.service.server_counts();
  Metrics::Append("connections_total", "", static_cast<double>(counts.connections), &response.body);
  Metrics::Append("connections_refused_total", "", static_cast<double>(counts.connections_refused),
                  &response.body);
  Metrics::Append("timeouts_total", "", static_cast<double>(counts.timeouts), &response.body);
  const Budget& budget = *call.service.options().budget;
  Metrics::Append("inflight_bytes", "", static_cast<double>(budget.used()), &response.body);
  Metrics::Append("inflight_limit_bytes", "", static_cast<double>(budget.limit()), &response.body);
  Metrics::Append("resident_bytes", "", ResidentBytes(), &response.body);
  if (auto load = call.service.options().store->Load()) AppendStore(*load, &response.body);
  return response;
}

}  // namespace clawtrace::serve
