// Confidence, entropy, margin and the largest probabilities of bilinearly resampled logits, cell by
// cell of the low-resolution grid. Exponents are interpolated as for confidence; see
// ops/labels/labels.hpp.
#include "cpu/labels/ranking_rows.hpp"
#include "cpu/runtime/kernel_table.hpp"

namespace segpost::SEGPOST_LEVEL {
namespace {

constexpr float lowest = Confidence<false>::lowest;
template <class T> constexpr T limit_of =
    static_cast<T>(sizeof(T) == 4 ? 3.4028235e38 : limit_float64);

// The number of largest probabilities that a job asks for.
inline std::int64_t ranks_of(const RankingJob &job) {
    return max<std::int64_t>(job.top, job.margin.data ? 2 : 1);
}

// What the definition may round of the logits of a block, as an exponent.
template <class T> float slack_of(const RankedWork<T> &work, std::int64_t block) {
    T most[lanes + 1] = {};
    const auto add = [&](const T *above, const T *below) {
        for (std::int64_t c = 0; c < work.classes; ++c) {
            const T *upper = above + c * work.pitch + block;
            const T *lower = below + c * work.pitch + block;
            for (int i = 0; i <= lanes; ++i) {
                const T size =
                    max(upper[i] < 0 ? -upper[i] : upper[i], lower[i] < 0 ? -lower[i] : lower[i]);
                most[i] = size > most[i] && size <= limit_of<T> ? size : most[i];
            }
        }
    };
    add(work.upper.planes, work.lower.planes);
    if (work.slices.blends()) add(work.upper.behind, work.lower.behind);
    double largest = 0.0;
    for (int i = 0; i <= lanes; ++i) largest = max<double>(largest, most[i]);
    return static_cast<float>(min(largest * work.job.scale * log2_e * 0x1p-44, 1e38));
}

// A class that may be among the largest.
template <class T> void add_ranked(RankedWork<T> &work, std::int32_t c, F top) {
    float corner[lanes], sum = 0.0f;
    store(corner, top);
    for (int i = 0; i < lanes; ++i) sum += corner[i];
    work.strength[work.ranked] = sum;
    work.list[work.ranked++] = c;
}

// Brings the classes to the front that are likely to be the largest: those behind are often below
// them in all pixels of a span.
template <class T> void put_strongest_first(RankedWork<T> &work) {
    for (std::int64_t i = 0; i < min<std::int64_t>(2 * together, work.ranked); ++i) {
        std::int64_t strongest = i;
        for (std::int64_t j = i + 1; j < work.ranked; ++j)
            if (work.strength[j] > work.strength[strongest]) strongest = j;
        const std::int32_t c = work.list[i];
        work.list[i] = work.list[strongest];
        work.list[strongest] = c;
        work.strength[strongest] = work.strength[i];
    }
}

// The level of every cell of a block, and the classes that are not negligible in one of them: as
// list_classes. Those that may be among the largest come first.
template <class T>
void list_ranked(RankedWork<T> &work, std::int64_t block, std::int64_t ranks, double negligible) {
    const std::int64_t pitch = work.pitch;
    const float *upper = work.upper.below + block, *lower = work.lower.below + block;
    F level[most_ranks]; // the largest of the smallest corners, in order
    for (std::int64_t j = 0; j < ranks; ++j) level[j] = broadcast<F>(-__builtin_inff());
    for (std::int64_t c = 0; c < work.classes; ++c) {
        const float *p = upper + c * pitch, *q = lower + c * pitch;
        F least = smaller(smaller(load<F>(p), load<F>(p + 1)), smaller(load<F>(q), load<F>(q + 1)));
        for (std::int64_t j = 0; j < ranks; ++j) put_in_order(level[j], least);
    }
    const std::int32_t *p = work.upper.open + block, *q = work.lower.open + block;
    const I open = load<I>(p) | load<I>(p + 1) | load<I>(q) | load<I>(q + 1);
    store(work.level, open != 0 ? broadcast<F>(nowhere) : level[0]);
    const F drop = broadcast<F>(
        static_cast<float>(negligible + __builtin_log2(static_cast<double>(work.classes))));
    work.slack = slack_of(work, block);
    const F bound = level[ranks - 1] - work.slack;
    std::int32_t *rest = work.rest;
    work.ranked = 0;
    for (std::int64_t c = 0; c < work.classes; ++c) {
        const float *r = upper + c * pitch, *s = lower + c * pitch;
        const F top =
            larger(larger(load<F>(r), load<F>(r + 1)), larger(load<F>(s), load<F>(s + 1)));
        if (any((I)(top >= bound) & (I)(open == 0)))
            add_ranked(work, static_cast<std::int32_t>(c), top);
        else if (any((I)(top >= level[0] - drop) & (I)(open == 0)))
            *rest++ = static_cast<std::int32_t>(c);
    }
    put_strongest_first(work);
    work.listed = work.ranked;
    for (const std::int32_t *c = work.rest; c < rest; ++c) work.list[work.listed++] = *c;
    for (std::int64_t i = work.listed; i < round_up(work.listed, together); ++i)
        work.list[i] = static_cast<std::int32_t>(work.classes);
}

// Four classes of a span; as add_classes of confidence. `ranked` says whether one of them may be
// among the largest.
template <class Keep, class T>
inline void add_four(const Keep &keep, const Keys &keys, const RankedWork<T> &work,
                     std::int64_t block, const std::int32_t *list, bool ranked, const Columns &at,
                     const Span &span, Ranking<F, Keep> *rankings) {
    using Mode = Confidence<false>;
    F upper[together], lower[together], height = F{};
    for (int i = 0; i < together; ++i) {
        const std::int64_t from = list[i] * work.pitch + block;
        upper[i] = at.spread(work.upper.below + from);
        lower[i] = at.spread(work.lower.below + from);
        height = max(height, abs(lower[i] - upper[i]));
    }
    const auto insert = [&](Ranking<F, Keep> &ranking, const F *exponent) {
        F key[together];
        for (int i = 0; i < together; ++i) key[i] = keys.key(exponent[i], list[i]);
        ranking.insert_four(keep, key);
    };
    F exponent[together], power[together];
    if (__builtin_expect(any((I)(height > broadcast<F>(Mode::steep))), 0)) {
        for (std::int64_t k = 0; k < span.count; ++k) {
            for (int i = 0; i < together; ++i) {
                exponent[i] =
                    fma(broadcast<F>(span.w1[k]), lower[i], broadcast<F>(span.w0[k]) * upper[i]);
                rankings[k].add_power(exponent[i], power_of_two<Mode::degree>(exponent[i]));
            }
            if (Keep::with_labels && ranked) insert(rankings[k], exponent);
        }
        return;
    }
    F begin[together], step[together], ratio[together];
    for (int i = 0; i < together; ++i) {
        begin[i] = fma(broadcast<F>(span.w1[0]), lower[i], broadcast<F>(span.w0[0]) * upper[i]);
        step[i] = broadcast<F>(span.step) * (lower[i] - upper[i]);
        power[i] = power_of_two<Mode::degree>(begin[i]);
        ratio[i] = power_of_two<Mode::ratio_degree>(step[i]);
        exponent[i] = begin[i];
    }
    for (std::int64_t k = 0; k < span.count; ++k) {
        rankings[k].sum += (power[0] + power[1]) + (power[2] + power[3]);
        for (int i = 0; i < together; ++i) {
            rankings[k].add_beside_sum(exponent[i], power[i]);
            if (Keep::with_entropy) exponent[i] += step[i];
            power[i] *= ratio[i];
        }
    }
    if (!Keep::with_labels || !ranked) return;
    F largest = broadcast<F>(-3e38f); // exponents are linear down the rows
    const F rows = broadcast<F>(static_cast<float>(span.count - 1));
    for (int i = 0; i < together; ++i)
        largest = max(largest, max(begin[i], fma(rows, step[i], begin[i])));
    if (!any((I)(largest >= Ranking<F, Keep>::least(keep, rankings, span.count)))) return;
    // In a loop of its own, which needs fewer registers.
    for (std::int64_t k = 0; k < span.count; ++k) {
        insert(rankings[k], begin);
        for (int i = 0; i < together; ++i) begin[i] += step[i];
    }
}

// The values of the classes of a pixel by the definition.
template <class T> auto exact_values(const RankingJob &job, const RankedWork<T> &work,
                                     std::int64_t y, std::int64_t column) {
    const std::int64_t cell = job.x.cell[column] - work.tile.x0;
    return [&work, cell, weights = corner_weights(job.y, y, job.x, column)](std::int64_t c) {
        return weighted_logit(work, weights, c, cell);
    };
}

// Puts the classes of pixels whose order is not sure into order: all that may be among the largest
// where it is not sure which these are.
template <class V, class Keep, class T>
void correct_order(const Keep &keep, const RankingJob &job, const RankedWork<T> &work,
                   const OutputRow<Keep> &row, std::int64_t x, const Ranked<V, Keep> &ranked,
                   const IntOf<V> &is_close, std::int64_t count) {
    for (std::int64_t i = 0; i < count; ++i) {
        if (!is_close[i]) continue;
        const std::int64_t column = work.first_column + x + i;
        ExactRanks ranks(keep.count);
        const auto value = exact_values(job, work, row.y, column);
        if (ranked.is_cut_close[i])
            for (std::int64_t k = 0; k < work.ranked; ++k)
                ranks.add(work.list[k], value(work.list[k]));
        else
            for (std::int64_t j = 0; j < keep.count; ++j)
                ranks.add(ranked.label[j][i], value(ranked.label[j][i]));
        for (std::int64_t j = 0; j < job.top; ++j)
            set_label(job.top_labels, row.at[row.label + j], column - row.begin, ranks.label(j));
    }
}

// Writes the probabilities of classes whose keys are too coarse.
template <class V, class Keep, class T>
void refine_probabilities(const RankingJob &job, const RankedWork<T> &work,
                          const OutputRow<Keep> &row, std::int64_t x, const V &confidence,
                          std::int64_t count) {
    const double unit = job.scale / (job.y.den * job.x.den);
    for (std::int64_t i = 0; i < count; ++i) {
        const std::int64_t column = work.first_column + x + i, at = column - row.begin;
        const auto value = exact_values(job, work, row.y, column);
        const double most = value(label_at(job.top_labels, row.at[row.label], at));
        for (std::int64_t j = 1; j < job.top; ++j) {
            const double below = value(label_at(job.top_labels, row.at[row.label + j], at)) - most;
            put_confidence(job.top_probabilities, row.at[row.probability + j], at,
                           confidence[i] * __builtin_exp(below * unit));
        }
    }
}

// Writes a vector of pixels, of which those in `here` belong to the caller.
template <class V, class Keep, class T>
inline void put_vector(const Keep &keep, const Keys &keys, const RankingJob &job,
                       const RankedWork<T> &work, const OutputRow<Keep> &row, std::int64_t x,
                       const Ranking<V, Keep> &ranking, const IntOf<V> &here, std::int64_t count) {
    const Ranked<V, Keep> ranked(keep, keys, ranking, work.slack);
    const std::int64_t column = work.first_column + x;
    put_ranked(job, row, column, ranked, count);
    if constexpr (Keep::with_labels) {
        const IntOf<V> is_close = (ranked.is_close | ranked.is_cut_close) & here;
        if (any(is_close)) correct_order(keep, job, work, row, x, ranked, is_close, count);
        if (keys.is_coarse()) refine_probabilities(job, work, row, x, ranked.confidence, count);
        put_first(job, row, column, ranked.label[0], count);
    }
}

// The cells of a block whose level is high enough for float32.
template <class Keep, class T>
void rank_block(const Keep &keep, const Keys &keys, const RankingJob &job,
                const RankedWork<T> &work, std::int64_t block, std::int64_t y0, std::int64_t y1) {
    const F levels = load<F>(work.level);
    const std::int64_t end = work.begin(min<std::int64_t>(block + lanes, work.cells));
    Ranking<F, Keep> rankings[most_rows];
    OutputRow<Keep> rows[most_rows], parts[most_rows];
    for (std::int64_t y = y0; y < y1;) {
        const Span span(job.y, y, y1);
        for (std::int64_t k = 0; k < span.count; ++k)
            rows[k] = OutputRow<Keep>(job, work.tile.n, span.y + k);
        for (std::int64_t begin = work.begin(block); begin < end; begin += staged_columns) {
            const std::int64_t stop = min(begin + staged_columns, end);
            for (std::int64_t k = 0; k < span.count; ++k)
                parts[k] = stages ? rows[k].staged(work.staged + k * work.staged_bytes,
                                                   work.first_column + begin)
                                  : rows[k];
            for (std::int64_t x = begin; x < stop; x += lanes) {
                const Columns at{load<I>(work.index + x), load<F>(work.f0 + x),
                                 load<F>(work.f1 + x)};
                const I here = permute(levels, at.index) >= broadcast<F>(lowest);
                if (!any(here)) continue;
                const std::int64_t count = min<std::int64_t>(lanes, stop - x);
                for (std::int64_t k = 0; k < span.count; ++k) rankings[k].clear(keep);
                for (std::int64_t i = 0; i < work.listed; i += together)
                    add_four(keep, keys, work, block, work.list + i, i < work.ranked, at, span,
                             rankings);
                for (std::int64_t k = 0; k < span.count; ++k)
                    put_vector(keep, keys, job, work, parts[k], x, rankings[k], here, count);
            }
            for (std::int64_t k = 0; stages && k < span.count; ++k)
                rows[k].copy_from(parts[k], stop - begin);
        }
        y += span.count;
    }
}

// Every pixel of a cell, interpolated in float64. No corner is open.
template <class Keep, class T> void rank_cell(const Keep &keep, const Keys &keys,
                                              const RankingJob &job, const RankedWork<T> &work,
                                              std::int64_t cell, std::int64_t y0, std::int64_t y1) {
    using V = typename Vec<RankedWork<T>::narrow>::f32;
    interpolate_cell(work, cell, y0, y1,
                     [&](std::int64_t y, std::int64_t x, std::int64_t count, const auto &exponent) {
                         Ranking<V, Keep> ranking;
                         ranking.clear(keep);
                         for (std::int64_t i = 0; i < work.listed; ++i) {
                             const V below = exponent(i);
                             ranking.add_power(below,
                                               power_of_two<Confidence<false>::degree>(below));
                             if (Keep::with_labels && i < work.ranked)
                                 ranking.insert(keep, keys.key(below, work.list[i]));
                         }
                         const OutputRow<Keep> row(job, work.tile.n, y);
                         put_vector(keep, keys, job, work, row, x, ranking, ~IntOf<V>{}, count);
                     });
}

// Every pixel of a cell by the definition.
template <class Keep, class T>
void rank_cell_exactly(const Keep &keep, const RankingJob &job, const RankedWork<T> &work,
                       std::int64_t cell, std::int64_t y0, std::int64_t y1, LogitErrors &errors) {
    using V = Vec<4>::f32; // of which one lane is a pixel
    const double unit = job.scale / (job.y.den * job.x.den);
    for (std::int64_t y = y0; y < y1; ++y)
        for (std::int64_t x = work.begin(cell); x < work.begin(cell + 1); ++x) {
            const std::int64_t column = work.first_column + x;
            const auto value = exact_values(job, work, y, column);
            ExactRanks ranks(keep.ranks());
            for (std::int64_t c = 0; c < work.classes; ++c)
                ranks.add(static_cast<std::int32_t>(c), value(c));
            double sum = 0.0, weighted = 0.0;
            for (std::int64_t c = 0; c < work.classes; ++c) {
                const double exponent = (value(c) - ranks.value(0)) * unit;
                const double power = __builtin_exp(exponent);
                sum += power;
                if (power > 0.0) weighted += power * exponent;
            }
            if (is_nan(sum))
                errors.add_undefined(1, (work.tile.n * job.y.n_out + y) * job.x.n_out + column);
            const auto share = [&](std::int64_t rank) {
                const double power = __builtin_exp((ranks.value(rank) - ranks.value(0)) * unit);
                return broadcast<V>(static_cast<float>(power / sum));
            };
            Ranked<V, Keep> ranked;
            ranked.confidence = share(0);
            const double nats = __builtin_log(sum) - weighted / sum;
            ranked.entropy = broadcast<V>(static_cast<float>(nats < 0.0 ? 0.0 : nats));
            if (keep.count > 1) ranked.margin = share(0) - share(1);
            for (std::int64_t j = 0; j < keep.ranks(); ++j) {
                ranked.probability[j] = share(j);
                ranked.label[j] = broadcast<IntOf<V>>(ranks.label(j));
            }
            const OutputRow<Keep> row(job, work.tile.n, y);
            put_ranked(job, row, column, ranked, 1);
            put_first(job, row, column, ranked.label[0], 1);
        }
}

template <class Keep, class T> void rank(const Keep &keep, const RankingJob &job, const Tile &tile,
                                         char *memory, LogitErrors &errors) {
    Scratch scratch(memory);
    RankedWork<T> work(job, tile, scratch);
    const Keys keys(job.logits.c);
    work.prepare();
    walk_blocks(work, [&](std::int64_t block, std::int64_t y0, std::int64_t y1) {
        list_ranked(work, block, keep.ranks(), Confidence<false>::negligible);
        rank_block(keep, keys, job, work, block, y0, y1);
        walk_low_cells(work, block, lowest, [&](std::int64_t cell, bool defined) {
            if (defined)
                rank_cell(keep, keys, job, work, cell, y0, y1);
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
    RankedWork<double> work(job, tile, scratch);
    return scratch.used();
}

void ranking_cells(const RankingJob &job, const Tile &tile, char *memory, LogitErrors &errors) {
    const std::int64_t ranks = ranks_of(job);
    if (!job.top && ranks == 1)
        rank_any(Kept<1, false, true>{ranks}, job, tile, memory, errors);
    else if (!job.top)
        rank_any(Kept<2, false, true>{ranks}, job, tile, memory, errors);
    else if (ranks <= 3 && job.logits.c < 256 && job.entropy.data)
        rank_any(Kept<3, true, true>{ranks}, job, tile, memory, errors);
    else if (ranks <= 3 && job.logits.c < 256)
        rank_any(Kept<3, true, false>{ranks}, job, tile, memory, errors);
    else
        rank_any(Kept<0, true, true>{ranks}, job, tile, memory, errors);
}

} // namespace segpost::SEGPOST_LEVEL
