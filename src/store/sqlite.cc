#include "store/sqlite.h"

#include <fmt/core.h>
#include <sqlite3.h>

namespace clawtrace::store {
namespace {

constexpr int kBusyMilliseconds = 10'000;

std::unexpected<Error> Failed(sqlite3* db, int code) {
  std::string why = fmt::format("{} ({})", sqlite3_errmsg(db), sqlite3_extended_errcode(db));
  switch (code & 0xff) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return Fail(ErrorCode::kCorruptData, "damaged store: " + why);
    case SQLITE_FULL:
    case SQLITE_IOERR:
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_NOMEM:
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_PROTOCOL:
    case SQLITE_INTERRUPT:
      return Fail(ErrorCode::kUnavailable, "the store cannot be used now: " + why, "try again");
    case SQLITE_TOOBIG:
      return Fail(ErrorCode::kLimit, "too large for the store: " + why);
    default:
      return Fail(ErrorCode::kIo, "the store failed: " + why);
  }
}

}  // namespace

Statement::Statement(Statement&& other) noexcept
    : db_(other.db_),
      handle_(std::exchange(other.handle_, nullptr)),
      next_(other.next_),
      status_(std::move(other.status_)) {}

Statement::~Statement() {
  if (!handle_) return;
  sqlite3_reset(handle_);
  sqlite3_clear_bindings(handle_);
}

Statement& Statement::Check(int code) {
  if (code != SQLITE_OK && status_) status_ = Failed(db_, code);
  return *this;
}
Statement& Statement::Bind(int64_t value) {
  return handle_ ? Check(sqlite3_bind_int64(handle_, next_++, value)) : *this;
}
Statement& Statement::Bind(std::optional<int64_t> value) {
  if (value) return Bind(*value);
  return handle_ ? Check(sqlite3_bind_null(handle_, next_++)) : *this;
}
Statement& Statement::Bind(std::string_view text) {
  if (!handle_) return *this;
  return Check(sqlite3_bind_text64(handle_, next_++, text.empty() ? "" : text.data(), text.size(),
                                   SQLITE_STATIC, SQLITE_UTF8));
}
Statement& Statement::BindBlob(std::string_view bytes) {
  if (!handle_) return *this;
  if (bytes.empty()) return Check(sqlite3_bind_zeroblob(handle_, next_++, 0));
  return Check(sqlite3_bind_blob64(handle_, next_++, bytes.data(), bytes.size(), SQLITE_STATIC));
}

bool Statement::Step() {
  if (!handle_ && status_) status_ = Failed(db_, sqlite3_errcode(db_));
  if (!status_) return false;
  int code = sqlite3_step(handle_);
  if (code == SQLITE_ROW) return true;
  if (code != SQLITE_DONE) status_ = Failed(db_, code);
  return false;
}
Status Statement::Run() {
  while (Step()) {
  }
  return status_;
}

int64_t Statement::Int(int column) const { return sqlite3_column_int64(handle_, column); }
bool Statement::IsNull(int column) const { return sqlite3_column_type(handle_, column) == SQLITE_NULL; }
std::optional<int64_t> Statement::OptionalInt(int column) const {
  if (IsNull(column)) return std::nullopt;
  return Int(column);
}
std::string_view Statement::Text(int column) const {
  const void* text = sqlite3_column_text(handle_, column);
  auto size = static_cast<size_t>(sqlite3_column_bytes(handle_, column));
  return text ? std::string_view(static_cast<const char*>(text), size) : std::string_view{};
}
std::string_view Statement::Blob(int column) const {
  const void* bytes = sqlite3_column_blob(handle_, column);
  auto size = static_cast<size_t>(sqlite3_column_bytes(handle_, column));
  return bytes ? std::string_view(static_cast<const char*>(bytes), size) : std::string_view{};
}

void Database::Close::operator()(sqlite3* db) const { sqlite3_close_v2(db); }
void Database::Finalize::operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
Database::Database(Database&&) noexcept = default;
Database& Database::operator=(Database&& other) noexcept {
  statements_ = std::move(other.statements_);  // before the connection that they belong to
  db_ = std::move(other.db_);
  log_pages_ = std::move(other.log_pages_);
  return *this;
}
Database::~Database() = default;

Result<Database> Database::Open(const std::string& path, const std::string& vfs, OpenAs as) {
  // A reader opens for writing too: it may have to bring the log in order after a crash.
  int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
  if (as == OpenAs::kCreator) flags |= SQLITE_OPEN_CREATE;
  sqlite3* handle = nullptr;
  int code = sqlite3_open_v2(path.c_str(), &handle, flags, vfs.empty() ? nullptr : vfs.c_str());
  if (!handle) return Fail(ErrorCode::kUnavailable, "out of memory");
  Database db(handle);
  if (code != SQLITE_OK) return Failed(handle, code);
  sqlite3_busy_timeout(handle, kBusyMilliseconds);
  for (int option :
       {SQLITE_DBCONFIG_TRUSTED_SCHEMA, SQLITE_DBCONFIG_ENABLE_TRIGGER, SQLITE_DBCONFIG_ENABLE_VIEW,
        SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, SQLITE_DBCONFIG_DQS_DML, SQLITE_DBCONFIG_DQS_DDL})
    sqlite3_db_config(handle, option, 0, nullptr);
  CT_RETURN_IF_ERROR(db.Execute("PRAGMA cell_size_check=ON; PRAGMA temp_store=MEMORY; PRAGMA mmap_size=0"));
  if (as == OpenAs::kReader) CT_RETURN_IF_ERROR(db.Execute("PRAGMA query_only=ON; PRAGMA cache_size=-8192"));
  return db;
}

Status Database::Execute(const std::string& sql) {
  int code = sqlite3_exec(db_.get(), sql.c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return Failed(db_.get(), code);
  return {};
}

Statement Database::Prepare(std::string_view sql) {
  auto found = statements_.find(sql);
  if (found == statements_.end()) {
    sqlite3_stmt* handle = nullptr;
    int code = sqlite3_prepare_v3(db_.get(), sql.data(), static_cast<int>(sql.size()),
                                  SQLITE_PREPARE_PERSISTENT, &handle, nullptr);
    if (code != SQLITE_OK) return {db_.get(), nullptr};
    found = statements_.emplace(sql, handle).first;
  }
  CT_CHECK(!sqlite3_stmt_busy(found->second.get()));
  return {db_.get(), found->second.get()};
}

Result<std::optional<int64_t>> Database::Number(std::string_view sql) {
  Statement statement = Prepare(sql);
  std::optional<int64_t> number;
  if (statement.Step()) number = statement.OptionalInt(0);
  CT_RETURN_IF_ERROR(statement.ok());
  return number;
}

Status Database::SetUpWriter() {
  sqlite3_wal_hook(
      db_.get(),
      [](void* pages, sqlite3*, const char*, int now) {
        *static_cast<int64_t*>(pages) = now;
        return SQLITE_OK;
      },
      log_pages_.get());
  return Execute(
      "PRAGMA synchronous=FULL; PRAGMA journal_size_limit=67108864; PRAGMA secure_delete=ON; "
      "PRAGMA cache_size=-16384");
}

Status Database::QuickCheck() {
  Statement check = Prepare("PRAGMA quick_check(1)");
  if (check.Step() && check.Text(0) != "ok")
    return Fail(ErrorCode::kCorruptData, fmt::format("damaged store: {}", check.Text(0)));
  return check.ok();
}

int64_t Database::last_row() const { return sqlite3_last_insert_rowid(db_.get()); }
int64_t Database::changes() const { return sqlite3_changes64(db_.get()); }
int64_t Database::total_changes() const { return sqlite3_total_changes64(db_.get()); }
bool Database::in_transaction() const { return sqlite3_get_autocommit(db_.get()) == 0; }
bool Database::lost_sync() const {
  int code = sqlite3_extended_errcode(db_.get());
  return code == SQLITE_IOERR_FSYNC || code == SQLITE_IOERR_DIR_FSYNC;
}
void Database::KeepLogOnClose() {
  sqlite3_db_config(db_.get(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
}

}  // namespace clawtrace::store
