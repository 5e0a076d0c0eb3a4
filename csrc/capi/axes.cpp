#include "capi/axes.hpp"

#include <algorithm>
#include <numeric>

namespace segpost::capi {
namespace {

// The coordinate (step o + offset) / den of output o, without common factors.
struct Affine {
    std::int64_t step, offset, den;
};

Affine affine(std::int64_t n_in, std::int64_t n_out, segpost_grid grid) {
    Affine line{n_in, 0, n_out}; // asymmetric
    if (grid == SEGPOST_HALF_PIXEL)
        line = {2 * n_in, n_in - n_out, 2 * n_out};
    else if (grid == SEGPOST_ALIGN_CORNERS)
        line = {n_in - 1, 0, std::max<std::int64_t>(n_out - 1, 1)};
    const std::int64_t common = std::gcd(std::gcd(line.step, line.offset), line.den);
    return {line.step / common, line.offset / common, line.den / common};
}

} // namespace

AxisTables::AxisTables(std::int64_t n_in, std::int64_t n_out, segpost_grid grid) : n_in_(n_in) {
    const Affine line = affine(n_in, n_out, grid);
    den_ = line.den;
    start_tables(n_out);
    std::int64_t last = 0;
    for (std::int64_t o = 0; o < n_out; ++o)
        add(std::clamp<std::int64_t>(o * line.step + line.offset, 0, (n_in - 1) * den_), last);
    finish();
}

AxisTables::AxisTables(std::int64_t n_in, std::int64_t den,
                       const std::vector<std::int64_t> &numerator)
    : n_in_(n_in), den_(den) {
    start_tables(static_cast<std::int64_t>(numerator.size()));
    std::int64_t last = 0;
    for (const std::int64_t place : numerator) add(place, last);
    finish();
}

void AxisTables::start_tables(std::int64_t n_out) {
    n_out_ = n_out;
    const auto count = static_cast<std::size_t>(n_out);
    cell_.reserve(count), w0_.reserve(count), w1_.reserve(count), t_.reserve(count);
    start_.assign(static_cast<std::size_t>(std::max<std::int64_t>(n_in_ - 1, 1) + 1), 0);
}

void AxisTables::add(std::int64_t place, std::int64_t &last) {
    if (!cell_.empty()) step_ = std::max(step_, place - last);
    last = place;
    const std::int64_t cells = std::max<std::int64_t>(n_in_ - 1, 1);
    const std::int64_t cell = std::min(place / den_, cells - 1), w1 = place - cell * den_;
    cell_.push_back(static_cast<std::int32_t>(cell));
    w0_.push_back(static_cast<double>(den_ - w1));
    w1_.push_back(static_cast<double>(w1));
    t_.push_back(static_cast<float>(static_cast<double>(w1) / static_cast<double>(den_)));
    ++start_[static_cast<std::size_t>(cell + 1)];
}

void AxisTables::finish() {
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

CroppedAxis::CroppedAxis(std::int64_t n_in, std::int64_t n_out, segpost_grid grid,
                         const Interval &interval) {
    const Affine input = affine(n_in, interval.total, grid);
    Affine image = affine(interval.length, n_out, SEGPOST_HALF_PIXEL);
    image.offset += interval.start * image.den;
    std::int64_t across = input.step * image.step, den = input.den * image.den;
    std::int64_t shift = input.step * image.offset + input.offset * image.den;
    std::int64_t lowest = (input.step * interval.start + input.offset) * image.den;
    std::int64_t highest =
        (input.step * (interval.start + interval.length - 1) + input.offset) * image.den;
    std::int64_t common = std::gcd(std::gcd(across, shift), den);
    common = std::gcd(std::gcd(common, lowest), highest);
    across /= common, shift /= common, den /= common, lowest /= common, highest /= common;
    std::vector<std::int64_t> numerator(static_cast<std::size_t>(n_out));
    for (std::size_t o = 0; o < numerator.size(); ++o) {
        const std::int64_t place =
            std::clamp(static_cast<std::int64_t>(o) * across + shift, lowest, highest);
        numerator[o] = std::clamp<std::int64_t>(place, 0, (n_in - 1) * den);
    }
    first = numerator.front() / den;
    count = (numerator.back() + den - 1) / den - first + 1;
    bool is_same = n_out == count;
    for (std::size_t o = 0; o < numerator.size(); ++o) {
        numerator[o] -= first * den;
        is_same = is_same && numerator[o] == static_cast<std::int64_t>(o) * den;
    }
    if (!is_same) tables.emplace(count, den, numerator);
}

} // namespace segpost::capi
