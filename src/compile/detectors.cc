#include "compile/detector.h"

namespace clawtrace::compile {

#define CT_DETECTOR(constant) extern const Detector constant;
#include "compile/detectors.def"
#undef CT_DETECTOR

const std::vector<const Detector*>& Detectors() {
  static const std::vector<const Detector*> all = {
#define CT_DETECTOR(constant) &constant,
#include "compile/detectors.def"
#undef CT_DETECTOR
  };
  return all;
}

}  // namespace clawtrace::compile
