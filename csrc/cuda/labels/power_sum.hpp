// The sum of exp(v) over the classes of a pixel, in one pass. Only included by *.cu.
#pragma once

#include "gpu.hpp"

#include <cfloat>
#include <cmath>

namespace segpost::gpu {
namespace {

// exp(x), x a difference of logits: off by 2^-22 relative, and by 2^-24 |x|.
__device__ inline float power(float x) { return fast_exp2(x * 1.44269504f); }

template <class V> struct Lowest;
template <> struct Lowest<float> {
    static constexpr float value = -FLT_MAX;
};
template <> struct Lowest<double> {
    static constexpr double value = -DBL_MAX;
};

__device__ inline float larger_of(float a, float b) { return fmaxf(a, b); }
__device__ inline double larger_of(double a, double b) { return fmax(a, b); }

// Powers are relative to a level that follows the maximum once that is more than 1 above. So a sum
// is scaled few times while it still counts, and what the scalings lose does not add up; with each
// new maximum it would. Small powers beside a large sum are kept by compensated addition. NaN and
// differences of infinities make the sum NaN.
template <class V> struct PowerSum {
    V most = static_cast<V>(-INFINITY), level = Lowest<V>::value;
    float sum = 0.0f, lost = 0.0f;

    template <int N> __device__ void add(const V (&values)[N]) {
        V here = values[0];
        for (int i = 1; i < N; ++i) here = larger_of(here, values[i]);
        most = larger_of(most, here);
        if (here > level + static_cast<V>(1)) {
            const float scale = power(static_cast<float>(level - here));
            sum *= scale;
            lost *= scale;
            level = here;
        }
        float powers[N];
        for (int i = 0; i < N; ++i) powers[i] = power(static_cast<float>(values[i] - level));
        for (int k = 1; k < N; k *= 2)
            for (int i = 0; i + k < N; i += 2 * k) powers[i] += powers[i + k];
        const float part = powers[0] - lost, next = sum + part;
        lost = (next - sum) - part;
        sum = next;
    }
    // The probability of the largest; NaN where there is none, which is so if all are -inf.
    __device__ float confidence() const { return power(static_cast<float>(most - level)) / sum; }
    __device__ float probability(V value, float confidence) const {
        return power(static_cast<float>(value - most)) * confidence;
    }
};

} // namespace
} // namespace segpost::gpu
