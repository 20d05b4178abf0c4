#pragma once
// Answers of the OpenTelemetry protocol, in the encoding of the request: docs/collector.md,
// opentelemetry-proto collector/*/v1, google.rpc.Status. Pure.
#include <cstdint>
#include <string>
#include <string_view>

#include "capture/receiver.h"
#include "serve/http.h"

namespace clawtrace::serve {

// Codes of google.rpc.Status that we use.
enum class RpcCode : int {
  kOk = 0,
  kInvalidArgument = 3,
  kDeadlineExceeded = 4,
  kNotFound = 5,
  kPermissionDenied = 7,
  kResourceExhausted = 8,
  kUnimplemented = 12,
  kInternal = 13,
  kUnavailable = 14,
  kUnauthenticated = 16,
};

struct Problem {
  int status = 500;  // of HTTP
  RpcCode code = RpcCode::kInternal;
  std::string message;
  int64_t retry_after_s = 0;  // 0: trying again is of no use
  Headers headers;            // "Allow" and the like
};

// What went wrong below: kUnavailable, kIo and kCorruptData may go well later.
Problem ProblemOf(const Error& error);

std::string_view ContentTypeOf(capture::Encoding encoding);
// google.rpc.Status, with RetryInfo where trying again is of use.
std::string EncodeStatus(const Problem& problem, capture::Encoding encoding);
// Export*ServiceResponse: empty when nothing was rejected or changed.
std::string EncodeExport(const capture::Receiver& receiver, const capture::Received& received,
                         capture::Encoding encoding);

Response ExportReply(std::string body, capture::Encoding encoding);
Response ProblemReply(const Problem& problem, capture::Encoding encoding);
// The same for gRPC: status in the trailers.
Response GrpcReply(std::string_view message);
Response GrpcProblem(const Problem& problem);

// The message of a unary call without its frame of five bytes.
struct GrpcMessage {
  bool compressed = false;
  std::string_view bytes;
};
Result<GrpcMessage> ReadGrpcFrame(std::string_view body);

}  // namespace clawtrace::serve
