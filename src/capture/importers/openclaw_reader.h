#pragma once
// Reads one pi or OpenClaw log, entry by entry, whatever store the entries come from.
// docs/formats/openclaw.md says what is read and how calls are counted.
//
// A log is a tree of entries; line order means nothing once entries have ids, so what depends on other
// entries (the session id, an answer's model, which of two equal tool call ids a result belongs to) is
// settled after the last line.
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "capture/importers/openclaw_fields.h"
#include "capture/line_reader.h"

namespace clawtrace::capture::openclaw {

// The run time's event for a model that failed and the one that came next.
inline constexpr std::string_view kFallbackEvent = "model.fallback_step";

class OpenClawReader final : public JsonLineReader {
 public:
  OpenClawReader(const FileContext& file, FactSink* sink)
      : JsonLineReader(sink), path_(file.path), own_index_(file.sidecar), index_(&own_index_) {
    StartSession();
  }
  // One session of a store, whose entries all belong to it whatever headers are among them. index outlives
  // this. copied: entries that another session of the store holds as well and that are that one's.
  OpenClawReader(std::string session_id, const SessionIndex* index, std::unordered_set<std::string> copied,
                 FactSink* sink)
      : JsonLineReader(sink), stored_id_(std::move(session_id)), index_(index), copied_(std::move(copied)) {
    StartSession();
  }

 protected:
  void OnRecord(Json record) override;
  void OnEnd() override { FinishSession(); }

 private:
  // What is kept of every entry until the end.
  struct Entry {
    std::string parent;
    std::string model, provider;     // if this entry sets them
    std::vector<std::string> calls;  // tool calls of an answer
    bool answer = false;
  };
  // Which log a fact belongs to: this one (0), or a sub-agent whose messages lie inside a tool result.
  struct Context {
    int parent = -1;
    std::string call;    // tool call of the parent that spawned it
    std::string suffix;  // "#2" when one call spawned several
    std::string record;  // entry that held it
  };
  struct Pending {
    Fact fact;
    int context = 0;
    std::string record;              // the entry it was in
    KeptRecord kept = 0;             // and its bytes
    bool inherits_model = false;     // the model is the one in force on the path
    bool nameless = false;           // a result that does not say which call it answers
    bool fallback = false;           // a model that failed, told by the run time
    std::string nested_in;           // the tool call that made this one
    std::vector<std::string> reads;  // skill files that a tool use names
  };
  // Where the messages being read stand.
  struct Place {
    int context = 0;
    std::string id, parent;  // of the entry
    int64_t ordinal = -1;    // in a sub-agent's list; a line without an id gets its own at the end
    bool has_node = false;   // the entry is part of a parent chain
    std::optional<int64_t> time;
    std::string model, provider;  // fallback inside sub-agents
    int depth = 0;
  };
  // An entry without an id.
  struct Line {
    std::optional<int64_t> time;
    int64_t number = 0;  // among distinct lines
    std::string record;
  };

  void StartSession();
  void FinishSession();
  void OnHeader(Json header);
  // Where an entry says its place: logs and trajectory exports name the members differently.
  struct Keys {
    std::string_view id = "id", parent = "parentId", time = "timestamp";
  };
  bool MakePlace(Json record, const Keys& keys, Place* place);
  void OnTrace(Json event);
  void OnRuntime(Json event, std::string_view type);
  void OnFallback(Json event);
  void DropLoggedFallbacks();
  void StartSessionOf(std::string_view id);
  void OnEntry(Json record, std::string_view type, const Place& place);
  void OnMessage(Json message, const Place& place);
  void OnUser(Json message, const Place& place, bool meta);
  void OnAssistant(Json message, const Place& place);
  void OnToolCall(Json item, const Place& place, int64_t index);
  void OnToolResult(Json message, const Place& place);
  void OnNestedTool(Json message, const Place& place);
  // What a result answers.
  struct Question {
    std::string_view call, tool;
  };
  void AddResult(Json message, Json item, Question question, std::string_view text, const Place& place);
  void OnSubagents(Json details, std::string_view call, const Place& place);
  void OnSubagent(Json result, std::string_view call, const std::string& suffix, const Place& place);
  void OnBash(Json message, const Place& place);
  void OnSideCall(Json record, const Place& place, std::string_view stop, bool inherits_model);

  void SetModel(const Place& place, std::string_view provider, std::string_view model);
  std::string ChildKey(Json details, std::string_view text);
  Pending& Add(FactKind kind, std::string_view id, const Place& place);

  // The answer at or above record that asked for call; nullptr when unknown.
  const std::string* OwnerOf(const std::string& call, const std::string& record) const;
  std::string UniqueCall(const std::string& call, const std::string& record) const;
  void OrderLines();
  const Entry* ModelOn(const std::string& node);
  void SettleResult(Pending& pending);
  void SettleModel(Pending& pending);
  std::vector<std::string> ContextIds() const;
  void SettleNested(Pending& pending);
  static bool OnlyLinks(Pending& pending);
  bool Settle(Pending& pending, const std::vector<std::string>& ids);
  void AddSkills(const std::vector<std::string>& ids);
  Fact SkillFact(const std::string& session, SkillUse use) const;
  Fact SessionFact() const;

  std::string path_, stored_id_;
  SessionIndex own_index_;
  const SessionIndex* index_;
  std::unordered_set<std::string> copied_;
  JsonParser args_parser_;
  Report report_ = [this](std::string_view reason) { Skip(reason); };

  std::string session_id_;
  bool header_seen_ = false;
  bool used_ = false;  // anything of this format was read
  uint64_t first_hash_ = 0;
  SessionInfo info_;
  std::optional<int64_t> start_ns_;
  bool openclaw_ = false;
  bool unlogged_summary_ = false;
  std::vector<Pending> pending_;
  std::vector<Context> contexts_;
  std::unordered_map<std::string, Entry> entries_;
  std::unordered_map<std::string, const Entry*> model_memo_;
  std::unordered_map<std::string, std::unordered_set<std::string>> owners_;  // tool call id -> answers
  std::unordered_set<std::string> answer_calls_;                             // ids in the answer being read
  std::unordered_set<std::string> outer_calls_;  // calls that only made other calls
  std::vector<std::string> expanded_skills_;     // that the client put into a prompt
  // Entries without ids (version 1): each distinct line once.
  std::unordered_set<std::string> line_ids_;
  std::vector<Line> lines_;
};

}  // namespace clawtrace::capture::openclaw
