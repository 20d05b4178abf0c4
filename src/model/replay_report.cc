#include "model/replay_report.h"

#include "model/archive.h"

namespace clawtrace {

std::string EncodeReplayReport(const ReplayReport& report, bool json) {
  return Encode(report, json ? DocWriter::Format::kJson : DocWriter::Format::kYaml);
}

Result<ReplayReport> DecodeReplayReport(std::string_view text, std::string_view name) {
  return Decode<ReplayReport>(text, name);
}

}  // namespace clawtrace
