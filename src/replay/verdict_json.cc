#include "replay/verdict_json.h"

namespace clawtrace::replay {

Result<Runs> ReadJson(std::string_view text, Result<Runs> (*read)(Json root)) {
  JsonParser parser;
  auto root = parser.Parse(text);
  if (!root) return Fail(ErrorCode::kCorruptData, "it is no JSON");
  auto runs = read(*root);
  if (runs && runs->empty()) return Fail(ErrorCode::kCorruptData, "it tells of no run");
  return runs;
}

bool SniffJson(std::string_view text, bool (*sniff)(Json root)) {
  size_t start = text.find_first_not_of(" \t\r\n");
  if (start == std::string_view::npos || (text[start] != '{' && text[start] != '[')) return false;
  JsonParser parser;
  auto root = parser.Parse(text);
  return root && sniff(*root);
}

std::string IdOf(Json value) {
  if (auto number = value.integer()) return std::to_string(*number);
  return BoundedText(value.text(), kMostName);
}

std::string MessageOf(Json value) { return BoundedText(value.text(), kMostMessage); }

Judgement JudgementError(std::string_view message) {
  Judgement judgement;
  judgement.status = OracleStatus::kError;
  judgement.message = BoundedText(message, kMostMessage);
  return judgement;
}

Runs OneRun(Judgement judgement) {
  Runs runs(1);
  runs.front().judgement = std::move(judgement);
  return runs;
}

}  // namespace clawtrace::replay
