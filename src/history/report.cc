#include "history/report.h"

#include <algorithm>
#include <set>

#include "history/history.h"

namespace clawtrace::history {
namespace {

std::string OrUnknown(const std::string& text) { return text.empty() ? "unknown" : text; }

std::vector<std::string> SkillsOf(const TraceCard& card) {
  std::vector<std::string> names;
  for (const SkillUse& skill : card.skills) {
    if (skill.stage != SkillStage::kListed) names.push_back(skill.name);
  }
  if (names.empty()) names.emplace_back("(none)");
  return names;
}

// The rows that one part of a session's spend belongs to.
std::vector<std::string> KeysOf(const SessionView& session, const SessionView::Spend& spend,
                                std::string_view by) {
  if (by == "day") return {spend.day};
  if (by == "model") return {spend.model};
  if (by == "agent") return {session.card.agent};
  if (by == "project") return {ProjectOf(session)};
  if (by == "user") return {OrUnknown(session.user)};
  if (by == "task") return {OrUnknown(session.card.task_id)};
  if (by == "skill") return SkillsOf(session.card);
  return {"total"};
}

}  // namespace

void SpendTable::Add(const SessionView& session) {
  std::set<std::string> counted;
  for (const SessionView::Spend& spend : session.spend) {
    if (!days_.Hold(spend.day)) continue;
    for (const std::string& key : KeysOf(session, spend, by_)) {
      SpendRow& row = rows_[key];
      if (counted.insert(key).second) ++row.sessions;
      row.calls += spend.calls, row.unpriced += spend.unpriced, row.tokens += spend.tokens;
      row.cost += spend.cost;
    }
  }
}

void ToolTable::Add(const SessionView& session) {
  for (const SessionView::ToolSpend& tool : session.tools) {
    ToolRow& row = rows_[tool.tool];
    ++row.sessions;
    row.uses += tool.uses, row.failed += tool.failed, row.suspected += tool.suspected;
    if (tool.cost) row.cost = row.cost.value_or(Usd()) + *tool.cost;
  }
}

Result<bool> VisitSessions(store::Store& store, std::string_view tenant, std::optional<int64_t> until_ns,
                           int64_t most, const std::function<void(const SessionView&)>& visit) {
  store::ListRequest request;
  request.filter.until_ns = until_ns;
  for (int64_t left = most; left > 0;) {
    request.limit = std::min(left, store::kMaxPage);
    auto page = ListSessions(store, tenant, request);
    if (!page) return std::unexpected(std::move(page.error()));
    for (const SessionView& session : page->sessions) visit(session);
    if (page->next.empty()) return false;
    left -= static_cast<int64_t>(page->sessions.size());
    request.cursor = std::move(page->next);
  }
  return true;
}

}  // namespace clawtrace::history
