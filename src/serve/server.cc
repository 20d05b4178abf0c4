#include "serve/server.h"

#include <fmt/core.h>

#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/post.hpp>
#include <chrono>
#include <thread>

#include "serve/net.h"

namespace clawtrace::serve {

using boost::system::error_code;

// The thread, and what keeps it waiting for work.
class Work {
 public:
  explicit Work(asio::io_context* io)
      : io_(*io), guard_(asio::make_work_guard(*io)), thread_([this] { io_.run(); }) {}
  ~Work() {
    guard_.reset();
    thread_.join();
  }
  Work(const Work&) = delete;
  Work& operator=(const Work&) = delete;

 private:
  asio::io_context& io_;
  asio::executor_work_guard<asio::io_context::executor_type> guard_;
  std::thread thread_;
};

int64_t SteadyNs() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

bool IsLoopback(const std::string& host) {
  if (host == "localhost") return true;
  error_code error;
  auto address = asio::ip::make_address(host, error);
  return !error && address.is_loopback();
}

Server::Impl::Impl(ServerOptions with, Budget* with_budget, Handler* with_handler)
    : options(std::move(with)), budget(with_budget), handler(with_handler) {}
Server::Impl::~Impl() = default;

Status Server::Impl::Listen() {
  error_code error;
  auto address = asio::ip::make_address(options.host == "localhost" ? "127.0.0.1" : options.host, error);
  if (error)
    return Fail(ErrorCode::kInvalidInput, fmt::format("{} is no address", options.host),
                "an IPv4 or IPv6 address of this machine, such as 127.0.0.1 or 0.0.0.0");
  for (uint16_t port : options.ports) {
    tcp::endpoint endpoint(address, port);
    tcp::acceptor acceptor(io);
    error = acceptor.open(endpoint.protocol(), error);
    if (!error) error = acceptor.set_option(tcp::acceptor::reuse_address(true), error);
    if (!error) error = acceptor.bind(endpoint, error);
    if (!error) error = acceptor.listen(asio::socket_base::max_listen_connections, error);
    if (error)
      return Fail(ErrorCode::kUnavailable,
                  fmt::format("cannot listen on {} port {}: {}", options.host, port, error.message()),
                  "choose another port, 0 for any");
    ports.push_back(acceptor.local_endpoint(error).port());
    listeners.push_back(std::move(acceptor));
  }
  return {};
}

void Server::Impl::Accept(size_t listener) {
  listeners[listener].async_accept([this, listener](error_code error, tcp::socket socket) {
    if (draining || error == asio::error::operation_aborted) return;
    if (!error && connections.size() >= options.max_connections) {
      ++refused;
      error_code ignored;
      ignored = socket.close(ignored);
    } else if (!error) {
      ++opened;
      uint64_t id = ++next_connection;
      auto stream = tls ? TlsStream(std::move(socket), tls.get()) : PlainStream(std::move(socket));
      auto& connection = connections[id] = Http1(this, id, std::move(stream));
      connection->Start();
    }
    // Out of file descriptors: the next one is looked at when there may be some again.
    if (error) {
      auto timer = std::make_unique<asio::steady_timer>(io, std::chrono::milliseconds(100));
      auto& waiting = *timer;
      waiting.async_wait([this, listener, timer = std::move(timer)](error_code) {
        if (!draining) Accept(listener);
      });
      return;
    }
    Accept(listener);
  });
}

void Server::Impl::Remove(uint64_t connection) { connections.erase(connection); }

void Server::Impl::Replace(uint64_t connection, std::unique_ptr<Connection> other) {
  auto& place = connections[connection];
  place = std::move(other);
  place->Start();
}

Reply Server::Impl::ReplyTo(uint64_t connection, uint32_t request) {
  return [this, connection, request](Response response) {
    asio::post(io, [this, connection, request, response = std::move(response)]() mutable {
      auto found = connections.find(connection);
      if (found != connections.end()) found->second->Answer(request, std::move(response));
    });
  };
}

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Result<std::unique_ptr<Server>> Server::Start(ServerOptions options, Budget* budget, Handler* handler) {
  auto impl = std::make_unique<Impl>(std::move(options), budget, handler);
  if (!impl->options.tls_cert.empty()) {
    auto tls = MakeTls(impl->options.tls_cert, impl->options.tls_key);
    if (!tls) return std::unexpected(tls.error());
    impl->tls = std::move(*tls);
  }
  CT_RETURN_IF_ERROR(impl->Listen());
  for (size_t i = 0; i < impl->listeners.size(); ++i) impl->Accept(i);
  impl->work = std::make_unique<Work>(&impl->io);
  return std::unique_ptr<Server>(new Server(std::move(impl)));
}

Server::~Server() { Stop(); }

const std::vector<uint16_t>& Server::ports() const { return impl_->ports; }

ServerCounts Server::counts() const {
  return {impl_->opened.load(), impl_->refused.load(), impl_->timeouts.load()};
}

void Server::Stop() {
  if (!impl_->work) return;
  Impl& impl = *impl_;
  // Closing changes the map on later turns of the loop only, never while it is walked.
  asio::post(impl.io, [&impl] {
    impl.draining = true;
    for (tcp::acceptor& listener : impl.listeners) {
      error_code ignored;
      ignored = listener.close(ignored);
    }
    for (auto& [id, connection] : impl.connections) connection->Drain();
  });
  int64_t until = SteadyNs() + impl.options.drain_ms * 1'000'000;
  std::atomic<bool> none{false};
  while (!none && SteadyNs() < until) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
    std::atomic<bool> asked{false};
    asio::post(impl.io, [&] {
      none = impl.connections.empty();
      asked = true;
      asked.notify_one();
    });
    asked.wait(false);
  }
  asio::post(impl.io, [&impl] {
    for (auto& [id, connection] : impl.connections) connection->Close();
  });
  impl.work.reset();
}

}  // namespace clawtrace::serve
