#include "history/export.h"

#include <vector>

#include "history/superseded.h"

namespace clawtrace::history {

Status ExportFacts(store::Store& store, std::string_view tenant, std::string_view session_id,
                   std::set<std::string>* written, const TakeLine& take) {
  if (written->contains(std::string(session_id))) return {};
  std::vector<Fact> facts;
  auto read = store.ReadFacts(tenant, session_id, store::Scope::kFamily, [&](Fact fact) {
    facts.push_back(std::move(fact));
    return true;
  });
  if (!read) return std::unexpected(std::move(read.error()));
  written->insert(read->session_ids.begin(), read->session_ids.end());
  DropSuperseded(&facts, &read->skipped);
  for (const Fact& fact : facts) take(EncodeFact(fact));
  return {};
}

}  // namespace clawtrace::history
