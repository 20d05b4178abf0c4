#include "base/secrets.h"

#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include "base/key_pattern.h"

namespace clawtrace {
namespace {

constexpr size_t kMaxUserInfo = 256;  // of an address

constexpr auto kKnown = std::to_array<SecretFormat>({
    {"sk-key", "sk-[A-Za-z0-9_-]{20,}"},
    {"stripe-key", "sk_live_[A-Za-z0-9]{16,}"},
    {"stripe-key", "sk_test_[A-Za-z0-9]{16,}"},
    {"stripe-key", "rk_live_[A-Za-z0-9]{16,}"},
    {"stripe-key", "whsec_[A-Za-z0-9]{16,}"},
    {"github-token", "ghp_[A-Za-z0-9]{30,}"},
    {"github-token", "gho_[A-Za-z0-9]{30,}"},
    {"github-token", "ghu_[A-Za-z0-9]{30,}"},
    {"github-token", "ghs_[A-Za-z0-9]{30,}"},
    {"github-token", "ghr_[A-Za-z0-9]{30,}"},
    {"github-token", "github_pat_[A-Za-z0-9_]{22,}"},
    {"gitlab-token", "glpat-[A-Za-z0-9_-]{20,}"},
    {"aws-key-id", "AKIA[A-Z0-9]{16}"},
    {"aws-key-id", "ASIA[A-Z0-9]{16}"},
    {"slack-token", "xoxb-[A-Za-z0-9-]{10,}"},
    {"slack-token", "xoxp-[A-Za-z0-9-]{10,}"},
    {"slack-token", "xoxa-[A-Za-z0-9-]{10,}"},
    {"slack-token", "xoxr-[A-Za-z0-9-]{10,}"},
    {"slack-token", "xoxs-[A-Za-z0-9-]{10,}"},
    {"slack-token", "xapp-[A-Za-z0-9-]{10,}"},
    {"google-key", "AIza[A-Za-z0-9_-]{35}"},
    {"google-token", "ya29.[A-Za-z0-9_-]{20,}"},
    {"npm-token", "npm_[A-Za-z0-9]{36}"},
    {"pypi-token", "pypi-[A-Za-z0-9_-]{50,}"},
    {"huggingface-token", "hf_[A-Za-z0-9]{30,}"},
    {"groq-key", "gsk_[A-Za-z0-9]{40,}"},
    {"xai-key", "xai-[A-Za-z0-9]{40,}"},
    {"sendgrid-key", "SG.[A-Za-z0-9_-]{16,64}.[A-Za-z0-9_-]{16,}"},
    {"digitalocean-token", "dop_v1_[a-f0-9]{64}"},
    {"jwt", "eyJ[A-Za-z0-9_-]{10,4000}.[A-Za-z0-9_-]{10,4000}.[A-Za-z0-9_-]{10,}"},
    {"bearer", "Bearer [A-Za-z0-9._~+/=-]{20,}", true},
    {"bearer", "bearer [A-Za-z0-9._~+/=-]{20,}", true},
    {"authorization", "Authorization: Basic [A-Za-z0-9+/=_-]{4,}", true},
    {"authorization", "authorization: Basic [A-Za-z0-9+/=_-]{4,}", true},
    {"authorization", "authorization: basic [A-Za-z0-9+/=_-]{4,}", true},
    {"api-key", "api-key: [A-Za-z0-9._~+/=-]{12,}", true},
    {"api-key", "Api-Key: [A-Za-z0-9._~+/=-]{12,}", true},
    {"api-key", "API-Key: [A-Za-z0-9._~+/=-]{12,}", true},
});

bool IsWord(char c) {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
}

// In JSON inside of JSON the letter of an escape stands before what follows it.
bool FollowsEscape(std::string_view text, size_t at) {
  return at > 1 && text[at - 2] == '\\' &&
         std::string_view("nrtbf").find(text[at - 1]) != std::string_view::npos;
}

struct Compiled {
  std::string_view name;
  KeyPattern pattern;
  bool keep_start = false;
};

// The table is ours and its expressions are tested: one that cannot be read is a bug.
std::map<char, std::vector<Compiled>> CompileKnown() {
  std::map<char, std::vector<Compiled>> by_first;
  for (const SecretFormat& format : kKnown) {
    auto pattern = KeyPattern::Parse(format.expression);
    CT_CHECK(pattern.has_value());
    char first = pattern->start().front();
    by_first[first].push_back({format.name, std::move(*pattern), format.keep_start});
  }
  return by_first;
}

bool KeyAt(const std::vector<Compiled>& formats, std::string_view text, size_t at, SecretPlace* found) {
  if (!MayBeginSecret(text, at)) return false;
  for (const Compiled& format : formats) {
    if (at > 0 && !FollowsEscape(text, at) && format.pattern.Continues(text[at - 1])) continue;
    size_t length = format.pattern.Match(text.substr(at), false);
    size_t kept = format.keep_start ? format.pattern.start().size() : 0;
    if (length <= kept) continue;
    *found = {at + kept, at + length, format.name};
    return true;
  }
  return false;
}

}  // namespace

std::span<const SecretFormat> KnownSecretFormats() { return kKnown; }

bool MayBeginSecret(std::string_view text, size_t at) {
  return at == 0 || FollowsEscape(text, at) || !IsWord(text[at - 1]);
}

bool PasswordInAddress(std::string_view text, size_t at, SecretPlace* found) {
  if (!text.substr(at).starts_with("://")) return false;
  std::string_view rest = text.substr(at + 3, kMaxUserInfo);
  size_t end = rest.find_first_of("@/?# \t\r\n\"'\\<>[]");
  size_t colon = rest.find(':');
  if (end == std::string_view::npos || rest[end] != '@' || colon >= end || colon + 1 == end) return false;
  *found = {at + 3 + colon + 1, at + 3 + end, "url-password"};
  return true;
}

bool PrivateKeyAt(std::string_view text, size_t at, bool cut, size_t* next_end, SecretPlace* found) {
  constexpr std::string_view kBegin = "-----BEGIN ", kKind = "PRIVATE KEY-----", kEnd = "-----END ";
  constexpr size_t kMaxKind = 60;
  if (!text.substr(at).starts_with(kBegin)) return false;
  size_t kind = text.substr(at, kMaxKind).find(kKind);
  if (kind == std::string_view::npos) return false;
  kind += at + kKind.size();
  if (*next_end < kind) *next_end = text.find(kEnd, kind);
  size_t end = *next_end;
  if (end != std::string_view::npos) {
    size_t end_kind = text.substr(end, kMaxKind).find(kKind);
    end = end_kind == std::string_view::npos ? end_kind : end + end_kind + kKind.size();
  }
  // Without its end all that follows is taken for it, up to the end of the string that it stands in.
  if (end == std::string_view::npos && !cut) end = text.find_first_of("\"'", kind);
  *found = {at, std::min(end, text.size()), "private-key"};
  return true;
}

std::vector<SecretPlace> FindSecrets(std::string_view text) {
  static const std::map<char, std::vector<Compiled>> known = CompileKnown();
  std::vector<SecretPlace> places;
  size_t next_end = 0;
  for (size_t at = 0; at < text.size(); ++at) {
    SecretPlace place;
    auto formats = known.find(text[at]);
    bool found = formats != known.end() && KeyAt(formats->second, text, at, &place);
    if (!found && text[at] == ':') found = PasswordInAddress(text, at, &place);
    if (!found && text[at] == '-') found = PrivateKeyAt(text, at, false, &next_end, &place);
    if (!found) continue;
    places.push_back(place);
    at = place.end - 1;
  }
  return places;
}

bool RedactSecrets(std::string* text) {
  std::string out;
  size_t from = 0;
  for (const SecretPlace& place : FindSecrets(*text)) {
    out.append(*text, from, place.begin - from).append("[redacted:").append(place.name).append("]");
    from = place.end;
  }
  if (from == 0) return false;
  out.append(*text, from);
  *text = std::move(out);
  return true;
}

}  // namespace clawtrace
