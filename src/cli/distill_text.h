#pragma once
// What distill prints, beside the page of distill_report.h: the result to out, what became of each rule and
// why to err.
#include <ostream>
#include <vector>

#include "cli/command.h"
#include "cli/distill_report.h"
#include "distill/seed.h"

namespace clawtrace::cli {

// A line a verdict; whether one of them advises against distilling.
bool TellAdvice(const std::vector<distill::SeedVerdict>& advice, std::ostream& err);

// The diff, or with --patches the patches, or with --json all there is to say.
void PrintDistill(const Arguments& arguments, const DistillRun& run, const World& world);

}  // namespace clawtrace::cli
