#include "capture/importers/claude_fields.h"

#include <algorithm>

#include "base/text.h"
#include "capture/line_reader.h"

namespace clawtrace::capture {
namespace {

// Requests loop a handful of times; more is no usage object.
constexpr size_t kMaxIterations = 256;

// A counter that may be absent; false when it is there and is no count.
bool ReadCount(Json value, int64_t* out) {
  if (!value || value.is_null()) return true;
  auto count = CountOf(value);
  if (count) *out = *count;
  return count.has_value();
}

// RoleOf for the usual spelling: before the message, and in it before the role, only plain members; "" when
// it is another.
std::string_view PlainRoleOf(std::string_view line) {
  constexpr size_t kMostBytes = 512;
  constexpr std::string_view kMessage = R"("message":{)", kRole = R"("role":")", kNotPlain = R"({[]}\)";
  if (!line.starts_with('{')) return {};
  line = line.substr(1, kMostBytes);
  for (std::string_view key : {kMessage, kRole}) {
    size_t at = FindText(line, key);
    if (at == std::string_view::npos || line.substr(0, at).find_first_of(kNotPlain) != std::string_view::npos)
      return {};
    line.remove_prefix(at + key.size());
  }
  size_t end = line.find('"');
  return end == std::string_view::npos ? std::string_view{} : line.substr(0, end);
}

}  // namespace

ClaudeEnvelope ReadClaudeEnvelope(Json record) {
  ClaudeEnvelope e;
  record.ForEachField([&e](std::string_view key, Json value) {
    auto text = [&](std::string_view name, std::string_view* out) {
      if (key == name) *out = value.text();
    };
    auto flag = [&](std::string_view name, bool* out) {
      if (key == name) *out = value.boolean() == true;
    };
    auto json = [&](std::string_view name, Json* out) {
      if (key == name) *out = value;
    };
    // Every record of a log passes here: by length first.
    switch (key.size()) {
      case 3:
        return text("cwd", &e.cwd);
      case 4:
        return text("type", &e.type), text("uuid", &e.uuid);
      case 5:
        return json("error", &e.error);
      case 6:
        return flag("isMeta", &e.meta);
      case 7:
        text("subtype", &e.subtype), text("agentId", &e.agent), text("version", &e.version);
        return json("message", &e.message), json("costUSD", &e.cost);
      case 9:
        text("sessionId", &e.session), text("requestId", &e.request);
        return json("timestamp", &e.timestamp);
      case 10:
        text("parentUuid", &e.parent);
        return json("attachment", &e.attachment), json("forkedFrom", &e.forked_from);
      case 11:
        return flag("isSidechain", &e.sidechain);
      case 13:
        return json("toolUseResult", &e.tool_use_result);
      case 15:
        return json("sourceToolUseID", &e.source_tool);
      case 16:
        return flag("isCompactSummary", &e.compact_summary);
      case 17:
        return text("logicalParentUuid", &e.logical_parent), flag("isApiErrorMessage", &e.api_error);
      default:
        return;
    }
  });
  return e;
}

UsageState ReadClaudeUsage(Json json, Usage* usage, std::string* tier) {
  if (!json || json.is_null()) return UsageState::kAbsent;
  if (!json.is_object()) return UsageState::kWrongType;
  int64_t written = 0;
  bool good = true, any = false;
  json.ForEachField([&](std::string_view key, Json value) {
    auto read = [&](std::string_view name, Json count, int64_t* out) {
      if (key == name) good &= ReadCount(count, out);
    };
    any |= key == "input_tokens" || key == "output_tokens";
    read("input_tokens", value, &usage->uncached_input), read("output_tokens", value, &usage->output);
    read("cache_read_input_tokens", value, &usage->cache_read);
    read("cache_creation_input_tokens", value, &written);
    read("cache_creation", value["ephemeral_5m_input_tokens"], &usage->cache_write_5m);
    read("cache_creation", value["ephemeral_1h_input_tokens"], &usage->cache_write_1h);
    if (key == "cache_creation") good &= value.is_object() || value.is_null();
    if (key == "speed" && value.text() == "fast") *tier = "fast";
    if (key == "service_tier" && tier->empty() && value.text() != "standard") *tier = Cut(value.text(), 64);
  });
  if (!good) return UsageState::kWrongType;
  if (!any) return UsageState::kAbsent;
  if (!IsPlausible(*usage) || written > kMaxTokensPerBucket) return UsageState::kImplausible;
  // The breakdown is the finer statement; only what the total has beyond it is of unknown time to live.
  usage->cache_write_unknown = std::max<int64_t>(0, written - usage->cache_write_5m - usage->cache_write_1h);
  return UsageState::kUsable;
}

int64_t SearchesOf(Json usage) {
  auto count = CountOf(usage["server_tool_use"]["web_search_requests"]);
  constexpr int64_t kMost = 1'000'000;
  return count && *count <= kMost ? *count : 0;
}

Iterations ReadIterations(Json usage) {
  Iterations result;
  Json list = usage["iterations"];
  if (list.size() > kMaxIterations) result.unusable = true;
  if (!list.is_array() || list.size() > kMaxIterations) return result;
  Usage answer;
  bool advised = false, fell_back = false;
  list.ForEachItem([&](Json entry) {
    Usage own;
    std::string tier;
    std::string_view type = entry["type"].text();
    if (ReadClaudeUsage(entry, &own, &tier) != UsageState::kUsable) {
      result.unusable = true;
    } else if (type == "compaction") {
      result.extra.push_back({"compaction", "", own});
    } else if (type == "advisor_message") {
      advised = true;
      result.extra.push_back({"advisor", Cut(entry["model"].text(), 256), own});
    } else {
      fell_back = fell_back || type == "fallback_message";
      answer += own;
    }
  });
  // The object's own input and cache reads are the first iteration's when an advisor spoke in between; in all
  // other cases they are the sum already.
  if (advised && !fell_back && !result.unusable && IsPlausible(answer)) result.answer = answer;
  return result;
}

std::string_view RoleOf(std::string_view line) {
  if (std::string_view role = PlainRoleOf(line); !role.empty()) return role;
  constexpr size_t kMostBytes = 4096;
  line = line.substr(0, kMostBytes);
  int depth = 0;
  bool in_message = false, is_role = false;
  std::string_view top;  // the last key of the outermost object
  for (size_t i = 0; i < line.size(); ++i) {
    char c = line[i];
    if (c == '{' || c == '[') {
      if (++depth == 2) in_message = c == '{' && top == "message";
    } else if (c == '}' || c == ']') {
      if (--depth < 2) in_message = false;
    } else if (c == '"') {
      size_t end = i + 1;
      while (end < line.size() && line[end] != '"') end += line[end] == '\\' ? 2 : 1;
      if (end >= line.size()) return {};
      std::string_view text = line.substr(i + 1, end - i - 1);
      if (is_role) return text;
      size_t next = line.find_first_not_of(" \t", end + 1);
      bool key = next != std::string_view::npos && line[next] == ':';
      if (key && depth == 1) top = text;
      is_role = key && depth == 2 && in_message && text == "role";
      i = end;
    } else if (c != ':' && c != ' ' && c != '\t') {
      is_role = false;
    }
  }
  return {};
}

}  // namespace clawtrace::capture
