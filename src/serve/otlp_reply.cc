#include "serve/otlp_reply.h"

#include <fmt/core.h>

#include <array>

#include "base/base64.h"
#include "base/json.h"

namespace clawtrace::serve {
namespace {

using capture::Encoding;

constexpr std::string_view kRetryInfo = "type.googleapis.com/google.rpc.RetryInfo";
constexpr size_t kGrpcFrame = 5;

void AppendVarint(uint64_t value, std::string* out) {
  for (; value >= 0x80; value >>= 7) *out += static_cast<char>(value | 0x80);
  *out += static_cast<char>(value);
}
void AppendNumber(uint32_t field, int64_t value, std::string* out) {
  if (value == 0) return;
  AppendVarint(field << 3, out);
  AppendVarint(static_cast<uint64_t>(value), out);
}
void AppendBytes(uint32_t field, std::string_view bytes, std::string* out) {
  if (bytes.empty()) return;
  AppendVarint(field << 3 | 2, out);
  AppendVarint(bytes.size(), out);
  *out += bytes;
}

// Any{RetryInfo{Duration{seconds}}}
std::string RetryDetail(int64_t seconds) {
  std::string duration, info, any;
  AppendNumber(1, seconds, &duration);
  AppendBytes(1, duration, &info);
  AppendBytes(1, kRetryInfo, &any);
  AppendBytes(2, info, &any);
  return any;
}

std::string_view RejectedKey(const capture::Receiver& receiver) {
  if (receiver.name == "otlp-logs") return "rejectedLogRecords";
  return receiver.name == "otlp-metrics" ? "rejectedDataPoints" : "rejectedSpans";
}

// As grpc-message wants it.
std::string Percent(std::string_view text) {
  std::string out;
  for (char c : text) {
    if (c >= ' ' && c <= '~' && c != '%')
      out += c;
    else
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out;
}

}  // namespace

Problem ProblemOf(const Error& error) {
  Problem problem;
  problem.message = error.message;
  switch (error.code) {
    case ErrorCode::kInvalidInput:
    case ErrorCode::kAlreadyExists:
    case ErrorCode::kUnsupported:
      problem.status = 400, problem.code = RpcCode::kInvalidArgument;
      break;
    case ErrorCode::kNotFound:
      problem.status = 404, problem.code = RpcCode::kNotFound;
      break;
    case ErrorCode::kLimit:
      problem.status = 413, problem.code = RpcCode::kResourceExhausted;
      break;
    case ErrorCode::kUnavailable:
    case ErrorCode::kCorruptData:
    case ErrorCode::kIo:
      problem.status = 503, problem.code = RpcCode::kUnavailable, problem.retry_after_s = 1;
      break;
  }
  return problem;
}

std::string_view ContentTypeOf(Encoding encoding) {
  return encoding == Encoding::kProtobuf ? "application/x-protobuf" : "application/json";
}

std::string EncodeStatus(const Problem& problem, Encoding encoding) {
  std::string out;
  if (encoding == Encoding::kProtobuf) {
    AppendNumber(1, static_cast<int>(problem.code), &out);
    AppendBytes(2, problem.message, &out);
    if (problem.retry_after_s > 0) AppendBytes(3, RetryDetail(problem.retry_after_s), &out);
    return out;
  }
  out = fmt::format("{{\"code\":{},\"message\":", static_cast<int>(problem.code));
  AppendJsonString(problem.message, &out);
  if (problem.retry_after_s > 0)
    out += fmt::format(",\"details\":[{{\"@type\":\"{}\",\"retryDelay\":\"{}s\"}}]", kRetryInfo,
                       problem.retry_after_s);
  return out + '}';
}

std::string EncodeExport(const capture::Receiver& receiver, const capture::Received& received,
                         Encoding encoding) {
  std::string message = received.Message(receiver.unit);
  if (encoding == Encoding::kProtobuf) {
    std::string partial, out;
    AppendNumber(1, received.rejected_items(), &partial);
    AppendBytes(2, message, &partial);
    AppendBytes(1, partial, &out);
    return out;
  }
  if (message.empty()) return "{}";
  std::string out = "{\"partialSuccess\":{";
  if (received.rejected_items() > 0)
    out += fmt::format("\"{}\":\"{}\",", RejectedKey(receiver), received.rejected_items());
  out += "\"errorMessage\":";
  AppendJsonString(message, &out);
  return out + "}}";
}

Response ExportReply(std::string body, Encoding encoding) {
  Response response;
  response.content_type = ContentTypeOf(encoding);
  response.body = std::move(body);
  return response;
}

Response ProblemReply(const Problem& problem, Encoding encoding) {
  Response response;
  response.status = problem.status;
  response.content_type = ContentTypeOf(encoding);
  response.headers = problem.headers;
  if (problem.retry_after_s > 0)
    response.headers.emplace_back("Retry-After", fmt::format("{}", problem.retry_after_s));
  response.body = EncodeStatus(problem, encoding);
  return response;
}

Response GrpcReply(std::string_view message) {
  Response response;
  response.content_type = "application/grpc";
  response.trailers = {{"grpc-status", "0"}};
  uint32_t size = static_cast<uint32_t>(message.size());
  response.body.assign({'\0', static_cast<char>(size >> 24), static_cast<char>(size >> 16),
                        static_cast<char>(size >> 8), static_cast<char>(size)});
  response.body += message;
  return response;
}

Response GrpcProblem(const Problem& problem) {
  Response response;
  response.content_type = "application/grpc";
  response.trailers = {{"grpc-status", fmt::format("{}", static_cast<int>(problem.code))},
                       {"grpc-message", Percent(problem.message)}};
  if (problem.retry_after_s > 0)
    response.trailers.emplace_back("grpc-status-details-bin",
                                   Base64Unpadded(EncodeStatus(problem, Encoding::kProtobuf)));
  return response;
}

Result<GrpcMessage> ReadGrpcFrame(std::string_view body) {
  auto bad = [](std::string message) { return Fail(ErrorCode::kInvalidInput, std::move(message)); };
  if (body.size() < kGrpcFrame) return bad("no message");
  auto byte = [&](size_t at) { return static_cast<uint32_t>(static_cast<unsigned char>(body[at])); };
  if (byte(0) > 1) return bad("a frame of an unknown kind");
  uint32_t size = byte(1) << 24 | byte(2) << 16 | byte(3) << 8 | byte(4);
  if (size > body.size() - kGrpcFrame) return bad("the message is cut off");
  if (size < body.size() - kGrpcFrame) return bad("more than one message");
  return GrpcMessage{byte(0) == 1, body.substr(kGrpcFrame)};
}

}  // namespace clawtrace::serve
