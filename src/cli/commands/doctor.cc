#include <fmt/core.h>

#include "base/text.h"
#include "capture/gather.h"
#include "cli/inputs.h"
#include "cli/table.h"
#include "replay/sandbox.h"

namespace clawtrace::cli {
namespace {

constexpr Flag kFlags[] = {kPricesFlag};

int Run(const Arguments& arguments, const World& world) {
  if (!arguments.positional.empty())
    return Report(world, {ErrorCode::kInvalidInput,
                          fmt::format("doctor takes no path, and {} is one", arguments.positional.front()),
                          "clawtrace sessions PATH shows what a file or folder holds"});
  bool healthy = true;
  auto tell = [&](bool ok, std::string text, std::string fix = {}) {
    *world.out << (ok ? "ok    " : "FAIL  ") << text << "\n";
    if (!fix.empty()) *world.out << "      " << fix << "\n";
    healthy = healthy && ok;
  };
  *world.out << "clawtrace " CLAWTRACE_VERSION "\n";
  auto book = LoadPrices(arguments, world);
  if (book)
    tell(true,
         fmt::format("price book {}: {} rows from {}", book->id(), book->rows().size(), world.data_dir));
  else
    tell(false, book.error().message, book.error().hint);
  // Without one all but replay works.
  auto sandbox = replay::SandboxAvailable({.program = world.workplace_program, .scratch = world.scratch_dir});
  *world.out << (sandbox ? "ok    sandbox: recorded commands can be executed again\n"
                         : "note  no sandbox, so no recorded command is executed: " +
                               sandbox.error().message + "\n");
  if (!sandbox) *world.out << "      " << sandbox.error().hint << "\n";
  *world.out << "\nformats read:\n";
  std::vector<std::vector<std::string>> rows;
  for (const capture::Importer* importer : capture::Importers())
    rows.push_back({"  " + std::string(importer->name), std::string(importer->summary)});
  PrintTable(*world.out, {{"  name"}, {"what"}}, rows);
  *world.out << "\nlogs of this user:\n";
  auto roots = capture::KnownRoots(world.home);
  if (roots.empty())
    *world.out << "  none found below " << world.home << "; name files or folders on the command line\n";
  for (const std::string& root : roots) {
    capture::Plan plan = capture::PlanInputs({root});
    size_t files = 0;
    for (const capture::Unit& unit : plan.units) files += unit.files.size();
    tell(plan.unusable.empty(),
         fmt::format("{}: {} logs in {} groups, {} other files", root, files, plan.units.size(),
                     plan.unrecognised_files),
         plan.unusable.empty() ? ""
                               : fmt::format("{} could not be read, the first: {}: {}", plan.unusable.size(),
                                             plan.unusable.front().path, plan.unusable.front().reason));
  }
  return healthy ? kDone : kNo;
}

}  // namespace

extern const Command kDoctor;
const Command kDoctor = {
    .name = "doctor",
    .summary = "check the installation and show which logs are there",
    .usage = "doctor [--prices FILE]",
    .details = "Exit code 1 when something needs fixing; each finding says what to do.",
    .flags = kFlags,
    .positional_paths = false,
    .run = Run,
};

}  // namespace clawtrace::cli
