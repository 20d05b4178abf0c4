#include "serve/api/problem.h"

#include "base/doc_writer.h"

namespace clawtrace::serve::api {
namespace {

int StatusOf(ErrorCode code) {
  switch (code) {
    case ErrorCode::kNotFound:
      return 404;
    case ErrorCode::kInvalidInput:
      return 400;
    case ErrorCode::kAlreadyExists:
      return 409;
    case ErrorCode::kLimit:
      return 413;
    case ErrorCode::kUnsupported:
      return 422;
    case ErrorCode::kUnavailable:
      return 503;
    case ErrorCode::kCorruptData:
    case ErrorCode::kIo:
      return 500;
  }
  return 500;
}

}  // namespace

ApiResponse Problem(int status, std::string_view detail, std::string_view hint) {
  DocWriter w(DocWriter::Format::kJson);
  w.BeginObject();
  w.Field("type", "about:blank");
  w.Field("title", ReasonOf(status));
  w.Field("status", int64_t{status});
  w.Field("detail", detail);
  if (!hint.empty()) w.Field("hint", hint);
  w.EndObject();
  ApiResponse response{status, "application/problem+json", {}, w.Take()};
  if (status == 503 || status == 429) response.headers.emplace_back("Retry-After", "1");
  return response;
}

ApiResponse ProblemOf(const Error& error) {
  int status = StatusOf(error.code);
  if (status == 500) return Problem(500, "the server could not read what it stored", "see the server's log");
  return Problem(status, error.message, error.hint);
}

}  // namespace clawtrace::serve::api
