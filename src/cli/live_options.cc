#include "cli/live_options.h"

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "base/file.h"
#include "base/text.h"
#include "base/wilson.h"
#include "cli/flag_values.h"
#include "llm/cassette.h"

namespace clawtrace::cli {
namespace {

constexpr int64_t kTimeoutMs = 180'000;  // of one call

Status FindModelProvider(const std::string& named, LiveWish* wish) {
  constexpr std::string_view kProgram = "command:";
  std::string name = named;
  if (named.starts_with(kProgram)) name = "command", wish->program = named.substr(kProgram.size());
  wish->provider = llm::FindProvider(name);
  if (wish->provider && (!wish->provider->address.empty() || !wish->program.empty())) return {};
  std::string all;
  for (const llm::Provider* provider : llm::Providers())
    all += fmt::format("{}{}", all.empty() ? "" : ", ",
                       provider->address.empty() ? "command:PROGRAM" : provider->name);
  return Fail(ErrorCode::kInvalidInput, fmt::format("{} is no provider of models", named), "one of " + all);
}

Status ReadNumbers(const Arguments& arguments, LiveWish* wish) {
  constexpr int64_t kMostTokens = 200'000, kNano = 1'000'000'000, kMostMilli = 2000;
  CT_RETURN_IF_ERROR(ReadCount(arguments, "--times", kMostTrials, &wish->options.times));
  CT_RETURN_IF_ERROR(ReadCount(arguments, "--max-tokens", kMostTokens, &wish->options.max_tokens));
  auto sum = ReadSum(arguments, "--usd");
  if (!sum) return std::unexpected(std::move(sum.error()));
  wish->budget.most = *sum;
  if (arguments.Has("--temperature")) {
    auto given = Usd::Parse(arguments.Value("--temperature"));  // a decimal, exactly
    if (!given || *given < Usd() || given->pico() > kMostMilli * kNano)
      return Fail(ErrorCode::kInvalidInput,
                  fmt::format("--temperature {} does not fit", arguments.Value("--temperature")),
                  "from 0 to 2");
    wish->options.temperature_milli = given->pico() / kNano;
  }
  wish->budget.unpriced_ok = arguments.Has("--unpriced-ok");
  return {};
}

Status CheckTogether(const Arguments& arguments, const LiveWish& wish) {
  auto wrong = [](std::string what, std::string hint) {
    return Fail(ErrorCode::kInvalidInput, std::move(what), std::move(hint));
  };
  if (!arguments.Has("--step")) return wrong("--live asks about one step", "name it: --step 12");
  if (wish.options.model.empty())
    return wrong("--live needs a model", "--model NAME, as the provider calls it");
  if (wish.record && wish.cassette.empty()) return wrong("--record needs a file", "--cassette FILE");
  bool is_program = wish.provider->address.empty();
  if (is_program && (!wish.address.empty() || !wish.key_file.empty()))
    return wrong("a program has neither address nor key", "leave out --base-url and --key-file");
  return {};
}

Result<std::string> KeyOf(const LiveWish& wish, const World& world) {
  constexpr uint64_t kMostKeyBytes = 16384;
  std::string variable(wish.provider->key_variable);
  if (!wish.key_file.empty()) {
    auto key = ReadFile(wish.key_file, kMostKeyBytes);
    if (!key) return std::unexpected(std::move(key.error()));
    return std::string(Trim(*key));
  }
  auto found = world.model_keys.find(variable);
  if (found != world.model_keys.end() && !found->second.empty()) return found->second;
  // Servers of one's own often want none.
  if (!wish.address.empty()) return std::string();
  return Fail(ErrorCode::kInvalidInput, fmt::format("there is no key for {}", wish.provider->name),
              fmt::format("{} in the environment, or --key-file FILE", variable));
}

Result<std::unique_ptr<llm::Transport>> Outside(const LiveWish& wish, const World& world) {
  const llm::Provider& provider = *wish.provider;
  if (provider.address.empty()) return llm::OverCommand(wish.program, kTimeoutMs);
  auto key = KeyOf(wish, world);
  if (!key) return std::unexpected(std::move(key.error()));
  std::string address = wish.address.empty() ? std::string(provider.address) : wish.address;
  return llm::OverHttp(provider, {.address = address, .key = std::move(*key), .timeout_ms = kTimeoutMs});
}

Result<std::unique_ptr<llm::Transport>> TransportOf(const LiveWish& wish, const World& world) {
  if (!wish.cassette.empty() && !wish.record) return llm::ReplayFrom(wish.cassette, *wish.provider);
  auto outside = Outside(wish, world);
  if (!outside) return std::unexpected(std::move(outside.error()));
  if (!wish.record) return outside;
  return llm::RecordTo(wish.cassette, *wish.provider, std::move(*outside));
}

llm::RetryRule RetriesOf(const LiveWish& wish, const World& world) {
  llm::RetryRule rule;
  if (!wish.cassette.empty() && !wish.record) return rule;  // nobody is waited for
  rule.pause = [&world](int64_t ms) {
    *world.err << fmt::format("clawtrace: the provider is busy, asked again in {} ms\n", ms) << std::flush;
    std::this_thread::sleep_for(std::chrono::milliseconds(ms));
  };
  return rule;
}

llm::PriceOf PricesOf(const LiveWish& wish) {
  // Somebody else's server has prices of its own; the book's rows for the model are the best there is.
  std::string provider(wish.address.empty() ? wish.provider->price_provider : "");
  return [model = wish.options.model, provider, book = wish.book](const Usage& usage) -> std::optional<Usd> {
    LlmCall call;
    call.model = model, call.provider = provider, call.usage = usage;
    return book->Price(call, std::nullopt, false).list_price;
  };
}

}  // namespace

Result<std::optional<LiveWish>> LiveWishOf(const Arguments& arguments) {
  if (!arguments.Has("--live")) {
    for (std::string_view flag : {"--model", "--base-url", "--times", "--usd", "--cassette", "--record",
                                  "--key-file", "--max-tokens", "--temperature", "--unpriced-ok"}) {
      if (arguments.Has(flag))
        return Fail(ErrorCode::kInvalidInput, fmt::format("{} needs --live", flag),
                    "--live PROVIDER --model NAME");
    }
    return std::nullopt;
  }
  LiveWish wish;
  CT_RETURN_IF_ERROR(FindModelProvider(arguments.Value("--live"), &wish));
  wish.address = arguments.Value("--base-url"), wish.key_file = arguments.Value("--key-file");
  wish.cassette = arguments.Value("--cassette"), wish.record = arguments.Has("--record");
  wish.options.model = arguments.Value("--model"), wish.options.compatible = !wish.address.empty();
  wish.step = arguments.Value("--step");
  CT_RETURN_IF_ERROR(ReadNumbers(arguments, &wish));
  CT_RETURN_IF_ERROR(CheckTogether(arguments, wish));
  return wish;
}

Status AddLive(const LiveWish& wish, const Session& session, const World& world, ReplayReport* report) {
  auto verdict = std::ranges::find(report->steps, wish.step, &StepVerdict::step);
  std::vector<replay::Moment> timeline = replay::TimelineOf(session);
  auto found = std::ranges::find(timeline, wish.step, &replay::Moment::id);
  if (verdict == report->steps.end() || found == timeline.end()) return {};
  auto transport = TransportOf(wish, world);
  if (!transport) return std::unexpected(std::move(transport.error()));
  llm::Asker asker(*wish.provider, **transport, PricesOf(wish), wish.budget);
  asker.SetRetries(RetriesOf(wish, world));
  auto check =
      replay::AskAgain(timeline, {static_cast<size_t>(found - timeline.begin())}, wish.options, &asker);
  if (!check) return std::unexpected(std::move(check.error()));
  verdict->live = std::move(*check);
  return {};
}

}  // namespace clawtrace::cli
