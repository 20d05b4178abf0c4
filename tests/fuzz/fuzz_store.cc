// Whatever a damaged file or a stranger's cursor holds: rows decode or are told, and what is split comes
// together.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "store/cursor.h"
#include "store/fact_codec.h"
#include "store/facts.h"
#include "store/split.h"
#include "store/squeeze.h"

namespace {

using namespace clawtrace;         // NOLINT
using namespace clawtrace::store;  // NOLINT

void Require(bool holds) {
  if (!holds) std::abort();
}

// A body that is read is written and read again as the same fact.
void DecodeBody(std::string_view bytes) {
  Fact fact, again;
  if (!DecodeFactBody(bytes, &fact)) return;
  std::string body;
  EncodeFactBody(fact, &body);
  Require(DecodeFactBody(body, &again).has_value());
  Require(again == fact);
}

void SplitAndJoin(std::string_view bytes) {
  Pieces pieces = Split(bytes);
  std::vector<std::string> texts(pieces.texts.begin(), pieces.texts.end());
  auto joined = Join(texts, EncodeFrame(pieces));
  Require(joined && *joined == bytes);
}

void JoinDamaged(std::string_view bytes) {
  size_t cut = bytes.find('|');
  std::vector<std::string> texts = {std::string(bytes.substr(0, cut)), "second"};
  auto joined = Join(texts, cut == std::string_view::npos ? bytes : bytes.substr(cut + 1));
  Require(!joined || joined->size() <= 2 * bytes.size() + 16);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 6) {
    case 0:
      DecodeBody(bytes);
      break;
    case 1:
      SplitAndJoin(bytes);
      break;
    case 2:
      JoinDamaged(bytes);
      break;
    case 3:
      if (auto cursor = DecodeCursor(bytes)) Require(EncodeCursor(*cursor) == bytes);
      break;
    case 4:
      if (auto text = Unsqueeze(bytes, 1 << 20)) Require(text->size() <= 1 << 20);
      break;
    default:
      (void)DecodeFactRow(static_cast<int64_t>(bytes.size() % 12), bytes);
  }
  return 0;
}
