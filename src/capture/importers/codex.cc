#include "capture/importer.h"

namespace clawtrace::capture {
extern const Importer kCodex;
const Importer kCodex = {.name = "codex", .summary = "", .default_root = "", .file_suffixes = ".jsonl",
  .sniff = [](std::string_view) { return false; }, .open = [](const FileContext&, FactSink*) -> std::unique_ptr<LogReader> { return nullptr; }};
}  // namespace clawtrace::capture
