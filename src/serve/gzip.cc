#include "serve/gzip.h"

#include <libdeflate.h>

#include <algorithm>
#include <cstring>
#include <memory>

namespace clawtrace::serve {
namespace {

constexpr size_t kSmallest = 64;  // room for a member is tried from here
constexpr size_t kTrailer = 4;    // its last bytes state its size

struct Freed {
  void operator()(libdeflate_decompressor* state) const { libdeflate_free_decompressor(state); }
  void operator()(libdeflate_compressor* state) const { libdeflate_free_compressor(state); }
};

// What the last member says that it holds: right for bodies of one member, a guess for others.
size_t Stated(std::string_view bytes) {
  uint32_t size = 0;
  if (bytes.size() >= kTrailer) std::memcpy(&size, bytes.data() + bytes.size() - kTrailer, sizeof size);
  return size;
}

}  // namespace

Result<std::string> Gunzip(std::string_view bytes, size_t max_bytes, Budget* budget, Charge* charge) {
  thread_local std::unique_ptr<libdeflate_decompressor, Freed> state(libdeflate_alloc_decompressor());
  auto damaged = [] { return Fail(ErrorCode::kInvalidInput, "the gzip body is damaged or cut off"); };
  if (!state || bytes.empty()) return damaged();
  std::string out;
  size_t used = 0;
  // A body that states more than such data can grow to is not believed.
  constexpr size_t kMostGrowth = 1032;
  size_t room = std::clamp(Stated(bytes), kSmallest, std::max(kSmallest, bytes.size() * kMostGrowth));
  while (!bytes.empty()) {
    room = std::min(std::max(room, used + kSmallest), max_bytes + 1);
    if (room > out.size()) {
      if (!charge->Grow(budget, room - out.size()))
        return Fail(ErrorCode::kUnavailable, "too much is being received", "try again later");
      out.resize(room);
    }
    size_t read = 0, written = 0;
    auto result = libdeflate_gzip_decompress_ex(state.get(), bytes.data(), bytes.size(), out.data() + used,
                                                out.size() - used, &read, &written);
    if (result == LIBDEFLATE_INSUFFICIENT_SPACE) {
      if (out.size() > max_bytes) return Fail(ErrorCode::kLimit, "the body is too large when decompressed");
      room = out.size() * 2;
      continue;
    }
    if (result != LIBDEFLATE_SUCCESS) return damaged();
    used += written;
    bytes.remove_prefix(read);
    if (used > max_bytes) return Fail(ErrorCode::kLimit, "the body is too large when decompressed");
  }
  out.resize(used);
  return out;
}

std::string Gzip(std::string_view bytes) {
  constexpr int kLevel = 6;
  std::unique_ptr<libdeflate_compressor, Freed> state(libdeflate_alloc_compressor(kLevel));
  std::string out(libdeflate_gzip_compress_bound(state.get(), bytes.size()), '\0');
  out.resize(libdeflate_gzip_compress(state.get(), bytes.data(), bytes.size(), out.data(), out.size()));
  return out;
}

}  // namespace clawtrace::serve
