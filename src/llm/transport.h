#pragma once
// Brings a request to a provider and its answer back. A transport is used by one thread at a time.
#include <cstdint>
#include <expected>
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
  // The next Send of this request is answered from what was paid for before.
  virtual bool Knows(const WireRequest&) const { return false; }
};

// Longer replies are errors.
inline constexpr size_t kMostReplyBytes = size_t{32} << 20;

struct HttpSite {
  std::string
      address;  // "https://api.anthropic.com"; a path below it is kept; "/v1" at its end may be there or not
  std::string key;                 // "" = none is sent
  int64_t timeout_ms = 120'000;    // for all of a call
  int64_t connect_timeout_ms = 0;  // as HttpCall
  int64_t idle_timeout_ms = 0;
};
// Streams are read as they come; one that breaks off is kTransport, never half a reply. Redirects are not
// followed. The key is in no error, and taken out of replies that repeat it. kInvalidInput for an address
// that is none, that holds a password, or that would send a key over a network in the clear.
Result<std::unique_ptr<Transport>> OverHttp(const Provider& provider, HttpSite site);

// A command line of /bin/sh: the body of the request on its standard input, that of the reply on its standard
// output, its standard error left alone. Ending otherwise than with 0, and time being over, are errors.
std::unique_ptr<Transport> OverCommand(std::string command, int64_t timeout_ms);

}  // namespace clawtrace::llm
