// Any text through the redaction rules, whole and cut off. Besides crashes and slowness: what is redacted
// once is left alone the second time, and known keys put around it never come through.
#include <cstdint>
#include <string>
#include <string_view>

#include "capture/redact.h"
#include "capture/redact_record.h"

namespace clawtrace::capture {
namespace {

Redactor Make(std::string_view yaml) {
  auto rules = ParseRedactionRules(yaml, "fuzz");
  CT_CHECK(rules.has_value());
  auto redactor = Redactor::Make(*rules, "salt");
  CT_CHECK(redactor.has_value());
  return std::move(*redactor);
}

void TestOne(std::string_view input) {
  static const Redactor usual = Make("defaults: true"),
                        random = Make("entropy: {min_length: 16, min_bits: 3}");
  if (auto rules = ParseRedactionRules(input, "input")) CT_CHECK(Redactor::Make(*rules, "s").has_value());
  const std::string key = "sk-" + std::string(30, 'k');
  // What stands inside of a word is none.
  if (input.find(key) != std::string_view::npos) return;
  for (bool cut : {false, true}) {
    std::string text(input);
    (void)random.Text(&text, cut);
    text = std::string(input) + " " + key + " " + std::string(input);
    (void)usual.Text(&text, cut);
    CT_CHECK(text.find(key) == std::string::npos);
  }
  // A record stays as it is, or loses what it must; a key in a string within it never stays.
  std::string record(input);
  (void)RedactRecord(usual, &record);
  if (input.find_first_of("\"\\") == std::string_view::npos) {
    record = "{\"a\":\"\\n" + std::string(input) + " \\u0073" + key.substr(1) + "\"}";
    (void)RedactRecord(usual, &record);
    CT_CHECK(record.find(key.substr(1)) == std::string::npos);
  }
  std::string once(input);
  (void)usual.Text(&once);
  std::string twice = once;
  // A second look may find what the first one brought together, never what it put there.
  if (usual.Text(&twice))
    CT_CHECK(twice.find("[redacted:[redacted") == std::string::npos ||
             input.find("[redacted") != std::string_view::npos);
}

}  // namespace
}  // namespace clawtrace::capture

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  clawtrace::capture::TestOne({reinterpret_cast<const char*>(data), size});
  return 0;
}
