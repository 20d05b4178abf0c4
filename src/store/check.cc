#include "store/check.h"

#include <fmt/core.h>

#include "base/hash.h"
#include "store/fact_codec.h"
#include "store/facts.h"
#include "store/payloads.h"
#include "store/search.h"
#include "store/squeeze.h"
#include "store/totals.h"

namespace clawtrace::store {
namespace {

constexpr size_t kMaxProblems = 100;

void Tell(CheckReport* report, std::string problem) {
  if (report->problems.size() < kMaxProblems) report->problems.push_back(std::move(problem));
}

Status CheckFile(Database& db, CheckReport* report) {
  Statement rows = db.Prepare("PRAGMA integrity_check(100)");
  while (rows.Step()) {
    if (rows.Text(0) != "ok") Tell(report, std::string(rows.Text(0)));
  }
  return rows.ok();
}

Status CheckFacts(Database& db, CheckReport* report) {
  Statement rows = db.Prepare(
      "SELECT f.id, f.hash, f.kind, f.body, w.s FROM fact f LEFT JOIN word w ON w.id = f.source ORDER BY "
      "f.id");
  while (rows.Step()) {
    ++report->facts;
    auto fact = DecodeFactRow(rows.Int(2), rows.Blob(3));
    if (!fact) {
      Tell(report, fmt::format("fact {}: {}", rows.Int(0), fact.error().message));
      continue;
    }
    fact->source = rows.Text(4);
    std::string body;
    EncodeFactBody(*fact, &body);
    FactKey key = KeyOf(*fact, body);
    if (std::string_view(key.data(), key.size()) != rows.Blob(1))
      Tell(report, fmt::format("fact {} is not the one that was stored", rows.Int(0)));
  }
  return rows.ok();
}

// Payloads at the ends of chains hold every text of the chains.
Status CheckPayloads(Database& db, CheckReport* report) {
  auto count = db.Number("SELECT count(*) FROM payload");
  if (!count) return std::unexpected(count.error());
  report->payloads = count->value_or(0);
  Statement rows = db.Prepare(
      "SELECT call, node, frame, hash FROM payload WHERE node = 0 OR NOT EXISTS(SELECT 1 FROM node WHERE "
      "parent = payload.node)");
  TextReader texts(&db);
  while (rows.Step()) {
    auto chain = texts.Chain(rows.Int(1));
    auto bytes = chain ? Join(*chain, rows.Blob(2)) : Result<std::string>(std::unexpected(chain.error()));
    if (!bytes)
      Tell(report, fmt::format("payload of {}: {}", rows.Text(0), bytes.error().message));
    else if (BytesOf(PayloadHash(*bytes)) != rows.Blob(3))
      Tell(report, fmt::format("payload of {} is not the one that was stored", rows.Text(0)));
  }
  return rows.ok();
}

struct Rule {
  const char* sql;  // counts what breaks it
  const char* what;
};
constexpr Rule kRules[] = {
    {"SELECT count(*) FROM fact WHERE session NOT IN (SELECT id FROM session)", "facts without a session"},
    {"SELECT count(*) FROM session WHERE family NOT IN (SELECT id FROM family)", "sessions without a family"},
    {"SELECT count(*) FROM session s WHERE tenant > 0 AND facts != (SELECT count(*) FROM fact f WHERE "
     "f.session = "
     "s.id)",
     "sessions with a wrong count of facts"},
    {"SELECT count(*) FROM payload WHERE session NOT IN (SELECT id FROM session)",
     "payloads without a session"},
    {"SELECT count(*) FROM node WHERE parent != 0 AND (parent >= id OR parent NOT IN (SELECT id FROM node))",
     "broken chains"},
    {"SELECT count(*) FROM node n WHERE NOT EXISTS(SELECT 1 FROM payload WHERE node = n.id) AND "
     "NOT EXISTS(SELECT 1 FROM node WHERE parent = n.id)",
     "chains that nothing needs"},
    {"SELECT count(*) FROM blob WHERE id NOT IN (SELECT blob FROM node)", "texts that nothing needs"},
    {"SELECT count(*) FROM blob b WHERE (pack IS NULL) != EXISTS(SELECT 1 FROM loose WHERE blob = b.id)",
     "texts that are nowhere or in two places"},
    {"SELECT count(*) FROM loose WHERE blob NOT IN (SELECT id FROM blob)", "contents of no text"},
    {"SELECT count(*) FROM summary WHERE family NOT IN (SELECT id FROM family)",
     "summaries without a family"},
    {"SELECT count(*) FROM page WHERE summary NOT IN (SELECT id FROM summary)", "pages without a summary"},
    {"SELECT count(*) FROM call WHERE summary NOT IN (SELECT id FROM summary)", "calls without a summary"},
};

Status CheckRules(Database& db, CheckReport* report) {
  for (const Rule& rule : kRules) {
    auto count = db.Number(rule.sql);
    if (!count) return std::unexpected(count.error());
    if (count->value_or(0) != 0) Tell(report, fmt::format("{} {}", **count, rule.what));
  }
  auto wrong = WrongTotals(db);
  if (!wrong) return std::unexpected(wrong.error());
  if (*wrong != 0)
    Tell(report, fmt::format("{} totals of days that are not the sum of their sessions", *wrong));
  auto summaries = db.Number("SELECT count(*) FROM summary");
  if (!summaries) return std::unexpected(summaries.error());
  report->summaries = summaries->value_or(0);
  return {};
}

}  // namespace

Result<CheckReport> CheckRows(Database& db) {
  CheckReport report;
  CT_RETURN_IF_ERROR(CheckFile(db, &report));
  // What the pages do not hold together cannot be read further.
  if (!report.problems.empty()) return report;
  CT_RETURN_IF_ERROR(CheckFacts(db, &report));
  CT_RETURN_IF_ERROR(CheckPayloads(db, &report));
  CT_RETURN_IF_ERROR(CheckRules(db, &report));
  return report;
}

namespace {

struct Figure {
  const char* sql;
  int64_t* to;
};

Status Read(Database& db, std::initializer_list<Figure> figures) {
  for (const Figure& figure : figures) {
    auto number = db.Number(figure.sql);
    if (!number) return std::unexpected(number.error());
    *figure.to = number->value_or(0);
  }
  return {};
}

}  // namespace

Result<StoreLoad> LoadOf(Database& db) {
  StoreLoad load;
  int64_t pages = 0, page = 0, free = 0;
  Status read = Read(db, {{"SELECT count(*) FROM summary", &load.summaries},
                          {"SELECT count(*) FROM family WHERE stale = 1", &load.changed_families},
                          {kFactsNotIndexed, &load.text_behind},
                          {"PRAGMA page_count", &pages},
                          {"PRAGMA page_size", &page},
                          {"PRAGMA freelist_count", &free}});
  CT_RETURN_IF_ERROR(read);
  load.file_bytes = pages * page, load.free_bytes = free * page;
  return load;
}

Result<StoreStats> StatsOf(Database& db) {
  auto load = LoadOf(db);
  if (!load) return std::unexpected(std::move(load.error()));
  StoreStats stats;
  static_cast<StoreLoad&>(stats) = *load;
  int64_t version = 0, sequence = 0;
  Status read = Read(db, {{"PRAGMA user_version", &version},
                          {"SELECT value FROM meta WHERE name = 'sequence'", &sequence},
                          {"SELECT count(*) FROM tenant", &stats.tenants},
                          {"SELECT count(*) FROM session WHERE facts > 0", &stats.sessions},
                          {"SELECT count(*) FROM fact", &stats.facts},
                          {"SELECT count(*) FROM payload", &stats.payloads},
                          {"SELECT sum(size) FROM payload", &stats.payload_bytes},
                          {"SELECT sum(length(z)) FROM pack", &stats.sealed_bytes},
                          {"SELECT sum(length(z)) FROM loose", &stats.payload_stored_bytes}});
  CT_RETURN_IF_ERROR(read);
  stats.schema_version = static_cast<int>(version);
  stats.sequence = static_cast<uint64_t>(sequence);
  stats.payload_stored_bytes += stats.sealed_bytes;
  return stats;
}

}  // namespace clawtrace::store
