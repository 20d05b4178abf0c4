#pragma once
// Workplaces in tests.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "replay/sandbox.h"

namespace clawtrace::replay {

// A folder of its own below /tmp.
class TestFolder {
 public:
  TestFolder() {
    if (::mkdtemp(path_.data()) == nullptr) std::abort();
    ::chmod(path_.c_str(), 0755);
  }
  ~TestFolder() {
    std::error_code error;
    std::filesystem::remove_all(path_, error);
  }
  TestFolder(const TestFolder&) = delete;
  TestFolder& operator=(const TestFolder&) = delete;

  const std::string& path() const { return path_; }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  void Write(const std::string& name, const std::string& text) const {
    std::filesystem::create_directories(std::filesystem::path(*this / name).parent_path());
    std::ofstream(*this / name, std::ios::binary) << text;
  }
  std::string Read(const std::string& name) const {
    std::stringstream text;
    text << std::ifstream(*this / name, std::ios::binary).rdbuf();
    return text.str();
  }

 private:
  std::string path_ = "/tmp/clawtrace-test-XXXXXX";
};

inline SandboxHost TestHost() { return {.program = CLAWTRACE_WORKPLACE_PROGRAM, .scratch = "/tmp"}; }

inline Command Shell(const std::string& text, int64_t wall_ms = 0) {
  return {.shell = text, .argv = {}, .cwd = {}, .input = {}, .wall_ms = wall_ms};
}

#define CT_NEEDS_SANDBOX()                                                                             \
  if (auto ct_there = clawtrace::replay::SandboxAvailable(clawtrace::replay::TestHost()); !ct_there) { \
    GTEST_SKIP() << "this machine allows no sandbox: " << ct_there.error().message;                    \
  }

}  // namespace clawtrace::replay
