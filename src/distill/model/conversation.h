#pragma once
// One analyst's conversation about one session: from what it is shown to lessons that hold.
#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "distill/model/answer.h"
#include "distill/model/look_ups.h"
#include "distill/model/prompts.h"
#include "llm/asker.h"

namespace clawtrace::distill {

struct TalkRules {
  std::string model;
  bool compatible = false;  // llm::Request
  int64_t max_tokens = 4096;
  std::optional<int64_t> temperature_milli;
  int64_t look_ups = 8;      // turns with look-ups of an error analyst
  int64_t format_fixes = 2;  // times that an answer which cannot be used may be mended
  AnswerLimits limits;
};

// What a conversation stands on; all of it outlives the conversation.
struct TalkGround {
  ModelAnalyst analyst = ModelAnalyst::kSuccess;
  const EvidenceSession& session;
  const SkillDir& skill;
  const std::set<std::string>& pinned;
  const std::vector<std::string>& rejected;
  const Prompts& prompts;
  const Redact& redact;
  LookUps* look_ups = nullptr;  // kError
  // Answers a look-up from what was kept, or by asking: the n-th of the conversation.
  std::function<Found(int64_t n, const llm::ToolCall& call)> look_up;
};

struct Talk {
  std::optional<ModelAnswer> answer;  // nullopt: none that could be used
  std::string error;                  // why, "" when there is one
  bool may_pass = false;              // the error may not come again: network, budget, a busy provider
  bool is_fatal = false;              // every other conversation would end in it too: key, model, cassette
  std::vector<std::string> fixes;     // as AnswerGround::fixes
  std::vector<llm::Turn> turns;       // all that was said
  std::vector<Notice> notices;
};

Talk Converse(const TalkGround& ground, const TalkRules& rules, llm::Asker* asker);

}  // namespace clawtrace::distill
