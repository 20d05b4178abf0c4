#pragma once
// Spend of sessions in rows, for whoever prints them. What is summed are views of sessions, from files or
// from a store.
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "history/view.h"
#include "store/store.h"

namespace clawtrace::history {

struct SpendRow {
  int64_t sessions = 0, calls = 0, unpriced = 0;
  Usage tokens;
  Usd cost;
};

// What one tool's content cost in the prompts that carried it (attributed, docs/tracecard.md).
struct ToolRow {
  int64_t sessions = 0, uses = 0, failed = 0, suspected = 0;
  std::optional<Usd> cost;
};

// from <= day < until, as "2026-11-21"; "" = open. Calls without a time are on the day "unknown", which is
// behind all others.
struct Days {
  std::string from, until;
  bool Hold(std::string_view day) const { return day >= from && (until.empty() || day < until); }
};

// One row for each day, agent, model, project, user, task or skill; by "total" is a single row. A session
// that loaded two skills stands in two rows of them.
class SpendTable {
 public:
  explicit SpendTable(std::string_view by, Days days = {}) : by_(by), days_(std::move(days)) {}
  void Add(const SessionView& session);
  const std::map<std::string, SpendRow>& rows() const { return rows_; }

 private:
  std::string by_;
  Days days_;
  std::map<std::string, SpendRow> rows_;
};

class ToolTable {
 public:
  void Add(const SessionView& session);
  const std::map<std::string, ToolRow>& rows() const { return rows_; }

 private:
  std::map<std::string, ToolRow> rows_;
};

// Gives the compiled sessions of a tenant to visit, the newest first, at most most of them; those that
// started from until_ns on are left out. True: there are more.
Result<bool> VisitSessions(store::Store& store, std::string_view tenant, std::optional<int64_t> until_ns,
                           int64_t most, const std::function<void(const SessionView&)>& visit);

}  // namespace clawtrace::history
