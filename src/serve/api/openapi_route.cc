// The document that describes this interface.
#include "serve/api/common.h"
#include "serve/api/openapi.h"

namespace clawtrace::serve::api {
namespace {

ApiResponse Get(const ApiRequest&, Services& services) {
  return JsonResponse(OpenApiDocument(services.version));
}

}  // namespace

extern const Route kGetOpenApi;
const Route kGetOpenApi = {
    .method = "GET",
    .pattern = "/api/v1/openapi.json",
    .role = Role::kNone,
    .summary = "This document (OpenAPI 3.1).",
    .answer = Get,
};

}  // namespace clawtrace::serve::api
