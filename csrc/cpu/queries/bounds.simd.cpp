// The least and the largest mask logit of every block, and values that are not finite.
#include "cpu/runtime/kernel_table.hpp"
#include "cpu/simd/load.hpp"

namespace segpost::SEGPOST_LEVEL {
namespace {

using V = Vec<block_columns>::f32;

float least(V v) {
    float lane[block_columns];
    store(lane, v);
    float result = lane[0];
    for (float value : lane) result = value < result ? value : result;
    return result;
}

// Float32 at most, and at least, as large as a number.
float below(float value) { return value; }
float above(float value) { return value; }
float below(double value) {
    const float nearest = static_cast<float>(value);
    return static_cast<double>(nearest) <= value ? nearest
                                                 : __builtin_nextafterf(nearest, -__builtin_inff());
}
float above(double value) { return -below(-value); }

// A block at the edges of an image, or of float64.
template <class T> void bound_block(const T *rows, std::int64_t pitch, std::int64_t height,
                                    std::int64_t width, float *low, float *high) {
    T smallest = rows[0], largest = rows[0];
    for (std::int64_t y = 0; y < height; ++y)
        for (std::int64_t x = 0; x < width; ++x) {
            const T value = rows[y * pitch + x];
            smallest = value < smallest ? value : smallest;
            largest = value > largest ? value : largest;
        }
    *low = below(smallest);
    *high = above(largest);
}

// Whether all values are finite.
template <class T>
bool are_finite(const T *rows, std::int64_t pitch, std::int64_t height, std::int64_t width) {
    T sum = 0;
    for (std::int64_t y = 0; y < height; ++y)
        for (std::int64_t x = 0; x < width; ++x) sum += rows[y * pitch + x] * T(0);
    return sum == 0;
}

// The bounds of a row of blocks; whether all values are finite: their products with 0 are 0.
template <class T> bool bound_rows(const T *rows, std::int64_t pitch, std::int64_t height,
                                   std::int64_t width, std::int64_t step, float *low, float *high) {
    std::int64_t x = 0;
    bool finite = true;
    if constexpr (sizeof(T) == 4) {
        V zero{};
        if (height == block_rows)
            for (; x + block_columns <= width; x += block_columns) {
                const V a = load<V>(rows + x), b = load<V>(rows + pitch + x);
                const V c = load<V>(rows + 2 * pitch + x), d = load<V>(rows + 3 * pitch + x);
                zero += (a * 0.0f + b * 0.0f) + (c * 0.0f + d * 0.0f);
                const std::int64_t place = x / block_columns * step;
                low[place] = least(min(min(a, b), min(c, d)));
                high[place] = -least(-max(max(a, b), max(c, d)));
            }
        finite = !any((Vec<block_columns>::i32)(zero != V{}));
    }
    finite &= are_finite(rows + x, pitch, height, width - x);
    for (; x < width; x += block_columns)
        bound_block(rows + x, pitch, height, min(block_columns, width - x),
                    low + x / block_columns * step, high + x / block_columns * step);
    return finite;
}

template <class T> void count_infinite(const BoundMasksJob &job, std::int64_t n, std::int64_t q,
                                       std::int64_t y0, const T *rows, std::int64_t height,
                                       std::int64_t pitch, LogitErrors &errors) {
    for (std::int64_t y = 0; y < height; ++y)
        for (std::int64_t x = 0; x < job.masks.w; ++x)
            if (!(rows[y * pitch + x] * T(0) == 0))
                errors.add_nan(1, ((n * job.masks.c + q) * job.masks.h + y0 + y) * job.masks.w + x);
}

template <class T>
void bound(const BoundMasksJob &job, const Rows &area, char *memory, LogitErrors &errors) {
    const Logits &masks = job.masks;
    T *buffer = reinterpret_cast<T *>(memory);
    const bool is_plain = sizeof(T) == 4 && masks.dtype == DType::f32 && masks.stride_w == 4 &&
                          masks.stride_h % 4 == 0;
    for (std::int64_t row = area.y0; row < area.y1; ++row) {
        const std::int64_t y0 = row * block_rows, height = min(block_rows, masks.h - y0);
        float *low = job.bounds.low + job.bounds.place(area.n, row, 0);
        float *high = job.bounds.high + job.bounds.place(area.n, row, 0);
        for (std::int64_t column = 0; column < job.bounds.columns; ++column)
            for (std::int64_t q = masks.c; q < job.bounds.pitch; ++q)
                low[column * job.bounds.pitch + q] = high[column * job.bounds.pitch + q] = 0.0f;
        for (std::int64_t q = 0; q < masks.c; ++q) {
            Logits plane = masks;
            plane.data += q * plane.stride_c;
            plane.c = 1;
            const T *rows = buffer;
            std::int64_t pitch = masks.w;
            if (is_plain) {
                rows = reinterpret_cast<const T *>(plane.row(area.n, y0));
                pitch = masks.stride_h / 4;
            } else {
                for (std::int64_t y = 0; y < height; ++y)
                    load_row(buffer + y * pitch, pitch, plane, area.n, y0 + y, 0, masks.w, nullptr);
            }
            if (!bound_rows(rows, pitch, height, masks.w, job.bounds.pitch, low + q, high + q))
                count_infinite(job, area.n, q, y0, rows, height, pitch, errors);
        }
    }
}

} // namespace

std::int64_t bound_masks_scratch(const BoundMasksJob &job) {
    return block_rows * job.masks.w * static_cast<std::int64_t>(sizeof(double));
}

// Rows of blocks.
void bound_masks(const BoundMasksJob &job, const Rows &rows, char *memory, LogitErrors &errors) {
    if (fits_float(job.masks.dtype))
        bound<float>(job, rows, memory, errors);
    else
        bound<double>(job, rows, memory, errors);
}

} // namespace segpost::SEGPOST_LEVEL
