#include "model/replay_report.h"

#include <fmt/core.h>

#include "base/hash.h"
#include "model/archive.h"

namespace clawtrace {

namespace {

void Append(const Session& session, std::string* all) {
  all->append(fmt::format("{} {}\n", session.id, session.steps.size()));
  for (const Step& step : session.steps) {
    all->append(fmt::format("{} {} {:x} {} {:x} {} {}\n", static_cast<int>(step.kind), step.call_id,
                            step.tool.args_hash, step.tool.args_bytes, step.result.output_hash,
                            step.result.output_bytes, step.llm.text_bytes));
    for (const Session& child : step.children) Append(child, all);
  }
}

}  // namespace

std::string HashOfSteps(const Session& session) {
  std::string all;
  Append(session, &all);
  return HexOf(Hash64(all));
}

std::string EncodeReplayReport(const ReplayReport& report, bool json) {
  return Encode(report, json ? DocWriter::Format::kJson : DocWriter::Format::kYaml);
}

Result<ReplayReport> DecodeReplayReport(std::string_view text, std::string_view name) {
  return Decode<ReplayReport>(text, name);
}

}  // namespace clawtrace
