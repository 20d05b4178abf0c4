#pragma once
// What a store holds, written out.
#include <functional>
#include <set>
#include <string>
#include <string_view>

#include "base/result.h"
#include "history/history.h"
#include "store/store.h"

namespace clawtrace::history {

// The facts of a session's family that hold, unresolved as they were read, one JSON object a line
// (EncodeFact) in an order that depends on their content alone. Importing the lines gives the same facts and,
// with the places that were skipped left out, the same cards. written: ids of sessions whose family is
// written already; extended.
using TakeLine = std::function<void(const std::string& line)>;
Status ExportFacts(store::Store& store, std::string_view tenant, std::string_view session_id,
                   std::set<std::string>* written, const TakeLine& take);

}  // namespace clawtrace::history
