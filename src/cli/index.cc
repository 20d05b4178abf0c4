#include "cli/index.h"

#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <filesystem>

#include "base/file.h"
#include "base/hash.h"
#include "base/text.h"
#include "model/pack_archive.h"

namespace clawtrace::capture {

template <class A>
void Describe(A& a, LogStamp& s) {
  auto number = [&](uint64_t& value) {
    auto as_signed = static_cast<int64_t>(value);
    a.Field("", as_signed);
    value = static_cast<uint64_t>(as_signed);
  };
  number(s.device), number(s.inode), number(s.size), a.Field("", s.modified_ns), a.Field("", s.changed_ns);
}

}  // namespace clawtrace::capture

namespace clawtrace::cli {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kMostBytes = uint64_t{1} << 30;

// One entry of the stored form; which members count depends on the kind.
struct Row {
  bool is_file = false;
  std::string path, importer, unit_key, bytes;
  capture::LogStamp stamp;
  int64_t key = 0, depth = 0;
};

template <class A>
void Describe(A& a, Row& r) {
  a.Field("", r.is_file), a.Field("", r.path), a.Field("", r.importer), a.Field("", r.unit_key);
  a.Field("", r.stamp), a.Field("", r.key), a.Field("", r.depth), a.Field("", r.bytes);
}

uint64_t Mix(uint64_t seed, uint64_t number) {
  return Hash64({reinterpret_cast<const char*>(&number), sizeof number}, seed);
}

uint64_t HashOf(uint64_t seed, const capture::LogStamp& stamp) {
  for (uint64_t part : {stamp.device, stamp.inode, stamp.size, static_cast<uint64_t>(stamp.modified_ns),
                        static_cast<uint64_t>(stamp.changed_ns)})
    seed = Mix(seed, part);
  return seed;
}

std::string Absolute(const std::string& path) {
  std::error_code error;
  fs::path absolute = fs::absolute(path, error);
  return error ? path : absolute.string();
}

}  // namespace

Index::Index(std::string folder, std::string program)
    : folder_(std::move(folder)), program_(std::move(program)) {
  using std::chrono::nanoseconds;
  auto now = std::chrono::system_clock::now().time_since_epoch();
  started_ns_ = std::chrono::duration_cast<nanoseconds>(now).count();
  if (!folder_.empty()) Load();
}

void Index::Load() {
  auto bytes = ReadFile(folder_ + "/index", kMostBytes);
  if (!bytes || bytes->size() < sizeof(uint64_t)) return;
  std::string_view body = std::string_view(*bytes).substr(0, bytes->size() - sizeof(uint64_t));
  uint64_t sum = 0;
  bytes->copy(reinterpret_cast<char*>(&sum), sizeof sum, body.size());
  if (sum != Hash64(body)) return;
  PackReader reader(body);
  std::string program;
  reader.Get(program);
  if (program != program_) return;
  std::vector<Row> rows;
  reader.Get(rows);
  if (!reader.good()) return;
  for (Row& row : rows) {
    if (row.is_file)
      files_[row.path] = {row.stamp, std::move(row.importer), std::move(row.unit_key)};
    else
      summaries_[{static_cast<compile::Depth>(row.depth), row.path}] = {static_cast<uint64_t>(row.key),
                                                                        std::move(row.bytes)};
  }
}

bool Index::Settled(const capture::LogStamp& stamp) const {
  constexpr int64_t kSecond = 1'000'000'000;
  return std::max(stamp.modified_ns, stamp.changed_ns) < started_ns_ - kSecond;
}

std::optional<capture::FileMemory::Known> Index::Find(const std::string& path,
                                                      const capture::LogStamp& stamp) {
  auto found = files_.find(Absolute(path));
  if (found == files_.end() || found->second.stamp != stamp) return std::nullopt;
  const File& file = found->second;
  Known known{file.importer.empty() ? nullptr : capture::FindImporter(file.importer), file.unit_key};
  if (!known.importer && !file.importer.empty()) return std::nullopt;
  return known;
}

void Index::Learn(const std::string& path, const capture::LogStamp& stamp, const Known& known) {
  if (folder_.empty() || !Settled(stamp)) return;
  files_[Absolute(path)] = {stamp, known.importer ? std::string(known.importer->name) : std::string(),
                            known.unit_key};
  changed_ = true;
}

std::optional<uint64_t> Index::KeyOf(const capture::Unit& unit, std::string_view book) {
  uint64_t key = Hash64(book);
  for (const capture::InputFile& file : unit.files) {
    // What stands beside a database or comes through a pipe changes unseen.
    if (file.database || file.path == "-" || !file.importer) return std::nullopt;
    key = HashOf(Hash64(file.path, key), file.stamp);
    if (uint64_t sidecar = capture::SidecarKey(file)) key = Mix(key, sidecar);
  }
  return key;
}

std::optional<std::string_view> Index::Summary(const capture::Unit& unit, std::string_view book,
                                               compile::Depth depth) const {
  if (folder_.empty()) return std::nullopt;
  auto found = summaries_.find({depth, Absolute(unit.files.front().path)});
  if (found == summaries_.end() || KeyOf(unit, book) != found->second.key) return std::nullopt;
  return found->second.bytes;
}

void Index::Remember(const capture::Unit& unit, std::string_view book, compile::Depth depth,
                     std::string summary) {
  if (folder_.empty()) return;
  for (const capture::InputFile& file : unit.files) {
    if (!Settled(file.stamp)) return;
  }
  if (auto key = KeyOf(unit, book))
    fresh_[{depth, Absolute(unit.files.front().path)}] = {*key, std::move(summary)};
}

void Index::Save() {
  if (folder_.empty() || (!changed_ && fresh_.empty())) return;
  for (auto& [at, summary] : fresh_) summaries_[at] = std::move(summary);
  fresh_.clear();
  auto gone = [](const std::string& path) {
    struct stat info{};
    return ::stat(path.c_str(), &info) != 0;
  };
  std::erase_if(files_, [&](const auto& entry) { return gone(entry.first); });
  std::erase_if(summaries_, [&](const auto& entry) { return gone(entry.first.second); });
  std::vector<Row> rows;
  for (auto& [path, file] : files_)
    rows.push_back({true, path, file.importer, file.unit_key, {}, file.stamp, 0, 0});
  for (auto& [at, summary] : summaries_)
    rows.push_back({false,
                    at.second,
                    {},
                    {},
                    std::move(summary.bytes),
                    {},
                    static_cast<int64_t>(summary.key),
                    static_cast<int64_t>(at.first)});
  std::string bytes;
  PackWriter writer(&bytes);
  writer.Put(program_);
  writer.Put(rows);
  uint64_t sum = Hash64(bytes);
  bytes.append(reinterpret_cast<const char*>(&sum), sizeof sum);
  std::error_code error;
  // A folder that was there is somebody's, with rights of their choosing.
  if (fs::create_directories(folder_, error)) fs::permissions(folder_, fs::perms::owner_all, error);
  // A cache that cannot be written costs time, not truth.
  if (bytes.size() <= kMostBytes && WriteFileAtomically(folder_ + "/index", bytes))
    fs::permissions(folder_ + "/index", fs::perms::owner_read | fs::perms::owner_write, error);
  changed_ = false;
}

}  // namespace clawtrace::cli
