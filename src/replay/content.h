#pragma once
// What a text says, in pieces that can be found again in another text: paths, names, numbers, quoted strings,
// runs of words. The same content gives the same pieces in another encoding: JSON escapes, line numbers,
// escape sequences of terminals, absolute and relative paths (DESIGN 6.2).
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace clawtrace::replay {

enum class PieceKind : uint8_t {
  // Strong: hardly said again by chance.
  kComposite,  // words joined by / . : - @ with a digit, a slash or a point among them: paths, times,
               // versions
  kName,       // identifier of >= 3 characters with a digit, an underscore or a capital inside
  kNumber,     // of >= 2 digits
  kQuoted,     // several words in quotes, 3 to 80 characters
  kRun,        // three words one after the other, whatever stands between them
  // Weak: shows at most that it may have been used.
  kWord,   // of >= 3 letters
  kShort,  // a digit, or two characters with one
  kPair,   // a word and the sign or number that touches it: "cache,", "dropped 4"
};
constexpr bool IsStrong(PieceKind kind) { return kind <= PieceKind::kRun; }

struct Piece {
  uint64_t hash = 0;
  uint32_t begin = 0, size = 0;  // in the plain text
  PieceKind kind = PieceKind::kWord;
  uint32_t parts = 0;  // so many of the pieces behind it are parts of this composite
};

// A text as people would read it: without escape sequences, line numbers of reading tools and the folder
// `cwd` before paths.
std::string PlainText(std::string_view text, std::string_view cwd);
// The values of arguments (JSON), one a line, decoded; what is no JSON as it is.
std::string PlainArguments(std::string_view args, std::string_view cwd);
// Of a listing the names and sizes, one a line: dates, owners and rights are nothing that is taken up.
std::string PlainListing(std::string_view output, std::string_view cwd);

// Everybody's words ("false", "new", "folder") and words of one or two letters are pieces where an agent says
// them; where they are told to it, only as values: behind "=", ":" or "=>", or alone on their line.
enum class Voice { kSaid, kTold };

// In the order in which they stand; O(size).
std::vector<Piece> PiecesOf(std::string_view plain, Voice voice = Voice::kSaid);

}  // namespace clawtrace::replay
