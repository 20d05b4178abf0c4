// OpenHands: evaluation records (output.jsonl), resolver output, saved trajectories (a list of events), and
// the folder of a conversation (one event a file, base_state.json with what each call used).
// docs/formats/openhands.md says what is read.
//
// Events come one a file as well as in lists, so each is read alone; what needs its neighbours (the cost of a
// call out of accumulated ones, which events are a delegate's) is settled in Resolve.
#include <algorithm>
#include <functional>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "base/hash.h"
#include "base/text.h"
#include "capture/document_reader.h"
#include "capture/importers/log_text.h"
#include "capture/importers/openhands_resolve.h"
#include "capture/importers/trajectory.h"

namespace clawtrace::capture {
namespace {

using openhands::kAccumulated;
using openhands::kStateOnly;

bool OneOf(std::string_view text, std::initializer_list<std::string_view> words) {
  return std::ranges::find(words, text) != words.end();
}

bool IsEvent(Json event) {
  bool named = event["action"].is_string() || event["observation"].is_string();
  bool placed = event["source"].is_string() && (event["id"] || event["timestamp"]);
  bool filled = event["args"].is_object() || event["extras"].is_object() || event["content"].is_string();
  // Records of 2024 have neither source nor id; their actions carry what they do as members.
  bool bare =
      event["action"].is_string() && (event["action_risk"] || event["is_confirmed"] || event["thought"]);
  return named && ((placed && filled) || bare);
}

bool IsSdkEvent(Json event) {
  return event["kind"].text().ends_with("Event") && event["source"].is_string() && event["id"].is_string();
}

bool IsState(Json state) { return state["stats"]["usage_to_metrics"].is_object(); }

bool IsRecord(Json record) {
  Json first = record["history"].at(0);
  if (IsEvent(first) || IsEvent(first.at(0))) return true;
  return record["instance_id"].is_string() && record["test_result"].is_object() &&
         record["metadata"]["agent_class"].is_string();
}

// Tokens as OpenHands adds them up: the prompt includes what the cache gave and took.
std::optional<Usage> TokensOf(Json tokens, bool* bad) {
  if (!tokens.is_object()) return std::nullopt;
  int64_t counts[4] = {0, 0, 0, 0};
  constexpr std::string_view kKeys[4] = {"prompt_tokens", "completion_tokens", "cache_read_tokens",
                                         "cache_write_tokens"};
  for (size_t i = 0; i < 4; ++i) {
    Json value = tokens[kKeys[i]];
    if ((!value || value.is_null()) && i >= 2) continue;
    auto count = CountOf(value);
    if (!count || *count > kMaxTokensPerBucket) {
      *bad = true;
      return std::nullopt;
    }
    counts[i] = *count;
  }
  // Some gateways leave the writes out of the prompt.
  int64_t within =
      counts[2] + counts[3] <= counts[0] ? counts[2] + counts[3] : std::min(counts[2], counts[0]);
  return Usage{.uncached_input = counts[0] - within,
               .cache_read = counts[2],
               .cache_write_unknown = counts[3],
               .output = counts[1],
               .reasoning = CountOf(tokens["reasoning_tokens"]).value_or(0)};
}

struct CallFigures {
  std::optional<Usage> usage;
  std::optional<Usd> cost;
};

// One session while its events are read.
struct Run {
  std::string session;
  std::string model;                                        // of calls that name none
  std::map<std::string, CallFigures, std::less<>> figures;  // by response id
  std::set<std::string, std::less<>> seen;                  // response ids
  std::vector<Usd> costs;                                   // of calls in order, where nothing names them
  bool costs_named = false;                                 // figures hold them
  int64_t calls = 0;
  std::string latest_tool;  // for observations that do not say what caused them
};

class Events {
 public:
  Events(FactSink* sink, std::function<void(std::string_view)> skip) : sink_(*sink), skip_(std::move(skip)) {}

  void OnRecord(Json record);
  void OnList(Json events, const std::string& session);
  void OnEvent(Json event, int64_t ordinal, Run* run);
  void OnSdkEvent(Json event, int64_t ordinal, Run* run);
  void OnState(Json state, const std::string& session);

 private:
  Fact Make(FactKind kind, std::string id, const Run& run, int64_t ordinal, std::optional<int64_t> time);
  SessionInfo InfoOf(Json record);
  void ReadFigures(Json metrics, Run* run);
  void OnHistory(Json history, Run* run);
  void OnAction(Json event, std::string_view action, int64_t ordinal, Run* run);
  std::string OnCall(Json event, std::string_view text, int64_t ordinal, Run* run);
  void OnTool(Json event, std::string_view action, const std::string& call, int64_t ordinal, Run* run);
  void OnObservation(Json event, std::string_view observation, int64_t ordinal, Run* run);
  void OnSdkObservation(Json event, int64_t ordinal, Run* run);
  void AddUnlistedCalls(Json metrics, int64_t ordinal, Run* run);
  void SetFallbackArgs(Json event, ToolUse* tool);
  void AddUser(std::string_view text, bool meta, const std::string& id, int64_t ordinal, Run* run,
               std::optional<int64_t> time);

  FactSink& sink_;
  std::function<void(std::string_view)> skip_;
  JsonParser args_parser_;
};

Fact Events::Make(FactKind kind, std::string id, const Run& run, int64_t ordinal,
                  std::optional<int64_t> time) {
  Fact fact;
  fact.kind = kind;
  fact.source = "openhands";
  fact.session_id = run.session;
  fact.id = std::move(id);
  fact.ordinal = ordinal;
  fact.start_ns = time;
  return fact;
}

SessionInfo Events::InfoOf(Json record) {
  SessionInfo info;
  info.agent = "openhands";
  info.agent_name = record["metadata"]["agent_class"].text();
  info.task_id = record["instance_id"].text();
  Json issue = record["issue"];
  if (info.task_id.empty() && issue["repo"].is_string()) {
    info.task_id = std::string(issue["owner"].text()) + "/" + std::string(issue["repo"].text());
    if (auto number = issue["number"].integer()) info.task_id += "#" + std::to_string(*number);
  }
  Json metrics = record["metrics"];
  info.reported_cost = DollarsOf(metrics["accumulated_cost"]);
  bool bad = false;
  auto total = TokensOf(metrics["accumulated_token_usage"], &bad);
  if (total && total->total() > 0) info.reported_usage = total;
  return info;
}

void Events::ReadFigures(Json metrics, Run* run) {
  metrics["token_usages"].ForEachItem([&](Json tokens) {
    std::string id = BoundedId(tokens["response_id"].text());
    bool bad = false;
    auto usage = TokensOf(tokens, &bad);
    if (bad) skip_("wrong-type:token_usages");
    if (!id.empty() && usage) run->figures[id].usage = usage;
  });
  Json costs = metrics["costs"], tokens = metrics["token_usages"];
  std::vector<std::optional<Usd>> amounts;
  costs.ForEachItem([&](Json cost) { amounts.push_back(DollarsOf(cost.is_object() ? cost["cost"] : cost)); });
  bool named = !amounts.empty() && tokens.size() == amounts.size();
  size_t index = 0;
  tokens.ForEachItem([&](Json token) {
    std::string id = BoundedId(token["response_id"].text());
    if (named && !id.empty()) run->figures[id].cost = amounts[index];
    ++index;
  });
  run->costs_named = run->costs_named || named;
  if (named) return;
  for (const auto& amount : amounts) run->costs.push_back(amount.value_or(Usd()));
}

void Events::OnRecord(Json record) {
  if (IsSdkEvent(record) || IsEvent(record)) return;
  if (!IsRecord(record)) return skip_("missing:history");
  Run run;
  std::string name(record["instance_id"].text());
  SessionInfo info = InfoOf(record);
  if (name.empty()) name = info.task_id.empty() ? "openhands" : info.task_id;
  run.session = BoundedId(name) + "-" + HexOf(Hash64(record["history"].Canonical())).substr(0, 8);
  run.model = BoundedId(record["metadata"]["llm_config"]["model"].text());
  ReadFigures(record["metrics"], &run);
  Fact fact = Make(FactKind::kSession, run.session, run, -1, {});
  fact.session = std::move(info);
  sink_.Add(std::move(fact));
  OnHistory(record["history"], &run);
  AddUnlistedCalls(record["metrics"], static_cast<int64_t>(record["history"].size()) + 1'000'000, &run);
  std::optional<Outcome> outcome;
  Json report = record["report"].is_object() ? record["report"] : record["test_result"]["report"];
  if (auto resolved = report["resolved"].boolean())
    outcome = OutcomeOfReward(*resolved ? 1 : 0, "swe-bench");
  else if (auto success = record["success"].boolean()) {
    // The resolver asks a model whether the issue is solved.
    outcome = OutcomeOfReward(*success ? 1 : 0, "openhands-resolver");
    outcome->source = OutcomeSource::kJudge;
  } else if (record["error"].is_string() && !record["error"].text().empty()) {
    outcome = Outcome{.verdict = Verdict::kError,
                      .source = OutcomeSource::kHeuristic,
                      .score_ppm = {},
                      .judge = "openhands"};
  }
  if (!outcome) return;
  Fact judged = Make(FactKind::kOutcome, "outcome", run, -1, {});
  judged.outcome = std::move(*outcome);
  sink_.Add(std::move(judged));
}

void Events::OnList(Json events, const std::string& session) {
  Run run;
  run.session = session;
  Fact fact = Make(FactKind::kSession, session, run, -1, {});
  fact.session = SessionInfo{};
  fact.session->agent = "openhands";
  sink_.Add(std::move(fact));
  OnHistory(events, &run);
}

void Events::OnHistory(Json history, Run* run) {
  int64_t index = 0;
  // A list of one cost a call: used when there are as many calls.
  int64_t answers = 0;
  history.ForEachItem([&](Json item) {
    auto count = [&](Json event) {
      answers += event["action"].is_string() && event["source"].text() != "user";
    };
    item.is_array() ? item.ForEachItem(count) : count(item);
  });
  if (!history.at(0)["source"] && !history.at(0).is_array()) --answers;  // the task itself
  if (answers != static_cast<int64_t>(run->costs.size())) run->costs.clear();
  auto take = [&](Json event) {
    sink_.FromElement(event);
    OnEvent(event, index++, run);
  };
  history.ForEachItem([&](Json item) { item.is_array() ? item.ForEachItem(take) : take(item); });
}

std::string NameOf(Json event, int64_t ordinal) {
  auto id = event["id"].integer();
  return "event-" + std::to_string(id && *id >= 0 ? *id : ordinal);
}

void Events::OnEvent(Json event, int64_t index, Run* run) {
  if (!event.is_object()) return skip_("not-an-object");
  auto id = event["id"].integer();
  int64_t ordinal = id && *id >= 0 ? *id : index;
  std::string_view observation = event["observation"].text(), action = event["action"].text();
  if (!action.empty()) return OnAction(event, action, ordinal, run);
  if (!observation.empty()) return OnObservation(event, observation, ordinal, run);
  skip_("missing:action");
}

void Events::AddUser(std::string_view text, bool meta, const std::string& id, int64_t ordinal, Run* run,
                     std::optional<int64_t> time) {
  Fact fact = Make(FactKind::kUser, id, *run, ordinal, time);
  UserTurn turn;
  turn.text = Cut(text, kMaxText);
  turn.text_bytes = static_cast<int64_t>(text.size());
  turn.is_meta = meta;
  fact.user = std::move(turn);
  sink_.Add(std::move(fact));
}

void Events::OnAction(Json event, std::string_view action, int64_t ordinal, Run* run) {
  auto time = TimeOf(event["timestamp"]);
  Json args = event["args"].is_object() ? event["args"] : event;
  std::string_view source = event["source"].text();
  if (source.empty()) source = action == "message" && ordinal == 0 ? "user" : "agent";
  if (OneOf(action,
            {"system", "recall", "change_agent_state", "null", "pause", "resume", "stop", "reject"})) {
    if (std::string_view version = args["openhands_version"].text(); !version.empty()) {
      Fact fact = Make(FactKind::kSession, run->session, *run, -1, {});
      fact.session = SessionInfo{};
      fact.session->agent = "openhands", fact.session->agent_version = version;
      sink_.Add(std::move(fact));
    }
    return;
  }
  if (OneOf(action, {"condensation", "condensation_request"})) {
    if (action == "condensation")
      sink_.Add(Make(FactKind::kCompaction, NameOf(event, ordinal), *run, ordinal, time));
    return;
  }
  if (source == "user" && action == "message")
    return AddUser(args["content"].text(), false, NameOf(event, ordinal), ordinal, run, time);
  std::string_view said = action == "message" ? args["content"].text() : args["thought"].text();
  std::string call = source == "user" ? "" : OnCall(event, said, ordinal, run);
  if (action != "message") OnTool(event, action, call, ordinal, run);
}

// Several events share one answer; each adds the same call, and assembly takes the fullest.
std::string Events::OnCall(Json event, std::string_view text, int64_t ordinal, Run* run) {
  Json response = event["tool_call_metadata"]["model_response"];
  std::string id(response["id"].text());
  if (id.empty()) id = event["llm_response_id"].text();
  id = id.empty() ? NameOf(event, ordinal) : BoundedId(id);
  bool first = run->seen.insert(id).second;
  LlmCall call;
  SetModels(run->model, response["model"].text(), &call);
  SetText(text, &call);
  call.stop_reason = response["choices"].at(0)["finish_reason"].text();
  bool bad = false;
  if (auto known = run->figures.find(id); known != run->figures.end()) {
    call.usage = known->second.usage, call.reported_cost = known->second.cost;
  }
  if (!call.usage) call.usage = OpenAiUsage(response["usage"], &bad);
  if (bad) skip_("wrong-type:usage");
  if (first && !run->costs.empty() && run->calls < static_cast<int64_t>(run->costs.size())) {
    Usd cost = run->costs[static_cast<size_t>(run->calls)];
    if (cost > Usd()) call.reported_cost = cost;
  }
  if (first) ++run->calls;
  if (!call.reported_cost && run->costs.empty() && !run->costs_named) {
    call.reported_cost = DollarsOf(event["llm_metrics"]["accumulated_cost"]);
    if (call.reported_cost) call.aliases.emplace_back(kAccumulated);
  }
  Fact fact = Make(FactKind::kLlmCall, id, *run, ordinal, TimeOf(event["timestamp"]));
  fact.llm = std::move(call);
  sink_.Add(std::move(fact));
  return id;
}

// What an action does, without how it was confirmed and thought of.
void Events::SetFallbackArgs(Json event, ToolUse* tool) {
  Json args = event["args"].is_object() ? event["args"] : event;
  std::string text = "{";
  args.ForEachField([&](std::string_view key, Json value) {
    if (OneOf(key, {"thought",
                    "is_input",
                    "blocking",
                    "hidden",
                    "confirmation_state",
                    "is_static",
                    "security_risk",
                    "kernel_init_code",
                    "keep_prompt",
                    "action_risk",
                    "is_confirmed",
                    "timeout",
                    "action",
                    "source",
                    "id",
                    "timestamp",
                    "message",
                    "tool_call_metadata",
                    "llm_metrics",
                    "cause"}) ||
        value.is_null())
      return;
    if (text.size() > 1) text.push_back(',');
    AppendJsonString(key, &text);
    text.push_back(':');
    value.AppendCanonical(&text);
  });
  text.push_back('}');
  SetArgsText(text, &args_parser_, tool);
}

void Events::OnTool(Json event, std::string_view action, const std::string& call, int64_t ordinal, Run* run) {
  Json metadata = event["tool_call_metadata"];
  ToolUse tool;
  tool.llm_call = call;
  tool.name = metadata["function_name"].text();
  if (tool.name.empty()) tool.name = action == "run" ? "execute_bash" : action;
  if (action == "delegate") tool.name = "delegate_task";
  std::string id(metadata["tool_call_id"].text());
  bool found = false;
  int64_t index = 0;
  metadata["model_response"]["choices"].at(0)["message"]["tool_calls"].ForEachItem([&](Json item) {
    if (!found) tool.index = index++;
    if (found || id.empty() || item["id"].text() != id) return;
    found = true;
    Json arguments = item["function"]["arguments"];
    if (auto text = arguments.string())
      SetArgsText(*text, &args_parser_, &tool);
    else
      SetArgs(arguments, &tool);
  });
  if (!found) SetFallbackArgs(event, &tool);
  if (id.empty()) id = NameOf(event, ordinal);
  run->latest_tool = id;
  Fact fact = Make(FactKind::kToolUse, id, *run, ordinal, TimeOf(event["timestamp"]));
  fact.tool = std::move(tool);
  sink_.Add(std::move(fact));
}

void Events::OnObservation(Json event, std::string_view observation, int64_t ordinal, Run* run) {
  if (OneOf(observation, {"null", "agent_state_changed", "recall", "condense", "user_rejected"})) return;
  Json extras = event["extras"];
  std::string_view content = event["content"].text();
  auto time = TimeOf(event["timestamp"]);
  std::string id(event["tool_call_metadata"]["tool_call_id"].text());
  auto cause = event["cause"].integer();
  if (id.empty() && cause && *cause >= 0) id = "event-" + std::to_string(*cause);
  bool flat = !event["source"] && !event["id"];
  if (id.empty() && flat) id = run->latest_tool;
  // An answer that could not be understood is told to the agent as a turn.
  if (id.empty()) return AddUser(content, true, NameOf(event, ordinal), ordinal, run, time);
  ToolResult result;
  SetOutput(content, &result);
  for (Json source : {extras["metadata"], extras}) {
    if (auto code = source["exit_code"].integer(); code && !result.exit_code) result.exit_code = code;
  }
  bool failed = observation == "error" || event["success"].boolean() == false ||
                result.exit_code.value_or(0) != 0 || extras["error"].boolean().value_or(false) ||
                content.starts_with("ERROR:") ||
                (observation == "run_ipython" && content.starts_with("[Your proposed edit has introduced"));
  // -1: the command is still running.
  if (result.exit_code == -1 && observation != "error") failed = false;
  result.status = failed ? ToolStatus::kError : ToolStatus::kOk;
  if (failed) result.error = Cut(ErrorLine(content), kMaxError);
  Fact fact = Make(FactKind::kToolResult, id, *run, ordinal, time);
  fact.end_ns = time;
  fact.result = std::move(result);
  sink_.Add(std::move(fact));
}

// Requests that the metrics know and no event shows: their answer could not be used.
void Events::AddUnlistedCalls(Json metrics, int64_t ordinal, Run* run) {
  auto add = [&](Json entry) {
    std::string id = BoundedId(entry["response_id"].text());
    if (id.empty() || !run->seen.insert(id).second) return;
    LlmCall call;
    call.model = entry["model"].text();
    if (auto known = run->figures.find(id); known != run->figures.end())
      call.usage = known->second.usage, call.reported_cost = known->second.cost;
    Fact fact = Make(FactKind::kLlmCall, id, *run, ordinal++, {});
    fact.llm = std::move(call);
    sink_.Add(std::move(fact));
  };
  metrics["token_usages"].ForEachItem(add);
  metrics["response_latencies"].ForEachItem(add);
}

// --- conversations of the agent SDK

void Events::OnState(Json state, const std::string& session) {
  Run run;
  run.session = session;
  Fact fact = Make(FactKind::kSession, session, run, -1, {});
  SessionInfo info;
  info.agent = "openhands";
  info.cwd = state["workspace"]["working_dir"].text();
  fact.session = std::move(info);
  sink_.Add(std::move(fact));
  std::string model(state["agent"]["llm"]["model"].text());
  state["stats"]["usage_to_metrics"].ForEachField([&](std::string_view purpose, Json metrics) {
    Run own = run;
    ReadFigures(metrics, &own);
    metrics["token_usages"].ForEachItem([&](Json tokens) {
      std::string id = BoundedId(tokens["response_id"].text());
      auto known = own.figures.find(id);
      if (id.empty() || known == own.figures.end()) return;
      LlmCall call;
      call.model = tokens["model"].text();
      if (call.model.empty()) call.model = model;
      call.usage = known->second.usage, call.reported_cost = known->second.cost;
      call.auxiliary = purpose != "agent" && purpose != "default";
      call.aliases.emplace_back(kStateOnly);
      Fact used = Make(FactKind::kLlmCall, id, run, -1, {});
      used.llm = std::move(call);
      sink_.Add(std::move(used));
    });
  });
}

void Events::OnSdkEvent(Json event, int64_t ordinal, Run* run) {
  std::string_view kind = event["kind"].text();
  auto time = TimeOf(event["timestamp"]);
  std::string name(event["id"].text());
  std::string buffer;
  if (kind == "SystemPromptEvent") {
    Fact fact = Make(FactKind::kSession, run->session, *run, -1, time);
    fact.session = SessionInfo{};
    fact.session->agent = "openhands";
    sink_.Add(std::move(fact));
  } else if (kind == "MessageEvent") {
    Json message = event["llm_message"];
    std::string_view text = ContentText(message["content"], &buffer);
    if (event["source"].text() == "user") return AddUser(text, false, name, ordinal, run, time);
    OnCall(event, text, ordinal, run);
  } else if (kind == "ActionEvent") {
    std::string call = OnCall(event, ContentText(event["thought"], &buffer), ordinal, run);
    Json asked = event["tool_call"];
    ToolUse tool;
    tool.llm_call = call;
    tool.name = event["tool_name"].text();
    if (tool.name.empty()) tool.name = asked["name"].text();
    Json arguments = asked["arguments"] ? asked["arguments"] : asked["function"]["arguments"];
    if (auto text = arguments.string())
      SetArgsText(*text, &args_parser_, &tool);
    else
      SetArgs(arguments ? arguments : event["action"], &tool);
    std::string id(event["tool_call_id"].text());
    Fact fact = Make(FactKind::kToolUse, id.empty() ? name : id, *run, ordinal, time);
    fact.tool = std::move(tool);
    sink_.Add(std::move(fact));
  } else if (OneOf(kind, {"ObservationEvent", "AgentErrorEvent", "UserRejectObservation"})) {
    OnSdkObservation(event, ordinal, run);
  } else if (kind == "Condensation" || kind == "CondensationEvent") {
    sink_.Add(Make(FactKind::kCompaction, name, *run, ordinal, time));
  }
}

void Events::OnSdkObservation(Json event, int64_t ordinal, Run* run) {
  Json observation = event["observation"];
  std::string buffer;
  std::string_view text =
      event["error"].is_string() ? event["error"].text() : ContentText(observation["content"], &buffer);
  if (text.empty()) text = observation["output"].text();
  ToolResult result;
  SetOutput(text, &result);
  for (Json source : {observation["metadata"], observation}) {
    if (auto code = source["exit_code"].integer(); code && !result.exit_code) result.exit_code = code;
  }
  bool failed = event["kind"].text() == "AgentErrorEvent" ||
                observation["is_error"].boolean().value_or(false) ||
                observation["error"].boolean().value_or(false) || result.exit_code.value_or(0) > 0;
  result.status = failed ? ToolStatus::kError : ToolStatus::kOk;
  if (failed) result.error = Cut(ErrorLine(text), kMaxError);
  std::string id(event["tool_call_id"].text());
  if (id.empty()) id = event["action_id"].text();
  if (id.empty()) id = event["id"].text();
  auto time = TimeOf(event["timestamp"]);
  Fact fact = Make(FactKind::kToolResult, id, *run, ordinal, time);
  fact.end_ns = time;
  fact.result = std::move(result);
  sink_.Add(std::move(fact));
}

// --- files

std::string_view LastOf(std::string_view path) { return path.substr(FolderOf(path).size()); }

// <conversation>/events/<event>.json and <conversation>/base_state.json: the conversation's folder.
std::string_view ConversationOf(std::string_view path) {
  std::string_view folder = FolderOf(path);
  if (folder.ends_with("/events/")) folder = FolderOf(folder.substr(0, folder.size() - 1));
  if (folder.empty()) return {};
  return folder.substr(0, folder.size() - 1);
}

// "event-00012-<uuid>.json": the place of an event of the SDK.
int64_t PlaceIn(std::string_view path) {
  std::string_view name = LastOf(path);
  if (!name.starts_with("event-")) return -1;
  name.remove_prefix(6);
  auto place = ParseInt(name.substr(0, name.find_first_not_of("0123456789")));
  return place && *place >= 0 ? *place : -1;
}

class Document final : public JsonDocumentReader {
 public:
  Document(const FileContext& file, FactSink* sink)
      : JsonDocumentReader(sink),
        path_(file.path),
        events_(sink, [this](std::string_view reason) { Skip(reason); }) {}

 protected:
  void OnDocument(Json document) override {
    if (document.is_array()) {
      if (IsRecord(document.at(0)))
        return document.ForEachItem([&](Json record) { events_.OnRecord(record); });
      return events_.OnList(document, "openhands-" + HexOf(Hash64(document.Canonical())));
    }
    std::string session(LastOf(ConversationOf(path_)));
    if (session.empty()) session = "openhands";
    if (IsState(document)) return events_.OnState(document, session);
    Run run;
    run.session = session;
    if (IsSdkEvent(document)) return events_.OnSdkEvent(document, PlaceIn(path_), &run);
    if (IsEvent(document)) return events_.OnEvent(document, 0, &run);
    events_.OnRecord(document);
  }

 private:
  std::string path_;
  Events events_;
};

class Lines final : public JsonLineReader {
 public:
  Lines(const FileContext& file, FactSink* sink)
      : JsonLineReader(sink), file_(file), events_(sink, [this](std::string_view reason) { Skip(reason); }) {}

 protected:
  void OnRecord(Json record) override {
    std::string session(LastOf(ConversationOf(file_.path)));
    Run run;
    run.session = session.empty() ? "openhands" : session;
    if (IsState(record)) return events_.OnState(record, run.session);
    if (IsSdkEvent(record)) return events_.OnSdkEvent(record, PlaceIn(file_.path), &run);
    if (IsEvent(record)) return events_.OnEvent(record, 0, &run);
    events_.OnRecord(record);
  }

 private:
  FileContext file_;
  Events events_;
};

bool Sniff(std::string_view head) {
  if (head.find("\"action\"") == std::string_view::npos &&
      head.find("\"observation\"") == std::string_view::npos &&
      head.find("usage_to_metrics") == std::string_view::npos &&
      head.find("\"agent_class\"") == std::string_view::npos &&
      head.find("Event\"") == std::string_view::npos)
    return false;
  JsonParser parser;
  Json document = HeadDocument(head, &parser);
  if (document.is_array()) document = document.at(0);
  return IsEvent(document) || IsSdkEvent(document) || IsRecord(document) || IsState(document);
}

// The files of a conversation belong together.
std::string UnitKey(std::string_view path, std::string_view head) {
  JsonParser parser;
  Json document = HeadDocument(head, &parser);
  bool part = document.is_object() && !document["history"] && !document["instance_id"];
  return part ? std::string(ConversationOf(path)) : std::string();
}

std::unique_ptr<LogReader> Open(const FileContext& file, FactSink* sink) {
  return LinesOrDocument(std::make_unique<Lines>(file, sink), std::make_unique<Document>(file, sink));
}

}  // namespace

extern const Importer kOpenHands;
const Importer kOpenHands = {
    .name = "openhands",
    .summary = "OpenHands evaluation output, resolver output, trajectories and conversations",
    .default_root = ".openhands/conversations,.openhands/sessions",
    .file_suffixes = ".jsonl,.json",
    .sniff = Sniff,
    .open = Open,
    .resolve = openhands::Resolve,
    .unit_key = UnitKey,
};

}  // namespace clawtrace::capture
