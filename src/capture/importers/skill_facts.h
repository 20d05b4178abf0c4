#pragma once
// Agent skills as logs show them: folders below a folder "skills", each with a SKILL.md. Importers say which
// tool used which arguments and what came of it; what was read of skills follows.
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
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

// Entries of a list of skills in a prompt, "- name: description (file: path)"; with_path: only lines that
// name a file.
std::vector<SkillUse> ListedSkills(std::string_view text, bool with_path);

// Finds skills in the facts of a log: a tool that loads one by name, skill files in the arguments of tools
// that read or run, both only if the call succeeded; and texts by which a client hands one over. Any order of
// the facts gives the same.
class SkillObserver {
 public:
  void Observe(const Fact& fact);
  // At the end of the log: the facts, to the sink.
  void Emit(FactSink* sink);

 private:
  void OnUse(const Fact& use);
  void OnText(const Fact& fact, std::string_view text, bool handed_over);
  void Take(const Fact& use, std::string_view path);
  void TakeCommand(const Fact& use, std::string_view command);

  struct Found {
    Fact fact;  // that shows it, without its payload
    SkillUse skill;
    bool said = false;  // the client says it: no call did it, or a call that is found too
  };
  JsonParser parser_;
  std::vector<Found> found_;
  std::vector<uint64_t> succeeded_;                                   // of session and call
  std::map<std::pair<std::string, std::string>, std::string> paths_;  // session and skill, to its file
};

// Passes facts on, and those on skills at Finish.
class SkillSink final : public PassingSink {
 public:
  explicit SkillSink(FactSink* sink) : PassingSink(sink) {}
  void Add(Fact&& fact) override {
    skills_.Observe(fact);
    to().Add(std::move(fact));
  }
  void Finish() { skills_.Emit(&to()); }

 private:
  SkillObserver skills_;
};

}  // namespace clawtrace::capture
