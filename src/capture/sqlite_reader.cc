#include "capture/sqlite_reader.h"

#include <fmt/core.h>
#include <sqlite3.h>

#include <algorithm>

#include "base/text.h"

namespace clawtrace::capture {
namespace {

// A plain scan of honest tables costs some 20 instructions a row, and a row takes some 20 bytes. Loops in
// damaged trees and rows that share their bytes cost more than any file justifies.
constexpr uint64_t kStepsAtLeast = 20'000'000, kStepsPerByte = 30;
constexpr uint64_t kBytesAtLeast = uint64_t{64} << 20, kCopiesOfFile = 8;
constexpr int kStepsAtOnce = 10'000;
constexpr int kMaxValueBytes = 64 << 20;

class Row final : public SqliteRow {
 public:
  explicit Row(sqlite3_stmt* statement) : statement_(statement) {}
  std::optional<int64_t> Integer(int column) const override {
    if (sqlite3_column_type(statement_, column) != SQLITE_INTEGER) return std::nullopt;
    return sqlite3_column_int64(statement_, column);
  }
  std::optional<double> Number(int column) const override {
    int type = sqlite3_column_type(statement_, column);
    if (type != SQLITE_INTEGER && type != SQLITE_FLOAT) return std::nullopt;
    return sqlite3_column_double(statement_, column);
  }
  std::optional<std::string_view> Text(int column) const override {
    if (sqlite3_column_type(statement_, column) != SQLITE_TEXT) return std::nullopt;
    return View(sqlite3_column_text(statement_, column), column);
  }
  std::optional<std::string_view> Blob(int column) const override {
    if (sqlite3_column_type(statement_, column) != SQLITE_BLOB) return std::nullopt;
    return View(sqlite3_column_blob(statement_, column), column);
  }
  uint64_t bytes() const {
    uint64_t sum = 0;
    for (int i = 0, n = sqlite3_column_count(statement_); i < n; ++i) {
      int type = sqlite3_column_type(statement_, i);
      if (type == SQLITE_TEXT || type == SQLITE_BLOB)
        sum += static_cast<uint64_t>(sqlite3_column_bytes(statement_, i));
    }
    return sum;
  }

 private:
  std::string_view View(const void* bytes, int column) const {
    // After the pointer, since that may convert the value.
    size_t size = static_cast<size_t>(sqlite3_column_bytes(statement_, column));
    return bytes ? std::string_view(static_cast<const char*>(bytes), size) : std::string_view{};
  }
  sqlite3_stmt* statement_;
};

// Queries of ours only read columns of tables; whatever else a schema would run is refused.
int Authorize(void*, int action, const char*, const char*, const char*, const char*) {
  return action == SQLITE_SELECT || action == SQLITE_READ ? SQLITE_OK : SQLITE_DENY;
}

struct Statement {
  sqlite3_stmt* handle = nullptr;
  ~Statement() { sqlite3_finalize(handle); }
};

}  // namespace

bool IsSqliteHead(std::string_view head) {
  return head.starts_with(std::string_view("SQLite format 3\0", 16));
}

std::string SqliteRow::String(int column) const {
  std::string_view text = Text(column).value_or("");
  return IsValidUtf8(text) ? std::string(text) : ReplaceInvalidUtf8(text);
}

struct SqliteReader::State {
  std::string path;
  sqlite3* db = nullptr;
  FileStamp stamp;
  uint64_t log_bytes = 0;
  uint64_t steps_left = 0, bytes_left = 0;
  bool out_of_steps = false;
  std::vector<std::string> tables;

  State() = default;
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() { sqlite3_close(db); }

  static int OnSteps(void* self) {
    State& state = *static_cast<State*>(self);
    uint64_t used = std::min<uint64_t>(state.steps_left, kStepsAtOnce);
    state.steps_left -= used;
    state.out_of_steps = state.steps_left == 0;
    return state.out_of_steps ? 1 : 0;
  }

  void Harden();
  std::unexpected<Error> Failed(int code) const;
};

void SqliteReader::State::Harden() {
  for (int option : {SQLITE_DBCONFIG_DEFENSIVE, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE})
    sqlite3_db_config(db, option, 1, nullptr);
  for (int option : {SQLITE_DBCONFIG_TRUSTED_SCHEMA, SQLITE_DBCONFIG_ENABLE_TRIGGER,
                     SQLITE_DBCONFIG_ENABLE_VIEW, SQLITE_DBCONFIG_ENABLE_FKEY,
                     SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, SQLITE_DBCONFIG_DQS_DML, SQLITE_DBCONFIG_DQS_DDL})
    sqlite3_db_config(db, option, 0, nullptr);
  sqlite3_limit(db, SQLITE_LIMIT_LENGTH, kMaxValueBytes);
  sqlite3_limit(db, SQLITE_LIMIT_ATTACHED, 0);
  sqlite3_limit(db, SQLITE_LIMIT_TRIGGER_DEPTH, 1);
  sqlite3_limit(db, SQLITE_LIMIT_WORKER_THREADS, 0);
  sqlite3_limit(db, SQLITE_LIMIT_EXPR_DEPTH, 100);
  // Exclusive before the first read: the index of the write-ahead log is then kept in memory, no file is
  // needed for it.
  sqlite3_exec(db,
               "PRAGMA locking_mode=EXCLUSIVE; PRAGMA query_only=ON; PRAGMA cell_size_check=ON; "
               "PRAGMA mmap_size=0; PRAGMA temp_store=MEMORY; PRAGMA cache_size=-8192;",
               nullptr, nullptr, nullptr);
  sqlite3_set_authorizer(db, Authorize, nullptr);
  sqlite3_progress_handler(db, kStepsAtOnce, OnSteps, this);
}

std::unexpected<Error> SqliteReader::State::Failed(int code) const {
  std::string why = sqlite3_errmsg(db);
  switch (code & 0xff) {
    case SQLITE_INTERRUPT:
      return Fail(ErrorCode::kLimit, "reading takes more work than its size justifies");
    case SQLITE_TOOBIG:
    case SQLITE_NOMEM:
      return Fail(ErrorCode::kLimit, why);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
      return Fail(ErrorCode::kCorruptData, "damaged database: " + why);
    default:
      return Fail(ErrorCode::kInvalidInput, why);
  }
}

SqliteReader::SqliteReader(std::unique_ptr<State> state) : state_(std::move(state)) {}
SqliteReader::SqliteReader(SqliteReader&&) noexcept = default;
SqliteReader& SqliteReader::operator=(SqliteReader&&) noexcept = default;
SqliteReader::~SqliteReader() = default;

const std::vector<std::string>& SqliteReader::tables() const { return state_->tables; }
uint64_t SqliteReader::bytes() const { return state_->stamp.bytes + state_->log_bytes; }
const FileStamp& SqliteReader::stamp() const { return state_->stamp; }

bool SqliteReader::HasTable(std::string_view table) const {
  return std::ranges::binary_search(state_->tables, table);
}

bool SqliteReader::HasColumn(const std::string& table, const std::string& column) const {
  return HasTable(table) &&
         sqlite3_table_column_metadata(state_->db, "main", table.c_str(), column.c_str(), nullptr, nullptr,
                                       nullptr, nullptr, nullptr) == SQLITE_OK;
}

std::string SqliteReader::ColumnOrNull(const std::string& table, const std::string& column) const {
  return HasColumn(table, column) ? column : "NULL";
}

Result<SqliteReader> SqliteReader::Open(const std::string& path) {
  RegisterReadOnlyFiles();
  auto state = std::make_unique<State>();
  state->path = path.starts_with('/') ? path : "./" + path;
  state->stamp = StampOf(state->path);
  state->log_bytes = StampOf(state->path + "-wal").bytes;
  uint64_t bytes = state->stamp.bytes + state->log_bytes;
  state->steps_left = kStepsAtLeast + bytes * kStepsPerByte;
  state->bytes_left = kBytesAtLeast + bytes * kCopiesOfFile;
  int code = sqlite3_open_v2(state->path.c_str(), &state->db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX,
                             kReadOnlyFiles);
  if (!state->db) return Fail(ErrorCode::kLimit, "out of memory");
  if (code != SQLITE_OK) return state->Failed(code);
  state->Harden();
  SqliteReader reader(std::move(state));
  // Virtual tables and views have no pages of their own.
  Status listed = reader.ForEachRow("SELECT name FROM sqlite_schema WHERE type = 'table' AND rootpage > 0",
                                    {}, [&](const SqliteRow& row) {
                                      if (auto name = row.Text(0)) reader.state_->tables.emplace_back(*name);
                                      return true;
                                    });
  if (!listed) return std::unexpected(listed.error());
  std::ranges::sort(reader.state_->tables);
  return reader;
}

Status SqliteReader::ForEachRow(const std::string& sql, std::span<const std::string> texts,
                                const std::function<bool(const SqliteRow&)>& visit) {
  Statement statement;
  int code =
      sqlite3_prepare_v2(state_->db, sql.c_str(), static_cast<int>(sql.size()), &statement.handle, nullptr);
  if (code != SQLITE_OK) return state_->Failed(code);
  for (size_t i = 0; i < texts.size(); ++i) {
    sqlite3_bind_text64(statement.handle, static_cast<int>(i) + 1, texts[i].data(), texts[i].size(),
                        SQLITE_STATIC, SQLITE_UTF8);
  }
  Row row(statement.handle);
  while ((code = sqlite3_step(statement.handle)) == SQLITE_ROW) {
    uint64_t size = row.bytes();
    if (size > state_->bytes_left)
      return Fail(ErrorCode::kLimit, "its rows hold more than its size justifies");
    state_->bytes_left -= size;
    if (!visit(row)) return {};
  }
  if (code != SQLITE_DONE) return state_->Failed(code);
  return {};
}

}  // namespace clawtrace::capture
