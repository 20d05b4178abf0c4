#pragma once
// Rows that other rows name by number: tenants, strings, sessions and their families. Used by the one writer,
// inside its transaction; remembers what it has seen until Forget.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/hash.h"
#include "store/sqlite.h"

namespace clawtrace::store {

class Rows {
 public:
  explicit Rows(Database* db) : db_(*db) {}

  Result<int64_t> Tenant(std::string_view name);  // made when it is new
  Result<int64_t> String(std::string_view text);  // agents, models, programs
  Result<int64_t> Word(std::string_view text);    // importers, parts of payloads
  // Number of the session's row, made with a family of its own when it is new.
  Result<int64_t> Session(int64_t tenant, std::string_view name);
  // Joins the families of two sessions of one tenant; when they were two, the one is changed in this commit.
  Status Link(int64_t tenant, std::string_view one, std::string_view other, uint64_t sequence);

  // After a rollback, and when another process wrote.
  void Forget();

 private:
  struct Text {
    using is_transparent = void;  // NOLINT: what the library asks for
    size_t operator()(std::string_view text) const { return Hash64(text); }
  };
  using Numbers = std::unordered_map<std::string, int64_t, Text, std::equal_to<>>;

  Result<int64_t> FindOrAdd(Numbers& known, std::string_view key, std::string_view find,
                            std::string_view add);

  Database& db_;
  Numbers tenants_, strings_, words_, sessions_;
};

// The same for readers, which make nothing: nullopt when there is none.
Result<std::optional<int64_t>> FindTenant(Database& db, std::string_view name);
Result<std::optional<int64_t>> FindString(Database& db, std::string_view text);
struct SessionRow {
  int64_t id = 0, family = 0;
};
Result<std::optional<SessionRow>> FindSession(Database& db, int64_t tenant, std::string_view name);

}  // namespace clawtrace::store
