#pragma once

#include "segpost/capi.h"

namespace segpost::capi {

int dense_crf(const segpost_array *probabilities, const segpost_array *image,
              const segpost_crf_options *given, const segpost_array *out, segpost_report *report);

} // namespace segpost::capi
