#include "distill/model/conversation.h"

#include <fmt/core.h>

#include <algorithm>

#include "model/archive.h"
#include "skill/paths.h"

namespace clawtrace::distill {
namespace {

constexpr size_t kLookUpBytes = 8000;
constexpr size_t kCallsAtOnce = 6;

Outside OutsideOf(const EvidenceSession& session, std::string* skill_text, const SkillDir& skill) {
  Outside out;
  out.folded.push_back(Folded(session.prompt));
  for (const std::string& prompt : session.later_prompts) out.folded.push_back(Folded(prompt));
  for (const EvidenceStep& step : session.steps) {
    // What the agent itself said is no less foreign.
    out.folded.push_back(Folded(step.args));
    out.folded.push_back(Folded(step.output));
  }
  for (const auto& [path, text] : skill.files) *skill_text += text + "\n";
  out.skill = *skill_text;
  return out;
}

// The key, the account or the model: no other request would fare better. A request that is refused for
// itself, such as one that is too long, is one job's matter.
bool IsFatal(const llm::CallError& error) {
  constexpr int kNoKey = 401, kNoMoney = 402, kForbidden = 403, kNoModel = 404;
  if (error.kind == llm::CallErrorKind::kUnpriced) return true;
  return error.status == kNoKey || error.status == kNoMoney || error.status == kForbidden ||
         error.status == kNoModel;
}

class Talker {
 public:
  Talker(const TalkGround& ground, const TalkRules& rules, llm::Asker* asker)
      : ground_(ground), rules_(rules), asker_(*asker) {
    outside_ = OutsideOf(ground.session, &skill_text_, ground.skill);
    ShownSession shown = ShowSession(ground.session, ground.skill, ground.rejected, ground.redact);
    name_ = shown.name;
    talk_.notices = std::move(shown.notices);
    request_.model = rules.model, request_.compatible = rules.compatible;
    request_.system = ground.prompts.For(ground.analyst);
    request_.max_tokens = rules.max_tokens, request_.temperature_milli = rules.temperature_milli;
    request_.stream = true;
    if (ground.look_ups) request_.tools = ground.look_ups->Declarations();
    Say(llm::Speaker::kUser, std::move(shown.text));
  }

  Talk Run() {
    while (talk_.error.empty() && !talk_.answer) {
      llm::Answer answer = asker_.Ask(request_);
      if (!answer) {
        talk_.error = fmt::format("{}: {}", NameOf(answer.error().kind), answer.error().message);
        talk_.may_pass = true, talk_.is_fatal = IsFatal(answer.error());
      } else if (!answer->calls.empty() && ground_.look_ups) {
        LookUp(std::move(*answer));
      } else {
        TakeAnswer(*answer);
      }
    }
    talk_.turns = std::move(request_.turns);
    return std::move(talk_);
  }

 private:
  void Say(llm::Speaker speaker, std::string text) {
    request_.turns.push_back({.speaker = speaker, .text = std::move(text), .calls = {}, .outputs = {}});
  }

  // Ids and arguments as every provider takes them back.
  static void MendCalls(size_t turn, llm::Reply* reply) {
    constexpr size_t kMostId = 64;
    for (size_t i = 0; i < reply->calls.size(); ++i) {
      llm::ToolCall& call = reply->calls[i];
      bool is_plain = call.id.size() <= kMostId && skill::IsFileNameSafe(call.id) && !call.id.contains('.');
      if (!is_plain) call.id = fmt::format("call_{}_{}", turn, i);
      if (call.broken) call.args = "{}";
    }
  }

  void LookUp(llm::Reply reply) {
    std::vector<bool> broken;
    for (const llm::ToolCall& call : reply.calls) broken.push_back(call.broken);
    MendCalls(request_.turns.size(), &reply);
    llm::Turn outputs{.speaker = llm::Speaker::kTools, .text = {}, .calls = {}, .outputs = {}};
    bool is_over = look_up_turns_ >= rules_.look_ups;
    for (size_t i = 0; i < reply.calls.size(); ++i) {
      const llm::ToolCall& call = reply.calls[i];
      llm::ToolOutput output{.id = call.id, .text = {}, .failed = true};
      if (is_over)
        output.text = "No look-ups are left. Answer now.";
      else if (broken[i])
        output.text = "The arguments were no JSON object.";
      else if (i >= kCallsAtOnce)
        output.text = "Too many look-ups at once.";
      else
        output = Show(call);
      outputs.outputs.push_back(std::move(output));
    }
    request_.turns.push_back({.speaker = llm::Speaker::kAssistant,
                              .text = std::move(reply.text),
                              .calls = std::move(reply.calls),
                              .outputs = {}});
    request_.turns.push_back(std::move(outputs));
    if (look_up_turns_++ > rules_.look_ups)
      talk_.error = fmt::format("no answer after {} turns of look-ups", rules_.look_ups);
  }

  llm::ToolOutput Show(const llm::ToolCall& call) {
    Found found = ground_.look_up(++look_ups_, call);
    std::string head;
    if (call.name == "try_fix") {
      talk_.fixes.push_back(found.fix);
      head =
          fmt::format("fix {}: {}\n", talk_.fixes.size(),
                      found.fix.empty() ? "the verdict did not turn to pass" : "the verdict turned to pass");
    }
    Cleaned cleaned = CleanText(found.text, kLookUpBytes, ground_.redact, name_);
    for (Attempt attempt : cleaned.attempts) {
      Notice notice{name_, "look-up", attempt};
      if (std::ranges::find(talk_.notices, notice) == talk_.notices.end()) talk_.notices.push_back(notice);
    }
    return {.id = call.id, .text = head + Fenced(call.name, cleaned.text), .failed = found.failed};
  }

  void TakeAnswer(const llm::Reply& reply) {
    AnswerGround ground{.session = ground_.session,
                        .session_name = name_,
                        .skill = ground_.skill,
                        .pinned = ground_.pinned,
                        .outside = outside_,
                        .redact = ground_.redact,
                        .fixes = talk_.fixes};
    CheckedAnswer checked = CheckAnswer(reply.text, ground, rules_.limits);
    if (reply.cut) checked = {.answer = std::nullopt, .reasons = {"the answer was cut off: it is too long"}};
    Say(llm::Speaker::kAssistant, reply.text.empty() ? "{}" : reply.text);
    if (checked.answer) {
      talk_.answer = std::move(checked.answer);
      return;
    }
    std::string reasons;
    for (const std::string& reason : checked.reasons) reasons += "- " + reason + "\n";
    if (format_fixes_++ >= rules_.format_fixes) {
      talk_.error = "the answer cannot be used: " + (checked.reasons.empty() ? "" : checked.reasons.front());
      return;
    }
    // The reasons quote the answer, and that may quote anything.
    std::string clean = CleanText(reasons, kLookUpBytes, ground_.redact, name_).text;
    Say(llm::Speaker::kUser, ground_.prompts.format_fix + "\n" + Fenced("reasons", clean));
  }

  const TalkGround& ground_;
  const TalkRules& rules_;
  llm::Asker& asker_;
  std::string skill_text_, name_;
  Outside outside_;
  llm::Request request_;
  Talk talk_;
  int64_t look_up_turns_ = 0, look_ups_ = 0, format_fixes_ = 0;
};

}  // namespace

Talk Converse(const TalkGround& ground, const TalkRules& rules, llm::Asker* asker) {
  return Talker(ground, rules, asker).Run();
}

}  // namespace clawtrace::distill
