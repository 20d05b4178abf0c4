#include "history/records.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <set>
#include <tuple>
#include <utility>

#include "base/hash.h"
#include "capture/redact_record.h"
#include "store/payloads.h"
#include "store/squeeze.h"

namespace clawtrace::history {
namespace {

// A record may tell of several sessions; more than this many do not get it.
constexpr size_t kMostHomes = 8;
constexpr size_t kLongestId = 4096;

std::unexpected<Error> Gone() { return Fail(ErrorCode::kNotFound, "the record is not at hand any more"); }

Result<std::string> ReadAt(const std::string& path, int64_t offset, size_t size) {
  int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY);
  if (fd < 0) return Gone();
  std::string bytes(size, '\0');
  size_t got = 0;
  while (got < size) {
    ssize_t n =
        ::pread(fd, bytes.data() + got, size - got, static_cast<off_t>(offset) + static_cast<off_t>(got));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    got += static_cast<size_t>(n);
  }
  ::close(fd);
  if (got < size) return Gone();
  return bytes;
}

bool CanName(const Fact& fact) {
  return fact.id.size() <= kLongestId && fact.id.find('\0') == std::string::npos;
}

}  // namespace

void RecordKeeper::StartFile(std::string path) {
  path_ = std::move(path);
  kept_.clear(), held_ = 0;
  FromRecord({}, -1);
}

void RecordKeeper::FromRecord(std::string_view bytes, int64_t offset) {
  bytes_ = bytes, element_ = Json(), offset_ = offset;
  id_ = 0;
  homes_.clear();
  named_.assign(1, 0);
}

void RecordKeeper::FromElement(Json element) {
  FromRecord({}, -1);
  element_ = element;
}

capture::KeptRecord RecordKeeper::KeepRecord() {
  if (id_ != 0 || (!element_ && bytes_.empty())) return id_;
  Kept kept;
  if (offset_ >= 0 && !path_.empty()) {
    kept.offset = offset_, kept.size = bytes_.size(), kept.hash = Hash64(bytes_);
  } else {
    auto record = BytesOf(0);
    if (!record) return 0;
    kept.size = record->size();
    kept.squeezed = store::Squeeze(*record, store::kWarm);
    if (held_ + kept.squeezed.size() > kMostHeld) return 0;
    held_ += kept.squeezed.size();
  }
  kept.homes = homes_;
  kept_.push_back(std::move(kept));
  id_ = std::ssize(kept_);
  named_.assign(1, id_);
  return id_;
}

void RecordKeeper::FromKept(std::span<const capture::KeptRecord> records) {
  FromRecord({}, -1);
  named_.clear();
  for (capture::KeptRecord id : records) {
    if (id != 0 && std::ranges::find(named_, id) == named_.end()) named_.push_back(id);
  }
}

Result<std::string> RecordKeeper::Read(const Kept& kept) const {
  if (kept.offset < 0) return store::Unsqueeze(kept.squeezed, kept.size);
  auto bytes = ReadAt(path_, kept.offset, kept.size);
  if (bytes && Hash64(*bytes) != kept.hash) return Gone();
  return bytes;
}

Result<std::string> RecordKeeper::BytesOf(capture::KeptRecord id) const {
  // What is still in sight need not be read again.
  if (id != 0 && id != id_) return Read(kept_[static_cast<size_t>(id) - 1]);
  if (element_) return element_.Canonical();
  if (bytes_.empty()) return Gone();
  return std::string(bytes_);
}

bool RecordKeeper::Keep(const Fact& fact, std::vector<store::Payload>* payloads, size_t* bytes) {
  if (named_.empty() || !CanName(fact)) return false;
  bool all = true;
  for (capture::KeptRecord id : named_) all = KeepOne(fact, id, payloads, bytes) && all;
  return all;
}

bool RecordKeeper::KeepOne(const Fact& fact, capture::KeptRecord id, std::vector<store::Payload>* payloads,
                           size_t* bytes) {
  std::vector<Home>& homes = id == 0 ? homes_ : kept_[static_cast<size_t>(id) - 1].homes;
  store::Payload payload{fact.source, fact.session_id, fact.id, "", ""};
  auto home = std::ranges::find_if(
      homes, [&](const Home& h) { return h.session == fact.session_id && h.source == fact.source; });
  if (home != homes.end()) {
    if (home->id == fact.id) return true;
    payload.part = kRecordOf;
    payload.bytes = home->name + home->id;
  } else {
    if (homes.size() >= kMostHomes) return false;
    auto record = BytesOf(id);
    if (!record || record->empty()) return false;
    if (redactor_) capture::RedactRecord(*redactor_, &*record);
    if (record->size() > store::kMaxPayload) return false;
    homes.push_back({fact.source, fact.session_id, fact.id, HexOf(Hash64(*record))});
    payload.part = kRecord;
    payload.bytes = std::move(*record);
  }
  *bytes += payload.bytes.size() + 200;
  payloads->push_back(std::move(payload));
  return true;
}

namespace {

constexpr size_t kNameSize = 16;  // of a record, before the id

// Puts the records in place of what names them.
Status Follow(store::Store& store, std::string_view tenant, const std::string& session_id,
              std::vector<store::Payload>* payloads) {
  std::vector<store::Payload> found;
  for (store::Payload& payload : *payloads) {
    if (payload.part != kRecordOf || payload.bytes.size() < kNameSize) {
      found.push_back(std::move(payload));
      continue;
    }
    auto there = store.ReadPayloads(tenant, session_id, payload.bytes.substr(kNameSize));
    if (!there) return std::unexpected(std::move(there.error()));
    for (store::Payload& record : *there) {
      bool it = record.part == kRecord && record.source == payload.source &&
                HexOf(Hash64(record.bytes)) == std::string_view(payload.bytes).substr(0, kNameSize);
      if (!it) continue;
      record.id = payload.id;
      found.push_back(std::move(record));
    }
  }
  std::ranges::sort(found, {}, [](const store::Payload& p) { return std::tie(p.source, p.part, p.bytes); });
  auto repeated = std::ranges::unique(found);
  found.erase(repeated.begin(), repeated.end());
  *payloads = std::move(found);
  return {};
}

using Payloads = Result<std::vector<store::Payload>>;

Payloads ReadWhole(store::Store& store, std::string_view tenant, const std::string& session_id,
                   const std::string& id) {
  auto payloads = store.ReadPayloads(tenant, session_id, id);
  if (!payloads) return payloads;
  CT_RETURN_IF_ERROR(Follow(store, tenant, session_id, &*payloads));
  return payloads;
}

// Of facts that have the id only once they are resolved.
Payloads ReadResolved(store::Store& store, std::string_view tenant, const std::string& session_id,
                      const std::string& id, bool of_whole = false) {
  std::set<std::pair<std::string, std::string>> parts;
  std::string whole;  // what it is itself a part of: the other parts are told apart only when it is resolved
  auto read = store.ReadFacts(tenant, session_id, store::Scope::kFamily, [&](const Fact& fact) {
    const capture::Importer* importer = capture::FindImporter(fact.source);
    if (!importer || !importer->becomes) return true;
    if (importer->becomes(fact, id)) parts.emplace(fact.session_id, fact.id);
    if (fact.id == id) whole = fact.parent_node;
    return true;
  });
  if (!read) return std::unexpected(std::move(read.error()));
  if (parts.empty() && !whole.empty() && !of_whole)
    return ReadResolved(store, tenant, session_id, whole, true);
  std::vector<store::Payload> all;
  for (const auto& [session, part] : parts) {
    auto payloads = ReadWhole(store, tenant, session, part);
    if (!payloads) return payloads;
    for (store::Payload& payload : *payloads) {
      payload.id = id;
      all.push_back(std::move(payload));
    }
  }
  return all;
}

}  // namespace

Payloads ReadPayloads(store::Store& store, std::string_view tenant, const std::string& session_id,
                      const std::string& id) {
  auto payloads = ReadWhole(store, tenant, session_id, id);
  if (!payloads || !payloads->empty()) return payloads;
  auto family = store.ReadFacts(tenant, session_id, store::Scope::kFamily, [](const Fact&) { return false; });
  if (!family) return std::unexpected(std::move(family.error()));
  for (const std::string& each : family->session_ids) {
    payloads = ReadWhole(store, tenant, each, id);
    if (!payloads || !payloads->empty()) return payloads;
  }
  return ReadResolved(store, tenant, session_id, id);
}

}  // namespace clawtrace::history
