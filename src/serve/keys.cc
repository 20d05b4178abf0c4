#include "serve/keys.h"

#include <fmt/core.h>

#include <algorithm>

#include "base/doc_writer.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/sha256.h"

namespace clawtrace::serve {
namespace {

constexpr std::string_view kCollection = "keys";
constexpr std::string_view kPrefix = "ctk_";
constexpr size_t kIdDigits = 12;
constexpr size_t kLeastRandom = 32;
constexpr size_t kMaxKnown = 10'000;

std::string Hex(std::string_view bytes) {
  std::string out;
  for (char c : bytes) out += fmt::format("{:02x}", static_cast<unsigned char>(c));
  return out;
}

std::string HashOf(std::string_view salt, std::string_view secret) {
  Sha256Digest digest = Sha256(salt, secret);
  return Hex({digest.data(), digest.size()});
}

// Takes as long whether they differ early, late or not.
bool Equal(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  unsigned different = 0;
  for (size_t i = 0; i < a.size(); ++i) different |= static_cast<unsigned char>(a[i] ^ b[i]);
  return different == 0;
}

std::string Encode(const KeyInfo& info, std::string_view salt, std::string_view hash) {
  DocWriter w(DocWriter::Format::kJson);
  w.BeginObject();
  w.Field("tenant", std::string_view(info.tenant)), w.Field("role", NameOf(info.role));
  w.Field("note", std::string_view(info.note)), w.Field("created_ns", info.created_ns);
  if (info.revoked_ns) w.Field("revoked_ns", *info.revoked_ns);
  w.Field("salt", salt), w.Field("hash", hash);
  w.EndObject();
  return w.Take();
}

Result<KeyInfo> Decode(std::string_view id, Json json) {
  auto role = ParseRole(json["role"].text());
  if (!json.is_object() || !role || json["tenant"].text().empty())
    return Fail(ErrorCode::kCorruptData, fmt::format("key {} cannot be read", id));
  KeyInfo info;
  info.id = id, info.tenant = json["tenant"].text(), info.role = *role, info.note = json["note"].text();
  info.created_ns = json["created_ns"].integer().value_or(0);
  info.revoked_ns = json["revoked_ns"].integer();
  return info;
}

}  // namespace

std::optional<Role> ParseRole(std::string_view name) {
  for (Role role : {Role::kIngest, Role::kRead, Role::kAdmin}) {
    if (NameOf(role) == name) return role;
  }
  return std::nullopt;
}

bool IsTenantName(std::string_view name) {
  constexpr size_t kMost = 64;
  return !name.empty() && name.size() <= kMost && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
  });
}

Result<NewKey> AddKey(store::Store& store, KeyInfo info, std::string_view random) {
  CT_CHECK(random.size() >= kLeastRandom);
  if (!IsTenantName(info.tenant))
    return Fail(ErrorCode::kInvalidInput, fmt::format("\"{}\" is no name for a tenant", info.tenant),
                "up to 64 lower-case letters, digits, \".\", \"_\" and \"-\"");
  info.id = Hex(random).substr(0, kIdDigits);
  std::string secret = Sha256Hex(random).substr(0, 48),
              salt = Sha256Hex(std::string("salt") + std::string(random));
  CT_RETURN_IF_ERROR(
      store.PutDocument(kSystemTenant, kCollection, info.id, Encode(info, salt, HashOf(salt, secret))));
  std::string key = fmt::format("{}{}_{}", kPrefix, info.id, secret);
  return NewKey{std::move(info), std::move(key)};
}

Result<std::vector<KeyInfo>> ListKeys(store::Store& store) {
  auto ids = store.DocumentKeys(kSystemTenant, kCollection);
  if (!ids) return std::unexpected(ids.error());
  std::vector<KeyInfo> keys;
  JsonParser parser;
  for (const std::string& id : *ids) {
    auto document = store.GetDocument(kSystemTenant, kCollection, id);
    if (!document) return std::unexpected(document.error());
    auto json = parser.Parse(*document);
    auto info = Decode(id, json ? *json : Json());
    if (!info) return std::unexpected(info.error());
    keys.push_back(std::move(*info));
  }
  std::ranges::sort(keys, {}, [](const KeyInfo& key) { return std::pair(key.created_ns, key.id); });
  return keys;
}

Status RevokeKey(store::Store& store, std::string_view id, int64_t now_ns) {
  auto document = store.GetDocument(kSystemTenant, kCollection, id);
  if (!document && document.error().code == ErrorCode::kNotFound)
    return Fail(ErrorCode::kNotFound, fmt::format("no key has the id {}", id),
                "clawtrace key list shows them");
  if (!document) return std::unexpected(document.error());
  JsonParser parser;
  auto json = parser.Parse(*document);
  auto info = Decode(id, json ? *json : Json());
  if (!info) return std::unexpected(info.error());
  if (!info->revoked_ns) info->revoked_ns = now_ns;
  std::string salt((*json)["salt"].text()), hash((*json)["hash"].text());
  return store.PutDocument(kSystemTenant, kCollection, id, Encode(*info, salt, hash));
}

Result<std::string> Keys::DocumentOf(std::string_view id) {
  int64_t now = steady_ns_();
  {
    std::lock_guard lock(mutex_);
    auto found = known_.find(id);
    if (found != known_.end() && found->second.until_ns > now) return found->second.document;
  }
  auto document = store_.GetDocument(kSystemTenant, kCollection, id);
  if (!document && document.error().code != ErrorCode::kNotFound) return document;
  std::lock_guard lock(mutex_);
  if (known_.size() >= kMaxKnown) known_.clear();  // guesses
  known_[std::string(id)] = {document.value_or(""), now + kFreshNs};
  return document.value_or("");
}

Result<std::optional<Caller>> Keys::Find(std::string_view key) {
  if (!key.starts_with(kPrefix)) return std::nullopt;
  std::string_view id = key.substr(kPrefix.size(), kIdDigits);
  std::string_view rest = key.substr(std::min(key.size(), kPrefix.size() + kIdDigits));
  bool hex = id.size() == kIdDigits && id.find_first_not_of("0123456789abcdef") == std::string_view::npos;
  if (!hex || !rest.starts_with('_')) return std::nullopt;
  auto document = DocumentOf(id);
  if (!document) return std::unexpected(document.error());
  if (document->empty()) return std::nullopt;
  JsonParser parser;
  auto json = parser.Parse(*document);
  auto info = Decode(id, json ? *json : Json());
  if (!info) return std::unexpected(info.error());
  if (info->revoked_ns || !Equal(HashOf((*json)["salt"].text(), rest.substr(1)), (*json)["hash"].text()))
    return std::nullopt;
  return Caller{std::move(info->tenant), info->role};
}

}  // namespace clawtrace::serve
