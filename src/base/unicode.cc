#include "base/unicode.h"

#include <algorithm>
#include <array>
#include <utility>

namespace clawtrace {
namespace {

struct Range {
  uint32_t first, last;
};

template <size_t N>
bool In(const std::array<Range, N>& ranges, uint32_t code) {
  return std::any_of(ranges.begin(), ranges.end(),
                     [&](const Range& range) { return code >= range.first && code <= range.last; });
}

constexpr auto kHidden = std::to_array<Range>({
    {0x00, 0x08},     {0x0B, 0x0C},     {0x0E, 0x1F},     {0x7F, 0x9F},       {0xAD, 0xAD},
    {0x034F, 0x034F}, {0x061C, 0x061C}, {0x115F, 0x1160}, {0x17B4, 0x17B5},   {0x180B, 0x180E},
    {0x200B, 0x200F}, {0x2028, 0x202E}, {0x2060, 0x206F}, {0x3164, 0x3164},   {0xFE00, 0xFE0E},
    {0xFEFF, 0xFEFF}, {0xFFA0, 0xFFA0}, {0xFFF9, 0xFFFB}, {0xE0000, 0xE0FFF},
});
constexpr uint32_t kNonJoiner = 0x200C, kJoiner = 0x200D, kByteOrderMark = 0xFEFF;

// Letters that are joined or kept apart by zero-width marks in ordinary writing.
constexpr auto kJoinedScripts = std::to_array<Range>({{0x0600, 0x08FF},
                                                      {0x0900, 0x0DFF},
                                                      {0x1000, 0x109F},
                                                      {0x1780, 0x17FF},
                                                      {0x1800, 0x18AF},
                                                      {0xFB50, 0xFDFF}});
constexpr auto kSymbols = std::to_array<Range>({{0x2190, 0x2BFF}, {0xFE0F, 0xFE0F}, {0x1F000, 0x1FAFF}});

bool JoinsWhatItStandsIn(uint32_t mark, uint32_t before, uint32_t behind) {
  if (mark != kJoiner && mark != kNonJoiner) return false;
  bool symbols = In(kSymbols, before) && In(kSymbols, behind);
  return (mark == kJoiner && symbols) || (In(kJoinedScripts, before) && In(kJoinedScripts, behind));
}

constexpr auto kLatin = std::to_array<Range>(
    {{'A', 'Z'}, {'a', 'z'}, {0xC0, 0xD6}, {0xD8, 0xF6}, {0xF8, 0x024F}, {0x1E00, 0x1EFF}});
// Scripts that no word mixes with Latin letters.
constexpr auto kForeign = std::to_array<Range>({{0x0400, 0x052F},
                                                {0x0531, 0x0587},
                                                {0x13A0, 0x13FF},
                                                {0x2DE0, 0x2DFF},
                                                {0xA640, 0xA69F},
                                                {0xFF21, 0xFF3A},
                                                {0xFF41, 0xFF5A},
                                                {0x1D400, 0x1D7FF}});
constexpr auto kGreek = std::to_array<Range>({{0x0370, 0x03FF}, {0x1F00, 0x1FFF}});

struct LookAlike {
  uint32_t code;
  char ascii;
};
// By code, for the binary search.
constexpr auto kLookAlikes = std::to_array<LookAlike>({
    {0x0131, 'i'}, {0x0261, 'g'}, {0x0391, 'a'}, {0x0392, 'b'}, {0x0395, 'e'}, {0x0396, 'z'}, {0x0397, 'h'},
    {0x0399, 'i'}, {0x039A, 'k'}, {0x039C, 'm'}, {0x039D, 'n'}, {0x039F, 'o'}, {0x03A1, 'p'}, {0x03A4, 't'},
    {0x03A5, 'y'}, {0x03A7, 'x'}, {0x03B1, 'a'}, {0x03B9, 'i'}, {0x03BA, 'k'}, {0x03BD, 'v'}, {0x03BF, 'o'},
    {0x03C1, 'p'}, {0x03C4, 't'}, {0x03C5, 'u'}, {0x03C7, 'x'}, {0x03F2, 'c'}, {0x03F3, 'j'}, {0x0405, 's'},
    {0x0406, 'i'}, {0x0408, 'j'}, {0x0410, 'a'}, {0x0412, 'b'}, {0x0415, 'e'}, {0x041A, 'k'}, {0x041C, 'm'},
    {0x041D, 'h'}, {0x041E, 'o'}, {0x0420, 'p'}, {0x0421, 'c'}, {0x0422, 't'}, {0x0423, 'y'}, {0x0425, 'x'},
    {0x0430, 'a'}, {0x0435, 'e'}, {0x043A, 'k'}, {0x043C, 'm'}, {0x043D, 'h'}, {0x043E, 'o'}, {0x0440, 'p'},
    {0x0441, 'c'}, {0x0442, 't'}, {0x0443, 'y'}, {0x0445, 'x'}, {0x0455, 's'}, {0x0456, 'i'}, {0x0458, 'j'},
    {0x04AF, 'y'}, {0x04BB, 'h'}, {0x04CF, 'l'}, {0x0501, 'd'}, {0x051B, 'q'}, {0x051D, 'w'}, {0x0570, 'h'},
    {0x0578, 'n'}, {0x057D, 'u'}, {0x0585, 'o'}, {0x13A0, 'd'}, {0x13A1, 'r'}, {0x13A2, 't'}, {0x13AA, 'g'},
    {0x13B3, 'w'}, {0x13B7, 'm'}, {0x13BB, 'h'}, {0x13C0, 'g'}, {0x13C3, 'z'}, {0x13DA, 's'}, {0x13DE, 'l'},
    {0x13DF, 'c'}, {0x13E2, 'p'}, {0x13E6, 'k'}, {0x13F4, 'b'},
});

char AsciiOf(uint32_t code) {
  if (code < 0x80) return static_cast<char>(code >= 'A' && code <= 'Z' ? code - 'A' + 'a' : code);
  if (code >= 0xFF01 && code <= 0xFF5E) return AsciiOf(code - 0xFEE0);  // fullwidth
  constexpr uint32_t kMathLetters = 0x1D400, kMathGreek = 0x1D6A4, kMathDigits = 0x1D7CE, kAlphabets = 52;
  if (code >= kMathLetters && code < kMathGreek)
    return static_cast<char>('a' + (code - kMathLetters) % kAlphabets % 26);
  if (code >= kMathDigits && code <= 0x1D7FF) return static_cast<char>('0' + (code - kMathDigits) % 10);
  auto found = std::lower_bound(kLookAlikes.begin(), kLookAlikes.end(), code,
                                [](const LookAlike& each, uint32_t wanted) { return each.code < wanted; });
  return found != kLookAlikes.end() && found->code == code ? found->ascii : '\0';
}

// Letters of one word, by where they are from.
struct WordLetters {
  size_t latin = 0, foreign = 0, greek_alike = 0;

  void Add(uint32_t code) {
    latin += In(kLatin, code) ? 1 : 0;
    foreign += In(kForeign, code) ? 1 : 0;
    greek_alike += In(kGreek, code) && AsciiOf(code) != '\0' ? 1 : 0;
  }
  // Formulas put single Greek letters beside a Latin one ("ρg"); deceiving takes a word.
  bool Mixed() const { return (latin > 0 && foreign > 0) || (latin > 1 && greek_alike > 0); }
};

bool IsLetter(uint32_t code) { return In(kLatin, code) || In(kForeign, code) || In(kGreek, code); }

}  // namespace

size_t DecodeUtf8(std::string_view text, uint32_t* code) {
  auto byte = [&](size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u; };
  unsigned first = byte(0);
  size_t length = first < 0x80 ? 1 : first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  uint32_t value = length == 1 ? first : first & (0x7Fu >> length);
  bool valid = first < 0x80 || (first >= 0xC2 && first <= 0xF4);
  for (size_t i = 1; i < length && valid; ++i) {
    valid = (byte(i) & 0xC0u) == 0x80u;
    value = value << 6 | (byte(i) & 0x3Fu);
  }
  constexpr std::array<uint32_t, 5> kLeast = {0, 0, 0x80, 0x800, 0x10000};
  valid = valid && value >= kLeast[length] && value <= 0x10FFFF && (value < 0xD800 || value > 0xDFFF);
  *code = valid ? value : 0xFFFD;
  return valid ? length : 1;
}

void AppendUtf8(uint32_t code, std::string* out) {
  auto put = [&](uint32_t byte) { out->push_back(static_cast<char>(byte)); };
  if (code < 0x80) return put(code);
  if (code < 0x800) {
    put(0xc0 | code >> 6);
  } else if (code < 0x10000) {
    put(0xe0 | code >> 12), put(0x80 | (code >> 6 & 0x3f));
  } else {
    put(0xf0 | code >> 18), put(0x80 | (code >> 12 & 0x3f)), put(0x80 | (code >> 6 & 0x3f));
  }
  put(0x80 | (code & 0x3f));
}

std::vector<TextPlace> FindHidden(std::string_view text) {
  std::vector<TextPlace> places;
  uint32_t before = 0;
  for (size_t at = 0; at < text.size();) {
    uint32_t code = 0;
    size_t length = DecodeUtf8(text.substr(at), &code);
    if (In(kHidden, code) && !(at == 0 && code == kByteOrderMark)) {
      uint32_t behind = 0;
      if (at + length < text.size()) DecodeUtf8(text.substr(at + length), &behind);
      if (!JoinsWhatItStandsIn(code, before, behind)) places.push_back({at, at + length, code});
    }
    before = code;
    at += length;
  }
  return places;
}

std::vector<TextPlace> FindMixedWords(std::string_view text) {
  std::vector<TextPlace> places;
  WordLetters letters;
  size_t begin = 0;
  for (size_t at = 0; at <= text.size();) {
    uint32_t code = 0;
    size_t length = at < text.size() ? DecodeUtf8(text.substr(at), &code) : 1;
    if (at < text.size() && IsLetter(code)) {
      letters.Add(code);
    } else {
      if (letters.Mixed()) places.push_back({begin, at, 0});
      letters = {};
      begin = at + length;
    }
    at += length;
  }
  return places;
}

std::string VisibleSkeleton(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    uint32_t code = 0;
    size_t length = DecodeUtf8(text.substr(at), &code);
    if (char ascii = AsciiOf(code); ascii != '\0')
      out.push_back(ascii);
    else if (!In(kHidden, code))
      out.append(text.substr(at, length));
    at += length;
  }
  return out;
}

}  // namespace clawtrace
