#include "distill/distill.h"

namespace clawtrace::distill {

#define CT_ANALYST(constant) extern const Analyst constant;
#include "distill/analysts.def"
#undef CT_ANALYST

const std::vector<const Analyst*>& Analysts() {
  static const std::vector<const Analyst*> all = {
#define CT_ANALYST(constant) &constant,
#include "distill/analysts.def"
#undef CT_ANALYST
  };
  return all;
}

}  // namespace clawtrace::distill
