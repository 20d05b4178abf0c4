#pragma once
// Texts as Python spells them, where another program's output has to be matched.
#include <cstddef>
#include <string>
#include <string_view>

#include "base/json.h"

namespace clawtrace::tools {

bool PythonTruth(Json value);                       // bool(value); a missing value is None
std::string PythonDumps(Json value);                // json.dumps(value, sort_keys=True, ensure_ascii=False)
std::string PythonStr(Json value);                  // str(value)
std::string PythonRound(double value, int digits);  // repr(round(value, digits)), without exponent

// text[:count] and text[-count:] of valid UTF-8, in code points.
std::string_view FirstCharacters(std::string_view text, size_t count);
std::string_view LastCharacters(std::string_view text, size_t count);

}  // namespace clawtrace::tools
