#include "distill/model/rewording.h"

#include <fmt/core.h>

#include "base/doc_writer.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/text.h"
#include "distill/model/answer.h"
#include "model/archive.h"
#include "skill/blocks.h"
#include "skill/rules.h"

namespace clawtrace::distill {
namespace {

constexpr size_t kMostBytes = 400;

struct Checked {
  std::string rule, reason;
};

// The words of a reply, or why there are none.
Checked WordsIn(const llm::Reply& reply, const std::string& rule, const Redact& redact) {
  if (reply.cut) return {.rule = {}, .reason = "the answer was cut off: it is too long"};
  JsonParser parser;
  auto root = parser.Parse(ObjectIn(reply.text));
  std::string words = root && root->is_object() ? skill::CollapseSpace((*root)["rule"].text()) : "";
  if (words.empty()) return {.rule = {}, .reason = "the answer is no JSON object with the text \"rule\""};
  if (words.size() > kMostBytes)
    return {.rule = {}, .reason = fmt::format("the rule has more than {} bytes", kMostBytes)};
  return {.rule = words, .reason = ReasonAgainst(words, {.folded = {}, .skill = rule}, redact)};
}

std::string Json(const std::string& rule, const std::string& error) {
  DocWriter out(DocWriter::Format::kJson);
  out.BeginObject(), out.Field("rule", rule), out.Field("error", error), out.EndObject();
  return out.Take();
}

}  // namespace

Result<Rewording> Rewording::Make(ModelDesk* desk) {
  const Prompts& prompts = desk->options().prompts;
  if (prompts.reword.empty())
    return Fail(ErrorCode::kInvalidInput, "the prompts have no reword.md",
                "copy the installed one beside the others");
  Rewording made(desk);
  auto outside = desk->Outside();
  if (!outside) return std::unexpected(std::move(outside.error()));
  made.outside_ = std::move(*outside);
  made.prompt_hash_ = Sha256Hex(prompts.reword + "\n" + prompts.format_fix);
  return made;
}

std::optional<OtherWords> Rewording::For(const Patch& rule) {
  const ModelOptions& options = desk_.options();
  std::string text = skill::RuleText(rule);
  std::string key =
      Sha256Hex(fmt::format("model-reword\n{}\n{}\n{}\n{}\n{}", prompt_hash_, options.provider->name,
                            options.talk.model, options.talk.max_tokens, text))
          .substr(0, 32);
  auto [entry, is_new] = said_.try_emplace(key);
  Said& said = entry->second;
  if (is_new) {
    auto kept = options.take_finished ? options.journal->Done(key) : std::nullopt;
    JsonParser parser;
    if (auto root = parser.Parse(kept.value_or("")); root && root->is_object()) {
      said = {.rule = std::string((*root)["rule"].text()), .error = std::string((*root)["error"].text())};
    } else {
      said = Ask(key, text);
      Status put = said.may_pass ? Status() : options.journal->PutDone(key, Json(said.rule, said.error));
      if (!put && said.error.empty()) said = {.rule = {}, .error = put.error().message};
    }
    jobs_.push_back({.rule = rule.id, .error = said.error});
  }
  if (!said.error.empty() || said.rule == text) return std::nullopt;
  return OtherWords{.rule = said.rule, .prompt_hash = prompt_hash_};
}

Rewording::Said Rewording::Ask(const std::string& key, const std::string& text) {
  const ModelOptions& options = desk_.options();
  auto transport = options.journal->ForJob(key, *options.provider, outside_.get());
  llm::Asker asker = desk_.AskerOver(*transport);
  llm::Request request;
  request.model = options.talk.model, request.compatible = options.talk.compatible;
  request.max_tokens = options.talk.max_tokens, request.temperature_milli = options.talk.temperature_milli;
  request.system = options.prompts.reword, request.stream = true;
  auto say = [&](llm::Speaker speaker, std::string words) {
    request.turns.push_back({.speaker = speaker, .text = std::move(words), .calls = {}, .outputs = {}});
  };
  // A lesson of another model, or a patch of others: no less foreign than a log.
  say(llm::Speaker::kUser, Fenced("rule", CleanText(text, kMostBytes * 4, options.redact, "").text));
  for (int64_t fixes = 0;; ++fixes) {
    llm::Answer answer = asker.Ask(request);
    if (!answer)
      return {.rule = {},
              .error = fmt::format("{}: {}", NameOf(answer.error().kind), answer.error().message),
              .may_pass = true};
    Checked checked = WordsIn(*answer, text, options.redact);
    if (checked.reason.empty()) return {.rule = std::move(checked.rule), .error = {}};
    if (fixes >= options.talk.format_fixes)
      return {.rule = {}, .error = "the answer cannot be used: " + checked.reason};
    say(llm::Speaker::kAssistant, answer->text.empty() ? "{}" : answer->text);
    std::string reason = CleanText(checked.reason, kMostBytes * 4, options.redact, "").text;
    say(llm::Speaker::kUser, options.prompts.format_fix + "\n" + Fenced("reasons", reason));
  }
}

}  // namespace clawtrace::distill
