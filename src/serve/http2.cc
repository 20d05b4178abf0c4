#include <fmt/format.h>
#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <map>

#include "serve/connection.h"
#include "serve/http_head.h"

namespace clawtrace::serve {
namespace {

constexpr uint32_t kMaxStreams = 100;
constexpr int32_t kWindow = 1 << 20;
constexpr size_t kReadRoom = size_t{16} << 10;  // each connection has it as long as it is open
constexpr size_t kBodyStep = size_t{64} << 10;
constexpr size_t kWriteRoom = size_t{256} << 10;
constexpr size_t kMaxStreamHead = 16384;
constexpr int64_t kNever = INT64_MAX;

// "250m" of grpc-timeout; kNever when there is none.
int64_t TimeoutNs(std::string_view text) {
  int64_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  constexpr int64_t kMost = 99'999'999;  // eight digits, by the protocol
  if (error != std::errc() || value < 0 || value > kMost || end + 1 != text.data() + text.size())
    return kNever;
  switch (*end) {
    case 'H':
      return std::min<int64_t>(value, 1'000) * 3'600'000'000'000;
    case 'M':
      return value * 60'000'000'000;
    case 'S':
      return value * 1'000'000'000;
    case 'm':
      return value * 1'000'000;
    case 'u':
      return value * 1'000;
    case 'n':
      return value;
    default:
      return kNever;
  }
}

struct Exchange {
  Request request;
  size_t head_size = 0, headers = 0;
  int64_t begun_ns = 0;
  int64_t deadline_ns = kNever;  // until it is received; of the answer, until it is sent
  bool handed_out = false, answered = false, remote_done = false;
  Response response;
  size_t sent = 0;
};

class Connection2 final : public ConnectionBase {
 public:
  Connection2(Server::Impl* server, uint64_t number, std::unique_ptr<Stream> stream, std::string begun)
      : ConnectionBase(server, number, std::move(stream)), begun_(std::move(begun)) {}
  ~Connection2() override { nghttp2_session_del(session_); }

  void Start() override {
    MakeSession();
    std::array<nghttp2_settings_entry, 3> settings = {{
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, kMaxStreams},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, kWindow},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, kMaxStreamHead},
    }};
    nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, settings.data(), settings.size());
    nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0, 8 * kWindow);
    SetNextDeadline();
    if (!begun_.empty() && !Take(begun_)) return;
    if (host.draining) Drain();
    Flush();
    Read();
  }

  void Drain() override {
    if (gone || !session_ || draining_) return;
    draining_ = true;
    nghttp2_submit_goaway(session_, NGHTTP2_FLAG_NONE, nghttp2_session_get_last_proc_stream_id(session_),
                          NGHTTP2_NO_ERROR, nullptr, 0);
    Flush();
  }

  void Answer(uint32_t request, Response response) override {
    auto found = exchanges_.find(static_cast<int32_t>(request));
    if (gone || found == exchanges_.end() || found->second.answered) return;
    Submit(found->first, &found->second, std::move(response));
    SetNextDeadline();
    Flush();
  }

 protected:
  // Streams whose client is too slow, answers that come too late, connections without any.
  void OnDeadline() override {
    int64_t now = SteadyNs();
    if (exchanges_.empty() && now - used_ns_ >= host.options.idle_ms * 1'000'000) return Close();
    for (auto& [stream, exchange] : exchanges_) {
      if (exchange.deadline_ns > now) continue;
      ++host.timeouts;
      if (!exchange.answered) {
        Refuse(stream, &exchange, Refusal::kTimeout);
        continue;
      }
      // Who takes no bytes at all would not take the end of the stream either.
      if (writing_) return Close();
      exchange.deadline_ns = kNever;
      nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, stream, NGHTTP2_CANCEL);
    }
    SetNextDeadline();
    Flush();
  }

 private:
  void MakeSession();
  bool Take(std::string_view bytes);
  void Read();
  void Flush();
  void OnHeader(int32_t stream, std::string_view name, std::string_view value);
  int OnData(int32_t stream, std::string_view bytes);
  void OnEnd(int32_t stream);
  void Refuse(int32_t stream, Exchange* exchange, Refusal why) {
    Response response = host.handler->Refuse(exchange->request, why);
    exchange->request.Release();
    Submit(stream, exchange, std::move(response));
  }
  void Submit(int32_t stream, Exchange* exchange, Response response);
  ssize_t Provide(int32_t stream, uint8_t* into, size_t size, uint32_t* flags);

  void SetNextDeadline() {
    int64_t now = SteadyNs(), next = now + host.options.idle_ms * 1'000'000;
    for (auto& [stream, exchange] : exchanges_) next = std::min(next, exchange.deadline_ns);
    SetDeadline(std::max<int64_t>(1, (next - now) / 1'000'000 + 1));
  }

  static Connection2& Self(void* self) { return *static_cast<Connection2*>(self); }
  static std::string_view View(const uint8_t* bytes, size_t size) {
    return {reinterpret_cast<const char*>(bytes), size};
  }

  nghttp2_session* session_ = nullptr;
  std::map<int32_t, Exchange> exchanges_;
  std::string begun_, in_ = std::string(kReadRoom, '\0'), out_;
  bool writing_ = false, draining_ = false;
  int64_t used_ns_ = SteadyNs();
};

void Connection2::MakeSession() {
  nghttp2_session_callbacks* callbacks = nullptr;
  nghttp2_session_callbacks_new(&callbacks);
  nghttp2_session_callbacks_set_on_begin_headers_callback(
      callbacks, [](nghttp2_session*, const nghttp2_frame* frame, void* self) {
        if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST) return 0;
        Exchange& exchange = Self(self).exchanges_[frame->hd.stream_id];
        exchange.request.http2 = true;
        exchange.begun_ns = SteadyNs();
        exchange.deadline_ns = exchange.begun_ns + Self(self).host.options.head_ms * 1'000'000;
        return 0;
      });
  nghttp2_session_callbacks_set_on_header_callback(
      callbacks, [](nghttp2_session*, const nghttp2_frame* frame, const uint8_t* name, size_t name_size,
                    const uint8_t* value, size_t value_size, uint8_t, void* self) {
        Self(self).OnHeader(frame->hd.stream_id, View(name, name_size), View(value, value_size));
        return 0;
      });
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(
      callbacks, [](nghttp2_session*, uint8_t, int32_t stream, const uint8_t* data, size_t size, void* self) {
        return Self(self).OnData(stream, View(data, size));
      });
  nghttp2_session_callbacks_set_on_frame_recv_callback(
      callbacks, [](nghttp2_session*, const nghttp2_frame* frame, void* self) {
        bool part = frame->hd.type == NGHTTP2_DATA || frame->hd.type == NGHTTP2_HEADERS;
        if (part && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM)) Self(self).OnEnd(frame->hd.stream_id);
        return 0;
      });
  nghttp2_session_callbacks_set_on_frame_send_callback(
      callbacks, [](nghttp2_session* session, const nghttp2_frame* frame, void* self) {
        bool part = frame->hd.type == NGHTTP2_DATA || frame->hd.type == NGHTTP2_HEADERS;
        if (!part || !(frame->hd.flags & NGHTTP2_FLAG_END_STREAM)) return 0;
        auto& exchanges = Self(self).exchanges_;
        auto found = exchanges.find(frame->hd.stream_id);
        // Answered before all was read: the rest is not wanted.
        if (found != exchanges.end() && !found->second.remote_done)
          nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, frame->hd.stream_id, NGHTTP2_NO_ERROR);
        return 0;
      });
  nghttp2_session_callbacks_set_on_stream_close_callback(
      callbacks, [](nghttp2_session*, int32_t stream, uint32_t, void* self) {
        Self(self).exchanges_.erase(stream);
        return 0;
      });
  nghttp2_session_server_new(&session_, callbacks, this);
  nghttp2_session_callbacks_del(callbacks);
}

bool Connection2::Take(std::string_view bytes) {
  used_ns_ = SteadyNs();
  auto taken =
      nghttp2_session_mem_recv(session_, reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
  if (taken < 0) {
    Close();
    return false;
  }
  SetNextDeadline();
  return true;
}

void Connection2::Read() {
  pipe->Read(in_.data(), in_.size(), Pending([this](bool ok, size_t bytes) {
               if (!ok) return Close();
               if (!Take(std::string_view(in_.data(), bytes))) return;
               Flush();
               if (!gone) Read();
             }));
}

void Connection2::Flush() {
  if (gone || writing_) return;
  out_.clear();
  while (out_.size() < kWriteRoom) {
    const uint8_t* bytes = nullptr;
    auto size = nghttp2_session_mem_send(session_, &bytes);
    if (size < 0) return Close();
    if (size == 0) break;
    out_ += View(bytes, static_cast<size_t>(size));
  }
  if (out_.empty()) {
    FreeText(&out_);
    bool over = !nghttp2_session_want_read(session_) && !nghttp2_session_want_write(session_);
    if (over || (draining_ && exchanges_.empty())) Close();
    return;
  }
  writing_ = true;
  pipe->Write(out_, "", Pending([this](bool ok, size_t) {
                writing_ = false;
                return ok ? Flush() : Close();
              }));
}

void Connection2::OnHeader(int32_t stream, std::string_view name, std::string_view value) {
  auto found = exchanges_.find(stream);
  if (found == exchanges_.end()) return;
  Exchange& exchange = found->second;
  exchange.head_size += name.size() + value.size() + 32;
  bool header = !name.starts_with(':');
  if (exchange.head_size > kMaxStreamHead || (header && ++exchange.headers > kMaxHeaders)) {
    if (!exchange.answered) Refuse(stream, &exchange, Refusal::kHeadTooLarge);
    return;
  }
  if (name == ":method") {
    exchange.request.method = value;
  } else if (name == ":path") {
    size_t query = value.find('?');
    exchange.request.path = value.substr(0, query);
    exchange.request.query = query == std::string_view::npos ? "" : value.substr(query + 1);
  } else if (name == ":authority") {
    exchange.request.headers.emplace_back("host", value);
  } else if (header) {
    exchange.request.headers.emplace_back(name, value);
  }
}

int Connection2::OnData(int32_t stream, std::string_view bytes) {
  auto found = exchanges_.find(stream);
  if (found == exchanges_.end() || found->second.answered) return 0;
  Exchange& exchange = found->second;
  Request& request = exchange.request;
  // Of gRPC five bytes more, which the handler looks at.
  constexpr size_t kFrame = 5;
  size_t size = request.body.size() + bytes.size();
  if (size > host.options.max_body + kFrame) {
    Refuse(stream, &exchange, Refusal::kTooLarge);
    return 0;
  }
  if (size > request.charge.bytes() &&
      !request.charge.Grow(host.budget, std::max(kBodyStep, size - request.charge.bytes()))) {
    Refuse(stream, &exchange, Refusal::kOverloaded);
    return 0;
  }
  request.body += bytes;
  exchange.deadline_ns = exchange.begun_ns + BodyMs(host.options, request.body.size()) * 1'000'000;
  return 0;
}

void Connection2::OnEnd(int32_t stream) {
  auto found = exchanges_.find(stream);
  if (found == exchanges_.end()) return;
  Exchange& exchange = found->second;
  exchange.remote_done = true;
  if (exchange.answered || exchange.handed_out) return;
  exchange.handed_out = true;
  exchange.deadline_ns = kNever;
  Request& request = exchange.request;
  request.received_ns = SteadyNs();
  int64_t timeout = TimeoutNs(request.Header("grpc-timeout"));
  if (timeout != kNever) exchange.deadline_ns = exchange.begun_ns + timeout;
  // What is needed to say that it was too late.
  Request head;
  head.method = request.method, head.path = request.path, head.headers = request.headers, head.http2 = true;
  Request whole = std::exchange(request, std::move(head));
  host.handler->Handle(std::move(whole), host.ReplyTo(id, static_cast<uint32_t>(stream)));
}

ssize_t Connection2::Provide(int32_t stream, uint8_t* into, size_t size, uint32_t* flags) {
  auto found = exchanges_.find(stream);
  if (found == exchanges_.end()) return NGHTTP2_ERR_DEFERRED;
  Exchange& exchange = found->second;
  const std::string& body = exchange.response.body;
  size_t take = std::min(size, body.size() - exchange.sent);
  std::copy_n(body.data() + exchange.sent, take, into);
  exchange.sent += take;
  if (exchange.sent < body.size()) return static_cast<ssize_t>(take);
  *flags |= NGHTTP2_DATA_FLAG_EOF;
  const Headers& trailers = exchange.response.trailers;
  if (trailers.empty()) return static_cast<ssize_t>(take);
  *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
  std::vector<nghttp2_nv> list;
  for (const auto& [name, value] : trailers)
    list.push_back({reinterpret_cast<uint8_t*>(const_cast<char*>(name.data())),
                    reinterpret_cast<uint8_t*>(const_cast<char*>(value.data())), name.size(), value.size(),
                    0});
  nghttp2_submit_trailer(session_, stream, list.data(), list.size());
  return static_cast<ssize_t>(take);
}

void Connection2::Submit(int32_t stream, Exchange* exchange, Response response) {
  exchange->answered = true;
  exchange->response = std::move(response);
  // It has the time of all that is still to be sent on this connection, and takes some of the others'.
  size_t unsent = 0, more = exchange->response.body.size();
  for (auto& [other, each] : exchanges_) {
    unsent += each.response.body.size() - each.sent;
    if (each.answered && each.deadline_ns != kNever)
      each.deadline_ns += (BodyMs(host.options, more) - BodyMs(host.options, 0)) * 1'000'000;
  }
  exchange->deadline_ns = SteadyNs() + BodyMs(host.options, unsent) * 1'000'000;
  const Response& answer = exchange->response;
  bool trailers_only = answer.body.empty() && !answer.trailers.empty();
  Headers headers = {{":status", fmt::format("{}", answer.status)}};
  if (!answer.content_type.empty()) headers.emplace_back("content-type", answer.content_type);
  if (answer.trailers.empty()) headers.emplace_back("content-length", fmt::format("{}", answer.body.size()));
  headers.insert(headers.end(), answer.headers.begin(), answer.headers.end());
  if (trailers_only) headers.insert(headers.end(), answer.trailers.begin(), answer.trailers.end());
  std::vector<nghttp2_nv> list;
  for (auto& [name, value] : headers) {
    std::ranges::transform(name, name.begin(),
                           [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 32) : c; });
    list.push_back({reinterpret_cast<uint8_t*>(name.data()), reinterpret_cast<uint8_t*>(value.data()),
                    name.size(), value.size(), 0});
  }
  nghttp2_data_provider provider = {};
  provider.read_callback = [](nghttp2_session*, int32_t of, uint8_t* into, size_t size, uint32_t* flags,
                              nghttp2_data_source*,
                              void* self) { return Self(self).Provide(of, into, size, flags); };
  bool body = !answer.body.empty() && exchange->request.method != "HEAD";
  nghttp2_submit_response(session_, stream, list.data(), list.size(), body ? &provider : nullptr);
}

}  // namespace

std::unique_ptr<Connection> Http2(Server::Impl* server, uint64_t id, std::unique_ptr<Stream> stream,
                                  std::string begun) {
  return std::make_unique<Connection2>(server, id, std::move(stream), std::move(begun));
}

}  // namespace clawtrace::serve
