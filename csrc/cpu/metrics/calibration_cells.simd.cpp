// Sums over the probabilities of bilinearly resampled logits, cell by cell of the low-resolution
// grid, beside their target. Exponents are interpolated as for confidence; see
// ops/labels/labels.hpp.
#include "cpu/metrics/calibration_targets.hpp"
#include "cpu/runtime/kernel_table.hpp"

namespace segpost::SEGPOST_LEVEL {
namespace {

// Sums of the powers of `lanes` columns, and of their squares; the largest where that is not 1.
struct SpanSums {
    F others[most_rows], most[most_rows], squares[most_rows];
};

// Four classes of a span, as add_classes of confidence; their powers are kept.
template <bool mixed, class T> inline void add_four(const TargetWork<T> &work, std::int64_t block,
                                                    std::int64_t first, const Columns &at,
                                                    const Span &span, SpanSums &sums) {
    F upper[together], lower[together], height = F{};
    for (int i = 0; i < together; ++i) {
        const std::int64_t from = work.list[first + i] * work.pitch + block;
        upper[i] = at.spread(work.upper.below + from);
        lower[i] = at.spread(work.lower.below + from);
        height = max(height, abs(lower[i] - upper[i]));
    }
    const bool is_steep = any((I)(height > broadcast<F>(Mode::steep)));
    F power[together], ratio[together];
    const auto set_powers = [&](std::int64_t k) {
        for (int i = 0; i < together; ++i)
            power[i] = power_of_two<Mode::degree>(
                fma(broadcast<F>(span.w1[k]), lower[i], broadcast<F>(span.w0[k]) * upper[i]));
    };
    const bool keeps = work.calibration.bins > 0;
    float *kept = work.kept + first * most_rows * lanes;
    const auto add_row = [&](std::int64_t k) {
        sums.others[k] += (power[0] + power[1]) + (power[2] + power[3]);
        sums.squares[k] += fma(power[1], power[1], power[0] * power[0]) +
                           fma(power[3], power[3], power[2] * power[2]);
        for (int i = 0; mixed && i < together; ++i) sums.most[k] = max(sums.most[k], power[i]);
        for (int i = 0; keeps && i < together; ++i)
            store(kept + (i * most_rows + k) * lanes, power[i]);
    };
    if (__builtin_expect(is_steep, 0)) {
        for (std::int64_t k = 0; k < span.count; ++k) {
            set_powers(k);
            add_row(k);
        }
        return;
    }
    set_powers(0);
    for (int i = 0; i < together; ++i)
        ratio[i] =
            power_of_two<Mode::ratio_degree>(broadcast<F>(span.step) * (lower[i] - upper[i]));
    for (std::int64_t k = 0; k < span.count; ++k) {
        add_row(k);
        for (int i = 0; i < together; ++i) power[i] *= ratio[i];
    }
}

// The exponents of the targets of a vector, which are mostly of one class for a while.
struct TargetExponents {
    std::int32_t c = -1;
    F upper, lower;

    template <class T> F at_row(const TargetWork<T> &work, std::int64_t block, const Columns &at,
                                const Span &span, std::int64_t k, I code, I valid,
                                const std::int32_t *codes, PixelSums &sums) {
        F exponent{};
        for (std::uint32_t left = mask_bits(valid); left;) {
            const std::int32_t here = codes[__builtin_ctz(left)];
            if (here != c) {
                c = here;
                upper = at.spread(work.upper.below + c * work.pitch + block);
                lower = at.spread(work.lower.below + c * work.pitch + block);
            }
            const I same = valid & (code == broadcast<I>(c));
            const F value = fma(broadcast<F>(span.w1[k]), lower, broadcast<F>(span.w0[k]) * upper);
            exponent = same ? value : exponent;
            const std::uint32_t bits = mask_bits(same);
            sums.add_targets(c, __builtin_popcount(bits));
            left &= ~bits;
        }
        return exponent;
    }
};

// What is known of the rows of a span of one vector of columns.
struct SpanPixels {
    F inverse[most_rows], target[most_rows];
    I possible[most_rows], code[most_rows];
};

// The probability of every class, from the powers that were kept.
template <class T> inline void add_span_classes(const TargetWork<T> &work, const Span &span,
                                                const SpanPixels &pixels, PixelSums &sums) {
    const F edge = broadcast<F>(sums.second_bin());
    for (std::int64_t i = 0; i < work.listed; ++i) {
        const std::int32_t c = work.list[i];
        const float *kept = work.kept + i * most_rows * lanes;
        F total{}, largest{};
        for (std::int64_t k = 0; k < span.count; ++k) {
            const F probability = load<F>(kept + k * lanes) * pixels.inverse[k];
            total += probability;
            largest = max(largest, probability);
        }
        sums.add_class_total(c, total);
        if (!any((I)(largest >= edge))) continue;
        for (std::int64_t k = 0; k < span.count; ++k) {
            const F probability = load<F>(kept + k * lanes) * pixels.inverse[k];
            sums.add_class(c, probability, (I)(probability >= edge), pixels.code[k]);
        }
    }
}

// Down the rows of a cell powers are a geometric sequence, as for confidence: those of exponents
// that are divided by the largest temperature allow for steps that are larger by as much.
template <class T> inline void add_span_temperatures(const TargetWork<T> &work, std::int64_t block,
                                                     const Columns &at, const Span &span,
                                                     const SpanPixels &pixels, PixelSums &sums) {
    F height{};
    for (std::int64_t i = 0; i < work.wide_count; ++i) {
        const std::int64_t from = work.wide[i] * work.pitch + block;
        const F upper = at.spread(work.upper.below + from);
        const F lower = at.spread(work.lower.below + from);
        height = max(height, abs(lower - upper));
        store(work.states + 4 * i * lanes, upper);
        store(work.states + (4 * i + 1) * lanes, lower);
    }
    const F low = broadcast<F>(lowest_exponent);
    const auto exponent_of = [&](F upper, F lower, std::int64_t k) {
        return max(fma(broadcast<F>(span.w1[k]), lower, broadcast<F>(span.w0[k]) * upper), low);
    };
    constexpr float steep = Mode::steep * static_cast<float>(largest_temperature);
    const bool is_steep = any((I)(height > broadcast<F>(steep)));
    for (std::int64_t i = 0; !is_steep && i < work.wide_count; ++i) {
        float *const state = work.states + 4 * i * lanes;
        const F upper = load<F>(state), lower = load<F>(state + lanes);
        const F exponent = exponent_of(upper, lower, 0);
        const F step = broadcast<F>(span.step) * (lower - upper);
        store(state, exponent);
        store(state + lanes, step);
        store(state + 2 * lanes, Moments<F>::power_at_largest(exponent));
        store(state + 3 * lanes, Moments<F>::power_at_largest(step));
    }
    F curve[moments] = {};
    for (std::int64_t k = 0; k < span.count; ++k) {
        Moments<F> row;
        for (std::int64_t i = 0; i < work.wide_count; ++i) {
            float *const state = work.states + 4 * i * lanes;
            const F first = load<F>(state), second = load<F>(state + lanes);
            if (__builtin_expect(is_steep, 0)) {
                row.add(exponent_of(first, second, k));
                continue;
            }
            const F power = load<F>(state + 2 * lanes);
            row.add(first, power);
            store(state, first + second);
            store(state + 2 * lanes, power * load<F>(state + 3 * lanes));
        }
        row.write(pixels.target[k], pixels.possible[k], curve);
    }
    sums.add_curve(curve);
}

template <bool mixed, class T> void measure_span(const TargetWork<T> &work, std::int64_t block,
                                                 const Columns &at, const Span &span, F begin,
                                                 I here, std::int64_t x, PixelSums &sums) {
    SpanSums powers;
    for (std::int64_t k = 0; k < span.count; ++k) {
        powers.others[k] = begin;
        powers.most[k] = broadcast<F>(mixed ? 0.0f : 1.0f);
        powers.squares[k] = F{};
    }
    for (std::int64_t i = 0; i < work.listed; i += together)
        add_four<mixed>(work, block, i, at, span, powers);
    SpanPixels pixels;
    TargetExponents exponents;
    Losses<F> losses;
    for (std::int64_t k = 0; k < span.count; ++k) {
        const std::int32_t *codes = work.codes_at(span.y + k, x);
        MeasuredPixels<F> row;
        row.code = load<I>(codes);
        row.valid = here & (row.code >= 0);
        row.target = exponents.at_row(work, block, at, span, k, row.code, row.valid, codes, sums);
        row.total = powers.others[k] - begin;
        row.most = powers.most[k];
        row.squares = powers.squares[k];
        row.label = work.template labels_at<I>(span.y + k, x);
        pixels.inverse[k] = sums.add(row, pixels.possible[k], losses);
        pixels.target[k] = row.target;
        pixels.code[k] = row.code;
    }
    sums.add_losses(losses);
    if (work.calibration.bins) add_span_classes(work, span, pixels, sums);
    if (work.calibration.with_temperature)
        add_span_temperatures(work, block, at, span, pixels, sums);
}

// The cells of a block whose level is high enough for float32.
template <class T> void measure_block(const TargetWork<T> &work, std::int64_t block,
                                      std::int64_t y0, std::int64_t y1, PixelSums &sums) {
    const Lane<F> lane;
    const F levels = load<F>(work.level);
    const std::int64_t end = work.begin(min<std::int64_t>(block + lanes, work.cells));
    for (std::int64_t y = y0; y < y1;) {
        const Span span(work.job.y, y, y1);
        for (std::int64_t x = work.begin(block); x < end; x += lanes) {
            const Columns at{load<I>(work.index + x), load<F>(work.f0 + x), load<F>(work.f1 + x)};
            const F level = permute(levels, at.index);
            const I here = (I)(level >= broadcast<F>(Mode::lowest)) & lane.below(end - x);
            if (!any(here)) continue;
            const I agreed = (I)(level == F{});
            const F begin = (F)(agreed & (I)broadcast<F>(-1.0f));
            if (any(~agreed))
                measure_span<true>(work, block, at, span, begin, here, x, sums);
            else
                measure_span<false>(work, block, at, span, begin, here, x, sums);
            sums.empty_fields();
        }
        y += span.count;
    }
}

// The differences of a pixel's logits to the largest, times the weights of the plane.
template <class T> struct PixelLogits {
    const TargetWork<T> &work;
    std::int64_t cell;
    CornerWeights<4> weights;
    double most;

    PixelLogits(const TargetWork<T> &w, std::int64_t place, std::int64_t y, std::int64_t column)
        : work(w), cell(place), weights(corner_weights(w.job.y, y, w.job.x, column)),
          most(value(0)) {
        for (std::int64_t c = 1; c < work.classes; ++c) most = max(value(c), most);
    }
    double value(std::int64_t c) const { return weighted_logit(work, weights, c, cell); }
    double below(std::int64_t c) const { return value(c) - most; }
};

// Every pixel of a cell, interpolated in float64. No corner is open.
template <class T> void measure_cell(const TargetWork<T> &work, std::int64_t cell, std::int64_t y0,
                                     std::int64_t y1, PixelSums &sums) {
    constexpr int narrow = Work<T>::narrow;
    using V = typename Vec<narrow>::f32;
    using W = IntOf<V>;
    const Lane<V> lane;
    const double unit = work.job.scale * log2_e / (work.job.y.den * work.job.x.den);
    for (std::int64_t c = 0; c < work.classes; ++c) work.place[c] = -1;
    for (std::int64_t i = 0; i < work.listed; ++i)
        work.place[work.list[i]] = static_cast<std::int32_t>(i);
    const auto kept = [&](std::int64_t i) { return work.kept + 2 * i * narrow; }; // and exponents
    interpolate_cell(
        work, cell, y0, y1,
        [&](std::int64_t y, std::int64_t x, std::int64_t count, const auto &exponent) {
            const std::int32_t *codes = work.codes_at(y, x);
            MeasuredPixels<V> pixels;
            pixels.code = load<W>(codes);
            pixels.valid = lane.below(count) & (pixels.code >= 0);
            const std::uint32_t bits = mask_bits(pixels.valid);
            if (!bits) return;
            pixels.total = V{};
            pixels.most = broadcast<V>(1.0f);
            pixels.squares = V{};
            for (std::int64_t i = 0; i < work.listed; ++i) {
                const V below = exponent(i), power = power_of_two<Mode::degree>(below);
                pixels.total += power;
                pixels.squares = fma(power, power, pixels.squares);
                store(kept(i), power);
                store(kept(i) + narrow, below);
            }
            float target[narrow] = {};
            for (std::uint32_t left = bits; left; left &= left - 1) {
                const int i = __builtin_ctz(left);
                const std::int32_t c = codes[i], at = work.place[c];
                sums.add_targets(c, 1);
                if (at >= 0) {
                    target[i] = kept(at)[narrow + i];
                    continue;
                }
                const double below =
                    PixelLogits<T>(work, cell, y, work.first_column + x + i).below(c) * unit;
                target[i] = static_cast<float>(max(below, static_cast<double>(nowhere)));
            }
            pixels.target = load<V>(target);
            pixels.label = work.template labels_at<W>(y, x);
            W possible;
            Losses<V> losses;
            const V inverse = sums.add(pixels, possible, losses);
            sums.add_losses(losses);
            const V edge = broadcast<V>(sums.second_bin());
            for (std::int64_t i = 0; work.calibration.bins && i < work.listed; ++i) {
                const V probability = load<V>(kept(i)) * inverse;
                const std::int32_t c = work.list[i];
                sums.add_class_total(c, probability);
                sums.add_class(c, probability, (W)(probability >= edge), pixels.code);
            }
            if (!work.calibration.with_temperature) return;
            V curve[moments] = {};
            Moments<V> row;
            for (std::int64_t i = 0; i < work.listed; ++i)
                row.add(max(load<V>(kept(i) + narrow), broadcast<V>(lowest_exponent)));
            row.write(pixels.target, possible, curve);
            sums.add_curve(curve);
        });
}

// Every pixel of a cell by the definition.
template <class T> void measure_cell_exactly(const TargetWork<T> &work, std::int64_t cell,
                                             std::int64_t y0, std::int64_t y1, PixelSums &sums,
                                             LogitErrors &errors) {
    const ArgmaxJob &job = work.job;
    const double unit = job.scale / (job.y.den * job.x.den);
    for (std::int64_t y = y0; y < y1; ++y)
        for (std::int64_t x = work.begin(cell); x < work.begin(cell + 1); ++x) {
            const std::int64_t column = work.first_column + x;
            const PixelLogits<T> pixel(work, cell, y, column);
            double check = 0.0;
            for (std::int64_t c = 0; c < work.classes; ++c) check += __builtin_exp(pixel.below(c));
            if (is_nan(check)) {
                errors.add_undefined(1, (work.tile.n * job.y.n_out + y) * job.x.n_out + column);
                continue;
            }
            const std::int32_t code = *work.codes_at(y, x);
            if (code >= 0)
                sums.add_exactly([&](std::int64_t c) { return pixel.below(c) * unit; }, code,
                                 work.template labels_at<Vec<4>::i32>(y, x)[0]);
        }
}

template <class T> void measure(const CalibrationJob &job, const Tile &tile, char *memory,
                                CalibrationSums &out, LogitErrors &errors) {
    Scratch scratch(memory);
    TargetWork<T> work(job, tile, scratch);
    PixelSums sums(job, scratch);
    for (std::int32_t value = 0; value < 256; ++value) work.table[value] = work.code_of(value);
    work.prepare();
    walk_blocks(static_cast<Work<T> &>(work),
                [&](std::int64_t block, std::int64_t y0, std::int64_t y1) {
                    read_codes(work, block, y0, y1, sums);
                    list_both(work, block);
                    measure_block(work, block, y0, y1, sums);
                    std::int32_t *const list = work.list;
                    const std::int64_t listed = work.listed;
                    if (job.with_temperature) work.list = work.wide, work.listed = work.wide_count;
                    walk_low_cells(work, block, Mode::lowest, [&](std::int64_t cell, bool defined) {
                        if (defined)
                            measure_cell(work, cell, y0, y1, sums);
                        else
                            measure_cell_exactly(work, cell, y0, y1, sums, errors);
                    });
                    work.list = list, work.listed = listed;
                });
    sums.write(out);
}

} // namespace

std::int64_t calibration_cells_scratch(const CalibrationJob &job, const Tile &tile) {
    Scratch scratch(nullptr);
    TargetWork<double> work(job, tile, scratch);
    PixelSums sums(job, scratch);
    return scratch.used();
}

void calibration_cells(const CalibrationJob &job, const Tile &tile, char *memory,
                       CalibrationSums &sums, LogitErrors &errors) {
    if (fits_float(job.logits.dtype))
        measure<float>(job, tile, memory, sums, errors);
    else
        measure<double>(job, tile, memory, sums, errors);
}

} // namespace segpost::SEGPOST_LEVEL
