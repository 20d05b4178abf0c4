#pragma once
// Databases in tests: bytes as a file, and changes to single values of a database held in memory.
#include <sqlite3.h>
#include <sys/mman.h>
#include <unistd.h>

#include <string>
#include <string_view>
#include <vector>

namespace clawtrace::test {

inline bool IsDatabase(std::string_view bytes) { return bytes.starts_with("SQLite format 3"); }

// A nameless file with these bytes, reachable by path while this lives.
class BytesAsFile {
 public:
  explicit BytesAsFile(std::string_view bytes) : fd_(::memfd_create("bytes", MFD_CLOEXEC)) {
    while (!bytes.empty()) {
      ssize_t n = ::write(fd_, bytes.data(), bytes.size());
      if (n <= 0) break;
      bytes.remove_prefix(static_cast<size_t>(n));
    }
  }
  BytesAsFile(const BytesAsFile&) = delete;
  BytesAsFile& operator=(const BytesAsFile&) = delete;
  ~BytesAsFile() { ::close(fd_); }
  std::string path() const { return "/proc/self/fd/" + std::to_string(fd_); }

 private:
  int fd_;
};

// One text value of a table.
struct Cell {
  std::string table, column, text;
  sqlite3_int64 row = 0;
};

// A database in memory that starts from a file's bytes.
class EditedDatabase {
 public:
  explicit EditedDatabase(std::string_view bytes) {
    sqlite3_open(":memory:", &db_);
    auto* copy = static_cast<unsigned char*>(sqlite3_malloc64(bytes.size() + 1));
    std::copy(bytes.begin(), bytes.end(), copy);
    sqlite3_deserialize(db_, "main", copy, static_cast<sqlite3_int64>(bytes.size()),
                        static_cast<sqlite3_int64>(bytes.size()),
                        SQLITE_DESERIALIZE_FREEONCLOSE | SQLITE_DESERIALIZE_RESIZEABLE);
  }
  EditedDatabase(const EditedDatabase&) = delete;
  EditedDatabase& operator=(const EditedDatabase&) = delete;
  ~EditedDatabase() { sqlite3_close(db_); }

  bool Run(const std::string& sql, const std::vector<std::string>& texts = {}) {
    sqlite3_stmt* statement = nullptr;
    if (sqlite3_prepare_v2(db_, sql.c_str(), -1, &statement, nullptr) != SQLITE_OK) return false;
    for (size_t i = 0; i < texts.size(); ++i)
      sqlite3_bind_text(statement, static_cast<int>(i) + 1, texts[i].data(),
                        static_cast<int>(texts[i].size()), SQLITE_TRANSIENT);
    int code = sqlite3_step(statement);
    sqlite3_finalize(statement);
    return code == SQLITE_DONE || code == SQLITE_ROW;
  }

  std::string Bytes() const {
    sqlite3_int64 size = 0;
    unsigned char* bytes = sqlite3_serialize(db_, "main", &size, 0);
    std::string copy(reinterpret_cast<char*>(bytes), static_cast<size_t>(size));
    sqlite3_free(bytes);
    return copy;
  }

  // All text values of tables that have row ids.
  std::vector<Cell> Cells() const {
    std::vector<Cell> cells;
    for (const auto& row : Texts("SELECT name FROM sqlite_schema WHERE type = 'table'")) {
      for (const auto& column : Texts("SELECT name FROM pragma_table_info('" + row.second + "')")) {
        for (auto& value :
             Texts("SELECT \"" + column.second + "\", rowid FROM \"" + row.second + "\" ORDER BY rowid"))
          cells.push_back({row.second, column.second, value.second, value.first});
      }
    }
    return cells;
  }

  bool Replace(const Cell& cell, const std::string& text) {
    return Run("UPDATE \"" + cell.table + "\" SET \"" + cell.column +
                   "\" = ? WHERE rowid = " + std::to_string(cell.row),
               {text});
  }

 private:
  // Texts of the first column, with the second as a number.
  std::vector<std::pair<sqlite3_int64, std::string>> Texts(const std::string& sql) const {
    std::vector<std::pair<sqlite3_int64, std::string>> texts;
    sqlite3_stmt* statement = nullptr;
    if (sqlite3_prepare_v2(db_, sql.c_str(), -1, &statement, nullptr) != SQLITE_OK) return texts;
    while (sqlite3_step(statement) == SQLITE_ROW) {
      if (sqlite3_column_type(statement, 0) != SQLITE_TEXT) continue;
      texts.emplace_back(sqlite3_column_int64(statement, 1),
                         reinterpret_cast<const char*>(sqlite3_column_text(statement, 0)));
    }
    sqlite3_finalize(statement);
    return texts;
  }

  sqlite3* db_ = nullptr;
};

}  // namespace clawtrace::test
