// iFlow CLI: ~/.iflow/projects/<slug>/session-<uuid>.jsonl. Envelopes as Claude Code's, contents of its own;
// docs/formats/iflow.md says what is read and how calls are counted.
#include <algorithm>
#include <iterator>
#include <tuple>
#include <unordered_set>

#include "base/hash.h"
#include "base/text.h"
#include "capture/importers/log_text.h"
#include "capture/importers/skill_facts.h"
#include "capture/importers/trajectory.h"
#include "capture/line_reader.h"

namespace clawtrace::capture {
namespace {

constexpr std::string_view kName = "iflow";

struct Tool {
  std::string id;
  ToolUse use;
};
struct Result {
  std::string id;
  ToolResult result;
};

// One line. Their order is that of their times, whatever order they are read in.
struct Line {
  int64_t time = INT64_MIN;
  std::string id;
  bool answer = false, meta = false, compaction = false;
  std::string message_id, text;
  LlmCall call;
  int64_t text_bytes = 0;
  std::vector<Tool> tools;
  std::vector<Result> results;
  std::vector<KeptRecord> records;  // its own; of an answer those of all its lines

  std::optional<int64_t> when() const { return time == INT64_MIN ? std::nullopt : std::optional(time); }
};

void AddText(std::string_view text, Line* line) {
  line->text_bytes += static_cast<int64_t>(text.size());
  if (line->text.size() < kMaxText) line->text += PrefixUtf8(text, kMaxText - line->text.size());
}

// An answer is written while it streams, and each of its lines repeats the tool calls that are under way.
// What comes between two lines of a person or of tools is one answer.
class Conversation {
 public:
  Conversation(std::string_view session, FactSink* sink) : out_(kName, session, sink) {}
  Trajectory& out() { return out_; }

  void Take(Line line) {
    if (line.answer) return Extend(std::move(line));
    Close();
    out_.From(line.records);
    if (line.compaction) out_.Compaction(line.when());
    for (Result& result : line.results) out_.Result(std::move(result.result), result.id, line.when());
    if (line.results.empty() && line.text_bytes > 0)
      out_.UserStart(line.text, line.text_bytes, line.meta, line.when(), line.id);
  }

  void Close() {
    if (!open_) return;
    open_ = false;
    answer_.call.text = std::move(answer_.text), answer_.call.text_bytes = answer_.text_bytes;
    out_.From(answer_.records);
    out_.Call(std::move(answer_.call), answer_.when(), end_, std::move(answer_.message_id));
    for (Tool& tool : answer_.tools) {
      if (asked_.insert(Hash64(tool.id)).second) out_.Tool(std::move(tool.use), tool.id, end_);
    }
  }

 private:
  void Extend(Line line) {
    end_ = line.when();
    if (!open_) {
      open_ = true;
      answer_ = std::move(line);
      return;
    }
    AddText(line.text, &answer_);
    answer_.text_bytes += line.text_bytes - static_cast<int64_t>(line.text.size());
    LlmCall &call = answer_.call, &more = line.call;
    call.thinking_bytes += more.thinking_bytes;
    if (call.model.empty()) call.model = std::move(more.model);
    if (!more.stop_reason.empty()) call.stop_reason = std::move(more.stop_reason);
    if (more.usage && (!call.usage || call.usage->output < more.usage->output)) call.usage = more.usage;
    std::ranges::move(line.tools, std::back_inserter(answer_.tools));
    std::ranges::copy(line.records, std::back_inserter(answer_.records));
  }

  Trajectory out_;
  Line answer_;
  std::optional<int64_t> end_;
  bool open_ = false;
  std::unordered_set<uint64_t> asked_;  // tool calls
};

class Reader final : public JsonLineReader {
 public:
  Reader(const FileContext& file, FactSink* sink)
      : JsonLineReader(sink), stem_(ReplaceInvalidUtf8(StemOf(file.path))) {
    if (stem_.empty() || stem_ == "-") stem_ = std::string(kName) + "-stdin";
  }

 protected:
  void OnRecord(Json record) override {
    if (!record["uuid"] && !record["sessionId"]) return Skip("unknown-record");
    Line line;
    line.id = record["uuid"].is_string() ? std::string(record["uuid"].text()) : HexOf(Hash64(raw()));
    if (!seen_.insert(Hash64(line.id)).second) return;
    auto time = TimeOf(record["timestamp"]);
    if (record["timestamp"] && !time) Skip("wrong-type:timestamp");
    line.time = time.value_or(INT64_MIN);
    int64_t at = time.value_or(INT64_MAX);
    session_.Take(record["sessionId"].text(), at, false);
    cwd_.Take(Cut(record["cwd"].text(), kMaxText), at, false);
    version_.Take(Cut(record["version"].text(), 64), at, false);
    std::string_view type = record["type"].text();
    if (type != "assistant" && type != "user") return;
    Json message = record["message"], content = message["content"];
    if (!message.is_object()) return Skip("wrong-type:message");
    if (content && !content.is_string() && !content.is_array() && !content.is_null())
      Skip("wrong-type:content");
    line.answer = type == "assistant";
    if (line.answer)
      ReadAnswer(message, &line);
    else
      ReadUser(record, content, &line);
    // An answer may be long that no line of it is.
    if (line.answer || raw().size() > kMaxText) line.records.push_back(sink().KeepRecord());
    lines_.push_back(std::move(line));
  }

  void OnEnd() override {
    if (seen_.empty()) return;
    std::ranges::sort(lines_, {}, [](const Line& line) { return std::tie(line.time, line.id); });
    SkillSink skills(&sink());
    Conversation conversation(session_.value.empty() ? stem_ : session_.value, &skills);
    SessionInfo info;
    info.agent = kName;
    info.agent_version = version_.value;
    info.cwd = cwd_.value;
    info.notes = {"cache_not_reported"};
    conversation.out().Session(std::move(info));
    for (Line& line : lines_) {
      for (Tool& tool : line.tools) tool.use.cwd = cwd_.value;
      conversation.Take(std::move(line));
    }
    conversation.Close();
    skills.Finish();
  }

 private:
  void ReadAnswer(Json message, Line* line) {
    line->message_id = message["id"].text();
    if (line->message_id.empty()) line->message_id = line->id;
    line->call.model = Cut(message["model"].text(), 256);
    line->call.stop_reason = Cut(message["stop_reason"].text(), 64);
    ReadUsage(message["usage"], &line->call);
    Json content = message["content"];
    if (content.is_string()) AddText(content.text(), line);
    content.ForEachItem([&](Json block) {
      std::string_view type = block["type"].text();
      if (type == "text") return AddText(block["text"].text(), line);
      if (type == "thinking")
        line->call.thinking_bytes += static_cast<int64_t>(block["thinking"].text().size());
      else if (type == "tool_use")
        ReadTool(block, line);
      else if (!block.is_object())
        Skip("wrong-type:content");
    });
  }

  // Zeros stand for unknown.
  void ReadUsage(Json json, LlmCall* call) {
    if (!json || json.is_null()) return;
    auto input = CountOf(json["input_tokens"]), output = CountOf(json["output_tokens"]);
    if (!input || !output) return Skip("wrong-type:usage");
    Usage usage{.uncached_input = *input, .output = *output};
    if (!IsPlausible(usage)) return Skip("implausible:usage");
    if (usage.total() > 0) call->usage = usage;
  }

  void ReadTool(Json block, Line* line) {
    std::string_view id = block["id"].text();
    if (id.empty() || !block["name"].is_string()) return Skip("wrong-type:tool_use");
    Tool tool{std::string(id), {}};
    tool.use.name = Cut(block["name"].text(), 256);
    SetArgs(block["input"], &tool.use);
    line->tools.push_back(std::move(tool));
  }

  static void ReadUser(Json record, Json content, Line* line) {
    line->compaction = record["isCompactSummary"].boolean() == true;
    line->meta = line->compaction || record["isMeta"].boolean() == true;
    content.ForEachItem([&](Json block) {
      if (block["type"].text() == "tool_result") ReadResult(record, block, line);
    });
    if (!line->results.empty()) return;
    std::string buffer;
    AddText(ContentText(content, &buffer), line);
  }

  static void ReadResult(Json record, Json block, Line* line) {
    Json content = block["content"], answer = content["responseParts"]["functionResponse"]["response"];
    std::string buffer;
    std::string_view text =
        answer ? answer["error"].string_or(answer["output"].text()) : ContentText(content, &buffer);
    Result result{std::string(block["tool_use_id"].text()), {}};
    SetOutput(text, &result.result);
    std::string_view status = record["toolUseResult"]["status"].text();
    bool failed =
        status == "error" || answer["error"] || (status.empty() && block["is_error"].boolean() == true);
    result.result.status = status == "cancelled" ? ToolStatus::kAborted
                           : failed              ? ToolStatus::kError
                                                 : ToolStatus::kOk;
    if (result.result.status != ToolStatus::kOk) result.result.error = Cut(ErrorLine(text), kMaxError);
    line->results.push_back(std::move(result));
  }

  std::string stem_;
  Stamped session_, cwd_, version_;
  std::vector<Line> lines_;
  std::unordered_set<uint64_t> seen_;  // lines, by their id
};

bool Sniff(std::string_view head) {
  bool yes = false;
  ForEachHeadLine(head, [&](Json record) {
    std::string_view type = record["type"].text();
    if (type != "user" && type != "assistant") return record.is_object();
    yes = record["sessionId"].text().starts_with("session-") && record["message"].is_object() &&
          record["uuid"].is_string() && record["isSidechain"];
    return false;
  });
  return yes;
}

}  // namespace

extern const Importer kIflow;
const Importer kIflow = {
    .name = kName,
    .summary = "iFlow CLI session logs",
    .default_root = ".iflow/projects",
    .file_suffixes = ".jsonl",
    .sniff = Sniff,
    .open = [](const FileContext& file, FactSink* sink) -> std::unique_ptr<LogReader> {
      return std::make_unique<Reader>(file, sink);
    },
};

}  // namespace clawtrace::capture
