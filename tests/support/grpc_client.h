#pragma once
// A small HTTP/2 client for tests: unary calls over one connection.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <nghttp2/nghttp2.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace clawtrace::test {

struct GrpcAnswer {
  std::map<std::string, std::string> headers;  // trailers among them
  std::string body;
  bool done = false;
  std::string status() const {
    auto found = headers.find("grpc-status");
    return found == headers.end() ? "" : found->second;
  }
  // Of the only message.
  std::string message() const { return body.size() < 5 ? "" : body.substr(5); }
};

class GrpcClient {
 public:
  using Headers = std::vector<std::pair<std::string, std::string>>;

  explicit GrpcClient(uint16_t port) : fd_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    (void)connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address);
    nghttp2_session_callbacks* callbacks = nullptr;
    nghttp2_session_callbacks_new(&callbacks);
    nghttp2_session_callbacks_set_on_header_callback(
        callbacks, [](nghttp2_session*, const nghttp2_frame* frame, const uint8_t* name, size_t name_size,
                      const uint8_t* value, size_t value_size, uint8_t, void* self) {
          auto& answer = static_cast<GrpcClient*>(self)->answers_[frame->hd.stream_id];
          answer.headers[std::string(reinterpret_cast<const char*>(name), name_size)] =
              std::string(reinterpret_cast<const char*>(value), value_size);
          return 0;
        });
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(
        callbacks,
        [](nghttp2_session*, uint8_t, int32_t stream, const uint8_t* data, size_t size, void* self) {
          static_cast<GrpcClient*>(self)->answers_[stream].body.append(reinterpret_cast<const char*>(data),
                                                                       size);
          return 0;
        });
    nghttp2_session_callbacks_set_on_stream_close_callback(
        callbacks, [](nghttp2_session*, int32_t stream, uint32_t, void* self) {
          static_cast<GrpcClient*>(self)->answers_[stream].done = true;
          return 0;
        });
    nghttp2_session_callbacks_set_on_frame_recv_callback(
        callbacks, [](nghttp2_session*, const nghttp2_frame* frame, void* self) {
          auto& client = *static_cast<GrpcClient*>(self);
          if (frame->hd.type == NGHTTP2_GOAWAY) client.goaway_ = true;
          if (frame->hd.type == NGHTTP2_PING && (frame->hd.flags & NGHTTP2_FLAG_ACK)) client.ponged_ = true;
          return 0;
        });
    nghttp2_session_client_new(&session_, callbacks, this);
    nghttp2_session_callbacks_del(callbacks);
    nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, nullptr, 0);
  }
  ~GrpcClient() {
    nghttp2_session_del(session_);
    close(fd_);
  }
  GrpcClient(const GrpcClient&) = delete;
  GrpcClient& operator=(const GrpcClient&) = delete;

  static std::string Frame(std::string_view message, bool compressed = false) {
    auto size = static_cast<uint32_t>(message.size());
    std::string frame = {static_cast<char>(compressed), static_cast<char>(size >> 24),
                         static_cast<char>(size >> 16), static_cast<char>(size >> 8),
                         static_cast<char>(size)};
    return frame + std::string(message);
  }

  // Begins a call; its number. end: the body is whole.
  int32_t Begin(std::string_view path, Headers headers, std::string body, bool end = true) {
    Headers all = {
        {":method", "POST"}, {":scheme", "http"}, {":path", std::string(path)}, {":authority", "127.0.0.1"}};
    all.insert(all.end(), headers.begin(), headers.end());
    std::vector<nghttp2_nv> list;
    for (auto& [name, value] : all)
      list.push_back({reinterpret_cast<uint8_t*>(name.data()), reinterpret_cast<uint8_t*>(value.data()),
                      name.size(), value.size(), 0});
    nghttp2_data_provider provider = {};
    provider.read_callback = [](nghttp2_session*, int32_t stream, uint8_t* into, size_t size, uint32_t* flags,
                                nghttp2_data_source*, void* self) -> ssize_t {
      auto& sending = static_cast<GrpcClient*>(self)->sending_[stream];
      size_t take = std::min(size, sending.body.size() - sending.sent);
      if (take == 0 && !sending.end) return NGHTTP2_ERR_DEFERRED;
      std::copy_n(sending.body.data() + sending.sent, take, into);
      sending.sent += take;
      if (sending.end && sending.sent == sending.body.size()) *flags |= NGHTTP2_DATA_FLAG_EOF;
      return static_cast<ssize_t>(take);
    };
    int32_t stream = nghttp2_submit_request(session_, nullptr, list.data(), list.size(), &provider, nullptr);
    sending_[stream] = {std::move(body), 0, end};
    return stream;
  }
  GrpcAnswer Wait(int32_t stream, int timeout_ms = 20'000) {
    Run([&] { return answers_[stream].done; }, timeout_ms);
    return answers_[stream];
  }
  GrpcAnswer Call(std::string_view path, std::string body, Headers headers = {}) {
    Headers all = {{"content-type", "application/grpc"}, {"te", "trailers"}};
    all.insert(all.end(), headers.begin(), headers.end());
    return Wait(Begin(path, all, std::move(body)));
  }
  // Sends what there is to send and reads, until it holds, the time is over or the server closed.
  template <class F>
  bool Run(F holds, int timeout_ms = 20'000) {
    auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(timeout_ms);
    while (!holds()) {
      const uint8_t* bytes = nullptr;
      for (ssize_t size; (size = nghttp2_session_mem_send(session_, &bytes)) > 0;) {
        for (ssize_t sent = 0; sent < size;) {
          auto now = send(fd_, bytes + sent, static_cast<size_t>(size - sent), MSG_NOSIGNAL);
          if (now <= 0) return holds();
          sent += now;
        }
      }
      if (holds() || std::chrono::steady_clock::now() > until) return holds();
      pollfd ready = {fd_, POLLIN, 0};
      if (poll(&ready, 1, 20) <= 0) continue;
      uint8_t room[16384];
      auto size = recv(fd_, room, sizeof room, 0);
      closed_ = size <= 0;
      if (closed_ || nghttp2_session_mem_recv(session_, room, static_cast<size_t>(size)) < 0) return holds();
    }
    return true;
  }
  bool Ping() {
    ponged_ = false;
    nghttp2_submit_ping(session_, NGHTTP2_FLAG_NONE, nullptr);
    return Run([&] { return ponged_; });
  }
  bool goaway() const { return goaway_; }
  bool closed() const { return closed_; }

 private:
  struct Sending {
    std::string body;
    size_t sent = 0;
    bool end = true;
  };
  int fd_;
  nghttp2_session* session_ = nullptr;
  std::map<int32_t, GrpcAnswer> answers_;
  std::map<int32_t, Sending> sending_;
  bool goaway_ = false, ponged_ = false, closed_ = false;
};

}  // namespace clawtrace::test
