#pragma once
// What readers of verdicts in JSON share.
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "replay/verdict_reader.h"

namespace clawtrace::replay {

using Runs = std::vector<JudgedRun>;

// text as one JSON document, given to read; kCorruptData when it is none.
Result<Runs> ReadJson(std::string_view text, Result<Runs> (*read)(Json root));
bool SniffJson(std::string_view text, bool (*sniff)(Json root));

// The kMostName first bytes of a text; a number as it is written; "" for anything else.
std::string IdOf(Json value);
// A text as it may be shown; "" for anything else.
std::string MessageOf(Json value);

Judgement JudgementError(std::string_view message);
// As the only run of a report that names none.
Runs OneRun(Judgement judgement);

}  // namespace clawtrace::replay
