#pragma once
// Parses JSON that other programs wrote and that crashes, copies and odd encoders have touched.
//  - invalid UTF-8 becomes U+FFFD; repaired() says so
//  - integers beyond 64 bits become floating point numbers, which no count accepts
#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"

namespace clawtrace::capture {

class LenientJson {
 public:
  // nullopt when it is no JSON document even so; why() says it then. Copies the text.
  std::optional<Json> Parse(std::string_view text);
  // The same without a copy when nothing needs repair: JsonParser::kPadding bytes behind the text are
  // readable.
  std::optional<Json> ParsePadded(std::string_view text);

  // About the last text parsed.
  bool repaired() const { return repaired_; }
  std::string_view parsed() const { return parsed_; }  // what was parsed, repairs included
  std::string_view why() const { return why_; }        // stable words: "not-json", "nul-bytes"

 private:
  std::optional<Json> Repair(std::string_view text);

  JsonParser parser_;
  std::string buffer_;
  std::string_view parsed_, why_;
  bool repaired_ = false;
};

// A JSON document whose end is missing, closed so that it parses: what stands before the last complete value
// is kept, open arrays and objects are closed. Text behind the first complete value is left out. "" when the
// text begins no object or array. O(n).
std::string CloseJson(std::string_view text);

}  // namespace clawtrace::capture
