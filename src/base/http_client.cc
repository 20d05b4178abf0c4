#include "base/http_client.h"

#include <curl/curl.h>
#include <fmt/core.h>

#include <chrono>
#include <mutex>

namespace clawtrace {
namespace {

using Clock = std::chrono::steady_clock;

struct Received {
  CURL* curl = nullptr;
  const HttpCall& call;
  std::string body;
  size_t bytes = 0;
  bool too_long = false;
};

size_t OnBody(char* bytes, size_t, size_t size, void* user) {
  auto& received = *static_cast<Received*>(user);
  received.bytes += size;
  received.too_long = received.bytes > received.call.most_reply;
  if (received.too_long) return 0;
  if (!received.call.on_body) {
    received.body.append(bytes, size);
    return size;
  }
  long status = 0;
  char* type = nullptr;
  curl_easy_getinfo(received.curl, CURLINFO_RESPONSE_CODE, &status);
  curl_easy_getinfo(received.curl, CURLINFO_CONTENT_TYPE, &type);
  received.call.on_body(static_cast<int>(status), type ? type : "", {bytes, size});
  return size;
}

// Ends a call on which nothing moves.
struct Idle {
  int64_t most_ms = 0;
  curl_off_t moved = -1;
  Clock::time_point since;
  bool over = false;
};

int OnProgress(void* user, curl_off_t, curl_off_t down, curl_off_t, curl_off_t up) {
  auto& idle = *static_cast<Idle*>(user);
  Clock::time_point now = Clock::now();
  if (down + up != idle.moved) idle.moved = down + up, idle.since = now;
  idle.over = now - idle.since >= std::chrono::milliseconds(idle.most_ms);
  return idle.over ? 1 : 0;
}

void SetTimes(CURL* curl, const HttpCall& call, Idle* idle) {
  curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, static_cast<long>(call.timeout_ms));
  if (call.connect_timeout_ms > 0)
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(call.connect_timeout_ms));
  if (call.idle_timeout_ms <= 0) return;
  idle->most_ms = call.idle_timeout_ms, idle->since = Clock::now();
  curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, &OnProgress);
  curl_easy_setopt(curl, CURLOPT_XFERINFODATA, idle);
}

// Of what curl appends to: freed with it.
struct HeaderList {
  curl_slist* first = nullptr;
  ~HeaderList() { curl_slist_free_all(first); }
  void Add(const std::string& line) { first = curl_slist_append(first, line.c_str()); }
};

bool IsHeaderText(std::string_view text) {
  return text.find_first_of(std::string_view("\r\n\0", 3)) == text.npos;
}

}  // namespace

struct HttpClient::Impl {
  CURL* handle = nullptr;
  std::string ca_file;
};

HttpClient::HttpClient(std::string ca_file) : impl_(std::make_unique<Impl>()) {
  static std::once_flag once;
  std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
  impl_->handle = curl_easy_init();
  CT_CHECK(impl_->handle != nullptr);
  impl_->ca_file = std::move(ca_file);
}

HttpClient::~HttpClient() { curl_easy_cleanup(impl_->handle); }

Result<HttpReply> HttpClient::Send(const HttpCall& call) {
  CURL* curl = impl_->handle;
  curl_easy_reset(curl);  // keeps connections
  Received received{.curl = curl, .call = call, .body = {}};
  Idle idle;
  HeaderList headers;
  for (const auto& [name, value] : call.headers) {
    if (!IsHeaderText(name) || !IsHeaderText(value))
      return Fail(ErrorCode::kInvalidInput, fmt::format("header {} holds a line end", name));
    headers.Add(name + ": " + value);
  }
  headers.Add("Expect:");  // no pause before long bodies
  curl_easy_setopt(curl, CURLOPT_URL, call.url.c_str());
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  SetTimes(curl, call, &idle);
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers.first);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, &OnBody);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &received);
  curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, call.method.c_str());
  if (call.method == "HEAD") curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
  if (!call.body.empty() || call.method == "POST" || call.method == "PUT") {
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, call.body.c_str());
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(call.body.size()));
  }
  if (!impl_->ca_file.empty()) curl_easy_setopt(curl, CURLOPT_CAINFO, impl_->ca_file.c_str());
  CURLcode code = curl_easy_perform(curl);
  if (received.too_long)
    return Fail(ErrorCode::kLimit,
                fmt::format("{} answered with more than {} bytes", call.url, call.most_reply));
  if (idle.over)
    return Fail(ErrorCode::kUnavailable,
                fmt::format("{}: Timeout: nothing came for {} ms", call.url, call.idle_timeout_ms));
  if (code == CURLE_URL_MALFORMAT || code == CURLE_UNSUPPORTED_PROTOCOL)
    return Fail(ErrorCode::kInvalidInput, fmt::format("{} is no http or https address", call.url),
                "such as http://127.0.0.1:4318");
  if (code != CURLE_OK)
    return Fail(ErrorCode::kUnavailable, fmt::format("{}: {}", call.url, curl_easy_strerror(code)),
                "is the server running, and is this its address?");
  HttpReply reply;
  long status = 0;
  char* type = nullptr;
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
  curl_easy_getinfo(curl, CURLINFO_CONTENT_TYPE, &type);
  curl_off_t retry_after = 0;
  curl_easy_getinfo(curl, CURLINFO_RETRY_AFTER, &retry_after);
  reply.status = static_cast<int>(status), reply.retry_after_s = retry_after;
  if (type) reply.content_type = type;
  reply.body = std::move(received.body);
  return reply;
}

}  // namespace clawtrace
