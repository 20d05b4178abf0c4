#include "capture/unzip.h"

#include <zlib.h>
#include <zstd.h>

#include <algorithm>

namespace clawtrace::capture {

// One step of a decoder: takes from input, fills block, says how far it came.
class UnzipStream::Format {
 public:
  Format() = default;
  Format(const Format&) = delete;
  Format& operator=(const Format&) = delete;
  virtual ~Format() = default;
  virtual size_t Step(std::string_view* input, std::string* block, End* end) = 0;
};

namespace {

// 128 MiB, zstd's own default for what a stream may demand.
constexpr int kMaxWindowLog = 27;
constexpr size_t kBlock = size_t{128} << 10;
constexpr std::string_view kGzipHead = "\x1F\x8B\x08", kZstdHead = "\x28\xB5\x2F\xFD";

class ZstdFormat final : public UnzipStream::Format {
 public:
  ZstdFormat() { ZSTD_DCtx_setParameter(context_.get(), ZSTD_d_windowLogMax, kMaxWindowLog); }

  size_t Step(std::string_view* input, std::string* block, UnzipStream::End* end) override {
    ZSTD_inBuffer from{input->data(), input->size(), 0};
    ZSTD_outBuffer to{block->data(), block->size(), 0};
    size_t code = ZSTD_decompressStream(context_.get(), &to, &from);
    input->remove_prefix(from.pos);
    *end = ZSTD_isError(code) ? UnzipStream::End::kDamaged
           : code == 0        ? UnzipStream::End::kWhole
                              : UnzipStream::End::kCutOff;
    return to.pos;
  }

 private:
  std::unique_ptr<ZSTD_DCtx, decltype(&ZSTD_freeDCtx)> context_{ZSTD_createDCtx(), &ZSTD_freeDCtx};
};

class GzipFormat final : public UnzipStream::Format {
 public:
  GzipFormat() { ready_ = ::inflateInit2(&state_, 15 + 16) == Z_OK; }
  ~GzipFormat() override { ::inflateEnd(&state_); }

  size_t Step(std::string_view* input, std::string* block, UnzipStream::End* end) override {
    if (between_ && !StartMember(input, end)) return 0;
    size_t piece = std::min<size_t>(input->size(), size_t{1} << 30);
    // zlib only reads it, and says so in newer headers.
    state_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(input->data()));
    state_.avail_in = static_cast<uInt>(piece);
    state_.next_out = reinterpret_cast<Bytef*>(block->data());
    state_.avail_out = static_cast<uInt>(block->size());
    int code = ready_ ? ::inflate(&state_, Z_NO_FLUSH) : Z_MEM_ERROR;
    input->remove_prefix(piece - state_.avail_in);
    between_ = code == Z_STREAM_END;
    *end = between_                              ? UnzipStream::End::kWhole
           : code == Z_OK || code == Z_BUF_ERROR ? UnzipStream::End::kCutOff
                                                 : UnzipStream::End::kDamaged;
    return block->size() - state_.avail_out;
  }

 private:
  // Behind a member: padding, another member, or bytes of something else. False when there is nothing to
  // decode.
  bool StartMember(std::string_view* input, UnzipStream::End* end) {
    input->remove_prefix(std::min(input->find_first_not_of('\0'), input->size()));
    *end = UnzipStream::End::kWhole;
    if (input->empty()) return false;
    if (input->front() == kGzipHead.front() && ::inflateReset(&state_) == Z_OK) return true;
    *end = UnzipStream::End::kDamaged;
    return false;
  }

  z_stream state_{};
  bool ready_ = false;
  bool between_ = false;  // behind a whole member
};

std::unique_ptr<UnzipStream::Format> FormatOf(std::string_view head) {
  if (head.starts_with(kGzipHead)) return std::make_unique<GzipFormat>();
  return std::make_unique<ZstdFormat>();
}

}  // namespace

bool IsZstdHead(std::string_view head) { return head.starts_with(kZstdHead); }
bool IsCompressedHead(std::string_view head) { return head.starts_with(kGzipHead) || IsZstdHead(head); }

std::string_view UnzippedName(std::string_view path) {
  for (std::string_view suffix : {".gz", ".zst"}) {
    if (path.ends_with(suffix)) return path.substr(0, path.size() - suffix.size());
  }
  return path;
}

UnzipStream::UnzipStream(std::string_view head, uint64_t max_bytes)
    : format_(FormatOf(head)), block_(kBlock, '\0'), left_(max_bytes) {}
UnzipStream::UnzipStream(UnzipStream&&) noexcept = default;
UnzipStream::~UnzipStream() = default;

bool UnzipStream::Feed(std::string_view bytes, const std::function<bool(std::string_view)>& out) {
  // A full block may not be all that the bytes taken so far hold.
  bool more = false;
  while (!enough_ && (!bytes.empty() || more)) {
    if (end_ == End::kDamaged || end_ == End::kTooLong) return false;
    size_t before = bytes.size();
    size_t made = format_->Step(&bytes, &block_, &end_);
    if (made > left_) {
      end_ = End::kTooLong;
      return false;
    }
    left_ -= made;
    if (made > 0) enough_ = !out(std::string_view(block_).substr(0, made));
    more = made == block_.size() && end_ == End::kCutOff;
    if (made == 0 && bytes.size() == before) break;
  }
  return !enough_ && end_ != End::kDamaged && end_ != End::kTooLong;
}

std::optional<std::string> DecompressZstd(std::string_view bytes, size_t max_bytes) {
  UnzipStream stream(kZstdHead, max_bytes);
  std::string text;
  bool whole = stream.Feed(bytes, [&](std::string_view piece) {
    text += piece;
    return true;
  });
  if (!whole || stream.end() != UnzipStream::End::kWhole || bytes.empty()) return std::nullopt;
  return text;
}

}  // namespace clawtrace::capture
