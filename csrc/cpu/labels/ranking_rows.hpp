// How the largest classes of pixels are written. Only included by *.simd.cpp.
#pragma once

#include "cpu/labels/ranking.hpp"

namespace segpost::SEGPOST_LEVEL {
namespace {

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

// Whether rows are written in parts, each of which is copied when it is complete. All the rows and
// maps that are written together lie in a few sets of a cache, and stores of whole lines wait for
// these.
constexpr bool stages = lanes == 16;

// Where the results of an output row are written: in the maps, or in a copy of a part of the row. A
// map that is not wanted has no place.
template <class Keep> struct OutputRow {
    static constexpr int probability = 3, label = 3 + Keep::most; // places of the first ranks
    enum { confidence, entropy, margin, places = 3 + 2 * Keep::most };

    std::int64_t n, y, ranks, begin = 0; // column where the row begins
    char *at[places] = {};
    std::int64_t size[places] = {}; // bytes of an element

    OutputRow() = default;
    OutputRow(const RankingJob &job, std::int64_t image, std::int64_t row)
        : n(image), y(row), ranks(Keep::with_labels ? job.top : 0) {
        const auto place = [&](int i, const LabelView &map, std::int64_t which) {
            if (!map.data) return;
            at[i] = map.row(which, y);
            size[i] = map.dtype == DType::u8 ? 1 : 4;
        };
        place(confidence, job.confidence, n);
        place(entropy, job.entropy, n);
        place(margin, job.margin, n);
        for (int j = 0; j < static_cast<int>(ranks); ++j) {
            place(probability + j, job.top_probabilities, n * job.top + j);
            place(label + j, job.top_labels, n * job.top + j);
        }
    }

    // The same row in memory of its own, from a column on.
    OutputRow staged(char *memory, std::int64_t column) const {
        OutputRow row = *this;
        row.begin = column;
        for (int i = 0; i < places; ++i) {
            if (!at[i]) continue;
            row.at[i] = memory;
            memory += staged_columns * size[i];
        }
        return row;
    }
    // Copies `count` columns of a row of this kind to their place.
    void copy_from(const OutputRow &row, std::int64_t count) const {
        for (int i = 0; i < places; ++i)
            if (at[i])
                __builtin_memcpy(at[i] + size[i] * row.begin, row.at[i],
                                 static_cast<std::size_t>(size[i] * count));
    }
};

template <class V, class Keep>
inline void put_ranked(const RankingJob &job, const OutputRow<Keep> &row, std::int64_t column,
                       const Ranked<V, Keep> &ranked, std::int64_t count) {
    using Row = OutputRow<Keep>;
    const std::int64_t x = column - row.begin;
    const auto put = [&](int place, const LabelView &map, const V &value) {
        if (row.at[place]) put_confidence(map, row.at[place], x, value, count);
    };
    put(Row::confidence, job.confidence, ranked.confidence);
    if (Keep::with_entropy) put(Row::entropy, job.entropy, ranked.entropy);
    if (Keep::most > 1) put(Row::margin, job.margin, ranked.margin);
    const auto put_rank = [&](int j) {
        put(Row::probability + j, job.top_probabilities, ranked.probability[j]);
        put_labels(job.top_labels, row.at[Row::label + j], x, ranked.label[j], count);
    };
    if constexpr (Keep::with_labels && Keep::most == 3) { // in registers
        put_rank(0);
        if (row.ranks > 1) put_rank(1);
        if (row.ranks > 2) put_rank(2);
    } else if constexpr (Keep::with_labels) {
        for (int j = 0; j < static_cast<int>(row.ranks); ++j) put_rank(j);
    }
}

// The first of the largest classes is the label, which is exact, where rounding put it behind.
template <class Keep> inline void put_label_first(const RankingJob &job, const OutputRow<Keep> &row,
                                                  std::int64_t column, std::int64_t count) {
    const LabelView &map = job.top_labels;
    const char *labels = job.labels.row(row.n, row.y);
    for (std::int64_t x = column; x < column + count; ++x) {
        const std::int64_t i = x - row.begin;
        const std::int32_t label = label_at(job.labels, labels, x);
        std::int32_t moved = label_at(map, row.at[row.label], i);
        if (label == moved) continue;
        set_label(map, row.at[row.label], i, label);
        for (std::int64_t j = 1; j < job.top && moved != label; ++j) {
            char *const rank = row.at[row.label + j];
            const std::int32_t next = label_at(map, rank, i);
            set_label(map, rank, i, moved);
            moved = next;
        }
    }
}

template <class V, class Keep>
inline void put_first(const RankingJob &job, const OutputRow<Keep> &row, std::int64_t column,
                      V label, std::int64_t count) {
    if (!Keep::with_labels || !job.labels.data) return;
    if (!has_labels(job.labels, job.labels.row(row.n, row.y), column, label, count))
        put_label_first(job, row, column, count);
}

} // namespace
} // namespace segpost::SEGPOST_LEVEL
