// Contrast pairs: where the most similar failing and passing runs of a task part (docs/mining.md).
#include "distill/distill.h"
#include "distill/mining/contrast.h"

namespace clawtrace::distill {

extern const Analyst kContrastPairs;
const Analyst kContrastPairs = {
    .name = "contrast-pairs",
    .summary = "steps that only the passing or only the failing run of a task has",
    .propose = ProposeContrastPairs,
};

}  // namespace clawtrace::distill
