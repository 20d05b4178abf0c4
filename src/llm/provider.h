#pragma once
// How a provider of models spells a request and a reply. A provider is data plus pure functions, in a file
// under providers/ and one line in providers.def.
//
// Contract, checked for every entry by provider_test.cc:
//  - encode is deterministic, its body is one JSON document, and it never holds a key;
//  - decode is total: no status and no bytes crash it or give anything but a reply or a typed error;
//  - the reader of a stream is total; what it makes of a whole stream decodes as the same reply that comes in
//    one piece, and of a stream that breaks off it makes nothing;
//  - usage is in disjoint buckets (model/usage.h), nullopt where the provider's figures are impossible.
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "llm/chat.h"

namespace clawtrace::llm {

using Headers = std::vector<std::pair<std::string, std::string>>;

struct WireRequest {
  std::string path;  // behind the address: "/v1/messages"; "" for a program
  Headers headers;   // without those that carry the key
  std::string body;
  std::optional<Usd> most_usd = {};  // what it may cost at most, for those who keep books; never sent
};

struct WireReply {
  int status = 0;
  std::string body;
  int64_t retry_after_s = 0;  // 0: not said
};

// Puts the events of one streamed reply together. Used once, by one thread.
class StreamReader {
 public:
  virtual ~StreamReader() = default;
  virtual void Add(std::string_view event, std::string_view data) = 0;
  // The reply as if it had come in one piece, an error that the stream told as one of its status; nullopt:
  // its end is missing.
  virtual std::optional<WireReply> Whole() = 0;
};

struct Provider {
  std::string_view name;            // "anthropic"
  std::string_view summary;         // one line of help
  std::string_view address;         // its own; "" = a program, which is named instead
  std::string_view key_variable;    // of the environment; "" = needs no key
  std::string_view price_provider;  // as the price book names it; "" = any
  WireRequest (*encode)(const Request& request);
  Answer (*decode)(const WireReply& reply);
  Headers (*authorize)(std::string_view key);  // the headers that carry it
  std::unique_ptr<StreamReader> (*stream)();   // nullptr: never streams
};

const std::vector<const Provider*>& Providers();
const Provider* FindProvider(std::string_view name);  // nullptr when there is none

}  // namespace clawtrace::llm
