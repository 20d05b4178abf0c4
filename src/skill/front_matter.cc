#include "skill/front_matter.h"

#include <fmt/core.h>

#include <algorithm>

#include "base/text.h"
#include "skill/blocks.h"

namespace clawtrace::skill {
namespace {

// Many times what the keys of a skill may hold; the library's time grows with the square of anchors.
constexpr size_t kMaxFrontMatter = size_t{32} << 10;

// "key: a: b" is no YAML, yet people write it and clients take it: the value in quotes is meant.
std::string WithQuotedValues(std::string_view yaml) {
  std::string out;
  for (std::string_view line : Split(yaml, '\n')) {
    size_t colon = line.find(": ");
    bool key = colon != std::string_view::npos && colon > 0 &&
               line.substr(0, colon).find_first_of(" \t\"'#-[{") == std::string_view::npos;
    std::string_view value = key ? Trim(line.substr(colon + 2)) : std::string_view();
    if (value.find(": ") == std::string_view::npos || value.find_first_of("\"'[{|>&*!") == 0) {
      out.append(line).push_back('\n');
      continue;
    }
    out.append(line.substr(0, colon + 2)).push_back('"');
    for (char c : value) {
      if (c == '"' || c == '\\') out.push_back('\\');
      out.push_back(c);
    }
    out.append("\"\n");
  }
  return out;
}

}  // namespace

std::optional<std::string> FrontMatter::Text(std::string_view key) const {
  const Value* value = map.Find(key);
  return value && value->kind == Value::Kind::kScalar ? std::optional(value->scalar) : std::nullopt;
}

FrontMatter ReadFrontMatter(std::string_view text) {
  FrontMatter out;
  size_t body = BodyBegin(text), mark = text.starts_with("\xEF\xBB\xBF") ? 3 : 0;
  if (body == mark) {
    out.problem = "there is none: the file must begin with --- and a closing --- line";
    return out;
  }
  out.present = true;
  out.begin = text.find('\n') + 1;
  out.end = text.substr(0, body).rfind("---");
  std::string_view yaml = text.substr(out.begin, out.end - out.begin);
  if (yaml.size() > kMaxFrontMatter) {
    out.problem = fmt::format("it is longer than {} bytes", kMaxFrontMatter);
    return out;
  }
  auto map = ParseYaml(yaml, "front matter");
  if (!map) {
    auto quoted = ParseYaml(WithQuotedValues(yaml), "front matter");
    if (quoted && quoted->kind == Value::Kind::kMap) {
      out.repaired = true, out.map = std::move(*quoted);
      return out;
    }
    out.problem = map.error().message;
    return out;
  }
  if (map->kind == Value::Kind::kMap)
    out.map = std::move(*map);
  else
    out.problem = "it is no list of keys with values";
  return out;
}

std::optional<std::string> WithName(std::string_view text, std::string_view from, std::string_view to) {
  FrontMatter front = ReadFrontMatter(text);
  if (!front.present || front.Text("name") != from) return std::nullopt;
  constexpr std::string_view kKey = "name:";
  for (size_t at = front.begin; at < front.end;) {
    size_t end = std::min(text.find('\n', at), front.end);
    std::string_view line = text.substr(at, end - at);
    std::string_view value = line.starts_with(kKey) ? Trim(line.substr(kKey.size())) : std::string_view();
    bool quoted =
        value.size() >= 2 && value.front() == value.back() && (value.front() == '"' || value.front() == '\'');
    if (quoted) value = value.substr(1, value.size() - 2);
    if (!value.empty() && value == from) {
      size_t begin = static_cast<size_t>(value.data() - text.data());
      return fmt::format("{}{}{}", text.substr(0, begin), to, text.substr(begin + value.size()));
    }
    at = end + 1;
  }
  return std::nullopt;
}

}  // namespace clawtrace::skill
