#pragma once
// What importers of agent logs with model messages inside share: texts of content blocks, error lines, log
// heads.
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "base/json.h"

namespace clawtrace::capture {

// Text of a content value: a string, or the text blocks of an array, joined by newlines. Images are
// represented by a hash, so that different pictures are different outputs. The result points into the
// document when there is only one part, else into buffer.
std::string_view ContentText(Json content, std::string* buffer);

// The line of an error text that says what went wrong: not a wrapper, an exit code or a traceback's headline.
std::string ErrorLine(std::string_view text);

bool StartsWithAny(std::string_view text, std::span<const std::string_view> starts);

// Calls visit for every whole JSON line of a file's head until it returns false. Returns what is left of a
// line that the head cuts off.
std::string_view ForEachHeadLine(std::string_view head, const std::function<bool(Json)>& visit);

// File name without folder and ".jsonl".
std::string_view StemOf(std::string_view path);

}  // namespace clawtrace::capture
