#pragma once
// Agent skills as logs show them: folders below a folder "skills", each with a SKILL.md. Importers say which
// tool used which arguments and what came of it; what was read of skills follows.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/json.h"
#include "capture/importer.h"
#include "model/fact.h"

namespace clawtrace::capture {

// Which skill a path leads into: SKILL.md itself loads it, another file below the folder opens it. nullopt
// for any other path, and for other files below a "skills" folder that is in no hidden folder (".claude",
// ".agents", ...): that may be anything.
std::optional<SkillUse> SkillOfPath(std::string_view path);

// A skill fact beside another fact of the same record; its id is made of call, name and path.
Fact SkillFact(const Fact& beside, SkillUse use);

// Finds skills among tool uses - a tool that loads one by name, skill files in the arguments of tools that
// read or run - and keeps those whose call succeeded. Any order of uses and results gives the same facts.
class SkillObserver {
 public:
  void Observe(const Fact& fact);  // tool uses and results count, other facts are ignored
  // The text that a client puts in front of a loaded skill's instructions names its folder.
  void OnText(std::string_view session, std::string_view call, std::string_view text);
  // At the end of the log: the facts, to the sink.
  void Emit(FactSink* sink);

 private:
  void OnUse(const Fact& use);
  void Take(const Fact& use, std::string_view path);
  void TakeCommand(const Fact& use, std::string_view command);

  struct Found {
    Fact use;  // without its payload
    SkillUse skill;
  };
  JsonParser parser_;
  std::vector<Found> found_;
  std::unordered_set<uint64_t> succeeded_;             // of session and call
  std::unordered_map<uint64_t, std::string> folders_;  // the same, to the skill's folder
};

}  // namespace clawtrace::capture
