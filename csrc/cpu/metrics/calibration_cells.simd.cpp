// Sums over the probabilities of bilinearly resampled logits, cell by cell of the low-resolution
// grid, beside their target. Exponents are interpolated as for confidence; see
// ops/labels/labels.hpp.
#include "cpu/labels/confidence_rows.hpp"
#include "cpu/metrics/calibration_sums.hpp"
#include "cpu/runtime/kernel_table.hpp"
#include "cpu/simd/label_rows.hpp"

namespace segpost::SEGPOST_LEVEL {
namespace {

using Mode = Confidence<false>;
constexpr std::int64_t moments = 3 * temperatures;
constexpr std::int32_t ignored_code = -1, invalid_code = -2;

// Labels of argmax, and targets as classes or codes, beside the powers of a block of cells.
template <class T> struct TargetWork : Work<T> {
    const CalibrationJob &calibration;
    std::int64_t code_pitch, first_row = 0, first_x = 0; // of the codes
    std::int32_t *codes;                                 // [rows of a block, code_pitch]
    std::int64_t *widened;                               // [code_pitch]
    std::int32_t *table;                                 // [256] the code of every byte
    std::int32_t *place;                                 // [C] where a class is listed, or -1
    std::int32_t *wide; // [C + 3] the classes that count at the largest temperature
    std::int64_t wide_count = 0;
    float *kept;    // [C + 3, most_rows, lanes] powers of a span
    float *spreads; // [C, 2, lanes] exponents of both rows of the grid

    TargetWork(const CalibrationJob &job, const Tile &tile, Scratch &scratch)
        : Work<T>(job, tile, scratch), calibration(job) {
        const std::int64_t classes = job.logits.c;
        code_pitch = round_up(min(lanes * job.x.widest, this->columns) + lanes, lanes);
        codes = scratch.take<std::int32_t>(min(job.y.widest, tile.row1 - tile.row0) * code_pitch);
        widened = scratch.take<std::int64_t>(code_pitch);
        table = scratch.take<std::int32_t>(256);
        place = scratch.take<std::int32_t>(classes);
        wide = scratch.take<std::int32_t>(classes + 3);
        kept = scratch.take<float>((classes + 3) * most_rows * lanes);
        spreads = scratch.take<float>(classes * 2 * lanes);
    }

    std::int32_t code_of(std::int64_t value) const {
        const std::int64_t row = calibration.rule.row(value), classes = calibration.rule.classes;
        return row < classes    ? static_cast<std::int32_t>(row)
               : row == classes ? ignored_code
                                : invalid_code;
    }
    const std::int32_t *codes_at(std::int64_t y, std::int64_t x) const {
        return codes + (y - first_row) * code_pitch + x - first_x;
    }
    template <class W> W labels_at(std::int64_t y, std::int64_t x) const {
        const LabelView &map = calibration.labels;
        const char *row = map.row(this->tile.n, y);
        const std::int64_t column = this->first_column + x;
        if (map.dtype == DType::i32) return load<W>(row + 4 * column);
        return __builtin_convertvector(load<typename Vec<lanes_of<W>>::u8>(row + column), W);
    }
};

// The codes of the pixels of a block; behind the last of a row nothing is measured.
template <class T> void read_codes(TargetWork<T> &work, std::int64_t block, std::int64_t y0,
                                   std::int64_t y1, PixelSums &sums) {
    const LabelView &map = work.calibration.target;
    work.first_row = y0, work.first_x = work.begin(block);
    const std::int64_t count =
        work.begin(min<std::int64_t>(block + lanes, work.cells)) - work.first_x;
    const std::int64_t column = work.first_column + work.first_x;
    for (std::int64_t y = y0; y < y1; ++y) {
        std::int32_t *to = work.codes + (y - y0) * work.code_pitch;
        if (map.dtype == DType::u8) {
            const char *from = map.row(work.tile.n, y) + column * map.stride_w;
            for (std::int64_t i = 0; i < count; ++i)
                to[i] = work.table[static_cast<unsigned char>(from[i * map.stride_w])];
        } else {
            widen_labels(map, work.tile.n, y, column, count, work.widened);
            for (std::int64_t i = 0; i < count; ++i)
                to[i] = i && work.widened[i] == work.widened[i - 1] ? to[i - 1]
                                                                    : work.code_of(work.widened[i]);
        }
        std::int32_t ignored = 0, invalid = 0;
        for (std::int64_t i = 0; i < count; ++i) {
            ignored += to[i] == ignored_code;
            invalid += to[i] == invalid_code;
        }
        sums.ignored += ignored, sums.invalid += invalid;
        for (std::int64_t i = 0; i < lanes; ++i) to[count + i] = ignored_code;
    }
}

// The classes of a block that count at the temperature 1, and those at the largest.
template <class T> void list_both(TargetWork<T> &work, std::int64_t block) {
    if (work.calibration.with_temperature) {
        const double bits = __builtin_log2(static_cast<double>(work.classes));
        list_classes(work, block, largest_temperature * (Mode::negligible + bits) - bits);
        work.wide_count = work.listed;
        for (std::int64_t i = 0; i < work.listed; ++i) work.wide[i] = work.list[i];
    }
    list_classes(work, block, Mode::negligible);
}

template <class V> struct Lane {
    IntOf<V> number;
    Lane() {
        for (int i = 0; i < lanes_of<V>; ++i) number[i] = i;
    }
    IntOf<V> below(std::int64_t count) const {
        return number < broadcast<IntOf<V>>(static_cast<std::int32_t>(count));
    }
};

// Adds the NLL of a vector and its derivatives at every temperature to `sums`; exponent(i) is that
// of the class listed at i.
template <class V, class Exponent> inline void add_temperatures(std::int64_t count,
                                                                const Exponent &exponent, V target,
                                                                IntOf<V> possible, V *sums) {
    V total[temperatures] = {}, first[temperatures] = {}, second[temperatures] = {};
    for (std::int64_t i = 0; i < count; ++i) {
        const V x = max(exponent(i), broadcast<V>(lowest_exponent));
        V power = power_of_two<Mode::ratio_degree>(x * static_cast<float>(1 / largest_temperature));
        for (int k = 0; k < temperatures; ++k) {
            const V weighted = power * x;
            total[k] += power;
            first[k] += weighted;
            second[k] = fma(weighted, x, second[k]);
            power *= power;
        }
    }
    float inverse = static_cast<float>(1 / largest_temperature);
    for (int k = 0; k < temperatures; ++k, inverse *= 2) {
        const V unit = broadcast<V>(1.0f) / total[k], mean = first[k] * unit;
        const V nll = logarithm(total[k]) - (ln_2 * inverse) * target;
        const V slope = ln_2 * (mean - target);
        const V curvature = (ln_2 * ln_2) * (second[k] * unit - mean * mean);
        sums[3 * k] += possible ? nll : V{};
        sums[3 * k + 1] += possible ? slope : V{};
        sums[3 * k + 2] += possible ? curvature : V{};
    }
}

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
    const bool steep = any((I)(height > broadcast<F>(Mode::steep)));
    F power[together], ratio[together];
    const auto exponent = [&](int i, std::int64_t k) {
        return fma(broadcast<F>(span.w1[k]), lower[i], broadcast<F>(span.w0[k]) * upper[i]);
    };
    for (int i = 0; i < together; ++i) {
        power[i] = power_of_two<Mode::degree>(exponent(i, 0));
        ratio[i] =
            power_of_two<Mode::ratio_degree>(broadcast<F>(span.step) * (lower[i] - upper[i]));
    }
    const bool keeps = work.calibration.bins > 0;
    float *kept = work.kept + first * most_rows * lanes;
    for (std::int64_t k = 0; k < span.count; ++k) {
        sums.others[k] += (power[0] + power[1]) + (power[2] + power[3]);
        F squares = sums.squares[k];
        for (int i = 0; i < together; ++i) squares = fma(power[i], power[i], squares);
        sums.squares[k] = squares;
        for (int i = 0; mixed && i < together; ++i) sums.most[k] = max(sums.most[k], power[i]);
        for (int i = 0; keeps && i < together; ++i)
            store(kept + (i * most_rows + k) * lanes, power[i]);
        if (__builtin_expect(!steep, 1))
            for (int i = 0; i < together; ++i) power[i] *= ratio[i];
        else if (k + 1 < span.count)
            for (int i = 0; i < together; ++i)
                power[i] = power_of_two<Mode::degree>(exponent(i, k + 1));
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
            const std::uint32_t bits = mask_bits((I)(probability >= edge));
            if (bits)
                sums.add_class(c, probability, bits,
                               mask_bits((I)(pixels.code[k] == broadcast<I>(c))));
        }
    }
}

template <class T> inline void add_span_temperatures(const TargetWork<T> &work, std::int64_t block,
                                                     const Columns &at, const Span &span,
                                                     const SpanPixels &pixels, PixelSums &sums) {
    for (std::int64_t i = 0; i < work.wide_count; ++i) {
        const std::int64_t from = work.wide[i] * work.pitch + block;
        store(work.spreads + 2 * i * lanes, at.spread(work.upper.below + from));
        store(work.spreads + (2 * i + 1) * lanes, at.spread(work.lower.below + from));
    }
    F curve[moments] = {};
    for (std::int64_t k = 0; k < span.count; ++k) {
        if (!any(pixels.possible[k])) continue;
        const F w0 = broadcast<F>(span.w0[k]), w1 = broadcast<F>(span.w1[k]);
        add_temperatures(
            work.wide_count,
            [&](std::int64_t i) {
                const float *both = work.spreads + 2 * i * lanes;
                return fma(w1, load<F>(both + lanes), w0 * load<F>(both));
            },
            pixels.target[k], pixels.possible[k], curve);
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
    for (std::int64_t k = 0; k < span.count; ++k) {
        const std::int32_t *codes = work.codes_at(span.y + k, x);
        MeasuredPixels<F> row;
        row.code = load<I>(codes);
        row.valid = here & (row.code >= 0);
        row.target = exponents.at_row(work, block, at, span, k, row.code, row.valid, codes, sums);
        row.others = mixed ? powers.others[k] - (begin + 1.0f) : powers.others[k];
        row.most = powers.most[k];
        row.squares = powers.squares[k];
        row.label = work.template labels_at<I>(span.y + k, x);
        pixels.inverse[k] = sums.add(row, pixels.possible[k]);
        pixels.target[k] = row.target;
        pixels.code[k] = row.code;
    }
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
            pixels.others = broadcast<V>(-1.0f); // the largest power is 1
            pixels.most = broadcast<V>(1.0f);
            pixels.squares = V{};
            for (std::int64_t i = 0; i < work.listed; ++i) {
                const V below = exponent(i), power = power_of_two<Mode::degree>(below);
                pixels.others += power;
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
            const V inverse = sums.add(pixels, possible);
            const V edge = broadcast<V>(sums.second_bin());
            for (std::int64_t i = 0; work.calibration.bins && i < work.listed; ++i) {
                const V probability = load<V>(kept(i)) * inverse;
                const std::int32_t c = work.list[i];
                sums.add_class_total(c, probability);
                const std::uint32_t high = mask_bits((W)(probability >= edge));
                if (high)
                    sums.add_class(c, probability, high, mask_bits(pixels.code == broadcast<W>(c)));
            }
            if (!work.calibration.with_temperature) return;
            V curve[moments] = {};
            add_temperatures(
                work.listed, [&](std::int64_t i) { return load<V>(kept(i) + narrow); },
                pixels.target, possible, curve);
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
