#include "base/key_pattern.h"

#include <algorithm>
#include <charconv>

namespace clawtrace {
namespace {

// A class that others follow takes no more unless it says so: bounds the work for one start.
constexpr size_t kMostInside = 256;
constexpr size_t kMostStated = 4096;
constexpr size_t kLeastStart = 3;
constexpr std::string_view kSpecial = "[]{}()+*?|^$\\";

std::optional<size_t> Number(std::string_view* rest) {
  size_t value = 0;
  auto [end, error] = std::from_chars(rest->data(), rest->data() + rest->size(), value);
  if (error != std::errc() || value > kMostStated) return std::nullopt;
  rest->remove_prefix(static_cast<size_t>(end - rest->data()));
  return value;
}

bool Take(std::string_view* rest, char c) {
  if (!rest->starts_with(c)) return false;
  rest->remove_prefix(1);
  return true;
}

std::unexpected<Error> Bad(std::string what) { return Fail(ErrorCode::kInvalidInput, std::move(what)); }

}  // namespace

Status KeyPattern::ParseClass(std::string_view* rest, Part* part) {
  size_t end = rest->find(']', 1);
  if (end == std::string_view::npos) return Bad("a class without its ]");
  std::string_view inside = rest->substr(1, end - 1);
  rest->remove_prefix(end + 1);
  if (inside.starts_with('^')) return Bad("classes cannot be turned round with ^");
  for (size_t i = 0; i < inside.size(); ++i) {
    auto from = static_cast<unsigned char>(inside[i]);
    bool range = i + 2 < inside.size() && inside[i + 1] == '-';
    auto to = range ? static_cast<unsigned char>(inside[i + 2]) : from;
    if (to < from) return Bad("a range that runs backwards");
    for (unsigned byte = from; byte <= to; ++byte) part->bytes.set(byte);
    if (range) i += 2;
  }
  return {};
}

Status KeyPattern::ParseCount(std::string_view* rest, Part* part) {
  if (Take(rest, '+')) {
    part->most = SIZE_MAX;
    return {};
  }
  if (!Take(rest, '{')) return {};
  auto least = Number(rest);
  if (!least) return Bad("a count that is no number");
  part->least = part->most = *least;
  if (Take(rest, ',')) {
    auto most = Number(rest);
    part->most = most ? *most : SIZE_MAX;
  }
  if (!Take(rest, '}') || part->most < part->least || part->most == 0) return Bad("a count that is none");
  return {};
}

Status KeyPattern::ParseLiteral(std::string_view* rest, Part* part) {
  while (!rest->empty()) {
    char c = rest->front();
    bool escaped = c == '\\' && rest->size() > 1;
    if (!escaped && c == '[') break;
    if (!escaped && kSpecial.find(c) != std::string_view::npos)
      return Bad(std::string("\"") + c + "\" stands where only text or a class may");
    part->literal += escaped ? (*rest)[1] : c;
    rest->remove_prefix(escaped ? 2 : 1);
  }
  return {};
}

Result<KeyPattern> KeyPattern::Parse(std::string_view expression) {
  KeyPattern pattern;
  while (!expression.empty()) {
    Part part;
    if (expression.front() == '[') {
      CT_RETURN_IF_ERROR(ParseClass(&expression, &part));
      CT_RETURN_IF_ERROR(ParseCount(&expression, &part));
    } else {
      CT_RETURN_IF_ERROR(ParseLiteral(&expression, &part));
    }
    pattern.parts_.push_back(std::move(part));
  }
  if (pattern.parts_.empty() || pattern.parts_.front().literal.size() < kLeastStart)
    return Bad("it must begin with three characters that are no class");
  for (size_t i = 0; i + 1 < pattern.parts_.size(); ++i) {
    Part& part = pattern.parts_[i];
    if (part.most > kMostStated) part.most = std::max(kMostInside, part.least);
  }
  return pattern;
}

size_t KeyPattern::Match(std::string_view text, bool cut) const {
  size_t at = 0;
  for (const Part& part : parts_) {
    if (!part.literal.empty()) {
      if (text.substr(at).starts_with(part.literal)) {
        at += part.literal.size();
        continue;
      }
      bool begun = cut && at > 0 && part.literal.starts_with(text.substr(at));
      return begun ? text.size() : 0;
    }
    size_t taken = 0;
    while (taken < part.most && at + taken < text.size() &&
           part.bytes.test(static_cast<unsigned char>(text[at + taken])))
      ++taken;
    at += taken;
    if (cut && at == text.size()) return at;
    if (taken < part.least) return 0;
  }
  return at;
}

}  // namespace clawtrace
