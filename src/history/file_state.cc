#include "history/file_state.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "base/hash.h"
#include "model/pack_archive.h"

namespace clawtrace::history {
namespace {

// Of a file that was read without and with the records of its facts.
constexpr int64_t kFactsOnly = 1, kWithRecords = 2;
constexpr uint64_t kHead = uint64_t{64} << 10, kTail = uint64_t{4} << 10;

// Fixed width: hashes do not pack.
struct Row {
  uint32_t session;
  uint32_t place;
  uint64_t thing, content;
};

std::string RowsOf(const std::vector<Said>& list) {
  std::string bytes;
  bytes.reserve(list.size() * sizeof(Row));
  for (const Said& said : list) {
    Row row{said.session, said.place ? 1U : 0U, said.thing, said.content};
    bytes.append(reinterpret_cast<const char*>(&row), sizeof row);
  }
  return bytes;
}

bool ReadRows(std::string_view bytes, size_t sessions, std::vector<Said>* list) {
  if (bytes.size() % sizeof(Row) != 0) return false;
  for (; !bytes.empty(); bytes.remove_prefix(sizeof(Row))) {
    Row row;
    std::memcpy(&row, bytes.data(), sizeof row);
    if (row.session >= sessions) return false;
    list->push_back({row.session, row.place != 0, row.thing, row.content});
  }
  return true;
}

struct Packed {
  FileState state;
  int64_t version = kFactsOnly;
  std::string said, dropped;
};
template <class A>
void Describe(A& a, Packed& p) {
  FileState& s = p.state;
  auto companions = static_cast<int64_t>(s.companions), tail = static_cast<int64_t>(s.tail_hash);
  a.Field("", p.version), a.Field("", s.importer), a.Field("", s.unit_key), a.Field("", s.complete);
  a.Field("", s.database), a.Field("", s.changed_ns), a.Field("", companions), a.Field("", tail);
  a.Field("", s.sessions), a.Field("", p.said), a.Field("", p.dropped);
  s.companions = static_cast<uint64_t>(companions), s.tail_hash = static_cast<uint64_t>(tail);
}

uint64_t HashRange(int fd, uint64_t from, uint64_t until) {
  std::string bytes(static_cast<size_t>(until - from), '\0');
  size_t got = 0;
  while (got < bytes.size()) {
    ssize_t n = ::pread(fd, bytes.data() + got, bytes.size() - got, static_cast<off_t>(from + got));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    got += static_cast<size_t>(n);
  }
  return Hash64(std::string_view(bytes).substr(0, got), until - from);
}

}  // namespace

void FileState::Settle() {
  for (auto* list : {&said, &dropped}) {
    std::ranges::sort(*list);
    auto repeated = std::ranges::unique(*list);
    list->erase(repeated.begin(), repeated.end());
  }
}

std::string PackState(const FileState& state) {
  Packed packed{state, state.records ? kWithRecords : kFactsOnly, RowsOf(state.said), RowsOf(state.dropped)};
  std::string bytes;
  PackWriter(&bytes).Put(packed);
  return bytes;
}

std::optional<FileState> UnpackState(std::string_view bytes) {
  PackReader reader(bytes);
  Packed packed;
  reader.Get(packed);
  if (!reader.good() || !reader.at_end()) return std::nullopt;
  if (packed.version != kFactsOnly && packed.version != kWithRecords) return std::nullopt;
  FileState& state = packed.state;
  state.records = packed.version == kWithRecords;
  if (!ReadRows(packed.said, state.sessions.size(), &state.said) ||
      !ReadRows(packed.dropped, state.sessions.size(), &state.dropped))
    return std::nullopt;
  return std::move(state);
}

capture::LogStamp StampOf(const store::SourcePosition& position, const FileState& state) {
  return {position.device, position.inode, position.size, position.modified_ns, state.changed_ns};
}

std::optional<Ends> EndsOf(const std::string& path, uint64_t size) {
  int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY);
  if (fd < 0) return std::nullopt;
  Ends ends;
  ends.head = HashRange(fd, 0, std::min(size, kHead));
  ends.tail = HashRange(fd, size - std::min(size, kTail), size);
  ::close(fd);
  return ends;
}

uint64_t CompanionsOf(const capture::InputFile& file) {
  uint64_t key = capture::SidecarKey(file);
  struct stat log{};
  if (!file.database || ::stat((file.path + "-wal").c_str(), &log) != 0) return key;
  for (int64_t part : {int64_t{log.st_size}, int64_t{log.st_mtim.tv_sec}, int64_t{log.st_mtim.tv_nsec}})
    key = Hash64({reinterpret_cast<const char*>(&part), sizeof part}, key);
  return key;
}

}  // namespace clawtrace::history
