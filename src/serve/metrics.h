#pragma once
// What the server counts of itself, in Prometheus' text form.
#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>

namespace clawtrace::serve {

class Metrics {
 public:
  void Request(std::string_view route, int status);
  // Items of a receiver: accepted and durable, or not, with the reason.
  void Accepted(std::string_view receiver, int64_t items);
  void Rejected(std::string_view receiver, std::string_view reason, int64_t items);
  void Changed(std::string_view receiver, std::string_view reason, int64_t items);
  void Redacted(int64_t texts);
  // From the last byte of a request to the store's word.
  void AcknowledgedAfter(int64_t ns);

  // Appends one sample a line; name without prefix.
  static void Append(std::string_view name, std::string_view labels, double value, std::string* out);
  std::string Text() const;

 private:
  static constexpr std::array<double, 12> kBounds = {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,
                                                     0.1,   0.25,   0.5,   1,    2.5,   10};
  mutable std::mutex mutex_;
  std::map<std::pair<std::string, int>, int64_t> requests_;
  std::map<std::string, int64_t, std::less<>> accepted_;
  std::map<std::pair<std::string, std::string>, int64_t> rejected_, changed_;
  std::array<int64_t, kBounds.size() + 1> buckets_{};
  int64_t acknowledged_ = 0, redacted_ = 0;
  double waited_s_ = 0;
};

}  // namespace clawtrace::serve
