#pragma once
// Decompression of zstd data that may be damaged or made to grow without end.
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace clawtrace::capture {

// Do these first bytes start zstd data?
bool IsZstdHead(std::string_view head);

// One value held in memory. nullopt: damaged, cut off, or longer than max_bytes when decompressed.
std::optional<std::string> DecompressZstd(std::string_view bytes, size_t max_bytes);

// A stream of any length in constant memory.
class ZstdStream {
 public:
  // Gives at most max_bytes in all.
  explicit ZstdStream(uint64_t max_bytes);
  ZstdStream(ZstdStream&&) noexcept;
  ~ZstdStream();

  // Hands out what these bytes decompress to, in pieces. False once the data is damaged or too long; what was
  // handed out before is good, and nothing more comes.
  bool Feed(std::string_view bytes, const std::function<void(std::string_view)>& out);
  // Whether everything fed so far ends with a whole frame.
  bool complete() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace clawtrace::capture
