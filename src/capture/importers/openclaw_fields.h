#pragma once
// The parts of pi's and OpenClaw's log entries that can be read one by one: counts, texts, error marks,
// names, and whether a file is of this format at all. The reader (openclaw.cc) puts them together.
#include <algorithm>
#include <functional>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/json.h"
#include "model/usage.h"
#include "model/usd.h"

namespace clawtrace::capture::openclaw {

// Called with a stable reason for every value that is there and cannot be used.
using Report = std::function<void(std::string_view reason)>;

inline bool OneOf(std::string_view text, std::initializer_list<std::string_view> words) {
  return std::ranges::find(words, text) != words.end();
}

// The first of these members that is neither missing nor null.
Json FirstOf(Json object, std::initializer_list<std::string_view> keys);

// Entries that hold nothing of their own but carry the chain on.
bool IsLinkType(std::string_view type);

// Could a file with this beginning be such a log? By content only.
bool Sniff(std::string_view head);

// OpenClaw keeps one agent's sessions, sub-agents among them, in .../agents/<id>/ (logs in sessions/, the
// database in agent/). All are read together, so that children find their parents and a session that lies in
// two stores is one. pi's sessions stand alone.
std::string UnitKey(std::string_view path, std::string_view head);
// The index that OpenClaw keeps beside its logs.
std::string SidecarPath(std::string_view path);

std::string_view FileName(std::string_view path);
// "2026-11-21T02-44-39-816Z_<uuid>.jsonl" and "<uuid>.jsonl" name their session; other names stand for
// themselves.
std::string SessionIdOfPath(std::string_view path);

// The visible text of a message: a string, or the text blocks of a list.
std::string TextOf(Json content, const Report& report);
// An error mark's text: words, or JSON for anything with structure. Missing, null, false and "" are no error
// ("").
std::string ErrorText(Json error);
// "Command exited with code 2" at the very end of a shell tool's output.
std::optional<int64_t> ExitCodeOfText(std::string_view text);
bool IsShell(std::string_view tool);

// nullopt when absent or not usable as a whole. may_be_zero: all zeros are a statement, not a missing report.
std::optional<Usage> UsageOf(Json usage, bool may_be_zero, const Report& report);
// usage.cost.total if it is above zero.
std::optional<Usd> CostOf(Json usage, const Report& report);

// sessions.json beside OpenClaw's logs: session key -> session id, and who spawned whom.
struct SessionIndex {
  // What is known of one session besides its entries.
  struct Known {
    std::string forked_from, agent_name;
    std::vector<std::string> skills;  // offered to the agent
  };
  std::unordered_map<std::string, std::string> id_of_key;
  // Session id -> the spawning session's key or id.
  std::unordered_map<std::string, std::string> spawner_of_id;
  std::unordered_map<std::string, Known> known;  // by session id
  // For keys of other agents: the session that one stood for when it was new, "" when nobody knows. May be
  // empty.
  std::function<std::string(const std::string& key)> elsewhere;
  std::string agent_version;

  SessionIndex() = default;
  explicit SessionIndex(std::string_view text);
};

// Names of the skills in an index entry's snapshot of what the agent was offered.
std::vector<std::string> SkillsOffered(Json entry);
// The skill whose text pi put into a prompt ("/skill:name"); "" when there is none.
std::string ExpandedSkill(std::string_view prompt);
// Files of skills that a call reads, as the arguments name them.
std::vector<std::string> SkillReads(std::string_view tool, Json arguments);

}  // namespace clawtrace::capture::openclaw
