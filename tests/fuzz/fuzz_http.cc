// Any bytes as what a client may send below the protocols: heads, chunked bodies in any pieces, gzip, frames
// of gRPC, paths. Besides crashes it finds answers that depend on the pieces, and memory that is not given
// back.
#include <cstdint>
#include <string>
#include <string_view>

#include "base/hash.h"
#include "serve/gzip.h"
#include "serve/http_head.h"
#include "serve/otlp_reply.h"
#include "serve/routes.h"

namespace clawtrace::serve {
namespace {

void Heads(std::string_view text) {
  Request whole, pieces;
  Head at_once = ReadHead(text.substr(0, kMaxHead), 0, &whole);
  size_t seen = 0;
  Head head;
  for (size_t size = 1; size <= std::min(text.size(), kMaxHead); size += 1 + Hash64(text, size) % 64) {
    head = ReadHead(text.substr(0, size), seen, &pieces);
    seen = size;
    if (head.state != Head::State::kNeedMore) break;
  }
  if (head.state == Head::State::kDone) {
    CT_CHECK(at_once.state == Head::State::kDone && at_once.size == head.size && head.size <= text.size());
    CT_CHECK(whole.path == pieces.path && whole.headers == pieces.headers && whole.method == pieces.method);
    CT_CHECK(whole.headers.size() <= kMaxHeaders && !(head.chunked && head.content_length));
    (void)FindRoute(whole.method, whole.path);
  }
}

void Chunks(std::string_view text) {
  auto decode = [&](size_t piece, std::string* body, std::string* rest) {
    ChunkDecoder decoder;
    auto state = ChunkDecoder::State::kNeedMore;
    for (size_t at = 0; at < text.size(); at += piece) {
      std::string_view input = text.substr(at, piece);
      if (state == ChunkDecoder::State::kNeedMore) state = decoder.Feed(&input, body);
      if (state == ChunkDecoder::State::kBad) return state;
      *rest += input;
    }
    return state;
  };
  std::string body, rest, body_of_pieces, rest_of_pieces;
  auto whole = decode(SIZE_MAX / 2, &body, &rest);
  auto parts = decode(1 + Hash64(text) % 9, &body_of_pieces, &rest_of_pieces);
  CT_CHECK(whole == parts);
  if (whole == ChunkDecoder::State::kDone) CT_CHECK(body == body_of_pieces && rest == rest_of_pieces);
}

void Bodies(std::string_view text) {
  constexpr size_t kMost = 100'000;
  Budget budget(size_t{1} << 20);
  {
    Charge charge;
    auto plain = Gunzip(text, kMost, &budget, &charge);
    if (plain) CT_CHECK(plain->size() <= kMost && budget.used() >= plain->size());
  }
  CT_CHECK(budget.used() == 0);
  Charge charge;
  auto back = Gunzip(Gzip(text) + Gzip(text), SIZE_MAX / 4, &budget, &charge);
  if (text.size() * 2 < budget.limit() / 4) CT_CHECK(back && *back == std::string(text) + std::string(text));
  if (auto message = ReadGrpcFrame(text)) CT_CHECK(message->bytes.size() + 5 == text.size());
  for (capture::Encoding encoding : {capture::Encoding::kJson, capture::Encoding::kProtobuf})
    (void)EncodeStatus({400, RpcCode::kInvalidArgument, std::string(text), 1, {}}, encoding);
  (void)GrpcProblem({400, RpcCode::kInvalidArgument, std::string(text), 1, {}});
}

}  // namespace
}  // namespace clawtrace::serve

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  clawtrace::serve::Heads(text);
  clawtrace::serve::Chunks(text);
  clawtrace::serve::Bodies(text);
  return 0;
}
