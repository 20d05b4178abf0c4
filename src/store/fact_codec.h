#pragma once
// The form of a fact in a store: fields by number, so that a build reads what older builds wrote; what it
// does not know of newer ones it leaves out. Kind, source and session are kept beside it, not in it.
//
// Zero, false, empty and absent values take no room and read back as such: a field that is added to a fact
// must mean "not known" by its zero, or be optional.
#include <array>
#include <string>
#include <string_view>

#include "base/result.h"
#include "model/fact.h"

namespace clawtrace::store {

void EncodeFactBody(const Fact& fact, std::string* out);
// Fills everything but kind, source and session_id. kCorruptData when the bytes are none of ours.
Status DecodeFactBody(std::string_view bytes, Fact* fact);

// Every field of a fact must have a number; a test asks for each that Describe names.
bool HasFieldNumber(std::string_view name);

// Tells facts of one session apart: over kind, source and body.
using FactKey = std::array<char, 16>;
FactKey KeyOf(const Fact& fact, std::string_view body);

}  // namespace clawtrace::store
