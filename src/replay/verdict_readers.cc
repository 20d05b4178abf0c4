#include "replay/verdict_reader.h"

namespace clawtrace::replay {

#define CT_VERDICT_READER(constant) extern const VerdictReader constant;
#include "replay/verdict_readers.def"
#undef CT_VERDICT_READER

const std::vector<const VerdictReader*>& VerdictReaders() {
  static const std::vector<const VerdictReader*> all = {
#define CT_VERDICT_READER(constant) &constant,
#include "replay/verdict_readers.def"
#undef CT_VERDICT_READER
  };
  return all;
}

const VerdictReader* FindVerdictReader(std::string_view name) {
  for (const VerdictReader* reader : VerdictReaders()) {
    if (reader->name == name) return reader;
  }
  return nullptr;
}

const VerdictReader* SniffVerdicts(std::string_view name, std::string_view text) {
  for (const VerdictReader* reader : VerdictReaders()) {
    if (reader->sniff(name, text)) return reader;
  }
  return nullptr;
}

}  // namespace clawtrace::replay
