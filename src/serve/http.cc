#include "serve/http.h"

#include "base/text.h"

namespace clawtrace::serve {

std::string_view Request::Header(std::string_view name) const {
  for (const auto& [key, value] : headers) {
    if (key == name) return value;
  }
  return {};
}

std::string Request::List(std::string_view name) const {
  std::string list;
  for (const auto& [key, value] : headers) {
    if (key == name) list += (list.empty() ? "" : ", ") + value;
  }
  return list;
}

std::string MediaType(std::string_view content_type) {
  return ToLower(Trim(content_type.substr(0, content_type.find(';'))));
}

}  // namespace clawtrace::serve
