#pragma once
// A server for tests that says what it is told to, one reply a connection, and remembers what it was asked.
// Replies of a list are given one after the other; those of a function to all who ask at once.
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace clawtrace::llm {

class ScriptedServer {
 public:
  // "" says nothing until the other side gives up.
  explicit ScriptedServer(std::vector<std::string> replies) : replies_(std::move(replies)) {
    Listen();
    thread_ = std::thread([this] { Serve(); });
  }
  // answer: from a request to the reply; called by several threads.
  using Answer = std::function<std::string(const std::string& asked)>;
  explicit ScriptedServer(Answer answer) : answer_(std::move(answer)) {
    Listen();
    thread_ = std::thread([this] { ServeAll(); });
  }
  ~ScriptedServer() {
    stop_ = true;
    thread_.join();
    ::close(listener_);
  }
  ScriptedServer(const ScriptedServer&) = delete;
  ScriptedServer& operator=(const ScriptedServer&) = delete;

  std::string address() const { return "http://127.0.0.1:" + std::to_string(port_); }
  // Once all replies were given.
  const std::vector<std::string>& asked() const { return asked_; }

  static std::string Reply(int status, std::string_view headers, std::string_view body) {
    std::string reply = "HTTP/1.1 " + std::to_string(status) + " X\r\nConnection: close\r\n";
    reply.append(headers).append("Content-Length: " + std::to_string(body.size()) + "\r\n\r\n").append(body);
    return reply;
  }

 private:
  void Listen() {
    listener_ = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    bool up = ::bind(listener_, reinterpret_cast<sockaddr*>(&address), size) == 0 &&
              ::listen(listener_, 64) == 0 &&
              ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) == 0;
    port_ = up ? ntohs(address.sin_port) : 0;
  }

  bool Ready(int socket) const {
    constexpr int kNapMs = 20;
    pollfd wait = {socket, POLLIN, 0};
    while (!stop_) {
      if (::poll(&wait, 1, kNapMs) > 0) return true;
    }
    return false;
  }

  // Head and body, as far as they come.
  std::string Read(int socket) const {
    std::string text;
    char buffer[4096];
    auto whole = [&] {
      size_t end = text.find("\r\n\r\n"), length = text.find("Content-Length: ");
      if (end == text.npos) return false;
      size_t body = length == text.npos ? 0 : std::stoul(text.substr(length + 16));
      return text.size() >= end + 4 + body;
    };
    while (!whole() && Ready(socket)) {
      ssize_t got = ::recv(socket, buffer, sizeof buffer, 0);
      if (got <= 0) break;
      text.append(buffer, static_cast<size_t>(got));
    }
    return text;
  }

  void Say(int socket, const std::string& reply) const {
    if (reply.empty())
      (void)Ready(socket);
    else
      (void)!::send(socket, reply.data(), reply.size(), MSG_NOSIGNAL);
    ::close(socket);
  }

  void Serve() {
    for (const std::string& reply : replies_) {
      if (!Ready(listener_)) return;
      int socket = ::accept(listener_, nullptr, nullptr);
      asked_.push_back(Read(socket));
      Say(socket, reply);
    }
  }

  void ServeAll() {
    std::vector<std::thread> talks;
    while (Ready(listener_)) {
      talks.emplace_back([this, socket = ::accept(listener_, nullptr, nullptr)] {
        std::string asked = Read(socket);
        Say(socket, answer_(asked));
        std::lock_guard lock(mutex_);
        asked_.push_back(std::move(asked));
      });
    }
    for (std::thread& talk : talks) talk.join();
  }

  std::vector<std::string> replies_, asked_;
  Answer answer_;
  std::mutex mutex_;
  int listener_ = -1;
  uint16_t port_ = 0;
  std::atomic<bool> stop_ = false;
  std::thread thread_;
};

}  // namespace clawtrace::llm
