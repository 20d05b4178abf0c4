#include "llm/asker.h"

#include <fmt/core.h>

#include <algorithm>

#include "base/hash.h"
#include "llm/cassette.h"
#include "llm/providers/wire.h"

namespace clawtrace::llm {
namespace {

// What providers add of their own to a prompt: how tools are asked for, who speaks.
constexpr int64_t kPromptExtra = 1000;
// Bytes of a prompt that make a token, for the pace alone.
constexpr int64_t kBytesPerToken = 4;

// No token is less than a byte of what is sent; of a request that was answered once it is known.
int64_t MostPromptTokens(const WireRequest& request, std::optional<int64_t> known) {
  return known.value_or(std::ssize(request.body) + kPromptExtra);
}

// Bytes of an answer that a token can stand for; more was never asked for.
constexpr int64_t kMostBytesPerToken = 16;

bool IsTooLong(const Reply& reply, int64_t max_tokens) {
  int64_t bytes = std::ssize(reply.text);
  for (const ToolCall& call : reply.calls) bytes += std::ssize(call.name) + std::ssize(call.args);
  return max_tokens > 0 && bytes / kMostBytesPerToken > max_tokens;
}

// Whatever became of the answer, it may have been worked at.
bool MayHaveCost(CallErrorKind kind) { return kind == CallErrorKind::kTransport; }

}  // namespace

Charge ChargeOf(const Provider& provider, const Sent& sent, const PriceOf& price) {
  if (!sent) return {.made = MayHaveCost(sent.error().kind), .cost = std::nullopt};
  Answer answer = provider.decode(*sent);
  if (!answer) return {.made = answer.error().kind == CallErrorKind::kMalformed, .cost = std::nullopt};
  return {.made = true, .cost = answer->usage ? price(*answer->usage) : std::nullopt};
}

void Asker::Count(const std::optional<Usd>& cost) {
  ++calls_;
  if (cost)
    cost_ += *cost;
  else
    ++calls_unpriced_;
}

Sent Asker::SendPaid(const WireRequest& wire, int64_t tokens) {
  if (auto reserved = meter_.Reserve(wire.most_usd); !reserved)
    return std::unexpected(std::move(reserved.error()));
  if (limiter_) {
    int64_t wait = limiter_->Take(tokens, now_ms_());
    if (wait > 0 && retries_.pause) retries_.pause(wait);
  }
  Sent sent = transport_.Send(wire);
  Charge charge = ChargeOf(provider_, sent, price_);
  if (charge.made)
    meter_.Settle(wire.most_usd, charge.cost);
  else
    meter_.GiveBack(wire.most_usd);
  return sent;
}

Answer Asker::Attempt(WireRequest& wire, const Request& request, const std::string& hash, Sent* sent) {
  auto prompt = prompts_.find(hash);
  Usage worst;
  worst.uncached_input =
      MostPromptTokens(wire, prompt == prompts_.end() ? std::nullopt : std::optional(prompt->second));
  worst.output = request.max_tokens;
  wire.most_usd = price_(worst);
  int64_t expected = (std::ssize(wire.body) + request.max_tokens) / kBytesPerToken;
  bool is_paid_already = transport_.Knows(wire);
  *sent = is_paid_already ? transport_.Send(wire) : SendPaid(wire, expected);
  if (Charge charge = ChargeOf(provider_, *sent, price_); charge.made) Count(charge.cost);
  if (!*sent) return std::unexpected(sent->error());
  Answer answer = provider_.decode(**sent);
  if (answer && IsTooLong(*answer, request.max_tokens))
    return Malformed("the reply is far longer than what was asked for");
  if (!answer || !answer->usage) return answer;
  int64_t& known = prompts_[hash];
  known = std::max(known, answer->usage->prompt());
  if (limiter_ && !is_paid_already) limiter_->Correct(answer->usage->total() - expected);
  return answer;
}

Answer Asker::Ask(const Request& request) {
  WireRequest wire = provider_.encode(request);
  std::string hash = RequestHash(provider_, wire);
  Answer answer = std::unexpected(CallError{});
  bool has_asked = false;
  for (int made = 0;;) {
    // What failed in an earlier run is no reason to give up in this one.
    bool is_past = transport_.Knows(wire);
    Sent sent = std::unexpected(CallError{});
    Answer now = Attempt(wire, request, hash, &sent);
    // A recording that ends with a failure holds no attempt after it.
    bool is_end = has_asked && !now && now.error().kind == CallErrorKind::kCassetteMiss;
    if (now || !is_end) answer = std::move(now);
    if (answer || is_end) return answer;
    has_asked = true;
    if (is_past) continue;
    auto wait = WaitBeforeRetry(retries_, ++made, sent, answer, Hash64(hash));
    if (!wait) return answer;
    if (retries_.pause) retries_.pause(*wait);
  }
}

}  // namespace clawtrace::llm
