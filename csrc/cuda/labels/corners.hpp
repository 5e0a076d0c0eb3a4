// The logits at the corners of a cell, for ops/exact.hpp. Only included by *.cu.
#pragma once

#include "cuda/runtime/load.hpp"
#include "ops/exact.hpp"

namespace segpost::gpu {

// Values of a class at one pixel of the logits; a one-channel head has its constant as class 0.
template <class S> struct Classes {
    Logits logits;
    int count, first; // `first` classes are constant
    Widened<S> threshold;

    explicit Classes(const ArgmaxJob &job)
        : logits(job.logits), count(static_cast<int>(job.classes())), first(job.has_threshold),
          threshold(static_cast<Widened<S>>(job.threshold)) {}
};

// The four corners of a cell.
template <class S> struct CellCorners {
    static constexpr int corners = 4;
    using Value = Widened<S>;
    const Classes<S> &classes;
    const char *upper_left, *upper_right, *lower_left, *lower_right; // at the first channel

    __device__ CellCorners(const Classes<S> &all, const Axis &y, const Axis &x, std::int64_t image,
                           int cell_y, int cell_x)
        : classes(all) {
        const Logits &logits = classes.logits;
        const int below = cell_y + 1 < y.n_in ? cell_y + 1 : cell_y;
        const int right = cell_x + 1 < x.n_in ? cell_x + 1 : cell_x;
        upper_left = logits.row(image, cell_y) + cell_x * logits.stride_w;
        upper_right = logits.row(image, cell_y) + right * logits.stride_w;
        lower_left = logits.row(image, below) + cell_x * logits.stride_w;
        lower_right = logits.row(image, below) + right * logits.stride_w;
    }
    __device__ void load_class(int c, Value *to) const {
        if (c < classes.first) {
            to[0] = to[1] = to[2] = to[3] = classes.threshold;
            return;
        }
        const std::int64_t at = (c - classes.first) * classes.logits.stride_c;
        const DType dtype = classes.logits.dtype;
        to[0] = load<S>(upper_left + at, dtype);
        to[1] = load<S>(upper_right + at, dtype);
        to[2] = load<S>(lower_left + at, dtype);
        to[3] = load<S>(lower_right + at, dtype);
    }
};

} // namespace segpost::gpu
