#include "compile/reference_view.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "base/doc_writer.h"
#include "base/json.h"
#include "base/text.h"
#include "compile/near_groups.h"
#include "tools/python_text.h"

namespace clawtrace::compile {
namespace {

constexpr size_t kArgsSample = 220, kSpawnSample = 200, kErrorText = 200, kChildTail = 600,
                 kFinalMessage = 2000;
constexpr size_t kMostFailures = 10;
constexpr auto kTokenKinds = std::to_array<std::string_view>({"input", "output", "cacheRead", "cacheWrite"});

struct Call {
  std::optional<std::string> name;
  std::string args;  // as Python dumps them
};

struct Span {
  size_t record = 0;
  double cost = 0;
  std::array<int64_t, kTokenKinds.size()> tokens{};
  std::string_view role;
  std::vector<Call> calls;
};

struct Failed {
  size_t record = 0;
  std::string call, error;
};

struct Log {
  std::optional<std::string> model;
  std::vector<Span> spans;
  std::vector<Failed> failures;
  std::map<size_t, std::string> result_texts;  // by record: end of the first text of a tool result
  std::string last_text;
};

// int(value or 0).
int64_t IntOf(Json value) {
  if (auto integer = value.integer()) return *integer;
  if (auto number = value.number())
    return *number > -9e18 && *number < 9e18 ? static_cast<int64_t>(*number) : 0;
  if (auto text = value.string()) return ParseInt(Trim(*text)).value_or(0);
  return 0;
}

Json FirstTrue(Json item, std::initializer_list<std::string_view> keys) {
  for (std::string_view key : keys) {
    if (Json value = item[key]; tools::PythonTruth(value)) return value;
  }
  return {};
}

Call CallOf(Json item) {
  Call call;
  if (Json name = FirstTrue(item, {"name", "toolName", "tool"}); name.is_string()) call.name = name.text();
  Json args = FirstTrue(item, {"arguments", "partialJson", "input", "args", "params"});
  call.args = tools::PythonDumps(args);
  if (args.is_string()) {
    JsonParser parser;
    if (auto parsed = parser.Parse(args.text())) call.args = tools::PythonDumps(*parsed);
  }
  return call;
}

std::string_view RoleOf(bool text, bool tool, bool thinking) {
  if (text) return tool ? "plan_then_tool" : "final_reply";
  return tool ? "tool_call" : thinking ? "thinking_only" : "other";
}

void AddAssistant(Json message, size_t record, Log* log) {
  Span span{.record = record};
  Json usage = message["usage"];
  span.cost = usage["cost"]["total"].number().value_or(0);
  for (size_t k = 0; k < kTokenKinds.size(); ++k) span.tokens[k] = IntOf(usage[kTokenKinds[k]]);
  bool text = false, tool = false, thinking = false;
  if (Json content = message["content"]; content.is_array()) {
    content.ForEachItem([&](Json item) {
      std::string_view type = item["type"].text();
      text |= type == "text", tool |= type == "toolCall", thinking |= type == "thinking";
      if (type == "toolCall") span.calls.push_back(CallOf(item));
      if (type == "text" && !item["text"].text().empty()) log->last_text = item["text"].text();
    });
  }
  span.role = RoleOf(text, tool, thinking);
  log->spans.push_back(std::move(span));
}

void AddResult(Json message, size_t record, Log* log) {
  if (!message["content"].is_array()) return;
  message["content"].ForEachItem([&](Json item) {
    Json error = item["error"];
    if (!tools::PythonTruth(error) && tools::PythonTruth(item["isError"])) error = item["text"];
    if (tools::PythonTruth(error)) {
      std::string id(FirstTrue(item, {"toolCallId", "id"}).text());
      log->failures.push_back(
          {record, std::move(id), std::string(tools::FirstCharacters(tools::PythonStr(error), kErrorText))});
    }
    if (std::string_view text = item["text"].text(); !text.empty() && !log->result_texts.contains(record))
      log->result_texts[record] = tools::LastCharacters(text, kChildTail);
  });
}

Log ReadLog(std::string_view text) {
  Log log;
  JsonParser parser;
  size_t number = 0;
  for (std::string_view line : Split(text, '\n')) {
    if (Trim(line).empty()) continue;
    size_t record = number++;
    auto parsed = parser.Parse(line);
    if (!parsed || !parsed->is_object()) continue;
    std::string_view type = (*parsed)["type"].text();
    if (type == "model_change" && !log.model)
      log.model = tools::PythonStr((*parsed)["provider"]) + "/" + tools::PythonStr((*parsed)["modelId"]);
    Json message = (*parsed)["message"];
    if (type != "message" || !message.is_object()) continue;
    if (message["role"].text() == "assistant") AddAssistant(message, record, &log);
    if (message["role"].text() == "toolResult") AddResult(message, record, &log);
  }
  return log;
}

// Groups in which each call is near to the group's first, in order of the calls: what comes out depends on
// the order, as it does there. A near pair is always within one of our groups.
std::vector<std::vector<size_t>> AnchoredGroups(const std::vector<std::string_view>& texts) {
  std::vector<std::vector<size_t>> anchored;
  std::vector<bool> used(texts.size());
  for (const std::vector<size_t>& group : NearGroups(texts)) {
    for (size_t a = 0; a < group.size(); ++a) {
      if (used[group[a]]) continue;
      std::vector<size_t> members = {group[a]};
      for (size_t b = a + 1; b < group.size(); ++b) {
        std::array<std::string_view, 2> pair = {texts[group[a]], texts[group[b]]};
        if (used[group[b]] || NearGroups(pair).empty()) continue;
        used[group[b]] = true;
        members.push_back(group[b]);
      }
      if (members.size() > 1) anchored.push_back(std::move(members));
    }
  }
  std::sort(anchored.begin(), anchored.end());
  return anchored;
}

bool IsLetter(uint32_t c) {
  if (c < 0x80) return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  bool punctuation = (c < 0xC0 && c != 0xAA && c != 0xB5 && c != 0xBA) || c == 0xD7 || c == 0xF7 ||
                     (c >= 0x2000 && c < 0x2C00) || (c >= 0x3000 && c < 0x3005) ||
                     (c >= 0x3008 && c < 0x3021) || (c >= 0xFF00 && c < 0xFF21) || c >= 0x1F000;
  return !punctuation;
}

// Lower case of Latin-1, Greek and Cyrillic; other letters stay.
std::string LowerCase(std::string_view text) {
  std::string out = ToLower(text);
  for (size_t i = 0; i + 1 < out.size(); ++i) {
    auto lead = static_cast<uint8_t>(out[i]), tail = static_cast<uint8_t>(out[i + 1]);
    if (lead == 0xC3 && tail >= 0x80 && tail <= 0x9E && tail != 0x97)
      out[i + 1] = static_cast<char>(tail + 0x20);
    if (lead == 0xCE && tail >= 0x91 && tail <= 0x9F) out[i + 1] = static_cast<char>(tail + 0x20);
    if (lead == 0xD0 && tail >= 0x90 && tail <= 0x9F) out[i + 1] = static_cast<char>(tail + 0x20);
    if (lead == 0xD0 && tail >= 0xA0 && tail <= 0xAF)
      out[i] = '\xD1', out[i + 1] = static_cast<char>(tail - 0x20);
  }
  return out;
}

// Words of letters alone, three and longer, without the reference's list of common ones.
std::set<std::string> WordsOf(std::string_view text) {
  static const std::set<std::string_view> kCommon = {
      "a",    "an",   "and",  "are", "as",  "at", "be",   "been", "being", "by",
      "for",  "from", "i",    "in",  "is",  "it", "its",  "of",   "on",    "or",
      "that", "the",  "this", "to",  "was", "we", "were", "with", "you"};
  std::set<std::string> words;
  std::string lower = LowerCase(text), word;
  size_t length = 0;
  bool letters = true;
  auto finish = [&] {
    if (letters && length > 2 && !kCommon.contains(word)) words.insert(word);
    word.clear(), length = 0, letters = true;
  };
  for (size_t i = 0; i < lower.size();) {
    if (lower[i] == ' ' || (lower[i] >= '\t' && lower[i] <= '\r') || (lower[i] >= 0x1c && lower[i] <= 0x1f)) {
      finish(), ++i;
      continue;
    }
    size_t bytes = tools::FirstCharacters(std::string_view(lower).substr(i), 1).size();
    uint32_t code = static_cast<uint8_t>(lower[i]);
    if (bytes > 1) code &= 0x7FU >> bytes;
    for (size_t k = 1; k < bytes; ++k) code = code << 6 | (static_cast<uint8_t>(lower[i + k]) & 0x3F);
    word.append(lower, i, bytes), ++length;
    letters = letters && IsLetter(code);
    i += bytes;
  }
  finish();
  return words;
}

double Overlap(std::string_view child, std::string_view final_message) {
  std::set<std::string> a = WordsOf(child), b = WordsOf(final_message);
  if (a.empty() || b.empty()) return 0;
  auto common = static_cast<size_t>(
      std::ranges::count_if(a, [&](const std::string& word) { return b.contains(word); }));
  return static_cast<double>(common) / static_cast<double>(a.size() + b.size() - common);
}

class Printer {
 public:
  Printer(const Log& log, DocWriter* out) : log_(log), out_(*out) {}

  void Spans(size_t top) {
    std::vector<const Span*> order;
    for (const Span& span : log_.spans) order.push_back(&span);
    // Dearest first by the rounded figure, then as they came.
    std::sort(order.begin(), order.end(), [](const Span* a, const Span* b) {
      double x = Rounded(a->cost), y = Rounded(b->cost);
      return x != y ? x > y : a->record < b->record;
    });
    order.resize(std::min(order.size(), top));
    out_.Key("top_cost_spans"), out_.BeginArray();
    for (const Span* span : order) {
      out_.BeginObject();
      out_.Field("span_id", "llm_" + std::to_string(span->record));
      out_.Field("model", log_.model.value_or("unknown"));
      out_.Key("cost_usd"), out_.Number(tools::PythonRound(span->cost, 5));
      Tokens("tokens", span->tokens);
      out_.Field("role_hint", span->role);
      out_.Key("tool_calls_in_turn"), out_.BeginArray();
      for (const Call& call : span->calls) Name(call.name);
      out_.EndArray(), out_.EndObject();
    }
    out_.EndArray();
  }

  void Tokens(std::string_view key, const std::array<int64_t, kTokenKinds.size()>& tokens) {
    out_.Key(key), out_.BeginObject();
    for (size_t k = 0; k < kTokenKinds.size(); ++k) out_.Field(kTokenKinds[k], tokens[k]);
    out_.EndObject();
  }

  void Redundant() {
    std::vector<std::pair<std::string, std::vector<std::string_view>>> tools;  // by first use
    for (const Span& span : log_.spans) {
      for (const Call& call : span.calls) {
        std::string name = call.name.value_or("").empty() ? "?" : *call.name;
        auto tool = std::ranges::find(tools, name, [](const auto& entry) { return entry.first; });
        if (tool == tools.end()) tool = tools.insert(tools.end(), {name, {}});
        tool->second.push_back(call.args);
      }
    }
    out_.Key("redundant_tool_calls"), out_.BeginArray();
    for (const auto& [name, args] : tools) {
      for (const std::vector<size_t>& group : AnchoredGroups(args)) {
        out_.BeginObject();
        out_.Field("tool", name), out_.Field("count", static_cast<int64_t>(group.size()));
        out_.Field("args_sample", tools::FirstCharacters(args[group.front()], kArgsSample));
        out_.EndObject();
      }
    }
    out_.EndArray();
  }

  void SubAgents(std::string_view final_message) {
    static const std::set<std::string_view> kSpawns = {"agent", "spawn_agent", "subagent", "task"};
    out_.Key("sub_agents"), out_.BeginArray();
    for (const Span& span : log_.spans) {
      for (const Call& call : span.calls) {
        if (!call.name || !kSpawns.contains(ToLower(*call.name))) continue;
        // What came back in this record or the two after it, whatever it answers.
        auto text = log_.result_texts.lower_bound(span.record);
        bool near = text != log_.result_texts.end() && text->first <= span.record + 2;
        out_.BeginObject();
        Field("tool", call.name);
        out_.Key("output_used_in_final_heuristic");
        out_.Number(tools::PythonRound(near ? Overlap(text->second, final_message) : 0, 2));
        out_.Field("_note", "heuristic: Jaccard overlap; not authoritative");
        out_.Field("args_sample", tools::FirstCharacters(call.args, kSpawnSample));
        out_.EndObject();
      }
    }
    out_.EndArray();
  }

  void Failures() {
    out_.Key("failed_or_repaired_steps"), out_.BeginArray();
    for (size_t i = 0; i < std::min(log_.failures.size(), kMostFailures); ++i) {
      const Failed& failed = log_.failures[i];
      out_.BeginObject();
      out_.Field("assistant_step", static_cast<int64_t>(failed.record));
      out_.Field("tool_call_id", failed.call), out_.Field("error", failed.error);
      out_.EndObject();
    }
    out_.EndArray();
  }

 private:
  static double Rounded(double cost) { return std::stod(tools::PythonRound(cost, 5)); }
  void Name(const std::optional<std::string>& name) {
    if (name)
      out_.String(*name);
    else
      out_.Null();
  }
  void Field(std::string_view key, const std::optional<std::string>& name) { out_.Key(key), Name(name); }

  const Log& log_;
  DocWriter& out_;
};

}  // namespace

std::string ReferenceCard(const ReferenceInput& input, bool json) {
  Log log = ReadLog(input.log);
  double cost = 0;
  std::array<int64_t, kTokenKinds.size()> tokens{};
  int64_t calls = 0;
  for (const Span& span : log.spans) {
    cost += span.cost, calls += static_cast<int64_t>(span.calls.size());
    for (size_t k = 0; k < tokens.size(); ++k) tokens[k] += span.tokens[k];
  }
  std::string_view final_message = input.final_message.empty()
                                       ? tools::FirstCharacters(log.last_text, kFinalMessage)
                                       : input.final_message;
  DocWriter out(json ? DocWriter::Format::kJson : DocWriter::Format::kYaml);
  Printer printer(log, &out);
  out.BeginObject();
  out.Field("task_id", input.task_id);
  out.Field("model", log.model.value_or("unknown"));
  out.Key("total_cost_usd"), out.Number(tools::PythonRound(cost, 4));
  printer.Tokens("total_tokens", tokens);
  out.Field("llm_call_count", static_cast<int64_t>(log.spans.size()));
  out.Field("tool_call_count", calls);
  printer.Spans(input.top_k);
  printer.Redundant();
  printer.SubAgents(final_message);
  printer.Failures();
  out.EndObject();
  return out.Take();
}

}  // namespace clawtrace::compile
