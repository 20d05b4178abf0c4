#pragma once
// Listens, reads requests and writes responses: HTTP/1.1 and HTTP/2, told apart by the first bytes, plain or
// over TLS. One thread of its own; no handler may block it. Wraps Asio, nghttp2 and OpenSSL.
//
// Deadlines are absolute: a head has 10 seconds, a body 10 more and one for each 64 KiB, whatever trickles
// in, and an answer as much to be taken; a connection may idle for two minutes.
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "serve/http.h"

namespace clawtrace::serve {

struct ServerOptions {
  std::string host = "127.0.0.1";  // an address
  std::vector<uint16_t> ports;     // 0: any free one
  std::string tls_cert, tls_key;   // PEM files; both or none
  size_t max_body = size_t{64} << 20;
  size_t max_connections = 4096;
  int64_t head_ms = 10'000, body_ms = 10'000, idle_ms = 120'000;
  size_t slowest = size_t{64} << 10;  // bytes of a body for each second beyond body_ms
  int64_t drain_ms = 10'000;          // how long Stop waits for what is under way
};

struct ServerCounts {
  int64_t connections = 0, connections_refused = 0, timeouts = 0;
};

class Server {
 public:
  // budget and handler must outlive it. kUnavailable when a port is taken.
  static Result<std::unique_ptr<Server>> Start(ServerOptions options, Budget* budget, Handler* handler);
  ~Server();

  const std::vector<uint16_t>& ports() const;  // that it listens on, in the order of the options
  ServerCounts counts() const;
  // Takes no new connections or requests, waits for the answers to those that are there. Once.
  void Stop();

  struct Impl;

 private:
  explicit Server(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// Can only this machine reach it?
bool IsLoopback(const std::string& host);

}  // namespace clawtrace::serve
