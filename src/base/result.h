#pragma once
// Errors as values. Nothing in this code base throws across a function of ours.
#include <cstdio>
#include <cstdlib>
#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace clawtrace {

enum class ErrorCode {
  kInvalidInput,
  kNotFound,
  kAlreadyExists,
  kUnsupported,
  kUnavailable,
  kCorruptData,
  kIo,
  kLimit
};

// What failed and on what (lower case, no final period, names the file, session or key), and what to try.
struct Error {
  ErrorCode code = ErrorCode::kInvalidInput;
  std::string message;
  std::string hint;
};

template <class T>
using Result = std::expected<T, Error>;
using Status = Result<void>;

inline std::unexpected<Error> Fail(ErrorCode code, std::string message, std::string hint = {}) {
  return std::unexpected(Error{code, std::move(message), std::move(hint)});
}

}  // namespace clawtrace

// Our own bug: says where and aborts. Never used on input.
#define CT_CHECK(condition)                                                                   \
  do {                                                                                        \
    if (!(condition)) {                                                                       \
      std::fprintf(stderr, "BUG: %s:%d: check failed: %s\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                                           \
    }                                                                                         \
  } while (false)

#define CT_RETURN_IF_ERROR(expression)                                                                   \
  do {                                                                                                   \
    if (auto ct_status = (expression); !ct_status) return std::unexpected(std::move(ct_status.error())); \
  } while (false)
