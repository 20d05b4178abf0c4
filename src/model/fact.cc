#include "model/fact.h"

#include "base/text.h"
#include "model/archive.h"

namespace clawtrace {

std::string EncodeFact(const Fact& fact) { return Encode(fact, DocWriter::Format::kJson); }
Result<Fact> DecodeFact(std::string_view line) { return Decode<Fact>(line, "fact"); }

void SetModels(std::string_view requested, std::string_view answered, LlmCall* call) {
  call->model = answered.empty() ? requested : answered;
  call->requested_model.reset();
  constexpr size_t kLongest = 256;
  if (!requested.empty() && requested != call->model)
    call->requested_model = std::string(PrefixUtf8(requested, kLongest));
}

void JoinModels(LlmCall* into, const LlmCall& other) {
  if (into->model.empty() || (other.requested_model && into->model == *other.requested_model))
    into->model = other.model, into->requested_model = other.requested_model;
  else if (!into->requested_model && into->model == other.model)
    into->requested_model = other.requested_model;
}

}  // namespace clawtrace
