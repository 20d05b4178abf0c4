#pragma once
// Parts of a file with the right result: lines, a value of a JSON document, a cell or a row of a CSV table.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace clawtrace::distill {

// Lines from first (counted from 1), at most count, each with its number.
std::string NumberedLines(std::string_view text, int64_t first, int64_t count);

// The value at a JSON pointer (RFC 6901), spelled canonically. kCorruptData: no JSON; kNotFound.
Result<std::string> AtPointer(std::string_view json, std::string_view pointer);

// Rows of a CSV table (RFC 4180); total.
std::vector<std::vector<std::string>> CsvRows(std::string_view text);

// A cell by row (counted from 1, the header is row 1) and column (a number from 1, or a name of the header);
// the whole row without a column. kNotFound.
Result<std::string> CsvCell(std::string_view text, int64_t row, std::string_view column);

}  // namespace clawtrace::distill
