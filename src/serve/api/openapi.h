#pragma once
// The OpenAPI 3.1 document, made of the route table.
#include <string>
#include <string_view>

namespace clawtrace::serve::api {

std::string OpenApiDocument(std::string_view version);

}  // namespace clawtrace::serve::api
