#pragma once
// What the flags of `replay --live` ask for, and asking it.
#include <optional>
#include <string>

#include "cli/command.h"
#include "llm/asker.h"
#include "model/replay_report.h"
#include "pricing/pricing.h"
#include "replay/live.h"

namespace clawtrace::cli {

struct LiveWish {
  std::string step;  // the one that is left out
  const llm::Provider* provider = nullptr;
  std::string program;  // of the provider "command"
  std::string address;  // of the others, "" = their own
  std::string key_file, cassette;
  bool record = false;
  llm::Budget budget;
  const PriceBook* book = nullptr;  // set before anything is asked
  replay::LiveOptions options;
};

// nullopt: no --live. kInvalidInput when the flags do not go together.
Result<std::optional<LiveWish>> LiveWishOf(const Arguments& arguments);

// Asks what the model does without the step, and puts the answer beside its verdict, which stays as it is. A
// step that the report does not have is left to whoever prints it.
Status AddLive(const LiveWish& wish, const Session& session, const World& world, ReplayReport* report);

}  // namespace clawtrace::cli
