#pragma once
// OTLP in JSON: lowerCamelCase keys, hex ids, 64-bit numbers as strings or numbers, unknown keys ignored.
#include <string_view>

#include "base/json.h"
#include "capture/otlp_span.h"

namespace clawtrace::capture {

// Reads one parsed request of any signal; false when it is none.
bool ReadOtlpJson(Json request, OtlpVisitor* visitor);

// The same for a request whose signal is known: members of the others are not read. False: what should be a
// list is none.
bool ReadOtlpJson(Json request, OtlpSignal signal, OtlpVisitor* visitor);

// Is a request among the records that begin in this head (whole, cut off, one a line or pretty-printed)?
bool LooksLikeOtlpJson(std::string_view head);

// Finds the end of JSON documents that follow each other in a stream, whatever their layout: pretty-printed,
// one a line, or back to back.
class JsonSplitter {
 public:
  // Looks at bytes from position `from` of the text on. Returns the position behind the document that ends
  // first, or npos when more bytes are needed. *broken: the record that ends there cannot be a document (a
  // line that was cut off and another begun after it).
  size_t FindEnd(std::string_view text, bool* broken);
  void Reset() { *this = JsonSplitter(); }

 private:
  size_t position_ = 0;
  int depth_ = 0;
  bool in_string_ = false;
  bool escaped_ = false;
  bool stray_ = false;  // something outside of any document was seen
};

}  // namespace clawtrace::capture
