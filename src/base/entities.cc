#include "base/entities.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>

#include "base/text.h"
#include "base/unicode.h"

namespace clawtrace {
namespace {

struct Named {
  std::string_view name;
  uint32_t code;
};
// In lower case: references that browsers do not know by another case are taken for the same.
constexpr auto kNamed =
    std::to_array<Named>({{"amp", '&'},     {"apos", '\''},        {"ast", '*'},
                          {"bsol", '\\'},   {"colon", ':'},        {"comma", ','},
                          {"emsp", ' '},    {"ensp", ' '},         {"excl", '!'},
                          {"grave", '`'},   {"gt", '>'},           {"hyphen", '-'},
                          {"lbrace", '{'},  {"lbrack", '['},       {"lcub", '{'},
                          {"lowbar", '_'},  {"lpar", '('},         {"lrm", 0x200E},
                          {"lsqb", '['},    {"lt", '<'},           {"nbsp", ' '},
                          {"newline", ' '}, {"nobreak", 0x2060},   {"num", '#'},
                          {"period", '.'},  {"quest", '?'},        {"quot", '"'},
                          {"rbrace", '}'},  {"rbrack", ']'},       {"rcub", '}'},
                          {"rlm", 0x200F},  {"rpar", ')'},         {"rsqb", ']'},
                          {"semi", ';'},    {"shy", 0xAD},         {"sol", '/'},
                          {"tab", ' '},     {"thinsp", ' '},       {"verbar", '|'},
                          {"vert", '|'},    {"verticalline", '|'}, {"zerowidthspace", 0x200B},
                          {"zwj", 0x200D},  {"zwnj", 0x200C}});

static_assert(std::is_sorted(kNamed.begin(), kNamed.end(),
                             [](const Named& a, const Named& b) { return a.name < b.name; }));

std::optional<uint32_t> NumberOf(std::string_view digits) {
  uint32_t base = 10;
  if (digits.starts_with('x') || digits.starts_with('X')) base = 16, digits.remove_prefix(1);
  if (digits.empty()) return std::nullopt;
  uint32_t code = 0;
  for (char c : digits) {
    uint32_t digit = c >= '0' && c <= '9'   ? static_cast<uint32_t>(c - '0')
                     : c >= 'a' && c <= 'f' ? static_cast<uint32_t>(c - 'a') + 10
                     : c >= 'A' && c <= 'F' ? static_cast<uint32_t>(c - 'A') + 10
                                            : base;
    if (digit >= base) return std::nullopt;
    code = std::min(code * base + digit, uint32_t{0x110000});
  }
  bool none = code > 0x10FFFF || (code >= 0xD800 && code < 0xE000);
  return none ? 0xFFFD : code;
}

// name: what stands between "&" and ";".
std::optional<uint32_t> CodeOf(std::string_view name) {
  if (name.starts_with('#')) return NumberOf(name.substr(1));
  std::string lower = ToLower(name);
  auto found = std::lower_bound(kNamed.begin(), kNamed.end(), std::string_view(lower),
                                [](const Named& named, std::string_view key) { return named.name < key; });
  if (found == kNamed.end() || found->name != lower) return std::nullopt;
  return found->code;
}

}  // namespace

DecodedText::DecodedText(std::string_view given) {
  // More digits than a code point has only lead with zeros.
  constexpr size_t kLongest = 24;
  text_.reserve(given.size());
  for (size_t at = 0; at < given.size();) {
    size_t next = std::min(given.find('&', at), given.size());
    text_.append(given.substr(at, next - at));
    at = next;
    if (at == given.size()) break;
    size_t end = given.substr(at, kLongest).find(';');
    auto code = end == std::string_view::npos ? std::nullopt : CodeOf(given.substr(at + 1, end - 1));
    if (!code) {
      text_.push_back(given[at++]);
      continue;
    }
    at += end + 1;
    bool blank = *code == '\n' || *code == '\r' || *code == '\t' || *code == 0xA0;
    if (blank)
      text_.push_back(' ');
    else if (*code == '`')
      text_.push_back('\'');
    else if (*code >= 0x20)
      AppendUtf8(*code, &text_);
    places_.emplace_back(text_.size(), at);
  }
}

size_t DecodedText::Given(size_t at) const {
  auto behind = std::upper_bound(places_.begin(), places_.end(), at,
                                 [](size_t key, const auto& place) { return key < place.first; });
  if (behind == places_.begin()) return at;
  return std::prev(behind)->second + (at - std::prev(behind)->first);
}

}  // namespace clawtrace
