#include "distill/model/gold.h"

#include <fmt/core.h>

#include <algorithm>

#include "base/json.h"
#include "base/text.h"

namespace clawtrace::distill {

std::string NumberedLines(std::string_view text, int64_t first, int64_t count) {
  std::string out;
  int64_t number = 0;
  while (!text.empty()) {
    size_t end = text.find('\n');
    ++number;
    if (number >= first && number - first < count)
      out += fmt::format("{}: {}\n", number, text.substr(0, end));
    text.remove_prefix(end == text.npos ? text.size() : end + 1);
  }
  return out + fmt::format("[{} lines in all]", number);
}

Result<std::string> AtPointer(std::string_view json, std::string_view pointer) {
  JsonParser parser;
  auto root = parser.Parse(json);
  if (!root) return Fail(ErrorCode::kCorruptData, "the file is no JSON");
  if (pointer.empty()) return root->Canonical();
  if (pointer.front() != '/') return Fail(ErrorCode::kNotFound, "a JSON pointer begins with /");
  Json at = *root;
  for (std::string_view part : Split(pointer.substr(1), '/')) {
    std::string key;
    for (size_t i = 0; i < part.size(); ++i) {
      bool escaped = part[i] == '~' && i + 1 < part.size();
      key += escaped ? (part[i + 1] == '1' ? '/' : '~') : part[i];
      if (escaped) ++i;
    }
    auto index = ParseInt(key);
    at = at.is_array() ? (index && *index >= 0 ? at.at(static_cast<size_t>(*index)) : Json()) : at[key];
    if (!at) return Fail(ErrorCode::kNotFound, fmt::format("there is nothing at {}", pointer));
  }
  return at.Canonical();
}

std::vector<std::vector<std::string>> CsvRows(std::string_view text) {
  std::vector<std::vector<std::string>> rows;
  std::vector<std::string> row;
  std::string cell;
  bool quoted = false, any = false;
  auto end_row = [&] {
    row.push_back(std::move(cell)), cell.clear();
    rows.push_back(std::move(row)), row.clear();
    any = false;
  };
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    bool is_doubled = c == '"' && quoted && i + 1 < text.size() && text[i + 1] == '"';
    if (is_doubled) {
      cell += c, ++i;
    } else if (c == '"') {
      quoted = !quoted, any = true;
    } else if (!quoted && c == ',') {
      row.push_back(std::move(cell)), cell.clear(), any = true;
    } else if (!quoted && c == '\n') {
      if (cell.ends_with('\r')) cell.pop_back();
      end_row();
    } else {
      cell += c, any = true;
    }
  }
  if (any || !cell.empty()) end_row();
  return rows;
}

Result<std::string> CsvCell(std::string_view text, int64_t row, std::string_view column) {
  auto rows = CsvRows(text);
  if (row < 1 || row > std::ssize(rows))
    return Fail(ErrorCode::kNotFound, fmt::format("there are rows 1 to {}", rows.size()));
  const std::vector<std::string>& cells = rows[static_cast<size_t>(row - 1)];
  if (column.empty()) {
    std::string out;
    for (const std::string& cell : cells) out += (out.empty() ? "" : " | ") + cell;
    return out;
  }
  auto number = ParseInt(column);
  if (!number) {
    auto named = std::ranges::find(rows.front(), column);
    number = named == rows.front().end() ? 0 : named - rows.front().begin() + 1;
  }
  if (*number < 1 || *number > std::ssize(cells))
    return Fail(ErrorCode::kNotFound, fmt::format("row {} has no column \"{}\"", row, column));
  return cells[static_cast<size_t>(*number - 1)];
}

}  // namespace clawtrace::distill
