#include "capture/gather.h"

#include <fmt/core.h>
#include <glob.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <system_error>
#include <tuple>

#include "base/file.h"
#include "base/hash.h"
#include "base/text.h"
#include "capture/log_bytes.h"
#include "capture/sessions.h"
#include "capture/sqlite_reader.h"
#include "capture/unzip.h"

namespace clawtrace::capture {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kMaxStandardInput = uint64_t{1} << 30;
// A log of lines tells what it is in its first few; the whole head is looked at only where they do not.
constexpr size_t kFirstLook = size_t{8} << 10;

std::string UnitKey(const Importer* importer, const std::string& path, std::string_view head) {
  return importer && importer->unit_key ? importer->unit_key(UnzippedName(path), head) : "";
}

// The first whole lines of a head that begins with a record on a line of its own; "" for any other.
std::string_view FirstLines(std::string_view head) {
  std::string_view start = head.substr(0, kFirstLook);
  size_t first = start.find('\n'), last = start.rfind('\n');
  if (first == std::string_view::npos) return {};
  std::string_view line = Trim(start.substr(0, first));
  return line.starts_with('{') && line.ends_with('}') ? start.substr(0, last + 1) : std::string_view{};
}

// Whose log these lines begin, if they alone decide that and which unit the file belongs to.
const Importer* SniffFirstLines(std::string_view lines) {
  const Importer* importer = lines.empty() ? nullptr : SniffImporter(lines);
  bool keyed = importer && importer->unit_key;
  return keyed && UnitKey(importer, "-", lines) == UnitKey(importer, "-", {}) ? nullptr : importer;
}

bool ReadAll(int fd, std::string* out) {
  std::string& bytes = *out;
  std::array<char, 65536> block;
  while (bytes.size() < kMaxStandardInput) {
    ssize_t n = ::read(fd, block.data(), block.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return false;
    if (n == 0) break;
    bytes.append(block.data(), static_cast<size_t>(n));
  }
  return true;
}

// Of a file that has no short line.
constexpr size_t kLongHead = size_t{8} << 20;

// The first complete lines that are not huge: a log may begin with a prompt of megabytes, and what tells its
// format stands in the lines around it.
struct ShortLines {
  static constexpr size_t kShort = size_t{512} << 10, kEnough = kHeadBytes;
  static constexpr uint64_t kMaxScanned = uint64_t{512} << 20;
  std::string lines;

  // False: it is enough.
  bool Take(std::string_view rest) {
    scanned_ += rest.size();
    while (!rest.empty() && lines.size() < kEnough) {
      size_t end = rest.find('\n');
      if (!dropping_) line_.append(rest.substr(0, std::min(end, kShort + 1)));
      if (line_.size() > kShort) dropping_ = true, line_.clear();
      if (end == std::string_view::npos) break;
      if (!dropping_) lines.append(line_).push_back('\n');
      line_.clear(), dropping_ = false;
      rest.remove_prefix(end + 1);
    }
    return lines.size() < kEnough && scanned_ < kMaxScanned;
  }

 private:
  std::string line_;
  bool dropping_ = false;
  uint64_t scanned_ = 0;
};

// Walks what the user named once, each real file and folder one time whatever links lead to it.
class Walker {
 public:
  Walker(Plan* plan, FileMemory* memory) : plan_(*plan), memory_(memory) {}

  void Add(const std::string& argument) {
    if (argument == "-") return AddStandardInput();
    struct stat info{};
    if (::stat(argument.c_str(), &info) == 0) return Visit(argument, true);
    int error = errno;
    if (argument.find_first_of("*?[") != std::string::npos && AddGlob(argument)) return;
    std::string reason = error == ELOOP ? "symbolic link loop" : std::generic_category().message(error);
    plan_.unusable.push_back({argument, reason, true});
  }

  std::map<std::string, Unit>& units() { return units_; }
  // Files that are no log and describe none.
  int64_t unrecognised_files() const {
    return std::count_if(unrecognised_.begin(), unrecognised_.end(),
                         [&](const std::string& path) { return !sidecars_.contains(path); });
  }

 private:
  void AddStandardInput() {
    auto unusable = [&](std::string reason) { plan_.unusable.push_back({"-", std::move(reason), true}); };
    if (!ReadAll(STDIN_FILENO, &plan_.standard_input)) return unusable("cannot read standard input");
    if (auto unzipped = Unzip(&plan_.standard_input, kMaxStandardInput); !unzipped)
      unusable(unzipped.error().message);
    if (plan_.standard_input.size() >= kMaxStandardInput)
      unusable("standard input beyond 1 GiB was not read: name the file instead");
    std::string_view all = plan_.standard_input, head = all.substr(0, kHeadBytes);
    if (IsSqliteHead(head)) return unusable("a database cannot be read from standard input: name its file");
    if (const Importer* importer = SniffFirstLines(FirstLines(head)))
      return Classify({"-", importer, plan_.standard_input.size(), false, {}}, FirstLines(head), true);
    const Importer* importer = SniffImporter(head);
    if (!importer && all.size() > head.size()) {
      ShortLines lines;
      lines.Take(all);
      sample_ = std::move(lines.lines);
      head = sample_;
      importer = SniffImporter(head);
    }
    Classify({"-", importer, plan_.standard_input.size(), false, {}}, head, true);
  }

  bool AddGlob(const std::string& pattern) {
    glob_t found{};
    bool ok = ::glob(pattern.c_str(), GLOB_NOSORT, nullptr, &found) == 0;
    for (size_t i = 0; ok && i < found.gl_pathc; ++i) Visit(found.gl_pathv[i], false);
    ::globfree(&found);
    return ok;
  }

  void Visit(const std::string& path, bool named) {
    struct stat info{};
    if (::stat(path.c_str(), &info) != 0) {
      plan_.unusable.push_back(
          {path, errno == ELOOP ? "symbolic link loop" : std::generic_category().message(errno), named});
      return;
    }
    if (!seen_.emplace(info.st_dev, info.st_ino).second) return;
    if (S_ISDIR(info.st_mode))
      VisitFolder(path, named);
    else if (S_ISREG(info.st_mode))
      VisitFile(path, info, named);
    else if (named)
      plan_.unusable.push_back({path, "not a regular file", true});
  }

  void VisitFolder(const std::string& path, bool named) {
    std::error_code error;
    fs::directory_iterator it(path, error);
    if (error) {
      plan_.unusable.push_back({path, error.message(), named});
      return;
    }
    std::vector<std::string> entries;
    for (; !error && it != fs::directory_iterator(); it.increment(error))
      entries.push_back(it->path().string());
    if (error) plan_.unusable.push_back({path, error.message(), named});
    std::sort(entries.begin(), entries.end());
    for (const std::string& entry : entries) Visit(entry, false);
  }

  static LogStamp StampOf(const struct stat& info) {
    return {info.st_dev, info.st_ino, static_cast<uint64_t>(info.st_size),
            int64_t{info.st_mtim.tv_sec} * 1'000'000'000 + info.st_mtim.tv_nsec,
            int64_t{info.st_ctim.tv_sec} * 1'000'000'000 + info.st_ctim.tv_nsec};
  }

  void VisitFile(const std::string& path, const struct stat& info, bool named) {
    LogStamp stamp = StampOf(info);
    auto known = memory_ ? memory_->Find(path, stamp) : std::nullopt;
    if (known && known->importer)
      return AddFile({path, known->importer, stamp.size, false, stamp}, known->unit_key);
    if (known && !named) {
      unrecognised_.insert(path);
      return;
    }
    OpenFile(path, stamp, named);
  }

  void OpenFile(const std::string& path, const LogStamp& stamp, bool named) {
    auto file = LogFile::Open(path);
    auto opened = file ? file->Head(kFirstLook) : std::unexpected(file.error());
    if (opened) {
      std::string_view lines = FirstLines(*opened);
      if (const Importer* importer = SniffFirstLines(lines))
        return Classify({path, importer, stamp.size, false, stamp}, lines, named);
      if (opened->size() == kFirstLook) opened = file->Head(kHeadBytes);
    }
    if (!opened) {
      plan_.unusable.push_back({path, opened.error().message, named});
      return;
    }
    head_ = std::move(*opened);
    if (IsSqliteHead(head_)) return VisitDatabase(path, stamp, named);
    if (named && IsPartOfDatabase(path)) {
      plan_.unusable.push_back({path, "part of a database: name the database itself", true});
      return;
    }
    if (IsCompressedHead(head_)) head_ = LongHead(*file, kHeadBytes);
    if (IsSqliteHead(head_)) {
      plan_.unusable.push_back({path, "a compressed database: unpack it first", named});
      return;
    }
    std::string_view head = head_;
    if (const Importer* importer = SniffFirstLines(FirstLines(head)))
      return Classify({path, importer, stamp.size, false, stamp}, FirstLines(head), named);
    const Importer* importer = SniffImporter(head);
    if (!importer && Trim(head).starts_with('{') && head.size() == kHeadBytes) {
      ShortLines lines;
      std::ignore = file->Read([&](std::string_view block) { return lines.Take(block); });
      sample_ = lines.lines.empty() ? LongHead(*file, kLongHead) : std::move(lines.lines);
      head = sample_;
      importer = SniffImporter(head);
    }
    Classify({path, importer, stamp.size, false, stamp}, head, named);
  }

  // What SQLite keeps beside a database: read with it, never alone.
  static bool IsPartOfDatabase(const std::string& path) {
    for (std::string_view suffix : {"-wal", "-shm", "-journal"}) {
      struct stat info{};
      if (path.ends_with(suffix) && ::stat(path.substr(0, path.size() - suffix.size()).c_str(), &info) == 0)
        return true;
    }
    return false;
  }

  void VisitDatabase(const std::string& path, const LogStamp& stamp, bool named) {
    uint64_t bytes = stamp.size;
    for (const char* suffix : {"-wal", "-shm", "-journal"}) sidecars_.insert(path + suffix);
    struct stat log{};
    if (::stat((path + "-wal").c_str(), &log) == 0) bytes += static_cast<uint64_t>(log.st_size);
    auto importer = SniffDatabase(path);
    if (!importer)
      plan_.unusable.push_back({path, importer.error().message, named});
    else if (*importer)
      AddFile({path, *importer, bytes, true, stamp}, UnitKey(*importer, path, {}));
    else if (named)
      plan_.unusable.push_back({path, "a database of no known client", true});
    else
      unrecognised_.insert(path);
  }

  // The beginning of a file, whatever it holds.
  static std::string LongHead(const LogFile& file, size_t size) {
    std::string head;
    std::ignore = file.Read([&](std::string_view block) {
      head += block.substr(0, size - head.size());
      return head.size() < size;
    });
    return head;
  }

  static std::string NoLogBecause(std::string_view head) {
    std::string_view companion = CompanionOf(head);
    return companion.empty() ? "not a known session log" : fmt::format("no session log: {}", companion);
  }

  void Classify(InputFile file, std::string_view head, bool named) {
    std::string key = UnitKey(file.importer, file.path, head);
    if (memory_ && file.path != "-") memory_->Learn(file.path, file.stamp, {file.importer, key});
    if (file.importer || (named && file.bytes == 0)) return AddFile(std::move(file), key);
    if (named)
      plan_.unusable.push_back({file.path, NoLogBecause(head), true});
    else
      unrecognised_.insert(file.path);
  }

  void AddFile(InputFile file, const std::string& key) {
    const Importer* importer = file.importer;
    const std::string& path = file.path;
    if (importer && importer->sidecar_path) {
      std::string sidecars = importer->sidecar_path(UnzippedName(path));
      for (std::string_view sidecar : Split(sidecars, '\n')) sidecars_.emplace(sidecar);
    }
    std::string full_key =
        importer ? fmt::format("{}\n{}", importer->name, key.empty() ? "\n" + path : key) : "\n\n" + path;
    Unit& unit = units_[full_key];
    unit.importer = importer;
    unit.bytes += file.bytes;
    unit.files.push_back(std::move(file));
  }

  Plan& plan_;
  FileMemory* memory_;
  std::map<std::string, Unit> units_;
  std::set<std::pair<dev_t, ino_t>> seen_;
  std::set<std::string> unrecognised_, sidecars_;
  std::string head_, sample_;
};

// Facts of one unit, and for each file which session it first spoke of.
class UnitSink final : public FactSink {
 public:
  void StartFile(const std::string& path) { path_ = path, first_session_.reset(); }
  void Add(Fact&& fact) override {
    if (!first_session_) first_session_ = fact.session_id;
    facts.push_back(std::move(fact));
  }
  void Skip(int64_t line, int64_t offset, std::string_view reason) override {
    pending_.push_back({path_, line, offset, std::string(reason)});
  }
  void EndSession() override {
    auto& list = first_session_ ? skipped.by_session[*first_session_] : skipped.orphaned;
    list.insert(list.end(), pending_.begin(), pending_.end());
    pending_.clear();
    first_session_.reset();
  }

  std::vector<Fact> facts;
  SkippedPlaces skipped;

 private:
  std::string path_;
  std::optional<std::string> first_session_;
  std::vector<Skipped> pending_;
};

std::string Sidecar(const InputFile& file) {
  if (!file.importer->sidecar_path || file.path == "-") return {};
  constexpr uint64_t kMaxSidecar = uint64_t{1} << 20;
  std::string paths = file.importer->sidecar_path(UnzippedName(file.path));
  for (std::string_view path : Split(paths, '\n')) {
    if (path.empty()) continue;
    if (auto bytes = ReadFile(std::string(path), kMaxSidecar)) return std::move(*bytes);
  }
  return {};
}

std::string_view WhyCutShort(ErrorCode code) {
  return code == ErrorCode::kLimit         ? "compressed-too-large"
         : code == ErrorCode::kCorruptData ? "compressed-damaged"
                                           : "unreadable";
}

Status ReadLog(const InputFile& file, const Plan& plan, bool usage_only, FactSink* sink,
               const std::function<void(uint64_t)>& on_bytes) {
  FileContext context{std::string(UnzippedName(file.path)), Sidecar(file), usage_only};
  auto reader = file.importer->open(context, sink);
  auto feed = [&](std::string_view bytes) {
    reader->Feed(bytes);
    return true;
  };
  Status status;
  if (file.path == "-")
    feed(plan.standard_input);
  else if (auto log = LogFile::Open(file.path))
    status = log->Read(feed, on_bytes);
  else
    status = std::unexpected(log.error());
  reader->Finish();
  if (!status) sink->Skip(0, 0, WhyCutShort(status.error().code));
  return status;
}

// A file that holds no usable fact still gives a card that says so.
Session EmptySession(const Unit& unit, std::vector<Skipped> skipped) {
  Session session;
  const std::string& path = unit.files.front().path;
  session.id = path == "-" ? "stdin" : fs::path(UnzippedName(path)).stem().string();
  session.source = unit.importer ? std::string(unit.importer->name) : "unknown";
  session.notes = {"no_model_call", "no_usable_record"};
  session.skipped = std::move(skipped);
  return session;
}

}  // namespace

Plan PlanInputs(const std::vector<std::string>& paths, FileMemory* memory) {
  Plan plan;
  Walker walker(&plan, memory);
  for (const std::string& path : paths) walker.Add(path);
  plan.unrecognised_files = walker.unrecognised_files();
  for (auto& [key, unit] : walker.units()) {
    std::sort(unit.files.begin(), unit.files.end(),
              [](const InputFile& a, const InputFile& b) { return a.path < b.path; });
    plan.units.push_back(std::move(unit));
  }
  std::sort(plan.units.begin(), plan.units.end(), [](const Unit& a, const Unit& b) {
    return a.bytes != b.bytes ? a.bytes > b.bytes : a.files.front().path < b.files.front().path;
  });
  return plan;
}

std::vector<std::string> KnownRoots(const std::string& home) {
  std::vector<std::string> roots;
  for (const Importer* importer : Importers()) {
    for (std::string_view root : Split(importer->default_root, ',')) {
      if (Trim(root).empty()) continue;
      std::string path = home + "/" + std::string(Trim(root));
      std::error_code error;
      if (fs::is_directory(path, error)) roots.push_back(path);
    }
  }
  return roots;
}

Status ReadFacts(const InputFile& file, const Plan& plan, FactSink* sink,
                 const std::function<void(uint64_t)>& on_bytes, bool usage_only) {
  Status status = file.database ? file.importer->read_database({file.path, Sidecar(file), usage_only}, sink)
                                : ReadLog(file, plan, usage_only, sink, on_bytes);
  if (file.database && on_bytes) on_bytes(file.bytes);
  sink->EndSession();
  return status;
}

uint64_t SidecarKey(const InputFile& file) {
  if (!file.importer || !file.importer->sidecar_path || file.path == "-") return 0;
  uint64_t key = 0;
  std::string sidecars = file.importer->sidecar_path(UnzippedName(file.path));
  for (std::string_view sidecar : Split(sidecars, '\n')) {
    struct stat info{};
    if (sidecar.empty() || ::stat(std::string(sidecar).c_str(), &info) != 0) continue;
    key = Hash64(sidecar, key);
    for (int64_t part : {int64_t{info.st_size}, int64_t{info.st_mtim.tv_sec}, int64_t{info.st_mtim.tv_nsec}})
      key = Hash64({reinterpret_cast<const char*>(&part), sizeof part}, key);
  }
  return key;
}

UnitResult ReadUnit(const Unit& unit, const Plan& plan, const std::function<void(uint64_t)>& on_bytes) {
  const Unit* one = &unit;
  return ReadUnits({&one, 1}, plan, on_bytes);
}

namespace {

// whole: nullptr when the start of a text is enough.
UnitResult ReadAll(std::span<const Unit* const> units, const Plan& plan,
                   const std::function<void(uint64_t)>& on_bytes, bool usage_only, WholeTexts* whole) {
  UnitResult result;
  UnitSink all;
  for (const Unit* unit : units) {
    if (!unit->importer) continue;
    // A guess that is right for most logs; memory that is not used is never touched.
    constexpr uint64_t kBytesPerFact = 2048, kMostFacts = uint64_t{1} << 20;
    all.facts.reserve(all.facts.size() +
                      static_cast<size_t>(std::min(unit->bytes / kBytesPerFact, kMostFacts)));
    for (const InputFile& file : unit->files) {
      all.StartFile(file.path);
      WholeTextSink learning(&all, whole);
      FactSink* sink = whole ? static_cast<FactSink*>(&learning) : &all;
      if (Status status = ReadFacts(file, plan, sink, on_bytes, usage_only); !status)
        result.unusable.push_back({file.path, status.error().message, false});
    }
  }
  result.sessions = SessionsOf(std::move(all.facts), &all.skipped);
  if (result.sessions.empty())
    result.sessions.push_back(EmptySession(*units.front(), std::move(all.skipped.orphaned)));
  return result;
}

}  // namespace

UnitResult ReadUnits(std::span<const Unit* const> units, const Plan& plan,
                     const std::function<void(uint64_t)>& on_bytes, bool usage_only) {
  return ReadAll(units, plan, on_bytes, usage_only, nullptr);
}

UnitResult ReadWholeUnits(std::span<const Unit* const> units, const Plan& plan,
                          const std::function<void(uint64_t)>& on_bytes) {
  WholeTexts whole;
  UnitResult result = ReadAll(units, plan, on_bytes, false, &whole);
  for (Session& session : result.sessions) whole.Fill(&session);
  return result;
}

}  // namespace clawtrace::capture
