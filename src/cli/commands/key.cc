#include <fmt/core.h>
#include <sys/random.h>

#include "base/doc_writer.h"
#include "base/text.h"
#include "cli/inputs.h"
#include "cli/local_store.h"
#include "cli/table.h"
#include "serve/keys.h"

namespace clawtrace::cli {
namespace {

constexpr Flag kFlags[] = {
    kStoreFlag,
    {"--tenant", "NAME", "whose sessions it is for (add; default: local)", FlagKind::kValue},
    {"--role", "ROLE", "ingest, read or admin (add; default: ingest)", FlagKind::kValue},
    {"--note", "TEXT", "to know it by (add)", FlagKind::kValue},
    kJsonFlag,
};

int Add(const Arguments& arguments, store::Store& store, const World& world) {
  serve::KeyInfo info;
  info.tenant = arguments.Has("--tenant") ? arguments.Value("--tenant") : std::string(serve::kLocalTenant);
  info.note = arguments.Value("--note");
  info.created_ns = NowNs();
  if (arguments.Has("--role")) {
    auto role = serve::ParseRole(arguments.Value("--role"));
    if (!role)
      return Report(world,
                    {ErrorCode::kInvalidInput, fmt::format("--role {} is none", arguments.Value("--role")),
                     "ingest, read or admin"});
    info.role = *role;
  }
  std::string random(32, '\0');
  if (getrandom(random.data(), random.size(), 0) != static_cast<ssize_t>(random.size()))
    return Report(world, {ErrorCode::kIo, "the system gives no random bytes", ""});
  auto made = serve::AddKey(store, std::move(info), random);
  if (!made) return Report(world, made.error());
  *world.out << made->key << "\n";
  *world.err << fmt::format("key {} of {}, role {}; it is not shown again\n", made->info.id,
                            made->info.tenant, serve::NameOf(made->info.role));
  return kDone;
}

std::string StateOf(const serve::KeyInfo& key) {
  return key.revoked_ns ? "revoked " + FormatIsoTime(*key.revoked_ns).substr(0, 10) : "valid";
}

int List(const Arguments& arguments, store::Store& store, const World& world) {
  auto keys = serve::ListKeys(store);
  if (!keys) return Report(world, keys.error());
  if (arguments.Has("--json")) {
    DocWriter w(DocWriter::Format::kJson);
    w.BeginArray();
    for (const serve::KeyInfo& key : *keys) {
      w.BeginObject();
      w.Field("id", std::string_view(key.id)), w.Field("tenant", std::string_view(key.tenant));
      w.Field("role", serve::NameOf(key.role)), w.Field("note", std::string_view(key.note));
      w.Field("created", std::string_view(FormatIsoTime(key.created_ns)));
      if (key.revoked_ns) w.Field("revoked", std::string_view(FormatIsoTime(*key.revoked_ns)));
      w.EndObject();
    }
    w.EndArray();
    *world.out << w.Take() << "\n";
    return kDone;
  }
  std::vector<std::vector<std::string>> rows;
  for (const serve::KeyInfo& key : *keys)
    rows.push_back({key.id, key.tenant, std::string(serve::NameOf(key.role)),
                    FormatIsoTime(key.created_ns).substr(0, 10), StateOf(key), Printable(key.note)});
  PrintTable(*world.out, {{"id"}, {"tenant"}, {"role"}, {"made"}, {"state"}, {"note"}}, rows);
  return kDone;
}

int Run(const Arguments& arguments, const World& world) {
  const auto& words = arguments.positional;
  bool known = !words.empty() && (words[0] == "add" || words[0] == "list" || words[0] == "revoke");
  if (!known || words.size() != (words[0] == "revoke" ? 2u : 1u))
    return Report(world, {ErrorCode::kInvalidInput, "key wants to know what to do",
                          "clawtrace key add, clawtrace key list, clawtrace key revoke ID"});
  auto local = OpenLocalStore(StorePath(arguments, world), words[0] != "add");
  if (!local) return Report(world, local.error());
  if (words[0] == "add") return Add(arguments, *local->store, world);
  if (words[0] == "list") return List(arguments, *local->store, world);
  Status revoked = serve::RevokeKey(*local->store, words[1], NowNs());
  if (revoked) return kDone;
  Report(world, revoked.error());
  return revoked.error().code == ErrorCode::kNotFound ? kNo : kCouldNot;
}

}  // namespace

extern const Command kKey;
const Command kKey = {
    .name = "key",
    .summary = "keys that let clients into the server",
    .usage =
        "key add [--store FILE] [--tenant NAME] [--role ROLE] [--note TEXT] | key list [--json] | key revoke "
        "ID",
    .details =
        "add prints the new key, once; the store keeps its salted hash. A key belongs to one tenant and has "
        "one role: ingest\n"
        "sends, read asks, admin may both. Clients send it as \"Authorization: Bearer KEY\" or \"x-api-key: "
        "KEY\". Running servers\n"
        "know of changes within two seconds. docs/collector.md.",
    .flags = kFlags,
    .positional_paths = false,
    .run = Run,
};

}  // namespace clawtrace::cli
