#pragma once
// The fixtures of an importer: the logs below tests/golden/<importer>/<case>/.
#include <algorithm>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "capture/importer.h"
#include "support/database.h"

namespace clawtrace::test {

struct Fixture {
  std::string name, text;
  capture::FileContext file;
  bool lines = false;     // every line is a JSON object of its own
  bool database = false;  // read by path
};

inline bool IsLog(const capture::Importer& importer, const std::filesystem::path& path) {
  std::string name = path.filename();
  for (std::string_view other :
       {"expected.json", "truth.json", "oracle.json", "index.jsonl", "workspace.json", "history_item.json",
        "task_metadata.json", "result.json", "results.json", "report.json"}) {
    if (name == other) return false;
  }
  if (name.ends_with(".meta.json") || name.ends_with(".expected.json")) return false;
  for (std::string_view suffix : Split(importer.file_suffixes, ',')) {
    if (name.ends_with(Trim(suffix))) return true;
  }
  return false;
}

inline bool IsLines(std::string_view text) {
  JsonParser parser;
  size_t records = 0;
  for (std::string_view line : Split(Trim(text), '\n')) {
    if (Trim(line).empty()) continue;
    auto json = parser.Parse(line);
    if (!json || !json->is_object()) return false;
    ++records;
  }
  return records > 1;
}

inline std::vector<Fixture> FixturesOf(const capture::Importer& importer) {
  std::vector<Fixture> fixtures;
  std::filesystem::path root = std::filesystem::path(CLAWTRACE_SOURCE_DIR) / "tests/golden" / importer.name;
  if (!std::filesystem::is_directory(root)) return fixtures;
  for (auto& entry : std::filesystem::recursive_directory_iterator(root)) {
    if (!entry.is_regular_file() || !IsLog(importer, entry.path())) continue;
    Fixture fixture;
    fixture.name = std::filesystem::relative(entry.path(), root);
    fixture.text = ReadFile(entry.path()).value_or("");
    fixture.file.path = entry.path();
    if (importer.sidecar_path) {
      std::string sidecars = importer.sidecar_path(fixture.file.path);
      for (std::string_view path : Split(sidecars, '\n')) {
        if (fixture.file.sidecar.empty()) fixture.file.sidecar = ReadFile(std::string(path)).value_or("");
      }
    }
    fixture.database = IsDatabase(fixture.text);
    fixture.lines = !fixture.database && IsLines(fixture.text);
    fixtures.push_back(std::move(fixture));
  }
  std::ranges::sort(fixtures, {}, &Fixture::name);
  return fixtures;
}

inline std::vector<std::string> Lines(std::string_view text) {
  std::vector<std::string> lines;
  for (std::string_view line : Split(Trim(text), '\n')) lines.emplace_back(line);
  return lines;
}

inline std::string Join(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  return text;
}

}  // namespace clawtrace::test
