#pragma once
// The store of this user, and the secret that belongs to it.
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "capture/redact.h"
#include "cli/command.h"
#include "cli/corpus.h"
#include "history/history.h"
#include "store/store.h"

namespace clawtrace::cli {

inline constexpr Flag kStoreFlag{"--store", "FILE", "the store (default: $CLAWTRACE_STORE, else the user's)",
                                 FlagKind::kPath};
// Whose sessions a command imports and reads.
inline constexpr std::string_view kLocalTenant = "local";

struct LocalStore {
  std::string path;
  std::string secret;  // of the store: salts hashes of texts; kept in path.secret, readable by the owner
  std::unique_ptr<store::Store> store;
};

// --store, else the user's; "" when there is no place for one.
std::string StorePath(const Arguments& arguments, const World& world);
// Makes store and folder, with rights for the owner alone, unless must_exist (kNotFound). commit_window_us:
// how long a commit waits for more writers; one process with one writer has none.
Result<LocalStore> OpenLocalStore(const std::string& path, bool must_exist, int64_t commit_window_us = 0);
inline constexpr Flag kRedactFlag{"--redact", "FILE", "redaction rules of your own (docs/redaction.md)",
                                  FlagKind::kPath};
inline constexpr Flag kNoRedactionFlag{"--no-redaction", "", "store secrets as they come", FlagKind::kSwitch};
// What takes secrets out of facts before they are stored: the default rules, those of --redact; nullptr:
// nothing is redacted.
Result<std::unique_ptr<capture::Redactor>> RedactorOf(const Arguments& arguments, const LocalStore& store);

history::HistoryOptions HistoryOptionsOf(const World& world, const PriceBook& book);
// Brings all cards up to date.
Status CompileAllChanged(store::Store& store, const history::HistoryOptions& options);

// An existing store whose cards are up to date.
Result<LocalStore> OpenCompiledStore(const std::string& path, const PriceBook& book, const World& world);
// The sessions that these name (history::FindSession), in that order; without any, all by (start, id). Cards
// without their steps.
Result<std::vector<Compiled>> ReadStored(store::Store& store, const std::vector<std::string>& selectors);

int64_t NowNs();

}  // namespace clawtrace::cli
