#pragma once
// Workplaces in tests.
#include <gtest/gtest.h>

#include <string>

#include "base/temp_folder_test_util.h"
#include "replay/sandbox.h"

namespace clawtrace::replay {

inline SandboxHost TestHost() { return {.program = CLAWTRACE_WORKPLACE_PROGRAM, .scratch = "/tmp"}; }

inline Command Shell(const std::string& text, int64_t wall_ms = 0) {
  return {.shell = text, .argv = {}, .cwd = {}, .input = {}, .wall_ms = wall_ms};
}

#define CT_NEEDS_SANDBOX()                                                                             \
  if (auto ct_there = clawtrace::replay::SandboxAvailable(clawtrace::replay::TestHost()); !ct_there) { \
    GTEST_SKIP() << "this machine allows no sandbox: " << ct_there.error().message;                    \
  }

}  // namespace clawtrace::replay
