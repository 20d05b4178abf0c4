// Kimi Code: ~/.kimi-code/sessions/<work dir>/<session>/agents/<agent>/wire.jsonl. docs/formats/kimi.md says
// what is read and how calls are counted.
#include <algorithm>
#include <map>
#include <set>
#include <tuple>
#include <unordered_set>

#include "base/hash.h"
#include "base/text.h"
#include "capture/document_reader.h"
#include "capture/importers/log_text.h"
#include "capture/importers/skill_facts.h"
#include "capture/line_reader.h"

namespace clawtrace::capture {
namespace {

constexpr std::string_view kName = "kimi";

// ".../<session>/agents/<agent>/wire.jsonl"; empty parts for any other path.
struct WirePath {
  std::string folder, session, agent;
};

WirePath SplitPath(std::string_view path) {
  size_t file = path.rfind('/');
  if (file == std::string_view::npos) return {};
  size_t agent = path.substr(0, file).rfind('/');
  if (agent == std::string_view::npos || !path.substr(0, agent).ends_with("/agents")) return {};
  std::string_view folder = path.substr(0, agent - 7);
  return {std::string(folder), std::string(folder.substr(folder.rfind('/') + 1)),
          std::string(path.substr(agent + 1, file - agent - 1))};
}

std::string AgentSession(std::string_view session, std::string_view agent) {
  if (agent.empty() || agent == "main") return Cut(session, 256);
  return Cut(session, 256) + ":" + Cut(agent, 256);
}

// Input is stated in disjoint counts.
std::string_view ReadUsage(Json json, std::optional<Usage>* out) {
  if (!json || json.is_null()) return {};
  if (!json.is_object()) return "wrong-type:usage";
  if (!json["inputOther"] && !json["output"]) return {};
  Usage usage;
  bool good = true;
  auto read = [&](std::string_view key, int64_t* count) {
    Json value = json[key];
    if (!value || value.is_null()) return;
    auto number = CountOf(value);
    good = good && number;
    *count = number.value_or(0);
  };
  read("inputOther", &usage.uncached_input), read("output", &usage.output);
  read("inputCacheRead", &usage.cache_read), read("inputCacheCreation", &usage.cache_write_unknown);
  if (!good) return "wrong-type:usage";
  if (!IsPlausible(usage)) return "implausible:usage";
  if (usage.total() > 0) *out = usage;
  return {};
}

// A command's tool says in words how it ended.
std::optional<int64_t> ExitCodeIn(std::string_view text) {
  constexpr std::string_view kSaid = "Command failed with exit code: ";
  size_t at = text.rfind(kSaid);
  if (at == std::string_view::npos) return std::nullopt;
  text = text.substr(at + kSaid.size());
  return ParseInt(text.substr(0, text.find_first_not_of("-0123456789")));
}

// Something said at a time; sorted, the same for any order of the lines.
using Said = std::tuple<int64_t, std::string, std::string>;  // time, model, provider

struct LlmStep {
  std::optional<int64_t> start, end;
  std::optional<Usage> usage;
  std::string finish;
  bool asked = false;  // something came of it
  int64_t text_bytes = 0, thinking_bytes = 0;
  std::vector<std::pair<int64_t, std::string>> texts;
  std::vector<KeptRecord> records;  // that hold them
};

// What entered the context, which may have been told as a prompt.
struct ContextMessage {
  uint64_t hash = 0;
  Fact fact;
  KeptRecord record = 0;
};

struct Record {
  std::string id, model;
  std::optional<int64_t> time;
  Usage usage;
};

auto CountsOf(const Usage& u) {
  return std::tuple(u.uncached_input, u.cache_read, u.cache_write_unknown, u.output);
}

class KimiReader final : public JsonLineReader {
 public:
  KimiReader(const FileContext& file, FactSink* sink) : JsonLineReader(sink) {
    WirePath path = SplitPath(ReplaceInvalidUtf8(file.path));
    std::string stem = ReplaceInvalidUtf8(StemOf(file.path));
    session_ = !path.session.empty() ? path.session : stem.empty() || stem == "-" ? "kimi-stdin" : stem;
    agent_ = path.agent;
    JsonParser parser;
    auto state = parser.Parse(file.sidecar);
    if (file.sidecar.empty() || !state) return;
    for (std::string_view key : {"workDir", "cwd"}) {
      cwd_.Take(Cut((*state)[key].text(), 1024), INT64_MIN, false);
    }
    Json agent = (*state)["agents"][agent_];
    parent_agent_ = Cut(agent["parentAgentId"].text(), 256);
    parent_call_ = Cut(agent["parentToolCallId"].text(), 256);
    if (std::string_view type = agent["type"].text(); type != "main") agent_name_ = Cut(type, 256);
  }

 private:
  void OnRecord(Json record) override {
    any_ = true;
    if (!lines_.insert(Hash64(raw())).second) return;
    std::optional<int64_t> time = TimeOf(record["time"]);
    if (!time && record["time"]) Skip("wrong-type:time");
    std::string_view type = record["type"].text();
    if (type == "context.append_loop_event") return OnEvent(record["event"], time);
    if (type == "usage.record") return OnUsage(record, time);
    if (type == "turn.prompt" || type == "turn.steer")
      return OnPrompt(record["input"], record["origin"], time);
    if (type == "context.append_message") return OnMessage(record["message"], time);
    if (type == "llm.request") {
      said_.emplace_back(time.value_or(INT64_MIN), Cut(record["model"].text(), 256),
                         Cut(record["provider"].text(), 256));
    } else if (type == "config.update") {
      if (std::string_view model = record["modelAlias"].text(); !model.empty())
        configured_.emplace_back(time.value_or(INT64_MIN), Cut(model, 256), "");
      cwd_.Take(Cut(record["cwd"].text(), 1024), time.value_or(INT64_MAX), false);
    } else if (type == "context.apply_compaction") {
      Keep(Base(FactKind::kCompaction, LineId(), time));
    } else if (type == "skill.activate") {
      OnSkill(record, time);
    } else if (type == "metadata") {
      auto created = TimeOf(record["created_at"]);
      if (created && (!created_ || *created < *created_)) created_ = created;
    } else if (type.empty()) {
      Skip("missing:type");
    } else if (!type.contains('.')) {
      Skip("unknown-type");  // all its own are "area.what"
    }
  }

  std::string LineId() const { return "line-" + HexOf(Hash64(raw())); }

  Fact Base(FactKind kind, std::string id, std::optional<int64_t> time) const {
    Fact fact;
    fact.kind = kind;
    fact.source = kName;
    fact.session_id = AgentSession(session_, agent_);
    fact.id = std::move(id);
    fact.start_ns = time;
    fact.end_ns = time;
    return fact;
  }

  void Keep(Fact fact) {
    skills_.Observe(fact);
    sink().Add(std::move(fact));
  }

  // Older protocols number the steps of a turn instead of naming them.
  static std::string StepId(Json event, bool own) {
    std::string_view id = event["stepUuid"].text();
    if (id.empty() && own) id = event["uuid"].text();
    if (!id.empty()) return Cut(id, 256);
    auto part = [&](std::string_view key) {
      if (auto number = event[key].integer()) return std::to_string(*number);
      return Cut(event[key].text(), 64);
    };
    std::string turn = part("turnId"), step = part("step");
    return turn.empty() && step.empty() ? std::string() : "step-" + turn + "." + step;
  }

  void OnEvent(Json event, std::optional<int64_t> time) {
    std::string_view type = event["type"].text();
    if (type == "tool.result") return OnToolResult(event, time);
    bool own = type == "step.begin" || type == "step.end";
    if (!own && type != "content.part" && type != "tool.call") return;
    std::string id = StepId(event, own);
    if (id.empty()) return Skip("missing:stepUuid");
    LlmStep& step = steps_[id];
    if (type == "step.begin") {
      if (time && (!step.start || *time < *step.start)) step.start = time;
      return;
    }
    step.asked = true;
    if (time && (!step.end || *time > *step.end)) step.end = time;
    if (type == "tool.call") return OnToolCall(event, id, time);
    if (type == "content.part") {
      if (event["part"]["type"].text() == "text") step.records.push_back(sink().KeepRecord());
      return OnPart(event["part"], time, &step);
    }
    if (std::string finish = Cut(event["finishReason"].text(), 64); finish > step.finish)
      step.finish = finish;
    std::optional<Usage> usage;
    if (std::string_view problem = ReadUsage(event["usage"], &usage); !problem.empty()) Skip(problem);
    if (usage && (!step.usage || CountsOf(*usage) > CountsOf(*step.usage))) step.usage = usage;
  }

  static void OnPart(Json part, std::optional<int64_t> time, LlmStep* step) {
    std::string_view type = part["type"].text();
    if (type == "think") {
      std::string_view text = part["think"].text().empty() ? part["text"].text() : part["think"].text();
      step->thinking_bytes += static_cast<int64_t>(text.size());
    } else if (type == "text") {
      step->text_bytes += static_cast<int64_t>(part["text"].text().size());
      step->texts.emplace_back(time.value_or(INT64_MIN), Cut(part["text"].text(), kMaxText));
    }
  }

  void OnToolCall(Json event, const std::string& step, std::optional<int64_t> time) {
    std::string_view id = event["toolCallId"].text();
    if (id.empty()) return Skip("missing:toolCallId");
    Fact fact = Base(FactKind::kToolUse, Cut(id, 256), time);
    fact.end_ns.reset();
    ToolUse& tool = fact.tool.emplace();
    tool.llm_call = step;
    tool.name = Cut(event["name"].text(), 256);
    if (event["args"].is_string())
      SetArgsText(event["args"].text(), &texts_, &tool);
    else
      SetArgs(event["args"], &tool);
    Keep(std::move(fact));
  }

  void OnToolResult(Json event, std::optional<int64_t> time) {
    std::string_view id = event["toolCallId"].text();
    if (id.empty()) return Skip("missing:toolCallId");
    Json said = event["result"];
    Fact fact = Base(FactKind::kToolResult, Cut(id, 256), time);
    ToolResult& result = fact.result.emplace();
    std::string buffer;
    std::string_view text = ContentText(said.is_object() ? said["output"] : said, &buffer);
    SetOutput(text, &result);
    std::string_view message = said["message"].text();
    result.exit_code = ExitCodeIn(message.empty() ? text : message);
    bool failed = said["isError"].boolean() == true || event["isError"].boolean() == true ||
                  result.exit_code.value_or(0) != 0;
    result.status = failed ? ToolStatus::kError : ToolStatus::kOk;
    if (failed) result.error = ErrorLine(text.empty() ? message : text);
    constexpr std::string_view kAgent = "agent_id: ";
    if (text.starts_with(kAgent))
      result.child_session = AgentSession(session_, Trim(FirstLine(text.substr(kAgent.size(), 256))));
    Keep(std::move(fact));
  }

  void OnUsage(Json record, std::optional<int64_t> time) {
    std::optional<Usage> usage;
    if (std::string_view problem = ReadUsage(record["usage"], &usage); !problem.empty()) Skip(problem);
    if (usage) records_.push_back({LineId(), Cut(record["model"].text(), 256), time, *usage});
  }

  Fact User(std::string_view text, bool meta, std::optional<int64_t> time) const {
    Fact fact = Base(FactKind::kUser, LineId(), time);
    fact.user = UserTurn{
        .text = Cut(text, kMaxText), .text_bytes = static_cast<int64_t>(text.size()), .is_meta = meta};
    return fact;
  }

  void OnPrompt(Json input, Json origin, std::optional<int64_t> time) {
    std::string buffer;
    std::string_view text = ContentText(input, &buffer), kind = origin["kind"].text();
    bool person = kind.empty() || kind == "user";
    prompts_.insert(Hash64(text));
    Keep(User(text, !person, time));
  }

  // A prompt enters the context as a message too; what else does is the client's.
  void OnMessage(Json message, std::optional<int64_t> time) {
    if (message["role"].text() != "user") return;
    std::string buffer;
    std::string_view kind = message["origin"]["kind"].text();
    std::string_view text = ContentText(message["content"], &buffer);
    Fact fact = User(text, !kind.empty() && kind != "user", time);
    KeptRecord record = IsCut(fact) ? sink().KeepRecord() : 0;
    messages_.push_back({Hash64(text), std::move(fact), record});
  }

  void OnSkill(Json record, std::optional<int64_t> time) {
    for (std::string_view key : {"skillName", "name", "skill"}) {
      std::string name = Cut(record[key].text(), 64);
      if (name.empty()) continue;
      Fact beside = Base(FactKind::kLink, "", time);
      return sink().Add(
          SkillFact(beside, {name, SkillStage::kLoaded, Cut(record["path"].text(), 1024), std::string()}));
    }
  }

  // What was last said before a time.
  static const Said* LastBefore(const std::vector<Said>& said, int64_t time) {
    auto after = std::ranges::upper_bound(said, time, {}, [](const Said& s) { return std::get<0>(s); });
    return after == said.begin() ? nullptr : &*std::prev(after);
  }

  void NameModel(std::optional<int64_t> time, LlmCall* call) const {
    const Said* said = LastBefore(said_, time.value_or(INT64_MAX));
    if (!said) said = LastBefore(configured_, time.value_or(INT64_MAX));
    if (!said) return;
    call->model = std::get<1>(*said);
    call->provider = std::get<2>(*said);
  }

  void OnEnd() override {
    if (!any_) return;
    std::ranges::sort(said_);
    std::ranges::sort(configured_);
    for (auto& [hash, fact, record] : messages_) {
      sink().FromKept(record);
      if (fact.user->is_meta || !prompts_.contains(hash)) Keep(std::move(fact));
    }
    std::map<decltype(CountsOf(Usage{})), int64_t> of_steps;
    for (auto& [id, step] : steps_) {
      if (!step.asked) continue;
      if (step.usage) ++of_steps[CountsOf(*step.usage)];
      AddStep(id, &step);
    }
    // Usage records repeat the steps' counts; those beyond are calls outside of any step (compaction).
    std::ranges::sort(records_, {}, [](const Record& r) { return std::tie(r.time, r.id); });
    for (Record& record : records_) {
      auto step = of_steps.find(CountsOf(record.usage));
      if (step != of_steps.end() && step->second-- > 0) continue;
      Fact fact = Base(FactKind::kLlmCall, std::move(record.id), record.time);
      LlmCall& call = fact.llm.emplace();
      call.usage = record.usage;
      NameModel(record.time, &call);
      if (!record.model.empty() && call.model.empty()) call.model = std::move(record.model);
      sink().Add(std::move(fact));
    }
    skills_.Emit(&sink());
    AddSession();
  }

  void AddStep(const std::string& id, LlmStep* step) {
    Fact fact = Base(FactKind::kLlmCall, id, step->start ? step->start : step->end);
    fact.end_ns = step->end;
    LlmCall& call = fact.llm.emplace();
    NameModel(step->end, &call);
    call.usage = step->usage;
    call.stop_reason = step->finish;
    call.text_bytes = step->text_bytes;
    call.thinking_bytes = step->thinking_bytes;
    std::ranges::sort(step->texts);
    for (auto& [time, text] : step->texts) {
      if (call.text.size() >= kMaxText) break;
      call.text += PrefixUtf8(text, kMaxText - call.text.size());
    }
    sink().FromKept(step->records);
    sink().Add(std::move(fact));
  }

  void AddSession() {
    Fact fact = Base(FactKind::kSession, "session", created_);
    fact.end_ns.reset();
    SessionInfo& info = fact.session.emplace();
    info.agent = kName;
    info.cwd = cwd_.value;
    if (!agent_.empty() && agent_ != "main") {
      info.parent_session = AgentSession(session_, parent_agent_);
      info.parent_call = parent_call_;
      info.agent_name = agent_name_;
    }
    sink().Add(std::move(fact));
  }

  std::string session_, agent_, parent_agent_, parent_call_, agent_name_;
  Stamped cwd_;  // the state file knows best
  bool any_ = false;
  std::optional<int64_t> created_;
  std::unordered_set<uint64_t> lines_;  // equal lines count once
  std::map<std::string, LlmStep> steps_;
  std::vector<Said> said_, configured_;
  std::vector<Record> records_;
  std::unordered_set<uint64_t> prompts_;
  std::vector<ContextMessage> messages_;
  SkillObserver skills_;
  JsonParser texts_;
};

bool Sniff(std::string_view head) {
  bool yes = false;
  ForEachHeadLine(head, [&](Json record) {
    std::string_view type = record["type"].text();
    yes = (type == "metadata" &&
           (record["protocol_version"].is_string() || record["protocol_version"].is_number())) ||
          (type == "context.append_loop_event" && record["event"]["type"].is_string()) ||
          (type == "usage.record" && record["usage"]["inputOther"].is_number()) ||
          (type == "turn.prompt" && record["input"].is_array());
    return !yes && !type.empty();
  });
  return yes;
}

std::string UnitKey(std::string_view path, std::string_view) {
  std::string folder = SplitPath(path).folder;
  return folder.empty() ? folder : std::string(kName) + ":" + folder;
}

std::string SidecarPath(std::string_view path) {
  std::string folder = SplitPath(path).folder;
  return folder.empty() ? folder : folder + "/state.json";
}

std::string_view Companion(std::string_view head) {
  if (head.find("\"workDir\"") == std::string_view::npos) return {};
  JsonParser parser;
  Json state = HeadDocument(head, &parser);
  bool yes = state["agents"].is_object() && state["workDir"].is_string();
  return yes ? "the state of a Kimi session, whose calls are in agents/*/wire.jsonl beside it" : "";
}

}  // namespace

extern const Importer kKimi;
const Importer kKimi = {
    .name = kName,
    .summary = "Kimi Code wire logs (JSONL) with their sub-agents",
    .default_root = ".kimi-code/sessions,.kimi/sessions",
    .file_suffixes = ".jsonl",
    .sniff = Sniff,
    .open = [](const FileContext& file, FactSink* sink) -> std::unique_ptr<LogReader> {
      return std::make_unique<KimiReader>(file, sink);
    },
    .sidecar_path = SidecarPath,
    .unit_key = UnitKey,
    .companion = Companion,
};

}  // namespace clawtrace::capture
