#pragma once
// A client for HTTP/1.1 and HTTP/2, plain and TLS. Wraps libcurl.
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace clawtrace {

struct HttpCall {
  std::string method = "GET";
  std::string url;                                           // http or https
  std::vector<std::pair<std::string, std::string>> headers;  // content length is added
  std::string body;
  int64_t timeout_ms = 30'000;            // for all of it
  int64_t connect_timeout_ms = 0;         // until there is a connection; 0: timeout_ms alone
  int64_t idle_timeout_ms = 0;            // without a byte either way, looked at every second; 0: none
  size_t most_reply = size_t{256} << 20;  // bytes of the body
  // When set, is given each piece of the body as it comes, with status and content type; the reply's body
  // stays empty.
  std::function<void(int status, std::string_view type, std::string_view bytes)> on_body = {};
};

struct HttpReply {
  int status = 0;
  std::string content_type;
  std::string body;           // at most HttpCall::most_reply bytes
  int64_t retry_after_s = 0;  // what Retry-After asks for, dates too; 0: nothing
};

// Keeps connections between calls. One call at a time; not thread-safe.
class HttpClient {
 public:
  // ca_file: PEM of authorities to trust besides the system's; "" = none.
  explicit HttpClient(std::string ca_file = {});
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  // Any status is a reply; redirects are not followed. kUnavailable when there is none, kInvalidInput when
  // the address is none, kLimit when the reply is too long.
  Result<HttpReply> Send(const HttpCall& call);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace clawtrace
