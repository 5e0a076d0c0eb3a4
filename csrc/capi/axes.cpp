#include "capi/axes.hpp"

#include <algorithm>
#include <numeric>

namespace segpost::capi {

AxisTables::AxisTables(std::int64_t n_in, std::int64_t n_out, segpost_grid grid)
    : n_in_(n_in), n_out_(n_out) {
    std::int64_t step = n_in, offset = 0, den = n_out; // asymmetric
    if (grid == SEGPOST_HALF_PIXEL) {
        step = 2 * n_in, offset = n_in - n_out, den = 2 * n_out;
    } else if (grid == SEGPOST_ALIGN_CORNERS) {
        step = n_in - 1, den = std::max<std::int64_t>(n_out - 1, 1);
    }
    const std::int64_t common = std::gcd(std::gcd(step, offset), den);
    step /= common, offset /= common, den_ = den / common;
    const std::int64_t cells = std::max<std::int64_t>(n_in - 1, 1);
    const auto count = static_cast<std::size_t>(n_out);
    cell_.reserve(count), w0_.reserve(count), w1_.reserve(count), t_.reserve(count);
    start_.assign(static_cast<std::size_t>(cells + 1), 0);
    std::int64_t last = 0;
    for (std::int64_t o = 0; o < n_out; ++o) {
        const std::int64_t place =
            std::clamp<std::int64_t>(o * step + offset, 0, (n_in - 1) * den_);
        if (o) step_ = std::max(step_, place - last);
        last = place;
        const std::int64_t cell = std::min(place / den_, cells - 1), w1 = place - cell * den_;
        cell_.push_back(static_cast<std::int32_t>(cell));
        w0_.push_back(static_cast<double>(den_ - w1));
        w1_.push_back(static_cast<double>(w1));
        t_.push_back(static_cast<float>(static_cast<double>(w1) / static_cast<double>(den_)));
        ++start_[static_cast<std::size_t>(cell + 1)];
    }
    for (std::size_t i = 1; i < start_.size(); ++i) {
        widest_ = std::max<std::int64_t>(widest_, start_[i]);
        start_[i] += start_[i - 1];
    }
}

Axis AxisTables::view() const {
    Axis axis;
    axis.n_in = n_in_, axis.n_out = n_out_;
    axis.den = static_cast<double>(den_);
    axis.cell = cell_.data(), axis.w0 = w0_.data(), axis.w1 = w1_.data(), axis.t = t_.data();
    axis.start = start_.data();
    axis.widest = widest_;
    axis.step = static_cast<double>(step_) / static_cast<double>(den_);
    return axis;
}

} // namespace segpost::capi
