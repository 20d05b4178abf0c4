#include "store/rows.h"

#include <utility>

namespace clawtrace::store {
namespace {

constexpr size_t kMaxKnown = 100'000;

}  // namespace

void Rows::Forget() { tenants_.clear(), strings_.clear(), words_.clear(), sessions_.clear(); }

Result<int64_t> Rows::FindOrAdd(Numbers& known, std::string_view key, std::string_view find,
                                std::string_view add) {
  if (auto found = known.find(key); found != known.end()) return found->second;
  int64_t number = 0;
  {
    Statement search = db_.Prepare(find);
    if (search.Bind(key).Step()) number = search.Int(0);
    CT_RETURN_IF_ERROR(search.ok());
  }
  if (number == 0) {
    CT_RETURN_IF_ERROR(db_.Prepare(add).Bind(key).Run());
    number = db_.last_row();
  }
  if (known.size() >= kMaxKnown) known.clear();
  known.emplace(key, number);
  return number;
}

Result<int64_t> Rows::Tenant(std::string_view name) {
  return FindOrAdd(tenants_, name, "SELECT id FROM tenant WHERE name = ?",
                   "INSERT INTO tenant(name) VALUES(?)");
}

Result<int64_t> Rows::String(std::string_view text) {
  return FindOrAdd(strings_, text, "SELECT id FROM str WHERE s = ?", "INSERT INTO str(s) VALUES(?)");
}

Result<int64_t> Rows::Word(std::string_view text) {
  return FindOrAdd(words_, text, "SELECT id FROM word WHERE s = ?", "INSERT INTO word(s) VALUES(?)");
}

Result<int64_t> Rows::Session(int64_t tenant, std::string_view name) {
  std::string key = std::to_string(tenant) + ':';
  key.append(name);
  if (auto found = sessions_.find(key); found != sessions_.end()) return found->second;
  auto row = FindSession(db_, tenant, name);
  if (!row) return std::unexpected(row.error());
  int64_t id = *row ? (*row)->id : 0;
  if (id == 0) {
    CT_RETURN_IF_ERROR(db_.Prepare("INSERT INTO family(tenant) VALUES(?)").Bind(tenant).Run());
    int64_t family = db_.last_row();
    CT_RETURN_IF_ERROR(db_.Prepare("INSERT INTO session(tenant, owner, name, family) VALUES(?1, ?1, ?2, ?3)")
                           .Bind(tenant)
                           .Bind(name)
                           .Bind(family)
                           .Run());
    id = db_.last_row();
  }
  if (sessions_.size() >= kMaxKnown) sessions_.clear();
  sessions_.emplace(std::move(key), id);
  return id;
}

Status Rows::Link(int64_t tenant, std::string_view one, std::string_view other, uint64_t sequence) {
  if (one.empty() || other.empty() || one == other) return {};
  int64_t families[2], sizes[2];
  for (int i = 0; i < 2; ++i) {
    auto made = Session(tenant, i == 0 ? one : other);
    if (!made) return std::unexpected(made.error());
    Statement search = db_.Prepare(
        "SELECT s.family, (SELECT count(*) FROM session m WHERE m.family = s.family) FROM session s "
        "WHERE s.id = ?");
    if (!search.Bind(*made).Step()) {
      CT_RETURN_IF_ERROR(search.ok());
      return Fail(ErrorCode::kCorruptData, "a session has no row");
    }
    families[i] = search.Int(0), sizes[i] = search.Int(1);
  }
  if (families[0] == families[1]) return {};
  // The smaller moves, so that no session moves often.
  int from = sizes[0] < sizes[1] ? 0 : 1;
  int64_t gone = families[from], kept = families[1 - from];
  for (std::string_view sql : {"UPDATE session SET family = ?2 WHERE family = ?1",
                               "UPDATE summary SET family = ?2 WHERE family = ?1",
                               "UPDATE family SET touched_ns = (SELECT max(touched_ns) FROM family WHERE id "
                               "IN (?1, ?2)) WHERE id = ?2",
                               "DELETE FROM family WHERE id = ?1 AND id != ?2"})
    CT_RETURN_IF_ERROR(db_.Prepare(sql).Bind(gone).Bind(kept).Run());
  return db_.Prepare("UPDATE family SET changed = ?, stale = 1 WHERE id = ?")
      .Bind(static_cast<int64_t>(sequence))
      .Bind(kept)
      .Run();
}

Result<std::optional<int64_t>> FindTenant(Database& db, std::string_view name) {
  Statement search = db.Prepare("SELECT id FROM tenant WHERE name = ?");
  std::optional<int64_t> id;
  if (search.Bind(name).Step()) id = search.Int(0);
  CT_RETURN_IF_ERROR(search.ok());
  return id;
}

Result<std::optional<int64_t>> FindString(Database& db, std::string_view text) {
  Statement search = db.Prepare("SELECT id FROM str WHERE s = ?");
  std::optional<int64_t> id;
  if (search.Bind(text).Step()) id = search.Int(0);
  CT_RETURN_IF_ERROR(search.ok());
  return id;
}

Result<std::optional<SessionRow>> FindSession(Database& db, int64_t tenant, std::string_view name) {
  Statement search = db.Prepare("SELECT id, family FROM session WHERE tenant = ? AND name = ?");
  std::optional<SessionRow> row;
  if (search.Bind(tenant).Bind(name).Step()) row = SessionRow{search.Int(0), search.Int(1)};
  CT_RETURN_IF_ERROR(search.ok());
  return row;
}

}  // namespace clawtrace::store
