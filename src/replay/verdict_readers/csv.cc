// A table: a header line with session or task, verdict or score, and judge if it is told; RFC 4180.
// docs/oracles.md.
#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <map>

#include "base/text.h"
#include "model/archive.h"
#include "replay/verdict_json.h"

namespace clawtrace::replay {
namespace {

using Row = std::vector<std::string>;

// The row at the start of text, which is cut off it; nullopt for a quote that is never closed.
std::optional<Row> TakeRow(std::string_view* text) {
  Row row(1);
  bool quoted = false;
  size_t i = 0;
  for (; i < text->size(); ++i) {
    char c = (*text)[i];
    if (quoted && c == '"' && text->substr(i + 1).starts_with('"'))
      row.back().push_back((*text)[i++]);
    else if (c == '"' && (quoted || Trim(row.back()).empty()))
      quoted = !quoted;
    else if (quoted || (c != ',' && c != '\n' && c != '\r'))
      row.back().push_back(c);
    else if (c == ',')
      row.emplace_back();
    else if (c == '\n')
      break;
  }
  if (quoted) return std::nullopt;
  text->remove_prefix(std::min(i + 1, text->size()));
  for (std::string& cell : row) cell = std::string(Trim(cell));
  return row;
}

struct Columns {
  std::map<std::string, size_t, std::less<>> at;

  std::string_view Of(const Row& row, std::string_view name) const {
    auto found = at.find(name);
    return found == at.end() || found->second >= row.size() ? std::string_view() : row[found->second];
  }
  bool usable() const {
    return (at.contains("session") || at.contains("task")) &&
           (at.contains("verdict") || at.contains("score"));
  }
};

Columns ColumnsOf(const Row& header) {
  Columns columns;
  for (size_t i = 0; i < header.size(); ++i) {
    std::string name = ToLower(header[i]);
    if (name == "session_id") name = "session";
    if (name == "task_id") name = "task";
    if (name == "outcome") name = "verdict";
    columns.at.emplace(std::move(name), i);
  }
  return columns;
}

std::optional<OracleStatus> StatusOf(std::string_view word) {
  static const std::map<std::string, OracleStatus, std::less<>> kWords = {
      {"success", OracleStatus::kPass}, {"passed", OracleStatus::kPass},  {"failure", OracleStatus::kFail},
      {"failed", OracleStatus::kFail},  {"partial", OracleStatus::kFail}, {"unknown", OracleStatus::kSkipped},
  };
  std::string lower = ToLower(word);
  if (auto found = kWords.find(lower); found != kWords.end()) return found->second;
  return EnumFrom<OracleStatus>(lower);
}

// Why it cannot be used, "" when it can.
std::string TakeVerdict(const Columns& columns, const Row& row, JudgedRun* run) {
  std::string_view word = columns.Of(row, "verdict"), number = columns.Of(row, "score");
  if (!number.empty()) {
    double score = 0;
    auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), score);
    if (error != std::errc() || end != number.data() + number.size() || !(score >= 0 && score <= 1))
      return "score is no number from 0 to 1";
    run->judgement = JudgementOfReward(score);
  }
  if (word.empty()) return number.empty() ? "neither verdict nor score" : "";
  auto status = StatusOf(word);
  if (!status) return fmt::format("{} is no verdict", BoundedText(word, 40));
  run->judgement.status = *status;
  if (*status == OracleStatus::kError) run->judgement.message = "the table says error";
  if (ToLower(word) == "partial") {
    constexpr int64_t kWhole = 1'000'000;
    int64_t score = run->judgement.score_ppm.value_or(0);
    if (score <= 0 || score >= kWhole) return "a partial verdict needs a score between 0 and 1";
  }
  return "";
}

Result<Runs> Read(std::string_view, std::string_view text) {
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  auto header = TakeRow(&text);
  Columns columns = header ? ColumnsOf(*header) : Columns();
  if (!columns.usable())
    return Fail(ErrorCode::kCorruptData, "its first line names no columns session and verdict");
  Runs runs;
  for (int64_t line = 2; !text.empty(); ++line) {
    auto row = TakeRow(&text);
    if (!row) return Fail(ErrorCode::kCorruptData, fmt::format("row {} has a quote without an end", line));
    if (row->size() == 1 && row->front().empty()) continue;
    JudgedRun run;
    run.session = BoundedText(columns.Of(*row, "session"), kMostName);
    run.task = BoundedText(columns.Of(*row, "task"), kMostName);
    run.judge = BoundedText(columns.Of(*row, "judge"), kMostName);
    std::string wrong = TakeVerdict(columns, *row, &run);
    if (run.session.empty() && run.task.empty()) wrong = "neither session nor task";
    if (!wrong.empty()) return Fail(ErrorCode::kCorruptData, fmt::format("row {}: {}", line, wrong));
    runs.push_back(std::move(run));
  }
  if (runs.empty()) return Fail(ErrorCode::kCorruptData, "it tells of no run");
  return runs;
}

bool Sniff(std::string_view, std::string_view text) {
  constexpr size_t kHead = 4096;
  std::string_view head = text.substr(0, kHead);
  if (head.starts_with("\xEF\xBB\xBF")) head.remove_prefix(3);
  head = head.substr(0, head.find('\n'));
  auto header = TakeRow(&head);
  return header && ColumnsOf(*header).usable();
}

}  // namespace

extern const VerdictReader kCsvVerdict;
const VerdictReader kCsvVerdict = {
    .name = "csv",
    .summary = "CSV with the columns session (or task), verdict, score, judge",
    .oracle_files = {},
    .sniff = Sniff,
    .read = Read,
};

}  // namespace clawtrace::replay
