#pragma once
// A plain client for tests: sends exactly the bytes it is told to, and reads one response.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/text.h"

namespace clawtrace::test {

struct HttpResponse {
  int status = 0;  // 0: none came
  std::map<std::string, std::string> headers;
  std::string body;
  std::string Header(const std::string& name) const {
    auto found = headers.find(name);
    return found == headers.end() ? "" : found->second;
  }
};

class HttpClient {
 public:
  // room: bytes that wait here before they are read; 0: what the system thinks right.
  explicit HttpClient(uint16_t port, int room = 0) : fd_(socket(AF_INET, SOCK_STREAM, 0)) {
    if (room > 0) (void)setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ = connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  }
  ~HttpClient() { close(fd_); }
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  bool connected() const { return connected_; }
  bool Send(std::string_view bytes) const {
    while (!bytes.empty()) {
      auto sent = send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<size_t>(sent));
    }
    return true;
  }
  // The next response; status 0 when the server closed or stayed silent that long.
  HttpResponse Read(int timeout_ms = 20'000, bool head_only = false) {
    HttpResponse response;
    size_t end;
    while ((end = in_.find("\r\n\r\n")) == std::string::npos) {
      if (!More(timeout_ms)) return response;
    }
    std::string head = in_.substr(0, end);
    in_.erase(0, end + 4);
    for (std::string_view line : Split(head, '\n')) {
      line = Trim(line);
      size_t colon = line.find(':');
      if (response.status == 0)
        response.status = static_cast<int>(ParseInt(line.substr(9, 3)).value_or(0));
      else if (colon != std::string_view::npos)
        response.headers[ToLower(line.substr(0, colon))] = Trim(line.substr(colon + 1));
    }
    if (head_only) return response;
    size_t size = static_cast<size_t>(ParseInt(response.Header("content-length")).value_or(0));
    while (in_.size() < size) {
      if (!More(timeout_ms)) break;
    }
    response.body = in_.substr(0, size);
    in_.erase(0, std::min(size, in_.size()));
    return response;
  }
  // Did the server close, within that time?
  bool Closed(int timeout_ms) {
    while (More(timeout_ms)) {
    }
    return ended_;
  }

 private:
  bool More(int timeout_ms) {
    pollfd ready = {fd_, POLLIN, 0};
    if (poll(&ready, 1, timeout_ms) <= 0) return false;
    char room[65536];
    auto size = recv(fd_, room, sizeof room, 0);
    ended_ = size <= 0;
    if (!ended_) in_.append(room, static_cast<size_t>(size));
    return !ended_;
  }

  int fd_;
  bool connected_ = false, ended_ = false;
  std::string in_;
};

using HttpHeaders = std::vector<std::pair<std::string, std::string>>;

inline std::string HttpHead(std::string_view method, std::string_view path, const HttpHeaders& headers) {
  std::string head = std::string(method) + " " + std::string(path) + " HTTP/1.1\r\n";
  bool host = false;
  for (const auto& [name, value] : headers) {
    head += name + ": " + value + "\r\n";
    host = host || name == "Host";
  }
  return head + (host ? "\r\n" : "Host: 127.0.0.1\r\n\r\n");
}

inline HttpResponse Call(uint16_t port, std::string_view method, std::string_view path, HttpHeaders headers,
                         std::string_view body = "") {
  HttpClient client(port);
  headers.emplace_back("Content-Length", std::to_string(body.size()));
  (void)client.Send(HttpHead(method, path, headers));
  (void)client.Send(body);
  return client.Read();
}

}  // namespace clawtrace::test
