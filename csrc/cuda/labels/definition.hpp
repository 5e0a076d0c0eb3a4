// The definition of an interpolated label, of one output pixel: see ops/labels.hpp.
#pragma once

#include "cuda/runtime/load.hpp"

#include "ops/labels/labels.hpp"

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
template <class S> struct Corners {
    const char *upper_left, *upper_right, *lower_left, *lower_right; // at the first channel

    __device__ Corners(const Classes<S> &classes, const Axis &y, const Axis &x, std::int64_t image,
                       int cell_y, int cell_x) {
        const Logits &logits = classes.logits;
        const int below = cell_y + 1 < y.n_in ? cell_y + 1 : cell_y;
        const int right = cell_x + 1 < x.n_in ? cell_x + 1 : cell_x;
        upper_left = logits.row(image, cell_y) + cell_x * logits.stride_w;
        upper_right = logits.row(image, cell_y) + right * logits.stride_w;
        lower_left = logits.row(image, below) + cell_x * logits.stride_w;
        lower_right = logits.row(image, below) + right * logits.stride_w;
    }
    __device__ void load_class(const Classes<S> &classes, int c, Widened<S> (&to)[4]) const {
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

// Weights of the corners of one output pixel.
struct Weights {
    double of[4];

    __device__ Weights(const Axis &y, const Axis &x, std::int64_t row, std::int64_t column)
        : of{y.w0[row] * x.w0[column], y.w0[row] * x.w1[column], y.w1[row] * x.w0[column],
             y.w1[row] * x.w1[column]} {}

    template <class T> __device__ double value(const T (&corner)[4]) const {
        double sum = of[0] == 0 ? 0.0 : of[0] * static_cast<double>(corner[0]);
        for (int i = 1; i < 4; ++i)
            sum += of[i] == 0 ? 0.0 : of[i] * static_cast<double>(corner[i]);
        return sum;
    }
};

// The label over all classes; `undefined` is set where there is no answer.
template <class S> __device__ int define(const Classes<S> &classes, const Corners<S> &corners,
                                         const Weights &weights, bool &undefined) {
    double best = -INFINITY;
    int label = 0, nan = -1;
    for (int c = 0; c < classes.count; ++c) {
        Widened<S> corner[4];
        corners.load_class(classes, c, corner);
        const double value = weights.value(corner);
        if (value != value && nan < 0) nan = c;
        if (value > best) {
            best = value;
            label = c;
        }
    }
    undefined = nan >= 0 || best == -INFINITY;
    return nan >= 0 ? nan : label;
}

} // namespace segpost::gpu
