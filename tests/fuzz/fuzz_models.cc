// What models and their servers send: streams through every provider's reader and decoder, and answers of
// analysts through the validator. The first byte chooses.
#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "distill/model/answer.h"
#include "distill/model/model_test_util.h"
#include "llm/provider.h"
#include "llm/server_events.h"

namespace {

using namespace clawtrace;

void CheckReply(const llm::Provider& provider, const llm::WireReply& reply) {
  llm::Answer answer = provider.decode(reply);
  if (!answer) {
    CT_CHECK(answer.error().message.size() <= llm::kMostErrorText);
  } else if (answer->usage) {
    CT_CHECK(IsPlausible(*answer->usage));
  }
}

// The same however the bytes are cut.
void CheckStream(const llm::Provider& provider, std::string_view bytes) {
  if (!provider.stream) return;
  std::string bodies[2];
  for (size_t i = 0; i < 2; ++i) {
    auto reader = provider.stream();
    llm::ServerEvents events(
        [&](std::string_view event, std::string_view data) { reader->Add(event, data); });
    size_t piece = i == 0 ? std::max<size_t>(bytes.size(), 1) : 3;
    for (size_t at = 0; at < bytes.size(); at += piece) events.Feed(bytes.substr(at, piece));
    auto whole = reader->Whole();
    if (!whole) continue;
    bodies[i] = whole->body;
    CheckReply(provider, *whole);
  }
  CT_CHECK(bodies[0] == bodies[1]);
}

void CheckAnswerOf(std::string_view text) {
  static const distill::EvidenceSession session = distill::SomeSession("s1", Verdict::kFailure);
  static const SkillDir skill = distill::SomeSkill();
  static const distill::Outside outside{.folded = {distill::Folded("python3 make.py and all that")},
                                        .skill = ""};
  static const std::set<std::string> pinned;
  static const distill::Redact redact;
  static const std::vector<std::string> fixes = {"make.py"};
  distill::AnswerGround ground{.session = session,
                               .session_name = "s1",
                               .skill = skill,
                               .pinned = pinned,
                               .outside = outside,
                               .redact = redact,
                               .fixes = fixes};
  distill::CheckedAnswer checked = distill::CheckAnswer(text, ground);
  CT_CHECK(checked.answer.has_value() == checked.reasons.empty());
  if (!checked.answer) return;
  for (const distill::Lesson& lesson : checked.answer->lessons) {
    CT_CHECK(!lesson.steps.empty());
    CT_CHECK(distill::ReasonAgainst(lesson.statement, outside, redact).empty());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  std::string_view rest(reinterpret_cast<const char*>(data) + 1, size - 1);
  const auto& providers = llm::Providers();
  size_t choice = data[0] % (providers.size() + 2);
  if (choice < providers.size()) {
    CheckReply(*providers[choice], {.status = 200, .body = std::string(rest)});
    CheckStream(*providers[choice], rest);
  } else if (choice == providers.size()) {
    CheckAnswerOf(rest);
  } else {
    distill::Cleaned cleaned = distill::CleanText(rest, 1 << 16, {}, "s1");
    std::string fenced = distill::Fenced("x", cleaned.text);
    std::string end = fenced.substr(fenced.rfind("\nDATA-"));
    CT_CHECK(fenced.find(end) == fenced.size() - end.size());
  }
  return 0;
}
