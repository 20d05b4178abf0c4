#pragma once
// Brings a request to a provider and its answer back. A transport is used by one thread at a time.
#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "llm/provider.h"

namespace clawtrace::llm {

using Sent = std::expected<WireReply, CallError>;

class Transport {
 public:
  virtual ~Transport() = default;
  // Any status is a reply. Errors: kTransport, kCassetteMiss.
  virtual Sent Send(const WireRequest& request) = 0;
};

// Longer replies are errors.
inline constexpr size_t kMostReplyBytes = size_t{32} << 20;

struct HttpSite {
  std::string
      address;  // "https://api.anthropic.com"; a path below it is kept; "/v1" at its end may be there or not
  std::string key;  // "" = none is sent
  int64_t timeout_ms = 120'000;
};
// Redirects are not followed. The key is in no error, and taken out of replies that repeat it. kInvalidInput
// for an address that is none, that holds a password, or that would send a key over a network in the clear.
Result<std::unique_ptr<Transport>> OverHttp(const Provider& provider, HttpSite site);

// A command line of /bin/sh: the body of the request on its standard input, that of the reply on its standard
// output, its standard error left alone. Ending otherwise than with 0, and time being over, are errors.
std::unique_ptr<Transport> OverCommand(std::string command, int64_t timeout_ms);

// Sends again what was answered with 429 or 5xx: after as long as the reply asks for, else 1 s, 2 s, 4 s, ...
struct RetryRule {
  int attempts = 5;
  int64_t first_wait_ms = 1000;
  int64_t longest_wait_ms = 60'000;       // a provider that asks for more is not asked again
  std::function<void(int64_t ms)> pause;  // waits; empty = does not
};
std::unique_ptr<Transport> WithRetries(std::unique_ptr<Transport> inner, RetryRule rule);

}  // namespace clawtrace::llm
