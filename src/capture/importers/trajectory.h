#pragma once
// What importers of trajectories share: documents that list their steps in order and have no record ids, so
// that a step's place is its identity. Fills source, session, ids and ordinals of facts.
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/json.h"
#include "capture/importer.h"

namespace clawtrace::capture {

// The id itself, or the start of one that is longer than any client's and its hash: ids that are repeated in
// every fact must not multiply a hostile document's size.
std::string BoundedId(std::string_view id);

class Trajectory {
 public:
  Trajectory(std::string_view source, std::string_view session_id, FactSink* sink);

  const std::string& session() const { return session_; }

  // Later facts stand at and behind this place.
  void StartAt(int64_t ordinal) { ordinal_ = ordinal; }
  // The steps are no single line: what follows OnBranch(true) stands on a branch that the conversation left,
  // what follows OnBranch(false) on the one that it kept. Before the first step only.
  void WithBranches(std::optional<int64_t> start_ns);
  void OnBranch(bool left) { left_ = left; }
  // Which kept records the steps come from that follow.
  void From(std::span<const KeptRecord> records) { sink_.FromKept(records); }
  // After the last step: the conversation is where it was kept, whatever ended last.
  void EndBranches(std::optional<int64_t> end_ns);
  void Session(SessionInfo info, std::optional<int64_t> start_ns = {}, std::optional<int64_t> end_ns = {});
  // Ids of user turns and calls without one of their own are their places: "user-3", "call-7".
  void User(std::string_view text, bool is_meta, std::optional<int64_t> time = {}, std::string id = {});
  // Of which only the start is at hand; bytes: of the whole.
  void UserStart(std::string_view start, int64_t bytes, bool is_meta, std::optional<int64_t> time,
                 std::string id);
  // The call's id; later tools belong to it.
  std::string Call(LlmCall call, std::optional<int64_t> start_ns = {}, std::optional<int64_t> end_ns = {},
                   std::string id = {});
  // Later tools belong to this call, "" to none, although no call is added here.
  void WithoutCall(std::string_view call) { call_ = BoundedId(call), index_ = 0; }
  // Fills llm_call and index. An id that was used before gets "#2" and so on behind it, "" gets the place.
  // The tool's id as it stands in the fact.
  std::string Tool(ToolUse tool, std::string_view id, std::optional<int64_t> time = {});
  // id: as the log has it; it answers the latest tool of that id. "" answers the latest tool of all.
  void Result(ToolResult result, std::string_view id, std::optional<int64_t> time = {});
  // A sub-agent that no tool call asked for, known by its session alone.
  void Spawn(const std::string& child_session);
  void Compaction(std::optional<int64_t> time = {});
  void Skill(SkillUse use);
  void Judged(Outcome outcome);

 private:
  Fact Make(FactKind kind, std::string id, std::optional<int64_t> start_ns);
  void PlaceInChain(Fact* fact);

  std::string_view source_;
  std::string session_;
  FactSink& sink_;
  int64_t ordinal_ = 0;
  bool branches_ = false, left_ = false;
  std::string kept_node_, left_node_;  // the last ones; left_node_: "" when the branch before was kept
  std::string call_;                   // the call that tools belong to
  int64_t index_ = 0;                  // of the next tool in it
  std::string latest_tool_;
  std::map<std::string, std::pair<std::string, int64_t>, std::less<>> tools_;  // log id -> fact id, how many
};

// Sets the text of a call from a message's content.
void SetText(std::string_view text, LlmCall* call);

// OpenAI chat: the tool uses of message.tool_calls, each {id, function{name, arguments}}.
// cwd: where they ran, "" when that is not known.
void AddChatTools(Json message, JsonParser* parser, Trajectory* out, std::string_view cwd = {});

// A usage object as OpenAI-compatible endpoints and gateways write it: prompt_tokens/input_tokens include the
// cached ones (except under Anthropic's names), reasoning is in the output. nullopt when it is missing or
// unusable; *bad says which.
std::optional<Usage> OpenAiUsage(Json usage, bool* bad);

// A cost in USD as JSON number or decimal text; nullopt unless it is above zero.
std::optional<Usd> DollarsOf(Json value);

// reward in [0, 1] as a verifier's verdict: 1 success, 0 failure, partial between.
Outcome OutcomeOfReward(double reward, std::string_view judge);

// "dir/sub/name.ext" -> "dir/sub/"; "" when there is no folder.
std::string_view FolderOf(std::string_view path);

}  // namespace clawtrace::capture
