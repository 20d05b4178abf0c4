#pragma once
// The parts that agents' tables are made of: arguments under the names that tools give them, and actions of
// the usual shapes. All are total.
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/json.h"
#include "replay/action.h"

namespace clawtrace::replay {

using Keys = std::initializer_list<std::string_view>;

// The first member that is a string, a number, or a truth value. Numbers in strings count: some models write
// them so, and clients take them.
std::optional<std::string> TextOf(Json args, Keys keys);
std::optional<int64_t> NumberOf(Json args, Keys keys);
bool TruthOf(Json args, Keys keys);
// Of a number that counts units of that many milliseconds; 0 when there is none, or none that makes sense.
int64_t MillisecondsOf(Json args, Keys keys, int64_t unit_ms = 1);

Action Nothing(std::string reason = {});
Action Unsupported(std::string reason);
// A tool that misses an argument refuses before it does anything.
Action Missing(std::string_view argument);

Action ReadOf(Json args);    // path; offset and limit, line ranges
Action ListOf(Json args);    // path, "." when there is none
Action SearchOf(Json args);  // anything
Action WriteOf(Json args);   // path and content
Action CommandOf(Json args);
Action SubAgent(Json args);
Action Network(Json args);
Action OnlyTalk(Json args);  // plans, questions, skills: nothing outside the conversation

// old and new text under any of the usual names; nullopt when one is missing.
std::optional<Replacement> ReplacementOf(Json args);
// One replacement in the arguments themselves, or a list of them under "edits".
Action EditOf(Json args);
// str_replace_editor and its successors: view, create, str_replace, insert.
Action EditorOf(Json args);

struct ToolRow {
  std::string_view name;
  Action (*action_of)(Json args);
};
// The row of that name; tools that are not in the table are told by tools::MeaningOf.
Action ActionByTable(std::span<const ToolRow> rows, const ToolUse& tool, Json args);
Action ActionByMeaning(const ToolUse& tool, Json args);

}  // namespace clawtrace::replay
