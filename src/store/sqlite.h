#pragma once
// The parts of SQLite that the store uses, as values that clean up after themselves. Nothing here is
// thread-safe: one connection belongs to one thread at a time.
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/hash.h"
#include "base/result.h"

struct sqlite3;
struct sqlite3_stmt;

namespace clawtrace::store {

// A statement that runs. Bind in order, then Step until it says false. Views of columns hold until the next
// Step. After a failure Step says false and ok() tells.
class Statement {
 public:
  Statement(sqlite3* db, sqlite3_stmt* handle) : db_(db), handle_(handle) {}
  Statement(Statement&& other) noexcept;
  Statement& operator=(Statement&&) = delete;
  ~Statement();  // ready for the next use

  Statement& Bind(int64_t value);
  Statement& Bind(std::optional<int64_t> value);
  Statement& Bind(std::string_view text);       // must live until the statement has run
  Statement& BindBlob(std::string_view bytes);  // so must these
  bool Step();
  Status Run();  // for statements that give no rows; rows are passed over
  const Status& ok() const { return status_; }

  int64_t Int(int column) const;  // 0 for NULL
  bool IsNull(int column) const;
  std::optional<int64_t> OptionalInt(int column) const;
  std::string_view Text(int column) const;
  std::string_view Blob(int column) const;

 private:
  Statement& Check(int code);
  sqlite3* db_;
  sqlite3_stmt* handle_;
  int next_ = 1;
  Status status_;
};

enum class OpenAs { kReader, kWriter, kCreator };

class Database {
 public:
  // vfs: "" = the system's files.
  static Result<Database> Open(const std::string& path, const std::string& vfs, OpenAs as);
  Database(Database&&) noexcept;
  Database& operator=(Database&&) noexcept;
  ~Database();

  // One or more statements without parameters or rows.
  Status Execute(const std::string& sql);
  // A statement out of the connection's own; sql must be one of few (they are kept). One of the same text
  // must not be running.
  Statement Prepare(std::string_view sql);
  // First column of the first row, nullopt when there is none.
  Result<std::optional<int64_t>> Number(std::string_view sql);

  int64_t last_row() const;
  int64_t changes() const;
  int64_t total_changes() const;
  bool in_transaction() const;
  // Did the last failure leave it unknown whether what was written is on the disk?
  bool lost_sync() const;
  // The settings of the connection that writes. The log is moved into the file only when asked.
  Status SetUpWriter();
  // kCorruptData with the first problem; reads the whole file.
  Status QuickCheck();
  // Pages in the log after the last commit of this connection.
  int64_t log_pages() const { return *log_pages_; }
  // Leaves the log beside the file when this is the last connection, instead of moving it into the file.
  void KeepLogOnClose();

 private:
  struct Close {
    void operator()(sqlite3* db) const;
  };
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const;
  };
  explicit Database(sqlite3* db) : db_(db), log_pages_(std::make_unique<int64_t>(0)) {}

  std::unique_ptr<sqlite3, Close> db_;
  std::unique_ptr<int64_t> log_pages_;
  std::unordered_map<std::string, std::unique_ptr<sqlite3_stmt, Finalize>, TextHash, std::equal_to<>>
      statements_;
};

// Marks a file as a store of ours.
inline constexpr int32_t kApplicationId = 0x436c7754;

}  // namespace clawtrace::store
