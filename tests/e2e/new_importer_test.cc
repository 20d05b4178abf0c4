#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

namespace {

#ifdef __clang__
constexpr const char* kCompiler = "clang++-19";
#else
constexpr const char* kCompiler = "g++";
#endif

TEST(NewImporterTest, ScaffoldCompilesAndRefusesExistingNames) {
  std::string source = CLAWTRACE_SOURCE_DIR;
  std::string command = "bash '" + source + "/tests/e2e/new_importer.sh' " + kCompiler + " '" + source + "'";
  EXPECT_EQ(std::system(command.c_str()), 0);
}

}  // namespace
