#pragma once
// Receivers turn one request of a protocol into facts, as importers do with files. A receiver is data plus
// one function, in a file under receivers/ and one line in receivers.def. It knows its protocol and nothing
// of HTTP, stores or tenants.
//
// Contract, checked for every entry by tests/conformance/receiver_test.cc:
//  - facts are those that the importer of the same source reads from the same bytes in a file, before it
//  resolves them: what comes in pieces is resolved when a session is compiled;
//  - any split of items over requests, any order and repetition of requests gives the same set of facts;
//  - no input crashes, hangs or makes it hold more than a small multiple of the request.
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/fact.h"

namespace clawtrace::capture {

enum class Encoding { kProtobuf, kJson };

// A whole text that a fact holds the start of, under the id that the fact has once it is resolved.
struct ReceivedText {
  std::string source, session_id, id;
  std::string part;  // the attribute it stood in, or "messages"
  std::string bytes;
  bool operator==(const ReceivedText&) const = default;
};

struct ReceivedLink {
  std::string session_id, other;
  bool operator==(const ReceivedLink&) const = default;
};

struct Received {
  std::vector<Fact> facts;
  std::vector<ReceivedText> texts;
  std::vector<ReceivedLink> links;          // Importer FactSink::Link
  int64_t items = 0;                        // spans, log records, points, events that were there
  std::map<std::string, int64_t> rejected;  // items that can never be used, by reason
  std::map<std::string, int64_t> warnings;  // items that were used, though not as they stand

  int64_t rejected_items() const;
  // "2 spans rejected: bad-span-id (2); used with changes: ..." ; "" when all is well.
  std::string Message(std::string_view unit) const;
};

struct Receiver {
  std::string_view name;    // "otlp-traces"
  std::string_view source;  // of its facts: the importer that resolves them
  std::string_view unit;    // what its items are called: "spans"
  bool protobuf = false;    // JSON is always read
  // Errors: kInvalidInput when the bytes are no such request, kLimit when it holds too much; then nothing of
  // it is to be stored.
  Result<Received> (*receive)(Encoding encoding, std::string_view body);
};

// Items of one request, beyond which it is kLimit.
inline constexpr int64_t kMaxReceivedItems = 100'000;

const std::vector<const Receiver*>& Receivers();      // registry order
const Receiver* FindReceiver(std::string_view name);  // nullptr when unknown

}  // namespace clawtrace::capture
