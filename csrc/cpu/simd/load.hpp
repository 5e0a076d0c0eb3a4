// Rows of logits of any element type and stride, as float32 or float64 planes.
// Only included by *.simd.cpp.
#pragma once

#include "cpu/simd/transpose.hpp"
#include "ops/labels/labels.hpp"

namespace segpost::SEGPOST_LEVEL {
namespace {

template <class T, class S> inline T widen(S value) { return static_cast<T>(value); }
template <> inline float widen<float, Float16>(Float16 h) {
    const std::uint32_t magnitude = static_cast<std::uint32_t>(h.bits & 0x7fff) << 13;
    float value;
    __builtin_memcpy(&value, &magnitude, 4);
    value *= 0x1p112f; // moves the exponent, subnormals included
    std::uint32_t bits;
    __builtin_memcpy(&bits, &value, 4);
    bits |= (h.bits & 0x7c00) == 0x7c00 ? 0x7f800000u : 0u; // infinities and NaN
    bits |= static_cast<std::uint32_t>(h.bits & 0x8000) << 16;
    __builtin_memcpy(&value, &bits, 4);
    return value;
}
template <> inline float widen<float, BFloat16>(BFloat16 b) {
    const std::uint32_t bits = static_cast<std::uint32_t>(b.bits) << 16;
    float value;
    __builtin_memcpy(&value, &bits, 4);
    return value;
}
template <> inline double widen<double, Float16>(Float16 h) { return widen<float>(h); }
template <> inline double widen<double, BFloat16>(BFloat16 b) { return widen<float>(b); }

constexpr std::int64_t fetched = 256; // pixels

// Values side by side, as many as the processor itself converts; how many those are.
template <class T, class S> inline std::int64_t widen_first(const S *, T *, std::int64_t) {
    return 0;
}
inline std::int64_t widen_first(const Float16 *from, float *to, std::int64_t count) {
    std::int64_t i = 0;
    if constexpr (float16_lanes > 0)
        for (; i + float16_lanes <= count; i += float16_lanes) widen_float16(from + i, to + i);
    return i;
}

template <class T, class S> inline void copy_or_widen(const S *from, T *to, std::int64_t count) {
    for (std::int64_t i = widen_first(from, to, count); i < count; ++i) to[i] = widen<T>(from[i]);
}
inline void copy_or_widen(const float *from, float *to, std::int64_t count) {
    __builtin_memcpy(to, from, static_cast<std::size_t>(count) * sizeof(float));
}

// planes[c * pitch + i] = value at class c, pixel i, for i < count.
template <class T, class S> inline void load_planes(T *planes, std::int64_t pitch, const char *from,
                                                    std::int64_t classes, std::int64_t count,
                                                    std::int64_t stride_c, std::int64_t stride_w) {
    if (stride_w == static_cast<std::int64_t>(sizeof(S))) {
        for (std::int64_t c = 0; c < classes; ++c) {
            const S *source = reinterpret_cast<const S *>(from + c * stride_c);
            if (count <= fetched) // a block of pixels: the next is asked for
                for (std::int64_t i = 0; i < count; i += 64 / static_cast<int>(sizeof(S)))
                    __builtin_prefetch(source + count + i);
            copy_or_widen(source, planes + c * pitch, count);
        }
        return;
    }
    std::int64_t begin = 0;
    if constexpr (sizeof(T) == 4 && sizeof(S) == 4)
        if (stride_c == 4) begin = transpose_pixels(from, stride_w, classes, count, planes, pitch);
    constexpr std::int64_t block = 16; // pixels of a channels-last row that share cache lines
    for (std::int64_t first = begin; first < count; first += block) {
        const std::int64_t last = min(first + block, count);
        for (std::int64_t c = 0; c < classes; ++c) {
            const char *source = from + c * stride_c;
            T *plane = planes + c * pitch;
            for (std::int64_t i = first; i < last; ++i)
                plane[i] = widen<T>(*reinterpret_cast<const S *>(source + i * stride_w));
        }
    }
}

// Calls load with a value of the element type.
template <class Load> inline void load_type(DType dtype, const Load &load) {
    switch (dtype) {
    case DType::f32: return load(float{});
    case DType::f64: return load(double{});
    case DType::f16: return load(Float16{});
    case DType::bf16: return load(BFloat16{});
    case DType::i8: return load(std::int8_t{});
    case DType::u8: return load(std::uint8_t{});
    case DType::i16: return load(std::int16_t{});
    case DType::u16: return load(std::uint16_t{});
    case DType::u32: return load(std::uint32_t{});
    case DType::i32: return load(std::int32_t{});
    case DType::u64: return load(std::uint64_t{});
    default: return load(std::int64_t{});
    }
}

// planes[c * pitch + i] = front times its value + back times that of the next slice. Neither weight
// is zero.
template <class S> inline void blend_planes(double *planes, std::int64_t pitch, const char *from,
                                            const Logits &logits, std::int64_t count, double front,
                                            double back) {
    const std::int64_t step = logits.stride_w;
    for (std::int64_t c = 0; c < logits.c; ++c, from += logits.stride_c, planes += pitch) {
        const char *const next = from + logits.stride_n;
        const auto value = [](const char *at) {
            return widen<double>(*reinterpret_cast<const S *>(at));
        };
        if (step == static_cast<std::int64_t>(sizeof(S))) {
            const S *const a = reinterpret_cast<const S *>(from);
            const S *const b = reinterpret_cast<const S *>(next);
            for (std::int64_t i = 0; i < count; ++i)
                planes[i] = front * widen<double>(a[i]) + back * widen<double>(b[i]);
        } else {
            for (std::int64_t i = 0; i < count; ++i)
                planes[i] = front * value(from + i * step) + back * value(next + i * step);
        }
    }
}

// Reads pixels [x, x + count) of one row of an image, or of a slice.
template <class T> inline void load_image_row(T *planes, std::int64_t pitch, const Logits &logits,
                                              std::int64_t image, std::int64_t y, std::int64_t x,
                                              std::int64_t count) {
    const char *const from = logits.row(image, y) + x * logits.stride_w;
    load_type(logits.dtype, [&](auto type) {
        load_planes<T, decltype(type)>(planes, pitch, from, logits.c, count, logits.stride_c,
                                       logits.stride_w);
    });
}

// As load_image_row of image n, which may lie between slices; a one-channel head gets its constant
// class 0 before it.
template <class T> inline void load_row(T *planes, std::int64_t pitch, const Logits &logits,
                                        std::int64_t n, std::int64_t y, std::int64_t x,
                                        std::int64_t count, const double *threshold) {
    if (threshold) {
        for (std::int64_t i = 0; i < count; ++i) planes[i] = static_cast<T>(*threshold);
        planes += pitch;
    }
    const SlicePair pair = logits.slices_of(n);
    if constexpr (sizeof(T) == 8) {
        if (pair.blends()) {
            load_type(logits.dtype, [&](auto type) {
                blend_planes<decltype(type)>(planes, pitch,
                                             logits.row(pair.first, y) + x * logits.stride_w,
                                             logits, count, pair.front, pair.back);
            });
            return;
        }
    }
    load_image_row(planes, pitch, logits, pair.first, y, x, count);
}

// The last pixel again, in all planes up to `end`: vectors read past it.
template <class T> inline void repeat_last(T *planes, std::int64_t pitch, std::int64_t classes,
                                           std::int64_t count, std::int64_t end) {
    for (std::int64_t c = 0; c < classes; ++c) {
        T *plane = planes + c * pitch;
        for (std::int64_t x = count; x < end; ++x) plane[x] = plane[count - 1];
    }
}

// NaN values among count pixels of all planes, and the first pixel that has one.
template <class T> inline void count_nan(const T *planes, std::int64_t pitch, std::int64_t classes,
                                         std::int64_t count, std::int64_t place,
                                         LogitErrors &errors) {
    std::int64_t total = 0, first = count;
    for (std::int64_t c = 0; c < classes; ++c)
        for (std::int64_t i = 0; i < count; ++i)
            if (is_nan(planes[c * pitch + i])) {
                ++total;
                first = min(first, i);
            }
    if (total) errors.add_nan(total, place + first);
}

} // namespace
} // namespace segpost::SEGPOST_LEVEL
