#pragma once
// Decompression of gzip and zstd data that may be damaged or made to grow without end.
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace clawtrace::capture {

// Do these first bytes start gzip or zstd data?
bool IsCompressedHead(std::string_view head);
bool IsZstdHead(std::string_view head);

// One zstd value held in memory. nullopt: damaged, cut off, or longer than max_bytes when decompressed.
std::optional<std::string> DecompressZstd(std::string_view bytes, size_t max_bytes);

// The name without what compression adds to it: "log.jsonl" of "log.jsonl.gz".
std::string_view UnzippedName(std::string_view path);

// A stream of any length in constant memory; several members (gzip) or frames (zstd) behind one another are
// one text, zeros behind the last gzip member are padding.
class UnzipStream {
 public:
  // How what was fed so far ends.
  enum class End {
    kWhole,    // with a whole member or frame
    kCutOff,   // inside of one
    kDamaged,  // at bytes that are no such data
    kTooLong,  // where it would give more than max_bytes
  };
  class Format;

  // head: the first bytes, which tell the format; anything but gzip is taken as zstd. Gives at most max_bytes
  // in all.
  UnzipStream(std::string_view head, uint64_t max_bytes);
  UnzipStream(UnzipStream&&) noexcept;
  ~UnzipStream();

  // Hands out what these bytes decompress to, in pieces, until out returns false. False once nothing more
  // comes: out has enough, or the data is damaged or too long. What was handed out before is good.
  bool Feed(std::string_view bytes, const std::function<bool(std::string_view)>& out);
  End end() const { return end_; }

 private:
  std::unique_ptr<Format> format_;
  std::string block_;
  uint64_t left_ = 0;
  End end_ = End::kWhole;
  bool enough_ = false;
};

}  // namespace clawtrace::capture
