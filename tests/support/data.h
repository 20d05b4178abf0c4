#pragma once
// Where tests find recordings: our own committed ones, and the shared collection beside the checkout when it
// is there.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <string>

namespace clawtrace::test {

inline std::filesystem::path SourceDir() { return CLAWTRACE_SOURCE_DIR; }

// "" when this checkout has no shared data beside it.
inline std::filesystem::path SharedData() {
  const char* set = std::getenv("CLAWTRACE_SHARED_DATA");
  std::filesystem::path path = set ? std::filesystem::path(set) : SourceDir() / "../shared/data";
  return std::filesystem::is_directory(path) ? path : std::filesystem::path();
}

#define CT_NEEDS_SHARED_DATA()                                                                           \
  if (clawtrace::test::SharedData().empty()) {                                                           \
    GTEST_SKIP() << "needs the shared recordings: ../shared/data or CLAWTRACE_SHARED_DATA is not there"; \
  }

}  // namespace clawtrace::test
