#pragma once

#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

#include "llm/chat.h"
#include "llm/transport.h"
#include "model/usd.h"

namespace clawtrace::test {

// Gives what it is told to, in order; then fails.
class Told final : public llm::Transport {
 public:
  explicit Told(std::vector<llm::Sent> replies) : replies_(std::move(replies)) {}
  llm::Sent Send(const llm::WireRequest&) override {
    if (sent == replies_.size())
      return std::unexpected(llm::CallError{llm::CallErrorKind::kTransport, "no more"});
    return replies_[sent++];
  }
  size_t sent = 0;

 private:
  std::vector<llm::Sent> replies_;
};

inline llm::Request Question() {
  llm::Request request{.model = "m", .system = "", .turns = {}, .tools = {}};
  request.turns.push_back({.speaker = llm::Speaker::kUser, .text = "hello", .calls = {}, .outputs = {}});
  request.max_tokens = 10;
  return request;
}

// 1 microdollar a token, in and out.
inline std::optional<Usd> PerToken(const Usage& usage) { return Usd::Pico(1'000'000).Times(usage.total()); }

}  // namespace clawtrace::test
