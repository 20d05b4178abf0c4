#pragma once
// What the flags of commands that ask models ask for, and running the model-backed analysts as they say.
#include <array>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/command.h"
#include "cli/inputs.h"
#include "distill/model/model_analysts.h"
#include "distill/model/rewording.h"

namespace clawtrace::cli {

inline constexpr std::array<Flag, 17> kModelFlags = {{
    {"--model", "PROVIDER:MODEL",
     "ask a model too: anthropic, openai-chat, openai-responses or gemini and its name, or command:PROGRAM",
     FlagKind::kValue},
    {"--address", "URL", "of a server that speaks the provider's protocol", FlagKind::kValue},
    {"--key-file", "FILE", "holds the key (default: the provider's variable in the environment)",
     FlagKind::kPath},
    {"--budget", "USD", "what all of it may cost at most, earlier runs of the journal included",
     FlagKind::kValue},
    {"--unpriced-ok", "", "under --budget too, ask models whose price is not known", FlagKind::kSwitch},
    {"--jobs", "N", "sessions that are looked at at once (default: 4)", FlagKind::kValue},
    {"--turns", "N", "look-ups of an analyst of failures (default: 8)", FlagKind::kValue},
    {"--max-tokens", "N", "longest answer (default: 4096)", FlagKind::kValue},
    {"--timeout", "S", "seconds without a byte after which a call is given up (default: 120)",
     FlagKind::kValue},
    {"--requests-per-minute", "N", "not more, over all that is asked at once", FlagKind::kValue},
    {"--tokens-per-minute", "N", "not more, over all that is asked at once", FlagKind::kValue},
    {"--journal", "FILE", "keeps what was asked and answered; an interrupted run goes on from it",
     FlagKind::kPath},
    {"--cassette", "FILE", "answers from this journal, without a network", FlagKind::kPath},
    {"--record", "", "with --cassette: asks, and makes it", FlagKind::kSwitch},
    {"--cases", "FILE", "workspaces, oracles and right results of sessions, one JSON object a line",
     FlagKind::kPath},
    {"--reword", "", "the model words new rules; evidence and meaning stay", FlagKind::kSwitch},
    {"--prompts", "DIR", "what analysts are told, instead of the installed prompts", FlagKind::kPath},
}};

// A command's own flags and these.
template <size_t N, size_t M>
constexpr std::array<Flag, N + M> JoinFlags(const Flag (&own)[N], const std::array<Flag, M>& more) {
  std::array<Flag, N + M> all;
  for (size_t i = 0; i < N; ++i) all[i] = own[i];
  for (size_t i = 0; i < M; ++i) all[N + i] = more[i];
  return all;
}

struct ModelWish {
  const llm::Provider* provider = nullptr;
  std::string program;            // of the provider "command"
  std::string address, key_file;  // of the others, "" = their own
  std::string journal;            // "" = nothing is kept
  std::string prompts;
  bool replays = false;  // answers from the journal alone
  bool reword = false;
  int64_t idle_ms = 120'000;
  size_t jobs = 4;
  llm::Budget budget;
  llm::Pace pace;
  distill::TalkRules talk;
};

// nullopt: no --model. kInvalidInput when the flags do not go together.
Result<std::optional<ModelWish>> ModelWishOf(const Arguments& arguments);

// Cases by the id of their session; those that name a log are read for it. "" = none.
Result<std::map<std::string, distill::Case>> ReadCasesById(const std::string& path, const PriceBook& book,
                                                           const World& world);

// What analysts look at; outlives whoever asks about it.
struct AskedAbout {
  const distill::EvidenceBase& base;
  const SkillDir& skill;
  const Selection& selection;
  const PriceBook& book;
  const std::map<std::string, distill::Case>& cases;  // by session id
};

// Asks as the flags say, under one budget. wish, about and world outlive it.
class Models {
 public:
  // Errors: no key, no prompts, a journal that is none.
  static Result<std::unique_ptr<Models>> Open(const ModelWish& wish, const AskedAbout& about,
                                              const World& world);

  // Runs the analysts over the evidence of what was selected, shows progress on a terminal, and says at the
  // end what it cost, what failed and what sessions tried.
  Result<distill::ModelRun> Analyse();
  // For MergeOptions::reword.
  Result<distill::Rewording> Words() { return distill::Rewording::Make(&*desk_); }
  // What became of it, to people.
  void TellWords(const distill::Rewording& words) const;

 private:
  Models(const AskedAbout& about, const World& world) : about_(about), world_(world) {}

  AskedAbout about_;
  const World& world_;
  distill::ModelOptions options_;
  std::unique_ptr<llm::Journal> journal_;
  std::optional<distill::ModelDesk> desk_;
};

}  // namespace clawtrace::cli
