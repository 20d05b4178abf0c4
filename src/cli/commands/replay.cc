#include "replay/replayer.h"

#include "cli/whole_sessions.h"

namespace clawtrace::cli {
namespace {

constexpr Flag kFlags[] = {kJsonFlag, kPricesFlag};

int Run(const Arguments& arguments, const World& world) {
  auto book = LoadPrices(arguments, world);
  if (!book) return Report(world, book.error());
  auto selection = Select(arguments, world);
  if (!selection) return Report(world, selection.error());
  auto sessions = ReadWholeSessions(*selection, *book, world);
  if (!sessions) return Report(world, sessions.error());
  for (WholeSession& whole : *sessions) {
    auto report = replay::Replay(whole.priced, nullptr, {});
    if (!report) return Report(world, report.error());
    *world.out << EncodeReplayReport(*report, arguments.Has("--json")) << (arguments.Has("--json") ? "\n" : "");
  }
  return kDone;
}

}  // namespace

extern const Command kReplay;
const Command kReplay = {
    .name = "replay",
    .summary = "would the outcome have been the same without this step?",
    .usage = "replay [--json] [--prices FILE] [SESSION|PATH]...",
    .details = "x",
    .flags = kFlags,
    .run = Run,
};

}  // namespace clawtrace::cli
