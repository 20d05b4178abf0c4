#include "capture/importers/log_text.h"

#include <algorithm>

#include "base/hash.h"
#include "base/text.h"
#include "capture/line_reader.h"

namespace clawtrace::capture {

std::string_view ContentText(Json content, std::string* buffer) {
  if (auto text = content.string()) return *text;
  std::string_view only;
  content.ForEachItem([&](Json block) {
    std::string image;
    std::string_view part = block["text"].text();
    if (std::string_view url = block["image_url"].text(); !url.empty()) {
      part = image = "[image " + HexOf(Hash64(url)) + "]";
    } else if (Json source = block["source"]) {
      image = "[" + std::string(block["type"].text()) + " " + HexOf(Hash64(source["data"].text())) + "]";
      part = image;
    }
    if (part.empty()) return;
    if (only.empty() && buffer->empty() && image.empty()) {
      only = part;
      return;
    }
    if (buffer->empty()) buffer->assign(only);
    if (!buffer->empty()) buffer->push_back('\n');
    buffer->append(part);
  });
  return buffer->empty() ? only : std::string_view(*buffer);
}

std::string ErrorLine(std::string_view text) {
  text = Trim(text);
  if (text.starts_with("<tool_use_error>")) text.remove_prefix(16);
  if (text.ends_with("</tool_use_error>")) text.remove_suffix(17);
  if (text.starts_with("Error: Exit code ")) text.remove_prefix(7);
  if (text.starts_with("Exit code ")) {
    std::string_view rest = Trim(text.substr(std::min(text.size(), text.find('\n'))));
    if (!rest.empty()) text = rest;
  }
  std::string_view line = Trim(FirstLine(text));
  if (line.starts_with("Traceback (most recent call last)")) {
    text = Trim(text);
    line = Trim(text.substr(text.rfind('\n') + 1));
  }
  return Cut(line, kMaxError);
}

bool StartsWithAny(std::string_view text, std::span<const std::string_view> starts) {
  return std::ranges::any_of(starts, [&](std::string_view start) { return text.starts_with(start); });
}

std::string_view ForEachHeadLine(std::string_view head, const std::function<bool(Json)>& visit) {
  JsonParser parser;
  if (head.starts_with("\xEF\xBB\xBF")) head.remove_prefix(3);
  while (!head.empty()) {
    size_t end = head.find('\n');
    std::string_view line = Trim(head.substr(0, end));
    if (!line.empty()) {
      if (auto json = parser.Parse(line)) {
        if (!visit(*json)) return {};
      } else if (end == std::string_view::npos) {
        return line;
      }
    }
    if (end == std::string_view::npos) break;
    head.remove_prefix(end + 1);
  }
  return {};
}

std::string_view StemOf(std::string_view path) {
  path.remove_prefix(path.find_last_of("/\\") + 1);
  if (path.ends_with(".jsonl")) path.remove_suffix(6);
  return path;
}

}  // namespace clawtrace::capture
