#pragma once
// The embedded engine: one SQLite file and its log. docs/adr/0005-store.md
#include <cstdint>
#include <memory>
#include <string>

#include "base/result.h"
#include "store/store.h"

namespace clawtrace::store {

struct SqliteOptions {
  std::string path;
  // At least 16 bytes from a source of randomness; of use only when the file is made, to salt what texts are
  // known by.
  std::string secret;
  bool must_exist = false;  // kNotFound instead of making a file
  // How long a commit waits for more batches when there were several lately, and how much may wait in all.
  int64_t commit_window_us = 5'000;
  uint64_t max_waiting_bytes = uint64_t{64} << 20;
  int64_t log_pages = 2'000;  // of 8 KB: when the log is longer it is moved into the file
  std::string vfs;            // SQLite's name of the file system; "" = the usual. For tests.
};

// Several processes may have one store open. Errors: kUnsupported when the file is of a newer program,
// kInvalidInput when it is no store, kCorruptData when it is damaged, kUnavailable when it cannot be opened.
Result<std::unique_ptr<Store>> OpenSqliteStore(const SqliteOptions& options);

}  // namespace clawtrace::store
