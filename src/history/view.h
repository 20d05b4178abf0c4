#pragma once
// A compiled session as commands, reports and stores keep it: the card and what stands beside it.
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "compile/compile.h"
#include "model/inherit.h"
#include "model/tracecard.h"
#include "pricing/pricing.h"

namespace clawtrace::history {

struct SessionView {
  TraceCard card;
  std::string source;  // importer
  std::string cwd, project, user;
  struct Spend {      // for reports: calls of one model on one day
    std::string day;  // "2026-11-21", "unknown"
    std::string model;
    int64_t calls = 0, unpriced = 0;
    Usage tokens;
    Usd cost;
  };
  std::vector<Spend> spend;  // by day and model, sub-agents included
  struct ToolSpend {         // for reports: what a tool's content cost in the prompts that carried it
    std::string tool;        // or what is no tool's: "(answers)", "(base)", "(user)", "(summary)"
    int64_t uses = 0, failed = 0, suspected = 0;
    std::optional<Usd> cost;  // attributed; nullopt: no price is known
  };
  std::vector<ToolSpend> tools;  // by name, sub-agents included; of a full card their costs are its total
};

template <class A>
void Describe(A& a, SessionView::Spend& s) {
  a.Field("", s.day), a.Field("", s.model), a.Field("", s.calls), a.Field("", s.unpriced);
  a.Field("", s.tokens), a.Field("", s.cost);
}
template <class A>
void Describe(A& a, SessionView::ToolSpend& s) {
  a.Field("", s.tool), a.Field("", s.uses), a.Field("", s.failed), a.Field("", s.suspected);
  a.Field("", s.cost);
}

// The view of a session with its whole card; spend and tools are left empty. inherited: the calls it copied
// (FindInherited), sorted; possible_copy: it was forked from a session that is not at hand, and says so.
struct ViewOptions {
  std::vector<uint64_t> inherited;
  bool possible_copy = false;
  compile::Depth depth = compile::Depth::kFull;
  std::shared_ptr<const ReplayReport> replay;  // what replay found out about it; may be none
};
SessionView ViewOf(Session* session, const PriceBook& book, const ViewOptions& options,
                   PricedSession* priced);

void NotePossibleCopy(TraceCard* card);

// Sums of a whole card's steps.
std::vector<SessionView::Spend> SpendOf(const TraceCard& card);
std::vector<SessionView::ToolSpend> ToolsOf(const TraceCard& card);

// The last part of the project's path, else of the working directory's; "unknown".
std::string ProjectOf(const SessionView& view);

// The binary form of pack_archive.h.
void PackView(const SessionView& view, std::string* out);
// False when the bytes are no view.
bool UnpackView(std::string_view bytes, SessionView* view);

}  // namespace clawtrace::history
