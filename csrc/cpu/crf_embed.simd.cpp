// Where pixels lie on the permutohedral lattice, and the logs of their unary probabilities.
#include "crf_rows.hpp"
#include "load.hpp"
#include "table.hpp"

namespace segpost::SEGPOST_LEVEL {
namespace {

constexpr int group = lanes;

inline F round_half(F v) { return (v + 12582912.0f) - 12582912.0f; } // |v| < 2^22

// Features of `group` pixels of a row from x on, in standard deviations.
void features(const PairwiseJob &job, const double *origin, std::int64_t h, std::int64_t y,
              std::int64_t x, std::int64_t count, F *f) {
    if (job.has_places) {
        *f++ = splat<F>(static_cast<float>(static_cast<double>(y / h) / job.sigma[0]));
        *f++ = splat<F>(static_cast<float>(static_cast<double>(y % h) / job.sigma[1]));
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
            const char *at = from + smaller(i, count - 1) * guide.stride_w + c * guide.stride_c;
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
        features(job, origin, h, y, x + i, smaller<std::int64_t>(group, count - i), f);
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

namespace {

// Bad values of a line of probabilities, logits or energies, one by one: only called where there
// are some.
void count_bad(const UnaryView &view, std::int64_t y, std::int64_t x, std::int64_t count,
               const float *planes, std::int64_t pitch, BadUnary &bad) {
    const float limit = static_cast<float>(probability_slack);
    for (std::int64_t i = 0; i < count; ++i) {
        const std::int64_t pixel = y * view.w + x + i;
        bool hope = false, fine = true;
        for (std::int64_t l = 0; l < view.labels; ++l) {
            const float v = planes[l * pitch + i];
            const bool low = v < -3e38f, high = v > 3e38f;
            const std::int64_t place = l * view.pixels() + pixel;
            if (v != v || (high && view.meaning != Meaning::energies) ||
                (low && view.meaning != Meaning::logits)) {
                BadUnary::add(bad.total, bad.first, place);
                fine = false;
            } else if (view.meaning == Meaning::probabilities) {
                if (v < -limit || v > 1 + limit) BadUnary::add(bad.outside, bad.outside_at, place);
                hope |= v > 0 || view.clamp > 0;
            } else {
                hope |= !(low || high);
            }
        }
        if (fine && !hope) BadUnary::add(bad.hopeless, bad.hopeless_at, pixel);
    }
}

} // namespace

namespace {
inline float exp_one(float x) { return exponential(splat<Vec<4>::f32>(x))[0]; }
} // namespace

std::int64_t crf_unary_scratch(const UnaryView &view, const CrfTile &tile) {
    return round_up(round_up(tile.width(), lanes) * view.labels * 4, 64);
}

void crf_unary(const UnaryView &view, const CrfTile &tile, char *memory, float *out, float *largest,
               double &offset, BadUnary &bad) {
    Scratch scratch(memory);
    const std::int64_t labels = view.labels, width = tile.width(), pitch = round_up(width, lanes);
    float *planes = scratch.take<float>(pitch * labels);
    const float limit = static_cast<float>(probability_slack);
    const F floor = splat<F>(view.clamp > 1e-38 ? static_cast<float>(view.clamp) : 1e-38f);
    const F nothing = splat<F>(-1e30f);
    const bool probabilities = view.meaning == Meaning::probabilities;
    const bool clamped = view.clamp > 0;
    for (std::int64_t y = tile.y0; y < tile.y1; ++y) {
        for (std::int64_t l = 0; l < labels; ++l)
            for (std::int64_t i = width; i < pitch; ++i) planes[l * pitch + i] = 0.5f;
        Logits source;
        source.data = view.row(y) + tile.x0 * view.stride_w;
        source.dtype = view.dtype;
        source.c = labels;
        source.stride_c = view.stride_l, source.stride_w = view.stride_w;
        load_row<float>(planes, pitch, source, 0, 0, 0, width, nullptr);
        I wrong{};
        for (std::int64_t i = 0; i < pitch; i += lanes) {
            F best = splat<F>(-__builtin_inff());
            for (std::int64_t l = 0; l < labels; ++l) {
                float *at = planes + l * pitch + i;
                F v = load<F>(at);
                if (probabilities) {
                    wrong |= ~((I)(v >= -limit) & (I)(v <= 1 + limit));
                } else if (view.meaning == Meaning::energies) {
                    v = -v;
                    wrong |= ~(I)(v < splat<F>(3e38f));
                } else {
                    wrong |= ~(I)(v < splat<F>(3e38f));
                }
                best = vmax(best, v);
            }
            if (!(probabilities && clamped)) // a label has to be possible
                wrong |= (I)(best <= splat<F>(probabilities ? 0.0f : -3e38f));
        }
        if (any(wrong)) count_bad(view, y, tile.x0, width, planes, pitch, bad);
        float *to = out + (y - tile.y0) * width * labels;
        for (std::int64_t i = 0; i < pitch; i += lanes) {
            F best = nothing, sum{};
            for (std::int64_t l = 0; l < labels; ++l) {
                float *at = planes + l * pitch + i;
                F v = load<F>(at);
                if (probabilities) {
                    const F p = vmax(v, floor);
                    sum += p;
                    v = logarithm(p);
                    if (!clamped) v = load<F>(at) > F{} ? v : nothing;
                } else {
                    if (view.meaning == Meaning::energies) v = -v;
                    v = vmax(v, nothing);
                    best = vmax(best, v);
                }
                store(at, v);
            }
            if (!probabilities) {
                for (std::int64_t l = 0; l < labels; ++l)
                    sum += exponential(load<F>(planes + l * pitch + i) - best);
            } else {
                best = F{};
            }
            const F log_sum = logarithm(sum) + best;
            for (std::int64_t l = 0; l < labels; ++l) {
                const F v = vmax(load<F>(planes + l * pitch + i) - log_sum, nothing);
                store(planes + l * pitch + i, v);
            }
            const std::int64_t some = smaller<std::int64_t>(lanes, width - i);
            for (std::int64_t j = 0; j < some; ++j) {
                offset += log_sum[j];
                for (std::int64_t l = 0; l < labels; ++l)
                    to[(i + j) * labels + l] = planes[l * pitch + i + j];
            }
        }
        for (std::int64_t l = 0; l < labels; ++l) {
            F best = splat<F>(largest[l]);
            for (std::int64_t i = 0; i + lanes <= width; i += lanes)
                best = vmax(best, load<F>(planes + l * pitch + i));
            for (std::int64_t i = width / lanes * lanes; i < width; ++i)
                best = vmax(best, splat<F>(planes[l * pitch + i]));
            largest[l] = maximum(best);
        }
    }
}

// Shares the probability of all dropped labels, which lies in the plane of the first, out among
// them as the unary has it.
void crf_spread(const UnaryView &view, const CrfTile &tile, const float *unary,
                const std::int32_t *dropped, std::int64_t count, const ProbabilityView &out) {
    for (std::int64_t y = tile.y0; y < tile.y1; ++y) {
        char *line = out.data + (y / view.h) * out.stride_d + (y % view.h) * out.stride_h +
                     tile.x0 * out.stride_w;
        for (std::int64_t x = 0; x < tile.width(); ++x) {
            const float *from = unary + ((y - tile.y0) * tile.width() + x) * view.labels;
            float together, total = 0;
            char *at = line + x * out.stride_w;
            __builtin_memcpy(&together, at + dropped[0] * out.stride_l, 4);
            for (std::int64_t l = 0; l < count; ++l) total += exp_one(from[dropped[l]]);
            const float share = total > 0 ? together / total : 0.0f;
            for (std::int64_t l = 0; l < count; ++l) {
                const float q = share * exp_one(from[dropped[l]]);
                __builtin_memcpy(at + dropped[l] * out.stride_l, &q, 4);
            }
        }
    }
}

} // namespace segpost::SEGPOST_LEVEL
