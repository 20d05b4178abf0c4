#pragma once
// What logs of Gemini CLI and of its fork Qwen Code share: message parts, usage counts, the text that their
// shell tool returns.
#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"
#include "model/fact.h"

namespace clawtrace::capture {

// Text of a part, of a list of parts or of a string. What a tool returned is its output or error text, else
// the whole response; a picture is represented by a hash. The result points into the document when there is
// only one part, else into buffer.
std::string_view PartsText(Json parts, std::string* buffer);

// Do the parts hold something of a person or of the client, not only tool results?
bool HasOwnText(Json parts);

// The counts of one answer, as the Gemini API states them. Absent ones are missing values.
struct GeminiCounts {
  Json prompt;    // includes cached
  Json output;    // candidates
  Json thoughts;  // beside output, or within it: total tells
  Json cached;
  Json tool;  // prompt tokens of tool use, beside prompt
  Json total;
};

// "" and *usage set, or left unset when no counts are there; else the reason why they are unusable.
std::string_view ReadGeminiUsage(const GeminiCounts& counts, std::optional<Usage>* usage);

// What a shell tool returned, split: the lines that differ from run to run (process ids) are no output.
struct ShellText {
  std::string_view output;
  std::optional<int64_t> exit_code;
};
ShellText SplitShellText(std::string_view text);
// The line of a shell tool's text that says what went wrong.
std::string ShellError(std::string_view text);

bool IsGeminiShell(std::string_view tool);

}  // namespace clawtrace::capture
