// A row of a network's input, as float32 or float16. Only included by *.simd.cpp.
#pragma once

#include "cpu/simd/load.hpp"
#include "ops/spatial/letterbox.hpp"

namespace segpost::SEGPOST_LEVEL {
namespace {

// The nearest float16 to a value in its range, halves to even.
inline Float16 narrow(float value) {
    std::uint32_t bits;
    __builtin_memcpy(&bits, &value, 4);
    const std::uint32_t sign = bits >> 16 & 0x8000, magnitude = bits & 0x7fffffff;
    const std::uint32_t odd = magnitude >> 13 & 1;
    const std::uint32_t normal = (magnitude - 0x38000000 + 0xfff + odd) >> 13;
    float small; // adding 1/2 leaves the bits of a subnormal float16 at the end
    __builtin_memcpy(&small, &magnitude, 4);
    small += 0.5f;
    std::uint32_t rounded;
    __builtin_memcpy(&rounded, &small, 4);
    rounded -= 0x3f000000;
    const std::uint32_t half = magnitude < 0x38800000 ? rounded : normal;
    return {static_cast<std::uint16_t>(half | sign)};
}

inline void narrow_row(const float *from, Float16 *to, std::int64_t count) {
    std::int64_t x = 0;
    if constexpr (float16_lanes > 0)
        for (; x + float16_lanes <= count; x += float16_lanes) narrow_float16(from + x, to + x);
    for (; x < count; ++x) to[x] = narrow(from[x]);
}

// A row of the result from its bands, [bands][pitch].
inline void write_row(const LetterboxJob &job, const float *planes, std::int64_t pitch, char *to) {
    for (std::int64_t b = 0; b < job.image.bands; ++b, planes += pitch, to += job.out_c) {
        if (job.half && job.out_w == 2) {
            narrow_row(planes, reinterpret_cast<Float16 *>(to), job.width);
        } else if (job.half) {
            for (std::int64_t x = 0; x < job.width; ++x)
                *reinterpret_cast<Float16 *>(to + x * job.out_w) = narrow(planes[x]);
        } else if (job.out_w == 4) {
            __builtin_memcpy(to, planes, static_cast<std::size_t>(job.width) * 4);
        } else {
            for (std::int64_t x = 0; x < job.width; ++x)
                *reinterpret_cast<float *>(to + x * job.out_w) = planes[x];
        }
    }
}

// Writes rows of the result. Work has [bands][pitch] `planes`, `blank` and `pitch`; make(y) puts
// row y of the resized image into the planes.
template <class Work, class Make>
inline void write_rows(const Work &work, const Rows &rows, const Make &make) {
    const LetterboxJob &job = work.job;
    for (std::int64_t y = rows.y0; y < rows.y1; ++y) {
        const std::int64_t at = y - job.top;
        const bool is_inside = at >= 0 && at < job.y.n_out;
        if (is_inside) make(at);
        write_row(job, is_inside ? work.planes : work.blank, work.pitch,
                  job.out + rows.n * job.out_n + y * job.out_h);
    }
}

} // namespace
} // namespace segpost::SEGPOST_LEVEL
