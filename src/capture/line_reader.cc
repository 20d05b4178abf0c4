#include "capture/line_reader.h"

#include <algorithm>
#include <cmath>

#include "base/hash.h"
#include "base/memory.h"
#include "base/text.h"

namespace clawtrace::capture {

void JsonLineReader::Feed(std::string_view bytes) {
  while (!bytes.empty()) {
    size_t end = bytes.find('\n');
    std::string_view part = bytes.substr(0, end);
    if (!dropping_ && pending_.size() + part.size() > kMaxLineBytes) {
      dropping_ = true;
      next_offset_ += static_cast<int64_t>(pending_.size());
      offset_ = next_offset_ - static_cast<int64_t>(pending_.size());
      sink_->Skip(line_ + 1, offset_, "line-too-long");
      FreeText(&pending_);
    }
    if (dropping_) {
      next_offset_ += static_cast<int64_t>(part.size());
    } else if (end == std::string_view::npos) {
      pending_.append(part);
      return;
    }
    if (end == std::string_view::npos) return;
    bytes.remove_prefix(end + 1);
    if (dropping_) {
      dropping_ = false;
      ++line_;
      ++next_offset_;
      continue;
    }
    // A line in the middle of what was fed is parsed where it stands.
    bool padded = bytes.size() >= JsonParser::kPadding;
    if (!pending_.empty()) {
      pending_.append(part);
      pending_.reserve(pending_.size() + JsonParser::kPadding);
      part = pending_;
      padded = true;
    }
    offset_ = next_offset_;
    ++line_;
    next_offset_ += static_cast<int64_t>(part.size()) + 1;
    OnLine(part, true, padded);
    pending_.clear();
  }
}

void JsonLineReader::Finish() {
  if (!pending_.empty()) {
    offset_ = next_offset_;
    ++line_;
    OnLine(pending_, false, false);
    pending_.clear();
  }
  OnEnd();
}

void JsonLineReader::OnLine(std::string_view line, bool terminated, bool padded) {
  const char* begin = line.data();
  if (line_ == 1 && line.starts_with("\xEF\xBB\xBF")) line.remove_prefix(3);
  std::string_view text = Trim(line);
  if (text.empty() || !Wanted(text)) return;
  auto record = padded ? parser_.ParsePadded(text) : parser_.Parse(text);
  raw_ = parser_.parsed();
  if (!record) {
    bool cut = !terminated && parser_.why() == "not-json";
    return Skip(cut ? "truncated-line" : parser_.why());
  }
  if (parser_.repaired()) Skip("invalid-utf8-repaired");
  if (!record->is_object() && !(record->is_array() && TakesArrays())) return Skip("not-an-object");
  sink_->FromRecord(raw_, parser_.repaired() ? -1 : offset_ + (text.data() - begin));
  OnRecord(*record);
  sink_->FromRecord({}, -1);
}

std::string Cut(std::string_view text, size_t max_bytes) { return std::string(PrefixUtf8(text, max_bytes)); }

void SetArgs(Json arguments, ToolUse* tool) {
  if (!arguments || arguments.is_null()) return;
  std::string canonical = arguments.Canonical();
  tool->args_bytes = static_cast<int64_t>(canonical.size());
  tool->args_hash = Hash64(canonical);
  if (canonical.size() > kMaxArgs) canonical.resize(PrefixUtf8(canonical, kMaxArgs).size());
  tool->args = std::move(canonical);
}

void SetArgsText(std::string_view text, JsonParser* parser, ToolUse* tool) {
  if (Trim(text).empty()) return;
  if (auto json = parser->Parse(text)) return SetArgs(*json, tool);
  tool->args_broken = true;
  tool->args_bytes = static_cast<int64_t>(text.size());
  tool->args_hash = Hash64(text);
  tool->args = Cut(text, kMaxArgs);
}

void SetOutput(std::string_view output, ToolResult* result) {
  result->output_bytes = static_cast<int64_t>(output.size());
  result->output_hash = Hash64(output);
  result->output = Cut(output, kMaxText);
}

std::optional<int64_t> TimeOf(Json value) {
  if (auto text = value.string()) return ParseIsoTime(*text);
  auto number = value.number();
  if (!number || !std::isfinite(*number) || *number < 0) return std::nullopt;
  // Seconds reach 10^11 in the year 5138, milliseconds start there in 1973.
  double scale = *number < 1e11 ? 1e9 : *number < 1e14 ? 1e6 : *number < 1e17 ? 1e3 : 1;
  if (auto whole = value.integer()) {
    int64_t factor = static_cast<int64_t>(scale);
    if (*whole <= INT64_MAX / factor) return *whole * factor;
    return std::nullopt;
  }
  if (*number * scale > 9.2e18) return std::nullopt;
  return static_cast<int64_t>(std::llround(*number * scale));
}

std::optional<int64_t> CountOf(Json value) {
  auto count = value.integer();
  if (!count || *count < 0) return std::nullopt;
  return count;
}

}  // namespace clawtrace::capture
