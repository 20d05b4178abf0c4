// Outcomes in: somebody or something judged sessions.
#include <fmt/core.h>

#include <cmath>

#include "base/json.h"
#include "base/text.h"
#include "model/archive.h"
#include "serve/api/common.h"
#include "serve/api/problem.h"

namespace clawtrace::serve::api {
namespace {

constexpr size_t kMostOutcomes = 1000;
constexpr size_t kMostName = 256;

Result<std::optional<int64_t>> ScoreOf(Json json) {
  if (!json || json.is_null()) return std::nullopt;
  auto score = json.number();
  if (!score || !(*score >= 0 && *score <= 1))
    return Fail(ErrorCode::kInvalidInput, "score is no number from 0 to 1");
  constexpr double kMillion = 1e6;
  return std::llround(*score * kMillion);
}

Result<history::Judged> ReadJudgement(Json json) {
  auto fail = [](std::string what) {
    return Fail(
        ErrorCode::kInvalidInput, std::move(what),
        R"(such as {"session_id":"...","outcome":"success","source":"verifier","score":1,"judge":"ci"})");
  };
  if (!json.is_object()) return fail("an outcome is no object");
  std::optional<std::string> unknown;
  json.ForEachField([&](std::string_view key, Json) {
    if (key != "session_id" && key != "outcome" && key != "source" && key != "score" && key != "judge")
      unknown = key;
  });
  if (unknown) return fail(fmt::format("an outcome has no {}", PrefixUtf8(*unknown, 64)));
  history::Judged judgement;
  judgement.session_id = json["session_id"].text();
  if (judgement.session_id.empty()) return fail("session_id is missing");
  auto verdict = EnumFrom<Verdict>(json["outcome"].text());
  if (!verdict) return fail("outcome is none of success, failure, partial, error, unknown");
  judgement.outcome.verdict = *verdict;
  judgement.outcome.source = OutcomeSource::kUser;
  if (Json source = json["source"]) {
    auto named = EnumFrom<OutcomeSource>(source.text());
    if (!named || *named < OutcomeSource::kJudge) return fail("source is none of verifier, user, judge");
    judgement.outcome.source = *named;
  }
  auto score = ScoreOf(json["score"]);
  if (!score) return fail(score.error().message);
  judgement.outcome.score_ppm = *score;
  if (Json judge = json["judge"]; judge && !judge.is_string()) return fail("judge is no text");
  judgement.outcome.judge = json["judge"].text();
  if (judgement.session_id.size() > kMostName || judgement.outcome.judge.size() > kMostName)
    return fail(fmt::format("session_id or judge is longer than {} bytes", kMostName));
  return judgement;
}

ApiResponse Put(const ApiRequest& request, Services& services) {
  JsonParser parser;
  auto json = parser.Parse(request.body);
  if (!json) return Problem(400, "the body is no JSON", "one outcome, or an array of them");
  std::vector<history::Judged> judgements;
  std::optional<Error> wrong;
  auto take = [&](Json item) {
    if (wrong || judgements.size() > kMostOutcomes) return;
    auto judgement = ReadJudgement(item);
    if (judgement)
      judgements.push_back(std::move(*judgement));
    else
      wrong = std::move(judgement.error());
  };
  if (json->is_array())
    json->ForEachItem(take);
  else
    take(*json);
  if (wrong)
    return Problem(400, fmt::format("outcome {}: {}", judgements.size() + 1, wrong->message), wrong->hint);
  if (judgements.size() > kMostOutcomes)
    return Problem(413, fmt::format("more than {} outcomes", kMostOutcomes), "send them in parts");
  for (const history::Judged& judgement : judgements) {
    auto put = history::PutOutcome(services.store, request.tenant, judgement, request.now_ns);
    if (!put) return ProblemOf(put.error());
  }
  DocWriter w(DocWriter::Format::kJson);
  w.BeginObject();
  w.Field("stored", static_cast<int64_t>(judgements.size()));
  w.EndObject();
  return JsonResponse(w.Take());
}

#define CT_SCHEMA_OUTCOME                                                                               \
  R"({"type":"object","required":["session_id","outcome"],"additionalProperties":false,"properties":{)" \
  R"("session_id":{"type":"string","maxLength":256},)"                                                  \
  R"("outcome":{"enum":["success","failure","partial","error","unknown"]},)"                            \
  R"("source":{"enum":["verifier","user","judge"],"description":"user when not given"},)"               \
  R"("score":{"type":["number","null"],"minimum":0,"maximum":1},"judge":{"type":"string","maxLength":256}}})"

}  // namespace

extern const Route kPostOutcomes;
const Route kPostOutcomes = {
    .method = "POST",
    .pattern = "/api/v1/outcomes",
    .role = Role::kIngest,
    .summary =
        "Stores what became of sessions: one outcome or an array. All are checked before any is stored.",
    .request_schema = R"({"oneOf":[)" CT_SCHEMA_OUTCOME
                      R"(,{"type":"array","maxItems":1000,"items":)" CT_SCHEMA_OUTCOME "}]}",
    .response_schema = R"({"type":"object","properties":{"stored":{"type":"integer"}}})",
    .answer = Put,
};

}  // namespace clawtrace::serve::api
