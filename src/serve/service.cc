#include "serve/service.h"

#include <fmt/core.h>

#include <algorithm>

#include "base/text.h"
#include "serve/api/problem.h"
#include "serve/api/router.h"
#include "serve/gzip.h"
#include "serve/otlp_reply.h"

namespace clawtrace::serve {
namespace {

using capture::Encoding;

// "localhost:4318" -> "localhost", "[::1]:4318" -> "::1"; "" for what is no host.
std::string HostName(std::string_view host) {
  bool six = host.starts_with('[');
  size_t end = std::min(host.find(six ? ']' : ':'), host.size());
  std::string_view name = host.substr(six, end - six), port = host.substr(end);
  if (six && !port.empty()) port.remove_prefix(1);
  bool digits = std::ranges::all_of(port.substr(!port.empty()), [](char c) { return c >= '0' && c <= '9'; });
  bool whole = (!six || end < host.size()) && (port.empty() || port.front() == ':') && digits;
  return whole ? std::string(name) : "";
}

// "Bearer KEY" or x-api-key; "" when there is none.
std::string_view KeyOf(const Request& request) {
  std::string_view value = request.Header("authorization");
  size_t space = value.find(' ');
  if (space != std::string_view::npos && ToLower(value.substr(0, space)) == "bearer")
    return Trim(value.substr(space + 1));
  return value.empty() ? request.Header("x-api-key") : value;
}

constexpr std::string_view kApi = "/api/";
constexpr size_t kLargeAnswer = size_t{64} << 10;

Response FromApi(api::ApiResponse from) {
  Response response;
  response.status = from.status;
  response.content_type = std::move(from.content_type);
  response.headers = std::move(from.headers);
  response.body = std::move(from.body);
  return response;
}

Problem Make(int status, RpcCode code, std::string message, int64_t retry_after_s = 0) {
  return {status, code, std::move(message), retry_after_s, {}};
}

}  // namespace

bool IsGrpc(const Request& request) {
  return request.http2 && MediaType(request.Header("content-type")).starts_with("application/grpc");
}

Response ProblemFor(const Request& request, const Problem& problem) {
  if (IsGrpc(request)) return GrpcProblem(problem);
  bool protobuf = MediaType(request.Header("content-type")) == "application/x-protobuf";
  return ProblemReply(problem, protobuf ? Encoding::kProtobuf : Encoding::kJson);
}

Service::Service(ServiceOptions options)
    : options_(std::move(options)),
      keys_(options_.store, options_.steady_ns),
      services_{*options_.store, *options_.book, options_.made_by, options_.version, refusals_},
      workers_(options_.threads),
      askers_(options_.threads) {}

void Service::CountRejected(std::string_view receiver, std::string_view reason, int64_t items) {
  metrics_.Rejected(receiver, reason, items);
  refusals_.Count(reason, items);
}

Response Service::Refuse(const Request& head, Refusal why) {
  Problem problem;
  switch (why) {
    case Refusal::kBadRequest:
      problem = Make(400, RpcCode::kInvalidArgument, "the request is no HTTP/1.1");
      break;
    case Refusal::kHeadTooLarge:
      problem = Make(431, RpcCode::kResourceExhausted, "the head is too large or has too many headers");
      break;
    case Refusal::kUnsupported:
      problem = Make(501, RpcCode::kUnimplemented, "this transfer encoding is not understood");
      break;
    case Refusal::kExpectation:
      problem = Make(417, RpcCode::kUnimplemented, "of expectations only 100-continue is met");
      break;
    case Refusal::kTooLarge:
      problem = Make(413, RpcCode::kResourceExhausted,
                     fmt::format("the body is larger than {} bytes", options_.max_body));
      break;
    case Refusal::kOverloaded:
      problem = Make(429, RpcCode::kResourceExhausted, "too much is being received", 1);
      break;
    case Refusal::kTimeout:
      problem = Make(408, RpcCode::kDeadlineExceeded, "the request took too long");
      break;
  }
  metrics_.Request("refused", problem.status);
  return ProblemFor(head, problem);
}

bool Service::OriginAllowed(const Request& request) const {
  std::string_view host = request.Header("host"), origin = request.Header("origin");
  // A name that was made to point at this machine is not ours: a page behind it must not get in without a
  // key.
  bool named =
      std::ranges::any_of(request.headers, [](const auto& header) { return header.first == "host"; });
  if (!options_.key_required && named && !IsLoopback(HostName(host))) return false;
  if (origin.empty() || std::ranges::find(options_.origins, origin) != options_.origins.end()) return true;
  size_t scheme = origin.find("://");
  return scheme != std::string_view::npos && origin.substr(scheme + 3) == host;
}

Result<Caller> Service::CallerOf(const Request& request) {
  std::string_view key = KeyOf(request);
  if (!key.empty()) {
    auto caller = keys_.Find(key);
    if (!caller) return std::unexpected(caller.error());
    if (*caller) return std::move(**caller);
    // Exporters may send keys meant for somebody else; where none is needed they open nothing and harm
    // nothing.
    if (options_.key_required || key.starts_with("ctk_"))
      return Fail(ErrorCode::kInvalidInput, "this key is not known");
  }
  if (options_.key_required) return Fail(ErrorCode::kInvalidInput, "a key is needed");
  return Caller{std::string(kLocalTenant), Role::kAdmin};
}

void Service::Handle(Request request, Reply reply) {
  bool api = request.path.starts_with(kApi);
  Found found = api ? Found() : FindRoute(request.method, request.path);
  if (!api && !found.route) {
    Problem problem = Make(404, RpcCode::kUnimplemented, "there is nothing at this path");
    if (!found.allow.empty()) {
      problem = Make(405, RpcCode::kUnimplemented, fmt::format("this path takes {}", found.allow));
      problem.headers.emplace_back("Allow", found.allow);
    }
    metrics_.Request("none", problem.status);
    return reply(ProblemFor(request, problem));
  }
  if (!OriginAllowed(request)) {
    metrics_.Request(api ? kApi : found.route->pattern, 403);
    if (api) return reply(FromApi(api::Problem(403, "not from this origin")));
    return reply(ProblemFor(request, Make(403, RpcCode::kPermissionDenied, "not from this origin")));
  }
  // For the case that nobody takes the job.
  Request head;
  head.headers = request.headers, head.http2 = request.http2;
  Workers::Job job;
  if (api) {
    job = [this, request = std::move(request), reply]() mutable {
      Response answer = Ask(&request);
      request.Release();
      reply(std::move(answer));
    };
  } else {
    Call call{*this, *found.route, std::move(request), {}};
    job = [this, call = std::move(call), reply]() mutable { Run(std::move(call), reply); };
  }
  if ((api ? askers_ : workers_).Add(job)) return;
  job = nullptr;  // and with it what the body took
  reply(Refuse(head, Refusal::kOverloaded));
}

// Who asks, if that is enough for the role; else what to say.
std::expected<Caller, Problem> Service::Admit(const Request& request, Role needed) {
  if (needed == Role::kNone) return Caller();
  auto caller = CallerOf(request);
  if (!caller && caller.error().code == ErrorCode::kInvalidInput) {
    Problem problem = Make(401, RpcCode::kUnauthenticated, caller.error().message);
    problem.headers.emplace_back("WWW-Authenticate", "Bearer");
    return std::unexpected(std::move(problem));
  }
  if (!caller) return std::unexpected(ProblemOf(caller.error()));
  if (!Allows(caller->role, needed))
    return std::unexpected(
        Make(403, RpcCode::kPermissionDenied,
             fmt::format("the key's role is {}, this needs {}", NameOf(caller->role), NameOf(needed))));
  return std::move(*caller);
}

void Service::Run(Call call, Reply reply) {
  std::string_view pattern = call.route.pattern;
  auto counted = [this, pattern, reply = std::move(reply)](Response response) {
    metrics_.Request(pattern, response.status);
    reply(std::move(response));
  };
  auto caller = Admit(call.request, call.route.role);
  if (!caller) {
    call.request.Release();
    return counted(ProblemFor(call.request, caller.error()));
  }
  call.caller = std::move(*caller);
  if (call.route.answer) return counted(call.route.answer(call));
  call.route.take(std::move(call), counted);
}

Response Service::Counted(std::string_view pattern, api::ApiResponse from) {
  Charge charge;
  size_t size = from.body.capacity();
  if (size > kLargeAnswer && options_.answers && !charge.Grow(options_.answers, size))
    from = api::Problem(503, "too many large answers are being sent", "read those that were asked for");
  metrics_.Request(pattern, from.status);
  Response response = FromApi(std::move(from));
  response.charge = std::move(charge);
  return response;
}

Response Service::Ask(Request* from) {
  Request& request = *from;
  api::ApiRequest ask;
  ask.method = request.method, ask.path = request.path, ask.headers = request.headers;
  ask.now_ns = options_.now_ns();
  auto answer = [&](std::string_view pattern, api::ApiResponse response) {
    return Counted(pattern, std::move(response));
  };
  api::Routed routed = api::FindRoute(&ask);
  if (!routed.route) return answer(kApi, std::move(routed.refusal));
  std::string_view pattern = routed.route->pattern;
  auto query = api::ParseQuery(request.query);
  if (!query) return answer(pattern, api::Problem(400, "the query cannot be read"));
  ask.query = std::move(*query);
  auto caller = Admit(request, routed.route->role);
  if (!caller) {
    api::ApiResponse refusal = api::Problem(caller.error().status, caller.error().message);
    for (auto& header : caller.error().headers) refusal.headers.push_back(std::move(header));
    return answer(pattern, std::move(refusal));
  }
  ask.tenant = std::move(caller->tenant), ask.admin = caller->role == Role::kAdmin;
  ask.body = std::move(request.body);
  std::string coding = ToLower(Trim(request.List("content-encoding")));
  if (!coding.empty() && coding != "identity" && coding != "gzip")
    return answer(pattern, api::Problem(415, "this content encoding is not read", "gzip is, or none"));
  if (coding == "gzip") {
    auto plain = Gunzip(ask.body, options_.max_body, options_.budget, &request.charge);
    if (!plain) return answer(pattern, api::ProblemOf(plain.error()));
    ask.body = std::move(*plain);
  }
  return answer(pattern, api::Answer(*routed.route, ask, services_));
}

}  // namespace clawtrace::serve
