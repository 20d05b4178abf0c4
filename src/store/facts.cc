#include "store/facts.h"

#include <algorithm>
#include <map>

#include "model/archive.h"
#include "store/fact_codec.h"
#include "store/rows.h"
#include "store/squeeze.h"

namespace clawtrace::store {
namespace {

constexpr size_t kMaxFactBytes = size_t{1} << 30;

struct Member {
  int64_t id = 0;
  std::string name;
};

Result<std::vector<Member>> MembersOf(Database& db, const SessionRow& session, Scope scope) {
  bool family = scope == Scope::kFamily;
  Statement find = db.Prepare(family ? "SELECT id, name FROM session WHERE family = ? ORDER BY name"
                                     : "SELECT id, name FROM session WHERE id = ?");
  find.Bind(family ? session.family : session.id);
  std::vector<Member> members;
  while (find.Step()) members.push_back({find.Int(0), std::string(find.Text(1))});
  CT_RETURN_IF_ERROR(find.ok());
  return members;
}

Status ReadSkippedRows(Database& db, const Member& member, std::vector<SkippedRecord>* out) {
  Statement find =
      db.Prepare("SELECT file, line, at, reason FROM skipped WHERE session = ? ORDER BY 1, 2, 3, 4");
  find.Bind(member.id);
  while (find.Step())
    out->push_back(
        {member.name, {std::string(find.Text(0)), find.Int(1), find.Int(2), std::string(find.Text(3))}});
  return find.ok();
}

}  // namespace

Result<Fact> DecodeFactRow(int64_t kind, std::string_view body) {
  auto known = static_cast<FactKind>(kind);
  if (NameOf(known) == "?") return Fail(ErrorCode::kCorruptData, "a stored fact is of no known kind");
  auto bytes = Unsqueeze(body, kMaxFactBytes);
  if (!bytes) return std::unexpected(std::move(bytes.error()));
  Fact fact;
  CT_RETURN_IF_ERROR(DecodeFactBody(*bytes, &fact));
  fact.kind = known;
  return fact;
}

Result<FactsRead> ReadFactRows(Database& db, const SessionRow& session, Scope scope,
                               const FactVisitor& visit) {
  FactsRead read;
  auto members = MembersOf(db, session, scope);
  if (!members) return std::unexpected(std::move(members.error()));
  bool more = true;
  for (const Member& member : *members) {
    read.session_ids.push_back(member.name);
    CT_RETURN_IF_ERROR(ReadSkippedRows(db, member, &read.skipped));
    // In the order of the hashes: of content, not of arrival.
    Statement rows = db.Prepare(
        "SELECT w.s, f.kind, f.body FROM fact f CROSS JOIN word w ON w.id = f.source WHERE f.session = ? "
        "ORDER BY f.hash");
    rows.Bind(member.id);
    while (more && rows.Step()) {
      auto fact = DecodeFactRow(rows.Int(1), rows.Blob(2));
      if (!fact) {
        ++read.damaged;
        continue;
      }
      fact->source = rows.Text(0), fact->session_id = member.name;
      more = visit(std::move(*fact));
    }
    CT_RETURN_IF_ERROR(rows.ok());
  }
  return read;
}

}  // namespace clawtrace::store
