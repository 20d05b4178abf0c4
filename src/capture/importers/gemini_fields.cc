#include "capture/importers/gemini_fields.h"

#include <algorithm>

#include "base/hash.h"
#include "base/text.h"
#include "capture/importers/log_text.h"
#include "capture/line_reader.h"

namespace clawtrace::capture {
namespace {

// Text of one part; what has to be made for it goes to made.
std::string_view PartText(Json part, std::string* made) {
  if (auto text = part.string()) return *text;
  if (auto text = part["text"].string()) return part["thought"].boolean() == true ? "" : *text;
  if (Json data = part["inlineData"]) {
    *made = "[" + std::string(data["mimeType"].text()) + " " + HexOf(Hash64(data["data"].text())) + "]";
    return *made;
  }
  Json response = part["functionResponse"]["response"];
  for (std::string_view key : {"output", "error"}) {
    if (auto text = response[key].string()) return *text;
  }
  if (!response || response.is_null()) return {};
  *made = response.Canonical();
  return *made;
}

}  // namespace

std::string_view PartsText(Json parts, std::string* buffer) {
  if (!parts.is_array()) return PartText(parts, buffer);
  std::string_view only;
  bool any = false;
  parts.ForEachItem([&](Json part) {
    std::string made;
    std::string_view text = PartText(part, &made);
    if (text.empty()) return;
    if (!any && made.empty()) {
      only = text, any = true;
      return;
    }
    if (buffer->empty()) buffer->assign(only);
    if (any) buffer->push_back('\n');
    any = true;
    buffer->append(text);
  });
  return buffer->empty() ? only : std::string_view(*buffer);
}

bool HasOwnText(Json parts) {
  if (parts.is_string()) return true;
  if (parts.is_object()) return !parts["functionResponse"];
  bool own = false;
  parts.ForEachItem([&](Json part) { own = own || part.is_string() || !part["functionResponse"]; });
  return own;
}

std::string_view ReadGeminiUsage(const GeminiCounts& counts, std::optional<Usage>* usage) {
  if (!counts.prompt && !counts.output) return {};
  int64_t prompt = 0, output = 0, thoughts = 0, cached = 0, tool = 0;
  struct Field {
    Json json;
    int64_t* count;
  };
  for (Field field :
       {Field{counts.prompt, &prompt}, Field{counts.output, &output}, Field{counts.thoughts, &thoughts},
        Field{counts.cached, &cached}, Field{counts.tool, &tool}}) {
    if (!field.json || field.json.is_null()) continue;
    auto count = CountOf(field.json);
    if (!count) return "wrong-type:usage";
    if (*count > kMaxTokensPerBucket) return "implausible:usage";
    *field.count = *count;
  }
  if (cached > prompt) return "implausible:usage";
  // Clients fill counts that an endpoint did not state with zeros; no answer costs nothing.
  if (prompt == 0 && output == 0 && thoughts == 0) return {};
  // Gemini counts thoughts beside the answer; behind an OpenAI endpoint they are a part of it.
  bool within = CountOf(counts.total) == prompt + tool + output && thoughts <= output;
  usage->emplace(Usage{.uncached_input = prompt - cached + tool,
                       .cache_read = cached,
                       .output = within ? output : output + thoughts,
                       .reasoning = thoughts});
  return {};
}

ShellText SplitShellText(std::string_view text) {
  static constexpr std::string_view kTrailer[] = {"</untrusted_context>",
                                                  "Process Group PGID:", "Background PIDs:", "Signal:"};
  static constexpr std::string_view kExit = "Exit Code:";
  ShellText shell{text, std::nullopt};
  while (!shell.output.empty()) {
    std::string_view rest = shell.output;
    while (rest.ends_with('\n')) rest.remove_suffix(1);
    size_t start = rest.rfind('\n') + 1;
    std::string_view line = rest.substr(start);
    if (!shell.exit_code && line.starts_with(kExit)) {
      shell.exit_code = ParseInt(Trim(line.substr(kExit.size())));
    } else if (!StartsWithAny(line, kTrailer)) {
      break;
    }
    shell.output = rest.substr(0, start);
  }
  // A text without the trailer is no shell's: it stays as it is.
  while (shell.output.size() < text.size() && shell.output.ends_with('\n')) shell.output.remove_suffix(1);
  return shell;
}

std::string ShellError(std::string_view text) {
  text = SplitShellText(text).output;
  for (std::string_view label : {"Stderr: ", "Output: ", "Stdout: "}) {
    size_t at = text.starts_with(label) ? 0 : text.find("\n" + std::string(label));
    if (at == std::string_view::npos) continue;
    std::string_view value = text.substr(text.find(label, at) + label.size());
    if (!value.starts_with("(empty)") && !Trim(value).empty()) return ErrorLine(value);
  }
  return ErrorLine(text);
}

bool IsGeminiShell(std::string_view tool) {
  return tool == "run_shell_command" || tool == "run_command" || tool == "shell";
}

}  // namespace clawtrace::capture
