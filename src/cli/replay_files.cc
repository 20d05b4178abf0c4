#include "cli/replay_files.h"

#include <fmt/core.h>

#include "base/file.h"
#include "base/text.h"

namespace clawtrace::cli {

Result<ReplayFiles> ReplayFiles::Read(const Arguments& arguments) {
  ReplayFiles files;
  if (!arguments.Has("--replay")) return files;
  std::string path = arguments.Value("--replay");
  auto text = ReadFile(path);
  if (!text) return std::unexpected(std::move(text.error()));
  int64_t line = 0;
  for (std::string_view report : Split(*text, '\n')) {
    ++line;
    if (Trim(report).empty()) continue;
    auto decoded = DecodeReplayReport(report, fmt::format("{}:{}", path, line));
    if (!decoded) return std::unexpected(std::move(decoded.error()));
    if (decoded->schema != "replay/1")
      return Fail(ErrorCode::kInvalidInput, fmt::format("{}:{} is no replay report", path, line),
                  "clawtrace replay --json PATH > FILE");
    std::string id = decoded->session_id;
    files.by_session_.emplace(std::move(id), std::move(*decoded));
  }
  return files;
}

const ReplayReport* ReplayFiles::Find(const Session& session) const {
  std::string steps_hash;
  for (auto [at, end] = by_session_.equal_range(session.id); at != end; ++at) {
    if (steps_hash.empty()) steps_hash = HashOfSteps(session);
    if (at->second.steps_hash == steps_hash) return &at->second;
  }
  return nullptr;
}

void ReplayFiles::TakeUp(const PricedSession& priced, const PriceBook& book, TraceCard* card) const {
  const ReplayReport* report = Find(*priced.session);
  if (!report) return;
  std::vector<std::string> notes = card->coverage ? card->coverage->notes : std::vector<std::string>();
  *card = compile::CompileCard(priced, book, compile::Depth::kFull, report);
  if (card->coverage) card->coverage->notes = std::move(notes);
}

}  // namespace clawtrace::cli
