// Targets as classes beside the powers of a block of cells. Only included by
// calibration_cells.simd.cpp.
#pragma once

#include "cpu/labels/confidence_rows.hpp"
#include "cpu/metrics/calibration_sums.hpp"
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
    float *kept;   // [C + 3, most_rows, lanes] powers of a span
    float *states; // [C, 4, lanes] exponents of a row, their step, powers, their ratio

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
        states = scratch.take<float>(classes * 4 * lanes);
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

// The codes of bytes side by side: no table, so that vectors of them are compared at once.
inline void encode_bytes(const TargetRule &rule, const std::uint8_t *from, std::int64_t count,
                         std::int32_t *to) {
    const std::int32_t classes = static_cast<std::int32_t>(min<std::int64_t>(rule.classes, 256));
    for (std::int64_t i = 0; i < count; ++i) {
        const std::int32_t value = from[i];
        to[i] = value < classes ? value : invalid_code;
    }
    for (std::int64_t k = 0; k < rule.ignored_count; ++k) {
        if (rule.ignored[k] < 0 || rule.ignored[k] > 255) continue;
        const std::int32_t ignored = static_cast<std::int32_t>(rule.ignored[k]);
        for (std::int64_t i = 0; i < count; ++i) to[i] = from[i] == ignored ? ignored_code : to[i];
    }
}

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
        const char *from = map.row(work.tile.n, y) + column * map.stride_w;
        for (std::int64_t i = 0; i < count * map.stride_w; i += 64) // of the next block
            __builtin_prefetch(from + count * map.stride_w + i);
        if (map.dtype == DType::u8 && map.stride_w == 1) {
            encode_bytes(work.calibration.rule, reinterpret_cast<const std::uint8_t *>(from), count,
                         to);
        } else if (map.dtype == DType::u8) {
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

} // namespace
} // namespace segpost::SEGPOST_LEVEL
