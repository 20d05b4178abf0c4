#pragma once
// Sessions made of bytes: conversations that grow, are cached, compacted, left on branches, spawn sub-agents,
// and have calls whose usage or price nobody knows. The same bytes give the same session.
#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "model/session.h"

namespace clawtrace::test {

class SessionMaker {
 public:
  explicit SessionMaker(std::vector<uint8_t> bytes) : bytes_(std::move(bytes)) {}

  Session Make() { return Make(0); }

 private:
  // The next number below bound; 0 when the bytes are used up.
  int64_t Below(int64_t bound) {
    uint64_t value = 0;
    for (int i = 0; i < 2; ++i) value = value << 8 | (at_ < bytes_.size() ? bytes_[at_++] : 0U);
    return static_cast<int64_t>(value) % std::max<int64_t>(bound, 1);
  }
  bool OneIn(int64_t n) { return Below(n) == n - 1; }
  bool Empty() const { return at_ >= bytes_.size(); }

  Session Make(int depth) {
    Session session;
    session.id = "s" + std::to_string(depth);
    session.info.agent = OneIn(2) ? "claude-code" : "agent";
    if (OneIn(16)) session.info.billing = "subscription";
    session.prompt = std::string(static_cast<size_t>(Below(3000)), 'p');
    session.compactions = OneIn(3) ? Below(4) : 0;
    constexpr int64_t kMaxCalls = 40;
    int64_t calls = depth == 0 ? kMaxCalls : 6, history = 500 + Below(20'000), cached = 0, left_at = 0;
    bool abandoned = false;
    for (int64_t turn = 1; turn <= calls && !Empty(); ++turn) {
      if (OneIn(8)) {
        abandoned = !abandoned;
        if (abandoned)
          left_at = history;
        else
          history = left_at;
      }
      if (OneIn(10)) history = history / (2 + Below(20)) + 1, cached = 0;
      session.steps.push_back(MakeCall(turn, abandoned, history, &cached));
      const Step& call = session.steps.back();
      if (call.llm.usage) history += call.llm.usage->output;
      int64_t tools = Below(4);
      for (int64_t tool = 0; tool < tools; ++tool) {
        session.steps.push_back(MakeTool(OneIn(12) ? 0 : turn, abandoned, &history));
        if (depth < 3 && OneIn(6)) MakeSpawn(depth, &session.steps.back());
      }
      if (OneIn(5)) history += Below(500);  // the user
    }
    return session;
  }

  Step MakeCall(int64_t turn, bool abandoned, int64_t history, int64_t* cached) {
    Step step;
    step.call_id = "c" + std::to_string(turn);
    step.turn = turn, step.abandoned = abandoned;
    LlmCall& llm = step.llm;
    constexpr const char* kModels[] = {"claude-a", "claude-long", "gpt-a", "unknown-model"};
    llm.model = kModels[OneIn(6) ? Below(4) : 0];
    llm.text_bytes = Below(900), llm.thinking_bytes = OneIn(3) ? Below(5000) : 0;
    llm.auxiliary = OneIn(20), llm.billed = !OneIn(25), step.inherited = !llm.billed && OneIn(2);
    if (OneIn(8)) llm.reported_cost = Usd::Pico(1 + Below(60'000) * Below(1'000'000));
    if (OneIn(12)) llm.error = "overloaded";
    if (OneIn(15)) return step;  // no usage
    Usage& usage = llm.usage.emplace();
    int64_t prompt = OneIn(15) ? Below(60'000) : history;
    usage.cache_read = std::min({*cached, prompt, OneIn(9) ? Below(60'000) : prompt});
    int64_t rest = prompt - usage.cache_read;
    usage.cache_write_1h = OneIn(4) ? Below(rest + 1) : 0;
    rest -= usage.cache_write_1h;
    usage.cache_write_unknown = OneIn(4) ? Below(rest + 1) : 0;
    rest -= usage.cache_write_unknown;
    usage.cache_write_5m = OneIn(2) ? rest : Below(rest + 1);
    usage.uncached_input = rest - usage.cache_write_5m;
    usage.output = Below(2000);
    usage.reasoning = OneIn(3) ? Below(usage.output + 100) : 0;
    if (OneIn(200)) usage.cache_read = kMaxTokensPerBucket;
    *cached = prompt - usage.uncached_input;
    return step;
  }

  Step MakeTool(int64_t turn, bool abandoned, int64_t* history) {
    Step step;
    step.kind = StepKind::kToolUse;
    step.turn = turn, step.abandoned = abandoned && turn > 0;
    step.tool.name = "read", step.tool.args_bytes = Below(400);
    step.result.output_bytes = OneIn(6) ? 0 : Below(20'000);
    step.result_only = OneIn(30);
    *history += step.result.output_bytes / (2 + Below(4));
    return step;
  }

  void MakeSpawn(int depth, Step* step) {
    step->kind = StepKind::kSubagentSpawn;
    for (int64_t children = Below(3); children > 0; --children) step->children.push_back(Make(depth + 1));
  }

  std::vector<uint8_t> bytes_;
  size_t at_ = 0;
};

// The prices that the generated models have; unknown-model has none.
inline constexpr const char* kGeneratedPrices =
    "model\tprovider\tinput\toutput\tcache_read\tcache_write_5m\tcache_write_1h\ttiers\treasoning_"
    "output\tsource\n"
    "claude-a\tanthropic\t3\t15\t0.3\t3.75\t6\t\t\tlist@2026-01-02\n"
    "claude-long\tanthropic\t3\t15\t0.3\t3.75\t\t>20000 input=6 output=22.5 cache_read=0.6 "
    "cache_write_5m=7.5\t\tlist@2026-01-01\n"
    "gpt-a\topenai\t2\t8\t\t\t\t\t9\tlist@2026-01-01\n";

}  // namespace clawtrace::test
