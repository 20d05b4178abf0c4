#include <algorithm>

#include "llm/transport.h"

namespace clawtrace::llm {
namespace {

class RetryingTransport final : public Transport {
 public:
  RetryingTransport(std::unique_ptr<Transport> inner, RetryRule rule)
      : inner_(std::move(inner)), rule_(std::move(rule)) {}

  Sent Send(const WireRequest& request) override {
    constexpr int64_t kMillisPerSecond = 1000;
    int64_t next_ms = rule_.first_wait_ms;
    for (int attempt = 1;; ++attempt) {
      Sent sent = inner_->Send(request);
      if (!sent || !MayPass(sent->status) || attempt >= rule_.attempts) return sent;
      int64_t longest_s = rule_.longest_wait_ms / kMillisPerSecond;
      if (sent->retry_after_s > longest_s) return sent;
      int64_t wait = std::min(next_ms, rule_.longest_wait_ms);
      if (sent->retry_after_s > 0) wait = sent->retry_after_s * kMillisPerSecond;
      if (rule_.pause) rule_.pause(wait);
      next_ms = std::min(next_ms * 2, rule_.longest_wait_ms);
    }
  }

 private:
  static bool MayPass(int status) { return status == 429 || status >= 500; }

  std::unique_ptr<Transport> inner_;
  RetryRule rule_;
};

}  // namespace

std::unique_ptr<Transport> WithRetries(std::unique_ptr<Transport> inner, RetryRule rule) {
  return std::make_unique<RetryingTransport>(std::move(inner), std::move(rule));
}

}  // namespace clawtrace::llm
