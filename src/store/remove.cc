#include "store/remove.h"

#include <set>
#include <string>
#include <vector>

#include "store/facts.h"
#include "store/payloads.h"
#include "store/search.h"
#include "store/squeeze.h"
#include "store/summaries.h"

namespace clawtrace::store {
namespace {

// Rows of one commit: a large one keeps others waiting and makes the log long.
constexpr int64_t kSlice = 1000;
constexpr int64_t kPagesOfSlice = 1000;
constexpr size_t kPackBytes = size_t{256} << 10;

// Number of a tenant as readers see it; nullopt when it is not known.
Result<std::optional<int64_t>> TenantOf(Readers& readers, std::string_view name) {
  auto lease = readers.Take();
  if (!lease) return std::unexpected(lease.error());
  return FindTenant(lease->db(), name);
}

Result<std::vector<int64_t>> FamiliesOf(Readers& readers, int64_t tenant, const RemoveRequest& request) {
  auto lease = readers.Take();
  if (!lease) return std::unexpected(lease.error());
  std::vector<int64_t> families;
  if (request.session_id) {
    auto session = FindSession(lease->db(), tenant, *request.session_id);
    if (!session) return std::unexpected(session.error());
    if (*session) families.push_back((*session)->family);
    return families;
  }
  // The last fact of any member; where none has a time, the arrival.
  Statement find = lease->db().Prepare(
      "SELECT f.id FROM family f WHERE f.tenant = ?1 AND (?2 IS NULL OR ifnull((SELECT max(s.last_ns) FROM "
      "session s WHERE s.family = f.id), f.touched_ns) < ?2)");
  find.Bind(tenant).Bind(request.everything ? std::nullopt : request.before_ns);
  while (find.Step()) families.push_back(find.Int(0));
  CT_RETURN_IF_ERROR(find.ok());
  return families;
}

// From here on nobody sees the family: it is of tenant 0, its sessions of none that has a name.
Status Hide(WriteScope& scope, int64_t tenant, int64_t family, Removed* removed) {
  CT_RETURN_IF_ERROR(DropCompiled(scope, tenant, family));
  {
    Statement count = scope.db.Prepare(
        "SELECT count(*), ifnull(sum(facts), 0) FROM session WHERE family = ? AND tenant > 0");
    if (count.Bind(family).Step()) removed->sessions += count.Int(0), removed->facts += count.Int(1);
    CT_RETURN_IF_ERROR(count.ok());
  }
  CT_RETURN_IF_ERROR(
      scope.db.Prepare("UPDATE session SET tenant = -id, name = '' WHERE family = ?").Bind(family).Run());
  Statement hide = scope.db.Prepare(
      "UPDATE family SET tenant = 0, stale = 0, sealed = changed, made_by = NULL WHERE id = ? AND tenant != "
      "0");
  CT_RETURN_IF_ERROR(hide.Bind(family).Run());
  removed->families += scope.db.changes();
  return {};
}

Status DropBlobIfUnused(WriteScope& scope, int64_t blob) {
  {
    Statement used = scope.db.Prepare("SELECT 1 FROM node WHERE blob = ?");
    if (used.Bind(blob).Step()) return {};
    CT_RETURN_IF_ERROR(used.ok());
  }
  CT_RETURN_IF_ERROR(
      scope.db.Prepare("UPDATE pack SET holes = 1 WHERE id = (SELECT pack FROM blob WHERE id = ?)")
          .Bind(blob)
          .Run());
  CT_RETURN_IF_ERROR(scope.db.Prepare("DELETE FROM loose WHERE blob = ?").Bind(blob).Run());
  return scope.db.Prepare("DELETE FROM blob WHERE id = ?").Bind(blob).Run();
}

// Up the chain as far as nothing else hangs on it.
Status DropChain(WriteScope& scope, int64_t node) {
  while (node != 0) {
    int64_t parent = 0, blob = 0;
    {
      Statement used = scope.db.Prepare(
          "SELECT parent, blob, EXISTS(SELECT 1 FROM payload WHERE node = ?1) OR "
          "EXISTS(SELECT 1 FROM node WHERE parent = ?1) FROM node WHERE id = ?1");
      bool there = used.Bind(node).Step();
      CT_RETURN_IF_ERROR(used.ok());
      if (!there || used.Int(2) != 0) return {};
      parent = used.Int(0), blob = used.Int(1);
    }
    CT_RETURN_IF_ERROR(scope.db.Prepare("DELETE FROM node WHERE id = ?").Bind(node).Run());
    CT_RETURN_IF_ERROR(DropBlobIfUnused(scope, blob));
    node = parent;
  }
  return {};
}

Status DropPayloads(WriteScope& scope, int64_t session, int64_t* dropped) {
  struct Row {
    std::string call, hash;
    int64_t source = 0, part = 0, node = 0;
  };
  std::vector<Row> rows;
  {
    Statement find =
        scope.db.Prepare("SELECT call, hash, source, part, node FROM payload WHERE session = ? LIMIT ?");
    find.Bind(session).Bind(kSlice);
    while (find.Step())
      rows.push_back(
          {std::string(find.Text(0)), std::string(find.Blob(1)), find.Int(2), find.Int(3), find.Int(4)});
    CT_RETURN_IF_ERROR(find.ok());
  }
  for (const Row& row : rows) {
    Statement drop = scope.db.Prepare(
        "DELETE FROM payload WHERE session = ? AND call = ? AND source = ? AND part = ? AND hash = ?");
    drop.Bind(session).Bind(std::string_view(row.call)).Bind(row.source).Bind(row.part);
    CT_RETURN_IF_ERROR(drop.BindBlob(row.hash).Run());
    CT_RETURN_IF_ERROR(DropChain(scope, row.node));
  }
  *dropped += std::ssize(rows);
  return {};
}

Status DropFacts(WriteScope& scope, int64_t session, int64_t tenant, int64_t indexed, int64_t* dropped) {
  std::vector<std::pair<int64_t, std::string>> rows;
  {
    Statement find = scope.db.Prepare("SELECT id, kind, body FROM fact WHERE session = ? LIMIT ?");
    find.Bind(session).Bind(kSlice);
    while (find.Step()) {
      auto fact = DecodeFactRow(find.Int(1), find.Blob(2));
      bool has_words = fact && find.Int(0) <= indexed;
      rows.emplace_back(find.Int(0), has_words ? IndexWords(*fact, tenant) : std::string());
    }
    CT_RETURN_IF_ERROR(find.ok());
  }
  for (const auto& [id, words] : rows) {
    if (!words.empty()) {
      Statement drop = scope.db.Prepare("INSERT INTO text(text, rowid, words) VALUES('delete', ?, ?)");
      CT_RETURN_IF_ERROR(drop.Bind(id).Bind(std::string_view(words)).Run());
    }
    CT_RETURN_IF_ERROR(scope.db.Prepare("DELETE FROM fact WHERE id = ?").Bind(id).Run());
  }
  *dropped += std::ssize(rows);
  // Numbers at the end are given again; those are to be indexed then.
  return scope.db.Execute(
      "UPDATE meta SET value = min(value, (SELECT ifnull(max(id), 0) FROM fact)) WHERE name = 'indexed'");
}

// One commit's worth of a family that is hidden. True when nothing of it is left.
Result<bool> DropSlice(WriteScope& scope, int64_t family, int64_t* payloads) {
  std::optional<int64_t> session;
  int64_t owner = 0;
  {
    Statement find = scope.db.Prepare("SELECT id, owner FROM session WHERE family = ? LIMIT 1");
    if (find.Bind(family).Step()) session = find.Int(0), owner = find.Int(1);
    CT_RETURN_IF_ERROR(find.ok());
  }
  if (!session) {
    CT_RETURN_IF_ERROR(scope.db.Prepare("DELETE FROM family WHERE id = ?").Bind(family).Run());
    return true;
  }
  auto indexed = scope.db.Number("SELECT value FROM meta WHERE name = 'indexed'");
  if (!indexed) return std::unexpected(indexed.error());
  int64_t facts = 0, refs = 0;
  CT_RETURN_IF_ERROR(DropFacts(scope, *session, owner, indexed->value_or(0), &facts));
  if (facts == 0) CT_RETURN_IF_ERROR(DropPayloads(scope, *session, &refs));
  *payloads += refs;
  if (facts > 0 || refs > 0) return false;
  CT_RETURN_IF_ERROR(scope.db.Prepare("DELETE FROM skipped WHERE session = ?").Bind(*session).Run());
  CT_RETURN_IF_ERROR(scope.db.Prepare("DELETE FROM session WHERE id = ?").Bind(*session).Run());
  return false;
}

// Packs that lost a text are written anew without it.
Result<bool> FillHoles(WriteScope& scope) {
  auto pack = scope.db.Number("SELECT id FROM pack WHERE holes = 1 LIMIT 1");
  if (!pack) return std::unexpected(pack.error());
  if (!*pack) return false;
  std::vector<int64_t> blobs;
  {
    Statement find = scope.db.Prepare("SELECT id FROM blob WHERE pack = ? ORDER BY at");
    find.Bind(**pack);
    while (find.Step()) blobs.push_back(find.Int(0));
    CT_RETURN_IF_ERROR(find.ok());
  }
  if (blobs.empty()) {
    CT_RETURN_IF_ERROR(scope.db.Prepare("DELETE FROM pack WHERE id = ?").Bind(**pack).Run());
    return true;
  }
  TextReader texts(&scope.db);
  std::string content;
  std::vector<int64_t> places;
  for (int64_t blob : blobs) {
    auto text = texts.Text(blob);
    if (!text) return std::unexpected(text.error());
    places.push_back(std::ssize(content));
    content += *text;
  }
  for (size_t i = 0; i < blobs.size(); ++i)
    CT_RETURN_IF_ERROR(
        scope.db.Prepare("UPDATE blob SET at = ? WHERE id = ?").Bind(places[i]).Bind(blobs[i]).Run());
  std::string squeezed = Squeeze(content, kCold);
  CT_RETURN_IF_ERROR(scope.db.Prepare("UPDATE pack SET z = ?, holes = 0 WHERE id = ?")
                         .BindBlob(squeezed)
                         .Bind(**pack)
                         .Run());
  return true;
}

// Runs steps, each a commit, until one says that it was the last.
template <class Step>  // Result<bool>(WriteScope&): true = go on
Status Repeat(Writer& writer, Step&& step) {
  for (bool more = true; more;) {
    Status ran = writer.Run([&](WriteScope& scope) -> Status {
      auto result = step(scope);
      if (!result) return std::unexpected(result.error());
      more = *result;
      return {};
    });
    if (!ran) return ran;
  }
  return {};
}

// Words of facts that are gone stay in the index until its parts are merged.
Status MergeText(Writer& writer) {
  // Negative: everything into one part, in steps.
  CT_RETURN_IF_ERROR(writer.Run([](WriteScope& scope) {
    return scope.db.Execute("INSERT INTO text(text, rank) VALUES('merge', -200)");
  }));
  return Repeat(writer, [](WriteScope& scope) -> Result<bool> {
    int64_t before = scope.db.total_changes();
    CT_RETURN_IF_ERROR(scope.db.Execute("INSERT INTO text(text, rank) VALUES('merge', 200)"));
    return scope.db.total_changes() - before >= 2;
  });
}

// Of a name: no session and no day has it. Every model that a session spent on is in the day totals.
constexpr std::string_view kUnusedName =
    "id NOT IN (SELECT agent FROM day_total UNION SELECT model FROM day_total) AND "
    "NOT EXISTS(SELECT 1 FROM tenant t JOIN summary y ON y.tenant = t.id AND y.agent = str.id)";

// Names of agents, models and programs that nothing has any more: they may tell of a session that is gone.
// All families are looked through for programs, while others write.
Status DropNames(Readers& readers, Writer& writer) {
  std::string unused;
  {
    auto lease = readers.Take();
    if (!lease) return std::unexpected(lease.error());
    Statement find =
        lease->db().Prepare("SELECT id FROM str WHERE " + std::string(kUnusedName) +
                            " AND id NOT IN (SELECT made_by FROM family WHERE made_by IS NOT NULL)");
    while (find.Step()) unused += (unused.empty() ? "" : ",") + std::to_string(find.Int(0));
    CT_RETURN_IF_ERROR(find.ok());
  }
  if (unused.empty()) return {};
  return writer.Run([&](WriteScope& scope) {
    scope.forget();
    return scope.db.Execute("DELETE FROM str WHERE id IN (" + unused + ") AND " + std::string(kUnusedName));
  });
}

Status DropHidden(Readers& readers, Writer& writer, int64_t* payloads) {
  for (;;) {
    int64_t family = 0;
    {
      auto lease = readers.Take();
      if (!lease) return std::unexpected(lease.error());
      auto next = lease->db().Number("SELECT id FROM family WHERE tenant = 0 LIMIT 1");
      if (!next) return std::unexpected(next.error());
      if (!*next) break;
      family = **next;
    }
    Status dropped = Repeat(writer, [&](WriteScope& scope) -> Result<bool> {
      scope.forget();
      auto done = DropSlice(scope, family, payloads);
      scope.forget();
      if (!done) return done;
      return !*done;
    });
    if (!dropped) return dropped;
  }
  CT_RETURN_IF_ERROR(Repeat(writer, FillHoles));
  CT_RETURN_IF_ERROR(DropNames(readers, writer));
  CT_RETURN_IF_ERROR(MergeText(writer));
  return writer.RunAlone([](Database& db) -> Status {
    auto busy = db.Number("PRAGMA wal_checkpoint(TRUNCATE)");
    if (!busy) return std::unexpected(busy.error());
    if (*busy != 0)
      return Fail(ErrorCode::kUnavailable, "what was removed is still in the log: a reader holds it",
                  "try again");
    return {};
  });
}

Status DropTenant(WriteScope& scope, int64_t tenant) {
  for (std::string_view sql :
       {"DELETE FROM position WHERE tenant = ?", "DELETE FROM document WHERE tenant = ?"})
    CT_RETURN_IF_ERROR(scope.db.Prepare(sql).Bind(tenant).Run());
  return {};
}

}  // namespace

Result<Removed> RemoveFamilies(Readers& readers, Writer& writer, std::string_view tenant_name,
                               const RemoveRequest& request) {
  if (int{request.session_id.has_value()} + int{request.before_ns.has_value()} + int{request.everything} != 1)
    return Fail(ErrorCode::kInvalidInput, "a removal is of a session, by age, or of everything");
  Removed removed;
  auto tenant = TenantOf(readers, tenant_name);
  if (!tenant) return std::unexpected(tenant.error());
  if (!*tenant) return removed;
  auto families = FamiliesOf(readers, **tenant, request);
  if (!families) return std::unexpected(families.error());
  for (int64_t family : *families) {
    CT_RETURN_IF_ERROR(writer.Run([&](WriteScope& scope) -> Status {
      scope.forget();
      Status hidden = Hide(scope, **tenant, family, &removed);
      scope.forget();
      return hidden;
    }));
  }
  if (request.everything)
    CT_RETURN_IF_ERROR(writer.Run([&](WriteScope& scope) { return DropTenant(scope, **tenant); }));
  if (!families->empty() || request.everything)
    CT_RETURN_IF_ERROR(DropHidden(readers, writer, &removed.payloads));
  return removed;
}

Status FinishRemoval(Readers& readers, Writer& writer) {
  {
    auto lease = readers.Take();
    if (!lease) return std::unexpected(lease.error());
    auto left = lease->db().Number(
        "SELECT EXISTS(SELECT 1 FROM family WHERE tenant = 0) OR EXISTS(SELECT 1 FROM pack WHERE holes = 1)");
    if (!left) return std::unexpected(left.error());
    if (*left == 0) return {};
  }
  int64_t payloads = 0;
  return DropHidden(readers, writer, &payloads);
}

namespace {

struct WarmFamily {
  int64_t id = 0, changed = 0;
  std::vector<int64_t> blobs;
};

Status CollectBlobs(Database& db, int64_t family, std::vector<int64_t>* blobs) {
  std::set<int64_t> nodes, seen;
  {
    Statement find =
        db.Prepare("SELECT p.node FROM session s JOIN payload p ON p.session = s.id WHERE s.family = ?");
    find.Bind(family);
    while (find.Step()) nodes.insert(find.Int(0));
    CT_RETURN_IF_ERROR(find.ok());
  }
  std::set<int64_t> found;
  for (int64_t node : nodes) {
    while (node != 0 && seen.insert(node).second) {
      Statement find = db.Prepare(
          "SELECT n.parent, n.blob, b.pack IS NULL FROM node n JOIN blob b ON b.id = n.blob WHERE n.id = ?");
      bool there = find.Bind(node).Step();
      CT_RETURN_IF_ERROR(find.ok());
      if (!there) break;
      if (find.Int(2) != 0) found.insert(find.Int(1));
      node = find.Int(0);
    }
  }
  // By number: as they came, so that like stands beside like.
  blobs->assign(found.begin(), found.end());
  return {};
}

Result<std::optional<WarmFamily>> FindWarm(Readers& readers, int64_t unchanged_since_ns) {
  auto lease = readers.Take();
  if (!lease) return std::unexpected(lease.error());
  std::optional<WarmFamily> family;
  {
    Statement find = lease->db().Prepare(
        "SELECT id, changed FROM family WHERE sealed < changed AND touched_ns < ? ORDER BY touched_ns LIMIT "
        "1");
    if (find.Bind(unchanged_since_ns).Step()) family = WarmFamily{find.Int(0), find.Int(1), {}};
    CT_RETURN_IF_ERROR(find.ok());
  }
  if (family) CT_RETURN_IF_ERROR(CollectBlobs(lease->db(), family->id, &family->blobs));
  return family;
}

struct NewPack {
  std::vector<int64_t> blobs, places;
  std::string squeezed;
};

// The blobs from begin on that fill a pack.
Result<NewPack> MakePack(Readers& readers, const std::vector<int64_t>& blobs, size_t begin) {
  auto lease = readers.Take();
  if (!lease) return std::unexpected(lease.error());
  TextReader texts(&lease->db());
  NewPack pack;
  std::string content;
  for (size_t i = begin; i < blobs.size() && content.size() < kPackBytes; ++i) {
    auto text = texts.Text(blobs[i]);
    if (!text) return std::unexpected(std::move(text.error()));
    pack.blobs.push_back(blobs[i]), pack.places.push_back(std::ssize(content));
    content += *text;
  }
  pack.squeezed = Squeeze(content, kCold);
  return pack;
}

Status PutPack(WriteScope& scope, const NewPack& pack) {
  for (int64_t blob : pack.blobs) {
    Statement loose = scope.db.Prepare("SELECT 1 FROM blob WHERE id = ? AND pack IS NULL");
    bool is_loose = loose.Bind(blob).Step();
    CT_RETURN_IF_ERROR(loose.ok());
    // Removed, or packed by somebody else, since it was read: another round will see what is left.
    if (!is_loose) return {};
  }
  CT_RETURN_IF_ERROR(scope.db.Prepare("INSERT INTO pack(z) VALUES(?)").BindBlob(pack.squeezed).Run());
  int64_t id = scope.db.last_row();
  for (size_t i = 0; i < pack.blobs.size(); ++i) {
    Statement put = scope.db.Prepare("UPDATE blob SET pack = ?, at = ? WHERE id = ?");
    CT_RETURN_IF_ERROR(put.Bind(id).Bind(pack.places[i]).Bind(pack.blobs[i]).Run());
    CT_RETURN_IF_ERROR(scope.db.Prepare("DELETE FROM loose WHERE blob = ?").Bind(pack.blobs[i]).Run());
  }
  return {};
}

Status PackAll(Readers& readers, Writer& writer, const std::vector<int64_t>& blobs) {
  for (size_t done = 0; done < blobs.size();) {
    auto pack = MakePack(readers, blobs, done);
    if (!pack) return std::unexpected(std::move(pack.error()));
    done += pack->blobs.size();
    CT_RETURN_IF_ERROR(writer.Run([&](WriteScope& scope) { return PutPack(scope, *pack); }));
  }
  return {};
}

}  // namespace

Result<int64_t> SealFamilies(Readers& readers, Writer& writer, int64_t unchanged_since_ns) {
  for (;;) {
    auto family = FindWarm(readers, unchanged_since_ns);
    if (!family) return std::unexpected(std::move(family.error()));
    if (!*family) return 0;
    CT_RETURN_IF_ERROR(PackAll(readers, writer, (*family)->blobs));
    Status marked = writer.Run([&](WriteScope& scope) {
      Statement mark = scope.db.Prepare("UPDATE family SET sealed = max(sealed, ?) WHERE id = ?");
      return mark.Bind((*family)->changed).Bind((*family)->id).Run();
    });
    if (!marked) return std::unexpected(std::move(marked.error()));
    if (!(*family)->blobs.empty()) return std::ssize((*family)->blobs);
  }
}

namespace {

Result<bool> FreePages(WriteScope& scope) {
  CT_RETURN_IF_ERROR(scope.db.Execute("PRAGMA incremental_vacuum(" + std::to_string(kPagesOfSlice) + ")"));
  auto left = scope.db.Number("PRAGMA freelist_count");
  if (!left) return std::unexpected(left.error());
  return left->value_or(0) > 0;
}

// Names of attributes, too many rows hold them to look at each removal.
Status DropWords(WriteScope& scope) {
  scope.forget();
  return scope.db.Execute(
      "DELETE FROM word WHERE id NOT IN (SELECT source FROM fact UNION SELECT source FROM payload UNION "
      "SELECT "
      "part FROM payload)");
}

}  // namespace

Status GiveBack(Readers& readers, Writer& writer) {
  CT_RETURN_IF_ERROR(DropNames(readers, writer));
  CT_RETURN_IF_ERROR(writer.Run(DropWords));
  CT_RETURN_IF_ERROR(Repeat(writer, FreePages));
  return writer.RunAlone([](Database& db) -> Status {
    auto busy = db.Number("PRAGMA wal_checkpoint(TRUNCATE)");
    if (!busy) return std::unexpected(busy.error());
    return {};
  });
}

}  // namespace clawtrace::store
