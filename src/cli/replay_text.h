#pragma once
// A replay report for people: what can go, what took up what, what the oracle said.
#include <ostream>

#include "model/replay_report.h"

namespace clawtrace::cli {

struct ReplayTextOptions {
  std::string step;           // this step alone; "" = all
  bool minimal_only = false;  // no table of steps
};
void PrintReplay(std::ostream& out, const ReplayReport& report, const ReplayTextOptions& options);

}  // namespace clawtrace::cli
