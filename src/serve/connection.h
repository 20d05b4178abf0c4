#pragma once
// What both versions of HTTP need of a connection: operations that come back, and deadlines.
#include <boost/asio/post.hpp>
#include <memory>
#include <utility>

#include "serve/net.h"

namespace clawtrace::serve {

class ConnectionBase : public Connection {
 public:
  ConnectionBase(Server::Impl* server, uint64_t number, std::unique_ptr<Stream> stream)
      : host(*server), id(number), pipe(std::move(stream)), timer_(server->io) {}

  void Close() override {
    if (gone) return;
    gone = true;
    pipe->Close();
    timer_.cancel();
    // Whatever is under way comes back first or later; the last one takes the connection out.
    ++pending_;
    asio::post(host.io, [this] { Returned(); });
  }

 protected:
  // Wraps what is to happen when an operation comes back; it does not when the connection was closed.
  template <class F>
  auto Pending(F then) {
    ++pending_;
    return [this, then = std::move(then)](auto... results) {
      if (gone) return Returned();
      --pending_;
      then(results...);
    };
  }

  // At this time OnDeadline is called, unless another one is set before.
  void SetDeadline(int64_t in_ms) {
    timer_.expires_after(std::chrono::milliseconds(in_ms));
    uint64_t set = ++deadline_;
    timer_.async_wait(Pending([this, set](boost::system::error_code) {
      if (set == deadline_) OnDeadline();
    }));
  }
  void NoDeadline() {
    ++deadline_;
    timer_.cancel();
  }
  virtual void OnDeadline() = 0;

  // The stream goes on to another connection; this one is deleted by the caller of this.
  std::unique_ptr<Stream> TakeStream() { return std::move(pipe); }
  bool idle() const { return pending_ == 0; }

  Server::Impl& host;
  const uint64_t id;
  std::unique_ptr<Stream> pipe;
  bool gone = false;

 private:
  void Returned() {
    if (--pending_ == 0) host.Remove(id);
  }

  asio::steady_timer timer_;
  int pending_ = 0;
  uint64_t deadline_ = 0;
};

// How long a body of this size may take, to come or to go.
inline int64_t BodyMs(const ServerOptions& options, size_t bytes) {
  return options.body_ms + static_cast<int64_t>(bytes / options.slowest) * 1000;
}

}  // namespace clawtrace::serve
