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

// The ranks that a kernel keeps: their number, or 0 for one that is known when it runs; whether
// with labels; and whether entropy is wanted.
template <int fixed, bool labels, bool entropy> struct Kept {
    static constexpr int most = fixed ? fixed : most_ranks;
    static constexpr bool with_labels = labels, with_entropy = entropy;
    std::int64_t count;

    std::int64_t ranks() const { return fixed ? fixed : count; }
};

// What is known of the classes of as many pixels as V has lanes. Powers are of two. Classes are in
// order of their exponents, because small powers are all the same.
template <class V, class Keep> struct Ranking {
    V sum{}, weighted{}; // of the powers, and of the powers times their exponents
    V best[Keep::most];  // exponents
    IntOf<V> label[Keep::most];

    void clear(const Keep &keep) {
        sum = weighted = V{};
        for (std::int64_t j = 0; j < keep.ranks(); ++j) {
            best[j] = broadcast<V>(-__builtin_inff());
            label[j] = IntOf<V>{};
        }
    }
    V power(std::int64_t rank) const { return power_of_two<degree>(best[rank]); }

    // Of equal exponents the first class stays first.
    void insert(const Keep &keep, V exponent, std::int32_t c) {
        const V inserted = exponent;
        IntOf<V> here = broadcast<IntOf<V>>(c);
        for (std::int64_t j = 0; j < keep.ranks(); ++j) {
            const V smaller = min(exponent, best[j]);
            if (Keep::with_labels) {
                const IntOf<V> above = inserted > best[j];
                const IntOf<V> passed = above != 0 ? label[j] : here;
                label[j] = above != 0 ? here : label[j];
                here = passed;
            }
            best[j] = max(exponent, best[j]);
            exponent = smaller;
        }
    }
    void add(const Keep &keep, V exponent, V power, std::int32_t c) {
        sum += power;
        if (Keep::with_entropy)
            weighted = fma(power, max(exponent, broadcast<V>(smallest_exponent)), weighted);
        insert(keep, exponent, c);
    }
};

template <class W> inline void put_labels(const LabelView &map, char *row, std::int64_t x, W value,
                                          std::int64_t count) {
    constexpr int n = lanes_of<W>;
    if (map.dtype == DType::i32) {
        std::int32_t lane[n];
        store(lane, value);
        __builtin_memcpy(row + 4 * x, lane, static_cast<std::size_t>(4 * count));
        return;
    }
    const typename Vec<n>::u8 bytes = low_bytes(value);
    if (count == n) return store(row + x, bytes);
    std::uint8_t lane[n];
    store(lane, bytes);
    __builtin_memcpy(row + x, lane, static_cast<std::size_t>(count));
}

// Whether the labels from column x on are the first `count` values.
template <class W> inline bool has_labels(const LabelView &map, const char *row, std::int64_t x,
                                          W value, std::int64_t count) {
    constexpr int n = lanes_of<W>;
    if (count < n || map.dtype != DType::u8) return false;
    const auto labels = load<typename Vec<n>::u8>(row + x);
    return !any((W)(__builtin_convertvector(labels, W) != value));
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

template <class V, class Keep>
inline void put_ranking(const RankingJob &job, std::int64_t n, std::int64_t y, std::int64_t x,
                        const Ranking<V, Keep> &ranking, std::int64_t count) {
    const V unit = broadcast<V>(1.0f) / ranking.sum;
    const auto put = [&](const LabelView &map, V value) {
        if (map.data) put_confidence(map, map.row(n, y), x, value, count);
    };
    put(job.confidence, ranking.power(0) * unit);
    if (Keep::with_entropy && job.entropy.data) {
        const V entropy = logarithm(ranking.sum) - broadcast<V>(ln_2) * ranking.weighted * unit;
        put(job.entropy, max(V{}, entropy)); // in this order a NaN stays
    }
    if (Keep::most > 1 && job.margin.data)
        put(job.margin, (ranking.power(0) - ranking.power(1)) * unit);
    for (std::int64_t j = 0; Keep::with_labels && j < job.top; ++j) {
        const std::int64_t at = n * job.top + j;
        const LabelView &map = job.top_probabilities;
        put_confidence(map, map.row(at, y), x, ranking.power(j) * unit, count);
        put_labels(job.top_labels, job.top_labels.row(at, y), x, ranking.label[j], count);
    }
    if (!Keep::with_labels || !job.labels.data) return;
    if (!has_labels(job.labels, job.labels.row(n, y), x, ranking.label[0], count))
        put_label_first(job, n, y, x, count);
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
    for (std::int64_t i = work.listed; i < round_up(work.listed, together); ++i)
        work.list[i] = static_cast<std::int32_t>(work.classes);
}

// Four classes of a span; as add_classes of confidence.
template <class Keep, class T> inline void add_four(const Keep &keep, const Work<T> &work,
                                                    std::int64_t block, const std::int32_t *list,
                                                    const Columns &at, const Span &span,
                                                    Ranking<F, Keep> *rankings) {
    using Mode = Confidence<false>;
    F upper[together], lower[together], height = F{};
    for (int i = 0; i < together; ++i) {
        const std::int64_t from = list[i] * work.pitch + block;
        upper[i] = at.spread(work.upper.below + from);
        lower[i] = at.spread(work.lower.below + from);
        height = max(height, abs(lower[i] - upper[i]));
    }
    if (__builtin_expect(any((I)(height > broadcast<F>(Mode::steep))), 0)) {
        for (std::int64_t k = 0; k < span.count; ++k)
            for (int i = 0; i < together; ++i) {
                const F exponent =
                    fma(broadcast<F>(span.w1[k]), lower[i], broadcast<F>(span.w0[k]) * upper[i]);
                rankings[k].add(keep, exponent, power_of_two<degree>(exponent), list[i]);
            }
        return;
    }
    F exponent[together], step[together], power[together], ratio[together];
    for (int i = 0; i < together; ++i) {
        exponent[i] = fma(broadcast<F>(span.w1[0]), lower[i], broadcast<F>(span.w0[0]) * upper[i]);
        step[i] = broadcast<F>(span.step) * (lower[i] - upper[i]);
        power[i] = power_of_two<degree>(exponent[i]);
        ratio[i] = power_of_two<Mode::ratio_degree>(step[i]);
    }
    for (std::int64_t k = 0; k < span.count; ++k)
        for (int i = 0; i < together; ++i) {
            rankings[k].add(keep, exponent[i], power[i], list[i]);
            exponent[i] += step[i];
            power[i] *= ratio[i];
        }
}

// The cells of a block whose level is high enough for float32.
template <class Keep, class T> void rank_block(const Keep &keep, const RankingJob &job,
                                               const Work<T> &work, std::int64_t block,
                                               std::int64_t y0, std::int64_t y1) {
    const F levels = load<F>(work.level);
    const std::int64_t end = work.begin(min<std::int64_t>(block + lanes, work.cells));
    Ranking<F, Keep> rankings[most_rows];
    for (std::int64_t y = y0; y < y1;) {
        const Span span(job.y, y, y1);
        for (std::int64_t x = work.begin(block); x < end; x += lanes) {
            const Columns at{load<I>(work.index + x), load<F>(work.f0 + x), load<F>(work.f1 + x)};
            if (!any((I)(permute(levels, at.index) >= broadcast<F>(lowest)))) continue;
            const std::int64_t count = min<std::int64_t>(lanes, end - x);
            for (std::int64_t k = 0; k < span.count; ++k) rankings[k].clear(keep);
            for (std::int64_t i = 0; i < work.listed; i += together)
                add_four(keep, work, block, work.list + i, at, span, rankings);
            for (std::int64_t k = 0; k < span.count; ++k)
                put_ranking(job, work.tile.n, span.y + k, work.first_column + x, rankings[k],
                            count);
        }
        y += span.count;
    }
}

// Every pixel of a cell, interpolated in float64. No corner is open.
template <class Keep, class T> void rank_cell(const Keep &keep, const RankingJob &job,
                                              const Work<T> &work, std::int64_t cell,
                                              std::int64_t y0, std::int64_t y1) {
    using V = typename Vec<Work<T>::narrow>::f32;
    interpolate_cell(work, cell, y0, y1,
                     [&](std::int64_t y, std::int64_t x, std::int64_t count, const auto &exponent) {
                         Ranking<V, Keep> ranking;
                         ranking.clear(keep);
                         for (std::int64_t i = 0; i < work.listed; ++i) {
                             const V below = exponent(i);
                             ranking.add(keep, below, power_of_two<degree>(below), work.list[i]);
                         }
                         put_ranking(job, work.tile.n, y, work.first_column + x, ranking, count);
                     });
}

// Every pixel of a cell by the definition.
template <class Keep, class T>
void rank_cell_exactly(const Keep &keep, const RankingJob &job, const Work<T> &work,
                       std::int64_t cell, std::int64_t y0, std::int64_t y1, LogitErrors &errors) {
    using V = Vec<4>::f32; // of which one lane is a pixel
    const double unit = job.scale * log2_e / (job.y.den * job.x.den);
    for (std::int64_t y = y0; y < y1; ++y)
        for (std::int64_t x = work.begin(cell); x < work.begin(cell + 1); ++x) {
            const std::int64_t column = work.first_column + x;
            const CornerWeights<4> weights = corner_weights(job.y, y, job.x, column);
            const auto value = [&](std::int64_t c) {
                return weighted_logit(work, weights, c, cell);
            };
            double most = value(0), sum = 0.0;
            for (std::int64_t c = 1; c < work.classes; ++c) most = max(value(c), most);
            for (std::int64_t c = 0; c < work.classes; ++c)
                sum += __builtin_exp((value(c) - most) * job.scale / (job.y.den * job.x.den));
            Ranking<V, Keep> ranking;
            ranking.clear(keep);
            for (std::int64_t c = 0; c < work.classes; ++c) {
                const double below = max<double>((value(c) - most) * unit, nowhere);
                const V exponent = broadcast<V>(static_cast<float>(below));
                ranking.add(keep, exponent, power_of_two<degree>(exponent),
                            static_cast<std::int32_t>(c));
            }
            if (is_nan(sum)) {
                errors.add_undefined(1, (work.tile.n * job.y.n_out + y) * job.x.n_out + column);
                ranking.sum = broadcast<V>(__builtin_nanf(""));
            }
            put_ranking(job, work.tile.n, y, column, ranking, 1);
        }
}

template <class Keep, class T> void rank(const Keep &keep, const RankingJob &job, const Tile &tile,
                                         char *memory, LogitErrors &errors) {
    Scratch scratch(memory);
    Work<T> work(job, tile, scratch);
    walk_blocks(work, [&](std::int64_t block, std::int64_t y0, std::int64_t y1) {
        list_ranked(work, block, keep.ranks(), Confidence<false>::negligible);
        rank_block(keep, job, work, block, y0, y1);
        walk_low_cells(work, block, lowest, [&](std::int64_t cell, bool defined) {
            if (defined)
                rank_cell(keep, job, work, cell, y0, y1);
            else
                rank_cell_exactly(keep, job, work, cell, y0, y1, errors);
        });
    });
}

template <class Keep> void rank_any(const Keep &keep, const RankingJob &job, const Tile &tile,
                                    char *memory, LogitErrors &errors) {
    if (fits_float(job.logits.dtype))
        rank<Keep, float>(keep, job, tile, memory, errors);
    else
        rank<Keep, double>(keep, job, tile, memory, errors);
}

} // namespace

std::int64_t ranking_cells_scratch(const RankingJob &job, const Tile &tile) {
    Scratch scratch(nullptr);
    Work<double> work(job, tile, scratch);
    return scratch.used();
}

void ranking_cells(const RankingJob &job, const Tile &tile, char *memory, LogitErrors &errors) {
    const std::int64_t ranks = ranks_of(job);
    if (!job.top && ranks == 1)
        rank_any(Kept<1, false, true>{ranks}, job, tile, memory, errors);
    else if (!job.top)
        rank_any(Kept<2, false, true>{ranks}, job, tile, memory, errors);
    else if (ranks <= 3 && job.entropy.data)
        rank_any(Kept<3, true, true>{ranks}, job, tile, memory, errors);
    else if (ranks <= 3)
        rank_any(Kept<3, true, false>{ranks}, job, tile, memory, errors);
    else
        rank_any(Kept<0, true, true>{ranks}, job, tile, memory, errors);
}

} // namespace segpost::SEGPOST_LEVEL
