#include "replay/live_history.h"

#include <fmt/core.h>

#include <algorithm>
#include <map>

#include "base/json.h"
#include "base/text.h"
#include "replay/live.h"
#include "replay/turns.h"

namespace clawtrace::replay {
namespace {

constexpr std::string_view kNoResult = "(no result was recorded)";
constexpr std::string_view kUnknownTurn = "(a message that was not recorded)";

bool IsObject(const std::string& args) {
  JsonParser parser;
  auto json = parser.Parse(args);
  return json && json->is_object();
}

// The turns of one session up to an LLM call, with some tool uses left out.
class HistoryMaker {
 public:
  HistoryMaker(std::span<const Moment> timeline, const std::vector<bool>& kept)
      : timeline_(timeline), kept_(kept) {}

  void Add(size_t place) {
    const Step& step = *timeline_[place].step;
    if (step.kind == StepKind::kLlmCall)
      AddCall(step, kept_[place]);
    else
      AddTool(place);
  }

  std::vector<llm::Turn> Take(const std::string& prompt) {
    Flush();
    turns_.insert(turns_.begin(), User(prompt));
    // What was said before a tool that goes is no question: the model would only go on speaking.
    if (turns_.back().speaker == llm::Speaker::kAssistant && emptied_) turns_.pop_back();
    if (turns_.back().speaker == llm::Speaker::kAssistant) AddUnknownTurn();
    return std::move(turns_);
  }
  int64_t unknown_turns() const { return unknown_turns_; }

 private:
  static llm::Turn User(std::string_view text) {
    return {.speaker = llm::Speaker::kUser, .text = std::string(text), .calls = {}, .outputs = {}};
  }
  void AddUnknownTurn() { turns_.push_back(User(kUnknownTurn)), ++unknown_turns_; }

  void AddCall(const Step& step, bool kept) {
    Flush();
    if (!kept) return;
    assistant_ = {.speaker = llm::Speaker::kAssistant, .text = step.llm.text, .calls = {}, .outputs = {}};
    open_ = true, lost_ = false;
  }

  void AddTool(size_t place) {
    const Step& step = *timeline_[place].step;
    if (!kept_[place]) {
      lost_ = true;
      return;
    }
    if (!open_)
      assistant_ = {.speaker = llm::Speaker::kAssistant, .text = {}, .calls = {}, .outputs = {}},
      open_ = true;
    std::string id = fmt::format("call_{}", timeline_[place].index + 1);
    assistant_.calls.push_back({.id = id, .name = WireName(step.tool.name), .args = WireArgs(step.tool)});
    const ToolResult& result = step.result;
    std::string text = ReplaceInvalidUtf8(result.output.empty() ? result.error : result.output);
    if (text.empty() && result.status == ToolStatus::kUnknown) text = kNoResult;
    bool failed = result.status == ToolStatus::kError || result.status == ToolStatus::kAborted;
    outputs_.outputs.push_back({.id = id, .text = std::move(text), .failed = failed});
  }

  void Flush() {
    if (open_ && (!assistant_.text.empty() || !assistant_.calls.empty())) {
      bool follows = !turns_.empty() && turns_.back().speaker == llm::Speaker::kAssistant;
      if (follows && emptied_) {
        // Its tools went: the two are one turn now.
        assistant_.text = turns_.back().text + (assistant_.text.empty() ? "" : "\n\n") + assistant_.text;
        turns_.pop_back();
      } else if (follows) {
        AddUnknownTurn();
      }
      emptied_ = assistant_.calls.empty() && lost_;
      turns_.push_back(std::move(assistant_));
    }
    if (!outputs_.outputs.empty()) turns_.push_back(std::move(outputs_));
    assistant_ = {}, open_ = false, lost_ = false;
    outputs_ = {.speaker = llm::Speaker::kTools, .text = {}, .calls = {}, .outputs = {}};
  }

  std::span<const Moment> timeline_;
  const std::vector<bool>& kept_;
  std::vector<llm::Turn> turns_;
  llm::Turn assistant_, outputs_{.speaker = llm::Speaker::kTools, .text = {}, .calls = {}, .outputs = {}};
  bool open_ = false;     // assistant_ is a turn
  bool lost_ = false;     // a tool of it was left out
  bool emptied_ = false;  // the last turn had tools, and all of them were left out
  int64_t unknown_turns_ = 0;
};

// The conversation of which a step is left out: its steps that the model saw.
class Scene {
 public:
  Scene(std::span<const Moment> timeline, const Session& session) : timeline_(timeline), session_(session) {
    for (size_t i = 0; i < timeline.size(); ++i) {
      if (timeline[i].session == &session && WasSeen(*timeline[i].step)) places_.push_back(i);
    }
  }

  const std::vector<size_t>& places() const { return places_; }

  std::vector<llm::Turn> HistoryUntil(size_t call, const std::vector<bool>& kept,
                                      int64_t* unknown_turns) const {
    HistoryMaker maker(timeline_, kept);
    for (size_t place : places_) {
      if (place < call) maker.Add(place);
    }
    std::vector<llm::Turn> turns = maker.Take(session_.prompt);
    *unknown_turns = maker.unknown_turns();
    return turns;
  }

  // The definitions of tools are in no log: their names and those of their arguments are.
  std::vector<llm::ToolDeclaration> Tools() const {
    std::map<std::string, std::set<std::string, std::less<>>> tools;
    for (size_t place : places_) {
      const Step& step = *timeline_[place].step;
      if (step.kind == StepKind::kLlmCall) continue;
      auto& parameters = tools[WireName(step.tool.name)];
      JsonParser parser;
      auto json = parser.Parse(WireArgs(step.tool));
      if (json) json->ForEachField([&](std::string_view key, Json) { parameters.emplace(key); });
    }
    std::vector<llm::ToolDeclaration> declarations;
    for (auto& [name, parameters] : tools)
      declarations.push_back({name, {parameters.begin(), parameters.end()}});
    return declarations;
  }

  std::vector<std::string> Notes(size_t call) const {
    std::vector<std::string> notes = {"the system prompt and the definitions of tools are not recorded"};
    int64_t cut = session_.prompt.size() >= kMaxText - 4 && session_.prompt.size() <= kMaxText ? 1 : 0;
    for (size_t place : places_) {
      if (place >= call) break;
      const Step& step = *timeline_[place].step;
      if (step.kind == StepKind::kLlmCall)
        cut += std::ssize(step.llm.text) < step.llm.text_bytes;
      else
        cut += (std::ssize(step.tool.args) < step.tool.args_bytes) +
               (std::ssize(step.result.output) < step.result.output_bytes);
    }
    if (cut > 0) notes.push_back(fmt::format("{} texts of the history are not, or may not be, whole", cut));
    if (session_.compactions > 0)
      notes.emplace_back("the history was compacted: what the model saw then is not known");
    return notes;
  }

 private:
  static bool WasSeen(const Step& step) {
    if (step.abandoned || step.result_only) return false;
    if (step.kind != StepKind::kLlmCall) return true;
    return !step.llm.auxiliary && step.llm.billed && step.llm.error.empty();
  }

  std::span<const Moment> timeline_;
  const Session& session_;
  std::vector<size_t> places_;
};

Status CheckDropped(std::span<const Moment> timeline, const std::set<size_t>& dropped) {
  if (dropped.empty() || *dropped.rbegin() >= timeline.size())
    return Fail(ErrorCode::kNotFound, "there is no such step", "clawtrace card --full shows the steps");
  for (size_t place : dropped) {
    const Moment& moment = timeline[place];
    if (moment.step->kind == StepKind::kLlmCall)
      return Fail(ErrorCode::kNotFound, fmt::format("step {} is no tool use", moment.id),
                  "what a model said is not left out, what a tool told is");
    if (moment.session != timeline[*dropped.begin()].session)
      return Fail(ErrorCode::kUnsupported, "steps of several conversations are left out",
                  "name those of one");
    if (moment.step->abandoned || moment.step->result_only)
      return Fail(ErrorCode::kUnsupported, fmt::format("no later call knew step {}", moment.id),
                  "it is on a branch that was left, or its call was not recorded");
  }
  const Session& session = *timeline[*dropped.begin()].session;
  if (Trim(session.prompt).empty())
    return Fail(ErrorCode::kUnsupported, fmt::format("what session {} was asked is not known", session.id),
                "without it the model cannot be asked again");
  return {};
}

std::vector<size_t> ActionsOf(const Turns& turns, size_t call, const std::vector<bool>& kept) {
  std::vector<size_t> actions;
  for (size_t i = call + 1; i < kept.size(); ++i) {
    if (turns.CallOf(i) == call && kept[i]) actions.push_back(i);
  }
  return actions;
}

}  // namespace

std::string WireName(std::string_view name) {
  constexpr size_t kMostName = 64;
  std::string wire(name.substr(0, kMostName));
  for (char& c : wire) {
    bool plain =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
    if (!plain) c = '_';
  }
  return wire.empty() ? "_" : wire;
}

std::string WireArgs(const ToolUse& tool) {
  if (tool.args.empty()) return "{}";
  JsonParser parser;
  auto json = parser.Parse(tool.args);
  if (json && json->is_object()) return json->Canonical();
  std::string args = R"({"input":)";
  if (json)
    json->AppendCanonical(&args);
  else
    AppendJsonString(tool.args, &args);
  return args + "}";
}

std::string FromWireArgs(const ToolUse& like, const std::string& args) {
  if (like.args.empty() || IsObject(like.args)) return args;
  JsonParser parser;
  auto json = parser.Parse(args);
  if (!json || json->size() != 1 || !(*json)["input"]) return args;
  return (*json)["input"].Canonical();
}

Result<LiveQuestion> QuestionWithout(std::span<const Moment> timeline, const std::set<size_t>& dropped,
                                     const LiveOptions& options) {
  CT_RETURN_IF_ERROR(CheckDropped(timeline, dropped));
  const Session& session = *timeline[*dropped.begin()].session;
  Scene scene(timeline, session);
  Turns turns(timeline);
  std::vector<bool> gone(timeline.size());
  for (size_t place : dropped) gone[place] = true;
  std::vector<bool> kept = turns.KeptWithout(gone), all(timeline.size(), true);
  // A call all of whose tools are left out decided nothing that could be compared.
  auto next = std::ranges::find_if(scene.places(), [&](size_t place) {
    if (place <= *dropped.begin() || timeline[place].step->kind != StepKind::kLlmCall || !kept[place])
      return false;
    return !ActionsOf(turns, place, kept).empty() || ActionsOf(turns, place, all).empty();
  });
  if (next == scene.places().end())
    return Fail(ErrorCode::kNotFound, fmt::format("nothing follows step {}", timeline[*dropped.begin()].id),
                "what the model would have done next was not recorded");
  LiveQuestion question;
  question.call = *next;
  question.actions = ActionsOf(turns, question.call, kept);
  int64_t unknown = 0;
  question.without.turns = scene.HistoryUntil(question.call, kept, &unknown);
  question.control.turns = scene.HistoryUntil(question.call, all, &unknown);
  question.notes = scene.Notes(question.call);
  if (unknown > 0)
    question.notes.push_back(fmt::format("{} messages to the model are not recorded", unknown));
  for (llm::Request* request : {&question.without, &question.control}) {
    request->model = options.model, request->tools = scene.Tools();
    request->max_tokens = options.max_tokens, request->temperature_milli = options.temperature_milli;
    request->compatible = options.compatible;
  }
  return question;
}

}  // namespace clawtrace::replay
