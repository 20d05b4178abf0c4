#include "model/fact.h"

#include "model/archive.h"

namespace clawtrace {

std::string EncodeFact(const Fact& fact) { return Encode(fact, DocWriter::Format::kJson); }
Result<Fact> DecodeFact(std::string_view line) { return Decode<Fact>(line, "fact"); }

}  // namespace clawtrace
