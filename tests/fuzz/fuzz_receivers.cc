// Any bytes as a request of every receiver, in both encodings. Besides crashes and hangs it finds facts that
// cannot be stored and requests whose facts depend on what was read before them.
#include <cstdint>
#include <string_view>

#include "capture/importer.h"
#include "capture/receiver.h"
#include "model/session.h"

namespace clawtrace::capture {
namespace {

void TestOne(std::string_view body) {
  for (const Receiver* receiver : Receivers()) {
    for (Encoding encoding : {Encoding::kJson, Encoding::kProtobuf}) {
      if (encoding == Encoding::kProtobuf && !receiver->protobuf) continue;
      auto received = receiver->receive(encoding, body);
      if (!received) continue;
      CT_CHECK(received->items >= received->rejected_items());
      auto again = receiver->receive(encoding, body);
      CT_CHECK(again && again->facts == received->facts && again->texts == received->texts);
      for (const Fact& fact : received->facts) {
        CT_CHECK(fact.source == receiver->source && !fact.session_id.empty());
        auto back = DecodeFact(EncodeFact(fact));
        CT_CHECK(back && *back == fact);
      }
      FindImporter(receiver->source)->resolve(&received->facts);
      (void)AssembleSessions(std::move(received->facts));
    }
  }
}

}  // namespace
}  // namespace clawtrace::capture

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  clawtrace::capture::TestOne({reinterpret_cast<const char*>(data), size});
  return 0;
}
