#pragma once
// Verdict readers turn a file that a judge wrote into judgements: what an oracle leaves behind, and reports
// of foreign harnesses. A reader is data plus two functions, in a file under verdict_readers/ and one line in
// verdict_readers.def, whose order is the order in which an oracle's files are asked.
//
// Contract, checked for every entry by verdict_reader_test.cc:
//  - total: no bytes crash, hang or make it hold more than a small multiple of them;
//  - deterministic, and the order of the runs in a report does not change what is said of each;
//  - a file that is of the format and says something impossible is an error or an error verdict, never a
//    failure.
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "replay/judgement.h"

namespace clawtrace::replay {

// One run of a report. Both ids as the report has them; "" when it names none.
struct JudgedRun {
  std::string session;  // id of the session that importers give to the run's log
  std::string task;
  std::string judge;  // who judged, only if the report says so
  Judgement judgement;
  bool operator==(const JudgedRun&) const = default;
};

struct VerdictReader {
  std::string_view name;     // "junit"
  std::string_view summary;  // one line of help
  // Where an oracle leaves it: paths below its folder for output, first that exists.
  std::span<const std::string_view> oracle_files;
  // Whether this is of the format, by file name (without folder) and whole text.
  bool (*sniff)(std::string_view name, std::string_view text);
  // At least one run. Errors: kCorruptData, when it cannot be understood as a whole.
  Result<std::vector<JudgedRun>> (*read)(std::string_view name, std::string_view text);
};

// Beyond it a report is not read: kLimit.
inline constexpr size_t kMostReportBytes = size_t{64} << 20;

const std::vector<const VerdictReader*>& VerdictReaders();
const VerdictReader* FindVerdictReader(std::string_view name);
// The first whose sniff says yes; nullptr when none does.
const VerdictReader* SniffVerdicts(std::string_view name, std::string_view text);

}  // namespace clawtrace::replay
