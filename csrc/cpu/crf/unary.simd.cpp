// The unary of a dense CRF: logs of probabilities, which sum to one at every pixel.
#include "cpu/crf/rows.hpp"
#include "cpu/runtime/kernel_table.hpp"
#include "cpu/simd/load.hpp"

namespace segpost::SEGPOST_LEVEL {
namespace {

constexpr float nothing = -1e30f; // log of no probability

// Bad values of a line of probabilities, logits or energies, one by one: only called where there
// are some.
void count_bad(const UnaryView &view, std::int64_t y, std::int64_t x, std::int64_t count,
               const float *planes, std::int64_t pitch, UnaryErrors &errors) {
    const float limit = static_cast<float>(probability_slack);
    for (std::int64_t i = 0; i < count; ++i) {
        const std::int64_t pixel = y * view.w + x + i;
        bool hope = false, fine = true;
        for (std::int64_t l = 0; l < view.labels; ++l) {
            const float v = planes[l * pitch + i];
            const bool low = v < -3e38f, high = v > 3e38f;
            const std::int64_t place = l * view.pixels() + pixel;
            if (v != v || (high && view.unary_kind != UnaryKind::energies) ||
                (low && view.unary_kind != UnaryKind::logits)) {
                UnaryErrors::add(errors.count, errors.first, place);
                fine = false;
            } else if (view.unary_kind == UnaryKind::probabilities) {
                if (v < -limit || v > 1 + limit)
                    UnaryErrors::add(errors.out_of_range, errors.out_of_range_first, place);
                hope |= v > 0 || view.clamp > 0;
            } else {
                hope |= !(low || high);
            }
        }
        if (fine && !hope) UnaryErrors::add(errors.infeasible, errors.infeasible_first, pixel);
    }
}

// Whether a line of planes has bad values.
bool suspicious(const UnaryView &view, const float *planes, std::int64_t pitch) {
    const F limit = broadcast<F>(static_cast<float>(probability_slack)), huge = broadcast<F>(3e38f);
    const bool probabilities = view.unary_kind == UnaryKind::probabilities;
    I wrong{};
    for (std::int64_t i = 0; i < pitch; i += lanes) {
        F best = broadcast<F>(-__builtin_inff());
        for (std::int64_t l = 0; l < view.labels; ++l) {
            F v = load<F>(planes + l * pitch + i);
            if (view.unary_kind == UnaryKind::energies) v = -v;
            wrong |= probabilities ? ~((I)(v >= -limit) & (I)(v <= limit + 1.0f)) : ~(I)(v < huge);
            best = max(best, v);
        }
        if (!(probabilities && view.clamp > 0)) // a label has to be possible
            wrong |= (I)(best <= (probabilities ? F{} : -huge));
    }
    return any(wrong);
}

// Values of `lanes` pixels become logs whose exponentials sum to one. What was taken off comes
// back; of logits nothing counts, for their softmax is what they mean.
F normalize(const UnaryView &view, float *planes, std::int64_t pitch) {
    F sum{};
    if (view.unary_kind == UnaryKind::probabilities) {
        const F floor = broadcast<F>(view.clamp > 1e-37 ? static_cast<float>(view.clamp) : 1e-37f);
        for (std::int64_t l = 0; l < view.labels; ++l) {
            const F value = load<F>(planes + l * pitch), p = max(value, floor);
            const F log = logarithm(p);
            sum += p;
            const F exact = value > F{} ? log : broadcast<F>(nothing);
            store(planes + l * pitch, view.clamp > 0 ? log : exact);
        }
        const F divided = logarithm(sum);
        for (std::int64_t l = 0; l < view.labels; ++l)
            store(planes + l * pitch, load<F>(planes + l * pitch) - divided);
        return divided;
    }
    const float sign = view.unary_kind == UnaryKind::energies ? -1.0f : 1.0f;
    F best = broadcast<F>(-3e38f);
    for (std::int64_t l = 0; l < view.labels; ++l)
        best = max(best, load<F>(planes + l * pitch) * sign);
    for (std::int64_t l = 0; l < view.labels; ++l) {
        const F v = max(load<F>(planes + l * pitch) * sign - best, broadcast<F>(nothing));
        sum += exponential(v);
        store(planes + l * pitch, v);
    }
    const F divided = logarithm(sum);
    for (std::int64_t l = 0; l < view.labels; ++l)
        store(planes + l * pitch, load<F>(planes + l * pitch) - divided);
    return view.unary_kind == UnaryKind::energies ? divided + best : F{};
}

// Planes of `pitch` pixels to rows of labels.
void rows_of_planes(const float *planes, std::int64_t pitch, std::int64_t labels, float *rows) {
    if (labels < 4) {
        for (std::int64_t i = 0; i < pitch; ++i)
            for (std::int64_t l = 0; l < labels; ++l) rows[i * labels + l] = planes[l * pitch + i];
        return;
    }
    for (std::int64_t i = 0; i < pitch; i += 4)
        for (std::int64_t k = 0; k < labels; k += 4) {
            const std::int64_t l = min(k, labels - 4); // the last four may be some of those before
            transpose_classes<Vec<4>::f32>(planes + l * pitch + i, pitch, rows + i * labels + l,
                                           labels);
        }
}

inline float exp_one(float x) { return exponential(broadcast<Vec<4>::f32>(x))[0]; }

} // namespace

std::int64_t crf_unary_scratch(const UnaryView &view, const CrfTile &tile) {
    return 2 * round_up((round_up(tile.width(), lanes) + lanes) * view.labels * 4, 64);
}

void crf_unary(const UnaryView &view, const CrfTile &tile, char *memory, float *out, float *largest,
               double &offset, UnaryErrors &errors) {
    Scratch scratch(memory);
    const std::int64_t labels = view.labels, width = tile.width(), pitch = round_up(width, lanes);
    float *planes = scratch.take<float>(pitch * labels);
    float *line = scratch.take<float>((pitch + lanes) * labels);
    for (std::int64_t y = tile.y0; y < tile.y1; ++y) {
        Logits source;
        source.data = view.row(y) + tile.x0 * view.stride_w;
        source.dtype = view.dtype;
        source.c = labels;
        source.stride_c = view.stride_l, source.stride_w = view.stride_w;
        load_row<float>(planes, pitch, source, 0, 0, 0, width, nullptr);
        repeat_last(planes, pitch, labels, width, pitch);
        if (suspicious(view, planes, pitch))
            count_bad(view, y, tile.x0, width, planes, pitch, errors);
        for (std::int64_t i = 0; i < pitch; i += lanes) {
            const F divided = normalize(view, planes + i, pitch);
            for (std::int64_t j = 0; j < min<std::int64_t>(lanes, width - i); ++j)
                offset += divided[j];
        }
        rows_of_planes(planes, pitch, labels, line);
        for (std::int64_t l = 0; l < labels; ++l) {
            F best = broadcast<F>(largest[l]);
            for (std::int64_t i = 0; i < pitch; i += lanes)
                best = max(best, load<F>(planes + l * pitch + i));
            largest[l] = maximum(best);
        }
        const std::int64_t count = width * labels, first = (y - tile.y0) * count;
        __builtin_memcpy(out + first, line, static_cast<std::size_t>(count) * 4);
    }
}

// Leaves the labels kept, and one for the sum of those dropped, which is the last.
void crf_pack(float *logs, std::int64_t pixels, std::int64_t labels, const std::int32_t *kept,
              std::int64_t kept_count, const std::int32_t *dropped, std::int64_t dropped_count) {
    float *to = logs; // never beyond what has been read
    for (const float *from = logs; from < logs + pixels * labels; from += labels) {
        float rest = 0;
        for (std::int64_t k = 0; k < dropped_count; ++k) rest += exp_one(from[dropped[k]]);
        for (std::int64_t k = 0; k < kept_count; ++k) *to++ = from[kept[k]];
        *to++ = logarithm(broadcast<Vec<4>::f32>(rest))[0];
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
