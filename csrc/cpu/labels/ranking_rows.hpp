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
inline void put_ranked(const RankingJob &job, std::int64_t n, std::int64_t y, std::int64_t x,
                       const Ranked<V, Keep> &ranked, std::int64_t count) {
    const auto put = [&](const LabelView &map, V value) {
        if (map.data) put_confidence(map, map.row(n, y), x, value, count);
    };
    put(job.confidence, ranked.confidence);
    if (Keep::with_entropy) put(job.entropy, ranked.entropy);
    if (Keep::most > 1) put(job.margin, ranked.margin);
    if constexpr (Keep::with_labels) {
        const LabelView &map = job.top_probabilities, &labels = job.top_labels;
        for (std::int64_t j = 0; j < job.top; ++j) {
            const std::int64_t at = n * job.top + j;
            put_confidence(map, map.row(at, y), x, ranked.probability[j], count);
            put_labels(labels, labels.row(at, y), x, ranked.label[j], count);
        }
    }
}

template <class V, class Keep> inline void put_first(const Keep &, const RankingJob &job,
                                                     std::int64_t n, std::int64_t y, std::int64_t x,
                                                     V label, std::int64_t count) {
    if (!Keep::with_labels || !job.labels.data) return;
    if (!has_labels(job.labels, job.labels.row(n, y), x, label, count))
        put_label_first(job, n, y, x, count);
}

} // namespace
} // namespace segpost::SEGPOST_LEVEL
