#pragma once
// What the server says of itself: one JSON object a line.
#include <functional>
#include <mutex>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace clawtrace::serve {

enum class Level { kInfo, kWarning, kError };

class Log {
 public:
  using Fields = std::vector<std::pair<std::string_view, std::string>>;
  // now_ns: the time of day. out may be nullptr: nothing is said.
  Log(std::ostream* out, std::function<int64_t()> now_ns) : out_(out), now_ns_(std::move(now_ns)) {}
  void Say(Level level, std::string_view event, const Fields& fields = {});

 private:
  std::ostream* out_;
  std::function<int64_t()> now_ns_;
  std::mutex mutex_;
};

}  // namespace clawtrace::serve
