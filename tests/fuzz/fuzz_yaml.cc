// Documents that people edit: any bytes as YAML, as a card and as a patch. What is accepted must be written
// and read back as the same thing.
#include <cstdint>
#include <string>
#include <string_view>

#include "base/value.h"
#include "model/patch.h"
#include "model/session.h"
#include "model/tracecard.h"

namespace clawtrace {
namespace {

void TestOne(std::string_view text) {
  (void)ParseYaml(text, "input");
  if (auto card = DecodeCard(text, "input")) {
    for (DocFormat format : {DocFormat::kYaml, DocFormat::kJson}) {
      std::string written = EncodeCard(*card, format);
      auto back = DecodeCard(written, "written");
      CT_CHECK(back && EncodeCard(*back, format) == written);
    }
    (void)EncodeCompactCard(*card, DocFormat::kYaml);
  }
  if (auto patch = DecodePatch(text, "input")) {
    for (bool json : {false, true}) {
      auto back = DecodePatch(EncodePatch(*patch, json), "written");
      CT_CHECK(back && EncodePatch(*back, json) == EncodePatch(*patch, json));
    }
  }
  if (auto session = DecodeSession(text, "input")) {
    std::string written = EncodeSession(*session, true);
    auto back = DecodeSession(written, "written");
    CT_CHECK(back && EncodeSession(*back, true) == written);
  }
}

}  // namespace
}  // namespace clawtrace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  clawtrace::TestOne({reinterpret_cast<const char*>(data), size});
  return 0;
}
