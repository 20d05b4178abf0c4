#include "distill/model/model_analysts.h"

#include <fmt/core.h>

#include <algorithm>
#include <mutex>

#include "base/doc_writer.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "distill/model/fleet.h"
#include "distill/model/lesson_patches.h"
#include "model/archive.h"

namespace clawtrace::distill {
namespace {

// A finished job as it is kept.
struct Finished {
  ModelJob job;
  std::vector<Patch> patches;
};

std::string ConversationJson(const std::vector<llm::Turn>& turns) {
  DocWriter out(DocWriter::Format::kJson);
  out.BeginArray();
  for (const llm::Turn& turn : turns) {
    out.BeginObject();
    if (!turn.text.empty())
      out.Field(turn.speaker == llm::Speaker::kAssistant ? "assistant" : "user", turn.text);
    if (!turn.calls.empty()) {
      out.Key("calls"), out.BeginArray();
      for (const llm::ToolCall& call : turn.calls) {
        out.BeginObject(), out.Field("id", call.id), out.Field("name", call.name);
        out.Field("args", call.args), out.EndObject();
      }
      out.EndArray();
    }
    if (!turn.outputs.empty()) {
      out.Key("results"), out.BeginArray();
      for (const llm::ToolOutput& output : turn.outputs) {
        out.BeginObject(), out.Field("id", output.id), out.Field("text", output.text), out.EndObject();
      }
      out.EndArray();
    }
    out.EndObject();
  }
  out.EndArray();
  return out.Take();
}

std::string FinishedJson(const Finished& finished) {
  const ModelJob& job = finished.job;
  DocWriter out(DocWriter::Format::kJson);
  out.BeginObject();
  out.Field("session", job.session_id), out.Field("analyst", job.analyst), out.Field("error", job.error);
  out.Field("calls", job.calls), out.Field("calls_unpriced", job.calls_unpriced);
  if (job.cost_usd) out.Field("cost_usd", job.cost_usd->ToDecimal());
  out.Key("notices"), out.BeginArray();
  for (const Notice& notice : job.notices) {
    out.BeginObject(), out.Field("session", notice.session), out.Field("where", notice.where);
    out.Field("attempt", NameOf(notice.attempt)), out.EndObject();
  }
  out.EndArray();
  out.Key("patches"), out.BeginArray();
  for (const Patch& patch : finished.patches) out.String(EncodePatch(patch, true));
  out.EndArray();
  out.Field("conversation", job.conversation);
  out.EndObject();
  return out.Take();
}

std::optional<Finished> FinishedOf(std::string_view text) {
  JsonParser parser;
  auto root = parser.Parse(text);
  if (!root) return std::nullopt;
  Finished out;
  out.job.session_id = (*root)["session"].text(), out.job.analyst = (*root)["analyst"].text();
  out.job.error = (*root)["error"].text(), out.job.conversation = (*root)["conversation"].text();
  out.job.calls = (*root)["calls"].integer().value_or(0);
  out.job.calls_unpriced = (*root)["calls_unpriced"].integer().value_or(0);
  out.job.cost_usd = Usd::Parse((*root)["cost_usd"].text());
  (*root)["notices"].ForEachItem([&](Json json) {
    auto attempt = EnumFrom<Attempt>(json["attempt"].text());
    if (attempt)
      out.job.notices.push_back(
          {std::string(json["session"].text()), std::string(json["where"].text()), *attempt});
  });
  bool whole = true;
  (*root)["patches"].ForEachItem([&](Json json) {
    auto patch = DecodePatch(json.text(), "a patch of the journal");
    whole = whole && patch;
    if (patch) out.patches.push_back(std::move(*patch));
  });
  out.job.from_journal = true, out.job.lessons = out.patches.size();
  return whole ? std::optional(std::move(out)) : std::nullopt;
}

// Of a look-up, so that a run which goes on, or is repeated, sees the same.
std::string FoundJson(const Found& found) {
  DocWriter out(DocWriter::Format::kJson);
  out.BeginObject();
  out.Field("text", found.text), out.Field("fix", found.fix);
  out.Key("failed"), out.Bool(found.failed);
  out.EndObject();
  return out.Take();
}
Found FoundOf(std::string_view text) {
  JsonParser parser;
  auto root = parser.Parse(text);
  if (!root) return {.text = "it was not kept", .failed = true, .fix = {}};
  return {.text = std::string((*root)["text"].text()),
          .failed = (*root)["failed"].boolean().value_or(false),
          .fix = std::string((*root)["fix"].text())};
}

class Run {
 public:
  Run(const EvidenceBase& base, const SkillDir& skill, ModelDesk* desk)
      : skill_(skill), desk_(*desk), options_(desk->options()), skill_hash_(SkillHash(skill)) {
    for (const EvidenceSession& session : base.sessions) Plan(session);
    std::ranges::sort(jobs_, {}, [](const Job& job) {
      return std::tuple(job.analyst, std::string_view(job.session->card.session_id),
                        std::string_view(job.key));
    });
    finished_.resize(jobs_.size());
  }

  Result<ModelRun> All() {
    size_t workers = std::clamp<size_t>(options_.workers, 1, std::max<size_t>(jobs_.size(), 1));
    outside_.resize(workers);
    for (auto& transport : outside_) {
      auto made = desk_.Outside();
      if (!made) return std::unexpected(std::move(made.error()));
      transport = std::move(*made);
    }
    size_t begun = RunFleet(jobs_.size(), workers, [this](size_t index, size_t worker) {
      return Do(index, outside_[worker].get());
    });
    if (broken_) return std::unexpected(std::move(*broken_));
    return Collect(begun);
  }

 private:
  struct Job {
    ModelAnalyst analyst = ModelAnalyst::kSuccess;
    const EvidenceSession* session = nullptr;
    std::string key;  // in the journal: of all that it depends on
  };

  void Plan(const EvidenceSession& session) {
    bool passed = session.outcome == Verdict::kSuccess;
    bool failed = session.outcome == Verdict::kFailure || session.outcome == Verdict::kPartial;
    if (!passed && !failed) {
      ++without_outcome_;
      return;
    }
    ModelAnalyst analyst = passed ? ModelAnalyst::kSuccess : ModelAnalyst::kError;
    const TalkRules& talk = options_.talk;
    std::string key =
        fmt::format("{}\n{}\n{}\n{}\n{}\n{}\n{}\n{}", NameOf(analyst), options_.prompts.HashFor(analyst),
                    options_.provider->name, talk.model, talk.max_tokens, talk.look_ups,
                    session.card.session_id, session.card.agent);
    key += fmt::format("\n{}\n{}", session.card.source_hash, skill_hash_);
    // What can be looked up is part of what is asked.
    auto known = options_.cases.find(session.card.session_id);
    LookUps look_ups(session, known == options_.cases.end() ? nullptr : &known->second, options_.site);
    for (const llm::ToolDeclaration& tool : look_ups.Declarations()) key += "\n" + tool.name;
    jobs_.push_back({.analyst = analyst, .session = &session, .key = Sha256Hex(key).substr(0, 32)});
  }

  // False: nobody needs to try anything more.
  bool Do(size_t index, llm::Transport* outside) {
    const Job& job = jobs_[index];
    if (options_.take_finished) {
      if (auto kept = options_.journal->Done(job.key)) finished_[index] = FinishedOf(*kept);
    }
    bool goes_on = true;
    if (!finished_[index]) {
      Talk talk;
      finished_[index] = Ask(job, outside, &talk);
      goes_on = !talk.is_fatal;
      if (!talk.may_pass) {
        Status put = options_.journal->PutDone(job.key, FinishedJson(*finished_[index]));
        if (!put) goes_on = false, Break(put.error());
      }
    }
    Tell(*finished_[index]);
    return goes_on;
  }

  Finished Ask(const Job& job, llm::Transport* outside, Talk* talk) {
    auto known = options_.cases.find(job.session->card.session_id);
    LookUps look_ups(*job.session, known == options_.cases.end() ? nullptr : &known->second, options_.site);
    TalkGround ground{.analyst = job.analyst,
                      .session = *job.session,
                      .skill = skill_,
                      .pinned = options_.pinned,
                      .rejected = options_.rejected,
                      .prompts = options_.prompts,
                      .redact = options_.redact,
                      .look_up = {}};
    if (job.analyst == ModelAnalyst::kError) ground.look_ups = &look_ups;
    ground.look_up = [&](int64_t n, const llm::ToolCall& call) { return LookUp(job, n, call, &look_ups); };
    auto transport = options_.journal->ForJob(job.key, *options_.provider, outside);
    llm::Asker asker = desk_.AskerOver(*transport);
    *talk = Converse(ground, options_.talk, &asker);
    Finished out;
    out.job.session_id = job.session->card.session_id, out.job.analyst = NameOf(job.analyst);
    out.job.error = talk->error, out.job.notices = talk->notices;
    out.job.conversation = ConversationJson(talk->turns);
    out.job.calls = asker.calls(), out.job.calls_unpriced = asker.calls_unpriced();
    if (asker.calls_unpriced() == 0) out.job.cost_usd = asker.cost();
    if (talk->answer)
      out.patches = PatchesOf(*talk->answer, {.analyst = job.analyst,
                                              .session = *job.session,
                                              .prompt_hash = options_.prompts.HashFor(job.analyst),
                                              .skill_hash = skill_hash_,
                                              .cost_usd = out.job.cost_usd});
    out.job.lessons = out.patches.size();
    return out;
  }

  Found LookUp(const Job& job, int64_t n, const llm::ToolCall& call, LookUps* look_ups) {
    std::string key =
        fmt::format("{}/{}/{}", job.key, n, Sha256Hex(call.name + "\n" + call.args).substr(0, 16));
    if (auto kept = options_.journal->Done(key)) return FoundOf(*kept);
    // As it will be read again.
    std::string json = FoundJson(look_ups->Call(call.name, call.args));
    if (Status put = options_.journal->PutDone(key, json); !put) Break(put.error());
    return FoundOf(json);
  }

  void Break(const Error& error) {
    std::lock_guard lock(mutex_);
    if (!broken_) broken_ = error;
  }

  void Tell(const Finished& finished) {
    std::lock_guard lock(mutex_);
    ++progress_.done;
    progress_.failed += !finished.job.error.empty();
    progress_.planned = jobs_.size();
    progress_.spending = desk_.spending();
    if (options_.progress) options_.progress(progress_);
  }

  ModelRun Collect(size_t begun) {
    ModelRun run;
    std::vector<Patch> patches;
    for (size_t i = 0; i < jobs_.size(); ++i) {
      if (!finished_[i]) {
        ModelJob job;
        job.session_id = jobs_[i].session->card.session_id, job.analyst = NameOf(jobs_[i].analyst);
        job.error = fmt::format("not begun: what ended another job would have ended it ({} of {} were begun)",
                                begun, jobs_.size());
        run.jobs.push_back(std::move(job));
        continue;
      }
      for (Patch& patch : finished_[i]->patches) patches.push_back(std::move(patch));
      run.jobs.push_back(std::move(finished_[i]->job));
    }
    run.patches = JoinPatches(std::move(patches));
    run.without_outcome = without_outcome_;
    run.spending = desk_.spending();
    for (const auto& [session, known] : options_.cases) {
      constexpr uint64_t kMostGold = uint64_t{16} << 20;
      if (known.gold.empty()) continue;
      if (auto text = ReadFile(known.gold, kMostGold)) run.gold.push_back(std::move(*text));
    }
    return run;
  }

  const SkillDir& skill_;
  ModelDesk& desk_;
  const ModelOptions& options_;
  std::string skill_hash_;
  std::vector<Job> jobs_;
  std::vector<std::optional<Finished>> finished_;  // by job
  std::vector<std::unique_ptr<llm::Transport>> outside_;
  int64_t without_outcome_ = 0;
  std::mutex mutex_;  // for what follows
  ModelOptions::Progress progress_;
  std::optional<Error> broken_;
};

}  // namespace

Result<ModelRun> RunModelAnalysts(const EvidenceBase& base, const SkillDir& skill, ModelDesk* desk) {
  return Run(base, skill, desk).All();
}

}  // namespace clawtrace::distill
