#include "pricing/model_id.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "base/text.h"

namespace clawtrace {
namespace {

// Path segments that say who routes the call; the model is priced by its maker's list. Hosts with prices of
// their own (azure, bedrock regions, together, ...) are absent on purpose: their calls stay unpriced until
// the user says.
constexpr auto kRoutes = std::to_array<std::string_view>({
    "alibaba", "amazon-bedrock", "anthropic",  "bedrock",       "dashscope",    "deepseek",   "gemini",
    "google",  "google-vertex",  "litellm",    "litellm_proxy", "minimax",      "mistral",    "mistralai",
    "models",  "moonshot",       "moonshotai", "openai",        "openai-codex", "openrouter", "publishers",
    "qwen",    "vertex_ai",      "x-ai",       "xai",           "z-ai",         "zai",        "zhipuai",
});

// Prefixes of Bedrock's cross-region inference profiles that have their own prices; "global" has the base
// price.
constexpr auto kRegions = std::to_array<std::string_view>(
    {"af", "apac", "au", "ca", "eu", "gov", "jp", "me", "sa", "us", "us-gov"});
constexpr auto kBedrockVendors = std::to_array<std::string_view>(
    {"ai21", "amazon", "anthropic", "cohere", "deepseek", "google", "meta", "minimax", "mistral", "moonshot",
     "nvidia", "openai", "qwen", "writer", "zai"});

constexpr auto kProviders = std::to_array<std::pair<std::string_view, std::string_view>>({
    {"dashscope", "alibaba"},
    {"qwen", "alibaba"},
    {"claude", "anthropic"},
    {"gcp.gemini", "google"},
    {"gcp.gen_ai", "google"},
    {"gcp.vertex_ai", "google"},
    {"gemini", "google"},
    {"google-ai", "google"},
    {"google-gemini-cli", "google"},
    {"google-vertex", "google"},
    {"vertex_ai", "google"},
    {"mistral_ai", "mistral"},
    {"mistralai", "mistral"},
    {"moonshot", "moonshotai"},
    {"openai-codex", "openai"},
    {"openai-responses", "openai"},
    {"xai", "x-ai"},
    {"x_ai", "x-ai"},
    {"z-ai", "zhipuai"},
    {"zai", "zhipuai"},
});
constexpr auto kLocal = std::to_array<std::string_view>(
    {"jan", "koboldcpp", "llama-cpp", "llama.cpp", "llamacpp", "llamafile", "lm-studio", "lm_studio",
     "lmstudio", "local", "localai", "mlx", "ollama", "sglang", "vllm"});

template <size_t N>
bool Contains(const std::array<std::string_view, N>& list, std::string_view word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

bool AllDigits(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

bool IsDate(std::string_view year, std::string_view month, std::string_view day) {
  if (!AllDigits(year) || !AllDigits(month) || !AllDigits(day) || !year.starts_with("20")) return false;
  return month >= "01" && month <= "12" && day >= "01" && day <= "31";
}

// "20250929" or "2025-09-29"
bool IsDate(std::string_view text) {
  if (text.size() == 8) return IsDate(text.substr(0, 4), text.substr(4, 2), text.substr(6, 2));
  if (text.size() != 10 || text[4] != '-' || text[7] != '-') return false;
  return IsDate(text.substr(0, 4), text.substr(5, 2), text.substr(8, 2));
}

// Cuts one suffix that dates a model or says that it is not dated; gives the word for it.
std::string_view CutDate(std::string& id) {
  if (size_t at = id.rfind('@'); at != std::string::npos) {
    std::string_view version = std::string_view(id).substr(at + 1);
    bool known = IsDate(version) || version == "default" || version == "latest";
    if (!known || at == 0) return {};
    std::string_view word = IsDate(version) ? "dated-suffix" : "latest";
    id.resize(at);
    return word;
  }
  for (size_t length : {size_t{8}, size_t{10}}) {
    if (id.size() <= length + 1 || id[id.size() - length - 1] != '-') continue;
    if (!IsDate(std::string_view(id).substr(id.size() - length))) continue;
    id.resize(id.size() - length - 1);
    return "dated-suffix";
  }
  constexpr std::string_view kLatest = "-latest";
  if (id.size() > kLatest.size() && id.ends_with(kLatest)) {
    id.resize(id.size() - kLatest.size());
    return "latest";
  }
  return {};
}

// "[1m]": the client's mark for a larger context window; the tier follows from the prompt's size.
bool CutContextSuffix(std::string& id) {
  size_t open = id.rfind('[');
  if (open == std::string::npos || open == 0 || !id.ends_with(']')) return false;
  id.resize(open);
  return true;
}

// "openrouter/anthropic/" and the like; gives what was cut, without the last slash.
std::string CutRoute(std::string& id) {
  size_t start = 0;
  while (true) {
    size_t slash = id.find('/', start);
    if (slash == std::string::npos || !Contains(kRoutes, std::string_view(id).substr(start, slash - start)))
      break;
    start = slash + 1;
  }
  if (start == 0) return {};
  std::string route = id.substr(0, start - 1);
  id.erase(0, start);
  return route;
}

struct BedrockCut {
  std::string prefix;  // "us", "global", "anthropic"
  std::string region;  // "us.anthropic", "" outside the regions
};

// "us.anthropic.", "global.anthropic.", "anthropic."
std::optional<BedrockCut> CutBedrockPrefix(std::string& id) {
  std::string_view text = id;
  size_t dot = text.find('.');
  if (dot == std::string_view::npos) return std::nullopt;
  std::string_view first = text.substr(0, dot), rest = text.substr(dot + 1);
  bool regional = Contains(kRegions, first);
  BedrockCut cut;
  if (regional || first == "global") {
    size_t next = rest.find('.');
    if (next == std::string_view::npos || !Contains(kBedrockVendors, rest.substr(0, next)))
      return std::nullopt;
    cut.prefix = first;
    if (regional) cut.region = text.substr(0, dot + 1 + next);
    rest.remove_prefix(next + 1);
  } else if (Contains(kBedrockVendors, first)) {
    cut.prefix = first;
  } else {
    return std::nullopt;
  }
  id = std::string(rest);
  return cut;
}

// "-v1:0", "-v2"
bool CutBedrockVersion(std::string& id) {
  size_t at = id.rfind("-v");
  if (at == std::string::npos || at == 0) return false;
  std::string_view version = std::string_view(id).substr(at + 2);
  size_t colon = version.find(':');
  if (!AllDigits(version.substr(0, colon))) return false;
  if (colon != std::string_view::npos && !AllDigits(version.substr(colon + 1))) return false;
  id.resize(at);
  return true;
}

}  // namespace

std::vector<IdForm> IdForms(std::string_view model) {
  std::string id = ToLower(Trim(model));
  if (id.empty() || id.front() == '<' || id == "unknown") return {};
  std::vector<IdForm> forms = {{id, "", ""}};
  std::string how, region;
  auto note = [&](std::string_view word, std::string_view detail = {}) {
    if (!how.empty()) how += '+';
    how.append(word).append(detail);
  };
  auto add = [&] { forms.push_back({id, how, region}); };

  if (CutContextSuffix(id)) note("context-suffix"), add();
  if (std::string route = CutRoute(id); !route.empty()) note("provider-prefix:", route), add();
  if (auto cut = CutBedrockPrefix(id)) {
    region = cut->region;
    note("provider-prefix:", cut->prefix), add();
    if (CutBedrockVersion(id)) note("bedrock-version"), add();
  }
  if (id.starts_with("claude") && id.find('.') != std::string::npos) {
    std::replace(id.begin(), id.end(), '.', '-');
    note("dots-to-dashes"), add();
  }
  if (std::string_view word = CutDate(id); !word.empty()) note(word), add();
  return forms;
}

std::string CanonicalProvider(std::string_view provider) {
  std::string lower = ToLower(Trim(provider));
  for (const auto& [from, to] : kProviders) {
    if (lower == from) return std::string(to);
  }
  return lower;
}

bool IsLocalProvider(std::string_view provider) { return Contains(kLocal, provider); }

bool IsRegionalProvider(std::string_view provider) {
  return Contains(kRegions, provider.substr(0, provider.find('.'))) &&
         provider.find('.') != std::string_view::npos;
}

}  // namespace clawtrace
