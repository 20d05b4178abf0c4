#pragma once
// Which steps of a session wrote what: answers "was this written between those two steps?" without scanning
// them.
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "model/session.h"
#include "tools/tool_meaning.h"

namespace clawtrace::tools {

class WriteIndex {
 public:
  WriteIndex(const Session& session, std::span<const ToolMeaning> meanings);

  // All look strictly between two steps and give the first such step. Steps on abandoned branches and failed
  // steps that could only write what they name do not count.
  //
  // A step that names a write to one of the paths, to a folder above it or to something below it. A file tool
  // that failed counts here: clients want a file read again before they let it be edited again.
  std::optional<size_t> Named(std::span<const std::string> paths, size_t from, size_t to) const;
  // A step that may write what it does not name.
  std::optional<size_t> Unnamed(size_t from, size_t to) const;
  // A step that is not read-only at all.
  std::optional<size_t> Any(size_t from, size_t to) const;

 private:
  using Places = std::vector<size_t>;  // step indexes, ascending
  static std::optional<size_t> Between(const Places& places, size_t from, size_t to);
  void AddNamed(const std::string& path, size_t step);

  Places any_, unnamed_, named_, everything_;      // everything_: names the working directory itself
  std::unordered_map<std::string, Places> at_;     // by path written
  std::unordered_map<std::string, Places> below_;  // by folder above a path written
};

}  // namespace clawtrace::tools
