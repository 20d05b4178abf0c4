#pragma once
// Server-sent events, the form in which all providers stream:
// https://html.spec.whatwg.org/multipage/server-sent-events.html
#include <functional>
#include <string>
#include <string_view>

namespace clawtrace::llm {

// Total; the same events however the bytes are cut. An event without its blank line is not told: it may not
// be whole. Holds one event at a time.
class ServerEvents {
 public:
  // event: its type, "" when it has none. Both are valid during the call alone.
  using OnEvent = std::function<void(std::string_view event, std::string_view data)>;
  explicit ServerEvents(OnEvent on_event) : on_event_(std::move(on_event)) {}

  void Feed(std::string_view bytes);

 private:
  void Line();

  OnEvent on_event_;
  std::string line_, event_, data_;
  bool has_data_ = false, after_return_ = false, first_ = true;
};

}  // namespace clawtrace::llm
