#pragma once
// The audit of a skill as commands ask for it: with the skills beside it, and the waivers that a person
// gives.
#include <string>
#include <vector>

#include "cli/command.h"
#include "distill/audit/audit.h"

namespace clawtrace::cli {

inline constexpr Flag kWaiveFlag{"--waive", "CHECK[:ID]",
                                 "let findings of the audit pass, several by commas; needs --by and --why",
                                 FlagKind::kValue};
inline constexpr Flag kByFlag{"--by", "NAME", "who waives", FlagKind::kValue};
inline constexpr Flag kWhyFlag{"--why", "TEXT", "why", FlagKind::kValue};

// What --waive, --by and --why say. kInvalidInput when they do not go together.
Result<std::vector<distill::Waiver>> WaiversFrom(const Arguments& arguments);

// Names and descriptions of the other skills in the folder that holds directory, by name; what cannot be read
// is left out.
std::vector<distill::SkillListing> SkillsBeside(const std::string& directory);

}  // namespace clawtrace::cli
