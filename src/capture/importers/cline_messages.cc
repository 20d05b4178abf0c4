#include "capture/importers/cline_messages.h"

#include <algorithm>

#include "base/text.h"
#include "capture/importers/log_text.h"
#include "capture/line_reader.h"

namespace clawtrace::capture {
namespace {

constexpr std::string_view kXmlTools[] = {"execute_command",
                                          "read_file",
                                          "write_to_file",
                                          "replace_in_file",
                                          "apply_diff",
                                          "insert_content",
                                          "search_and_replace",
                                          "search_files",
                                          "list_files",
                                          "list_code_definition_names",
                                          "codebase_search",
                                          "browser_action",
                                          "web_fetch",
                                          "use_mcp_tool",
                                          "access_mcp_resource",
                                          "new_task",
                                          "switch_mode",
                                          "fetch_instructions",
                                          "use_skill"};

// What the client adds to every message of a person.
constexpr std::string_view kEnvironment = "<environment_details>";

std::optional<int64_t> ExitCodeIn(std::string_view text) {
  for (std::string_view said : {"Exit code: ", "exit code "}) {
    size_t at = text.substr(0, kMaxText).find(said);
    if (at == std::string_view::npos) continue;
    std::string_view number = text.substr(at + said.size(), 12);
    if (auto code = ParseInt(number.substr(0, number.find_first_not_of("-0123456789")))) return code;
  }
  return std::nullopt;
}

bool SaysFailure(std::string_view text) {
  static constexpr std::string_view kStarts[] = {"The tool execution failed", "<error>",
                                                 "Error: ", "{\"error\":", "[ERROR]"};
  return StartsWithAny(Trim(text.substr(0, 256)), kStarts);
}

bool SaysRefusal(std::string_view text) {
  return Trim(text.substr(0, 256)).starts_with("The user denied this operation");
}

std::string_view Between(std::string_view text, std::string_view tag, size_t* end) {
  std::string open = "<" + std::string(tag) + ">", close = "</" + std::string(tag) + ">";
  size_t start = text.find(open);
  if (start == std::string_view::npos) return {};
  size_t stop = text.find(close, start + open.size());
  if (stop == std::string_view::npos) return {};
  *end = stop + close.size();
  return text.substr(start + open.size(), stop - start - open.size());
}

// The parameters of an XML tool call, one level deep.
std::string ArgsOf(std::string_view body) {
  // Tools have a few parameters; a text of brackets that close nothing is not searched again and again.
  constexpr int kMostTries = 32;
  std::string args = "{";
  int tries = 0;
  for (size_t at = body.find('<'); at != std::string_view::npos && tries < kMostTries; at = body.find('<')) {
    body.remove_prefix(at + 1);
    size_t close = body.find('>');
    if (close == std::string_view::npos) break;
    std::string_view name = body.substr(0, close);
    if (name.empty() || name.size() > 64 || name.find_first_of(" /<\n\"") != std::string_view::npos) continue;
    ++tries;
    std::string end = "</" + std::string(name) + ">";
    size_t stop = body.find(end, close + 1);
    if (stop == std::string_view::npos) continue;
    if (args.size() > 1) args.push_back(',');
    AppendJsonString(name, &args);
    args.push_back(':');
    AppendJsonString(Trim(body.substr(close + 1, stop - close - 1)), &args);
    body.remove_prefix(stop + end.size());
  }
  return args + "}";
}

// Counts beside a message; input includes what came from and went into the cache.
std::string_view ReadMetrics(Json metrics, LlmCall* call) {
  if (!metrics.is_object()) return {};
  Usage usage;
  int64_t input = 0;
  bool good = true, any = false;
  auto read = [&](std::string_view key, int64_t* count) {
    Json value = metrics[key];
    if (!value || value.is_null()) return;
    auto number = CountOf(value);
    good = good && number, any = true;
    *count = number.value_or(0);
  };
  read("inputTokens", &input), read("outputTokens", &usage.output);
  read("cacheReadTokens", &usage.cache_read), read("cacheWriteTokens", &usage.cache_write_unknown);
  if (auto cost = metrics["cost"].number()) {
    if (auto dollars = Usd::FromDouble(*cost); dollars && dollars->pico() > 0) call->reported_cost = *dollars;
  }
  if (!good) return "wrong-type:metrics";
  usage.uncached_input = input - usage.cache_read - usage.cache_write_unknown;
  if (!IsPlausible(usage)) return "implausible:metrics";
  if (any && usage.total() > 0) call->usage = usage;
  return {};
}

}  // namespace

std::optional<XmlTool> FindXmlTool(std::string_view text) {
  std::optional<XmlTool> found;
  size_t first = std::string_view::npos;
  for (std::string_view name : kXmlTools) {
    size_t at = text.find("<" + std::string(name) + ">");
    if (at == std::string_view::npos || at >= first) continue;
    size_t end = 0;
    std::string_view body = Between(text.substr(at), name, &end);
    if (end == 0) continue;
    first = at;
    found = XmlTool{name, ArgsOf(body)};
  }
  return found;
}

bool IsClinePrompt(std::string_view text) {
  static constexpr std::string_view kStarts[] = {"<task>", "<user_message>", "<feedback>"};
  return StartsWithAny(Trim(text.substr(0, 64)), kStarts);
}

Fact ClineMessages::Base(FactKind kind, std::string id, int64_t place, std::optional<int64_t> time) const {
  Fact fact;
  fact.kind = kind;
  fact.source = source_;
  fact.session_id = session_;
  fact.id = std::move(id);
  fact.ordinal = place;
  fact.start_ns = time;
  fact.end_ns = time;
  return fact;
}

void ClineMessages::Read(Json messages) {
  int64_t place = 0;
  messages.ForEachItem([&](Json message) {
    int64_t here = place++;
    from_(message);
    if (!message.is_object()) return skip_("not-an-object");
    std::string id = Cut(message["id"].text(), 256);
    if (id.empty()) id = "message-" + std::to_string(here);
    std::string_view role = message["role"].text();
    if (role == "user") return OnUser(message, id, here);
    if (role == "assistant") return OnAssistant(message, id, here);
    if (role != "system") skip_("unknown-role");
  });
}

void ClineMessages::OnUser(Json message, const std::string& id, int64_t place) {
  Fact about = Base(FactKind::kUser, id, place, TimeOf(message["ts"]));
  Json content = message["content"];
  std::string text, output, asked = std::move(asked_);
  asked_.clear();
  bool result = false, tool_text = false;
  auto take = [&](std::string_view part) {
    if (part.starts_with(kEnvironment)) return;
    // "[read_file for 'a'] Result:" and what follows belong to the XML call.
    if (!asked.empty() && !tool_text && part.starts_with('[')) {
      size_t at = part.substr(0, kMaxText).find("] Result:");
      if (at != std::string_view::npos) {
        tool_text = true;
        output.append(Trim(part.substr(at + 9)));
        return;
      }
    }
    std::string& into = tool_text ? output : text;
    if (!into.empty()) into.push_back('\n');
    into.append(part);
  };
  if (content.is_string()) take(content.text());
  content.ForEachItem([&](Json block) {
    std::string_view type = block["type"].text();
    if (type == "text") return take(block["text"].text());
    if (type != "tool_result") return;
    result = true;
    std::string buffer;
    std::string_view said = ContentText(block["content"], &buffer);
    if (said.empty() && block["content"].is_array()) said = buffer = block["content"].Canonical();
    OnResult(about, block["tool_use_id"].text(), said, block["is_error"].boolean() == true);
  });
  if (tool_text) OnResult(about, asked, output, false);
  if (text.empty() && (result || tool_text)) return;
  std::string_view prompt = text;
  size_t end = 0;
  for (std::string_view tag : {"task", "user_message"}) {
    if (std::string_view inner = Between(text, tag, &end); !inner.empty()) prompt = Trim(inner);
  }
  about.user = UserTurn{
      .text = Cut(prompt, kMaxText),
      .text_bytes = static_cast<int64_t>(prompt.size()),
      .is_meta = tool_text || result || text.starts_with("[TASK RESUMPTION]") || text.starts_with("[ERROR]")};
  add_(std::move(about));
}

void ClineMessages::OnAssistant(Json message, const std::string& id, int64_t place) {
  Fact fact = Base(FactKind::kLlmCall, id, place, TimeOf(message["ts"]));
  LlmCall& call = fact.llm.emplace();
  Json model = message["modelInfo"];
  for (std::string_view key : {"modelId", "id"}) {
    if (call.model.empty()) call.model = Cut(model[key].text(), 256);
  }
  for (std::string_view key : {"providerId", "provider"}) {
    if (call.provider.empty()) call.provider = Cut(model[key].text(), 256);
  }
  if (std::string_view problem = ReadMetrics(message["metrics"], &call); !problem.empty()) skip_(problem);
  Fact about = fact;
  about.llm.reset();
  OnBlocks(message["content"], &call, about);
  add_(std::move(fact));
}

void ClineMessages::OnBlocks(Json content, LlmCall* call, const Fact& about) {
  std::string text(content.text());
  int64_t index = 0;
  asked_.clear();
  content.ForEachItem([&](Json block) {
    std::string_view type = block["type"].text();
    if (type == "text") {
      text.append(block["text"].text());
    } else if (type == "thinking" || type == "reasoning") {
      call->thinking_bytes += static_cast<int64_t>(block["thinking"].text().size());
    } else if (type == "tool_use") {
      ToolUse tool;
      tool.name = Cut(block["name"].text(), 256);
      SetArgs(block["input"], &tool);
      OnTool(about, Cut(block["id"].text(), 256), index++, std::move(tool));
    }
  });
  call->text = Cut(text, kMaxText);
  call->text_bytes = static_cast<int64_t>(text.size());
  if (index > 0) return;
  if (auto xml = FindXmlTool(text)) {
    ToolUse tool;
    tool.name = xml->name;
    SetArgsText(xml->args, &parser_, &tool);
    asked_ = about.id + "#0";
    OnTool(about, asked_, 0, std::move(tool));
  }
}

void ClineMessages::OnTool(const Fact& about, std::string id, int64_t index, ToolUse tool) {
  if (id.empty()) id = about.id + "#" + std::to_string(index);
  Fact fact = about;
  fact.kind = FactKind::kToolUse;
  fact.id = std::move(id);
  fact.end_ns.reset();
  fact.tool = std::move(tool);
  fact.tool->llm_call = about.id;
  fact.tool->index = index;
  add_(std::move(fact));
}

void ClineMessages::OnResult(const Fact& about, std::string_view id, std::string_view text, bool failed) {
  if (id.empty()) return skip_("missing:tool_use_id");
  Fact fact = about;
  fact.kind = FactKind::kToolResult;
  fact.id = Cut(id, 256);
  ToolResult& result = fact.result.emplace();
  SetOutput(text, &result);
  result.exit_code = ExitCodeIn(text);
  failed = failed || SaysFailure(text) || result.exit_code.value_or(0) != 0;
  result.status = SaysRefusal(text) ? ToolStatus::kAborted : failed ? ToolStatus::kError : ToolStatus::kOk;
  if (result.status != ToolStatus::kOk) result.error = ErrorLine(text);
  add_(std::move(fact));
}

}  // namespace clawtrace::capture
