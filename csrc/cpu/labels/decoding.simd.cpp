// The passes of decoding for an expected score: see segpost._backends.decoding.
#include "cpu/labels/decoding_levels.hpp"

namespace segpost::SEGPOST_LEVEL {
namespace {

inline std::int32_t code_of(float level) {
    std::int32_t bits;
    __builtin_memcpy(&bits, &level, 4);
    return bits;
}
inline float level_of(std::int64_t code) {
    const auto bits = static_cast<std::uint32_t>(code);
    float level;
    __builtin_memcpy(&level, &bits, 4);
    return level;
}

// Adds the levels of a class of a block to its bins.
void add_to_bins(const CountLevelsJob &job, const float *levels, std::int32_t first,
                 std::int64_t *counts, std::int64_t *sums) {
    const std::int64_t end = (first + job.bins) << job.shift;
    if (end > 0x7f800000) return; // a class that is not counted
    const F low = broadcast<F>(level_of(std::int64_t{first} << job.shift));
    const F high = broadcast<F>(level_of(end));
    for (std::int64_t x = 0; x < block; x += lanes) {
        const F level = load<F>(levels + x);
        std::uint32_t bits = mask_bits((I)(level > low) & (I)(level <= high));
        for (; bits; bits &= bits - 1) {
            const float one = levels[x + __builtin_ctz(bits)];
            const std::int64_t bin = ((code_of(one) - 1) >> job.shift) - first;
            ++counts[bin];
            sums[bin] += static_cast<std::int64_t>(one);
        }
    }
}

inline std::int64_t sum_levels(const float *levels) {
    std::int64_t total = 0;
    for (std::int64_t i = 0; i < block; ++i) total += static_cast<std::int32_t>(levels[i]);
    return total;
}

void add_undefined(const DecodingJob &job, const LevelBlock &at, LogitErrors &errors) {
    if (!at.undefined) return;
    const std::int64_t place = (at.n * job.y.n_out + at.y) * job.x.n_out + at.x0;
    for (std::int64_t i = 0; i < at.count; ++i)
        if (at.undefined[i]) errors.add_undefined(1, place + i);
}

// The classes that select the pixels of a block: how many, and the last of them and its level.
struct Selections {
    std::int32_t count[block], last[block];
    float level[block];
    bool is_undecided; // a level lies in the bin of a threshold

    Selections(const SettleLabelsJob &job, const LevelBlock &at) {
        const float *lower = job.lower + at.n * job.logits.c;
        const float *upper = job.upper + at.n * job.logits.c;
        std::int32_t between = 0;
        for (std::int64_t i = 0; i < block; ++i) count[i] = last[i] = 0, level[i] = 0.0f;
        for (std::int64_t k = 0; k < at.listed; ++k) {
            const std::int32_t c = at.list[k];
            const float *levels = at.levels + k * block;
            const float low = lower[c], high = upper[c];
            for (std::int64_t i = 0; i < block; ++i) {
                const bool selected = levels[i] > low;
                between |= selected & (levels[i] <= high);
                count[i] += selected;
                last[i] = selected ? c : last[i];
                level[i] = selected ? levels[i] : level[i];
            }
        }
        is_undecided = between;
    }
};

inline void set_label(const LabelView &map, char *row, std::int64_t x, std::int32_t label) {
    if (map.dtype == DType::u8)
        row[x] = static_cast<char>(label);
    else
        __builtin_memcpy(row + 4 * x, &label, 4);
}

inline bool is_undefined(const LevelBlock &at, std::int64_t i) {
    return at.undefined && at.undefined[i];
}

// The eligible class with the largest gain: of those that select the pixel, or of the candidates.
std::int32_t best_class(const ResolveLabelsJob &job, const LevelBlock &at, std::int64_t i,
                        bool is_selected) {
    const std::int64_t classes = job.logits.c;
    const float *lower = job.lower + at.n * classes;
    const double *gains = job.gains + 2 * at.n * classes;
    const std::uint8_t *candidates = job.candidates + at.n * classes;
    double best = -__builtin_inf();
    std::int32_t label = 0;
    for (std::int64_t c = 0, k = 0; c < classes; ++c) {
        float level = 0.0f; // of a class that is not listed
        if (k < at.listed && at.list[k] == c) level = at.levels[k++ * block + i];
        if (is_selected ? !(level > lower[c]) : !candidates[c]) continue;
        const double p = static_cast<double>(level) * 0x1p-30;
        const double rest = job.is_iou ? 1.0 - p : 1.0;
        const double gain = (p - gains[2 * c] * rest) / (gains[2 * c + 1] + rest);
        if (gain > best) {
            best = gain;
            label = static_cast<std::int32_t>(c);
        }
    }
    return label;
}

} // namespace

std::int64_t decoding_scratch(const DecodingJob &job, const Tile &tile) {
    return level_scratch(job, tile);
}

// The tile's rows are rows of cells, its columns output pixels, from the first of a block on.
void count_levels(const CountLevelsJob &job, const Tile &tile, char *memory, const LevelSums &sums,
                  LogitErrors &errors) {
    BlockReader(job, tile, memory).visit(BlockMark::undecided, [&](const LevelBlock &at) {
        add_undefined(job, at, errors);
        for (std::int64_t k = 0; k < at.listed; ++k) {
            const std::int64_t c = at.list[k];
            const float *levels = at.levels + k * block;
            sums.mass[c] += sum_levels(levels);
            add_to_bins(job, levels, job.first[at.n * job.logits.c + c], sums.counts + c * job.bins,
                        sums.sums + c * job.bins);
        }
        return BlockMark::undecided;
    });
}

void settle_labels(const SettleLabelsJob &job, const Tile &tile, char *memory,
                   const SingleSums &sums) {
    BlockReader(job, tile, memory).visit(BlockMark::undecided, [&](const LevelBlock &at) {
        const Selections selections(job, at);
        if (selections.is_undecided) return BlockMark::undecided;
        char *const row = job.labels.row(at.n, at.y);
        bool is_open = false;
        for (std::int64_t i = 0; i < at.count; ++i) {
            if (selections.count[i] == 1) {
                const std::int32_t c = selections.last[i];
                ++sums.counts[c];
                sums.sums[c] += static_cast<std::int64_t>(selections.level[i]);
                set_label(job.labels, row, at.x0 + i, c);
            } else {
                is_open |= !is_undefined(at, i);
            }
        }
        return is_open ? BlockMark::open : BlockMark::done;
    });
}

void resolve_labels(const ResolveLabelsJob &job, const Tile &tile, char *memory) {
    BlockReader(job, tile, memory).visit(BlockMark::open, [&](const LevelBlock &at) {
        const Selections selections(job, at);
        char *const row = job.labels.row(at.n, at.y);
        for (std::int64_t i = 0; i < at.count; ++i)
            if (selections.count[i] != 1 && !is_undefined(at, i))
                set_label(job.labels, row, at.x0 + i,
                          best_class(job, at, i, selections.count[i] > 0));
        return BlockMark::done;
    });
}

} // namespace segpost::SEGPOST_LEVEL
