#pragma once
// What the parts of the server share; seen by them alone. All of it runs on the server's thread.
//
// A connection lives until it is closed and the last operation that was begun on it has come back; then it
// takes itself out of the server.
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "serve/server.h"

namespace clawtrace::serve {

namespace asio = boost::asio;
using boost::asio::ip::tcp;

// Bytes to and from a client, with or without TLS. At most one read and one write at a time.
class Stream {
 public:
  using Done = std::function<void(bool ok, size_t bytes)>;
  virtual ~Stream() = default;
  // Before anything else; tells whether HTTP/2 was agreed on.
  virtual void Open(std::function<void(bool ok, bool http2)> done) = 0;
  virtual void Read(char* into, size_t size, Done done) = 0;                           // something
  virtual void Write(std::string_view first, std::string_view second, Done done) = 0;  // all
  virtual void EndWrites() = 0;
  virtual void Close() = 0;  // what is under way comes back with false
};
std::unique_ptr<Stream> PlainStream(tcp::socket socket);
std::unique_ptr<Stream> TlsStream(tcp::socket socket, asio::ssl::context* tls);
Result<std::unique_ptr<asio::ssl::context>> MakeTls(const std::string& cert, const std::string& key);

class Connection {
 public:
  virtual ~Connection() = default;
  virtual void Start() = 0;
  // The server stops: no new requests.
  virtual void Drain() = 0;
  virtual void Close() = 0;
  // Answers the request that was handed out under this number.
  virtual void Answer(uint32_t request, Response response) = 0;
};

struct Server::Impl {
  Impl(ServerOptions options, Budget* budget, Handler* handler);
  ~Impl();

  Status Listen();
  void Accept(size_t listener);
  void Remove(uint64_t connection);
  // Puts another one in place of a connection, which is gone then.
  void Replace(uint64_t connection, std::unique_ptr<Connection> other);
  Reply ReplyTo(uint64_t connection, uint32_t request);

  ServerOptions options;
  Budget* budget;
  Handler* handler;
  asio::io_context io{1};
  std::unique_ptr<asio::ssl::context> tls;
  std::vector<tcp::acceptor> listeners;
  std::vector<uint16_t> ports;
  std::map<uint64_t, std::unique_ptr<Connection>> connections;
  uint64_t next_connection = 0;
  bool draining = false;
  std::atomic<int64_t> opened{0}, refused{0}, timeouts{0};
  std::unique_ptr<class Work> work;  // keeps the thread there
};

// HTTP/1.1 until the client's first bytes say otherwise.
std::unique_ptr<Connection> Http1(Server::Impl* server, uint64_t id, std::unique_ptr<Stream> stream);
// begun: what was read already.
std::unique_ptr<Connection> Http2(Server::Impl* server, uint64_t id, std::unique_ptr<Stream> stream,
                                  std::string begun);

int64_t SteadyNs();

}  // namespace clawtrace::serve
