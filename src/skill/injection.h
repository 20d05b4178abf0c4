#pragma once
// Phrases by which a text tries to command an agent that reads it: against earlier instructions, against the
// user's knowledge, for secrets, or in the marks of a chat template. A list of ours (docs/skill.md): what it
// does not know it does not find.
#include <cstddef>
#include <string_view>
#include <vector>

namespace clawtrace::skill {

struct InjectionPlace {
  size_t begin = 0, end = 0;  // bytes
  std::string_view kind;      // "override", "secrecy", "exfiltration", "persona", "template", "remote-code"
};

// In order of place. Look-alike letters, hidden characters, entities (base/entities.h), case, punctuation and
// emphasis do not hide a phrase; a phrase does not reach across a blank line. Time grows linearly with the
// text.
std::vector<InjectionPlace> FindInjections(std::string_view text);

}  // namespace clawtrace::skill
