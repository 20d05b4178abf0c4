#pragma once
// Plain text tables for people.
#include <ostream>
#include <string>
#include <vector>

namespace clawtrace::cli {

struct Column {
  std::string title;
  bool right = false;  // numbers
};

// Columns are as wide as their widest cell; control characters of cells are shown as "?", since traces are
// untrusted.
void PrintTable(std::ostream& out, const std::vector<Column>& columns,
                const std::vector<std::vector<std::string>>& rows);

// Safe for a terminal: control and escape characters become "?".
std::string Printable(std::string_view text);

}  // namespace clawtrace::cli
