#include "store/summaries.h"

#include <algorithm>
#include <map>
#include <set>
#include <variant>

#include "model/pack_archive.h"
#include "store/cursor.h"
#include "store/rows.h"
#include "store/squeeze.h"
#include "store/totals.h"

namespace clawtrace::store {
namespace {

constexpr int64_t kUnknown = INT64_MIN;  // below every time and amount

struct FamilyRow {
  int64_t id = 0, changed = 0, compiled = 0;
};

Result<std::optional<FamilyRow>> FindFamily(Database& db, int64_t tenant, std::string_view session) {
  Statement find = db.Prepare(
      "SELECT f.id, f.changed, f.compiled FROM session s JOIN family f ON f.id = s.family "
      "WHERE s.tenant = ? AND s.name = ?");
  std::optional<FamilyRow> row;
  if (find.Bind(tenant).Bind(session).Step()) row = FamilyRow{find.Int(0), find.Int(1), find.Int(2)};
  CT_RETURN_IF_ERROR(find.ok());
  return row;
}

// Key and time of every call of a family's sessions.
using Calls = std::set<std::pair<int64_t, std::optional<int64_t>>>;

Result<Calls> CallsOfFamily(Database& db, int64_t family) {
  Calls calls;
  Statement find = db.Prepare(
      "SELECT c.key, c.start_ns FROM summary s JOIN call c ON c.summary = s.id WHERE s.family = ?");
  find.Bind(family);
  while (find.Step()) calls.emplace(find.Int(0), find.OptionalInt(1));
  CT_RETURN_IF_ERROR(find.ok());
  return calls;
}

// Other families hold copies of these calls: whom they are charged to may have changed.
Status StaleHolders(WriteScope& scope, int64_t tenant, int64_t family, const std::set<int64_t>& keys) {
  for (int64_t key : keys) {
    Statement mark = scope.db.Prepare(
        "UPDATE family SET changed = ?, stale = 1 WHERE id != ? AND id IN (SELECT s.family FROM "
        "call c JOIN summary s ON s.id = c.summary WHERE c.tenant = ? AND c.key = ?)");
    mark.Bind(static_cast<int64_t>(scope.sequence)).Bind(family).Bind(tenant).Bind(key);
    CT_RETURN_IF_ERROR(mark.Run());
  }
  return {};
}

Status PutPage(WriteScope& scope, int64_t summary, int64_t number, std::string_view bytes) {
  std::string squeezed = Squeeze(bytes, kWarm);
  Statement put = scope.db.Prepare("INSERT INTO page(summary, number, z) VALUES(?, ?, ?)");
  return put.Bind(summary).Bind(number).BindBlob(squeezed).Run();
}

Result<int64_t> PutSummary(WriteScope& scope, int64_t tenant, int64_t family, const SessionSummary& s) {
  auto agent = scope.rows.String(s.agent);
  if (!agent) return agent;
  std::optional<int64_t> status, cost;
  if (s.cost_status) status = static_cast<int64_t>(*s.cost_status);
  if (s.cost) cost = s.cost->pico();
  Statement put = scope.db.Prepare(
      "INSERT INTO summary(tenant, family, session, agent, task, project, user, start_key, cost_key, "
      "start_ns, "
      "end_ns, outcome, cost_status, cost, uncached_input, cache_read, cache_write_5m, cache_write_1h, "
      "cache_write_unknown, output, reasoning, llm_calls, tool_calls, prompt) "
      "VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  put.Bind(tenant).Bind(family).Bind(std::string_view(s.session_id));
  put.Bind(*agent).Bind(std::string_view(s.task_id)).Bind(std::string_view(s.project));
  put.Bind(std::string_view(s.user));
  put.Bind(s.start_ns.value_or(kUnknown)).Bind(cost.value_or(kUnknown)).Bind(s.start_ns).Bind(s.end_ns);
  put.Bind(static_cast<int64_t>(s.outcome)).Bind(status).Bind(cost);
  const Usage& t = s.tokens;
  for (int64_t count : {t.uncached_input, t.cache_read, t.cache_write_5m, t.cache_write_1h,
                        t.cache_write_unknown, t.output, t.reasoning, s.llm_calls, s.tool_calls})
    put.Bind(count);
  CT_RETURN_IF_ERROR(put.Bind(std::string_view(s.prompt)).Run());
  return scope.db.last_row();
}

Status PutSession(WriteScope& scope, int64_t tenant, int64_t family, const CompiledSession& session) {
  {
    Statement other = scope.db.Prepare(
        "SELECT s.family FROM summary s WHERE s.tenant = ? AND s.session = ? AND s.agent = "
        "(SELECT id FROM str WHERE s = ?)");
    other.Bind(tenant).Bind(std::string_view(session.summary.session_id));
    if (other.Bind(std::string_view(session.summary.agent)).Step())
      return Fail(ErrorCode::kInvalidInput,
                  "session " + session.summary.session_id + " was compiled of two families: link them");
    CT_RETURN_IF_ERROR(other.ok());
  }
  auto summary = PutSummary(scope, tenant, family, session.summary);
  if (!summary) return std::unexpected(summary.error());
  CT_RETURN_IF_ERROR(PutPage(scope, *summary, kCardPage, session.summary.card));
  std::string calls;
  PackWriter(&calls).Put(session.calls);
  CT_RETURN_IF_ERROR(PutPage(scope, *summary, kCallsPage, calls));
  for (size_t i = 0; i < session.pages.size(); ++i)
    CT_RETURN_IF_ERROR(PutPage(scope, *summary, static_cast<int64_t>(i), session.pages[i]));
  for (const CallTrace& call : session.calls.calls) {
    Statement put = scope.db.Prepare("INSERT OR IGNORE INTO call VALUES(?, ?, ?, ?)");
    put.Bind(tenant).Bind(static_cast<int64_t>(call.key)).Bind(*summary).Bind(call.start_ns);
    CT_RETURN_IF_ERROR(put.Run());
  }
  return AddSpend(scope, tenant, *summary, session.summary.agent, session.spend);
}

Result<SessionSummary> SummaryOf(Database& db, const Statement& row, bool with_card) {
  SessionSummary s;
  s.session_id = row.Text(1);
  s.agent = row.Text(2), s.task_id = row.Text(3), s.project = row.Text(4), s.user = row.Text(5);
  s.start_ns = row.OptionalInt(6), s.end_ns = row.OptionalInt(7);
  s.outcome = static_cast<Verdict>(row.Int(8));
  if (auto status = row.OptionalInt(9)) s.cost_status = static_cast<CostStatus>(*status);
  if (auto cost = row.OptionalInt(10)) s.cost = Usd::Pico(*cost);
  int column = 11;
  for (int64_t* count :
       {&s.tokens.uncached_input, &s.tokens.cache_read, &s.tokens.cache_write_5m, &s.tokens.cache_write_1h,
        &s.tokens.cache_write_unknown, &s.tokens.output, &s.tokens.reasoning, &s.llm_calls, &s.tool_calls})
    *count = row.Int(column++);
  s.prompt = row.Text(column);
  if (!with_card) return s;
  Statement page = db.Prepare("SELECT z FROM page WHERE summary = ? AND number = ?");
  if (page.Bind(row.Int(0)).Bind(kCardPage).Step()) {
    auto card = Unsqueeze(page.Blob(0), kMaxPageBytes);
    if (!card) return std::unexpected(std::move(card.error()));
    s.card = std::move(*card);
  }
  CT_RETURN_IF_ERROR(page.ok());
  return s;
}

constexpr std::string_view kColumns =
    "SELECT y.id, y.session, a.s, y.task, y.project, y.user, y.start_ns, y.end_ns, y.outcome, y.cost_status, "
    "y.cost, "
    "y.uncached_input, y.cache_read, y.cache_write_5m, y.cache_write_1h, y.cache_write_unknown, y.output, "
    "y.reasoning, y.llm_calls, y.tool_calls, y.prompt, y.start_key, y.cost_key, y.agent FROM summary y "
    "CROSS JOIN str a ON a.id = y.agent ";
constexpr int kStartKey = 21, kCostKey = 22, kAgent = 23;

uint64_t HashOfRequest(const ListRequest& request) {
  const SessionFilter& f = request.filter;
  std::string text;
  PackWriter out(&text);
  out.Put(static_cast<int64_t>(request.order)), out.Put(f.agent), out.Put(f.task_id), out.Put(f.project);
  out.Put(f.user), out.Put(f.outcome), out.Put(f.cost_status), out.Put(f.from_ns), out.Put(f.until_ns);
  return Hash64(text);
}

// A query and what is bound to it, in order.
struct Query {
  std::string sql;
  std::vector<std::variant<int64_t, std::string_view>> values;
  void And(std::string_view condition, std::variant<int64_t, std::string_view> value) {
    sql.append(" AND ").append(condition);
    values.push_back(value);
  }
};

// nullopt: an agent that the store has never seen, so nothing matches.
Result<std::optional<Query>> QueryOf(Database& db, int64_t tenant, const SessionFilter& f) {
  Query query{std::string(kColumns) + "WHERE y.tenant = ?", {tenant}};
  if (f.agent) {
    auto number = FindString(db, *f.agent);
    if (!number) return std::unexpected(number.error());
    if (!*number) return std::optional<Query>();
    query.And("y.agent = ?", **number);
  }
  if (f.task_id) query.And("y.task = ?", *f.task_id);
  if (f.project) query.And("y.project = ?", *f.project);
  if (f.user) query.And("y.user = ?", *f.user);
  if (f.outcome) query.And("y.outcome = ?", static_cast<int64_t>(*f.outcome));
  if (f.cost_status) query.And("y.cost_status = ?", static_cast<int64_t>(*f.cost_status));
  // A bound on the start is not met by an unknown one.
  if (f.from_ns || f.until_ns) query.And("y.start_key > ?", kUnknown);
  if (f.from_ns) query.And("y.start_key >= ?", *f.from_ns);
  if (f.until_ns) query.And("y.start_key < ?", *f.until_ns);
  return query;
}

Status DropCompiledRows(WriteScope& scope, int64_t tenant, int64_t family) {
  std::vector<int64_t> summaries;
  {
    Statement find = scope.db.Prepare("SELECT id FROM summary WHERE family = ?");
    find.Bind(family);
    while (find.Step()) summaries.push_back(find.Int(0));
    CT_RETURN_IF_ERROR(find.ok());
  }
  for (int64_t summary : summaries) {
    CT_RETURN_IF_ERROR(DropSpend(scope, tenant, summary));
    for (std::string_view sql : {"DELETE FROM page WHERE summary = ?", "DELETE FROM call WHERE summary = ?",
                                 "DELETE FROM summary WHERE id = ?"})
      CT_RETURN_IF_ERROR(scope.db.Prepare(sql).Bind(summary).Run());
  }
  return {};
}

}  // namespace

Status DropCompiled(WriteScope& scope, int64_t tenant, int64_t family) {
  auto calls = CallsOfFamily(scope.db, family);
  if (!calls) return std::unexpected(calls.error());
  std::set<int64_t> keys;
  for (const auto& [key, start] : *calls) keys.insert(key);
  CT_RETURN_IF_ERROR(StaleHolders(scope, tenant, family, keys));
  return DropCompiledRows(scope, tenant, family);
}

Result<bool> PutCompiledRows(WriteScope& scope, std::string_view tenant_name, const Compiled& compiled) {
  auto tenant = scope.rows.Tenant(tenant_name);
  if (!tenant) return std::unexpected(tenant.error());
  auto family = FindFamily(scope.db, *tenant, compiled.session_id);
  if (!family) return std::unexpected(family.error());
  auto sequence = static_cast<int64_t>(compiled.sequence);
  if (!*family || sequence < (*family)->compiled) return false;
  int64_t id = (*family)->id;
  auto before = CallsOfFamily(scope.db, id);
  if (!before) return std::unexpected(before.error());
  CT_RETURN_IF_ERROR(DropCompiledRows(scope, *tenant, id));
  for (const CompiledSession& session : compiled.sessions)
    CT_RETURN_IF_ERROR(PutSession(scope, *tenant, id, session));
  auto after = CallsOfFamily(scope.db, id);
  if (!after) return std::unexpected(after.error());
  std::vector<Calls::value_type> changed;
  std::ranges::set_symmetric_difference(*before, *after, std::back_inserter(changed));
  std::set<int64_t> keys;
  for (const auto& [key, start] : changed) keys.insert(key);
  CT_RETURN_IF_ERROR(StaleHolders(scope, *tenant, id, keys));
  auto made_by = scope.rows.String(compiled.made_by);
  if (!made_by) return std::unexpected(made_by.error());
  Statement mark = scope.db.Prepare("UPDATE family SET compiled = ?, made_by = ?, stale = ? WHERE id = ?");
  mark.Bind(sequence).Bind(*made_by).Bind(int64_t{(*family)->changed > sequence}).Bind(id);
  CT_RETURN_IF_ERROR(mark.Run());
  return true;
}

Result<SessionList> ListRows(Database& db, int64_t tenant, const ListRequest& request) {
  if (request.limit < 1 || request.limit > kMaxPage)
    return Fail(ErrorCode::kInvalidInput, "the limit of a list is from 1 to " + std::to_string(kMaxPage));
  uint64_t asked = HashOfRequest(request);
  std::optional<Cursor> cursor;
  if (!request.cursor.empty()) {
    cursor = DecodeCursor(request.cursor);
    if (!cursor || cursor->request != asked)
      return Fail(ErrorCode::kInvalidInput, "the cursor is not of this list", "begin with the first page");
  }
  auto query = QueryOf(db, tenant, request.filter);
  if (!query) return std::unexpected(query.error());
  SessionList list;
  if (!*query) return list;
  bool dearest = request.order == SessionOrder::kDearest, upward = request.order == SessionOrder::kOldest;
  std::string key = dearest ? "y.cost_key" : "y.start_key";
  std::string& sql = (*query)->sql;
  if (cursor) sql += " AND (" + key + ", y.session, y.agent) " + (upward ? ">" : "<") + " (?, ?, ?)";
  std::string direction = upward ? "" : " DESC";
  sql += " ORDER BY " + key + direction + ", y.session" + direction + ", y.agent" + direction + " LIMIT ?";
  Statement rows = db.Prepare(sql);
  for (const auto& value : (*query)->values) std::visit([&](auto each) { rows.Bind(each); }, value);
  if (cursor) rows.Bind(cursor->key).Bind(std::string_view(cursor->id)).Bind(cursor->number);
  rows.Bind(request.limit + 1);
  Cursor last{asked};
  while (rows.Step()) {
    if (std::ssize(list.sessions) == request.limit) {
      list.next = EncodeCursor(last);
      break;
    }
    auto summary = SummaryOf(db, rows, request.with_cards);
    if (!summary) return std::unexpected(std::move(summary.error()));
    last.key = rows.Int(dearest ? kCostKey : kStartKey);
    last.id = summary->session_id, last.number = rows.Int(kAgent);
    list.sessions.push_back(std::move(*summary));
  }
  CT_RETURN_IF_ERROR(rows.ok());
  return list;
}

Result<std::vector<SessionSummary>> FindRows(Database& db, int64_t tenant, std::string_view prefix,
                                             int64_t limit) {
  std::string sql = std::string(kColumns) +
                    "WHERE y.tenant = ?1 AND y.session >= ?2 AND y.session < ?2 || char(1114111) "
                    "ORDER BY y.session, a.s LIMIT ?3";
  Statement rows = db.Prepare(sql);
  rows.Bind(tenant).Bind(prefix).Bind(limit);
  std::vector<SessionSummary> found;
  while (rows.Step()) {
    auto summary = SummaryOf(db, rows, true);
    if (!summary) return std::unexpected(std::move(summary.error()));
    found.push_back(std::move(*summary));
  }
  CT_RETURN_IF_ERROR(rows.ok());
  return found;
}

Result<std::string> ReadPageRow(Database& db, int64_t tenant, std::string_view session_id,
                                std::string_view agent, int64_t page) {
  Statement find = db.Prepare(
      "SELECT p.z FROM summary y JOIN page p ON p.summary = y.id WHERE y.tenant = ? AND y.session = ? AND "
      "y.agent = (SELECT id FROM str WHERE s = ?) AND p.number = ?");
  if (page >= 0 && find.Bind(tenant).Bind(session_id).Bind(agent).Bind(page).Step())
    return Unsqueeze(find.Blob(0), kMaxPageBytes);
  CT_RETURN_IF_ERROR(find.ok());
  return Fail(ErrorCode::kNotFound, "there is no such page");
}

Result<std::vector<SessionCalls>> CallRows(Database& db, int64_t tenant, std::string_view session_id,
                                           std::span<const uint64_t> keys) {
  std::set<int64_t> summaries;
  for (uint64_t key : keys) {
    Statement find = db.Prepare(
        "SELECT c.summary FROM call c JOIN summary y ON y.id = c.summary WHERE c.tenant = ?1 AND c.key = ?2 "
        "AND "
        "y.family != ifnull((SELECT family FROM session WHERE tenant = ?1 AND name = ?3), 0)");
    find.Bind(tenant).Bind(static_cast<int64_t>(key)).Bind(session_id);
    while (find.Step()) summaries.insert(find.Int(0));
    CT_RETURN_IF_ERROR(find.ok());
  }
  std::vector<SessionCalls> sessions;
  for (int64_t summary : summaries) {
    Statement find = db.Prepare("SELECT z FROM page WHERE summary = ? AND number = ?");
    bool there = find.Bind(summary).Bind(kCallsPage).Step();
    CT_RETURN_IF_ERROR(find.ok());
    auto bytes = there ? Unsqueeze(find.Blob(0), kMaxPageBytes) : Result<std::string>();
    PackReader reader(bytes ? std::string_view(*bytes) : std::string_view{});
    SessionCalls calls;
    reader.Get(calls);
    if (!reader.good()) return Fail(ErrorCode::kCorruptData, "the calls of a session are damaged");
    sessions.push_back(std::move(calls));
  }
  std::ranges::sort(sessions, {}, &SessionCalls::id);
  return sessions;
}

}  // namespace clawtrace::store
