#pragma once
// Requests and responses as the routes see them, whatever carried them.
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/memory.h"
#include "serve/budget.h"

namespace clawtrace::serve {

using Headers = std::vector<std::pair<std::string, std::string>>;

struct Request {
  std::string method;
  std::string path;   // without the query, percent-encoding left as it is
  std::string query;  // behind "?"
  Headers headers;    // names in lower case
  std::string body;   // as sent, without transfer encoding
  bool http2 = false;
  int64_t received_ns = 0;  // monotonic, when its last byte came
  Charge charge;            // what the body takes of the memory budget

  // Gives back what the body took. Before the answer is sent: who has it may send as much again at once.
  void Release() { FreeText(&body), charge = Charge(); }
  // All headers of this name (lower case), which mean the same as one with a list; "" when absent.
  std::string List(std::string_view name) const;
  // The first header of this name (lower case); "" when absent.
  std::string_view Header(std::string_view name) const;
};

struct Response {
  int status = 200;
  std::string content_type;
  Headers headers;  // beside content type and length
  std::string body;
  Headers trailers;    // HTTP/2 only; with an empty body they are the last header block
  bool close = false;  // the connection is of no use afterwards
  Charge charge;       // what a large body takes of the memory for answers
};

// Why a request was not even read.
enum class Refusal {
  kBadRequest,
  kHeadTooLarge,
  kUnsupported,
  kExpectation,
  kTooLarge,
  kOverloaded,
  kTimeout
};

// Answers one request, once, from any thread; to a client that has gone nothing is sent.
using Reply = std::function<void(Response)>;

// What a server serves. Called on the server's thread: long work goes elsewhere.
class Handler {
 public:
  virtual ~Handler() = default;
  virtual void Handle(Request request, Reply reply) = 0;
  // head: as much as was read of it.
  virtual Response Refuse(const Request& head, Refusal why) = 0;
};

// "application/json" of "Application/JSON; charset=utf-8".
std::string MediaType(std::string_view content_type);

}  // namespace clawtrace::serve
