#include "store/schema.h"

#include <fmt/core.h>

namespace clawtrace::store {
namespace {

// First of all: these hold only while the file is empty.
constexpr const char* kFileSettings =
    "PRAGMA page_size=8192; PRAGMA auto_vacuum=INCREMENTAL; PRAGMA journal_mode=WAL;";

constexpr const char* kFirst = R"sql(
CREATE TABLE meta(name TEXT PRIMARY KEY, value) WITHOUT ROWID;
-- Names of agents, models and programs; of importers and parts of payloads.
CREATE TABLE str(id INTEGER PRIMARY KEY, s TEXT NOT NULL UNIQUE);
CREATE TABLE word(id INTEGER PRIMARY KEY, s TEXT NOT NULL UNIQUE);
CREATE TABLE tenant(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);

-- What is compiled together; of tenant 0: being removed. touched_ns: when facts last came; sealed: changed as
-- of the last packing.
CREATE TABLE family(id INTEGER PRIMARY KEY, tenant INTEGER NOT NULL, changed INTEGER NOT NULL DEFAULT 0,
  touched_ns INTEGER NOT NULL DEFAULT 0, compiled INTEGER NOT NULL DEFAULT 0, made_by INTEGER,
  stale INTEGER NOT NULL DEFAULT 0, sealed INTEGER NOT NULL DEFAULT 0);
CREATE INDEX family_stale ON family(tenant, touched_ns) WHERE stale = 1;
CREATE INDEX family_warm ON family(touched_ns) WHERE sealed < changed;
CREATE INDEX family_removed ON family(id) WHERE tenant = 0;
-- owner: the tenant, also while tenant says that it is being removed.
CREATE TABLE session(id INTEGER PRIMARY KEY, tenant INTEGER NOT NULL, owner INTEGER NOT NULL, name TEXT NOT NULL, family INTEGER NOT NULL,
  facts INTEGER NOT NULL DEFAULT 0, first_ns INTEGER, last_ns INTEGER, UNIQUE(tenant, name));
CREATE INDEX session_family ON session(family);

CREATE TABLE fact(id INTEGER PRIMARY KEY, session INTEGER NOT NULL, hash BLOB NOT NULL, source INTEGER NOT NULL,
  kind INTEGER NOT NULL, body BLOB NOT NULL);
CREATE UNIQUE INDEX fact_hash ON fact(session, hash);
CREATE TABLE skipped(session INTEGER NOT NULL, file TEXT NOT NULL, line INTEGER NOT NULL, at INTEGER NOT NULL,
  reason TEXT NOT NULL, PRIMARY KEY(session, file, line, at, reason)) WITHOUT ROWID;
CREATE TABLE position(tenant INTEGER NOT NULL, key TEXT NOT NULL, device INTEGER, inode INTEGER, size INTEGER,
  modified_ns INTEGER, at INTEGER, head_hash INTEGER, state BLOB, PRIMARY KEY(tenant, key)) WITHOUT ROWID;

-- Texts by their salted hash; scope: the session that may share a short one, 0 = the whole tenant.
CREATE TABLE blob(id INTEGER PRIMARY KEY, scope INTEGER NOT NULL, hash BLOB NOT NULL, size INTEGER NOT NULL,
  pack INTEGER, at INTEGER, UNIQUE(scope, hash));
-- Of blobs in no pack. Apart, so that packing frees whole pages.
CREATE TABLE loose(blob INTEGER PRIMARY KEY, z BLOB NOT NULL);
CREATE INDEX blob_pack ON blob(pack) WHERE pack IS NOT NULL;
CREATE TABLE pack(id INTEGER PRIMARY KEY, z BLOB NOT NULL, holes INTEGER NOT NULL DEFAULT 0);
CREATE INDEX pack_holes ON pack(id) WHERE holes = 1;
-- A text behind another: a prompt is the chain of nodes up to parent 0.
CREATE TABLE node(id INTEGER PRIMARY KEY, parent INTEGER NOT NULL, blob INTEGER NOT NULL, UNIQUE(parent, blob));
CREATE INDEX node_blob ON node(blob);
CREATE TABLE payload(session INTEGER NOT NULL, call TEXT NOT NULL, source INTEGER NOT NULL, part INTEGER NOT NULL,
  hash BLOB NOT NULL, size INTEGER NOT NULL, node INTEGER NOT NULL, frame BLOB NOT NULL,
  PRIMARY KEY(session, call, source, part, hash)) WITHOUT ROWID;
CREATE INDEX payload_node ON payload(node);

CREATE TABLE summary(id INTEGER PRIMARY KEY, tenant INTEGER NOT NULL, family INTEGER NOT NULL, session TEXT NOT NULL,
  agent INTEGER NOT NULL, task TEXT NOT NULL, project TEXT NOT NULL, user TEXT NOT NULL, start_key INTEGER NOT NULL,
  cost_key INTEGER NOT NULL, start_ns INTEGER, end_ns INTEGER, outcome INTEGER NOT NULL, cost_status INTEGER, cost INTEGER,
  uncached_input INTEGER NOT NULL, cache_read INTEGER NOT NULL, cache_write_5m INTEGER NOT NULL, cache_write_1h INTEGER NOT NULL,
  cache_write_unknown INTEGER NOT NULL, output INTEGER NOT NULL, reasoning INTEGER NOT NULL, llm_calls INTEGER NOT NULL,
  tool_calls INTEGER NOT NULL, prompt TEXT NOT NULL);
CREATE UNIQUE INDEX summary_session ON summary(tenant, session, agent);
CREATE INDEX summary_family ON summary(family);
-- The last two: so that filters by them need not look at every row.
CREATE INDEX summary_start ON summary(tenant, start_key, session, agent, outcome, cost_status);
CREATE INDEX summary_agent ON summary(tenant, agent, start_key, session);
CREATE INDEX summary_task ON summary(tenant, task, start_key, session, agent);
CREATE INDEX summary_project ON summary(tenant, project, start_key, session, agent);
CREATE INDEX summary_user ON summary(tenant, user, start_key, session, agent);
CREATE INDEX summary_cost ON summary(tenant, cost_key, session, agent);
-- page -1: the card; -2: the calls
CREATE TABLE page(id INTEGER PRIMARY KEY, summary INTEGER NOT NULL, number INTEGER NOT NULL, z BLOB NOT NULL,
  UNIQUE(summary, number));
CREATE TABLE call(tenant INTEGER NOT NULL, key INTEGER NOT NULL, summary INTEGER NOT NULL, start_ns INTEGER,
  PRIMARY KEY(tenant, key, summary)) WITHOUT ROWID;
CREATE INDEX call_summary ON call(summary);
CREATE TABLE spend(summary INTEGER NOT NULL, day INTEGER NOT NULL, agent INTEGER NOT NULL, model INTEGER NOT NULL,
  calls INTEGER NOT NULL, unpriced INTEGER NOT NULL, uncached_input INTEGER NOT NULL, cache_read INTEGER NOT NULL,
  cache_write_5m INTEGER NOT NULL, cache_write_1h INTEGER NOT NULL, cache_write_unknown INTEGER NOT NULL,
  output INTEGER NOT NULL, reasoning INTEGER NOT NULL, cost INTEGER NOT NULL, included INTEGER NOT NULL,
  PRIMARY KEY(summary, day, model)) WITHOUT ROWID;
CREATE TABLE day_total(tenant INTEGER NOT NULL, day INTEGER NOT NULL, agent INTEGER NOT NULL, model INTEGER NOT NULL,
  parts INTEGER NOT NULL, calls INTEGER NOT NULL, unpriced INTEGER NOT NULL, uncached_input INTEGER NOT NULL,
  cache_read INTEGER NOT NULL, cache_write_5m INTEGER NOT NULL, cache_write_1h INTEGER NOT NULL,
  cache_write_unknown INTEGER NOT NULL, output INTEGER NOT NULL, reasoning INTEGER NOT NULL, cost INTEGER NOT NULL,
  included INTEGER NOT NULL, PRIMARY KEY(tenant, day, agent, model)) WITHOUT ROWID;
CREATE TABLE document(tenant INTEGER NOT NULL, collection TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL,
  PRIMARY KEY(tenant, collection, key)) WITHOUT ROWID;
CREATE VIRTUAL TABLE text USING fts5(words, content='', detail=none, columnsize=0, tokenize='ascii');
INSERT INTO meta VALUES('sequence', 0), ('indexed', 0);
)sql";

// To 2: the word that stands for a tenant in the index is another, so everything is indexed anew.
constexpr const char* kSteps[] = {
    "INSERT INTO text(text) VALUES('delete-all'); UPDATE meta SET value = 0 WHERE name = 'indexed';"};

Status Upgrade(Database& db, std::string_view secret, const Schema& schema) {
  CT_RETURN_IF_ERROR(db.Execute("BEGIN IMMEDIATE"));
  // Another process may have been faster.
  auto found = db.Number("PRAGMA user_version");
  if (!found) return std::unexpected(found.error());
  int64_t version = found->value_or(0);
  if (version == 0) {
    CT_RETURN_IF_ERROR(db.Execute(schema.tables));
    CT_RETURN_IF_ERROR(db.Prepare("INSERT INTO meta VALUES('secret', ?)").BindBlob(secret).Run());
    version = 1;
  }
  for (; version < schema.version; ++version)
    CT_RETURN_IF_ERROR(db.Execute(schema.steps[static_cast<size_t>(version - 1)]));
  return db.Execute(fmt::format("PRAGMA application_id={}; PRAGMA user_version={}; COMMIT", kApplicationId,
                                schema.version));
}

}  // namespace

const Schema& PresentSchema() {
  static const Schema schema{.version = kSchemaVersion, .tables = kFirst, .steps = kSteps};
  return schema;
}

Status PrepareSchema(Database& db, std::string_view secret, const Schema& schema) {
  CT_CHECK(std::ssize(schema.steps) == schema.version - 1);
  auto tables = db.Number("SELECT count(*) FROM sqlite_schema");
  if (!tables) return std::unexpected(tables.error());
  auto version = db.Number("PRAGMA user_version"), program = db.Number("PRAGMA application_id");
  if (!version || !program) return std::unexpected((version ? program : version).error());
  int64_t has = version->value_or(0);
  if (tables->value_or(0) > 0 && program->value_or(0) != kApplicationId)
    return Fail(ErrorCode::kInvalidInput, "this database is not a ClawTrace store");
  if (has > schema.version)
    return Fail(ErrorCode::kUnsupported,
                fmt::format("the store has version {}, this program knows up to {}", has, schema.version),
                "use a newer clawtrace; the store was not changed");
  if (has == schema.version) return {};
  if (has == 0) CT_RETURN_IF_ERROR(db.Execute(kFileSettings));
  Status upgraded = Upgrade(db, secret, schema);
  if (!upgraded && db.in_transaction()) {
    if (Status undone = db.Execute("ROLLBACK"); !undone) return undone;
  }
  return upgraded;
}

}  // namespace clawtrace::store
