#pragma once
// Takes secrets out of a whole record of a log: JSON, whose strings hold texts with escapes, often JSON
// again.
#include <string>

#include "capture/redact.h"

namespace clawtrace::capture {

// What Redactor::Text does with the record, and before that with each of its strings as it reads without its
// escapes: what is taken out of a fact's text is taken out of the record as well. Strings without a secret
// keep every byte, those with one are escaped anew. True when changed. Time grows linearly with the record.
bool RedactRecord(const Redactor& redactor, std::string* record);

}  // namespace clawtrace::capture
