#include "llm/asker.h"

#include <fmt/core.h>

#include <algorithm>

#include "llm/cassette.h"
#include "llm/providers/wire.h"

namespace clawtrace::llm {
namespace {

// What providers add of their own to a prompt: how tools are asked for, who speaks.
constexpr int64_t kPromptExtra = 1000;

// No token is less than a byte of what is sent; of a request that was answered once it is known.
int64_t MostPromptTokens(const WireRequest& request, std::optional<int64_t> known) {
  return known.value_or(std::ssize(request.body) + kPromptExtra);
}

}  // namespace

std::optional<CallError> Asker::Refusal(const std::optional<Usd>& most) const {
  if (!budget_.most) return std::nullopt;
  if (!most) {
    if (budget_.unpriced_ok) return std::nullopt;
    return ErrorOf(CallErrorKind::kUnpriced, "there is a budget, and nobody knows what this model costs");
  }
  Usd left = *budget_.most - spending_.known - spending_.held;
  if (*most <= left) return std::nullopt;
  return ErrorOf(CallErrorKind::kBudget, fmt::format("the next call may cost {} USD, and {} are left",
                                                     most->ToDecimal(), left.ToDecimal()));
}

void Asker::Count(const std::optional<Usd>& cost, const std::optional<Usd>& most) {
  ++spending_.calls;
  if (cost) {
    spending_.known += *cost;
    return;
  }
  ++spending_.calls_unpriced;
  spending_.held += most.value_or(Usd());
}

Answer Asker::Ask(const Request& request) {
  WireRequest wire = provider_.encode(request);
  std::string hash = RequestHash(provider_, wire);
  auto prompt = prompts_.find(hash);
  Usage worst;
  worst.uncached_input =
      MostPromptTokens(wire, prompt == prompts_.end() ? std::nullopt : std::optional(prompt->second));
  worst.output = request.max_tokens;
  std::optional<Usd> most = price_(worst);
  if (auto refusal = Refusal(most)) return std::unexpected(std::move(*refusal));
  Sent sent = transport_.Send(wire);
  if (!sent) {
    // It may have been worked at, whatever became of the answer.
    if (sent.error().kind != CallErrorKind::kCassetteMiss) Count(std::nullopt, most);
    return std::unexpected(std::move(sent.error()));
  }
  Answer answer = provider_.decode(*sent);
  if (answer) {
    const std::optional<Usage>& usage = answer->usage;
    Count(usage ? price_(*usage) : std::nullopt, most);
    if (usage) {
      int64_t& known = prompts_[hash];
      known = std::max(known, usage->prompt());
    }
  } else if (answer.error().kind == CallErrorKind::kMalformed) {
    Count(std::nullopt, most);
  }
  return answer;
}

}  // namespace clawtrace::llm
