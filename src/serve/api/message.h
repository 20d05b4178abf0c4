#pragma once
// A request and its answer as handlers see them, whatever carried them. Values; free of any network library.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace clawtrace::serve::api {

// What a key may do: kIngest only adds, kRead only looks, kAdmin does both and deletes.
enum class Role { kNone, kIngest, kRead, kAdmin };
std::string_view NameOf(Role role);  // "ingest"

// Is a request that needs `needed` allowed to a holder of `held`? kNone needs nothing.
bool Allows(Role held, Role needed);

struct ApiRequest {
  std::string method;                                        // upper case
  std::string path;                                          // as it came, percent-encoded, without the query
  std::vector<std::pair<std::string, std::string>> query;    // decoded, in order
  std::vector<std::pair<std::string, std::string>> headers;  // names in lower case
  std::string body;                                          // after decompression

  // From the key alone, never from the request: every query below is bound to it.
  std::string tenant;
  bool admin = false;  // may see what is of the whole server
  int64_t now_ns = 0;  // when it came
  // What the pattern's {parts} stood for, decoded, in order; set by the router.
  std::vector<std::string> parts;

  // nullopt when absent; of several the first.
  std::optional<std::string_view> Header(std::string_view name) const;
  std::optional<std::string_view> Query(std::string_view name) const;
};

struct ApiResponse {
  int status = 200;
  std::string content_type;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
};

// "%2F" and so on; '+' stays. nullopt when an escape is broken or gives a NUL.
std::optional<std::string> DecodePercent(std::string_view text);
// "a=1&b=%20": names and values decoded, '+' a space. nullopt when it cannot be.
std::optional<std::vector<std::pair<std::string, std::string>>> ParseQuery(std::string_view text);
// So that DecodePercent gives it back: all but letters, digits and "-._~" is escaped.
std::string EncodePercent(std::string_view text);

// The reason phrase of a status this server gives: "Not Found".
std::string_view ReasonOf(int status);

}  // namespace clawtrace::serve::api
