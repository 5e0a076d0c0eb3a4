// The code paths of argmax, for argmax.cu to choose from.
#pragma once

#include "cuda/runtime/launch.hpp"

namespace segpost::gpu {

// In place of a label where a pixel cannot decide the cells around it.
constexpr int undecided = -1;

// Logits that have the output's size.
void argmax_pixels(const ArgmaxJob &, std::uintptr_t stream, ErrorCounts *errors);
// The same with confidence: of float32, float16 and bfloat16, for more than a threshold.
void argmax_confidence(const ArgmaxJob &, std::uintptr_t stream, ErrorCounts *errors);
// Only counts NaN among the logits.
void count_nan(const ArgmaxJob &, std::uintptr_t stream, ErrorCounts *errors);
// The first maximum of every pixel of the logits or `undecided`, [n, h, w]; counts NaN.
void rank_logits(const ArgmaxJob &, std::uintptr_t stream, ErrorCounts *errors, int *corners);

// Upsampled logits whose values float32 holds, from what rank_logits says of them.
void argmax_cells(const ArgmaxJob &, std::uintptr_t stream, ErrorCounts *errors,
                  const int *corners);
// Any resampling, by the definition; counts no NaN.
void argmax_dense(const ArgmaxJob &, std::uintptr_t stream, ErrorCounts *errors);

} // namespace segpost::gpu
