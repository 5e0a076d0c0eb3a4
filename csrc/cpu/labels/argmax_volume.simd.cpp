// argmax of trilinearly resampled volumes: cells whose eight corners agree are filled, the others
// compared slice by slice, each between two slices of the grid being one itself.
#include "cpu/labels/cells_rows.hpp"
#include "cpu/runtime/kernel_table.hpp"
#include "ops/exact.hpp"

namespace segpost::SEGPOST_LEVEL {
namespace {

// The rows of the grid around one row of cells: two slices, two rows of each.
template <class T> struct Corners {
    Row<T> row[4]; // 00, 01, 10, 11 of (z, y)

    const T *plane(int which, std::int64_t c, std::int64_t pitch, std::int64_t cell) const {
        return row[which].planes + c * pitch + cell;
    }
};

template <class T, class L> struct Volume {
    const VolumeJob &job;
    const Tile3D &tile;
    std::int64_t classes, cells, pitch, rows, words;
    Row<T> *slices[2];     // [rows] each
    std::int32_t *uniform; // [pitch]
    std::uint32_t *wanted; // [words][lanes]
    std::int32_t *list;    // [classes]
    float *corner;         // [classes][4] of a cell in one slice: 00, 01, 10, 11 of (y, x)
    float *t;              // [columns + lanes]
    L *fill;               // [columns + 64]

    Volume(const VolumeJob &j, const Tile3D &b, Scratch &scratch) : job(j), tile(b) {
        classes = job.logits.c;
        cells = job.x.cells();
        pitch = round_up(cells + 1, lanes) + 2 * lanes;
        rows = tile.y1 - tile.y0 + 1;
        words = (classes + 31) / 32;
        for (Row<T> *&slice : slices) {
            slice = scratch.take<Row<T>>(rows);
            for (std::int64_t y = 0; y < rows; ++y) {
                Row<T> row;
                row.planes = scratch.take<T>(classes * pitch);
                row.label = scratch.take<std::int32_t>(pitch);
                row.largest = scratch.take<float>(pitch);
                if (!scratch.counting()) slice[y] = row;
            }
        }
        uniform = scratch.take<std::int32_t>(pitch);
        wanted = scratch.take<std::uint32_t>(words * lanes);
        list = scratch.take<std::int32_t>(classes);
        corner = scratch.take<float>(4 * classes);
        t = scratch.take<float>(job.x.n_out + lanes);
        fill = scratch.take<L>(job.x.n_out + 64);
    }

    std::int64_t begin(std::int64_t cell) const { return job.x.start[cell]; }
    L *labels(std::int64_t z, std::int64_t y) const {
        return reinterpret_cast<L *>(job.labels + tile.n * job.out_n + z * job.out_d +
                                     y * job.out_h);
    }
};

template <class T, class L>
void read_slice(const Volume<T, L> &work, Row<T> *slice, std::int64_t z, LogitErrors &errors) {
    const VolumeJob &job = work.job;
    const std::int64_t count = job.x.n_in;
    const Logits logits = job.slice(z);
    // Each pixel is counted by one tile: its last slice and row belong to the next.
    const bool counts = z < work.tile.z1 || work.tile.z1 == job.z.cells();
    for (std::int64_t i = 0; i < work.rows; ++i) {
        const std::int64_t y = work.tile.y0 + i;
        if (y >= job.y.n_in) { // an axis of one row
            slice[i] = slice[i - 1];
            continue;
        }
        const Row<T> &row = slice[i];
        load_row(row.planes, work.pitch, logits, work.tile.n, y, 0, count, nullptr);
        repeat_last(row.planes, work.pitch, work.classes, count, work.pitch);
        const bool special = rank(row, work.classes, work.pitch, round_up(work.cells + 1, lanes));
        if (special && counts && (y < work.tile.y1 || work.tile.y1 == job.y.cells()))
            count_nan(row.planes, work.pitch, work.classes, count,
                      ((work.tile.n * job.depth + z) * job.logits.h + y) * job.logits.w, errors);
    }
}

// Which cells can be filled, and a row of them.
template <class T, class L> void fill_cells(const Volume<T, L> &work, const Corners<T> &corners) {
    const auto label = [&](int which, std::int64_t x) {
        return load<I>(corners.row[which].label + x);
    };
    for (std::int64_t x = 0; x < work.cells; x += lanes) {
        const I first = label(0, x);
        I same = first == label(0, x + 1);
        for (int i = 1; i < 4; ++i) same &= (first == label(i, x)) & (first == label(i, x + 1));
        store(work.uniform + x, same ? first : broadcast<I>(undecided));
    }
    each_run(work, [&](std::int32_t label, std::int64_t from, std::int64_t to) {
        for (std::int64_t i = from; i < to; ++i) work.fill[i] = static_cast<L>(label);
    });
}

// The smallest and the largest corner of a class.
template <class T, class V> inline void extremes(const Corners<T> &corners, std::int64_t c,
                                                 std::int64_t pitch, std::int64_t at, V &low,
                                                 V &high) {
    low = high = load<V>(corners.plane(0, c, pitch, at));
    for (int i = 0; i < 8; ++i) {
        const V value = load<V>(corners.plane(i / 2, c, pitch, at + i % 2));
        low = min(low, value), high = max(high, value);
    }
}

// The candidates of every cell of a block as bits: classes that the prune leaves.
template <class L> void find_candidates(const Volume<float, L> &work, const Corners<float> &corners,
                                        std::int64_t block) {
    F level = broadcast<F>(-__builtin_inff()), low, high;
    for (std::int64_t c = 0; c < work.classes; ++c) {
        extremes(corners, c, work.pitch, block, low, high);
        level = max(low, level);
    }
    for (std::int64_t word = 0; word < work.words; ++word) {
        U bits{};
        for (std::int64_t c = 32 * word; c < min(work.classes, 32 * (word + 1)); ++c) {
            extremes(corners, c, work.pitch, block, low, high);
            bits |= high >= level ? broadcast<U>(1u << (c % 32)) : U{};
        }
        store(work.wanted + word * lanes, bits);
    }
}

template <class L> void find_candidates(const Volume<double, L> &work,
                                        const Corners<double> &corners, std::int64_t block) {
    for (std::int64_t word = 0; word < work.words * lanes; ++word) work.wanted[word] = 0;
    for (std::int64_t x = 0; x < min<std::int64_t>(lanes, work.cells - block); ++x) {
        const auto range = [&](std::int64_t c, double &low, double &high) {
            low = high = *corners.plane(0, c, work.pitch, block + x);
            for (int i = 0; i < 8; ++i) {
                const double value = *corners.plane(i / 2, c, work.pitch, block + x + i % 2);
                low = min(low, value), high = max(high, value);
            }
        };
        double level = -__builtin_inf(), low, high;
        for (std::int64_t c = 0; c < work.classes; ++c) {
            range(c, low, high);
            level = max(level, low);
        }
        if (level < -limit_float64) level = -__builtin_inf(); // sums may overflow
        for (std::int64_t c = 0; c < work.classes; ++c) {
            range(c, low, high);
            const double size = max(__builtin_fabs(high), __builtin_fabs(level));
            if (high >= level || level - high <= margin_float64 * size)
                work.wanted[c / 32 * lanes + x] |= 1u << (c % 32);
        }
    }
}

// The corners of a cell, for ops/exact.hpp.
template <class T> struct CellCorners {
    static constexpr int corners = 8;
    using Value = T;
    const Corners<T> &rows;
    std::int64_t pitch, cell;

    void load_class(std::int32_t c, T (&to)[8]) const {
        for (int i = 0; i < 8; ++i) to[i] = *rows.plane(i / 2, c, pitch, cell + i % 2);
    }
};

struct Span {
    std::int64_t z0, z1, y0, y1; // output slices and rows
};

// Columns [x0, x1) of a cell by the definition, over the listed classes (all of them where list is
// null).
template <class T, class L>
void resolve_exactly(const Volume<T, L> &work, const Corners<T> &rows, std::int64_t cell,
                     const Span &span, std::int64_t x0, std::int64_t x1, const std::int32_t *list,
                     std::int64_t count, LogitErrors &errors) {
    const VolumeJob &job = work.job;
    const CellCorners<T> corners{rows, work.pitch, cell};
    const Candidates candidates{list, static_cast<std::int32_t>(count)};
    for (std::int64_t z = span.z0; z < span.z1; ++z)
        for (std::int64_t y = span.y0; y < span.y1; ++y)
            for (std::int64_t x = x0; x < x1; ++x) {
                const ExactLabel exact = evaluate_exact(
                    corners, corner_weights(job.z, z, job.y, y, job.x, x), candidates);
                work.labels(z, y)[x] = static_cast<L>(exact.label());
                if (exact.is_undefined())
                    errors.add_undefined(
                        1, ((work.tile.n * job.z.n_out + z) * job.y.n_out + y) * job.x.n_out + x);
            }
}
template <class T, class L> void resolve_cell_exactly(const Volume<T, L> &work,
                                                      const Corners<T> &rows, std::int64_t cell,
                                                      const Span &span, const std::int32_t *list,
                                                      std::int64_t count, LogitErrors &errors) {
    resolve_exactly(work, rows, cell, span, work.begin(cell), work.begin(cell + 1), list, count,
                    errors);
}

// A cell with a few candidates: float32 decides, the definition where that is too close.
// W is the number of columns handled at once.
template <int W, class L>
void compare_cell(const Volume<float, L> &work, const Corners<float> &corners, std::int64_t cell,
                  const Span &span, std::int64_t count, LogitErrors &errors) {
    using V = typename Vec<W>::f32;
    using M = typename Vec<W>::i32;
    const std::int32_t *list = work.list;
    const auto value = [&](int which, std::int64_t i, int side) {
        return corners.plane(which, list[i], work.pitch, cell)[side];
    };
    float most = 0.0f;
    for (std::int64_t i = 0; i < count; ++i)
        for (int k = 0; k < 8; ++k) most = max(most, __builtin_fabsf(value(k / 2, i, k % 2)));
    if (!(most < filter_limit))
        return resolve_cell_exactly(work, corners, cell, span, list, count, errors);
    const V margin = broadcast<V>(most * filter_relative + filter_absolute);
    const std::int64_t x0 = work.begin(cell), x1 = work.begin(cell + 1);
    for (std::int64_t z = span.z0; z < span.z1; ++z) {
        const float tz = work.job.z.t[z];
        for (std::int64_t i = 0; i < count; ++i)
            for (int k = 0; k < 4; ++k) {
                const float front = value(k / 2, i, k % 2), back = value(2 + k / 2, i, k % 2);
                work.corner[4 * i + k] = front + tz * (back - front);
            }
        for (std::int64_t y = span.y0; y < span.y1; ++y) {
            const float ty = work.job.y.t[y];
            L *out = work.labels(z, y);
            for (std::int64_t x = x0; x < x1; x += W) {
                const V t = load<V>(work.t + x);
                V best{}, second = broadcast<V>(-__builtin_inff());
                M label{};
                for (std::int64_t i = 0; i < count; ++i) {
                    const float *four = work.corner + 4 * i;
                    const float left = four[0] + ty * (four[2] - four[0]);
                    const float right = four[1] + ty * (four[3] - four[1]);
                    const V here = fma(t, broadcast<V>(right - left), broadcast<V>(left));
                    const M ahead = i == 0 ? ~M{} : (M)(here > best);
                    second = i == 0 ? second : larger(second, smaller(best, here));
                    label = select(ahead, broadcast<M>(list[i]), label);
                    best = select(ahead, here, best);
                }
                std::int32_t chosen[W], close[W];
                store(chosen, label);
                const M near = ~(M)(best - second > margin);
                const std::int64_t width = min<std::int64_t>(W, x1 - x);
                for (std::int64_t j = 0; j < width; ++j) out[x + j] = static_cast<L>(chosen[j]);
                if (__builtin_expect(!any(near), 1)) continue;
                store(close, near);
                for (std::int64_t j = 0; j < width; ++j)
                    if (close[j])
                        resolve_exactly(work, corners, cell, {z, z + 1, y, y + 1}, x + j, x + j + 1,
                                        list, count, errors);
            }
        }
    }
}

template <class T, class L> void mixed_cells(const Volume<T, L> &work, const Corners<T> &corners,
                                             std::int64_t block, const Span &span,
                                             LogitErrors &errors) {
    const std::int64_t last = min<std::int64_t>(block + lanes, work.cells);
    bool has_candidates = false;
    for (std::int64_t cell = block; cell < last; ++cell) {
        if (work.uniform[cell] != undecided || work.begin(cell) == work.begin(cell + 1)) continue;
        if (!has_candidates) find_candidates(work, corners, block);
        has_candidates = true;
        bool special = false;
        for (int i = 0; i < 4; ++i)
            special |= corners.row[i].label[cell] == undecided ||
                       corners.row[i].label[cell + 1] == undecided;
        if (special) {
            resolve_cell_exactly(work, corners, cell, span, nullptr, work.classes, errors);
            continue;
        }
        const std::int64_t count = list_candidates(work, cell - block);
        if constexpr (sizeof(T) == 4) {
            if (work.job.x.widest <= 4 || lanes == 4)
                compare_cell<4>(work, corners, cell, span, count, errors);
            else
                compare_cell < lanes<8 ? 4 : 8>(work, corners, cell, span, count, errors);
        } else {
            resolve_cell_exactly(work, corners, cell, span, work.list, count, errors);
        }
    }
}

template <class T, class L>
void resample(const VolumeJob &job, const Tile3D &tile, char *memory, LogitErrors &errors) {
    Scratch scratch(memory);
    Volume<T, L> work(job, tile, scratch);
    for (std::int64_t i = 0; i < job.x.n_out + lanes; ++i)
        work.t[i] = i < job.x.n_out ? job.x.t[i] : 0.0f;
    std::int64_t read = -1; // the slice that slices[1] holds
    for (std::int64_t z = tile.z0; z < tile.z1; ++z) {
        if (read == z) {
            Row<T> *const behind = work.slices[0];
            work.slices[0] = work.slices[1];
            work.slices[1] = behind;
        } else {
            read_slice(work, work.slices[0], z, errors);
        }
        const bool flat = job.z.n_in == 1; // an axis of one slice
        if (!flat) read_slice(work, work.slices[1], z + 1, errors);
        read = z + 1;
        const Row<T> *front = work.slices[0], *back = work.slices[flat ? 0 : 1];
        for (std::int64_t y = tile.y0; y < tile.y1; ++y) {
            const Span span{job.z.start[z], job.z.start[z + 1], job.y.start[y], job.y.start[y + 1]};
            if (span.z0 == span.z1 || span.y0 == span.y1) continue;
            const std::int64_t i = y - tile.y0;
            const Corners<T> corners{{front[i], front[i + 1], back[i], back[i + 1]}};
            fill_cells(work, corners);
            for (std::int64_t to_z = span.z0; to_z < span.z1; ++to_z)
                for (std::int64_t to_y = span.y0; to_y < span.y1; ++to_y)
                    __builtin_memcpy(work.labels(to_z, to_y), work.fill,
                                     static_cast<std::size_t>(job.x.n_out) * sizeof(L));
            for (std::int64_t block = 0; block < work.cells; block += lanes)
                mixed_cells(work, corners, block, span, errors);
        }
    }
}

} // namespace

std::int64_t argmax_volume_scratch(const VolumeJob &job, const Tile3D &tile) {
    Scratch scratch(nullptr);
    Volume<double, std::int32_t> work(job, tile, scratch); // the largest of the four
    return scratch.used();
}

void argmax_volume(const VolumeJob &job, const Tile3D &tile, char *memory, LogitErrors &errors) {
    if (fits_float(job.logits.dtype))
        job.narrow ? resample<float, std::uint8_t>(job, tile, memory, errors)
                   : resample<float, std::int32_t>(job, tile, memory, errors);
    else
        job.narrow ? resample<double, std::uint8_t>(job, tile, memory, errors)
                   : resample<double, std::int32_t>(job, tile, memory, errors);
}

} // namespace segpost::SEGPOST_LEVEL
