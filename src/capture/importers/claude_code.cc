#include "capture/importer.h"

namespace clawtrace::capture {
extern const Importer kClaudeCode;
const Importer kClaudeCode = {.name = "claude-code", .summary = "", .default_root = "", .file_suffixes = ".jsonl",
  .sniff = [](std::string_view) { return false; }, .open = [](const FileContext&, FactSink*) -> std::unique_ptr<LogReader> { return nullptr; }};
}  // namespace clawtrace::capture
