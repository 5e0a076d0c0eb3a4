#pragma once

#include "segpost/capi.h"

namespace segpost::capi {

int regions(const segpost_array *labels, segpost_region *out, std::int64_t capacity,
            std::int64_t *count, segpost_report *report);
int region_counts(const segpost_array *labels, std::int64_t *counts, std::int64_t capacity,
                  std::int64_t *ends, std::int64_t ends_capacity, segpost_report *report);
int compress_counts(const std::int64_t *counts, const std::int64_t *ends, std::int64_t masks,
                    std::uint8_t *characters, std::int64_t capacity, std::int64_t *stops,
                    segpost_report *report);

} // namespace segpost::capi
