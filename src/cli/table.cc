#include "cli/table.h"

#include <algorithm>

#include "base/text.h"

namespace clawtrace::cli {
namespace {

// Code points, which is close enough to columns for ids, names and numbers.
size_t Width(std::string_view text) {
  return static_cast<size_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

}  // namespace

std::string Printable(std::string_view text) {
  std::string valid = ReplaceInvalidUtf8(text), out;
  for (size_t i = 0; i < valid.size();) {
    uint32_t code = 0;
    size_t hidden = HiddenAtStart(std::string_view(valid).substr(i), &code);
    out.push_back(hidden ? '?' : valid[i]);
    i += hidden ? hidden : 1;
  }
  return out;
}

void PrintTable(std::ostream& out, const std::vector<Column>& columns,
                const std::vector<std::vector<std::string>>& told) {
  std::vector<std::vector<std::string>> rows = told;
  for (auto& row : rows) {
    for (std::string& cell : row) cell = Printable(cell);
  }
  std::vector<size_t> widths;
  for (const Column& column : columns) widths.push_back(Width(column.title));
  for (const auto& row : rows) {
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], Width(row[i]));
  }
  auto print_row = [&](auto cell_of) {
    std::string line;
    for (size_t i = 0; i < columns.size(); ++i) {
      std::string cell = cell_of(i);
      std::string pad(widths[i] - std::min(widths[i], Width(cell)), ' ');
      line += (i ? "  " : "") + (columns[i].right ? pad + cell : cell + pad);
    }
    while (!line.empty() && line.back() == ' ') line.pop_back();
    out << line << '\n';
  };
  print_row([&](size_t i) { return columns[i].title; });
  for (const auto& row : rows) print_row([&](size_t i) { return i < row.size() ? row[i] : std::string(); });
}

}  // namespace clawtrace::cli
