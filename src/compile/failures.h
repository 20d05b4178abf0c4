#pragma once
// Failed steps, what kind of failure each was, and what repaired it: the first later success on the same
// target in the same session, with the steps between that made it possible.
#include <string>
#include <string_view>
#include <vector>

#include "compile/detector.h"

namespace clawtrace::compile {

struct Failure {
  size_t step = 0;
  std::string error;
  std::string error_class;      // see ErrorClassOf
  bool environment = false;     // network, quota, provider: nobody's mistake
  std::vector<size_t> retries;  // unchanged retries between failure and repair
  std::vector<size_t> helpers;  // successful writes between, which the repair may need
  std::optional<size_t> repair;
};

// Stable words: "missing_command:<name>", "missing_directory", "missing_file", "edit_no_match",
// "permission_denied", "syntax_error", "test_failure", "timeout", "invalid_arguments", "aborted", "network",
// "rate_limit", "provider_error", "nonzero_exit", "error".
std::string ErrorClassOf(const Step& step, const ToolMeaning& meaning);
// The part of it that a text alone tells, of a step with that meaning; "" when it tells none.
std::string KnownErrorClass(std::string_view text, const ToolMeaning& meaning);
bool IsEnvironment(std::string_view error_class);

// One entry a failed step, retries folded into the first failure of their series; in step order.
std::vector<Failure> FindFailures(const Scene& scene);

}  // namespace clawtrace::compile
