#include "store/sqlite_store.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <future>

#include "base/sha256.h"
#include "store/append.h"
#include "store/check.h"
#include "store/facts.h"
#include "store/readers.h"
#include "store/remove.h"
#include "store/schema.h"
#include "store/search.h"
#include "store/summaries.h"
#include "store/totals.h"

namespace clawtrace::store {
namespace {

constexpr size_t kMinSecret = 16;
constexpr int64_t kNobody = INT64_MIN;

class SqliteStore final : public Store {
 public:
  SqliteStore(Database writer, const SqliteOptions& options, std::string secret)
      : path_(options.path),
        vfs_(options.vfs),
        secret_(std::move(secret)),
        payloads_(&seen_),
        readers_(options.path, options.vfs),
        writer_(std::move(writer), OptionsOf(options)) {}

  void Append(Batch batch, OnAppended done) override {
    std::string salt = SaltOf(batch.tenant);
    auto count = [this, done = std::move(done)](Result<Appended> result) {
      appends_ += result.has_value();
      done(std::move(result));
    };
    if (auto job = PrepareAppend(std::move(batch), std::move(count), salt, seen_, &payloads_))
      writer_.Submit(std::move(job));
  }

  Result<FactsRead> ReadFacts(std::string_view tenant, std::string_view session_id, Scope scope,
                              const FactVisitor& visit) override {
    return Read(tenant, [&](Database& db, int64_t owner) -> Result<FactsRead> {
      auto session = FindSession(db, owner, session_id);
      if (!session) return std::unexpected(session.error());
      if (!*session) return FactsRead{};
      auto sequence = db.Number("SELECT value FROM meta WHERE name = 'sequence'");
      if (!sequence) return std::unexpected(sequence.error());
      auto read = ReadFactRows(db, **session, scope, visit);
      if (read) read->sequence = static_cast<uint64_t>(sequence->value_or(0));
      return read;
    });
  }

  Result<std::vector<Payload>> ReadPayloads(std::string_view tenant, std::string_view session_id,
                                            std::string_view id) override {
    return Read(tenant, [&](Database& db, int64_t owner) -> Result<std::vector<Payload>> {
      auto session = FindSession(db, owner, session_id);
      if (!session) return std::unexpected(session.error());
      if (!*session) return std::vector<Payload>();
      return ReadPayloadsOf(db, (*session)->id, session_id, id);
    });
  }

  Result<std::vector<SourcePosition>> Positions(std::string_view tenant) override {
    return Read(tenant, [&](Database& db, int64_t owner) -> Result<std::vector<SourcePosition>> {
      Statement rows = db.Prepare(
          "SELECT key, device, inode, size, modified_ns, at, head_hash, state FROM position WHERE tenant = ? "
          "ORDER BY key");
      rows.Bind(owner);
      std::vector<SourcePosition> positions;
      while (rows.Step()) {
        auto number = [&](int column) { return static_cast<uint64_t>(rows.Int(column)); };
        positions.push_back({std::string(rows.Text(0)), number(1), number(2), number(3), rows.Int(4),
                             number(5), number(6), std::string(rows.Blob(7))});
      }
      CT_RETURN_IF_ERROR(rows.ok());
      return positions;
    });
  }

  Result<std::vector<ChangedFamily>> ChangedFamilies(std::string_view tenant, int64_t quiet_since_ns,
                                                     int64_t limit) override {
    return Read(tenant, [&](Database& db, int64_t owner) -> Result<std::vector<ChangedFamily>> {
      Statement rows = db.Prepare(
          "SELECT (SELECT min(s.name) FROM session s WHERE s.family = f.id), f.touched_ns FROM family f "
          "WHERE f.tenant = ? AND f.stale = 1 AND f.touched_ns < ? ORDER BY f.touched_ns, 1 LIMIT ?");
      rows.Bind(owner).Bind(quiet_since_ns).Bind(std::max<int64_t>(limit, 0));
      std::vector<ChangedFamily> families;
      while (rows.Step()) families.push_back({std::string(rows.Text(0)), rows.Int(1)});
      CT_RETURN_IF_ERROR(rows.ok());
      return families;
    });
  }

  Result<bool> IsChanged(std::string_view tenant, std::string_view session_id) override {
    return Read(tenant, [&](Database& db, int64_t owner) -> Result<bool> {
      Statement row = db.Prepare(
          "SELECT f.stale FROM session s JOIN family f ON f.id = s.family WHERE s.tenant = ? AND s.name = ?");
      row.Bind(owner).Bind(session_id);
      bool found = row.Step();
      CT_RETURN_IF_ERROR(row.ok());
      if (!found) return Fail(ErrorCode::kNotFound, "there is no session " + std::string(session_id));
      return row.Int(0) != 0;
    });
  }

  Result<bool> PutCompiled(std::string_view tenant, const Compiled& compiled) override {
    return Write<bool>([&](WriteScope& scope) { return PutCompiledRows(scope, tenant, compiled); });
  }

  Result<int64_t> MarkStale(std::string_view tenant, std::string_view made_by) override {
    return Write<int64_t>([&](WriteScope& scope) -> Result<int64_t> {
      auto owner = scope.rows.Tenant(tenant);
      auto maker = scope.rows.String(made_by);
      if (!owner || !maker) return owner ? maker : owner;
      Statement mark = scope.db.Prepare(
          "UPDATE family SET stale = 1 WHERE tenant = ? AND stale = 0 AND made_by IS NOT NULL AND made_by != "
          "?");
      CT_RETURN_IF_ERROR(mark.Bind(*owner).Bind(*maker).Run());
      return scope.db.changes();
    });
  }

  Result<std::vector<SessionCalls>> SessionsWithCalls(std::string_view tenant, std::string_view session_id,
                                                      std::span<const uint64_t> keys) override {
    return Read(tenant, [&](Database& db, int64_t owner) { return CallRows(db, owner, session_id, keys); });
  }

  Result<SessionList> ListSessions(std::string_view tenant, const ListRequest& request) override {
    return Read(tenant, [&](Database& db, int64_t owner) { return ListRows(db, owner, request); });
  }

  Result<std::vector<SessionSummary>> FindSessions(std::string_view tenant, std::string_view prefix,
                                                   int64_t limit) override {
    return Read(tenant, [&](Database& db, int64_t owner) { return FindRows(db, owner, prefix, limit); });
  }

  Result<std::string> ReadPage(std::string_view tenant, std::string_view session_id, std::string_view agent,
                               int64_t page) override {
    return Read(tenant,
                [&](Database& db, int64_t owner) { return ReadPageRow(db, owner, session_id, agent, page); });
  }

  Result<std::vector<DayTotal>> DayTotals(std::string_view tenant, int32_t from, int32_t until) override {
    return Read(tenant, [&](Database& db, int64_t owner) { return DayTotalRows(db, owner, from, until); });
  }

  Result<SearchResult> Search(std::string_view tenant, const SearchRequest& request) override {
    return Read(tenant, [&](Database& db, int64_t owner) { return SearchRows(db, owner, request); });
  }

  Result<int64_t> IndexText(int64_t limit) override {
    Result<Unindexed> rows =
        ReadAny([&](Database& db) { return FindUnindexed(db, std::max<int64_t>(limit, 0)); });
    if (!rows) return std::unexpected(std::move(rows.error()));
    CT_RETURN_IF_ERROR(writer_.Run([&](WriteScope& scope) { return IndexRows(scope, *rows); }));
    return rows->left;
  }

  Status PutDocument(std::string_view tenant, std::string_view collection, std::string_view key,
                     std::string_view bytes) override {
    return writer_.Run([&](WriteScope& scope) -> Status {
      auto owner = scope.rows.Tenant(tenant);
      if (!owner) return std::unexpected(owner.error());
      Statement put = scope.db.Prepare("INSERT OR REPLACE INTO document VALUES(?, ?, ?, ?)");
      return put.Bind(*owner).Bind(collection).Bind(key).BindBlob(bytes).Run();
    });
  }

  Result<std::string> GetDocument(std::string_view tenant, std::string_view collection,
                                  std::string_view key) override {
    return Read(tenant, [&](Database& db, int64_t owner) -> Result<std::string> {
      Statement find =
          db.Prepare("SELECT value FROM document WHERE tenant = ? AND collection = ? AND key = ?");
      if (find.Bind(owner).Bind(collection).Bind(key).Step()) return std::string(find.Blob(0));
      CT_RETURN_IF_ERROR(find.ok());
      return Fail(ErrorCode::kNotFound, "there is no such document");
    });
  }

  Result<std::vector<std::string>> DocumentKeys(std::string_view tenant,
                                                std::string_view collection) override {
    return Read(tenant, [&](Database& db, int64_t owner) -> Result<std::vector<std::string>> {
      Statement find =
          db.Prepare("SELECT key FROM document WHERE tenant = ? AND collection = ? ORDER BY key");
      find.Bind(owner).Bind(collection);
      std::vector<std::string> keys;
      while (find.Step()) keys.emplace_back(find.Text(0));
      CT_RETURN_IF_ERROR(find.ok());
      return keys;
    });
  }

  Result<bool> DeleteDocument(std::string_view tenant, std::string_view collection,
                              std::string_view key) override {
    return Write<bool>([&](WriteScope& scope) -> Result<bool> {
      auto owner = scope.rows.Tenant(tenant);
      if (!owner) return std::unexpected(owner.error());
      Statement drop =
          scope.db.Prepare("DELETE FROM document WHERE tenant = ? AND collection = ? AND key = ?");
      CT_RETURN_IF_ERROR(drop.Bind(*owner).Bind(collection).Bind(key).Run());
      return scope.db.changes() > 0;
    });
  }

  Result<Removed> Remove(std::string_view tenant, const RemoveRequest& request) override {
    return RemoveFamilies(readers_, writer_, tenant, request);
  }
  Result<bool> FinishRemovals(int64_t commits) override {
    return store::FinishRemovals(readers_, writer_, commits);
  }
  Result<CheckReport> Check() override {
    return ReadAny([&](Database& db) { return CheckRows(db); });
  }
  Status Backup(const std::string& path) override;
  Result<StoreStats> Stats() override;
  Result<StoreLoad> Load() override;
  Result<int64_t> Seal(int64_t unchanged_since_ns) override {
    return SealFamilies(readers_, writer_, unchanged_since_ns);
  }
  Status Vacuum() override { return GiveBack(readers_, writer_); }

 private:
  WriterOptions OptionsOf(const SqliteOptions& options) {
    WriterOptions made;
    made.path = options.path, made.vfs = options.vfs;
    made.commit_window_us = options.commit_window_us;
    made.max_waiting_bytes = options.max_waiting_bytes;
    made.log_pages = options.log_pages;
    made.on_forget = [this] { payloads_.Forget(); };
    made.on_recover = [this] { readers_.CloseAll(); };
    return made;
  }

  // What the file does not say.
  void AddOwn(StoreLoad* load) const;

  std::string SaltOf(std::string_view tenant) const {
    Sha256Digest salt = Sha256(secret_, tenant);
    return {salt.begin(), salt.end()};
  }

  template <class Query>  // Result<T>(Database&)
  auto ReadAny(Query&& query) -> decltype(query(std::declval<Database&>())) {
    auto lease = readers_.Take();
    if (!lease) return std::unexpected(std::move(lease.error()));
    return query(lease->db());
  }

  // Every read of a tenant's goes through here: query gets the number of that tenant, which no row of another
  // has; kNobody when it is not known.
  template <class Query>  // Result<T>(Database&, int64_t tenant)
  auto Read(std::string_view tenant, Query&& query) -> decltype(query(std::declval<Database&>(), int64_t{})) {
    return ReadAny([&](Database& db) -> decltype(query(db, int64_t{})) {
      auto owner = FindTenant(db, tenant);
      if (!owner) return std::unexpected(std::move(owner.error()));
      return query(db, owner->value_or(kNobody));
    });
  }

  template <class T>
  Result<T> Write(const std::function<Result<T>(WriteScope&)>& apply) {
    T value{};
    Status written = writer_.Run([&](WriteScope& scope) -> Status {
      auto result = apply(scope);
      if (!result) return std::unexpected(std::move(result.error()));
      value = std::move(*result);
      return {};
    });
    if (!written) return std::unexpected(std::move(written.error()));
    return value;
  }

  std::string path_, vfs_, secret_;
  std::atomic<int64_t> appends_{0};
  SeenTexts seen_;
  PayloadWriter payloads_;
  Readers readers_;
  Writer writer_;  // last: its thread uses what stands above
};

Status SyncPath(const std::string& path, int flags) {
  int fd = ::open(path.c_str(), flags | O_CLOEXEC);
  bool synced = fd >= 0 && ::fsync(fd) == 0;
  if (fd >= 0) ::close(fd);
  if (!synced) return Fail(ErrorCode::kUnavailable, "cannot write " + path + " to the disk");
  return {};
}

std::string FolderOf(const std::string& path) {
  std::string folder = std::filesystem::path(path).parent_path().string();
  return folder.empty() ? "." : folder;
}

Status SqliteStore::Backup(const std::string& path) {
  std::error_code failed;
  if (std::filesystem::exists(path, failed))
    return Fail(ErrorCode::kAlreadyExists, path + " is already there", "give the copy a name of its own");
  auto db = Database::Open(path_, vfs_, OpenAs::kWriter);
  if (!db) return std::unexpected(std::move(db.error()));
  // As a whole or not at all.
  std::string part = path + ".part";
  std::filesystem::remove(part, failed);
  int fd = ::open(part.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
  if (fd < 0) return Fail(ErrorCode::kIo, "cannot make " + part);
  ::close(fd);
  Status copied = db->Prepare("VACUUM INTO ?").Bind(std::string_view(part)).Run();
  if (copied) copied = SyncPath(part, O_RDONLY);
  if (copied && ::link(part.c_str(), path.c_str()) != 0)
    copied = Fail(ErrorCode::kAlreadyExists, path + " is already there", "give the copy a name of its own");
  std::filesystem::remove(part, failed);
  if (copied) copied = SyncPath(FolderOf(path), O_RDONLY | O_DIRECTORY);
  return copied;
}

void SqliteStore::AddOwn(StoreLoad* load) const {
  std::error_code failed;
  auto log = std::filesystem::file_size(path_ + "-wal", failed);
  load->log_bytes = failed ? 0 : static_cast<int64_t>(log);
  Writer::Counts counts = writer_.counts();
  load->commits = counts.commits, load->appends = appends_;
  load->appends_refused = counts.refused, load->recoveries = counts.recoveries;
}

Result<StoreStats> SqliteStore::Stats() {
  auto stats = ReadAny([&](Database& db) { return StatsOf(db); });
  if (stats) AddOwn(&*stats);
  return stats;
}

Result<StoreLoad> SqliteStore::Load() {
  auto load = ReadAny([&](Database& db) { return LoadOf(db); });
  if (load) AddOwn(&*load);
  return load;
}

// The file is the owner's alone from its first byte on, and its name is on the disk.
Status MakeFile(const std::string& path) {
  int fd = ::open(path.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600);
  if (fd < 0) return Fail(ErrorCode::kUnavailable, "cannot make " + path, "is its folder there, and yours?");
  ::close(fd);
  return SyncPath(FolderOf(path), O_RDONLY | O_DIRECTORY);
}

}  // namespace

Result<std::unique_ptr<Store>> OpenSqliteStore(const SqliteOptions& options) {
  std::error_code failed;
  bool usual_files = options.vfs.empty();
  if (usual_files && !std::filesystem::exists(options.path, failed)) {
    if (options.must_exist) return Fail(ErrorCode::kNotFound, "there is no store at " + options.path);
    CT_RETURN_IF_ERROR(MakeFile(options.path));
  }
  auto db =
      Database::Open(options.path, options.vfs, options.must_exist ? OpenAs::kWriter : OpenAs::kCreator);
  if (!db) return std::unexpected(std::move(db.error()));
  auto empty = db->Number("SELECT count(*) = 0 FROM sqlite_schema");
  if (!empty) return std::unexpected(std::move(empty.error()));
  if (*empty == 1 && options.secret.size() < kMinSecret)
    return Fail(ErrorCode::kInvalidInput, "a new store needs a secret of 16 random bytes or more");
  CT_RETURN_IF_ERROR(db->SetUpWriter());
  CT_RETURN_IF_ERROR(PrepareSchema(*db, options.secret));
  CT_RETURN_IF_ERROR(db->Execute("PRAGMA journal_mode=WAL"));  // a backup comes without
  std::string secret;
  {
    Statement find = db->Prepare("SELECT value FROM meta WHERE name = 'secret'");
    if (find.Step()) secret = find.Blob(0);
    CT_RETURN_IF_ERROR(find.ok());
  }
  return std::make_unique<SqliteStore>(std::move(*db), options, std::move(secret));
}

Result<Appended> AppendAndWait(Store& store, Batch batch) {
  std::promise<Result<Appended>> answer;
  store.Append(std::move(batch), [&](Result<Appended> result) { answer.set_value(std::move(result)); });
  return answer.get_future().get();
}

}  // namespace clawtrace::store
