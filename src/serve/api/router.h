#pragma once
// Finds the route of a request and checks what the table says of it.
#include <string>

#include "base/result.h"
#include "serve/api/route.h"

namespace clawtrace::serve::api {

struct Routed {
  const Route* route = nullptr;
  ApiResponse refusal;  // when route is nullptr: 404, or 405 with Allow
};

// By method and path; fills request->parts. HEAD finds GET's routes. Two routes never match one path: a fixed
// part goes before a {part}.
Routed FindRoute(ApiRequest* request);

// nullopt when the query holds nothing but the route's parameters, each once and of its type, and all that
// are required.
std::optional<ApiResponse> CheckQuery(const Route& route, const ApiRequest& request);

// Checks the query, then answers.
ApiResponse Answer(const Route& route, const ApiRequest& request, Services& services);

}  // namespace clawtrace::serve::api
