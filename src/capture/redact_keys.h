#pragma once
// Values in JSON texts that are secret by their name. The text may be cut off, several documents may follow
// each other; what is no JSON is left as it is.
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace clawtrace::capture {

// Which names tell of secrets.
class KeyNames {
 public:
  // "password", "*token*", "headers.authorization", "*.api_key".
  Status Add(std::string_view rule);
  // Is the last of these names one, below the others?
  bool Match(const std::vector<std::string>& path) const;
  bool empty() const { return rules_.empty(); }

 private:
  std::vector<std::vector<std::string>> rules_;  // parts from the last to the first
};

// Replaces texts and numbers under such names, at any depth below them. False: nothing was.
bool RedactValues(const KeyNames& names, std::string* text,
                  const std::function<std::string(std::string_view)>& replacement);

}  // namespace clawtrace::capture
