// The pixels of a rectangle whose label is not that of the pixel above.
#include "cpu/runtime/kernel_table.hpp"
#include "cpu/simd/label_rows.hpp"

namespace segpost::SEGPOST_LEVEL {
namespace {

template <class V>
inline void add_values(const char *row, std::int64_t step, std::int64_t count, double *sums) {
    if (step == static_cast<std::int64_t>(sizeof(V))) {
        const V *values = reinterpret_cast<const V *>(row);
        for (std::int64_t i = 0; i < count; ++i) sums[i] += static_cast<double>(values[i]);
    } else {
        for (std::int64_t i = 0; i < count; ++i)
            sums[i] += static_cast<double>(*reinterpret_cast<const V *>(row + i * step));
    }
}

// One row of changes; `above` is not read in the first row.
template <class L> LabelChange *row_changes(const L *row, const L *above, std::int64_t y,
                                            std::int64_t x0, std::int64_t count, double *sums,
                                            LabelChange *out) {
    for (std::int64_t x = 0; x < count; x += word) {
        const std::int64_t last = min<std::int64_t>(count - x, word);
        std::uint64_t bits = last == word ? ~std::uint64_t{0} : (std::uint64_t{1} << last) - 1;
        if (y > 0) bits = differing_labels(row + x, above + x, last);
        for (; bits; bits &= bits - 1) {
            const std::int64_t i = x + __builtin_ctzll(bits);
            *out = {static_cast<std::int32_t>(x0 + i), static_cast<std::int32_t>(y), wide(row[i]),
                    0.0};
            if (sums) out->sum = sums[i], sums[i] = 0.0;
            ++out;
        }
    }
    return out;
}

} // namespace

std::int64_t label_changes_scratch(const FindRunsJob &, const Rect &rect) {
    return 2 * round_up(8 * (rect.x1 - rect.x0), 64);
}

// Returns how many changes of the rectangle, row by row, were written. `sums` has the sums of
// the runs that its columns are in, or is null.
std::int64_t label_changes(const FindRunsJob &job, const Rect &rect, char *memory, double *sums,
                           LabelChange *out) {
    Scratch scratch(memory);
    const std::int64_t count = rect.x1 - rect.x0;
    std::int64_t *row = scratch.take<std::int64_t>(count);
    std::int64_t *above = scratch.take<std::int64_t>(count);
    const LabelView &labels = job.labels, &values = job.values;
    const std::int64_t itemsize = labels.dtype == DType::u8 || labels.dtype == DType::i8     ? 1
                                  : labels.dtype == DType::u16 || labels.dtype == DType::i16 ? 2
                                  : labels.dtype == DType::u32 || labels.dtype == DType::i32 ? 4
                                                                                             : 8;
    const bool packed = labels.stride_w == itemsize;
    LabelChange *end = out;
    for (std::int64_t y = rect.y0; y < rect.y1; ++y) {
        if (packed) {
            const char *here = labels.row(rect.n, y) + rect.x0 * itemsize;
            const char *before = y > 0 ? here - labels.stride_h : here;
#define SEGPOST_ROW(L)                                                                             \
    end = row_changes(reinterpret_cast<const L *>(here), reinterpret_cast<const L *>(before), y,   \
                      rect.x0, count, sums, end)
            SEGPOST_EACH_LABEL(labels.dtype, SEGPOST_ROW)
#undef SEGPOST_ROW
        } else {
            widen_labels(labels, rect.n, y, rect.x0, count, row);
            if (y > 0) widen_labels(labels, rect.n, y - 1, rect.x0, count, above);
            end = row_changes(row, above, y, rect.x0, count, sums, end);
        }
        if (!sums) continue;
        const char *value = values.row(rect.n, y) + rect.x0 * values.stride_w;
        if (values.dtype == DType::u8)
            add_values<std::uint8_t>(value, values.stride_w, count, sums);
        else
            add_values<float>(value, values.stride_w, count, sums);
    }
    return end - out;
}

} // namespace segpost::SEGPOST_LEVEL
