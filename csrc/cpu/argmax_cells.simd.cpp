// argmax of bilinearly resampled logits, cell by cell of the low-resolution grid. The theorems that
// let most cells be filled, classes be pruned and float32 decide are in ops/labels.hpp.
#include "color.hpp"
#include "load.hpp"
#include "table.hpp"

namespace segpost::SEGPOST_LEVEL {
namespace {

constexpr std::int32_t undecided = -1; // corner label: its cells cannot be filled
constexpr int group = lanes == 16 ? 8 : 4; // output columns that dense_rows handles at once

// One row of logits with what is known of each of its pixels.
template <class T> struct Row {
    T *planes;           // [C][pitch]
    std::int32_t *label; // [pitch], first maximum or undecided
    float *largest;      // [pitch], largest |value|; NaN or inf where there is one
};

template <class T, class L> struct Work {
    const ArgmaxJob &job;
    const Tile &tile;
    std::int64_t classes, cells, pitch, columns, first_column, words;
    Row<T> upper, lower;
    std::int32_t *uniform; // [pitch] label of a cell that can be filled, or undecided
    std::uint32_t *wanted; // [words][lanes] candidate bits of a block
    std::int32_t *list;    // [classes] candidates of a cell
    float *t;              // [columns + lanes]
    L *fill;               // [columns + 64] labels of a row with every cell filled
    std::uint8_t *fill_color; // [3 * columns + 64]
    std::uint32_t *lut;    // [max(classes, 32)]

    Work(const ArgmaxJob &j, const Tile &area, Scratch &scratch) : job(j), tile(area) {
        classes = job.classes();
        cells = tile.x1 - tile.x0;
        pitch = round_up(cells + 1, lanes) + 2 * lanes;
        first_column = job.x.start[tile.x0];
        columns = job.x.start[tile.x1] - first_column;
        words = (classes + 31) / 32;
        upper = take_row(scratch);
        lower = take_row(scratch);
        uniform = scratch.take<std::int32_t>(pitch);
        wanted = scratch.take<std::uint32_t>(words * lanes);
        list = scratch.take<std::int32_t>(classes);
        t = scratch.take<float>(columns + lanes);
        fill = scratch.take<L>(columns + 64);
        fill_color = scratch.take<std::uint8_t>(3 * columns + 64);
        lut = scratch.take<std::uint32_t>(larger<std::int64_t>(classes, 32));
    }

    Row<T> take_row(Scratch &scratch) const {
        Row<T> row;
        row.planes = scratch.take<T>(classes * pitch);
        row.label = scratch.take<std::int32_t>(pitch);
        row.largest = scratch.take<float>(pitch);
        return row;
    }
    std::int64_t begin(std::int64_t cell) const {
        return job.x.start[tile.x0 + cell] - first_column;
    }
    L *labels(std::int64_t y) const {
        return reinterpret_cast<L *>(job.labels.row(tile.n, y)) + first_column;
    }
    std::uint8_t *color(std::int64_t y) const {
        return reinterpret_cast<std::uint8_t *>(job.color.row(tile.n, y)) + 3 * first_column;
    }
};

// The first maximum of every pixel, and where it cannot decide a cell.
template <class T> void rank(const Row<T> &row, std::int64_t classes, std::int64_t pitch,
                             std::int64_t count) {
    if constexpr (sizeof(T) == 4) {
        const I magnitude = splat<I>(0x7fffffff), infinity = splat<I>(0x7f800000);
        for (std::int64_t x = 0; x < count; x += lanes) {
            F best = load<F>(row.planes + x);
            I label{}, most = (I)best & magnitude;
            for (std::int64_t c = 1; c < classes; ++c) {
                const F value = load<F>(row.planes + c * pitch + x);
                const I size = (I)value & magnitude;
                most = size > most ? size : most;
                label = value > best ? splat<I>(static_cast<std::int32_t>(c)) : label;
                best = vmax(value, best);
            }
            const I special = (((I)best & magnitude) >= infinity) | (most > infinity);
            store(row.label + x, special ? splat<I>(undecided) : label);
            store(row.largest + x, most);
        }
    } else {
        for (std::int64_t x = 0; x < count; ++x) {
            double best = row.planes[x], below = -__builtin_inf();
            std::int32_t label = 0;
            bool nan = is_nan(best);
            for (std::int64_t c = 1; c < classes; ++c) {
                const double value = row.planes[c * pitch + x];
                nan |= is_nan(value);
                if (value > best) {
                    below = best;
                    best = value;
                    label = static_cast<std::int32_t>(c);
                }
            }
            const double size = larger(__builtin_fabs(best), __builtin_fabs(below));
            const bool near = below > -__builtin_inf() && best - below <= margin_float64 * size;
            const bool special = nan || near || !(__builtin_fabs(best) < __builtin_inf());
            row.label[x] = special ? undecided : label;
            row.largest[x] = 0.0f; // only the float32 filter asks
        }
    }
}

template <class T, class L>
void read_row(const Work<T, L> &work, const Row<T> &row, std::int64_t y, Report &report) {
    const ArgmaxJob &job = work.job;
    const Tile &tile = work.tile;
    const std::int64_t count = smaller(work.cells + 1, job.x.n_in - tile.x0);
    load_row(row.planes, work.pitch, job.logits, tile.n, y, tile.x0, count,
             job.has_threshold ? &job.threshold : nullptr);
    for (std::int64_t c = 0; c < work.classes; ++c) { // the last pixel again: vectors read past it
        T *plane = row.planes + c * work.pitch;
        for (std::int64_t x = count; x < work.pitch; ++x) plane[x] = plane[count - 1];
    }
    rank(row, work.classes, work.pitch, round_up(work.cells + 1, lanes));
    // Each pixel is counted by one tile: its last row and column belong to the next.
    const bool counts_row = y < tile.y1 || tile.y1 == job.y.cells();
    const std::int64_t counted = tile.x1 == job.x.cells() ? count : work.cells;
    bool special = false;
    for (std::int64_t x = 0; x < counted; ++x) special |= row.label[x] == undecided;
    if (special && counts_row)
        count_nan(row.planes, work.pitch, work.classes, counted,
                  (tile.n * job.logits.h + y) * job.logits.w + tile.x0, report);
}

// Which cells can be filled, and a row of them.
template <class T, class L> void fill_cells(const Work<T, L> &work) {
    for (std::int64_t x = 0; x < work.cells; x += lanes) {
        const I a = load<I>(work.upper.label + x), b = load<I>(work.upper.label + x + 1);
        const I d = load<I>(work.lower.label + x), e = load<I>(work.lower.label + x + 1);
        store(work.uniform + x, (a == b) & (a == d) & (a == e) ? a : splat<I>(undecided));
    }
    std::int64_t x = 0;
    while (x < work.cells) {
        const std::int32_t label = work.uniform[x];
        const std::int64_t from = work.begin(x);
        while (++x < work.cells && work.uniform[x] == label) {
        }
        if (label == undecided) continue;
        const std::int64_t to = work.begin(x);
        for (std::int64_t i = from; i < to; ++i) work.fill[i] = static_cast<L>(label);
        if (work.job.lut) {
            const std::uint32_t color = work.lut[label];
            for (std::int64_t i = from; i < to; ++i)
                __builtin_memcpy(work.fill_color + 3 * i, &color, 4);
        }
    }
}

// The label of one pixel by the definition, over the listed classes (all of them where list is null).
template <class T, class L>
std::int32_t define(const Work<T, L> &work, std::int64_t cell, const std::int32_t *list,
                    std::int64_t count, std::int64_t y, std::int64_t column, bool &undefined) {
    const ArgmaxJob &job = work.job;
    const std::int64_t x = work.first_column + column;
    const double w00 = job.y.w0[y] * job.x.w0[x], w01 = job.y.w0[y] * job.x.w1[x];
    const double w10 = job.y.w1[y] * job.x.w0[x], w11 = job.y.w1[y] * job.x.w1[x];
    double best = -__builtin_inf();
    std::int32_t label = 0;
    for (std::int64_t i = 0; i < count; ++i) {
        const std::int32_t c = list ? list[i] : static_cast<std::int32_t>(i);
        const T *upper = work.upper.planes + c * work.pitch + cell;
        const T *lower = work.lower.planes + c * work.pitch + cell;
        double value = w00 == 0 ? 0.0 : w00 * static_cast<double>(upper[0]);
        value += w01 == 0 ? 0.0 : w01 * static_cast<double>(upper[1]);
        value += w10 == 0 ? 0.0 : w10 * static_cast<double>(lower[0]);
        value += w11 == 0 ? 0.0 : w11 * static_cast<double>(lower[1]);
        if (is_nan(value)) { // the first NaN wins
            undefined = true;
            return c;
        }
        if (i == 0 || value > best) {
            best = value;
            label = c;
        }
    }
    undefined = best == -__builtin_inf();
    return label;
}

template <class T, class L>
void put(const Work<T, L> &work, std::int64_t y, std::int64_t column, std::int32_t label) {
    work.labels(y)[column] = static_cast<L>(label);
    if (work.job.lut) put_color(work.color(y) + 3 * column, work.lut[label]);
}

// Every pixel of a cell by the definition.
template <class T, class L>
void define_cell(const Work<T, L> &work, std::int64_t cell, std::int64_t y0, std::int64_t y1,
                 const std::int32_t *list, std::int64_t count, Report &report) {
    for (std::int64_t y = y0; y < y1; ++y)
        for (std::int64_t x = work.begin(cell); x < work.begin(cell + 1); ++x) {
            bool undefined = false;
            put(work, y, x, define(work, cell, list, count, y, x, undefined));
            if (undefined)
                report.add_undefined(
                    1, (work.tile.n * work.job.y.n_out + y) * work.job.x.n_out + work.first_column + x);
        }
}

// One pixel that the filter could not tell.
template <class T, class L>
void settle(const Work<T, L> &work, std::int64_t cell, const std::int32_t *list, std::int64_t count,
            std::int64_t y, std::int64_t column, Report &report) {
    bool undefined = false;
    put(work, y, column, define(work, cell, list, count, y, column, undefined));
    if (undefined)
        report.add_undefined(1, (work.tile.n * work.job.y.n_out + y) * work.job.x.n_out +
                                    work.first_column + column);
}

// Writes the first `count` of W labels and their colors.
template <int W, class L>
inline void put_span(typename Vec<W>::i32 label, L *labels, std::uint8_t *color,
                     const std::uint32_t *lut, std::int64_t count) {
    L narrow[W];
    if constexpr (sizeof(L) == 1)
        store(narrow, __builtin_convertvector(label, typename Vec<W>::u8));
    else
        store(narrow, label);
    if (count == W) {
        __builtin_memcpy(labels, narrow, sizeof narrow);
        if (lut) {
            for (int i = 0; i + 1 < W; ++i) __builtin_memcpy(color + 3 * i, lut + narrow[i], 4);
            put_color(color + 3 * (W - 1), lut[narrow[W - 1]]);
        }
    } else {
        for (std::int64_t i = 0; i < count; ++i) labels[i] = narrow[i];
        if (lut)
            for (std::int64_t i = 0; i < count; ++i) put_color(color + 3 * i, lut[narrow[i]]);
    }
}

// A cell with a few candidates: float32 decides, the definition where that is too close.
// W is the number of columns handled at once.
template <int W, class L>
void compare_cell(const Work<float, L> &work, std::int64_t cell, std::int64_t y0, std::int64_t y1,
                  const std::int32_t *list, std::int64_t count, Report &report) {
    using V = typename Vec<W>::f32;
    using M = typename Vec<W>::i32;
    float most = 0.0f;
    for (std::int64_t i = 0; i < count; ++i) {
        const float *upper = work.upper.planes + list[i] * work.pitch + cell;
        const float *lower = work.lower.planes + list[i] * work.pitch + cell;
        for (int k = 0; k < 2; ++k)
            most = larger(most, larger(__builtin_fabsf(upper[k]), __builtin_fabsf(lower[k])));
    }
    if (!(most < filter_limit)) return define_cell(work, cell, y0, y1, list, count, report);
    const float margin = most * filter_relative + filter_absolute;
    const std::int64_t x0 = work.begin(cell), x1 = work.begin(cell + 1);
    const std::uint32_t *lut = work.job.lut ? work.lut : nullptr;

    const auto finish = [&](M label, M close, std::int64_t y, std::int64_t x) {
        const std::int64_t here = smaller<std::int64_t>(W, x1 - x);
        put_span<W>(label, work.labels(y) + x, lut ? work.color(y) + 3 * x : nullptr, lut, here);
        if (__builtin_expect(any(close), 0)) {
            std::int32_t lane[W];
            store(lane, close);
            for (std::int64_t i = 0; i < here; ++i)
                if (lane[i]) settle(work, cell, list, count, y, x + i, report);
        }
    };

    if (count == 2) { // the sign of one bilinear function
        const float *p = work.upper.planes + list[0] * work.pitch + cell;
        const float *q = work.upper.planes + list[1] * work.pitch + cell;
        const float a = p[0] - q[0], b = p[1] - q[1];
        p = work.lower.planes + list[0] * work.pitch + cell;
        q = work.lower.planes + list[1] * work.pitch + cell;
        const float down_a = p[0] - q[0] - a, down_b = p[1] - q[1] - b;
        const M first = splat<M>(list[0]), second = splat<M>(list[1]);
        const V limit = splat<V>(margin);
        for (std::int64_t y = y0; y < y1; ++y) {
            const float ty = work.job.y.t[y];
            const float left = a + ty * down_a, right = b + ty * down_b;
            const V from = splat<V>(left), slope = splat<V>(right - left);
            for (std::int64_t x = x0; x < x1; x += W) {
                const V ahead = fma(load<V>(work.t + x), slope, from);
                const M label = ahead > V{} ? first : second;
                finish(label, (ahead <= limit) & (-ahead <= limit), y, x);
            }
        }
        return;
    }
    for (std::int64_t y = y0; y < y1; ++y) {
        const float ty = work.job.y.t[y];
        for (std::int64_t x = x0; x < x1; x += W) {
            const V t = load<V>(work.t + x);
            V best{}, second = splat<V>(-__builtin_inff());
            M label{};
            for (std::int64_t i = 0; i < count; ++i) {
                const float *upper = work.upper.planes + list[i] * work.pitch + cell;
                const float *lower = work.lower.planes + list[i] * work.pitch + cell;
                const float left = upper[0] + ty * (lower[0] - upper[0]);
                const float right = upper[1] + ty * (lower[1] - upper[1]);
                const V value = fma(t, splat<V>(right - left), splat<V>(left));
                if (i == 0) {
                    best = value;
                    label = splat<M>(list[0]);
                    continue;
                }
                second = vmax(second, vmin(best, value));
                label = value > best ? splat<M>(list[i]) : label;
                best = vmax(value, best);
            }
            const V lead = best - second;
            finish(label, ~(lead > splat<V>(margin)), y, x);
        }
    }
}

// Every pixel of up to `lanes` neighbouring cells over all classes: lane = cell, `group` columns of
// each cell at once. Needs finite corners.
template <class L>
void dense_rows(const Work<float, L> &work, std::int64_t block, std::int64_t y0, std::int64_t y1,
                Report &report) {
    const std::int64_t pitch = work.pitch, ncells = smaller<std::int64_t>(lanes, work.cells - block);
    const F most = vmax(vmax(load<F>(work.upper.largest + block), load<F>(work.upper.largest + block + 1)),
                        vmax(load<F>(work.lower.largest + block), load<F>(work.lower.largest + block + 1)));
    const F margin = most * splat<F>(filter_relative) + splat<F>(filter_absolute);
    const std::uint32_t *lut = work.job.lut ? work.lut : nullptr;
    for (std::int64_t g = 0; g < work.job.x.widest; g += group) {
        float weight[group][lanes] = {};
        for (std::int64_t i = 0; i < ncells; ++i) {
            const std::int64_t x0 = work.begin(block + i) + g;
            const std::int64_t width = smaller<std::int64_t>(group, work.begin(block + i + 1) - x0);
            for (std::int64_t j = 0; j < width; ++j) weight[j][i] = work.t[x0 + j];
        }
        F t[group];
        for (int j = 0; j < group; ++j) t[j] = load<F>(weight[j]);
        for (std::int64_t y = y0; y < y1; ++y) {
            const F ty = splat<F>(work.job.y.t[y]);
            L *out = work.labels(y);
            F best[group], second[group];
            I label[group];
            for (int j = 0; j < group; ++j) {
                best[j] = second[j] = splat<F>(-__builtin_inff());
                label[j] = I{};
            }
            for (std::int64_t c = 0; c < work.classes; ++c) {
                const float *upper = work.upper.planes + c * pitch + block;
                const float *lower = work.lower.planes + c * pitch + block;
                const F a = load<F>(upper), b = load<F>(upper + 1);
                const F left = fma(ty, load<F>(lower) - a, a), right = fma(ty, load<F>(lower + 1) - b, b);
                const F slope = right - left;
                const I here = splat<I>(static_cast<std::int32_t>(c));
                for (int j = 0; j < group; ++j) {
                    const F value = fma(t[j], slope, left);
                    second[j] = vmax(second[j], vmin(best[j], value));
                    label[j] = value > best[j] ? here : label[j];
                    best[j] = vmax(value, best[j]);
                }
            }
            I close{};
            I near[group];
            for (int j = 0; j < group; ++j) {
                near[j] = ~(best[j] - second[j] > margin);
                close |= near[j];
            }
            if constexpr (sizeof(L) == 1) { // a cell's columns side by side, then cell after cell
                std::uint32_t packed[group / 4][lanes];
                for (int k = 0; k < group / 4; ++k)
                    store(packed[k], label[4 * k] | label[4 * k + 1] << 8 | label[4 * k + 2] << 16 |
                                         label[4 * k + 3] << 24);
                for (std::int64_t i = 0; i < ncells; ++i) {
                    const std::int64_t x0 = work.begin(block + i) + g;
                    const std::int64_t width = work.begin(block + i + 1) - x0;
                    std::uint32_t columns[group / 4];
                    for (int k = 0; k < group / 4; ++k) columns[k] = packed[k][i];
                    if (width >= group)
                        __builtin_memcpy(out + x0, columns, group);
                    else if (width > 0)
                        for (std::int64_t j = 0; j < width; ++j)
                            out[x0 + j] = static_cast<L>(columns[j / 4] >> (8 * (j % 4)));
                }
            } else {
                std::int32_t lane[group][lanes];
                for (int j = 0; j < group; ++j) store(lane[j], label[j]);
                for (std::int64_t i = 0; i < ncells; ++i) {
                    const std::int64_t x0 = work.begin(block + i) + g;
                    const std::int64_t width = smaller<std::int64_t>(group, work.begin(block + i + 1) - x0);
                    for (std::int64_t j = 0; j < width; ++j) out[x0 + j] = lane[j][i];
                }
            }
            if (__builtin_expect(any(close), 0))
                for (int j = 0; j < group; ++j) {
                    std::int32_t lane[lanes];
                    store(lane, near[j]);
                    for (std::int64_t i = 0; i < ncells; ++i) {
                        const std::int64_t x = work.begin(block + i) + g + j;
                        if (lane[i] && x < work.begin(block + i + 1))
                            settle(work, block + i, nullptr, work.classes, y, x, report);
                    }
                }
        }
    }
    const std::int64_t x0 = work.begin(block), x1 = work.begin(block + ncells);
    for (std::int64_t y = y0; lut && y < y1; ++y)
        color_span(work.labels(y) + x0, lut, work.classes, work.color(y) + 3 * x0, x1 - x0);
}

// The candidates of every cell of a block as bits: classes that the prune of ops/labels.hpp leaves.
template <class L> void find_candidates(const Work<float, L> &work, std::int64_t block) {
    const std::int64_t pitch = work.pitch;
    const float *upper = work.upper.planes + block, *lower = work.lower.planes + block;
    F level = splat<F>(-__builtin_inff());
    for (std::int64_t c = 0; c < work.classes; ++c) {
        const float *p = upper + c * pitch, *q = lower + c * pitch;
        level = vmax(vmin(vmin(load<F>(p), load<F>(p + 1)), vmin(load<F>(q), load<F>(q + 1))), level);
    }
    for (std::int64_t word = 0; word < work.words; ++word) {
        U bits{};
        const std::int64_t last = smaller<std::int64_t>(work.classes, 32 * (word + 1));
        for (std::int64_t c = 32 * word; c < last; ++c) {
            const float *p = upper + c * pitch, *q = lower + c * pitch;
            const F top = vmax(vmax(load<F>(p), load<F>(p + 1)), vmax(load<F>(q), load<F>(q + 1)));
            bits |= top >= level ? splat<U>(1u << (c % 32)) : U{};
        }
        store(work.wanted + word * lanes, bits);
    }
}

template <class L> void find_candidates(const Work<double, L> &work, std::int64_t block) {
    const std::int64_t pitch = work.pitch;
    for (std::int64_t word = 0; word < work.words * lanes; ++word) work.wanted[word] = 0;
    for (std::int64_t x = 0; x < lanes; ++x) {
        const double *upper = work.upper.planes + block + x, *lower = work.lower.planes + block + x;
        double level = -__builtin_inf();
        for (std::int64_t c = 0; c < work.classes; ++c) {
            const double *p = upper + c * pitch, *q = lower + c * pitch;
            level = larger(level, smaller(smaller(p[0], p[1]), smaller(q[0], q[1])));
        }
        for (std::int64_t c = 0; c < work.classes; ++c) {
            const double *p = upper + c * pitch, *q = lower + c * pitch;
            const double top = larger(larger(p[0], p[1]), larger(q[0], q[1]));
            const double size = larger(__builtin_fabs(top), __builtin_fabs(level));
            if (top >= level || level - top <= margin_float64 * size)
                work.wanted[c / 32 * lanes + x] |= 1u << (c % 32);
        }
    }
}

// How many candidates the cells of a block have that were not filled.
template <class T, class L>
std::int64_t count_candidates(const Work<T, L> &work, std::int64_t block, std::int64_t last) {
    std::int64_t total = 0;
    for (std::int64_t word = 0; word < work.words; ++word)
        for (std::int64_t x = block; x < last; ++x)
            if (work.uniform[x] == undecided)
                total += __builtin_popcount(work.wanted[word * lanes + x - block]);
    return total;
}

template <class T, class L>
std::int64_t list_candidates(const Work<T, L> &work, std::int64_t lane) {
    std::int64_t count = 0;
    for (std::int64_t word = 0; word < work.words; ++word)
        for (std::uint32_t bits = work.wanted[word * lanes + lane]; bits; bits &= bits - 1)
            work.list[count++] = static_cast<std::int32_t>(32 * word + __builtin_ctz(bits));
    return count;
}

// The cells of a block that could not be filled.
template <class T, class L>
void mixed_cells(const Work<T, L> &work, std::int64_t block, std::int64_t y0, std::int64_t y1,
                 CellRule rule, Report &report) {
    std::int64_t mixed = 0;
    const std::int64_t last = smaller<std::int64_t>(block + lanes, work.cells);
    for (std::int64_t x = block; x < last; ++x) mixed += work.uniform[x] == undecided;
    if (mixed == 0 && rule == CellRule::fill) return;
    if constexpr (sizeof(T) == 4) {
        bool small = true; // the dense kernel's float32 must not overflow
        for (std::int64_t x = block; x <= last; ++x)
            small &= work.upper.largest[x] < filter_limit && work.lower.largest[x] < filter_limit;
        if (small && rule == CellRule::dense) return dense_rows(work, block, y0, y1, report);
        find_candidates(work, block);
        const std::int64_t candidates = count_candidates(work, block, last);
        // Vector steps of either way, as measured on scenes and on noise.
        const std::int64_t rows = y1 - y0, groups = (work.job.x.widest + group - 1) / group;
        const std::int64_t dense = rows * groups * (work.classes * (group * 5 / 2 + 4) + 12 * lanes);
        const std::int64_t sparse =
            mixed * (40 + 12 * rows) + (candidates - 2 * mixed) * rows * 10 * ((work.job.x.widest + lanes - 1) / lanes);
        if (small && dense < sparse) return dense_rows(work, block, y0, y1, report);
    } else {
        find_candidates(work, block);
    }
    for (std::int64_t x = block; x < last; ++x) {
        if (work.uniform[x] != undecided) continue;
        if (work.begin(x) == work.begin(x + 1)) continue;
        const bool special =
            work.upper.label[x] == undecided || work.upper.label[x + 1] == undecided ||
            work.lower.label[x] == undecided || work.lower.label[x + 1] == undecided;
        if (special) {
            define_cell(work, x, y0, y1, nullptr, work.classes, report);
            continue;
        }
        const std::int64_t count = list_candidates(work, x - block);
        if constexpr (sizeof(T) == 4) {
            if (work.job.x.widest <= 4 || lanes == 4)
                compare_cell<4>(work, x, y0, y1, work.list, count, report);
            else if (work.job.x.widest <= 8 || lanes == 8)
                compare_cell<lanes < 8 ? 4 : 8>(work, x, y0, y1, work.list, count, report);
            else
                compare_cell<lanes>(work, x, y0, y1, work.list, count, report);
        } else {
            define_cell(work, x, y0, y1, work.list, count, report);
        }
    }
}

template <class T, class L>
void resample(const ArgmaxJob &job, const Tile &tile, CellRule rule, char *memory, Report &report) {
    Scratch scratch(memory);
    Work<T, L> work(job, tile, scratch);
    if (job.lut)
        for (std::int64_t c = 0; c < larger<std::int64_t>(work.classes, 32); ++c)
            work.lut[c] = c < work.classes ? job.lut[c] : 0;
    for (std::int64_t i = 0; i < work.columns + lanes; ++i)
        work.t[i] = i < work.columns ? job.x.t[work.first_column + i] : 0.0f;
    std::int64_t read = -1; // the row that `lower` holds
    for (std::int64_t cell = tile.y0; cell < tile.y1; ++cell) {
        if (read == cell) {
            const Row<T> row = work.upper;
            work.upper = work.lower;
            work.lower = row;
        } else {
            read_row(work, work.upper, cell, report);
        }
        const Row<T> spare = work.lower;
        if (job.y.n_in > 1)
            read_row(work, work.lower, cell + 1, report);
        else
            work.lower = work.upper;
        read = cell + 1;
        const std::int64_t y0 = job.y.start[cell], y1 = job.y.start[cell + 1];
        if (y0 < y1 && work.columns > 0) {
            fill_cells(work);
            for (std::int64_t y = y0; y < y1; ++y) {
                __builtin_memcpy(work.labels(y), work.fill, work.columns * sizeof(L));
                if (job.lut) __builtin_memcpy(work.color(y), work.fill_color, 3 * work.columns);
            }
            for (std::int64_t block = 0; block < work.cells; block += lanes)
                mixed_cells(work, block, y0, y1, rule, report);
        }
        if (job.y.n_in == 1) work.lower = spare;
    }
}

} // namespace

std::int64_t argmax_cells_scratch(const ArgmaxJob &job, const Tile &tile) {
    Scratch scratch(nullptr);
    Work<double, std::int32_t> work(job, tile, scratch); // the largest of the four
    return scratch.used();
}

void argmax_cells(const ArgmaxJob &job, const Tile &tile, CellRule rule, char *memory,
                  Report &report) {
    const bool narrow = job.labels.dtype == DType::u8;
    if (fits_float(job.logits.dtype))
        narrow ? resample<float, std::uint8_t>(job, tile, rule, memory, report)
               : resample<float, std::int32_t>(job, tile, rule, memory, report);
    else
        narrow ? resample<double, std::uint8_t>(job, tile, rule, memory, report)
               : resample<double, std::int32_t>(job, tile, rule, memory, report);
}

} // namespace segpost::SEGPOST_LEVEL
