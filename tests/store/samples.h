#pragma once
// Made-up facts, payloads and compiled sessions for the tests and benchmarks of stores.
#include <fmt/core.h>

#include <string>
#include <vector>

#include "store/types.h"

namespace clawtrace::store {

inline constexpr int64_t kSecond = 1'000'000'000;
inline constexpr int64_t kSampleStart = 1'780'000'000 * kSecond;

// The n-th fact of a session: all kinds in turn, different texts.
inline Fact SampleFact(const std::string& session, int n) {
  Fact fact;
  fact.source = "claude-code", fact.session_id = session;
  fact.id = fmt::format("id-{}", n);
  fact.node = fmt::format("node-{}", n);
  fact.ordinal = n % 5 == 0 ? 0 : n;
  fact.start_ns = kSampleStart + n * kSecond;
  switch (n % 4) {
    case 0:
      fact.kind = FactKind::kUser;
      fact.user =
          UserTurn{.text = fmt::format("please fix bug number {} in the parser", n), .text_bytes = 40};
      break;
    case 1: {
      fact.kind = FactKind::kLlmCall;
      fact.end_ns = *fact.start_ns + kSecond / 2;
      LlmCall call{.model = "claude-sonnet-4", .provider = "anthropic"};
      call.usage = Usage{.uncached_input = n, .cache_read = 1000, .output = 20, .reasoning = 3};
      call.reported_cost = Usd::Pico(123456789 + n);
      call.aliases = {"req-1", fmt::format("msg-{}", n)};
      call.text = "I will look at the file";
      fact.llm = call;
      break;
    }
    case 2:
      fact.kind = FactKind::kToolUse;
      fact.tool = ToolUse{.llm_call = fmt::format("id-{}", n - 1),
                          .name = "Read",
                          .index = 0,
                          .args = fmt::format(R"({{"path":"src/file_{}.cc"}})", n),
                          .args_bytes = 22,
                          .args_hash = 0xfedcba9876543210u + static_cast<uint64_t>(n),
                          .cwd = "/work"};
      break;
    default:
      fact.kind = FactKind::kToolResult;
      fact.result = ToolResult{.status = ToolStatus::kError,
                               .exit_code = 0,
                               .error = "no such file",
                               .output_bytes = 12,
                               .output_hash = ~uint64_t{0},
                               .output = fmt::format("output of step {} with the word zebra{}", n, n)};
  }
  return fact;
}

inline Batch SampleBatch(const std::string& tenant, const std::string& session, int first, int count) {
  Batch batch{.tenant = tenant, .now_ns = kSampleStart + first * kSecond};
  for (int n = first; n < first + count; ++n) batch.facts.push_back(SampleFact(session, n));
  return batch;
}

// What the calls of a conversation send: a system message and all messages so far.
inline std::string SamplePrompt(int messages, const std::string& flavour = "") {
  std::string prompt = R"([{"role":"system","content":")";
  for (int i = 0; i < 300; ++i)
    prompt += fmt::format("Rule {}{}: be kind to tool {}. ", flavour, i, i * 7 % 13);
  prompt += "\"}";
  for (int m = 0; m < messages; ++m) {
    prompt += fmt::format(R"(,{{"role":"{}","content":"message {}{} says )", m % 2 ? "assistant" : "user",
                          flavour, m);
    for (int i = 0; i < 40; ++i) prompt += fmt::format("word{} ", (m * 31 + i * 17) % 997);
    prompt += "\"}";
  }
  return prompt + "]";
}

inline CompiledSession SampleSession(const std::string& id, int n) {
  CompiledSession session;
  SessionSummary& s = session.summary;
  s.session_id = id, s.agent = n % 3 == 0 ? "codex" : "claude-code";
  s.task_id = fmt::format("task-{}", n % 4), s.project = "clawtrace", s.user = n % 2 == 0 ? "ann" : "bob";
  s.prompt = fmt::format("prompt of {}", id);
  s.start_ns = kSampleStart + (n * 7 % 11) * kSecond, s.end_ns = *s.start_ns + 60 * kSecond;
  s.outcome = n % 2 == 0 ? Verdict::kSuccess : Verdict::kFailure;
  s.cost_status = n % 5 == 0 ? CostStatus::kUnpriced : CostStatus::kPriced;
  if (n % 5 != 0) s.cost = Usd::Pico(1'000'000'000 + n * 37 % 10 * 1'000'000);
  s.tokens = {.uncached_input = n, .cache_read = 10 * n, .output = 5};
  s.llm_calls = n, s.tool_calls = 2 * n;
  s.card = fmt::format("card of {}", id);
  session.pages = {fmt::format("page 0 of {}", id), fmt::format("page 1 of {}", id)};
  DaySpend spend{.day = 20600 + n % 2, .model = n % 3 == 0 ? "gpt-5" : "claude-sonnet-4"};
  spend.calls = n, spend.unpriced = n % 5 == 0 ? n : 0;
  spend.tokens = s.tokens;
  spend.cost = s.cost.value_or(Usd());
  session.spend = {spend};
  session.calls.id = id;
  return session;
}

}  // namespace clawtrace::store
