#include "capture/importer.h"
#include "capture/sqlite_reader.h"

namespace clawtrace::capture {

#define CT_IMPORTER(constant) extern const Importer constant;
#include "capture/importers.def"
#undef CT_IMPORTER

const std::vector<const Importer*>& Importers() {
  static const std::vector<const Importer*> all = {
#define CT_IMPORTER(constant) &constant,
#include "capture/importers.def"
#undef CT_IMPORTER
  };
  return all;
}

const Importer* FindImporter(std::string_view name) {
  for (const Importer* importer : Importers()) {
    if (importer->name == name) return importer;
  }
  return nullptr;
}

const Importer* SniffImporter(std::string_view head) {
  const Importer* found = nullptr;
  for (const Importer* importer : Importers()) {
    if (!importer->sniff(head)) continue;
    if (found) return nullptr;
    found = importer;
  }
  return found;
}

std::string_view CompanionOf(std::string_view head) {
  for (const Importer* importer : Importers()) {
    std::string_view what = importer->companion ? importer->companion(head) : "";
    if (!what.empty()) return what;
  }
  return {};
}

Result<const Importer*> SniffDatabase(const std::string& path) {
  auto reader = SqliteReader::Open(path);
  if (!reader) return std::unexpected(reader.error());
  const Importer* found = nullptr;
  for (const Importer* importer : Importers()) {
    if (!importer->is_database || !importer->is_database(reader->tables())) continue;
    if (found) return nullptr;
    found = importer;
  }
  return found;
}

}  // namespace clawtrace::capture
