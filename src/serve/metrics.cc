#include "serve/metrics.h"

#include <fmt/format.h>

#include <iterator>

namespace clawtrace::serve {
namespace {

void Head(std::string_view name, std::string_view type, std::string_view help, std::string* out) {
  fmt::format_to(std::back_inserter(*out), "# HELP clawtrace_{} {}\n# TYPE clawtrace_{} {}\n", name, help,
                 name, type);
}

void AppendReasons(std::string_view name, std::string_view help,
                   const std::map<std::pair<std::string, std::string>, int64_t>& counts, std::string* out) {
  Head(name, "counter", help, out);
  for (const auto& [key, count] : counts)
    Metrics::Append(name, fmt::format("receiver=\"{}\",reason=\"{}\"", key.first, key.second),
                    static_cast<double>(count), out);
}

}  // namespace

void Metrics::Request(std::string_view route, int status) {
  std::lock_guard lock(mutex_);
  ++requests_[{std::string(route), status}];
}

void Metrics::Accepted(std::string_view receiver, int64_t items) {
  std::lock_guard lock(mutex_);
  auto found = accepted_.find(receiver);
  if (found == accepted_.end()) found = accepted_.emplace(receiver, 0).first;
  found->second += items;
}

void Metrics::Rejected(std::string_view receiver, std::string_view reason, int64_t items) {
  std::lock_guard lock(mutex_);
  rejected_[{std::string(receiver), std::string(reason)}] += items;
}

void Metrics::Changed(std::string_view receiver, std::string_view reason, int64_t items) {
  std::lock_guard lock(mutex_);
  changed_[{std::string(receiver), std::string(reason)}] += items;
}

void Metrics::Redacted(int64_t texts) {
  std::lock_guard lock(mutex_);
  redacted_ += texts;
}

void Metrics::AcknowledgedAfter(int64_t ns) {
  double seconds = static_cast<double>(ns) / 1e9;
  size_t bucket = 0;
  while (bucket < kBounds.size() && seconds > kBounds[bucket]) ++bucket;
  std::lock_guard lock(mutex_);
  ++buckets_[bucket];
  ++acknowledged_;
  waited_s_ += seconds;
}

void Metrics::Append(std::string_view name, std::string_view labels, double value, std::string* out) {
  if (labels.empty())
    fmt::format_to(std::back_inserter(*out), "clawtrace_{} {}\n", name, value);
  else
    fmt::format_to(std::back_inserter(*out), "clawtrace_{}{{{}}} {}\n", name, labels, value);
}

std::string Metrics::Text() const {
  std::lock_guard lock(mutex_);
  std::string out;
  Head("requests_total", "counter", "Requests by route and status.", &out);
  for (const auto& [key, count] : requests_)
    Append("requests_total", fmt::format("route=\"{}\",status=\"{}\"", key.first, key.second),
           static_cast<double>(count), &out);
  Head("items_accepted_total", "counter", "Spans, log records, points and events that are durable.", &out);
  for (const auto& [receiver, count] : accepted_)
    Append("items_accepted_total", fmt::format("receiver=\"{}\"", receiver), static_cast<double>(count),
           &out);
  AppendReasons("items_rejected_total", "Items that can never be used.", rejected_, &out);
  AppendReasons("items_changed_total", "Items that were used, though not as they stood.", changed_, &out);
  Head("texts_redacted_total", "counter", "Facts and texts in which something was redacted.", &out);
  Append("texts_redacted_total", "", static_cast<double>(redacted_), &out);
  Head("acknowledge_seconds", "histogram", "From a request's last byte to the disk.", &out);
  int64_t below = 0;
  for (size_t i = 0; i < kBounds.size(); ++i) {
    below += buckets_[i];
    Append("acknowledge_seconds_bucket", fmt::format("le=\"{}\"", kBounds[i]), static_cast<double>(below),
           &out);
  }
  Append("acknowledge_seconds_bucket", "le=\"+Inf\"", static_cast<double>(acknowledged_), &out);
  Append("acknowledge_seconds_sum", "", waited_s_, &out);
  Append("acknowledge_seconds_count", "", static_cast<double>(acknowledged_), &out);
  return out;
}

}  // namespace clawtrace::serve
