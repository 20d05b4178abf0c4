#include "capture/importers/openclaw_fields.h"

#include "base/text.h"
#include "capture/line_reader.h"
#include "capture/skill_paths.h"
#include "model/fact.h"

namespace clawtrace::capture::openclaw {

bool IsLinkType(std::string_view type) {
  return OneOf(type, {"model_change", "thinking_level_change", "branch_summary", "custom", "label",
                      "session_info", "context_edit", "reset", "leaf"});
}

Json FirstOf(Json object, std::initializer_list<std::string_view> keys) {
  for (std::string_view key : keys) {
    Json value = object[key];
    if (value && !value.is_null()) return value;
  }
  return {};
}

std::string_view FileName(std::string_view path) { return path.substr(path.rfind('/') + 1); }

std::string SessionIdOfPath(std::string_view path) {
  std::string_view name = FileName(path);
  size_t suffix = name.find(".jsonl");
  if (suffix == std::string_view::npos || suffix == 0) suffix = name.rfind('.');
  if (suffix != 0) name = name.substr(0, suffix);
  constexpr size_t kUuid = 36;
  if (name.size() > kUuid && name[name.size() - kUuid - 1] == '_' &&
      std::ranges::count(name.substr(name.size() - kUuid), '-') == 4) {
    name.remove_prefix(name.size() - kUuid);
  }
  return std::string(name);
}

std::optional<int64_t> ExitCodeOfText(std::string_view text) {
  constexpr std::string_view kMark = "Command exited with code ";
  text = Trim(text);
  if (text.ends_with(')')) text.remove_suffix(1);
  size_t at = text.rfind(kMark);
  if (at == std::string_view::npos) return std::nullopt;
  return ParseInt(text.substr(at + kMark.size()));
}

bool IsShell(std::string_view tool) {
  return OneOf(tool, {"bash", "exec", "shell", "process", "run_command"});
}

std::string ErrorText(Json error) {
  if (!error || error.is_null() || error.boolean() == false) return {};
  if (auto text = error.string()) return std::string(*text);
  return error.Canonical();
}

SessionIndex::SessionIndex(std::string_view text) {
  if (text.empty()) return;
  JsonParser parser;
  auto root = parser.Parse(text);
  if (!root) return;
  root->ForEachField([this](std::string_view key, Json entry) {
    std::string_view id = entry["sessionId"].text();
    if (id.empty()) return;
    id_of_key.emplace(key, id);
    if (auto skills = SkillsOffered(entry); !skills.empty())
      known[std::string(id)].skills = std::move(skills);
    std::string_view spawner = FirstOf(entry, {"spawnedBy", "parentSessionKey"}).text();
    if (!spawner.empty()) spawner_of_id.emplace(id, spawner);
  });
}

std::vector<std::string> SkillsOffered(Json entry) {
  std::vector<std::string> names;
  entry["skillsSnapshot"]["skills"].ForEachItem([&](Json skill) {
    if (std::string_view name = skill["name"].text(); !name.empty()) names.push_back(Cut(name, kMaxText));
  });
  return names;
}

std::string ExpandedSkill(std::string_view prompt) {
  constexpr std::string_view kStart = "<skill name=\"";
  if (!prompt.starts_with(kStart)) return {};
  prompt.remove_prefix(kStart.size());
  size_t end = prompt.find('"');
  constexpr size_t kLongestName = 200;
  if (end == std::string_view::npos || end > kLongestName) return {};
  return std::string(prompt.substr(0, end));
}

std::vector<std::string> SkillReads(std::string_view tool, Json arguments) {
  if (tool == "read") return SkillPathsIn(FirstOf(arguments, {"path", "file_path"}).text());
  if (IsShell(tool)) return SkillPathsIn(arguments["command"].text());
  return {};
}

std::string TextOf(Json content, const Report& report) {
  if (auto text = content.string()) return std::string(*text);
  if (!content || content.is_null()) return {};
  if (!content.is_array()) {
    report("wrong-type:content");
    return {};
  }
  std::string out;
  bool first = true;
  content.ForEachItem([&](Json item) {
    auto text = item.is_object() ? item["text"].string() : item.string();
    if (!item.is_object() && !text) return report("wrong-type:content");
    if (item["text"] && !text) return report("wrong-type:text");
    if (!text) return;
    if (!first) out.push_back('\n');
    first = false;
    out.append(*text);
  });
  return out;
}

namespace {

std::optional<int64_t> Tokens(Json usage, std::initializer_list<std::string_view> keys, bool* bad,
                              const Report& report) {
  for (std::string_view key : keys) {
    Json value = usage[key];
    if (!value || value.is_null()) continue;
    auto count = CountOf(value);
    if (count && *count <= kMaxTokensPerBucket) return count;
    report("wrong-type:usage." + std::string(key));
    *bad = true;
    return std::nullopt;
  }
  return std::nullopt;
}

}  // namespace

// Input excludes what came from or went to the cache. Counts are used together or not at all: half a usage
// would be priced as if it were whole.
std::optional<Usage> UsageOf(Json json, bool may_be_zero, const Report& report) {
  if (!json || json.is_null()) return std::nullopt;
  if (!json.is_object()) {
    report("wrong-type:usage");
    return std::nullopt;
  }
  bool bad = false;
  Usage usage;
  auto input = Tokens(json, {"input", "inputTokens", "input_tokens"}, &bad, report);
  auto output = Tokens(json, {"output", "outputTokens", "output_tokens"}, &bad, report);
  usage.cache_read =
      Tokens(json, {"cacheRead", "cache_read", "cacheReadInputTokens"}, &bad, report).value_or(0);
  int64_t written = Tokens(json, {"cacheWrite", "cacheCreation", "cache_write"}, &bad, report).value_or(0);
  auto hour = Tokens(json, {"cacheWrite1h"}, &bad, report);
  usage.reasoning = Tokens(json, {"reasoning", "reasoningTokens"}, &bad, report).value_or(0);
  if (!bad && !input) report("missing:usage.input");
  if (!bad && !output) report("missing:usage.output");
  if (bad || !input || !output) return std::nullopt;
  usage.uncached_input = *input;
  usage.output = *output;
  usage.reasoning = std::min(usage.reasoning, usage.output);
  // Newer pi states the part written for an hour; without that the time to live is not known.
  if (hour && *hour <= written) {
    usage.cache_write_1h = *hour;
    usage.cache_write_5m = written - *hour;
  } else {
    usage.cache_write_unknown = written;
  }
  // pi starts every answer with zeros and fills in what the provider reports: zeros on an answer with content
  // mean that nothing was reported, zeros on a refused request mean that nothing was used.
  if (usage.total() == 0 && !may_be_zero) return std::nullopt;
  return usage;
}

std::optional<Usd> CostOf(Json usage, const Report& report) {
  if (!usage.is_object()) return std::nullopt;
  Json cost = usage["cost"];
  if (!cost || cost.is_null()) return std::nullopt;
  if (!cost.is_object()) {
    report("wrong-type:usage.cost");
    return std::nullopt;
  }
  Json total = cost["total"];
  if (!total || total.is_null()) return std::nullopt;
  auto dollars = total.number();
  auto usd = dollars ? Usd::FromDouble(*dollars) : std::nullopt;
  if (!usd || usd->pico() < 0) {
    report("wrong-type:usage.cost.total");
    return std::nullopt;
  }
  if (usd->is_zero()) return std::nullopt;
  return usd;
}

namespace {

enum class Looks { kOurs, kForeign, kNeither };

Looks LooksLike(Json record) {
  // Of a trajectory export; a log of the run time alone repeats what lies elsewhere.
  if (record["traceSchema"].text() == "openclaw-trajectory") {
    std::string_view source = record["source"].text();
    if (source.empty()) return Looks::kForeign;
    return source == "transcript" && record["type"].is_string() ? Looks::kOurs : Looks::kNeither;
  }
  for (std::string_view key :
       {"traceSchema", "payload", "parentUuid", "sessionId", "uuid", "resourceSpans"}) {
    if (record[key]) return Looks::kForeign;
  }
  std::string_view type = record["type"].text();
  // pi's event stream (--mode json) starts with the same header, but repeats every message.
  if (OneOf(type, {"agent_start", "turn_start", "message_start", "message_end", "message_update"}))
    return Looks::kForeign;
  if (type == "session") {
    bool named = record["id"].is_string();
    return named && (record["version"].integer() || record["cwd"].is_string()) ? Looks::kOurs
                                                                               : Looks::kNeither;
  }
  if (type == "message") {
    std::string_view role = record["message"]["role"].text();
    bool known = OneOf(role, {"user", "assistant", "toolResult", "bashExecution", "custom", "hookMessage",
                              "branchSummary", "compactionSummary"});
    return known ? Looks::kOurs : Looks::kNeither;
  }
  bool chained = record["id"].is_string() && record["parentId"];
  bool known = IsLinkType(type) || OneOf(type, {"compaction", "custom_message", "usage"});
  return chained && known ? Looks::kOurs : Looks::kNeither;
}

// A first line longer than the head cannot be parsed; its beginning must do.
bool LooksLikeStart(std::string_view head) {
  std::string start;
  for (char c : head.substr(0, 4096)) {
    if (c != ' ') start.push_back(c);
  }
  return start.starts_with("{\"type\":\"message\",") &&
         start.find("\"message\":{\"role\":\"") != std::string::npos &&
         start.find("\"payload\"") == std::string::npos && start.find("\"uuid\"") == std::string::npos;
}

}  // namespace

bool Sniff(std::string_view head) {
  if (head.starts_with("\xEF\xBB\xBF")) head.remove_prefix(3);
  JsonParser parser;
  bool ours = false, parsed = false;
  std::string_view rest = head;
  while (!rest.empty()) {
    size_t end = rest.find('\n');
    std::string_view line = Trim(rest.substr(0, end));
    rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end + 1);
    if (line.empty()) continue;
    auto record = parser.Parse(line);
    if (!record && !IsValidUtf8(line)) record = parser.Parse(ReplaceInvalidUtf8(line));
    if (!record) continue;
    parsed = true;
    Looks looks = LooksLike(*record);
    if (looks == Looks::kForeign) return false;
    ours = ours || looks == Looks::kOurs;
  }
  return ours || (!parsed && LooksLikeStart(head));
}

std::string UnitKey(std::string_view path, std::string_view) {
  for (std::string_view folder : {"/sessions/", "/agent/", "/session-sqlite-import-archive/"}) {
    size_t end = path.rfind(folder);
    if (end == std::string_view::npos) continue;
    size_t above = path.substr(0, end).rfind('/');
    if (above != std::string_view::npos && FileName(path.substr(0, above)) == "agents")
      return std::string(path.substr(0, end));
  }
  return {};
}

std::string SidecarPath(std::string_view path) {
  size_t slash = path.rfind('/');
  return std::string(slash == std::string_view::npos ? std::string_view{} : path.substr(0, slash + 1)) +
         "sessions.json";
}

}  // namespace clawtrace::capture::openclaw
