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

// Of one commit, which acknowledgements wait for: rows that change, and texts by their length.
constexpr int64_t kSlice = 2000;
constexpr int64_t kBytesOfRow = 256;
constexpr int64_t kRowsAtOnce = 64;
constexpr int64_t kFamiliesAtOnce = 1000;
constexpr int64_t kPagesOfSlice = 1000;
constexpr size_t kPackBytes = size_t{256} << 10;

// What a commit has done so far.
class Work {
 public:
  explicit Work(Database& db) : db_(db), begin_(db.total_changes()) {}
  void AddBytes(size_t bytes) { other_ += static_cast<int64_t>(bytes) / kBytesOfRow; }
  bool enough() const { return db_.total_changes() - begin_ + other_ >= kSlice; }

 private:
  Database& db_;
  int64_t begin_, other_ = 0;
};

// How many commits are left to whoever wants to do something else in between.
struct Pace {
  int64_t commits = INT64_MAX;
};

// Families to drop, and packs that lost texts by it. Known by number, and numbers are given again: each
// commit looks whether they still are what they were.
struct Doomed {
  std::vector<int64_t> families;
  std::set<int64_t> packs;
};

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

// Until the index and the log are free of what went in this commit.
Status MarkRemoving(WriteScope& scope) {
  return scope.db.Prepare("INSERT OR REPLACE INTO meta VALUES('removing', ?)")
      .Bind(static_cast<int64_t>(scope.sequence))
      .Run();
}

// It was found before: it may have grown young, or be gone and its number another's.
Result<bool> IsStill(Database& db, int64_t tenant, int64_t family, const RemoveRequest& request) {
  Statement find = db.Prepare(
      "SELECT 1 FROM family f WHERE f.id = ?1 AND f.tenant = ?2 AND (?3 IS NULL OR ifnull((SELECT "
      "max(s.last_ns) FROM session s WHERE s.family = f.id), f.touched_ns) < ?3)");
  find.Bind(family).Bind(tenant).Bind(request.before_ns);
  bool is = find.Step();
  CT_RETURN_IF_ERROR(find.ok());
  return is;
}

// From here on nobody sees the family: it is of tenant 0, its sessions of none that has a name.
Status Hide(WriteScope& scope, int64_t tenant, int64_t family, Removed* removed) {
  CT_RETURN_IF_ERROR(DropCompiled(scope, tenant, family));
  {
    Statement count = scope.db.Prepare(
        "SELECT count(*), ifnull(sum(s.facts), 0), ifnull(sum((SELECT count(*) FROM payload p WHERE "
        "p.session "
        "= s.id)), 0) FROM session s WHERE s.family = ?");
    if (count.Bind(family).Step())
      removed->sessions += count.Int(0), removed->facts += count.Int(1), removed->payloads += count.Int(2);
    CT_RETURN_IF_ERROR(count.ok());
  }
  CT_RETURN_IF_ERROR(
      scope.db.Prepare("UPDATE session SET tenant = -id, name = '' WHERE family = ?").Bind(family).Run());
  ++removed->families;
  return scope.db
      .Prepare("UPDATE family SET tenant = 0, stale = 0, sealed = changed, made_by = NULL WHERE id = ?")
      .Bind(family)
      .Run();
}

Status DropBlobIfUnused(WriteScope& scope, int64_t blob, Work& work, Doomed* doomed) {
  {
    Statement used = scope.db.Prepare("SELECT 1 FROM node WHERE blob = ?");
    if (used.Bind(blob).Step()) return {};
    CT_RETURN_IF_ERROR(used.ok());
  }
  std::optional<int64_t> pack;
  {
    Statement find = scope.db.Prepare(
        "SELECT b.pack, length(l.z) FROM blob b LEFT JOIN loose l ON l.blob = b.id WHERE b.id = ?");
    if (find.Bind(blob).Step()) pack = find.OptionalInt(0), work.AddBytes(static_cast<size_t>(find.Int(1)));
    CT_RETURN_IF_ERROR(find.ok());
  }
  if (pack && doomed->packs.insert(*pack).second)
    CT_RETURN_IF_ERROR(scope.db.Prepare("UPDATE pack SET holes = 1 WHERE id = ?").Bind(*pack).Run());
  CT_RETURN_IF_ERROR(scope.db.Prepare("DELETE FROM loose WHERE blob = ?").Bind(blob).Run());
  return scope.db.Prepare("DELETE FROM blob WHERE id = ?").Bind(blob).Run();
}

// Up the chain as far as nothing else hangs on it.
Status DropChain(WriteScope& scope, int64_t node, Work& work, Doomed* doomed) {
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
    CT_RETURN_IF_ERROR(DropBlobIfUnused(scope, blob, work, doomed));
    node = parent;
  }
  return {};
}

// Payloads of a session. False: the commit is full.
Result<bool> DropPayloads(WriteScope& scope, int64_t session, Work& work, Doomed* doomed) {
  struct Row {
    std::string call, hash;
    int64_t source = 0, part = 0, node = 0;
  };
  for (;;) {
    std::vector<Row> rows;
    {
      Statement find =
          scope.db.Prepare("SELECT call, hash, source, part, node FROM payload WHERE session = ? LIMIT ?");
      find.Bind(session).Bind(kRowsAtOnce);
      while (find.Step())
        rows.push_back(
            {std::string(find.Text(0)), std::string(find.Blob(1)), find.Int(2), find.Int(3), find.Int(4)});
      CT_RETURN_IF_ERROR(find.ok());
    }
    if (rows.empty()) return true;
    for (const Row& row : rows) {
      if (work.enough()) return false;
      Statement drop = scope.db.Prepare(
          "DELETE FROM payload WHERE session = ? AND call = ? AND source = ? AND part = ? AND hash = ?");
      drop.Bind(session).Bind(std::string_view(row.call)).Bind(row.source).Bind(row.part);
      CT_RETURN_IF_ERROR(drop.BindBlob(row.hash).Run());
      CT_RETURN_IF_ERROR(DropChain(scope, row.node, work, doomed));
    }
  }
}

struct HiddenSession {
  int64_t id = 0, owner = 0;
};

Status DropFact(WriteScope& scope, int64_t id, int64_t owner, bool is_indexed, Work& work) {
  std::string words;
  {
    Statement find = scope.db.Prepare("SELECT kind, body FROM fact WHERE id = ?");
    if (find.Bind(id).Step()) {
      work.AddBytes(find.Blob(1).size());
      auto fact = DecodeFactRow(find.Int(0), find.Blob(1));
      if (fact && is_indexed) words = IndexWords(*fact, owner);
    }
    CT_RETURN_IF_ERROR(find.ok());
  }
  work.AddBytes(words.size());
  if (!words.empty()) {
    Statement drop = scope.db.Prepare("INSERT INTO text(text, rowid, words) VALUES('delete', ?, ?)");
    CT_RETURN_IF_ERROR(drop.Bind(id).Bind(std::string_view(words)).Run());
  }
  return scope.db.Prepare("DELETE FROM fact WHERE id = ?").Bind(id).Run();
}

Result<bool> DropFacts(WriteScope& scope, const HiddenSession& session, int64_t indexed, Work& work) {
  for (;;) {
    std::vector<int64_t> rows;
    {
      Statement find = scope.db.Prepare("SELECT id FROM fact WHERE session = ? LIMIT ?");
      find.Bind(session.id).Bind(kRowsAtOnce);
      while (find.Step()) rows.push_back(find.Int(0));
      CT_RETURN_IF_ERROR(find.ok());
    }
    if (rows.empty()) return true;
    for (int64_t id : rows) {
      if (work.enough()) return false;
      CT_RETURN_IF_ERROR(DropFact(scope, id, session.owner, id <= indexed, work));
    }
  }
}

// False: the commit is full.
Result<bool> DropSession(WriteScope& scope, const HiddenSession& session, int64_t indexed, Work& work,
                         Doomed* doomed) {
  auto gone = DropFacts(scope, session, indexed, work);
  if (gone && *gone) gone = DropPayloads(scope, session.id, work, doomed);
  if (!gone || !*gone) return gone;
  CT_RETURN_IF_ERROR(scope.db.Prepare("DELETE FROM skipped WHERE session = ?").Bind(session.id).Run());
  CT_RETURN_IF_ERROR(scope.db.Prepare("DELETE FROM session WHERE id = ?").Bind(session.id).Run());
  return true;
}

Result<bool> DropFamily(WriteScope& scope, int64_t family, int64_t indexed, Work& work, Doomed* doomed) {
  {
    Statement hidden = scope.db.Prepare("SELECT 1 FROM family WHERE id = ? AND tenant = 0");
    bool is_hidden = hidden.Bind(family).Step();
    CT_RETURN_IF_ERROR(hidden.ok());
    if (!is_hidden) return true;  // somebody else was faster
  }
  while (!work.enough()) {
    std::optional<HiddenSession> session;
    {
      Statement find = scope.db.Prepare("SELECT id, owner FROM session WHERE family = ? LIMIT 1");
      if (find.Bind(family).Step()) session = HiddenSession{find.Int(0), find.Int(1)};
      CT_RETURN_IF_ERROR(find.ok());
    }
    if (!session) {
      CT_RETURN_IF_ERROR(scope.db.Prepare("DELETE FROM family WHERE id = ?").Bind(family).Run());
      return true;
    }
    auto gone = DropSession(scope, *session, indexed, work, doomed);
    if (!gone) return gone;
  }
  return false;
}

// One commit's worth of families that are hidden. True when something of them is left.
Result<bool> DropSlice(WriteScope& scope, Doomed* doomed) {
  auto indexed = scope.db.Number("SELECT value FROM meta WHERE name = 'indexed'");
  if (!indexed) return std::unexpected(indexed.error());
  Work work(scope.db);
  while (!doomed->families.empty() && !work.enough()) {
    auto gone = DropFamily(scope, doomed->families.back(), indexed->value_or(0), work, doomed);
    if (!gone) return gone;
    if (*gone) doomed->families.pop_back();
  }
  CT_RETURN_IF_ERROR(MarkRemoving(scope));
  // Numbers at the end are given again; those are to be indexed then.
  CT_RETURN_IF_ERROR(scope.db.Execute(
      "UPDATE meta SET value = min(value, (SELECT ifnull(max(id), 0) FROM fact)) WHERE name = 'indexed'"));
  return !doomed->families.empty();
}

// A pack that lost a text is written anew without it.
Status FillHole(WriteScope& scope, int64_t pack, Work& work) {
  {
    Statement find = scope.db.Prepare("SELECT length(z) FROM pack WHERE id = ? AND holes = 1");
    bool has_holes = find.Bind(pack).Step();
    CT_RETURN_IF_ERROR(find.ok());
    if (!has_holes) return {};
    work.AddBytes(static_cast<size_t>(find.Int(0)));
  }
  std::vector<int64_t> blobs;
  {
    Statement find = scope.db.Prepare("SELECT id FROM blob WHERE pack = ? ORDER BY at");
    find.Bind(pack);
    while (find.Step()) blobs.push_back(find.Int(0));
    CT_RETURN_IF_ERROR(find.ok());
  }
  if (blobs.empty()) return scope.db.Prepare("DELETE FROM pack WHERE id = ?").Bind(pack).Run();
  TextReader texts(&scope.db);
  std::string content;
  std::vector<int64_t> places;
  for (int64_t blob : blobs) {
    auto text = texts.Text(blob);
    if (!text) return std::unexpected(text.error());
    places.push_back(std::ssize(content));
    content += *text;
  }
  work.AddBytes(content.size() * 2);
  for (size_t i = 0; i < blobs.size(); ++i)
    CT_RETURN_IF_ERROR(
        scope.db.Prepare("UPDATE blob SET at = ? WHERE id = ?").Bind(places[i]).Bind(blobs[i]).Run());
  std::string squeezed = Squeeze(content, kCold);
  return scope.db.Prepare("UPDATE pack SET z = ?, holes = 0 WHERE id = ?")
      .BindBlob(squeezed)
      .Bind(pack)
      .Run();
}

Result<bool> FillHoles(WriteScope& scope, Doomed* doomed) {
  Work work(scope.db);
  while (!doomed->packs.empty() && !work.enough()) {
    CT_RETURN_IF_ERROR(FillHole(scope, *doomed->packs.begin(), work));
    doomed->packs.erase(doomed->packs.begin());
  }
  CT_RETURN_IF_ERROR(MarkRemoving(scope));
  return !doomed->packs.empty();
}

// Runs steps, each a commit, until one says that it was the last. True: they were stopped before that.
template <class Step>  // Result<bool>(WriteScope&): true = go on
Result<bool> Repeat(Writer& writer, Pace& pace, Step&& step) {
  for (bool more = true; more;) {
    if (pace.commits-- <= 0) return true;
    Status ran = writer.Run([&](WriteScope& scope) -> Status {
      auto result = step(scope);
      if (!result) return std::unexpected(result.error());
      more = *result;
      return {};
    });
    if (!ran) return std::unexpected(std::move(ran.error()));
  }
  return false;
}

// Words of facts that are gone stay in the index until its parts are merged. Begun once for what was dropped
// last: to begin again would be to write anew what is merged already.
Result<bool> MergeText(Writer& writer, Pace& pace) {
  Status begun = writer.Run([](WriteScope& scope) -> Status {
    auto is_begun = scope.db.Number(
        "SELECT 1 FROM meta m JOIN meta r ON r.value = m.value WHERE m.name = 'merging' AND r.name = "
        "'removing'");
    if (!is_begun) return std::unexpected(is_begun.error());
    if (*is_begun) return {};
    CT_RETURN_IF_ERROR(scope.db.Execute(
        "INSERT OR REPLACE INTO meta SELECT 'merging', value FROM meta WHERE name = 'removing'"));
    // Negative: everything into one part, in steps.
    return scope.db.Execute("INSERT INTO text(text, rank) VALUES('merge', -200)");
  });
  if (!begun) return std::unexpected(std::move(begun.error()));
  return Repeat(writer, pace, [](WriteScope& scope) -> Result<bool> {
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

// Sequence of the last commit that took something out which the index or the log may still hold; 0: none.
Result<int64_t> RemovingSince(Readers& readers) {
  auto lease = readers.Take();
  if (!lease) return std::unexpected(lease.error());
  auto since = lease->db().Number("SELECT value FROM meta WHERE name = 'removing'");
  if (!since) return std::unexpected(since.error());
  return since->value_or(0);
}

// Names, index and log, after the rows. True when it was stopped before the end.
Result<bool> CleanUp(Readers& readers, Writer& writer, Pace& pace) {
  auto since = RemovingSince(readers);
  if (!since) return std::unexpected(since.error());
  if (*since == 0) return false;
  CT_RETURN_IF_ERROR(DropNames(readers, writer));
  auto left = MergeText(writer, pace);
  if (!left || *left) return left;
  Status emptied = writer.RunAlone([](Database& db) -> Status {
    auto busy = db.Number("PRAGMA wal_checkpoint(TRUNCATE)");
    if (!busy) return std::unexpected(busy.error());
    if (*busy != 0)
      return Fail(ErrorCode::kUnavailable, "what was removed is still in the log: a reader holds it",
                  "try again");
    return {};
  });
  if (!emptied) return std::unexpected(std::move(emptied.error()));
  // Unless another removal has dropped something since.
  CT_RETURN_IF_ERROR(writer.Run([&](WriteScope& scope) {
    return scope.db.Prepare("UPDATE meta SET value = 0 WHERE name = 'removing' AND value = ?")
        .Bind(*since)
        .Run();
  }));
  return false;
}

Result<bool> DropDoomed(Writer& writer, Doomed doomed, Pace& pace) {
  auto left = Repeat(writer, pace, [&](WriteScope& scope) -> Result<bool> {
    scope.forget();
    auto more = DropSlice(scope, &doomed);
    scope.forget();
    return more;
  });
  if (!left || *left || doomed.packs.empty()) return left;
  return Repeat(writer, pace, [&](WriteScope& scope) { return FillHoles(scope, &doomed); });
}

// Some of all that is hidden, whoever removed it.
Result<Doomed> FindDoomed(Readers& readers) {
  auto lease = readers.Take();
  if (!lease) return std::unexpected(lease.error());
  Doomed doomed;
  {
    Statement find = lease->db().Prepare("SELECT id FROM family WHERE tenant = 0 LIMIT ?");
    find.Bind(kFamiliesAtOnce);
    while (find.Step()) doomed.families.push_back(find.Int(0));
    CT_RETURN_IF_ERROR(find.ok());
  }
  Statement find = lease->db().Prepare("SELECT id FROM pack WHERE holes = 1 LIMIT ?");
  find.Bind(kFamiliesAtOnce);
  while (find.Step()) doomed.packs.insert(find.Int(0));
  CT_RETURN_IF_ERROR(find.ok());
  return doomed;
}

// Families that were found, those that are hidden, and the counts of these.
struct Hiding {
  std::vector<int64_t>* found;
  std::vector<int64_t>* hidden;
  Removed* removed;
};

// One commit's worth. True when some are left.
Result<bool> HideSlice(WriteScope& scope, int64_t tenant, const RemoveRequest& request, Hiding hiding) {
  scope.forget();
  Work work(scope.db);
  while (!hiding.found->empty() && !work.enough()) {
    int64_t family = hiding.found->back();
    hiding.found->pop_back();
    auto is_still = IsStill(scope.db, tenant, family, request);
    if (!is_still) return is_still;
    if (!*is_still) continue;
    CT_RETURN_IF_ERROR(Hide(scope, tenant, family, hiding.removed));
    hiding.hidden->push_back(family);
  }
  CT_RETURN_IF_ERROR(MarkRemoving(scope));
  scope.forget();
  return !hiding.found->empty();
}

Status DropTenant(WriteScope& scope, int64_t tenant) {
  for (std::string_view sql :
       {"DELETE FROM position WHERE tenant = ?", "DELETE FROM document WHERE tenant = ?"})
    CT_RETURN_IF_ERROR(scope.db.Prepare(sql).Bind(tenant).Run());
  return MarkRemoving(scope);
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
  Doomed doomed;
  Pace pace;
  if (!families->empty()) {
    auto hidden = Repeat(writer, pace, [&](WriteScope& scope) {
      return HideSlice(scope, **tenant, request, {&*families, &doomed.families, &removed});
    });
    if (!hidden) return std::unexpected(std::move(hidden.error()));
  }
  if (request.everything)
    CT_RETURN_IF_ERROR(writer.Run([&](WriteScope& scope) { return DropTenant(scope, **tenant); }));
  if ((doomed.families.empty() && !request.everything) || request.from_disk_later) return removed;
  auto left = DropDoomed(writer, std::move(doomed), pace);
  if (left) left = CleanUp(readers, writer, pace);
  if (!left) return std::unexpected(std::move(left.error()));
  return removed;
}

Result<bool> FinishRemovals(Readers& readers, Writer& writer, int64_t commits) {
  Pace pace{commits};
  for (;;) {
    auto doomed = FindDoomed(readers);
    if (!doomed) return std::unexpected(std::move(doomed.error()));
    if (doomed->families.empty() && doomed->packs.empty()) return CleanUp(readers, writer, pace);
    auto left = DropDoomed(writer, std::move(*doomed), pace);
    if (!left || *left) return left;
  }
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
  auto left = FinishRemovals(readers, writer, INT64_MAX);
  if (!left) return std::unexpected(std::move(left.error()));
  CT_RETURN_IF_ERROR(DropNames(readers, writer));
  CT_RETURN_IF_ERROR(writer.Run(DropWords));
  Pace pace;
  left = Repeat(writer, pace, FreePages);
  if (!left) return std::unexpected(std::move(left.error()));
  return writer.RunAlone([](Database& db) -> Status {
    auto busy = db.Number("PRAGMA wal_checkpoint(TRUNCATE)");
    if (!busy) return std::unexpected(busy.error());
    return {};
  });
}

}  // namespace clawtrace::store
