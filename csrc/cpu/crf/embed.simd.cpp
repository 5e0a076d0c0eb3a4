// Where pixels lie on the permutohedral lattice.
#include "cpu/crf/rows.hpp"
#include "cpu/runtime/kernel_table.hpp"

namespace segpost::SEGPOST_LEVEL {
namespace {

constexpr int group = lanes;

inline F round_half(F v) { return (v + 12582912.0f) - 12582912.0f; } // |v| < 2^22

// Features of `group` pixels of a row from x on, in standard deviations.
void features(const PairwiseJob &job, const double *origin, std::int64_t h, std::int64_t y,
              std::int64_t x, std::int64_t count, F *f) {
    if (job.has_places) {
        *f++ = broadcast<F>(static_cast<float>(static_cast<double>(y / h) / job.sigma[0]));
        *f++ = broadcast<F>(static_cast<float>(static_cast<double>(y % h) / job.sigma[1]));
        F place{};
        for (int i = 0; i < group; ++i)
            place[i] = static_cast<float>(static_cast<double>(x + i) / job.sigma[2]);
        *f++ = place;
    }
    const GuideView &guide = job.guide;
    const char *from =
        guide.data + (y / h) * guide.stride_d + (y % h) * guide.stride_h + x * guide.stride_w;
    for (std::int64_t c = 0; c < guide.channels; ++c) {
        float value[group];
        for (std::int64_t i = 0; i < group; ++i) {
            const char *at = from + min(i, count - 1) * guide.stride_w + c * guide.stride_c;
            if (guide.dtype == DType::u8) {
                std::uint8_t byte;
                __builtin_memcpy(&byte, at, 1);
                value[i] = byte;
            } else {
                __builtin_memcpy(value + i, at, 4);
            }
        }
        const float sigma = static_cast<float>(1.0 / job.guide_sigma[c]);
        *f++ = (load<F>(value) - static_cast<float>(origin[c])) * sigma;
    }
}

// Barycentric weights and the simplex of one group. The simplex is named by corner 0 plus the rank
// of each coordinate, which tells both apart: corner 0 has multiples of d + 1.
template <int fixed> void embed(int features_count, const F *f, const float *scale,
                                std::int32_t *simplex, float *weight, std::int64_t pitch) {
    const int d = fixed ? fixed : features_count, n = d + 1;
    constexpr int most = fixed ? fixed + 1 : most_features + 1;
    F elevated[most], delta[most];
    I corner[most], rank[most];
    F sum{};
    for (int i = d; i > 0; --i) { // the orthogonal basis of Adams et al., a triangular matrix
        const F scaled = f[i - 1] * scale[i - 1];
        elevated[i] = sum - scaled * static_cast<float>(i);
        sum += scaled;
    }
    elevated[0] = sum;
    I total{};
    for (int i = 0; i < n; ++i) {
        const F near = round_half(elevated[i] * (1.0f / static_cast<float>(n)));
        delta[i] = elevated[i] - near * static_cast<float>(n);
        const I whole = __builtin_convertvector(near, I);
        corner[i] = whole * n;
        total += whole;
        rank[i] = I{};
    }
    for (int i = 0; i < n; ++i)
        for (int j = i + 1; j < n; ++j) {
            const I less = (I)(delta[i] < delta[j]);
            rank[i] -= less;
            rank[j] += less + 1;
        }
    // Coordinates of corner 0 have to sum to zero: those with the largest error move on.
    for (int i = 0; i < n; ++i) {
        rank[i] += total;
        const I low = (I)(rank[i] < 0), high = (I)(rank[i] > d);
        const I step = (high - low) * n; // masks are -1
        rank[i] += step;
        corner[i] += step;
        delta[i] -= __builtin_convertvector(step, F);
    }
    F sorted[most];
    for (int r = 0; r < n; ++r) {
        sorted[r] = F{};
        for (int i = 0; i < n; ++i) sorted[r] = rank[i] == r ? delta[i] : sorted[r];
    }
    const float unit = 1.0f / static_cast<float>(n);
    store(weight, (sorted[d] - sorted[0]) * unit + 1.0f);
    for (int k = 1; k < n; ++k)
        store(weight + k * pitch, (sorted[d - k] - sorted[d - k + 1]) * unit);
    for (int i = 0; i < n; ++i) store(simplex + i * pitch, corner[i] + rank[i]);
}

} // namespace

void crf_embed(const PairwiseJob &job, const double *origin, const float *scale, std::int64_t h,
               std::int64_t y, std::int64_t x, std::int64_t count, std::int32_t *simplex,
               float *weight, std::int64_t pitch) {
    const int d = static_cast<int>((job.has_places ? 3 : 0) + job.guide.channels);
    F f[most_features];
    for (std::int64_t i = 0; i < count; i += group) {
        features(job, origin, h, y, x + i, min<std::int64_t>(group, count - i), f);
        // A place along an axis of length 1 is no feature: scale drops it.
        F *used = f;
        int n = d;
        if (job.has_places) {
            int kept = 0;
            for (int j = 0; j < d; ++j)
                if (j >= 3 || job.sigma[j] > 0) f[kept++] = f[j];
            n = kept;
        }
        std::int32_t *s = simplex + i;
        float *b = weight + i;
        switch (n) {
        case 2: embed<2>(n, used, scale, s, b, pitch); break;
        case 3: embed<3>(n, used, scale, s, b, pitch); break;
        case 5: embed<5>(n, used, scale, s, b, pitch); break;
        case 6: embed<6>(n, used, scale, s, b, pitch); break;
        default: embed<0>(n, used, scale, s, b, pitch);
        }
    }
}

} // namespace segpost::SEGPOST_LEVEL
