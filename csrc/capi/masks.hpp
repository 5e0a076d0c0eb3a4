#pragma once

#include "segpost/capi.h"

namespace segpost::capi {

int binarize(const segpost_array *logits, const segpost_binarize_options *caller_options,
             const segpost_array *masks, segpost_report *report);
int binarize_runs(const segpost_array *logits, const segpost_binarize_options *caller_options,
                  std::int64_t height, std::int64_t width, std::int64_t *counts,
                  std::int64_t capacity, std::int64_t *ends, segpost_report *report);

} // namespace segpost::capi
