// Between two passes over the pixels: what tiles added up becomes messages, on lattices by blurs
// along their axes, on grids by separable sums.
#include "cpu/crf/columns.hpp"
#include "cpu/runtime/kernel_table.hpp"

namespace segpost::SEGPOST_LEVEL {
namespace {

template <class V, int N, class T> void join(T *rows, std::int64_t pitch, const CrfJoint *joints,
                                             std::int64_t begin, std::int64_t end) {
    constexpr int w = lanes_of<V>;
    constexpr std::int64_t ahead = 16;
    constexpr int line = 64 / static_cast<int>(sizeof(T));
    for (std::int64_t i = begin; i < end; ++i) {
        const CrfJoint &later = joints[min(i + ahead, end - 1)];
        for (int j = 0; j < N * w; j += line) {
            __builtin_prefetch(rows + later.to * pitch + j, 1);
            __builtin_prefetch(rows + later.from * pitch + j);
        }
        T *to = rows + joints[i].to * pitch;
        const T *from = rows + joints[i].from * pitch;
        for (int j = 0; j < N; ++j)
            store_values(to + j * w, load_values<V>(to + j * w) + load_values<V>(from + j * w));
    }
}

// to += matrix^T from, for the lanes of V at `at`.
template <class V>
inline V mixed(const float *matrix, const float *from, std::int64_t row, std::int64_t at) {
    V sum{};
    for (std::int64_t m = 0; m < row; ++m)
        sum = fma(broadcast<V>(from[m]), load<V>(matrix + m * row + at), sum);
    return sum;
}

// Every vertex of a chain becomes itself and `blur_weight` of its two neighbours, in place.
// Vertices without neighbours along this axis are in no chain. A row that is read as the next one
// has not been written yet; the row of number `zero` stays zero. A chain's ends are no branches:
// nobody could guess them.
template <class V, int N, class T>
void blur(T *rows, std::int64_t pitch, const std::uint32_t *chain, std::int64_t begin,
          std::int64_t end, std::int64_t zero, float blur_weight) {
    constexpr int w = lanes_of<V>;
    constexpr std::int64_t distance = chain_margin; // of prefetches: the order is known
    constexpr int line = 64 / static_cast<int>(sizeof(T));
    const V factor = broadcast<V>(blur_weight);
    V last[N];
    for (int j = 0; j < N; ++j) last[j] = V{};
    for (std::int64_t i = begin; i < end; ++i) {
        const T *later = rows + (chain[i + distance] & ~chain_start) * pitch;
        for (int j = 0; j < N * w; j += line) __builtin_prefetch(later + j, 1);
        const auto starts = static_cast<std::int32_t>(chain[i]) >> 31;
        const auto ends = static_cast<std::int32_t>(chain[i + 1]) >> 31;
        T *at = rows + (chain[i] & ~chain_start) * pitch;
        const T *next = rows + ((static_cast<std::int64_t>(chain[i + 1]) & ~std::int64_t{ends}) |
                                (zero & ends)) *
                                   pitch;
        const IntOf<V> goes_on = ~broadcast<IntOf<V>>(starts);
        for (int j = 0; j < N; ++j) {
            const V here = load_values<V>(at + j * w);
            const V before = (V)((IntOf<V>)last[j] & goes_on);
            store_values(at + j * w, fma(factor, before + load_values<V>(next + j * w), here));
            last[j] = here;
        }
    }
}

// Calls work(V, N, rows) with groups of vectors of the lanes of a block.
template <class Work>
inline void with_rows(const CrfLattice &lattice, std::int64_t labels, const Work &work) {
    with_storage(lattice.storage, [&](auto stored) {
        using T = decltype(stored);
        with_width(labels, [&](auto v) {
            in_groups<decltype(v)>(labels, [&](auto n, std::int64_t at) {
                work(v, n, reinterpret_cast<T *>(lattice.sums) + at);
            });
        });
    });
}

} // namespace

void crf_join(const CrfLattice &lattice, std::int64_t labels, std::int64_t begin,
              std::int64_t end) {
    with_rows(lattice, labels, [&](auto v, auto n, auto *rows) {
        join<decltype(v), decltype(n)::n>(rows, lattice.storage.pitch, lattice.joints, begin, end);
    });
}

void crf_mix(const CrfLattice &lattice, const CrfWeights &weights, std::int64_t row,
             std::int64_t begin, std::int64_t end, char *memory) {
    using V = Vec<4>::f32;
    float *from = reinterpret_cast<float *>(memory);
    for (std::int64_t v = begin; v < end; ++v) {
        const auto values = [&](std::int64_t at) {
            return rows_from<float>(lattice, lattice.sums, at) + v * lattice.storage.pitch;
        };
        for (std::int64_t at = 0; at < row; at += 4) store(from + at, load<V>(values(at)));
        for (std::int64_t at = 0; at < row; at += 4)
            store(values(at), mixed<V>(weights.matrix, from, row, at));
    }
}

void crf_blur(const CrfLattice &lattice, std::int64_t labels, const std::uint32_t *chain,
              std::int64_t begin, std::int64_t end, float blur_weight) {
    with_rows(lattice, labels, [&](auto v, auto n, auto *rows) {
        blur<decltype(v), decltype(n)::n>(rows, lattice.storage.pitch, chain, begin, end,
                                          lattice.length, blur_weight);
    });
}

namespace {

// Sums along the line of nodes whose columns are added up in `middle`.
template <class V> void add_along(const CrfGrid &grid, const CrfWeights &weights, std::int64_t row,
                                  const float *middle, float *__restrict to) {
    constexpr int w = lanes_of<V>;
    for (std::int64_t x = 0; x < grid.width; ++x)
        in_groups<V>(row, [&](auto n, std::int64_t at) {
            constexpr int N = decltype(n)::n;
            const float *here = middle + x * row + at;
            V sum[N];
            for (int j = 0; j < N; ++j)
                sum[j] = load<V>(here + j * w) * broadcast<V>(grid.taps_x[0]);
            for (std::int64_t k = 1; k <= grid.radius_x; ++k) {
                const V tap = broadcast<V>(grid.taps_x[k]);
                for (int j = 0; j < N; ++j)
                    sum[j] =
                        fma(tap, load<V>(here - k * row + j * w) + load<V>(here + k * row + j * w),
                            sum[j]);
            }
            for (int j = 0; j < N; ++j) {
                if (weights.label) sum[j] *= load<V>(weights.label + at + j * w);
                store(to + x * row + at + j * w, sum[j]);
            }
        });
}

} // namespace

std::int64_t crf_grid_scratch(const CrfGrid &grid, std::int64_t row) {
    const std::int64_t line = (grid.width + 2 * grid.radius_x) * row;
    return round_up(grid_rows * line * 4, 64) + round_up(grid.width * row * 4, 64) +
           round_up(taps_size(grid) * 4, 64);
}

void crf_grid(const CrfGrid &grid, const CrfWeights &weights, std::int64_t row, std::int64_t y0,
              std::int64_t y1, char *memory) {
    Scratch scratch(memory);
    const std::int64_t size = grid.width * row, margin = grid.radius_x * row;
    const std::int64_t line = size + 2 * margin;
    float *__restrict lines = scratch.take<float>(grid_rows * line);
    float *__restrict mixture = scratch.take<float>(size);
    const float *taps = column_taps(grid, scratch.take<float>(taps_size(grid)));
    for (int i = 0; i < grid_rows; ++i)
        for (std::int64_t at = 0; at < margin; ++at)
            lines[i * line + at] = lines[i * line + margin + size + at] = 0.0f;
    for (std::int64_t y = y0; y < y1; y += grid_rows)
        with_width(row, [&](auto v) {
            using V = decltype(v);
            add_all_columns<V>(grid, grid.sums, taps, y, row, size, line, lines + margin);
            for (std::int64_t i = 0; i < min<std::int64_t>(grid_rows, y1 - y); ++i) {
                float *to = grid.rows + (y + i) * size;
                add_along<V>(grid, weights, row, lines + margin + i * line,
                             weights.matrix ? mixture : to);
                for (std::int64_t x = 0; weights.matrix && x < grid.width; ++x)
                    for (std::int64_t l = 0; l < row; l += 4)
                        store(to + x * row + l,
                              mixed<Vec<4>::f32>(weights.matrix, mixture + x * row, row, l));
            }
        });
}

} // namespace segpost::SEGPOST_LEVEL
