// Views of the caller's memory: an element type, extents and byte strides. Nothing is owned.
#pragma once

#include <cstdint>

#include "ops/portable.hpp"

namespace segpost {

enum class DType : int { f32, f64, f16, bf16, i8, u8, i16, u16, i32, i64, u32, u64 };

// Whether float32 holds every value of the element type. Every object file has a copy of its own.
namespace {
constexpr bool fits_float(DType dtype) {
    return dtype != DType::f64 && dtype != DType::u32 && dtype != DType::i32 &&
           dtype != DType::u64 && dtype != DType::i64;
}
} // namespace

// Images that are interpolated between the slices of a volume: image n lies between slices cell[n]
// and cell[n] + 1, and has the weights w0[n] and w1[n], which add up to den.
struct SliceWeights {
    const std::int32_t *cell = nullptr; // null: images are the slices
    const double *w0 = nullptr, *w1 = nullptr;
    double den = 1.0;
};

// An image as front times slice `first` plus back times the next; one slice alone has no weight for
// a next.
struct SlicePair {
    std::int64_t first;
    double front, back;

    SEGPOST_HOST_DEVICE bool blends() const { return back != 0.0; }
};

// The logits of a network, class axis second.
struct Logits {
    const char *data = nullptr;
    DType dtype = DType::f32;
    std::int64_t n = 0, c = 0, h = 0, w = 0;
    std::int64_t stride_n = 0, stride_c = 0, stride_h = 0, stride_w = 0;
    SliceWeights slices; // then stride_n is from slice to slice

    SEGPOST_HOST_DEVICE const char *row(std::int64_t image, std::int64_t y) const {
        return data + image * stride_n + y * stride_h;
    }
    // A slice of weight zero contributes nothing, not even an infinity or a NaN.
    SEGPOST_HOST_DEVICE SlicePair slices_of(std::int64_t image) const {
        if (!slices.cell) return {image, 1.0, 0.0};
        const double w0 = slices.w0[image], w1 = slices.w1[image];
        const std::int64_t cell = slices.cell[image];
        if (w0 == 0.0) return {cell + 1, 1.0, 0.0};
        return {cell, w0 / slices.den, w1 / slices.den};
    }
};

// Labels, or another single value a pixel such as its confidence: (N, H, W).
struct LabelView {
    char *data = nullptr;
    DType dtype = DType::u8;
    std::int64_t n = 0, h = 0, w = 0;
    std::int64_t stride_n = 0, stride_h = 0, stride_w = 0;

    SEGPOST_HOST_DEVICE char *row(std::int64_t image, std::int64_t y) const {
        return data + image * stride_n + y * stride_h;
    }

    // Only the pixels from row y and column x of image 0 on have memory, and it begins there. The
    // view begins before it, at an address alone: a pointer to that would be undefined.
    void set_part(char *memory, std::int64_t y, std::int64_t x) {
        const auto before = static_cast<std::uintptr_t>(y * stride_h + x * stride_w);
        data = reinterpret_cast<char *>(reinterpret_cast<std::uintptr_t>(memory) - before);
    }
};

// A stack of RGB images; `channel` is the byte stride from red to green.
struct Image : LabelView {
    std::int64_t channel = 1;

    SEGPOST_HOST_DEVICE bool packed() const { return channel == 1 && stride_w == 3; }
};

// A stack of images of any number of bands and any element type, the band axis last.
struct BandImage : LabelView {
    std::int64_t bands = 0, stride_b = 0;

    bool is_rgb_bytes() const { return bands == 3 && dtype == DType::u8; }
    Image rgb() const {
        Image image;
        static_cast<LabelView &>(image) = *this;
        image.channel = stride_b;
        return image;
    }
};

} // namespace segpost
