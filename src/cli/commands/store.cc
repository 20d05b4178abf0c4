#include "store/store.h"

#include <fmt/core.h>

#include <algorithm>
#include <filesystem>

#include "base/doc_writer.h"
#include "base/text.h"
#include "cli/inputs.h"
#include "cli/local_store.h"
#include "cli/table.h"
#include "history/history.h"

namespace clawtrace::cli {
namespace {

constexpr Flag kFlags[] = {
    kStoreFlag,
    {"--older-than", "AGE", "delete: sessions whose last record is older: 30d, 12h", FlagKind::kValue},
    {"--everything", "", "delete: all sessions", FlagKind::kSwitch},
    {"--tenant", "NAME", "delete: of this tenant (default: local)", FlagKind::kValue},
    {"--dry-run", "", "delete: say what would go", FlagKind::kSwitch},
    kJsonFlag,
};

// Figures as a table for people, as one object for programs.
void PrintFigures(const std::vector<std::pair<std::string, int64_t>>& figures, bool json, std::ostream& out) {
  if (!json) {
    std::vector<std::vector<std::string>> rows;
    for (const auto& [name, value] : figures) {
      std::string words = name;
      std::ranges::replace(words, '_', ' ');
      rows.push_back({words, std::to_string(value)});
    }
    return PrintTable(out, {{"what"}, {"count", true}}, rows);
  }
  DocWriter w(DocWriter::Format::kJson);
  w.BeginObject();
  for (const auto& [name, value] : figures) w.Field(name, value);
  w.EndObject();
  out << w.Take() << '\n';
}

int Stats(LocalStore& local, const Arguments& arguments, const World& world) {
  auto stats = local.store->Stats();
  if (!stats) return Report(world, stats.error());
  PrintFigures({{"schema_version", stats->schema_version},
                {"sessions", stats->summaries},
                {"session_ids", stats->sessions},
                {"facts", stats->facts},
                {"payloads", stats->payloads},
                {"changed_families", stats->changed_families},
                {"facts_not_indexed", stats->text_behind},
                {"payload_bytes", stats->payload_bytes},
                {"payload_stored_bytes", stats->payload_stored_bytes},
                {"sealed_bytes", stats->sealed_bytes},
                {"file_bytes", stats->file_bytes},
                {"log_bytes", stats->log_bytes},
                {"free_bytes", stats->free_bytes}},
               arguments.Has("--json"), *world.out);
  return kDone;
}

int Check(LocalStore& local, const Arguments& arguments, const World& world) {
  auto report = local.store->Check();
  if (!report) return Report(world, report.error());
  if (arguments.Has("--json")) {
    DocWriter w(DocWriter::Format::kJson);
    w.BeginObject();
    w.Field("facts", report->facts), w.Field("payloads", report->payloads),
        w.Field("summaries", report->summaries);
    w.Key("problems"), w.BeginArray();
    for (const std::string& problem : report->problems) w.String(problem);
    w.EndArray(), w.EndObject();
    *world.out << w.Take() << '\n';
  } else {
    for (const std::string& problem : report->problems)
      *world.out << "problem: " << Printable(problem) << '\n';
    *world.out << fmt::format("{} facts, {} payloads, {} sessions looked at, {} problems\n", report->facts,
                              report->payloads, report->summaries, report->problems.size());
  }
  return report->problems.empty() ? kDone : kNo;
}

int Vacuum(LocalStore& local, const Arguments& arguments, const World& world) {
  auto before = local.store->Stats();
  if (!before) return Report(world, before.error());
  if (Status done = local.store->Vacuum(); !done) return Report(world, done.error());
  auto after = local.store->Stats();
  if (!after) return Report(world, after.error());
  PrintFigures({{"file_bytes_before", before->file_bytes}, {"file_bytes", after->file_bytes}},
               arguments.Has("--json"), *world.out);
  return kDone;
}

int Backup(LocalStore& local, const Arguments& arguments, const World& world) {
  if (arguments.positional.size() != 2)
    return Report(world, {ErrorCode::kInvalidInput, "backup needs the file to write",
                          "clawtrace store backup FILE [--store FILE]"});
  const std::string& target = arguments.positional[1];
  if (Status done = local.store->Backup(target); !done) return Report(world, done.error());
  std::error_code error;
  namespace fs = std::filesystem;
  fs::permissions(target, fs::perms::owner_read | fs::perms::owner_write, error);
  // With it secrets in later imports get the same names.
  fs::copy_file(local.path + ".secret", target + ".secret", error);
  auto bytes = fs::file_size(target, error);
  PrintFigures({{"file_bytes", error ? 0 : static_cast<int64_t>(bytes)}}, arguments.Has("--json"),
               *world.out);
  return kDone;
}

// "30d", "12h", "2w" in nanoseconds.
Result<int64_t> AgeOf(std::string_view text) {
  constexpr int64_t kHour = int64_t{3600} * 1'000'000'000;
  int64_t unit = 0;
  if (text.ends_with('h')) unit = kHour;
  if (text.ends_with('d')) unit = 24 * kHour;
  if (text.ends_with('w')) unit = 7 * 24 * kHour;
  auto count = unit > 0 ? ParseInt(text.substr(0, text.size() - 1)) : std::nullopt;
  if (!count || *count < 0 || *count > INT64_MAX / unit)
    return Fail(ErrorCode::kInvalidInput, fmt::format("--older-than {} is no age", text),
                "a number of hours, days or weeks: 12h, 30d, 8w");
  return *count * unit;
}

std::string TenantOf(const Arguments& arguments) {
  return arguments.Has("--tenant") ? arguments.Value("--tenant") : std::string(kLocalTenant);
}

Result<std::vector<store::RemoveRequest>> RequestsOf(store::Store& store, const Arguments& arguments) {
  std::vector<std::string> names(arguments.positional.begin() + 1, arguments.positional.end());
  int ways = static_cast<int>(!names.empty()) + static_cast<int>(arguments.Has("--older-than")) +
             static_cast<int>(arguments.Has("--everything"));
  if (ways != 1)
    return Fail(ErrorCode::kInvalidInput, "delete needs to know what: sessions, an age, or everything",
                "clawtrace store delete SESSION... | --older-than 30d | --everything");
  std::vector<store::RemoveRequest> requests;
  if (arguments.Has("--everything")) requests.emplace_back().everything = true;
  if (arguments.Has("--older-than")) {
    auto age = AgeOf(arguments.Value("--older-than"));
    if (!age) return std::unexpected(age.error());
    requests.emplace_back().before_ns = NowNs() - *age;
  }
  for (const std::string& name : names) {
    // A full id is enough, whether or not the session was compiled already.
    if (store.IsChanged(TenantOf(arguments), name)) {
      requests.emplace_back().session_id = name;
      continue;
    }
    auto chosen = history::FindSession(store, TenantOf(arguments), name);
    if (!chosen) return std::unexpected(chosen.error());
    requests.emplace_back().session_id = chosen->card.session_id;
  }
  return requests;
}

// Which sessions a request would take out.
Result<int64_t> CountSessions(store::Store& store, const std::string& tenant,
                              const store::RemoveRequest& request) {
  if (request.session_id) return 1;
  int64_t count = 0;
  store::ListRequest list;
  list.limit = store::kMaxPage;
  do {
    auto page = store.ListSessions(tenant, list);
    if (!page) return std::unexpected(page.error());
    count += std::ranges::count_if(page->sessions, [&](const store::SessionSummary& session) {
      auto last = session.end_ns ? session.end_ns : session.start_ns;
      return request.everything || (last && *last < *request.before_ns);
    });
    list.cursor = page->next;
  } while (!list.cursor.empty());
  return count;
}

int Delete(LocalStore& local, const Arguments& arguments, const World& world) {
  auto requests = RequestsOf(*local.store, arguments);
  if (!requests) return Report(world, requests.error());
  bool json = arguments.Has("--json");
  if (arguments.Has("--dry-run")) {
    int64_t sessions = 0;
    for (const store::RemoveRequest& request : *requests) {
      auto count = CountSessions(*local.store, TenantOf(arguments), request);
      if (!count) return Report(world, count.error());
      sessions += *count;
    }
    PrintFigures({{"sessions_that_would_go", sessions}}, json, *world.out);
    return kDone;
  }
  store::Removed sum;
  for (const store::RemoveRequest& request : *requests) {
    auto removed = local.store->Remove(TenantOf(arguments), request);
    if (!removed) return Report(world, removed.error());
    sum.families += removed->families, sum.sessions += removed->sessions;
    sum.facts += removed->facts, sum.payloads += removed->payloads;
  }
  // Of removals that were interrupted.
  for (Result<bool> left = true; *left;) {
    left = local.store->FinishRemovals(INT64_MAX);
    if (!left) return Report(world, left.error());
  }
  PrintFigures({{"families_removed", sum.families},
                {"session_ids_removed", sum.sessions},
                {"facts_removed", sum.facts},
                {"payloads_removed", sum.payloads}},
               json, *world.out);
  return kDone;
}

struct Action {
  std::string_view name;
  int (*run)(LocalStore& local, const Arguments& arguments, const World& world);
};
constexpr Action kActions[] = {
    {"stats", Stats}, {"check", Check}, {"vacuum", Vacuum}, {"backup", Backup}, {"delete", Delete}};

int Run(const Arguments& arguments, const World& world) {
  const Action* action = nullptr;
  for (const Action& each : kActions) {
    if (!arguments.positional.empty() && arguments.positional[0] == each.name) action = &each;
  }
  if (!action)
    return Report(world,
                  {ErrorCode::kInvalidInput,
                   arguments.positional.empty() ? "store needs to know what to do"
                                                : fmt::format("store {}: not known", arguments.positional[0]),
                   "stats, check, vacuum, backup FILE or delete"});
  // FILE may also stand behind these.
  Arguments named = arguments;
  bool takes_none = action->run == Stats || action->run == Check || action->run == Vacuum;
  if (takes_none && named.positional.size() == 2 && !named.Has("--store"))
    named.values["--store"] = named.positional[1];
  else if (takes_none && named.positional.size() > 1)
    return Report(world, {ErrorCode::kInvalidInput, fmt::format("store {} takes one store", action->name)});
  auto local = OpenLocalStore(StorePath(named, world), true);
  if (!local) return Report(world, local.error());
  return action->run(*local, named, world);
}

}  // namespace

extern const Command kStore;
const Command kStore = {
    .name = "store",
    .summary = "look after a store: stats, check, vacuum, backup, delete",
    .usage =
        "store stats|check|vacuum [FILE] [--json]\n"
        "       clawtrace store backup TARGET [--store FILE]\n"
        "       clawtrace store delete SESSION...|--older-than AGE|--everything [--tenant NAME] [--dry-run] "
        "[--store FILE]",
    .details =
        "stats counts; check reads everything and compares it with what it must be (exit code 1: something\n"
        "is wrong); vacuum gives free space back to the file system; backup writes a copy as of one moment\n"
        "while others read and write. delete takes sessions out with everything that only they need: facts,\n"
        "texts, payloads, words of the index, copies in the write-ahead log. What is deleted is not "
        "imported\n"
        "again, unless its file changes or everything was deleted. Backups hold what they held. What a\n"
        "server took with the key of a tenant is the tenant's: --tenant.",
    .flags = kFlags,
    .run = Run,
};

}  // namespace clawtrace::cli
