#include <fmt/core.h>

#include "base/http_client.h"
#include "base/text.h"
#include "llm/providers/wire.h"
#include "llm/server_events.h"
#include "llm/transport.h"

namespace clawtrace::llm {
namespace {

// Servers of one's own take words such as "key" or "none". Nobody's secret, and replies are full of them.
constexpr size_t kShortestSecret = 8;

std::string Without(std::string_view key, std::string text) {
  constexpr std::string_view kInstead = "[key]";
  if (key.size() < kShortestSecret) return text;
  for (size_t at = text.find(key); at != std::string::npos; at = text.find(key, at + kInstead.size()))
    text.replace(at, key.size(), kInstead);
  return text;
}

class HttpTransport final : public Transport {
 public:
  HttpTransport(const Provider& provider, HttpSite site) : provider_(provider), site_(std::move(site)) {}

  Sent Send(const WireRequest& request) override {
    constexpr int kFirstOk = 200, kFirstOther = 300;
    HttpCall call{.method = "POST",
                  .url = site_.address + request.path,
                  .headers = request.headers,
                  .body = request.body};
    call.timeout_ms = site_.timeout_ms, call.most_reply = kMostReplyBytes;
    call.connect_timeout_ms = site_.connect_timeout_ms, call.idle_timeout_ms = site_.idle_timeout_ms;
    if (!site_.key.empty()) {
      for (auto& header : provider_.authorize(site_.key)) call.headers.push_back(std::move(header));
    }
    std::unique_ptr<StreamReader> reader;
    ServerEvents events([&](std::string_view event, std::string_view data) { reader->Add(event, data); });
    std::string body;
    call.on_body = [&](int status, std::string_view type, std::string_view bytes) {
      bool is_ok = status >= kFirstOk && status < kFirstOther;
      if (!reader && is_ok && provider_.stream && type.starts_with("text/event-stream"))
        reader = provider_.stream();
      if (reader)
        events.Feed(bytes);
      else
        body += bytes;
    };
    auto reply = client_.Send(call);
    if (!reply)
      return std::unexpected(ErrorOf(CallErrorKind::kTransport, Without(site_.key, reply.error().message)));
    WireReply whole{.status = reply->status, .body = std::move(body)};
    if (reader) {
      auto streamed = reader->Whole();
      if (!streamed)
        return std::unexpected(
            ErrorOf(CallErrorKind::kTransport, "the reply broke off before the end of its stream"));
      whole = std::move(*streamed);
    }
    whole.body = Without(site_.key, std::move(whole.body));
    whole.retry_after_s = reply->retry_after_s;
    return whole;
  }

 private:
  const Provider& provider_;
  HttpSite site_;
  HttpClient client_;
};

bool IsThisMachine(std::string_view host) {
  for (std::string_view name : {"127.0.0.1", "localhost", "[::1]"}) {
    if (host == name || (host.starts_with(name) && host.substr(name.size()).starts_with(':'))) return true;
  }
  return false;
}

Status CheckSite(const HttpSite& site) {
  bool clear = site.address.starts_with("http://");
  if (!clear && !site.address.starts_with("https://"))
    return Fail(ErrorCode::kInvalidInput, "the provider's address is no http or https address",
                "such as https://api.example.com or http://127.0.0.1:8000");
  std::string_view rest = std::string_view(site.address).substr(clear ? 7 : 8);
  std::string_view host = rest.substr(0, rest.find_first_of("/?#"));
  if (host.empty() || host.contains('@') || rest.find_first_of("?# \r\n") != rest.npos)
    return Fail(ErrorCode::kInvalidInput, "the provider's address holds more than a host and a path",
                "keys are read from the environment or from --key-file");
  if (clear && !site.key.empty() && !IsThisMachine(host))
    return Fail(ErrorCode::kInvalidInput, fmt::format("a key would go to {} in the clear", host),
                "use https, or an address of this machine");
  if (site.key.find_first_of(std::string_view(" \t\r\n\0", 5)) != std::string::npos)
    return Fail(ErrorCode::kInvalidInput, "the key holds white space", "one key, and nothing else");
  return {};
}

}  // namespace

Result<std::unique_ptr<Transport>> OverHttp(const Provider& provider, HttpSite site) {
  CT_RETURN_IF_ERROR(CheckSite(site));
  while (site.address.ends_with('/')) site.address.pop_back();
  // Every provider's path begins with it; clients are configured either way.
  for (std::string_view version : {"/v1", "/v1beta"}) {
    if (site.address.ends_with(version)) site.address.resize(site.address.size() - version.size());
  }
  return std::make_unique<HttpTransport>(provider, std::move(site));
}

}  // namespace clawtrace::llm
