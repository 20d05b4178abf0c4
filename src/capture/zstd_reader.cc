#include "capture/zstd_reader.h"

#include <zstd.h>

namespace clawtrace::capture {

// 128 MiB, zstd's own default for what a stream may demand.
constexpr int kMaxWindowLog = 27;

bool IsZstdHead(std::string_view head) { return head.starts_with("\x28\xB5\x2F\xFD"); }

struct ZstdStream::State {
  ZSTD_DCtx* context = ZSTD_createDCtx();
  std::string block = std::string(ZSTD_DStreamOutSize(), '\0');
  uint64_t left = 0;
  bool failed = false;
  bool complete = true;
  State() = default;
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() { ZSTD_freeDCtx(context); }
};

ZstdStream::ZstdStream(uint64_t max_bytes) : state_(std::make_unique<State>()) {
  state_->left = max_bytes;
  state_->failed = !state_->context;
  if (state_->context) ZSTD_DCtx_setParameter(state_->context, ZSTD_d_windowLogMax, kMaxWindowLog);
}
ZstdStream::ZstdStream(ZstdStream&&) noexcept = default;
ZstdStream::~ZstdStream() = default;

bool ZstdStream::complete() const { return !state_->failed && state_->complete; }

bool ZstdStream::Feed(std::string_view bytes, const std::function<void(std::string_view)>& out) {
  State& s = *state_;
  ZSTD_inBuffer input{bytes.data(), bytes.size(), 0};
  bool full = false;
  while (!s.failed && (input.pos < input.size || full)) {
    ZSTD_outBuffer output{s.block.data(), s.block.size(), 0};
    size_t before = input.pos;
    size_t code = ZSTD_decompressStream(s.context, &output, &input);
    if (ZSTD_isError(code) || output.pos > s.left) {
      s.failed = true;
      break;
    }
    s.complete = code == 0;
    s.left -= output.pos;
    if (output.pos > 0) out(std::string_view(s.block).substr(0, output.pos));
    full = output.pos == output.size && !s.complete;
    if (output.pos == 0 && input.pos == before) break;
  }
  return !s.failed;
}

std::optional<std::string> DecompressZstd(std::string_view bytes, size_t max_bytes) {
  ZstdStream stream(max_bytes);
  std::string text;
  bool whole = stream.Feed(bytes, [&](std::string_view piece) { text += piece; });
  if (!whole || !stream.complete() || bytes.empty()) return std::nullopt;
  return text;
}

}  // namespace clawtrace::capture
