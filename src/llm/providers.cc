#include "llm/provider.h"

namespace clawtrace::llm {

#define CT_PROVIDER(constant) extern const Provider constant;
#include "llm/providers.def"
#undef CT_PROVIDER

const std::vector<const Provider*>& Providers() {
  static const std::vector<const Provider*> all = {
#define CT_PROVIDER(constant) &constant,
#include "llm/providers.def"
#undef CT_PROVIDER
  };
  return all;
}

const Provider* FindProvider(std::string_view name) {
  for (const Provider* provider : Providers()) {
    if (provider->name == name) return provider;
  }
  return nullptr;
}

}  // namespace clawtrace::llm
