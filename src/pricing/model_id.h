#pragma once
// The spellings under which one model appears in logs. No substring ever matches: each form removes or
// rewrites one known decoration, so "gpt-4.1" never becomes "gpt-4".
#include <string>
#include <string_view>
#include <vector>

namespace clawtrace {

struct IdForm {
  std::string id;   // lower case
  std::string how;  // what was done, joined by '+'; "" for the id itself
  std::string
      region;  // provider key of a regional endpoint ("us.anthropic"): priced only by rows of that key
};

// Forms to try in order, the id as it is first. None for ids that say that no model is known.
std::vector<IdForm> IdForms(std::string_view model);

// One name per provider: "openai-codex" is "openai", "vertex_ai" is "google". Lower case.
std::string CanonicalProvider(std::string_view provider);
// Software that runs models on the user's own machine: list prices of hosted models do not apply.
bool IsLocalProvider(std::string_view canonical_provider);
// "us.anthropic" and the like: a region's own price list.
bool IsRegionalProvider(std::string_view provider);

}  // namespace clawtrace
