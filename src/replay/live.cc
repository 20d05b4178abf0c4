#include "replay/live.h"

#include <fmt/core.h>

#include <algorithm>
#include <map>

#include "base/json.h"
#include "base/wilson.h"
#include "model/archive.h"
#include "replay/live_history.h"
#include "tools/tool_meaning.h"

namespace clawtrace::replay {
namespace {

// Members of arguments that describe the call to people.
constexpr std::string_view kDescriptive[] = {"description", "explanation", "justification"};

std::string PlainArgs(const std::string& args) {
  JsonParser parser;
  auto json = parser.Parse(args);
  if (!json || !json->is_object()) return args;
  std::map<std::string, std::string, std::less<>> members;
  json->ForEachField([&](std::string_view key, Json value) {
    if (std::ranges::find(kDescriptive, key) == std::end(kDescriptive))
      members.emplace(key, value.Canonical());
  });
  std::string plain;
  for (const auto& [key, value] : members) plain += key + "=" + value + "\n";
  return plain;
}

Likeness CompareCall(const Moment& recorded, const llm::ToolCall& call) {
  const ToolUse& tool = recorded.step->tool;
  if (WireName(tool.name) != call.name || call.broken) return Likeness::kOther;
  std::string recorded_args = WireArgs(tool);
  bool whole = std::ssize(tool.args) >= tool.args_bytes;
  if (whole && PlainArgs(recorded_args) == PlainArgs(call.args)) return Likeness::kSameAction;
  ToolUse again = tool;
  again.args = FromWireArgs(tool, call.args);
  std::string_view cwd = recorded.session->info.cwd;
  bool same = tools::MeaningOf(tool, cwd).target == tools::MeaningOf(again, cwd).target;
  return same ? Likeness::kSameSignature : Likeness::kOther;
}

void Count(Likeness likeness, LiveArm* arm) {
  switch (likeness) {
    case Likeness::kSameAction:
      ++arm->same_action, ++arm->same_signature;
      return;
    case Likeness::kSameSignature:
      ++arm->same_signature;
      return;
    case Likeness::kOther:
      ++arm->other;
      return;
    case Likeness::kAnswered:
      ++arm->answered;
      return;
  }
}

LiveShare ShareOf(const ShareInterval& interval) {
  return {.ppm = interval.ppm, .low_ppm = interval.low_ppm, .high_ppm = interval.high_ppm};
}

void AddShares(LiveCheck* check) {
  std::vector<ShareInterval> signatures;
  for (LiveArm* arm : {&check->without, &check->control}) {
    int64_t answers = arm->asked - arm->errors;
    if (answers == 0) continue;
    arm->action = ShareOf(WilsonInterval(arm->same_action, answers));
    signatures.push_back(WilsonInterval(arm->same_signature, answers));
    arm->signature = ShareOf(signatures.back());
  }
  if (signatures.size() == 2) check->difference = ShareOf(DifferenceInterval(signatures[0], signatures[1]));
}

// What ends the asking as a whole.
std::optional<Error> FatalError(const llm::CallError& error) {
  switch (error.kind) {
    case llm::CallErrorKind::kCassetteMiss:
      return Error{ErrorCode::kNotFound, error.message,
                   "record it again with --record: the session, the step, the model "
                   "or the program are others"};
    case llm::CallErrorKind::kRejected:
      return Error{ErrorCode::kUnavailable, "the provider refuses: " + error.message,
                   "is the key right, and is this a model of the provider?"};
    case llm::CallErrorKind::kUnpriced:
      return Error{ErrorCode::kInvalidInput, error.message,
                   "name its price in a file for --prices, or say --unpriced-ok"};
    case llm::CallErrorKind::kTransport:
    case llm::CallErrorKind::kRateLimited:
    case llm::CallErrorKind::kServer:
    case llm::CallErrorKind::kMalformed:
    case llm::CallErrorKind::kBudget:
      return std::nullopt;
  }
  return std::nullopt;
}

class Conversation {
 public:
  Conversation(std::span<const Moment> timeline, const LiveQuestion& question, llm::Asker* asker)
      : timeline_(timeline), question_(question), asker_(*asker) {}

  // False: no more can be asked.
  Result<bool> Ask(const llm::Request& request, LiveArm* arm) {
    llm::Answer answer = asker_.Ask(request);
    if (!answer) {
      if (answer.error().kind == llm::CallErrorKind::kBudget) {
        stopped_ = "budget: " + answer.error().message;
        return false;
      }
      if (auto fatal = FatalError(answer.error())) return std::unexpected(std::move(*fatal));
      Fail(fmt::format("{}: {}", NameOf(answer.error().kind), answer.error().message), arm);
      return true;
    }
    if (answer->cut && answer->calls.empty()) {
      Fail("the answer was cut off by max_tokens", arm);
      return true;
    }
    ++arm->asked;
    Count(Compare(timeline_, question_, *answer), arm);
    return true;
  }

  const std::string& stopped() const { return stopped_; }
  const std::string& first_error() const { return first_error_; }

 private:
  void Fail(std::string why, LiveArm* arm) {
    ++arm->asked, ++arm->errors;
    if (first_error_.empty()) first_error_ = std::move(why);
  }

  std::span<const Moment> timeline_;
  const LiveQuestion& question_;
  llm::Asker& asker_;
  std::string stopped_, first_error_;
};

}  // namespace

Likeness Compare(std::span<const Moment> timeline, const LiveQuestion& question, const llm::Reply& reply) {
  if (question.actions.empty()) {
    if (!reply.calls.empty()) return Likeness::kOther;
    return reply.text == timeline[question.call].step->llm.text ? Likeness::kSameAction
                                                                : Likeness::kSameSignature;
  }
  if (reply.calls.empty()) return Likeness::kAnswered;
  Likeness nearest = Likeness::kOther;
  for (size_t action : question.actions)
    nearest = std::min(nearest, CompareCall(timeline[action], reply.calls.front()));
  return nearest;
}

Result<LiveCheck> AskAgain(std::span<const Moment> timeline, const std::set<size_t>& dropped,
                           const LiveOptions& options, llm::Asker* asker) {
  auto question = QuestionWithout(timeline, dropped, options);
  if (!question) return std::unexpected(std::move(question.error()));
  LiveCheck check;
  check.provider = asker->provider().name, check.model = options.model;
  check.notes = question->notes;
  const Moment& next = timeline[question->actions.empty() ? question->call : question->actions.front()];
  check.next_step = next.id;
  check.next_action =
      question->actions.empty() ? "answer" : tools::MeaningOf(next.step->tool, next.session->info.cwd).target;
  Conversation conversation(timeline, *question, asker);
  for (int64_t k = 0; k < options.times && conversation.stopped().empty(); ++k) {
    for (auto [request, arm] :
         {std::pair(&question->without, &check.without), std::pair(&question->control, &check.control)}) {
      auto more = conversation.Ask(*request, arm);
      if (!more) return std::unexpected(std::move(more.error()));
      if (!*more) break;
    }
  }
  AddShares(&check);
  check.stopped = conversation.stopped();
  check.error = conversation.first_error();
  const llm::Spending& spending = asker->spending();
  check.calls = spending.calls, check.calls_unpriced = spending.calls_unpriced;
  if (spending.calls > spending.calls_unpriced || spending.calls == 0) check.cost_usd = spending.known;
  return check;
}

}  // namespace clawtrace::replay
