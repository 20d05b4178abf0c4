#pragma once
// A payload in pieces, such that prompts which repeat their history repeat its pieces: a JSON array (or the
// array of messages in a JSON request) at its elements, other large texts where their content says. Nothing
// is normalised: Join gives the same bytes back.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace clawtrace::store {

// Taken out of a piece because it moves from message to message: the mark up to which a provider caches.
struct Moved {
  size_t piece = 0, at = 0;  // at: offset in the piece without it
  std::string bytes;
};

struct Pieces {
  std::vector<std::string_view> texts;  // of the payload, or of own where something was taken out
  std::vector<std::string> own;
  std::vector<Moved> moved;
  std::string_view
      tail;  // the short end behind the last element, or all of a short payload: no piece of its own
};

// The payload must outlive the pieces. Linear.
Pieces Split(std::string_view payload);

// What Join needs beside the texts of the pieces.
std::string EncodeFrame(const Pieces& pieces);
// kCorruptData when the frame does not fit the texts.
Result<std::string> Join(const std::vector<std::string>& texts, std::string_view frame);

}  // namespace clawtrace::store
