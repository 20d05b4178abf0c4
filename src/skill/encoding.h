#pragma once
// Bytes that somebody may take for a text although they are no clean one: what is wrong with them, and what a
// reader who does not mind takes them for. One odd byte must not keep a file from being looked at.
#include <string>
#include <string_view>

namespace clawtrace::skill {

// Said of a file: "holds a NUL byte ..."; "" when the bytes are UTF-8 without NUL.
std::string EncodingProblem(std::string_view bytes);

// Valid UTF-8 without NUL, line for line. UTF-16 that begins with a byte order mark is decoded, NUL is passed
// over as on a terminal, any other byte that is no UTF-8 becomes a blank.
std::string ReadLeniently(std::string_view bytes);

// Whether a person, an agent or an interpreter may read it as a text: by its name, its "#!", or since most of
// its bytes are text. Pictures, archives and the like are none.
bool MayBeText(std::string_view path, std::string_view bytes);

// Machine code, which nobody can read.
bool IsProgram(std::string_view bytes);

}  // namespace clawtrace::skill
