#include "store/split.h"

#include <algorithm>
#include <array>
#include <optional>

namespace clawtrace::store {
namespace {

// Shorter elements share a piece: a row and its indexes cost some 80 bytes.
constexpr size_t kMinPiece = 200;
// Longer tails are pieces.
constexpr size_t kMaxTail = 64;
// Texts without elements are cut by content from here on.
constexpr size_t kCutFrom = 16 * 1024, kCutMin = 1024, kCutMax = 16 * 1024;
constexpr uint64_t kCutMask = (uint64_t{1} << 12) - 1;  // 4 KB on average behind the minimum
constexpr size_t kMaxMoved = 16, kMaxMovedBytes = 160;
constexpr std::string_view kMark = "\"cache_control\"";
constexpr std::array<std::string_view, 4> kHistories = {"\"messages\"", "\"input\"", "\"contents\"",
                                                        "\"history\""};

// Walks JSON without reading it: where values end, with strings and nesting respected.
class Walk {
 public:
  explicit Walk(std::string_view text) : text_(text) {}
  size_t at() const { return at_; }
  bool done() const { return at_ >= text_.size(); }
  char here() const { return done() ? '\0' : text_[at_]; }
  void Next() { ++at_; }
  void Space() {
    while (!done() && (here() == ' ' || here() == '\n' || here() == '\r' || here() == '\t')) ++at_;
  }
  bool Take(char c) {
    if (here() != c) return false;
    ++at_;
    return true;
  }
  bool String() {
    if (!Take('"')) return false;
    size_t begin = at_;
    for (size_t quote = text_.find('"', at_); quote != std::string_view::npos; quote = text_.find('"', at_)) {
      at_ = quote + 1;
      size_t slash = quote;
      while (slash > begin && text_[slash - 1] == '\\') --slash;
      if ((quote - slash) % 2 == 0) return true;
      begin = at_;
    }
    at_ = text_.size();
    return false;
  }
  // To behind the value that begins here.
  bool Value() {
    if (here() == '"') return String();
    size_t depth = 0, begin = at_;
    while (!done()) {
      switch (here()) {
        case '"':
          if (!String()) return false;
          break;
        case '[':
        case '{':
          ++depth, ++at_;
          break;
        case ']':
        case '}':
          if (depth == 0) return at_ > begin;  // behind a bare word
          ++at_;
          if (--depth == 0) return true;
          break;
        case ',':
          if (depth == 0) return at_ > begin;
          ++at_;
          break;
        default:
          ++at_;
      }
    }
    return depth == 0 && at_ > begin;
  }

 private:
  std::string_view text_;
  size_t at_ = 0;
};

// Where elements of the array that begins here start; the comma goes with the element behind it. The last
// place is behind the last element.
std::optional<std::vector<size_t>> Elements(Walk& walk) {
  std::vector<size_t> places;
  walk.Next();
  walk.Space();
  places.push_back(walk.at());
  if (walk.here() == ']') return places;
  for (;;) {
    if (!walk.Value()) return std::nullopt;
    places.push_back(walk.at());
    walk.Space();
    if (walk.here() == ']') return places;
    if (!walk.Take(',')) return std::nullopt;
    walk.Space();
  }
}

std::optional<std::vector<size_t>> FindElements(std::string_view payload) {
  Walk walk(payload);
  walk.Space();
  if (walk.here() == '[') return Elements(walk);
  if (!walk.Take('{')) return std::nullopt;
  for (walk.Space(); !walk.done() && walk.here() != '}'; walk.Space()) {
    size_t begin = walk.at();
    if (!walk.String()) return std::nullopt;
    std::string_view key = payload.substr(begin, walk.at() - begin);
    walk.Space();
    if (!walk.Take(':')) return std::nullopt;
    walk.Space();
    if (walk.here() == '[' && std::ranges::find(kHistories, key) != kHistories.end()) return Elements(walk);
    if (!walk.Value()) return std::nullopt;
    walk.Space();
    if (!walk.Take(',')) return std::nullopt;
  }
  return std::nullopt;
}

uint64_t Gear(unsigned char byte) {
  // A fixed scattering of the 256 bytes (splitmix64).
  uint64_t x = (byte + uint64_t{1}) * 0x9e3779b97f4a7c15;
  x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
  x = (x ^ x >> 27) * 0x94d049bb133111eb;
  return x ^ x >> 31;
}

void CutByContent(std::string_view text, std::vector<std::string_view>* out) {
  static const auto gears = [] {
    std::array<uint64_t, 256> table{};
    for (size_t i = 0; i < table.size(); ++i) table[i] = Gear(static_cast<unsigned char>(i));
    return table;
  }();
  while (text.size() > kCutMax) {
    uint64_t hash = 0;
    size_t end = kCutMin;
    for (size_t i = kCutMin - 64; i < kCutMax; ++i) {
      hash = (hash << 1) + gears[static_cast<unsigned char>(text[i])];
      end = i + 1;
      // The high bits know the last 64 bytes.
      if (i >= kCutMin && (hash >> 52 & kCutMask) == 0) break;
    }
    out->push_back(text.substr(0, end));
    text.remove_prefix(end);
  }
  if (!text.empty()) out->push_back(text);
}

// The member with the comma before or behind it, when it is a small flat object; empty otherwise. What stands
// before taken belongs to an earlier mark.
std::string_view MarkAt(std::string_view text, size_t found, size_t taken) {
  size_t open = text.find_first_not_of(" \t\n\r", found + kMark.size());
  if (open == std::string_view::npos || text[open] != ':') return {};
  open = text.find_first_not_of(" \t\n\r", open + 1);
  if (open == std::string_view::npos || text[open] != '{') return {};
  size_t close = text.substr(0, found + kMaxMovedBytes).find_first_of("{}", open + 1);
  if (close == std::string_view::npos || text[close] != '}') return {};
  size_t begin = found, end = close + 1;
  size_t before = text.find_last_not_of(" \t\n\r", found == 0 ? 0 : found - 1);
  if (found > taken && before != std::string_view::npos && before >= taken && text[before] == ',')
    begin = before;
  else if (end < text.size() && text[end] == ',')
    ++end;
  return text.substr(begin, end - begin);
}

void TakeMarks(Pieces* pieces) {
  pieces->own.reserve(kMaxMoved);  // views into them must stay
  for (size_t i = 0; i < pieces->texts.size(); ++i) {
    std::string_view text = pieces->texts[i];
    std::string kept;
    size_t done = 0;
    for (size_t at = text.find(kMark); at != std::string_view::npos && pieces->moved.size() < kMaxMoved;
         at = text.find(kMark, at)) {
      std::string_view mark = MarkAt(text, at, done);
      if (mark.empty()) {
        at += kMark.size();
        continue;
      }
      auto begin = static_cast<size_t>(mark.data() - text.data());
      kept.append(text.substr(done, begin - done));
      pieces->moved.push_back({i, kept.size(), std::string(mark)});
      at = done = begin + mark.size();
    }
    if (done == 0) continue;
    kept.append(text.substr(done));
    pieces->texts[i] = pieces->own.emplace_back(std::move(kept));
  }
}

void PutNumber(uint64_t number, std::string* out) {
  for (; number >= 128; number >>= 7) out->push_back(static_cast<char>(number | 128));
  out->push_back(static_cast<char>(number));
}

std::optional<uint64_t> TakeNumber(std::string_view* bytes) {
  uint64_t number = 0;
  for (int shift = 0; shift < 64 && !bytes->empty(); shift += 7) {
    auto byte = static_cast<unsigned char>(bytes->front());
    bytes->remove_prefix(1);
    number |= static_cast<uint64_t>(byte & 127) << shift;
    if (byte < 128) return number;
  }
  return std::nullopt;
}

}  // namespace

Pieces Split(std::string_view payload) {
  Pieces pieces;
  if (payload.size() <= kMinPiece) {
    pieces.tail = payload;
    return pieces;
  }
  auto places = FindElements(payload);
  if (!places) {
    if (payload.size() > kCutFrom)
      CutByContent(payload, &pieces.texts);
    else
      pieces.texts.push_back(payload);
    return pieces;
  }
  size_t begin = 0;
  for (size_t place : *places) {
    if (place - begin < kMinPiece && place != places->back()) continue;
    if (place > begin) pieces.texts.push_back(payload.substr(begin, place - begin));
    begin = place;
  }
  std::string_view rest = payload.substr(begin);
  if (rest.size() <= kMaxTail && !pieces.texts.empty())
    pieces.tail = rest;
  else
    CutByContent(rest, &pieces.texts);
  TakeMarks(&pieces);
  return pieces;
}

std::string EncodeFrame(const Pieces& pieces) {
  std::string out;
  if (pieces.moved.empty() && pieces.tail.empty()) return out;
  PutNumber(pieces.tail.size(), &out);
  out.append(pieces.tail);
  for (const Moved& moved : pieces.moved) {
    PutNumber(moved.piece, &out);
    PutNumber(moved.at, &out);
    PutNumber(moved.bytes.size(), &out);
    out.append(moved.bytes);
  }
  return out;
}

Result<std::string> Join(const std::vector<std::string>& texts, std::string_view frame) {
  auto damaged = [] { return Fail(ErrorCode::kCorruptData, "the frame of a payload is damaged"); };
  std::string out;
  std::string_view rest = frame, tail;
  if (!rest.empty()) {
    auto size = TakeNumber(&rest);
    if (!size || *size > rest.size()) return damaged();
    tail = rest.substr(0, static_cast<size_t>(*size));
    rest.remove_prefix(tail.size());
  }
  size_t piece = 0, at = 0;
  while (!rest.empty()) {
    auto to_piece = TakeNumber(&rest), to_at = TakeNumber(&rest), size = TakeNumber(&rest);
    if (!to_piece || !to_at || !size || *size > rest.size()) return damaged();
    if (*to_piece >= texts.size() || *to_piece < piece || *to_at > texts[*to_piece].size()) return damaged();
    for (; piece < *to_piece; ++piece, at = 0) out.append(texts[piece], at);
    if (*to_at < at) return damaged();
    out.append(texts[piece], at, *to_at - at);
    at = *to_at;
    out.append(rest.substr(0, static_cast<size_t>(*size)));
    rest.remove_prefix(static_cast<size_t>(*size));
  }
  for (; piece < texts.size(); ++piece, at = 0) out.append(texts[piece], at);
  return out.append(tail);
}

}  // namespace clawtrace::store
