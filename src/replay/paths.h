#pragma once
// Recorded paths as they are called in a workplace.
#include <string>
#include <string_view>

namespace clawtrace::replay {

class Paths {
 public:
  // recorded_at: where the workspace was; at: where the workplace shows it. Both absolute, or empty when that
  // is not known: then paths are left as they are.
  Paths(std::string_view recorded_at, std::string_view at);

  // Absolute, as inside: below `at` for what was below recorded_at. A relative path is taken from cwd (as
  // inside). Lexical: "." and ".." are resolved, links are not.
  std::string Inside(std::string_view path, std::string_view cwd) const;
  // For Workplace's file tools: relative to `at` when it is below it.
  std::string ForTools(std::string_view inside) const;
  bool IsInWorkspace(std::string_view inside) const;

  // Every mention of the one folder in a text becomes the other.
  std::string TextInside(std::string_view recorded) const;
  std::string TextRecorded(std::string_view inside) const;

  const std::string& at() const { return at_; }

 private:
  std::string recorded_at_, at_;
};

}  // namespace clawtrace::replay
