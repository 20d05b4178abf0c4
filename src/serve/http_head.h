#pragma once
// The head of an HTTP/1.1 request. Wraps Beast's parser.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "serve/http.h"

namespace clawtrace::serve {

inline constexpr size_t kMaxHead = 8192;  // bytes, request line included
inline constexpr size_t kMaxHeaders = 100;

struct Head {
  // kUnsupported: another transfer encoding; kExpectation: another one than 100-continue.
  enum class State { kNeedMore, kDone, kBad, kTooLarge, kUnsupported, kExpectation };
  State state = State::kNeedMore;
  size_t size = 0;  // bytes that it took
  std::optional<uint64_t> content_length;
  bool chunked = false;
  bool keep_alive = false;
  bool expects_continue = false;
};

// Reads a head from the start of bytes into request (method, path, query, headers). searched: bytes that an
// earlier call has looked through.
Head ReadHead(std::string_view bytes, size_t searched, Request* request);

// A chunked body, read in any pieces.
class ChunkDecoder {
 public:
  enum class State { kNeedMore, kDone, kBad, kTooLarge };
  ChunkDecoder() = default;
  // most: bytes of the whole body. A chunk that would lead beyond is kTooLarge before any of it is read.
  explicit ChunkDecoder(uint64_t most) : most_(most) {}
  // Takes bytes from the front of input and appends content to body.
  State Feed(std::string_view* input, std::string* body);

 private:
  enum class Part { kSize, kExtension, kSizeEnd, kContent, kContentEnd, kContentLf, kTrailer, kTrailerLf };
  State TakeSize(char c);
  State Take(char c);

  Part part_ = Part::kSize;
  uint64_t most_ = UINT64_MAX;  // that may still come
  uint64_t left_ = 0;           // of the current chunk
  int digits_ = 0;
  size_t line_ = 0;      // bytes of the current trailer line
  size_t trailers_ = 0;  // bytes of all of them and of extensions
  bool done_ = false;
};

}  // namespace clawtrace::serve
