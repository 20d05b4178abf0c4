#pragma once
// Which files a task speaks of.
#include <set>
#include <string>
#include <string_view>

#include "model/session.h"

namespace clawtrace::replay {

class TaskWords {
 public:
  TaskWords() = default;
  explicit TaskWords(const Session& session);  // of all that the person said

  // The path, its name, or a folder above it. A path that the task names stands for itself: its folders are
  // not what it speaks of.
  bool Name(std::string_view path) const;
  // The path or its name alone.
  bool NameFile(std::string_view path) const;

 private:
  void Add(std::string_view said, std::string_view cwd);

  std::set<std::string, std::less<>> words_;  // in lower case
};

}  // namespace clawtrace::replay
