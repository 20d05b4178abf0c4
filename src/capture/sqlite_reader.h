#pragma once
// Reads a SQLite database that another program may be writing, and that may be hostile.
//
// Promises: the file, its folder and everything beside it stay as they are (nothing is written, created,
// locked or deleted, so a running writer is never kept waiting); what the write-ahead log beside it holds
// committed is seen, with or without its shared-memory file, also in a read-only folder; only plain tables
// are read, no view, trigger or virtual table runs; work and memory are bounded by the size of the file.
//
// Without locks a writer may change pages while they are read. The stamp tells, and the caller reads again
// from a new reader (ReadUnchanged in database_log.h).
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "capture/sqlite_files.h"

namespace clawtrace::capture {

// Do a file's first bytes say that it is a SQLite database?
bool IsSqliteHead(std::string_view head);

// One row of a query; its views hold during the call only. Columns from 0. A value of another type than the
// one asked for, and NULL, is nullopt.
class SqliteRow {
 public:
  virtual std::optional<int64_t> Integer(int column) const = 0;
  virtual std::optional<double> Number(int column) const = 0;  // integers too
  virtual std::optional<std::string_view> Text(int column) const = 0;
  virtual std::optional<std::string_view> Blob(int column) const = 0;
  // The text as valid UTF-8, or "".
  std::string String(int column) const;

 protected:
  ~SqliteRow() = default;
};

class SqliteReader {
 public:
  // Fails when the file cannot be read or is no database. message: why, without the path.
  static Result<SqliteReader> Open(const std::string& path);
  SqliteReader(SqliteReader&&) noexcept;
  SqliteReader& operator=(SqliteReader&&) noexcept;
  ~SqliteReader();

  // Plain tables, sorted by name.
  const std::vector<std::string>& tables() const;
  bool HasTable(std::string_view table) const;
  bool HasColumn(const std::string& table, const std::string& column) const;
  // "column" if the table has it, else "NULL": what releases of one program have in common can be read by one
  // query.
  std::string ColumnOrNull(const std::string& table, const std::string& column) const;

  // Runs a query over plain tables; texts replaces its "?" in order. visit returns false to stop early.
  // Errors: kCorruptData when pages are damaged (rows before the damage were visited), kLimit when the work
  // is out of proportion to the file, kInvalidInput when the query does not fit the tables.
  Status ForEachRow(const std::string& sql, std::span<const std::string> texts,
                    const std::function<bool(const SqliteRow&)>& visit);

  // Of the file at Open. Another one later means that a writer changed it.
  const FileStamp& stamp() const;
  // Bytes of the database and its write-ahead log at Open.
  uint64_t bytes() const;

 private:
  struct State;
  explicit SqliteReader(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace clawtrace::capture
