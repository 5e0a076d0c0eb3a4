// Confidence, entropy, margin and the largest probabilities of bilinearly resampled logits, cell by
// cell of the low-resolution grid. Exponents are interpolated as for confidence; see
// ops/labels/labels.hpp.
#include "cpu/labels/confidence_rows.hpp"
#include "cpu/runtime/kernel_table.hpp"

namespace segpost::SEGPOST_LEVEL {
namespace {

constexpr int degree = Confidence<false>::degree;
constexpr float lowest = Confidence<false>::lowest;
constexpr float smallest_exponent = -126.0f;
constexpr float ln_2 = 0.6931471806f;

// The number of largest probabilities that a job asks for.
inline std::int64_t ranks_of(const RankingJob &job) {
    return max<std::int64_t>(job.top, job.margin.data ? 2 : 1);
}

// What is known of the classes of as many pixels as V has lanes. Powers are of two.
template <class V> struct Ranking {
    V sum{}, weighted{}; // of the powers, and of the powers times their exponents
    V best[most_ranks];
    IntOf<V> label[most_ranks];
    std::int64_t ranks;

    explicit Ranking(std::int64_t count) : ranks(count) {
        for (std::int64_t j = 0; j < ranks; ++j) {
            best[j] = broadcast<V>(-1.0f);
            label[j] = IntOf<V>{};
        }
    }
    void add(V exponent, std::int32_t c) {
        exponent = max(exponent, broadcast<V>(smallest_exponent));
        V power = power_of_two<degree>(exponent);
        sum += power;
        weighted = fma(power, exponent, weighted);
        IntOf<V> here = broadcast<IntOf<V>>(c);
        for (std::int64_t j = 0; j < ranks; ++j) {
            const IntOf<V> above = power > best[j];
            const V passed = above != 0 ? best[j] : power;
            const IntOf<V> label_passed = above != 0 ? label[j] : here;
            best[j] = above != 0 ? power : best[j];
            label[j] = above != 0 ? here : label[j];
            power = passed, here = label_passed;
        }
    }
};

template <class W> inline void put_labels(const LabelView &map, char *row, std::int64_t x, W value,
                                          std::int64_t count) {
    constexpr int n = lanes_of<W>;
    std::int32_t lane[n];
    store(lane, value);
    if (map.dtype == DType::i32) {
        __builtin_memcpy(row + 4 * x, lane, static_cast<std::size_t>(4 * count));
    } else {
        for (std::int64_t i = 0; i < count; ++i) row[x + i] = static_cast<char>(lane[i]);
    }
}

inline std::int32_t label_at(const LabelView &map, const char *row, std::int64_t x) {
    if (map.dtype == DType::u8) return static_cast<unsigned char>(row[x]);
    std::int32_t label;
    __builtin_memcpy(&label, row + 4 * x, 4);
    return label;
}
inline void set_label(const LabelView &map, char *row, std::int64_t x, std::int32_t label) {
    if (map.dtype == DType::u8) {
        row[x] = static_cast<char>(label);
    } else {
        __builtin_memcpy(row + 4 * x, &label, 4);
    }
}

// The first of the largest classes is the label, which is exact, where rounding put it behind.
inline void put_label_first(const RankingJob &job, std::int64_t n, std::int64_t y, std::int64_t x,
                            std::int64_t count) {
    const LabelView &map = job.top_labels;
    const char *labels = job.labels.row(n, y);
    char *first = map.row(n * job.top, y);
    for (std::int64_t i = x; i < x + count; ++i) {
        const std::int32_t label = label_at(job.labels, labels, i);
        std::int32_t moved = label_at(map, first, i);
        if (label == moved) continue;
        set_label(map, first, i, label);
        for (std::int64_t j = 1; j < job.top && moved != label; ++j) {
            char *row = map.row(n * job.top + j, y);
            const std::int32_t next = label_at(map, row, i);
            set_label(map, row, i, moved);
            moved = next;
        }
    }
}

template <class V> inline void put_ranking(const RankingJob &job, std::int64_t n, std::int64_t y,
                                           std::int64_t x, const Ranking<V> &ranking,
                                           std::int64_t count) {
    const V unit = broadcast<V>(1.0f) / ranking.sum;
    const auto put = [&](const LabelView &map, V value) {
        if (map.data) put_confidence(map, map.row(n, y), x, value, count);
    };
    put(job.confidence, ranking.best[0] * unit);
    if (job.entropy.data) {
        const V entropy = logarithm(ranking.sum) - broadcast<V>(ln_2) * ranking.weighted * unit;
        put(job.entropy, max(entropy, V{}));
    }
    if (job.margin.data) put(job.margin, (ranking.best[0] - ranking.best[1]) * unit);
    for (std::int64_t j = 0; j < job.top; ++j) {
        const std::int64_t at = n * job.top + j;
        const LabelView &map = job.top_probabilities;
        put_confidence(map, map.row(at, y), x, ranking.best[j] * unit, count);
        put_labels(job.top_labels, job.top_labels.row(at, y), x, ranking.label[j], count);
    }
    if (job.top && job.labels.data) put_label_first(job, n, y, x, count);
}

// The level of every cell of a block, and the classes that are not negligible in one of them or may
// be among the largest: as list_classes, for more than one rank.
template <class T>
void list_ranked(Work<T> &work, std::int64_t block, std::int64_t ranks, double negligible) {
    const std::int64_t pitch = work.pitch;
    const float *upper = work.upper.below + block, *lower = work.lower.below + block;
    F level[most_ranks]; // the largest of the smallest corners, in order
    for (std::int64_t j = 0; j < ranks; ++j) level[j] = broadcast<F>(-__builtin_inff());
    for (std::int64_t c = 0; c < work.classes; ++c) {
        const float *p = upper + c * pitch, *q = lower + c * pitch;
        F least = min(min(load<F>(p), load<F>(p + 1)), min(load<F>(q), load<F>(q + 1)));
        for (std::int64_t j = 0; j < ranks; ++j) {
            const F larger = max(least, level[j]);
            least = min(least, level[j]);
            level[j] = larger;
        }
    }
    const std::int32_t *p = work.upper.open + block, *q = work.lower.open + block;
    const I open = load<I>(p) | load<I>(p + 1) | load<I>(q) | load<I>(q + 1);
    store(work.level, open != 0 ? broadcast<F>(nowhere) : level[0]);
    const float drop =
        static_cast<float>(negligible + __builtin_log2(static_cast<double>(work.classes)));
    const F bound = min(level[0] - drop, level[ranks - 1]);
    work.listed = 0;
    for (std::int64_t c = 0; c < work.classes; ++c) {
        const float *r = upper + c * pitch, *s = lower + c * pitch;
        const F top = max(max(load<F>(r), load<F>(r + 1)), max(load<F>(s), load<F>(s + 1)));
        if (any((I)(top >= bound) & (I)(open == 0)))
            work.list[work.listed++] = static_cast<std::int32_t>(c);
    }
}

// The cells of a block whose level is high enough for float32.
template <class T> void rank_block(const RankingJob &job, const Work<T> &work, std::int64_t block,
                                   std::int64_t y0, std::int64_t y1, F *exponents,
                                   std::int64_t ranks) {
    const F levels = load<F>(work.level);
    const std::int64_t end = work.begin(min<std::int64_t>(block + lanes, work.cells));
    for (std::int64_t x = work.begin(block); x < end; x += lanes) {
        const I index = load<I>(work.index + x);
        const F left = load<F>(work.f0 + x), right = load<F>(work.f1 + x);
        if (!any((I)(permute(levels, index) >= broadcast<F>(lowest)))) continue;
        const std::int64_t count = min<std::int64_t>(lanes, end - x);
        const auto spread = [&](const float *corners) {
            return fma(right, permute(load<F>(corners + 1), index),
                       left * permute(load<F>(corners), index));
        };
        for (std::int64_t i = 0; i < work.listed; ++i) {
            const std::int64_t from = work.list[i] * work.pitch + block;
            exponents[2 * i] = spread(work.upper.below + from);
            exponents[2 * i + 1] = spread(work.lower.below + from);
        }
        for (std::int64_t y = y0; y < y1; ++y) {
            const F up = broadcast<F>(static_cast<float>(job.y.w0[y] / job.y.den));
            const F down = broadcast<F>(static_cast<float>(job.y.w1[y] / job.y.den));
            Ranking<F> ranking(ranks);
            for (std::int64_t i = 0; i < work.listed; ++i)
                ranking.add(fma(down, exponents[2 * i + 1], up * exponents[2 * i]), work.list[i]);
            put_ranking(job, work.tile.n, y, work.first_column + x, ranking, count);
        }
    }
}

// Every pixel of a cell, interpolated in float64. No corner is open.
template <class T> void rank_cell(const RankingJob &job, const Work<T> &work, std::int64_t cell,
                                  std::int64_t y0, std::int64_t y1, std::int64_t ranks) {
    constexpr int narrow = Work<T>::narrow;
    using D = typename Vec<narrow>::f64;
    using V = typename Vec<narrow>::f32;
    const std::int64_t end = work.begin(cell + 1), listed = work.listed * narrow;
    const D unit = broadcast<D>(job.scale * log2_e / (job.y.den * job.x.den));
    for (std::int64_t x = work.begin(cell); x < end; x += narrow) {
        const D left = load<D>(work.w0 + x), right = load<D>(work.w1 + x);
        for (std::int64_t i = 0; i < work.listed; ++i) {
            const auto row = [&](const T *corners) { // -inf is as low as a weight of zero allows
                const double a = max<double>(corners[0], -limit_float64);
                const double b = max<double>(corners[1], -limit_float64);
                return left * broadcast<D>(a) + right * broadcast<D>(b);
            };
            const std::int64_t from = work.list[i] * work.pitch + cell;
            store(work.values + i * narrow, row(work.upper.planes + from));
            store(work.values + listed + i * narrow, row(work.lower.planes + from));
        }
        for (std::int64_t y = y0; y < y1; ++y) {
            const D up = broadcast<D>(job.y.w0[y]), down = broadcast<D>(job.y.w1[y]);
            const auto value = [&](std::int64_t i) {
                return up * load<D>(work.values + i) + down * load<D>(work.values + listed + i);
            };
            D most = value(0);
            for (std::int64_t i = narrow; i < listed; i += narrow) most = max(value(i), most);
            Ranking<V> ranking(ranks);
            for (std::int64_t i = 0; i < work.listed; ++i)
                ranking.add(__builtin_convertvector(
                                max((value(i * narrow) - most) * unit, broadcast<D>(nowhere)), V),
                            work.list[i]);
            put_ranking(job, work.tile.n, y, work.first_column + x, ranking,
                        min<std::int64_t>(narrow, end - x));
        }
    }
}

// Every pixel of a cell by the definition.
template <class T> void rank_cell_exactly(const RankingJob &job, const Work<T> &work,
                                          std::int64_t cell, std::int64_t y0, std::int64_t y1,
                                          std::int64_t ranks, LogitErrors &errors) {
    using V = Vec<4>::f32; // of which one lane is a pixel
    const double unit = job.scale * log2_e / (job.y.den * job.x.den);
    for (std::int64_t y = y0; y < y1; ++y)
        for (std::int64_t x = work.begin(cell); x < work.begin(cell + 1); ++x) {
            const std::int64_t column = work.first_column + x;
            const CornerWeights<4> weights = corner_weights(job.y, y, job.x, column);
            const auto value = [&](std::int64_t c) {
                const T *upper = work.upper.planes + c * work.pitch + cell;
                const T *lower = work.lower.planes + c * work.pitch + cell;
                return weights.sum({upper[0], upper[1], lower[0], lower[1]});
            };
            double most = value(0), sum = 0.0;
            for (std::int64_t c = 1; c < work.classes; ++c) most = max(value(c), most);
            for (std::int64_t c = 0; c < work.classes; ++c)
                sum += __builtin_exp((value(c) - most) * job.scale / (job.y.den * job.x.den));
            Ranking<V> ranking(ranks);
            for (std::int64_t c = 0; c < work.classes; ++c) {
                const double exponent = max<double>((value(c) - most) * unit, nowhere);
                ranking.add(broadcast<V>(static_cast<float>(exponent)),
                            static_cast<std::int32_t>(c));
            }
            if (is_nan(sum)) {
                errors.add_undefined(1, (work.tile.n * job.y.n_out + y) * job.x.n_out + column);
                ranking.sum = broadcast<V>(__builtin_nanf(""));
            }
            put_ranking(job, work.tile.n, y, column, ranking, 1);
        }
}

template <class T>
void rank(const RankingJob &job, const Tile &tile, char *memory, LogitErrors &errors) {
    Scratch scratch(memory);
    Work<T> work(job, tile, scratch);
    F *exponents = scratch.take<F>(2 * work.classes);
    const std::int64_t ranks = ranks_of(job);
    work.prepare();
    std::int64_t read = -1; // the row that `lower` holds
    for (std::int64_t cell = tile.y0; cell < tile.y1; ++cell) {
        const std::int64_t y0 = max<std::int64_t>(job.y.start[cell], tile.row0);
        const std::int64_t y1 = min<std::int64_t>(job.y.start[cell + 1], tile.row1);
        if (y0 >= y1) continue;
        if (read == cell) {
            const Row<T> row = work.upper;
            work.upper = work.lower;
            work.lower = row;
        } else {
            read_row(work, work.upper, cell);
        }
        read = min(cell + 1, job.y.n_in - 1);
        read_row(work, work.lower, read);
        for (std::int64_t block = 0; block < work.cells; block += lanes) {
            if (work.begin(block) == work.begin(min(block + lanes, work.cells))) continue;
            list_ranked(work, block, ranks, Confidence<false>::negligible);
            rank_block(job, work, block, y0, y1, exponents, ranks);
            for (std::int64_t i = 0; i < min<std::int64_t>(lanes, work.cells - block); ++i)
                if (!(work.level[i] >= lowest)) {
                    if (work.level[i] > nothing)
                        rank_cell(job, work, block + i, y0, y1, ranks);
                    else
                        rank_cell_exactly(job, work, block + i, y0, y1, ranks, errors);
                }
        }
    }
}

} // namespace

std::int64_t ranking_cells_scratch(const RankingJob &job, const Tile &tile) {
    Scratch scratch(nullptr);
    Work<double> work(job, tile, scratch);
    scratch.take<F>(2 * work.classes);
    return scratch.used();
}

void ranking_cells(const RankingJob &job, const Tile &tile, char *memory, LogitErrors &errors) {
    if (fits_float(job.logits.dtype))
        rank<float>(job, tile, memory, errors);
    else
        rank<double>(job, tile, memory, errors);
}

} // namespace segpost::SEGPOST_LEVEL
