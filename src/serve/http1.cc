#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>

#include "serve/api/message.h"
#include "serve/connection.h"
#include "serve/http_head.h"

namespace clawtrace::serve {
namespace {

constexpr std::string_view kHttp2Start = "PRI * HTTP/2.0\r\n\r\n";
constexpr size_t kChunkRoom = size_t{64} << 10;  // read at a time of a body of unknown size
// After the last answer, for what the client is still sending.
constexpr int64_t kLingerMs = 10'000, kLingerIdleMs = 2'000;
constexpr size_t kLingerBytes = size_t{1} << 30;

class Connection1 final : public ConnectionBase {
 public:
  using ConnectionBase::ConnectionBase;

  void Start() override {
    SetDeadline(host.options.head_ms);
    pipe->Open(Pending([this](bool ok, bool http2) {
      if (!ok) return Close();
      if (http2) return Upgrade();
      NextRequest();
    }));
  }

  void Drain() override {
    last_ = true;
    if ((state_ == State::kHead && size_ == 0) || state_ == State::kLingering) Close();
  }

  void Answer(uint32_t request, Response response) override {
    if (gone || state_ != State::kHandling || request != number_) return;
    Send(std::move(response));
  }

 protected:
  void OnDeadline() override {
    bool begun = state_ == State::kBody || (state_ == State::kHead && size_ > 0);
    if (begun) ++host.timeouts;
    if (!begun || writing_) return Close();
    Refuse(Refusal::kTimeout);
  }

 private:
  enum class State { kHead, kBody, kHandling, kSending, kLingering };

  void NextRequest() {
    state_ = State::kHead;
    Forget();
    chunks_ = ChunkDecoder(host.options.max_body);
    searched_ = 0;
    if (last_ && size_ == 0) return Close();
    SetDeadline(size_ > 0 || first_ ? host.options.head_ms : host.options.idle_ms);
    if (size_ > 0) return OnHeadBytes();
    ReadHeadBytes();
  }

  void ReadHeadBytes() {
    Read(in_.data() + size_, in_.size() - size_, [this](size_t bytes) {
      if (size_ == 0 && !first_) SetDeadline(host.options.head_ms);
      size_ += bytes;
      OnHeadBytes();
    });
  }

  void OnHeadBytes() {
    std::string_view bytes(in_.data(), size_);
    if (first_ && bytes.starts_with(kHttp2Start)) return Upgrade();
    head_ = ReadHead(bytes, searched_, &request_);
    searched_ = size_;
    switch (head_.state) {
      case Head::State::kNeedMore:
        return ReadHeadBytes();
      case Head::State::kDone:
        return OnHead();
      case Head::State::kBad:
        return Refuse(Refusal::kBadRequest);
      case Head::State::kTooLarge:
        return Refuse(Refusal::kHeadTooLarge);
      case Head::State::kUnsupported:
        return Refuse(Refusal::kUnsupported);
      case Head::State::kExpectation:
        return Refuse(Refusal::kExpectation);
    }
  }

  void OnHead() {
    first_ = false;
    Consume(head_.size);
    if (!head_.keep_alive) last_ = true;
    state_ = State::kBody;
    begun_ns_ = SteadyNs();
    uint64_t length = head_.content_length.value_or(0);
    if (length > host.options.max_body) return Refuse(Refusal::kTooLarge);
    if (!request_.charge.Grow(host.budget, static_cast<size_t>(length))) return Refuse(Refusal::kOverloaded);
    if (!head_.expects_continue || size_ > 0) return ReadBody();
    writing_ = true;
    pipe->Write("HTTP/1.1 100 Continue\r\n\r\n", "", Pending([this](bool ok, size_t) {
                  writing_ = false;
                  return ok ? ReadBody() : Close();
                }));
  }

  void ReadBody() {
    if (head_.chunked) return ReadChunks();
    size_t length = static_cast<size_t>(head_.content_length.value_or(0));
    SetDeadline(BodyMs(host.options, length));
    request_.body.resize(length);
    received_ = std::min(length, size_);
    std::copy_n(in_.data(), received_, request_.body.data());
    Consume(received_);
    ReadRest();
  }

  void ReadRest() {
    if (received_ == request_.body.size()) return Dispatch();
    Read(request_.body.data() + received_, request_.body.size() - received_, [this](size_t bytes) {
      received_ += bytes;
      ReadRest();
    });
  }

  void ReadChunks() {
    int64_t spent_ms = (SteadyNs() - begun_ns_) / 1'000'000;
    SetDeadline(std::max<int64_t>(0, BodyMs(host.options, request_.body.size()) - spent_ms));
    if (size_ > 0) {
      std::string_view rest(in_.data(), size_);
      if (!TakeChunks(&rest)) return;
      Consume(size_ - rest.size());
    } else {
      room_.resize(kChunkRoom);
      Read(room_.data(), room_.size(), [this](size_t bytes) { OnChunkBytes(bytes); });
    }
  }

  void OnChunkBytes(size_t bytes) {
    std::string_view rest(room_.data(), bytes);
    if (!TakeChunks(&rest)) return;
    // What is behind the body begins the next request.
    size_ = std::min(rest.size(), in_.size());
    std::copy_n(rest.data(), size_, in_.data());
    if (size_ < rest.size()) last_ = true;
  }

  // False when the request is over with that. Else goes on by itself.
  bool TakeChunks(std::string_view* rest) {
    size_t most = request_.body.size() + rest->size();
    if (most > request_.charge.bytes() &&
        !request_.charge.Grow(host.budget, std::max(kChunkRoom, most - request_.charge.bytes())))
      return Refuse(Refusal::kOverloaded), false;
    ChunkDecoder::State state = chunks_.Feed(rest, &request_.body);
    if (state == ChunkDecoder::State::kBad) return Refuse(Refusal::kBadRequest), false;
    if (state == ChunkDecoder::State::kTooLarge) return Refuse(Refusal::kTooLarge), false;
    bool done = state == ChunkDecoder::State::kDone;
    asio::post(host.io, Pending([this, done] {
                 if (state_ != State::kBody) return;
                 return done ? Dispatch() : ReadChunks();
               }));
    return true;
  }

  void Dispatch() {
    state_ = State::kHandling;
    NoDeadline();
    FreeText(&room_);
    method_is_head_ = request_.method == "HEAD";
    request_.received_ns = SteadyNs();
    host.handler->Handle(std::move(request_), host.ReplyTo(id, ++number_));
  }

  void Refuse(Refusal why) {
    last_ = true;
    Response response = host.handler->Refuse(request_, why);
    if (!reading_) Forget();
    if (head_.chunked) request_.Release();
    Send(std::move(response));
  }

  // One at a time. Where the bytes go must stay until it is back, whatever became of the request.
  template <class F>
  void Read(char* into, size_t size, F then) {
    reading_ = true;
    pipe->Read(into, size, Pending([this, during = state_, then](bool ok, size_t bytes) {
                 reading_ = false;
                 if (state_ != during) return OnLateBytes(ok);
                 return ok ? then(bytes) : Close();
               }));
  }
  // Of a request that was refused while it was read.
  void OnLateBytes(bool ok) {
    Forget();
    ended_ = !ok;
    if (state_ == State::kLingering) Discard();
  }
  void Forget() {
    request_.Release();
    request_ = Request();
    FreeText(&room_);
  }

  void Send(Response response) {
    state_ = State::kSending;
    response_ = std::move(response);
    last_ = last_ || response_.close || host.draining;
    out_.clear();
    auto out = std::back_inserter(out_);
    fmt::format_to(out, "HTTP/1.1 {} {}\r\nContent-Length: {}\r\n", response_.status,
                   api::ReasonOf(response_.status), response_.body.size());
    if (!response_.content_type.empty()) fmt::format_to(out, "Content-Type: {}\r\n", response_.content_type);
    for (const auto& [name, value] : response_.headers) fmt::format_to(out, "{}: {}\r\n", name, value);
    out_ += last_ ? "Connection: close\r\n\r\n" : "\r\n";
    if (method_is_head_) response_.body.clear();
    SetDeadline(BodyMs(host.options, response_.body.size()));
    writing_ = true;
    pipe->Write(out_, response_.body, Pending([this](bool ok, size_t) {
                  writing_ = false;
                  if (!ok) return Close();
                  FreeText(&response_.body);
                  response_ = Response();
                  return last_ ? Linger() : NextRequest();
                }));
  }

  // To close while bytes of the client are unread would take the answer back from it. What it sends is read
  // and dropped, within limits of time and amount.
  void Linger() {
    state_ = State::kLingering;
    pipe->EndWrites();
    begun_ns_ = SteadyNs();
    dropped_ = 0;
    SetDeadline(kLingerIdleMs);
    if (!reading_) Discard();
  }
  void Discard() {
    int64_t left_ms = kLingerMs - (SteadyNs() - begun_ns_) / 1'000'000;
    if (ended_ || left_ms <= 0 || dropped_ > kLingerBytes) return Close();
    SetDeadline(std::min(left_ms, kLingerIdleMs));
    Read(in_.data(), in_.size(), [this](size_t bytes) {
      dropped_ += bytes;
      Discard();
    });
  }

  void Upgrade() {
    NoDeadline();
    upgrading_ = true;
    asio::post(host.io, Pending([this] { Hand(); }));
  }
  // When nothing of this connection is under way any more it gives its place to the other one.
  void Hand() {
    if (!idle()) return asio::post(host.io, Pending([this] { Hand(); }));
    host.Replace(id, Http2(&host, id, TakeStream(), std::string(in_.data(), size_)));
  }

  void Consume(size_t bytes) {
    std::copy(in_.begin() + static_cast<std::ptrdiff_t>(bytes),
              in_.begin() + static_cast<std::ptrdiff_t>(size_), in_.begin());
    size_ -= bytes;
  }

  State state_ = State::kHead;
  std::array<char, kMaxHead> in_;
  size_t size_ = 0;                       // bytes in it
  size_t searched_ = 0;                   // of them, for the end of the head
  bool first_ = true;                     // no request was read yet
  bool last_ = false;                     // the connection ends with this request
  bool reading_ = false, ended_ = false;  // by the client
  bool writing_ = false, upgrading_ = false, method_is_head_ = false;
  Head head_;
  Request request_;
  ChunkDecoder chunks_;
  std::string room_;
  size_t received_ = 0, dropped_ = 0;
  int64_t begun_ns_ = 0;
  uint32_t number_ = 0;
  Response response_;
  std::string out_;
};

}  // namespace

std::unique_ptr<Connection> Http1(Server::Impl* server, uint64_t id, std::unique_ptr<Stream> stream) {
  return std::make_unique<Connection1>(server, id, std::move(stream));
}

}  // namespace clawtrace::serve
