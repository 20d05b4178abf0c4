#pragma once
// For tests: a workplace without processes. Commands are given as functions on the files.
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/file.h"
#include "base/hash.h"
#include "replay/workplace.h"
#include "tools/tool_meaning.h"

namespace clawtrace::replay::test {

class MemoryWorkplace : public Workplace {
 public:
  using Files = std::map<std::string, std::string, std::less<>>;  // by path below the workspace
  using Program = std::function<CommandResult(const Command&, Files&)>;

  explicit MemoryWorkplace(std::string at, Files files = {}) : at_(std::move(at)), files_(std::move(files)) {}

  // A command that says this and ends so.
  void Says(const std::string& command, std::string output, int exit_code = 0) {
    programs_[command] = [=](const Command&, Files&) {
      return CommandResult{.how = Ended::kExited,
                           .exit_code = exit_code,
                           .output = output,
                           .output_bytes = static_cast<int64_t>(output.size())};
    };
  }
  void Does(const std::string& command, Program program) { programs_[command] = std::move(program); }

  Files& files() { return files_; }
  const std::vector<Command>& ran() const { return ran_; }

  Result<CommandResult> Run(const Command& command) override {
    ran_.push_back(command);
    std::string line = command.shell;
    for (const std::string& word : command.argv) line.append(line.empty() ? "" : " ").append(word);
    auto program = programs_.find(line);
    if (program == programs_.end())
      return CommandResult{.how = Ended::kExited, .exit_code = 127, .output = "unknown", .output_bytes = 7};
    return program->second(command, files_);
  }
  Result<std::string> ReadFile(std::string_view path) override {
    auto file = files_.find(Below(path));
    if (file == files_.end()) return Fail(ErrorCode::kNotFound, "no such file: " + std::string(path));
    return file->second;
  }
  Status WriteFile(std::string_view path, std::string_view bytes) override {
    files_[Below(path)] = bytes;
    return {};
  }
  Status RemoveFile(std::string_view path) override {
    if (files_.erase(Below(path)) == 0)
      return Fail(ErrorCode::kNotFound, "no such file: " + std::string(path));
    return {};
  }
  Status Export(const std::string& folder) override {
    for (const auto& [path, text] : files_)
      CT_RETURN_IF_ERROR(WriteFileAtomically(folder + "/" + path, text));
    return {};
  }
  Result<Tree> ReadTree() override {
    Tree tree;
    for (const auto& [path, text] : files_)
      tree[path] = {.mode = 0644, .hash = Hash64(text), .size = static_cast<int64_t>(text.size())};
    return tree;
  }

 private:
  std::string Below(std::string_view path) const { return tools::NormalisePath(path, at_); }

  std::string at_;
  Files files_;
  std::map<std::string, Program, std::less<>> programs_;
  std::vector<Command> ran_;
};

}  // namespace clawtrace::replay::test
