#include "llm/journal.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/doc_writer.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/text.h"
#include "llm/cassette.h"
#include "llm/providers/wire.h"
#include "model/archive.h"

namespace clawtrace::llm {
namespace {

constexpr std::string_view kSchema = "journal/1";
constexpr size_t kSumDigits = 16;

std::string LineOf(std::string_view json) { return fmt::format("{} {}\n", HexOf(Hash64(json)), json); }

// The record of a line, nullopt when it is not as it was written.
std::optional<std::string_view> RecordOf(std::string_view line) {
  if (line.size() <= kSumDigits || line[kSumDigits] != ' ') return std::nullopt;
  std::string_view json = line.substr(kSumDigits + 1);
  if (HexOf(Hash64(json)) != line.substr(0, kSumDigits)) return std::nullopt;
  return json;
}

std::string FirstLine(bool compatible) {
  DocWriter out(DocWriter::Format::kJson);
  out.BeginObject();
  out.Field("kind", "journal"), out.Field("schema", kSchema);
  if (compatible) out.Key("compatible"), out.Bool(true);
  out.EndObject();
  return out.Take();
}

Status WriteAll(int file, std::string_view bytes) {
  while (!bytes.empty()) {
    ssize_t written = ::write(file, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return Fail(ErrorCode::kIo, fmt::format("the journal: {}", std::strerror(errno)));
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  return {};
}

// As it will be read again, so that what is made of an answer is the same now and then.
Sent Kept(Sent sent) {
  if (sent) sent->body = ReplaceInvalidUtf8(sent->body);
  return sent;
}

}  // namespace

// A transport of one job.
class JobTransport final : public Transport {
 public:
  JobTransport(Journal& journal, std::string job, const Provider& provider, Transport* outside)
      : journal_(journal), job_(std::move(job)), provider_(provider), outside_(outside) {}

  bool Knows(const WireRequest& request) const override {
    return journal_.Find(NextPlace(request)) != nullptr;
  }

  Sent Send(const WireRequest& request) override {
    Journal::Place place = NextPlace(request);
    ++sent_[place.hash];
    if (const Sent* known = journal_.Find(place)) return *known;
    if (!outside_)
      return std::unexpected(
          ErrorOf(CallErrorKind::kCassetteMiss, "what was recorded does not hold this request"));
    if (Status put = journal_.PutAsked(place, request.most_usd); !put) return NotKept(put.error());
    Sent sent = Kept(outside_->Send(request));
    if (Status put = journal_.PutAnswer(place, sent); !put) return NotKept(put.error());
    return sent;
  }

 private:
  static Sent NotKept(const Error& error) {
    return std::unexpected(ErrorOf(CallErrorKind::kTransport, error.message));
  }
  Journal::Place NextPlace(const WireRequest& request) const {
    std::string hash = RequestHash(provider_, request);
    auto found = sent_.find(hash);
    int64_t n = found == sent_.end() ? 1 : found->second + 1;
    return {.job = job_, .hash = std::move(hash), .n = n};
  }

  Journal& journal_;
  std::string job_;
  const Provider& provider_;
  Transport* outside_;
  std::map<std::string, int64_t> sent_;
};

Result<std::unique_ptr<Journal>> Journal::Open(const std::string& path, Mode mode, bool compatible) {
  constexpr mode_t kOwnersAlone = 0600;
  std::unique_ptr<Journal> journal(new Journal);
  if (path.empty()) return journal;
  bool writes = mode == Mode::kContinue;
  journal->writes_ = writes;
  int flags = writes ? O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC : O_RDONLY | O_CLOEXEC;
  journal->file_ = ::open(path.c_str(), flags, kOwnersAlone);
  if (journal->file_ < 0)
    return Fail(errno == ENOENT ? ErrorCode::kNotFound : ErrorCode::kIo,
                fmt::format("{}: {}", path, std::strerror(errno)));
  if (writes && ::flock(journal->file_, LOCK_EX | LOCK_NB) != 0)
    return Fail(ErrorCode::kUnavailable, fmt::format("{} is being written to by another process", path),
                "wait for it, or name another journal");
  auto text = ReadFile(path, kMostCassetteBytes);
  if (!text) return std::unexpected(std::move(text.error()));
  size_t good = 0;
  CT_RETURN_IF_ERROR(journal->Load(*text, path, &good));
  if (!writes) return journal;
  if (journal->dropped_ && ::ftruncate(journal->file_, static_cast<off_t>(good)) != 0)
    return Fail(ErrorCode::kIo, fmt::format("{}: {}", path, std::strerror(errno)));
  if (good == 0) {
    journal->compatible_ = compatible;
    CT_RETURN_IF_ERROR(journal->Append(FirstLine(compatible), true));
  }
  return journal;
}

Journal::~Journal() {
  if (file_ >= 0) ::close(file_);
}

Status Journal::Load(std::string_view text, const std::string& path, size_t* good) {
  JsonParser parser;
  size_t number = 0;
  while (!text.empty()) {
    ++number;
    size_t end = text.find('\n');
    auto record = RecordOf(text.substr(0, end));
    bool is_last = end == text.npos || end + 1 == text.size();
    auto json = record && end != text.npos ? parser.Parse(*record) : Fail(ErrorCode::kCorruptData, "");
    bool taken = json && (number > 1 ? Add(*json) : (*json)["schema"].text() == kSchema);
    if (taken && number == 1) compatible_ = (*json)["compatible"].boolean().value_or(false);
    if (!taken && is_last && (number > 1 || end == text.npos)) {
      dropped_ = true;
      return {};
    }
    if (!taken)
      return Fail(ErrorCode::kCorruptData, fmt::format("{}:{} is no line of a journal", path, number),
                  "it was changed, or is another kind of file");
    *good += end + 1;
    text.remove_prefix(end + 1);
  }
  return {};
}

// False: this is no record.
bool Journal::Add(Json record) {
  std::string_view kind = record["kind"].text();
  std::string job(record["job"].text());
  if (kind == "done") {
    if (!record["result"].is_string()) return false;
    done_[job] = record["result"].text();
    return true;
  }
  Place place{.job = job, .hash = std::string(record["hash"].text()), .n = record["n"].integer().value_or(0)};
  if (place.hash.empty() || place.n < 1) return false;
  if (kind == "asked") {
    asked_[place] = earlier_.size();
    earlier_.push_back({.most_usd = Usd::Parse(record["most_usd"].text()), .sent = std::nullopt});
    return true;
  }
  constexpr int64_t kMostStatus = 999;
  auto status = record["status"].integer();
  auto asked = asked_.find(place);
  if (kind != "answered" || asked == asked_.end()) return false;
  Sent sent = std::unexpected(ErrorOf(CallErrorKind::kTransport, record["error"].text()));
  if (!record["error"].is_string()) {
    if (!status || *status < 0 || *status > kMostStatus || !record["response"].is_string()) return false;
    sent = WireReply{.status = static_cast<int>(*status),
                     .body = std::string(record["response"].text()),
                     .retry_after_s = record["retry_after_s"].integer().value_or(0)};
  }
  earlier_[asked->second].sent = sent;
  answers_.insert_or_assign(place, std::move(sent));
  return true;
}

const Sent* Journal::Find(const Place& place) const {
  std::lock_guard lock(mutex_);
  auto found = answers_.find(place);
  return found == answers_.end() ? nullptr : &found->second;
}

std::unique_ptr<Transport> Journal::ForJob(std::string job, const Provider& provider, Transport* outside) {
  return std::make_unique<JobTransport>(*this, std::move(job), provider, outside);
}

Status Journal::Append(const std::string& json, bool sync) {
  if (!writes_) return {};
  {
    std::lock_guard lock(mutex_);
    CT_RETURN_IF_ERROR(WriteAll(file_, LineOf(json)));
  }
  if (sync && ::fdatasync(file_) != 0)
    return Fail(ErrorCode::kIo, fmt::format("the journal: {}", std::strerror(errno)));
  return {};
}

Status Journal::PutAsked(const Place& place, const std::optional<Usd>& most) {
  DocWriter out(DocWriter::Format::kJson);
  out.BeginObject();
  out.Field("kind", "asked"), out.Field("job", place.job), out.Field("hash", place.hash);
  out.Field("n", place.n);
  if (most) out.Field("most_usd", most->ToDecimal());
  out.EndObject();
  return Append(out.Take(), false);
}

Status Journal::PutAnswer(const Place& place, const Sent& sent) {
  DocWriter out(DocWriter::Format::kJson);
  out.BeginObject();
  out.Field("kind", "answered"), out.Field("job", place.job), out.Field("hash", place.hash);
  out.Field("n", place.n);
  if (sent) {
    out.Field("status", sent->status), out.Field("response", sent->body);
    if (sent->retry_after_s > 0) out.Field("retry_after_s", sent->retry_after_s);
  } else {
    out.Field("error", sent.error().message);
  }
  out.EndObject();
  return Append(out.Take(), true);
}

std::optional<std::string> Journal::Done(const std::string& job) const {
  std::lock_guard lock(mutex_);
  auto found = done_.find(job);
  return found == done_.end() ? std::nullopt : std::optional(found->second);
}

Status Journal::PutDone(const std::string& job, std::string_view json) {
  DocWriter out(DocWriter::Format::kJson);
  out.BeginObject();
  out.Field("kind", "done"), out.Field("job", job), out.Field("result", json);
  out.EndObject();
  CT_RETURN_IF_ERROR(Append(out.Take(), true));
  std::lock_guard lock(mutex_);
  done_[job] = json;
  return {};
}

}  // namespace clawtrace::llm
