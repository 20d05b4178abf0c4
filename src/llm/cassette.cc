#include "llm/cassette.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <deque>
#include <map>

#include "base/doc_writer.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/text.h"
#include "llm/providers/wire.h"
#include "model/archive.h"

namespace clawtrace::llm {
namespace {

std::string LineOf(const Provider& provider, const WireRequest& request, const Sent& sent) {
  DocWriter out(DocWriter::Format::kJson);
  out.BeginObject();
  out.Field("hash", RequestHash(provider, request));
  out.Field("provider", provider.name), out.Field("path", request.path), out.Field("request", request.body);
  if (sent)
    out.Field("status", sent->status), out.Field("response", sent->body);
  else
    out.Field("error", sent.error().message);
  out.EndObject();
  return out.Take() + "\n";
}

class Recording final : public Transport {
 public:
  Recording(int file, const Provider& provider, std::unique_ptr<Transport> inner)
      : file_(file), provider_(provider), inner_(std::move(inner)) {}
  ~Recording() override { ::close(file_); }
  Recording(const Recording&) = delete;
  Recording& operator=(const Recording&) = delete;

  Sent Send(const WireRequest& request) override {
    Sent sent = inner_->Send(request);
    std::string line = LineOf(provider_, request, sent);
    for (std::string_view rest = line; !rest.empty();) {
      ssize_t written = ::write(file_, rest.data(), rest.size());
      if (written < 0 && errno == EINTR) continue;
      if (written <= 0)
        return std::unexpected(
            ErrorOf(CallErrorKind::kTransport, "the answer could not be written to the cassette"));
      rest.remove_prefix(static_cast<size_t>(written));
    }
    return sent;
  }

 private:
  int file_;
  const Provider& provider_;
  std::unique_ptr<Transport> inner_;
};

class Replaying final : public Transport {
 public:
  explicit Replaying(const Provider& provider) : provider_(provider) {}

  // False: this is no record.
  bool Add(Json record) {
    std::string hash(record["hash"].text());
    auto status = record["status"].integer();
    constexpr int64_t kMostStatus = 999;
    if (hash.empty()) return false;
    if (record["error"].is_string()) {
      answers_[hash].push_back(std::unexpected(ErrorOf(CallErrorKind::kTransport, record["error"].text())));
      return true;
    }
    if (!status || *status < 0 || *status > kMostStatus || !record["response"].is_string()) return false;
    answers_[hash].push_back(
        WireReply{.status = static_cast<int>(*status), .body = std::string(record["response"].text())});
    return true;
  }

  Sent Send(const WireRequest& request) override {
    auto found = answers_.find(RequestHash(provider_, request));
    if (found == answers_.end())
      return std::unexpected(
          ErrorOf(CallErrorKind::kCassetteMiss, "the cassette does not hold this request"));
    if (found->second.empty())
      return std::unexpected(ErrorOf(CallErrorKind::kCassetteMiss,
                                     "the cassette holds this request less often than it is asked"));
    Sent sent = std::move(found->second.front());
    found->second.pop_front();
    return sent;
  }

 private:
  const Provider& provider_;
  std::map<std::string, std::deque<Sent>> answers_;
};

}  // namespace

std::string RequestHash(const Provider& provider, const WireRequest& request) {
  return Sha256Hex(fmt::format("{}\n{}\n{}", provider.name, request.path, request.body));
}

Result<std::unique_ptr<Transport>> RecordTo(const std::string& path, const Provider& provider,
                                            std::unique_ptr<Transport> inner) {
  constexpr mode_t kOwnersAlone = 0600;
  int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, kOwnersAlone);
  if (file < 0 && errno == EEXIST)
    return Fail(ErrorCode::kAlreadyExists, fmt::format("{} is there already", path),
                "name a new file, or leave out --record to answer from this one");
  if (file < 0)
    return Fail(ErrorCode::kIo, fmt::format("{}: {}", path, std::strerror(errno)), "can it be written?");
  return std::make_unique<Recording>(file, provider, std::move(inner));
}

Result<std::unique_ptr<Transport>> ReplayFrom(const std::string& path, const Provider& provider) {
  auto text = ReadFile(path, kMostCassetteBytes);
  if (!text) return std::unexpected(std::move(text.error()));
  auto replaying = std::make_unique<Replaying>(provider);
  JsonParser parser;
  size_t number = 0;
  for (std::string_view line : Split(*text, '\n')) {
    ++number;
    if (Trim(line).empty()) continue;
    auto record = parser.Parse(line);
    if (!record || !replaying->Add(*record))
      return Fail(ErrorCode::kCorruptData, fmt::format("{}:{} is no record of a cassette", path, number),
                  "was it cut off? a cassette is written by --record");
  }
  return replaying;
}

}  // namespace clawtrace::llm
