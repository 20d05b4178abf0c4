#include "store/squeeze.h"

#include <zstd.h>

#include <memory>

namespace clawtrace::store {
namespace {

constexpr char kPlain = 'p', kZstd = 'z';
// Shorter texts have nothing to repeat.
constexpr size_t kTryFrom = 64;

}  // namespace

std::string Squeeze(std::string_view text, int level) {
  thread_local std::unique_ptr<ZSTD_CCtx, size_t (*)(ZSTD_CCtx*)> state(ZSTD_createCCtx(), ZSTD_freeCCtx);
  if (text.size() >= kTryFrom && state) {
    // Reaching the size of the text means that it does not shrink.
    std::string out(text.size(), '\0');
    out[0] = kZstd;
    size_t size =
        ZSTD_compressCCtx(state.get(), out.data() + 1, out.size() - 1, text.data(), text.size(), level);
    if (!ZSTD_isError(size)) {
      out.resize(size + 1);
      out.shrink_to_fit();
      return out;
    }
  }
  std::string out(1, kPlain);
  return out.append(text);
}

Result<std::string> Unsqueeze(std::string_view bytes, size_t max_bytes) {
  auto damaged = [] { return Fail(ErrorCode::kCorruptData, "a compressed text is damaged"); };
  if (bytes.empty()) return damaged();
  std::string_view rest = bytes.substr(1);
  if (bytes[0] == kPlain && rest.size() <= max_bytes) return std::string(rest);
  if (bytes[0] != kZstd) return damaged();
  unsigned long long size = ZSTD_getFrameContentSize(rest.data(), rest.size());
  if (size == ZSTD_CONTENTSIZE_ERROR || size == ZSTD_CONTENTSIZE_UNKNOWN || size > max_bytes)
    return damaged();
  thread_local std::unique_ptr<ZSTD_DCtx, size_t (*)(ZSTD_DCtx*)> state(ZSTD_createDCtx(), ZSTD_freeDCtx);
  std::string out(static_cast<size_t>(size), '\0');
  if (!state) return damaged();
  size_t got = ZSTD_decompressDCtx(state.get(), out.data(), out.size(), rest.data(), rest.size());
  if (ZSTD_isError(got) || got != out.size()) return damaged();
  return out;
}

}  // namespace clawtrace::store
