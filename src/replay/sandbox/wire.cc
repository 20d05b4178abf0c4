#include "replay/sandbox/wire.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <concepts>
#include <cstring>
#include <tuple>
#include <type_traits>

namespace clawtrace::replay {
namespace {

// One list of members a type; the same list writes and reads.
auto Members(Limits& v) {
  return std::tie(v.wall_ms, v.cpu_s, v.memory_bytes, v.processes, v.file_bytes, v.disk_bytes,
                  v.output_bytes);
}
auto Members(Mount& v) { return std::tie(v.from, v.at, v.writable); }
auto Members(WorkplaceOptions& v) {
  return std::tie(v.workspace, v.at, v.also_at, v.mounts, v.environment, v.limits);
}
auto Members(Setup& v) { return std::tie(v.isolated, v.options, v.scratch); }
auto Members(Command& v) { return std::tie(v.shell, v.argv, v.cwd, v.input, v.wall_ms); }
auto Members(Request& v) { return std::tie(v.action, v.command, v.path, v.bytes); }
auto Members(CommandResult& v) {
  return std::tie(v.how, v.exit_code, v.output, v.output_bytes, v.final_cwd, v.left_running, v.limit, v.error,
                  v.wall_ns);
}
auto Members(FileState& v) { return std::tie(v.kind, v.mode, v.hash, v.size); }
auto Members(Reply& v) { return std::tie(v.result, v.bytes, v.tree); }
auto Members(Error& v) { return std::tie(v.code, v.message, v.hint); }

constexpr int64_t LastOf(RequestKind) { return static_cast<int64_t>(RequestKind::kHold); }
constexpr int64_t LastOf(Ended) { return static_cast<int64_t>(Ended::kNotStarted); }
constexpr int64_t LastOf(ErrorCode) { return static_cast<int64_t>(ErrorCode::kLimit); }

template <class T>
concept Number = std::integral<T> || std::is_enum_v<T>;

class Writer {
 public:
  template <Number T>
  void Put(const T& value) {
    auto number = static_cast<int64_t>(value);
    char bytes[sizeof(number)];
    std::memcpy(bytes, &number, sizeof(number));
    out_.append(bytes, sizeof(number));
  }
  void Put(const char& letter) { Put(static_cast<unsigned char>(letter)); }
  void Put(const std::string& text) {
    Put(text.size());
    out_ += text;
  }
  template <class A, class B>
  void Put(const std::pair<A, B>& pair) {
    Put(pair.first);
    Put(pair.second);
  }
  template <class T>
  void Put(const std::vector<T>& list) {
    Put(list.size());
    for (const T& item : list) Put(item);
  }
  void Put(const Tree& tree) {
    Put(tree.size());
    for (const auto& item : tree) Put(item);
  }
  template <class T>
    requires requires(T& value) { Members(value); }
  void Put(const T& value) {
    std::apply([this](auto&... member) { (this->Put(member), ...); }, Members(const_cast<T&>(value)));
  }
  std::string Take() { return std::move(out_); }

 private:
  std::string out_;
};

class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}

  template <Number T>
  void Get(T& value) {
    int64_t number = 0;
    if (bytes_.size() < sizeof(number)) return Break();
    std::memcpy(&number, bytes_.data(), sizeof(number));
    bytes_.remove_prefix(sizeof(number));
    value = static_cast<T>(number);
    if (static_cast<int64_t>(value) != number) Break();
    if constexpr (std::is_enum_v<T>)
      if (number < 0 || number > LastOf(value)) Break();
  }
  void Get(char& letter) {
    unsigned char number = 0;
    Get(number);
    letter = static_cast<char>(number);
  }
  void Get(std::string& text) {
    size_t size = 0;
    Get(size);
    if (size > bytes_.size()) return Break();
    text.assign(bytes_.substr(0, size));
    bytes_.remove_prefix(size);
  }
  template <class A, class B>
  void Get(std::pair<A, B>& pair) {
    Get(pair.first);
    Get(pair.second);
  }
  template <class T>
  void Get(std::vector<T>& list) {
    for (size_t left = Count(); left > 0 && !broken_; --left) Get(list.emplace_back());
  }
  void Get(Tree& tree) {
    for (size_t left = Count(); left > 0 && !broken_; --left) {
      std::pair<std::string, FileState> item;
      Get(item);
      tree.emplace_hint(tree.end(), std::move(item));
    }
  }
  template <class T>
    requires requires(T& value) { Members(value); }
  void Get(T& value) {
    std::apply([this](auto&... member) { (this->Get(member), ...); }, Members(value));
  }
  bool Whole() const { return !broken_ && bytes_.empty(); }

 private:
  // No item takes less than a byte, so a false count ends with the bytes.
  size_t Count() {
    size_t count = 0;
    Get(count);
    if (count > bytes_.size()) Break();
    return broken_ ? 0 : count;
  }
  void Break() {
    broken_ = true;
    bytes_ = {};
  }
  std::string_view bytes_;
  bool broken_ = false;
};

template <class T>
Result<T> Decode(std::string_view bytes) {
  T value;
  Reader reader(bytes);
  reader.Get(value);
  if (!reader.Whole()) return Fail(ErrorCode::kCorruptData, "a frame of the workplace cannot be understood");
  return value;
}

int64_t NowMs() {
  using std::chrono::steady_clock;
  return std::chrono::duration_cast<std::chrono::milliseconds>(steady_clock::now().time_since_epoch())
      .count();
}

// Waits until there is something to receive.
Status AwaitBytes(int socket, int64_t until_ms) {
  while (true) {
    pollfd waiting{.fd = socket, .events = POLLIN, .revents = 0};
    int64_t left = until_ms < 0 ? -1 : std::clamp<int64_t>(until_ms - NowMs(), 0, 1'000'000);
    int ready = ::poll(&waiting, 1, static_cast<int>(left));
    if (ready == 0) return Fail(ErrorCode::kUnavailable, "the workplace does not answer");
    if (ready > 0 || errno != EINTR) return {};
  }
}

Status Receive(int socket, char* into, size_t size, int64_t until_ms) {
  while (size > 0) {
    CT_RETURN_IF_ERROR(AwaitBytes(socket, until_ms));
    ssize_t got = ::recv(socket, into, size, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return Fail(ErrorCode::kIo, "the workplace has ended");
    into += got;
    size -= static_cast<size_t>(got);
  }
  return {};
}

}  // namespace

std::string Encode(const Setup& setup) {
  Writer writer;
  writer.Put(setup);
  return writer.Take();
}

std::string Encode(const Request& request) {
  Writer writer;
  writer.Put(request);
  return writer.Take();
}

std::string Encode(const Result<Reply>& reply) {
  Writer writer;
  writer.Put(reply.has_value());
  if (reply)
    writer.Put(*reply);
  else
    writer.Put(reply.error());
  return writer.Take();
}

Result<Setup> DecodeSetup(std::string_view bytes) { return Decode<Setup>(bytes); }
Result<Request> DecodeRequest(std::string_view bytes) { return Decode<Request>(bytes); }

Result<Reply> DecodeReply(std::string_view bytes) {
  bool good = false;
  constexpr size_t kWord = sizeof(int64_t);
  Reader first(bytes.substr(0, kWord));
  first.Get(good);
  if (!first.Whole()) return Fail(ErrorCode::kCorruptData, "a frame of the workplace cannot be understood");
  if (good) return Decode<Reply>(bytes.substr(kWord));
  auto error = Decode<Error>(bytes.substr(kWord));
  return std::unexpected(error ? std::move(*error) : std::move(error.error()));
}

Status SendFrame(int socket, std::string_view bytes) {
  uint64_t size = bytes.size();
  char head[sizeof(size)];
  std::memcpy(head, &size, sizeof(size));
  for (std::string_view part : {std::string_view(head, sizeof(head)), bytes})
    while (!part.empty()) {
      ssize_t sent = ::send(socket, part.data(), part.size(), MSG_NOSIGNAL);
      if (sent < 0 && errno == EINTR) continue;
      if (sent <= 0) return Fail(ErrorCode::kIo, "the workplace has ended");
      part.remove_prefix(static_cast<size_t>(sent));
    }
  return {};
}

Result<std::string> ReceiveFrame(int socket, uint64_t max_bytes, int64_t wait_ms) {
  int64_t until = wait_ms < 0 ? -1 : NowMs() + wait_ms;
  char head[sizeof(uint64_t)];
  CT_RETURN_IF_ERROR(Receive(socket, head, sizeof(head), until));
  uint64_t size = 0;
  std::memcpy(&size, head, sizeof(size));
  if (size > max_bytes) return Fail(ErrorCode::kLimit, "the workplace answers with too much");
  std::string bytes(size, '\0');
  CT_RETURN_IF_ERROR(Receive(socket, bytes.data(), bytes.size(), until));
  return bytes;
}

Status SendFile(int socket, int file) {
  char byte = 0;
  iovec part{.iov_base = &byte, .iov_len = 1};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = &part, message.msg_iovlen = 1;
  message.msg_control = control, message.msg_controllen = sizeof(control);
  cmsghdr* head = CMSG_FIRSTHDR(&message);
  head->cmsg_level = SOL_SOCKET, head->cmsg_type = SCM_RIGHTS, head->cmsg_len = CMSG_LEN(sizeof(int));
  std::memcpy(CMSG_DATA(head), &file, sizeof(file));
  ssize_t sent = 0;
  while ((sent = ::sendmsg(socket, &message, MSG_NOSIGNAL)) < 0 && errno == EINTR) continue;
  return sent == 1 ? Status() : Fail(ErrorCode::kIo, "the workplace has ended");
}

Result<OpenFile> ReceiveFile(int socket, int64_t wait_ms) {
  CT_RETURN_IF_ERROR(AwaitBytes(socket, wait_ms < 0 ? -1 : NowMs() + wait_ms));
  char byte = 0;
  iovec part{.iov_base = &byte, .iov_len = 1};
  // Room for one: what else is sent is closed by the kernel.
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = &part, message.msg_iovlen = 1;
  message.msg_control = control, message.msg_controllen = sizeof(control);
  ssize_t got = ::recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
  const cmsghdr* head = got == 1 ? CMSG_FIRSTHDR(&message) : nullptr;
  if (!head || head->cmsg_level != SOL_SOCKET || head->cmsg_type != SCM_RIGHTS ||
      head->cmsg_len != CMSG_LEN(sizeof(int)))
    return Fail(ErrorCode::kIo, "the workplace gives no folder");
  int file = -1;
  std::memcpy(&file, CMSG_DATA(head), sizeof(file));
  return OpenFile(file);
}

}  // namespace clawtrace::replay
