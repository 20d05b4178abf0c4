#include "capture/importers/codex_events.h"

#include <algorithm>
#include <span>

#include "base/hash.h"
#include "base/text.h"
#include "capture/importers/log_text.h"
#include "capture/importers/skill_facts.h"
#include "capture/line_reader.h"

namespace clawtrace::capture {
namespace {

using Event = CodexEvent;

// Messages of role "user" that the client wrote.
bool IsClientText(std::string_view text) {
  static constexpr std::string_view kStarts[] = {"<environment_context>",
                                                 "<user_instructions>",
                                                 "<turn_aborted>",
                                                 "# AGENTS.md instructions",
                                                 "<INSTRUCTIONS>",
                                                 "<permissions instructions>",
                                                 "<skill>",
                                                 "<skills_instructions>",
                                                 "<subagent_notification>",
                                                 "<user_shell_command>",
                                                 "<collaboration_mode>",
                                                 "<model_switch>"};
  return StartsWithAny(Trim(text.substr(0, 256)), kStarts);
}

std::optional<int64_t> NumberAfter(std::string_view line, std::string_view prefix) {
  if (!line.starts_with(prefix)) return std::nullopt;
  line = Trim(line.substr(prefix.size()));
  return ParseInt(line.substr(0, line.find_first_not_of("-0123456789")));
}

// Reads a call's output as the model saw it.
void ReadOutput(Json output, JsonParser* parser, Event* event) {
  static constexpr std::string_view kFailures[] = {"apply_patch verification failed",
                                                   "exec_command failed",
                                                   "write_stdin failed",
                                                   "failed to parse function arguments",
                                                   "execution error",
                                                   "unsupported call",
                                                   "unsupported custom tool call",
                                                   "patch rejected",
                                                   "collab spawn failed",
                                                   "Error:",
                                                   "error:",
                                                   "err:"};
  static constexpr std::string_view kAborts[] = {"aborted by user", "exec command rejected by user",
                                                 "rejected by user", "patch rejected by user"};
  ToolResult& result = event->fact.result.emplace();
  std::string buffer;
  std::string_view text;
  bool failed = false;
  auto read = [&](Json json) {
    Json body = json["output"] ? json["output"] : json["content"];
    text = ContentText(body, &buffer);
    result.exit_code = json["metadata"]["exit_code"].integer();
    failed = json["success"].boolean() == false;
  };
  if (output.is_object()) {
    read(output);
  } else {
    text = ContentText(output, &buffer);
    if (text.starts_with('{') && text.size() < kMaxLineBytes) {
      auto json = parser->Parse(text);
      if (json && ((*json)["metadata"].is_object() || (*json)["success"].boolean())) {
        std::string whole = std::move(buffer);
        buffer.clear();
        read(*json);
      } else if (json) {
        event->child = Cut((*json)["agent_id"].text(), 256);
      }
    }
  }
  std::string_view wrapped = text;
  text = StripCodexWrapper(text, &result.exit_code);
  SetOutput(text, &result);
  bool plain = text.size() == wrapped.size();
  failed |= result.exit_code.value_or(0) != 0 || (plain && StartsWithAny(text, kFailures));
  bool aborted = plain && StartsWithAny(text, kAborts);
  result.status = aborted ? ToolStatus::kAborted : failed ? ToolStatus::kError : ToolStatus::kOk;
  if (aborted || failed) result.error = ErrorLine(text);
}

enum class UsageState { kAbsent, kUsable, kWrongType, kImplausible };

// input_tokens includes what came from and went into the cache; output_tokens includes reasoning.
UsageState ReadUsage(Json json, std::optional<Usage>* out) {
  if (!json || json.is_null()) return UsageState::kAbsent;
  if (!json.is_object()) return UsageState::kWrongType;
  int64_t input = 0;
  Usage usage;
  auto read = [&](std::string_view key, int64_t* count) {
    Json value = json[key];
    if (!value || value.is_null()) return true;
    auto number = CountOf(value);
    if (number) *count = *number;
    return number.has_value();
  };
  if (!json["input_tokens"] && !json["output_tokens"]) return UsageState::kAbsent;
  if (!read("input_tokens", &input) || !read("cached_input_tokens", &usage.cache_read) ||
      !read("cache_write_input_tokens", &usage.cache_write_unknown) ||
      !read("output_tokens", &usage.output) || !read("reasoning_output_tokens", &usage.reasoning)) {
    return UsageState::kWrongType;
  }
  if (std::max({input, usage.cache_read, usage.cache_write_unknown}) > kMaxTokensPerBucket)
    return UsageState::kImplausible;
  usage.uncached_input = input - usage.cache_read - usage.cache_write_unknown;
  // Providers have stated more reasoning than output, of which it is a part; output is what is billed.
  usage.reasoning = std::min(usage.reasoning, usage.output);
  if (!IsPlausible(usage)) return UsageState::kImplausible;
  *out = usage;
  return UsageState::kUsable;
}

std::string RepositoryName(std::string_view url) {
  if (url.ends_with('/')) url.remove_suffix(1);
  if (url.ends_with(".git")) url.remove_suffix(4);
  return Cut(url.substr(url.find_last_of("/:") + 1), 256);
}

void ReadSettings(Json settings, Event* e) {
  e->kind = Event::Kind::kTurn;
  e->model = Cut(settings["model"].text(), 256);
  e->tier = Cut(settings["service_tier"].text(), 64);
  e->cwd = settings["cwd"].text();
}

void ReadMeta(Json meta, Event* e) {
  e->kind = Event::Kind::kMeta;
  e->thread = meta["id"].text();
  e->provider = Cut(meta["model_provider"].text(), 256);
  SessionInfo& info = e->fact.session.emplace();
  info.agent_version = Cut(meta["cli_version"].text(), 256);
  info.cwd = meta["cwd"].text();
  info.project = RepositoryName(meta["git"]["repository_url"].text());
  info.forked_from = Cut(meta["forked_from_id"].text(), 256);
  info.parent_session = CodexParentOf(meta);
  Json subagent = meta["source"]["subagent"], spawn = subagent["thread_spawn"];
  for (Json name : {meta["agent_role"], spawn["agent_role"], meta["agent_nickname"], spawn["agent_nickname"],
                    subagent["other"], subagent}) {
    if (info.agent_name.empty()) info.agent_name = Cut(name.text(), 256);
  }
}

void ReadUser(std::string_view text, bool harness, Event* e) {
  e->kind = Event::Kind::kUser;
  e->fact.kind = FactKind::kUser;
  UserTurn& user = e->fact.user.emplace();
  user.text = Cut(text, kMaxText);
  user.text_bytes = static_cast<int64_t>(text.size());
  user.is_meta = harness || IsClientText(text);
}

void FillDone(std::string id, std::string_view status, Json item, Json exit_code, Event* e) {
  e->kind = Event::Kind::kDone;
  e->fact.kind = FactKind::kToolResult;
  e->fact.id = std::move(id);
  ToolResult& result = e->fact.result.emplace();
  result.exit_code = exit_code.integer();
  if (status == "completed") result.status = ToolStatus::kOk;
  if (status == "failed" || result.exit_code.value_or(0) != 0) result.status = ToolStatus::kError;
  if (status == "declined") result.status = ToolStatus::kAborted;
  std::string_view output = item["aggregated_output"].text();
  if (output.empty()) output = item["stdout"].text();
  if (output.empty()) output = item["stderr"].text();
  SetOutput(output, &result);
  result.error = Cut(item["error"]["message"].text(), kMaxError);
}

bool ReadCompletion(std::string_view kind, Json event, Event* e) {
  std::string call(event["call_id"].text());
  if (kind == "item_completed") {
    Json item = event["item"];
    std::string_view type = item["type"].text();
    if (type != "CommandExecution" && type != "FileChange" && type != "McpToolCall" &&
        type != "CollabAgentToolCall")
      return false;
    FillDone(std::string(item["id"].text()), item["status"].text(), item, item["exit_code"], e);
    if (item["tool"].text() == "spawn_agent") e->child = Cut(item["receiver_thread_ids"].at(0).text(), 256);
  } else if (kind == "exec_command_end") {
    FillDone(call, event["status"].text(), event, event["exit_code"], e);
  } else if (kind == "patch_apply_end") {
    FillDone(call, event["success"].boolean() == false ? "failed" : "completed", event, Json(), e);
  } else if (kind == "mcp_tool_call_end") {
    Json result = event["result"];
    bool failed = result["Err"] || result["Ok"]["isError"].boolean() == true ||
                  result["Ok"]["is_error"].boolean() == true;
    FillDone(call, failed ? "failed" : "completed", result, Json(), e);
  } else if (kind == "collab_agent_spawn_end") {
    FillDone(call, "completed", event, Json(), e);
    e->child = Cut(event["new_thread_id"].text(), 256);
  } else {
    return false;
  }
  return !e->fact.id.empty();
}

}  // namespace

std::string_view StripCodexWrapper(std::string_view text, std::optional<int64_t>* exit_code) {
  static constexpr std::string_view kLines[] = {"Chunk ID:",
                                                "Wall time:",
                                                "Process exited with code ",
                                                "Process running with session ID ",
                                                "Original token count:",
                                                "Exit code:",
                                                "Total output lines:",
                                                "Warning: truncated output"};
  std::optional<int64_t> code;
  std::string_view rest = text;
  bool any = false;
  while (!rest.empty()) {
    size_t end = rest.find('\n');
    std::string_view line = rest.substr(0, end);
    bool output = line == "Output:";
    if (!output && !StartsWithAny(line, kLines) && !(any && Trim(line).empty())) return text;
    any = true;
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    if (auto n = NumberAfter(line, "Process exited with code ")) code = n;
    if (auto n = NumberAfter(line, "Exit code:")) code = n;
    if (output) break;
  }
  if (code) *exit_code = code;
  return rest;
}

// later - earlier; nullopt when a counter shrank, that is, when counting began anew.
std::optional<Usage> Difference(const Usage& later, const Usage& earlier) {
  Usage d;
  d.uncached_input = later.uncached_input - earlier.uncached_input;
  d.cache_read = later.cache_read - earlier.cache_read;
  d.cache_write_unknown = later.cache_write_unknown - earlier.cache_write_unknown;
  d.output = later.output - earlier.output;
  d.reasoning = later.reasoning - earlier.reasoning;
  if (!IsPlausible(d)) return std::nullopt;
  return d;
}

std::string VectorOf(const Usage& u) {
  return std::to_string(u.uncached_input) + "-" + std::to_string(u.cache_read) + "-" +
         std::to_string(u.cache_write_unknown) + "-" + std::to_string(u.output) + "-" +
         std::to_string(u.reasoning);
}

std::string CodexParentOf(Json meta) {
  std::string_view parent = meta["parent_thread_id"].text();
  if (parent.empty()) parent = meta["source"]["subagent"]["thread_spawn"]["parent_thread_id"].text();
  return Cut(parent, 256);
}

// The header of older files has no type; its items stand bare.
bool IsBareCodexMeta(Json record) {
  return !record["type"] && !record["payload"] && record["id"].is_string() &&
         record["timestamp"].is_string() && (record["instructions"] || record["git"]);
}

namespace {

// What logs without envelopes hold.
bool IsBareItem(std::string_view type) {
  return type == "message" || type == "reasoning" || type.ends_with("_call") || type.ends_with("_output");
}

}  // namespace

void CodexRecords::Read(Json record, std::string_view raw, std::vector<Event>* events) {
  raw_ = raw;
  std::string_view type = record["type"].text();
  Json payload = record["payload"];
  if (!payload) {
    if (record["record_type"]) return;
    bool meta = IsBareCodexMeta(record);
    if (!meta && !IsBareItem(type)) return skip_("unknown-record");
    payload = record;
    type = meta ? "session_meta" : "response_item";
  } else if (!payload.is_object()) {
    return skip_("wrong-type:payload");
  }
  Event e;
  done_.reset();
  if (!ReadPayload(type, payload["type"].text(), payload, &e)) return;
  // Equal lines are one record that was written or delivered twice.
  if (!seen_.insert(Hash64(raw)).second) return;
  if (e.kind != Event::Kind::kMeta) {
    e.turn = payload["turn_id"].text();
    if (e.turn.empty()) e.turn = payload["internal_chat_message_metadata_passthrough"]["turn_id"].text();
    e.thread = payload["thread_id"].text();
  }
  e.ordinal = record["ordinal"].integer().value_or(-1);
  if (Json time = record["timestamp"]; time && !time.is_null()) {
    e.ts = TimeOf(time);
    if (!e.ts) skip_("wrong-type:timestamp");
  }
  events->push_back(std::move(e));
  if (done_) events->push_back(std::move(*done_));
}

bool CodexRecords::ReadPayload(std::string_view type, std::string_view kind, Json payload, Event* e) {
  if (type == "response_item") return ReadItem(kind, payload, e);
  if (type == "event_msg") return ReadEvent(kind, payload, e);
  if (type == "token_usage_record") {
    e->record = true;
    e->fact.id = payload["response_id"].text();
    ReadCounters(payload["usage"], Json(), e);
    std::optional<Usage> sum;
    if (e->fact.id.empty() && ReadUsage(payload["thread_token_usage"], &sum) == UsageState::kUsable) {
      e->fact.id = std::string(payload["turn_id"].text()) + ":" + VectorOf(*sum);
    }
    if (e->fact.id.empty()) e->fact.id = LineId();
    return true;
  }
  if (type == "turn_context") {
    e->starts_turn = true;
    ReadSettings(payload, e);
    return true;
  }
  if (type == "compacted") {
    e->kind = Event::Kind::kCompaction;
    e->fact.kind = FactKind::kCompaction;
    e->fact.id = LineId();
    return true;
  }
  if (type != "session_meta") return false;
  ReadMeta(payload, e);
  return true;
}

// Records without an id of their own are identified by their content.
std::string CodexRecords::LineId() const { return "line-" + HexOf(Hash64(raw_)); }

void CodexRecords::ReadCounters(Json usage, Json total, Event* e) {
  e->kind = Event::Kind::kUsage;
  UsageState one = ReadUsage(usage, &e->usage), sum = ReadUsage(total, &e->total);
  e->counted = one != UsageState::kAbsent || sum != UsageState::kAbsent;
  if (one == UsageState::kWrongType || sum == UsageState::kWrongType) skip_("wrong-type:usage");
  if (one == UsageState::kImplausible || sum == UsageState::kImplausible) skip_("implausible:usage");
}

bool CodexRecords::ReadItem(std::string_view kind, Json item, Event* e) {
  std::string_view id = item["id"].text(), call = item["call_id"].text();
  e->fact.id = id.empty() ? LineId() : std::string(id);
  if (kind == "message" || (kind.empty() && item["role"])) return ReadMessage(item, e);
  if (kind == "reasoning") {
    e->kind = Event::Kind::kText;
    LlmCall& llm = e->fact.llm.emplace();
    for (Json part : {item["summary"], item["content"]}) {
      part.ForEachItem(
          [&](Json text) { llm.thinking_bytes += static_cast<int64_t>(text["text"].text().size()); });
    }
    return true;
  }
  if (!call.empty()) e->fact.id = call;
  if (kind.ends_with("_output")) {
    e->kind = Event::Kind::kResult;
    e->fact.kind = FactKind::kToolResult;
    ReadOutput(item["output"], &inner_, e);
    return true;
  }
  if (!kind.ends_with("_call")) return false;
  ReadCall(kind, item, e);
  return true;
}

bool CodexRecords::ReadMessage(Json item, Event* e) {
  std::string_view role = item["role"].text();
  std::string buffer;
  Json content = item["content"];
  if (content && !content.is_array() && !content.is_string() && !content.is_null())
    skip_("wrong-type:content");
  if (role == "assistant") {
    e->kind = Event::Kind::kText;
    LlmCall& llm = e->fact.llm.emplace();
    std::string_view text = ContentText(content, &buffer);
    llm.text_bytes = static_cast<int64_t>(text.size());
    llm.text = Cut(text, kMaxText);
    return true;
  }
  if (role == "developer") {
    std::string_view text = ContentText(content, &buffer);
    if (text.find("<skills_instructions>") == std::string_view::npos) return false;
    e->kind = Event::Kind::kSkills;
    e->listed = ListedSkills(text, true);
    return !e->listed.empty();
  }
  if (role != "user") return false;
  Json source =
      item["internal_chat_message_metadata_passthrough"]["content_item_metadata"].at(0)["provenance"]["type"];
  ReadUser(ContentText(content, &buffer), source.text() == "harness", e);
  return true;
}

void CodexRecords::ReadCall(std::string_view kind, Json item, Event* e) {
  e->kind = Event::Kind::kTool;
  e->fact.kind = FactKind::kToolUse;
  ToolUse& tool = e->fact.tool.emplace();
  Json name = item["name"], arguments = item["arguments"], input = item["input"], action = item["action"];
  if (name && !name.is_string()) skip_("wrong-type:tool_use");
  tool.name = Cut(name.string_or(kind.substr(0, kind.size() - 5)), 256);
  if (auto text = arguments.string()) {
    SetArgsText(*text, &inner_, &tool);
    if (auto parsed = tool.args_broken ? Result<Json>(Json()) : inner_.Parse(*text))
      tool.cwd = (*parsed)["workdir"].text();
  } else if (arguments) {
    SetArgs(arguments, &tool);
    tool.cwd = arguments["workdir"].text();
  } else if (auto raw_input = input.string()) {
    // A freeform tool takes text; as a member it is JSON like every other tool's arguments.
    std::string object = "{\"input\":";
    AppendJsonString(*raw_input, &object);
    object += '}';
    SetArgsText(object, &inner_, &tool);
  } else {
    SetArgs(input ? input : action, &tool);
    tool.cwd = action["working_directory"].text();
  }
  // Provider-side tools have no output record: the call itself says how it went.
  if (kind == "web_search_call") FillDone(e->fact.id, item["status"].text(), item, Json(), &done_.emplace());
}

bool CodexRecords::ReadEvent(std::string_view kind, Json event, Event* e) {
  if (kind == "token_count") {
    Json info = event["info"];
    e->fact.id = LineId();
    ReadCounters(info["last_token_usage"], info["total_token_usage"], e);
    e->plan = Cut(event["rate_limits"]["plan_type"].text(), 64);
    return e->counted || !e->plan.empty();
  }
  if (kind == "task_started" || kind == "turn_started") {
    e->kind = Event::Kind::kTurn;
    e->starts_turn = true;
  } else if (kind == "thread_settings_applied") {
    ReadSettings(event["thread_settings"], e);
  } else if (kind == "task_complete" || kind == "turn_complete" || kind == "turn_aborted") {
    e->kind = Event::Kind::kTurnEnd;
    e->aborted = kind == "turn_aborted";
  } else if (kind == "user_message") {
    e->fact.id = LineId();
    e->mirror = true;
    ReadUser(event["message"].text(), false, e);
  } else if (kind == "context_compacted") {
    e->kind = Event::Kind::kCompaction;
    e->fact.kind = FactKind::kCompaction;
    e->fact.id = LineId();
    e->mirror = true;
  } else if (kind == "error") {
    e->kind = Event::Kind::kError;
    e->fact.kind = FactKind::kLlmCall;
    e->fact.id = LineId();
    LlmCall& llm = e->fact.llm.emplace();
    llm.billed = false;
    llm.error = Cut(Trim(event["message"].text()), kMaxError);
  } else {
    return ReadCompletion(kind, event, e);
  }
  return true;
}

}  // namespace clawtrace::capture
