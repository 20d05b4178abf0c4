// Gemini CLI: ~/.gemini/tmp/<project>/chats/session-*.json and *.jsonl. docs/formats/gemini-cli.md says what
// is read and how calls are counted.
#include <algorithm>
#include <functional>
#include <map>
#include <unordered_map>
#include <unordered_set>

#include "base/hash.h"
#include "base/text.h"
#include "capture/document_reader.h"
#include "capture/importers/gemini_fields.h"
#include "capture/importers/gemini_responses.h"
#include "capture/importers/log_text.h"
#include "capture/importers/skill_facts.h"
#include "capture/line_reader.h"
#include "model/fact_hash.h"

namespace clawtrace::capture {
namespace {

constexpr std::string_view kName = "gemini-cli";

// The folders of ".../chats/[<parent session>/]<file>", last first.
std::string_view Folder(std::string_view path, int up) {
  for (int i = 0; i < up; ++i) {
    size_t at = path.rfind('/');
    if (at == std::string_view::npos) return {};
    path = path.substr(0, at);
  }
  return path.substr(path.rfind('/') + 1);
}

std::string_view ParentInPath(std::string_view path) {
  return Folder(path, 2) == "chats" ? Folder(path, 1) : std::string_view();
}

std::string SessionInPath(std::string_view path) {
  std::string_view stem = StemOf(path);
  if (stem.ends_with(".json")) stem.remove_suffix(5);
  return stem.empty() || stem == "-" ? std::string(kName) + "-stdin" : std::string(stem);
}

bool IsClientText(std::string_view text) {
  static constexpr std::string_view kStarts[] = {"<session_context>", "<state_snapshot>", "<hook_context>"};
  return StartsWithAny(Trim(text.substr(0, 256)), kStarts);
}

// One session's records, whether lines or the parts of a document. Which session they belong to may be said
// last, so the facts are kept until then.
class GeminiSession {
 public:
  using SkipFn = std::function<void(std::string_view)>;

  GeminiSession(const FileContext& file, FactSink* sink)
      : path_(ReplaceInvalidUtf8(file.path)),
        cwd_(ReplaceInvalidUtf8(Trim(FirstLine(file.sidecar)).substr(0, 1024))),
        sink_(*sink) {}

  void Take(Json record, const SkipFn& skip) {
    if (auto id = record["$rewindTo"].string()) return Rewind(*id);
    if (record["id"].is_string()) return OnMessage(record, skip);
    if (Json update = record["$set"]) {
      if (update.is_object()) return OnHeader(update, skip);
      return skip("wrong-type:$set");
    }
    bool header = record["projectHash"] || record["startTime"] || record["messages"] || record["kind"];
    if (record["sessionId"] && header) return OnHeader(record, skip);
    skip("unknown-record");
  }

  void Finish() {
    if (session_id_.empty() && facts_.empty()) return;
    if (session_id_.empty()) session_id_ = SessionInPath(path_);
    AddCompactions();
    AddSession();
    SkillObserver skills;
    for (size_t i = 0; i < facts_.size(); ++i) {
      Fact& fact = facts_[i];
      fact.session_id = session_id_;
      skills.Observe(fact);
      sink_.FromKept(records_[i]);
      sink_.Add(std::move(fact));
    }
    skills.Emit(&sink_);
  }

 private:
  struct Message {
    int64_t ts = INT64_MIN;
    bool answer = false, abandoned = false;
    std::string parent;  // the message that it followed
  };
  struct Replacement {
    int64_t ts = INT64_MIN;
    std::unordered_set<std::string> ids;
  };

  void OnHeader(Json header, const SkipFn& skip) {
    if (session_id_.empty()) session_id_ = Cut(header["sessionId"].text(), 256);
    if (auto start = TimeOf(header["startTime"]); start && (!start_ || *start < *start_)) start_ = start;
    if (header["kind"].text() == "subagent") subagent_ = true;
    if (directory_.empty()) directory_ = Cut(header["directories"].at(0).text(), 1024);
    Json messages = header["messages"];
    if (!messages) return;
    if (!messages.is_array()) return skip("wrong-type:messages");
    Replacement set;
    set.ts = TimeOf(header["lastUpdated"]).value_or(INT64_MIN);
    messages.ForEachItem([&](Json message) {
      if (!message["id"].is_string()) return skip("missing:id");
      set.ids.emplace(message["id"].text());
      sink_.FromElement(message);
      OnMessage(message, skip);
    });
    if (!set.ids.empty()) replacements_.push_back(std::move(set));
  }

  void OnMessage(Json message, const SkipFn& skip) {
    std::string id = Cut(message["id"].text(), 256);
    if (id.empty()) return skip("missing:id");
    auto ts = TimeOf(message["timestamp"]);
    if (!ts && message["timestamp"]) skip("wrong-type:timestamp");
    std::string_view type = message["type"].text();
    Remember(id, ts, type == "gemini");
    if (type == "user") return OnUser(message, id, ts);
    if (type == "gemini") return OnAnswer(message, id, ts, skip);
    if (type == "error") return OnError(message, id, ts);
    if (type != "info" && type != "warning") skip("unknown-type");
  }

  // The chain as the client keeps it: messages in the order of their first appearance, cut by rewinds.
  void Remember(const std::string& id, std::optional<int64_t> ts, bool answer) {
    auto [at, added] = messages_.try_emplace(id);
    Message& known = at->second;
    known.ts = std::max(known.ts, ts.value_or(INT64_MIN));
    known.answer = known.answer || answer;
    if (!added && !known.abandoned) return;
    // A message that is written again after it was left is back in the conversation.
    known.abandoned = false;
    known.parent = chain_.empty() ? std::string() : chain_.back();
    chain_.push_back(id);
  }

  void Rewind(std::string_view id) {
    rewound_ = true;
    auto found = messages_.find(std::string(id));
    // An id that is not in the conversation empties it, as it does for the client.
    bool known = found != messages_.end() && !found->second.abandoned;
    while (!chain_.empty()) {
      std::string last = std::move(chain_.back());
      chain_.pop_back();
      messages_[last].abandoned = true;
      if (known && last == id) break;
    }
  }

  Fact Base(FactKind kind, std::string id, std::string_view message, std::optional<int64_t> ts) const {
    Fact fact;
    fact.kind = kind;
    fact.source = kName;
    fact.id = std::move(id);
    fact.node = message;
    fact.start_ns = ts;
    fact.end_ns = ts;
    return fact;
  }

  // Records are written again whenever something is added to them: equal facts are kept once.
  void Keep(Fact fact) {
    if (!seen_.insert(HashOf(fact)).second) return;
    records_.push_back(IsCut(fact) ? sink_.KeepRecord() : 0);
    facts_.push_back(std::move(fact));
  }

  void OnUser(Json message, const std::string& id, std::optional<int64_t> ts) {
    if (!HasOwnText(message["content"])) return;  // the tools' results, which stand at their calls too
    std::string buffer;
    std::string_view text = PartsText(message["content"], &buffer);
    Fact fact = Base(FactKind::kUser, id, id, ts);
    fact.user = UserTurn{.text = Cut(text, kMaxText),
                         .text_bytes = static_cast<int64_t>(text.size()),
                         .is_meta = IsClientText(text)};
    Keep(std::move(fact));
  }

  void OnError(Json message, const std::string& id, std::optional<int64_t> ts) {
    std::string buffer;
    Fact fact = Base(FactKind::kLlmCall, id, id, ts);
    LlmCall& call = fact.llm.emplace();
    call.billed = false;
    call.error = ErrorLine(PartsText(message["content"], &buffer));
    if (call.error.empty()) call.error = "error";
    Keep(std::move(fact));
  }

  void OnAnswer(Json message, const std::string& id, std::optional<int64_t> ts, const SkipFn& skip) {
    Json tokens = message["tokens"], tools = message["toolCalls"];
    // What the client itself puts into the history in the model's name (after compression) was never asked
    // for.
    if (!tokens.is_object() && message["model"].text().empty() && tools.size() == 0) return;
    Fact fact = Base(FactKind::kLlmCall, id, id, ts);
    LlmCall& call = fact.llm.emplace();
    call.model = Cut(message["model"].text(), 256);
    GeminiCounts counts{tokens["input"],  tokens["output"], tokens["thoughts"],
                        tokens["cached"], tokens["tool"],   tokens["total"]};
    std::string_view problem = ReadGeminiUsage(counts, &call.usage);
    if (tokens && !tokens.is_null() && !tokens.is_object()) problem = "wrong-type:usage";
    if (!problem.empty()) skip(problem);
    std::string buffer;
    std::string_view text = PartsText(message["content"], &buffer);
    call.text = Cut(text, kMaxText);
    call.text_bytes = static_cast<int64_t>(text.size());
    message["thoughts"].ForEachItem([&](Json thought) {
      call.thinking_bytes +=
          static_cast<int64_t>(thought["subject"].text().size() + thought["description"].text().size());
    });
    Keep(std::move(fact));
    int64_t index = 0;
    tools.ForEachItem([&](Json tool) { OnTool(tool, id, index++, ts, skip); });
  }

  void OnTool(Json tool, const std::string& message, int64_t index, std::optional<int64_t> ts,
              const SkipFn& skip) {
    if (!tool["name"].is_string()) return skip("wrong-type:toolCalls");
    std::string id = Cut(tool["id"].text(), 256);
    if (id.empty()) id = message + "#" + std::to_string(index);
    Fact use = Base(FactKind::kToolUse, id, message, ts);
    use.end_ns.reset();
    use.tool.emplace();
    use.tool->llm_call = message, use.tool->name = Cut(tool["name"].text(), 256), use.tool->index = index;
    SetArgs(tool["args"], &*use.tool);
    bool shell = IsGeminiShell(use.tool->name);
    Keep(std::move(use));
    std::string_view status = tool["status"].text();
    bool ended = status == "success" || status == "error" || status == "cancelled";
    if (!ended && !tool["result"]) return;
    auto done = TimeOf(tool["timestamp"]);
    Fact fact = Base(FactKind::kToolResult, std::move(id), message, done ? done : ts);
    ToolResult& result = fact.result.emplace();
    result.child_session = Cut(tool["agentId"].text(), 256);
    std::string buffer;
    std::string_view text = PartsText(tool["result"], &buffer);
    if (text.empty()) text = tool["resultDisplay"].text();
    SetResult(status, text, shell, &result);
    Keep(std::move(fact));
  }

  // The status speaks of the tool; what the command came to stands in the text.
  static void SetResult(std::string_view status, std::string_view text, bool shell, ToolResult* result) {
    if (status == "success") result->status = ToolStatus::kOk;
    if (status == "error") result->status = ToolStatus::kError;
    if (status == "cancelled") result->status = ToolStatus::kAborted;
    ShellText split{text, std::nullopt};
    if (shell) split = SplitShellText(text);
    SetOutput(split.output, result);
    result->exit_code = split.exit_code;
    if (split.exit_code.value_or(0) != 0 && result->status != ToolStatus::kAborted)
      result->status = ToolStatus::kError;
    if (result->status == ToolStatus::kError || result->status == ToolStatus::kAborted)
      result->error = shell ? ShellError(text) : ErrorLine(text);
  }

  void AddSession() {
    Fact fact = Base(FactKind::kSession, "session", {}, start_);
    fact.end_ns.reset();
    SessionInfo& info = fact.session.emplace();
    info.agent = kName;
    info.cwd = cwd_.empty() ? directory_ : cwd_;
    std::string_view parent = ParentInPath(path_);
    if (subagent_ && parent != session_id_) info.parent_session = Cut(parent, 256);
    Keep(std::move(fact));
    if (!rewound_) {
      for (Fact& kept : facts_) kept.node.clear();
      return;
    }
    for (Fact& kept : facts_) {
      if (auto found = messages_.find(kept.node); found != messages_.end())
        kept.parent_node = found->second.parent;
    }
  }

  // The client replaced the history and answers that were in it are gone: it was compressed. Messages cut off
  // by a rewind are gone for another reason.
  void AddCompactions() {
    std::vector<int64_t> answers;
    for (auto& [id, message] : messages_) {
      if (message.answer && !message.abandoned) answers.push_back(message.ts);
    }
    std::ranges::sort(answers);
    std::ranges::sort(replacements_, {}, &Replacement::ts);
    int64_t most_gone = 0;
    for (const Replacement& set : replacements_) {
      int64_t before = std::ranges::lower_bound(answers, set.ts) - answers.begin();
      for (const std::string& id : set.ids) {
        auto found = messages_.find(id);
        if (found == messages_.end()) continue;
        const Message& message = found->second;
        before -= message.answer && !message.abandoned && message.ts < set.ts;
      }
      if (before <= most_gone) continue;
      most_gone = before;
      Keep(Base(FactKind::kCompaction, "compaction-" + std::to_string(set.ts), {}, set.ts));
    }
  }

  std::string path_, cwd_;
  FactSink& sink_;
  std::string session_id_, directory_;
  std::optional<int64_t> start_;
  bool subagent_ = false, rewound_ = false;
  std::unordered_map<std::string, Message> messages_;
  std::vector<std::string> chain_;  // ids of the messages that are in the conversation now
  std::vector<Replacement> replacements_;
  std::vector<Fact> facts_;
  std::vector<KeptRecord> records_;  // of each
  std::unordered_set<uint64_t> seen_;
};

class GeminiLines final : public JsonLineReader {
 public:
  GeminiLines(const FileContext& file, FactSink* sink)
      : JsonLineReader(sink),
        session_(file, sink),
        responses_(kName, SessionInPath(ReplaceInvalidUtf8(file.path)), sink) {}

 private:
  void OnRecord(Json record) override {
    auto skip = [this](std::string_view reason) { Skip(reason); };
    if (IsRecordedResponse(record)) return responses_.Take(record, raw(), skip);
    session_.Take(record, skip);
  }
  void OnEnd() override {
    session_.Finish();
    responses_.Finish();
  }
  GeminiSession session_;
  RecordedResponses responses_;
};

class GeminiDocument final : public JsonDocumentReader {
 public:
  GeminiDocument(const FileContext& file, FactSink* sink) : JsonDocumentReader(sink), session_(file, sink) {}

 private:
  void OnDocument(Json document) override {
    if (!document.is_object()) return Skip("not-an-object");
    session_.Take(document, [this](std::string_view reason) { Skip(reason); });
    session_.Finish();
  }
  GeminiSession session_;
};

bool IsHeader(Json record) {
  if (!record["sessionId"].is_string() || !record["projectHash"].is_string()) return false;
  return record["startTime"] || record["messages"].is_array() || record["kind"];
}

// An answer as only this client writes it.
bool IsAnswer(Json record) {
  return record["type"].text() == "gemini" && record["id"].is_string() && record["timestamp"].is_string();
}

// The header is the first line; a log that was cut or put together anew has it later, or not at all. *ours:
// an answer stands in the head.
Json HeaderIn(std::string_view head, JsonParser* parser, bool* ours) {
  Json first = HeadDocument(head, parser);
  if (IsHeader(first)) return first;
  bool record = first["id"].is_string() && first["timestamp"].is_string() && first["type"].is_string();
  *ours = IsAnswer(first);
  if (!record && !first["$set"].is_object() && !first["$rewindTo"].is_string()) return {};
  for (std::string_view line : Split(head, '\n')) {
    auto parsed = parser->Parse(Trim(line));
    if (!parsed) continue;
    if (IsHeader(*parsed)) return *parsed;
    *ours = *ours || IsAnswer(*parsed);
  }
  return {};
}

bool Sniff(std::string_view head) {
  JsonParser parser;
  bool ours = false;
  if (HeaderIn(head, &parser, &ours) || ours) return true;
  return IsRecordedResponse(HeadDocument(head, &parser));
}

// The parent's session for a sub-agent's file, so that the tree is read together.
std::string UnitKey(std::string_view path, std::string_view head) {
  JsonParser parser;
  bool ours = false;
  Json first = HeaderIn(head, &parser, &ours);
  std::string_view session = first["sessionId"].text();
  if (std::string_view parent = ParentInPath(path); first["kind"].text() == "subagent" && !parent.empty())
    session = parent;
  return session.empty() ? std::string() : std::string(kName) + ":" + std::string(session);
}

// ".project_root" beside the folder "chats" holds the working directory.
std::string SidecarPath(std::string_view path) {
  int up = ParentInPath(path).empty() ? 2 : 3;
  if (Folder(path, up - 1) != "chats") return {};
  for (int i = 0; i < up; ++i) path = path.substr(0, path.rfind('/'));
  return std::string(path) + "/.project_root";
}

}  // namespace

extern const Importer kGeminiCli;
const Importer kGeminiCli = {
    .name = kName,
    .summary = "Gemini CLI chats (JSON and JSONL) with their sub-agents",
    .default_root = ".gemini/tmp",
    .file_suffixes = ".json,.jsonl,.responses",
    .sniff = Sniff,
    .open = [](const FileContext& file, FactSink* sink) -> std::unique_ptr<LogReader> {
      return LinesOrDocument(std::make_unique<GeminiLines>(file, sink),
                             std::make_unique<GeminiDocument>(file, sink));
    },
    .sidecar_path = SidecarPath,
    .unit_key = UnitKey,
};

}  // namespace clawtrace::capture
