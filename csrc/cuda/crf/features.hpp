// The features of a pixel, in standard deviations. Only included by crf_*.cu.
#pragma once

#include "cuda/crf/crf.hpp"
#include "cuda/runtime/division.hpp"
#include "cuda/runtime/load.hpp"

namespace segpost::gpu {
namespace {

struct Place {
    std::int64_t z, y, x;

    __device__ Place(const Shape &shape, std::int64_t pixel) {
        const std::int64_t row = divide(pixel, shape.w);
        x = pixel - row * shape.w;
        z = divide(row, shape.h);
        y = row - z * shape.h;
    }
};

// Feature i of a pixel: a place, or a channel.
__device__ inline float feature(const Features &f, const Place &place, int i) {
    if (i < f.places) {
        const int axis = f.axis[i];
        const std::int64_t at = axis == 0 ? place.z : axis == 1 ? place.y : place.x;
        return static_cast<float>(static_cast<double>(at) / f.sigma[i]);
    }
    const int c = i - f.places;
    const char *at = f.guide.data + place.z * f.guide.stride_d + place.y * f.guide.stride_h +
                     place.x * f.guide.stride_w + c * f.guide.stride_c;
    if (f.guide.dtype == DType::u8)
        return (static_cast<float>(*reinterpret_cast<const std::uint8_t *>(at)) -
                static_cast<float>(f.origin[c])) *
               f.inverse[c];
    return static_cast<float>(load<Any>(at, f.guide.dtype) - f.origin[c]) * f.inverse[c];
}

} // namespace
} // namespace segpost::gpu
