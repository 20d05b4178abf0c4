#pragma once
// Keys that let clients in. A key is shown once, when it is made; kept are its salted hash, its tenant and
// its role, as a document of the store. The tenant of a request comes from its key alone.
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "serve/api/message.h"
#include "store/store.h"

namespace clawtrace::serve {

// What a key may do, and whether that is enough: serve/api/message.h.
using api::Allows;
using api::NameOf;
using api::Role;
std::optional<Role> ParseRole(std::string_view name);  // "ingest", "read", "admin"

// Of whoever comes without a key, where none is asked for.
inline constexpr std::string_view kLocalTenant = "local";
// Lower-case letters, digits, ".", "_", "-"; up to 64.
bool IsTenantName(std::string_view name);

struct KeyInfo {
  std::string id;  // twelve hex digits, the part of a key that is no secret
  std::string tenant;
  Role role = Role::kIngest;
  std::string note;
  int64_t created_ns = 0;
  std::optional<int64_t> revoked_ns;
};

struct NewKey {
  KeyInfo info;
  std::string key;  // "ctk_ID_SECRET"
};
// random: at least 32 bytes nobody can guess.
Result<NewKey> AddKey(store::Store& store, KeyInfo info, std::string_view random);
Result<std::vector<KeyInfo>> ListKeys(store::Store& store);  // by time, then id
// kNotFound. Takes effect in running servers within Keys::kFreshNs.
Status RevokeKey(store::Store& store, std::string_view id, int64_t now_ns);

struct Caller {
  std::string tenant;
  Role role = Role::kNone;
};

// Looks keys up, and remembers them for a moment. Thread-safe.
class Keys {
 public:
  static constexpr int64_t kFreshNs = 2'000'000'000;
  Keys(store::Store* store, std::function<int64_t()> steady_ns)
      : store_(*store), steady_ns_(std::move(steady_ns)) {}
  // nullopt: no such key, or it was revoked. An error when the store cannot say.
  Result<std::optional<Caller>> Find(std::string_view key);

 private:
  struct Known {
    std::string document;  // "" when there is none
    int64_t until_ns = 0;
  };
  Result<std::string> DocumentOf(std::string_view id);

  store::Store& store_;
  std::function<int64_t()> steady_ns_;
  std::mutex mutex_;
  std::map<std::string, Known, std::less<>> known_;
};

// Small things that the server keeps for itself, of no tenant.
inline constexpr std::string_view kSystemTenant = "$system";

}  // namespace clawtrace::serve
