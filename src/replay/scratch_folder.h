#pragma once
// A folder of our own that goes when its owner goes.
#include <string>
#include <string_view>

#include "base/result.h"

namespace clawtrace::replay {

class ScratchFolder {
 public:
  // Makes a new folder, readable by the owner alone, below an existing one.
  static Result<ScratchFolder> Make(const std::string& below, std::string_view name);
  ScratchFolder() = default;  // none
  ~ScratchFolder();           // removes it with all that is in it, whatever its modes; never follows links
  ScratchFolder(ScratchFolder&& other) noexcept;
  ScratchFolder& operator=(ScratchFolder&& other) noexcept;

  const std::string& path() const { return path_; }  // absolute, without links; "" for none

 private:
  std::string path_;
};

}  // namespace clawtrace::replay
