#include "llm/server_events.h"

namespace clawtrace::llm {

void ServerEvents::Line() {
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  std::string_view line = line_;
  if (first_ && line.starts_with(kByteOrderMark)) line.remove_prefix(kByteOrderMark.size());
  first_ = false;
  if (line.empty()) {
    if (has_data_) on_event_(event_, data_);
    event_.clear(), data_.clear(), has_data_ = false;
    return;
  }
  size_t colon = line.find(':');
  std::string_view field = line.substr(0, colon);
  std::string_view value = colon == line.npos ? std::string_view() : line.substr(colon + 1);
  if (value.starts_with(' ')) value.remove_prefix(1);
  if (field == "event") event_ = value;
  if (field != "data") return;
  if (has_data_) data_ += '\n';
  data_ += value, has_data_ = true;
}

void ServerEvents::Feed(std::string_view bytes) {
  while (!bytes.empty()) {
    // The second half of a line end that came in two pieces, or in one.
    if (after_return_ && bytes.front() == '\n') bytes.remove_prefix(1);
    after_return_ = false;
    size_t end = bytes.find_first_of("\r\n");
    line_ += bytes.substr(0, end);
    if (end == bytes.npos) return;
    after_return_ = bytes[end] == '\r';
    bytes.remove_prefix(end + 1);
    Line();
    line_.clear();
  }
}

}  // namespace clawtrace::llm
