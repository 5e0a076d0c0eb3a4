// Rows of masks of resampled logits, as the places where they change, cell by cell of the
// low-resolution grid. The proofs are in ops/labels/masks.hpp. Only included by masks.simd.cpp.
#pragma once

#include "cpu/labels/mask_sides.hpp"
#include "cpu/simd/load.hpp"
#include "ops/exact.hpp"

namespace segpost::SEGPOST_LEVEL {
namespace {

// Cells of one row that follow one another on one side; a mixed cell is a span of its own.
struct Span {
    std::int32_t side, cell;
};

// The logits of one channel: all columns, two rows of the grid at a time.
template <class T> class PlaneRows {
    using Row = GridRow<T, std::int32_t>;

  public:
    PlaneRows(const BinarizeJob &job, Scratch &scratch) : job_(job) {
        cells_ = job.x.cells();
        columns_ = job.x.n_out;
        pitch_ = round_up(cells_ + 1, lanes) + 2 * lanes;
        upper_ = take_row(scratch);
        lower_ = take_row(scratch);
        cell_side_ = scratch.take<std::int32_t>(pitch_ + lanes);
        spans_ = scratch.take<Span>(pitch_);
        bound_ = scratch.take<float>(pitch_);
        t_ = scratch.take<float>(columns_ + lanes);
        if (scratch.counting()) return;
        for (std::int64_t i = 0; i < columns_ + lanes; ++i)
            t_[i] = i < columns_ ? job.x.t[i] : 0.0f;
        for (std::int64_t i = 0; i < cells_; ++i)
            has_empty_ |= job.x.start[i] == job.x.start[i + 1];
    }

    // Reads the rows around a row of cells of channel c; unless it is the `first`, the upper one is
    // the lower one of the cells before. Counts NaN of the upper row, and of the grid's last.
    void read(std::int64_t n, std::int64_t c, std::int64_t cell, bool first, bool counts,
              LogitErrors &errors) {
        n_ = n, c_ = c;
        if (first) {
            read_row(upper_, cell);
        } else {
            const Row row = upper_;
            upper_ = lower_;
            lower_ = row;
        }
        read_row(lower_, min(cell + 1, job_.y.n_in - 1));
        if (counts) {
            count_nan_of(upper_, cell, errors);
            if (cell + 2 == job_.y.n_in) count_nan_of(lower_, cell + 1, errors);
        }
        find_spans();
    }

    // Calls emit(x) where an output row of the cells changes; it begins and ends clear.
    template <class Emit> __attribute__((always_inline)) inline void
    changes(std::int64_t y, LogitErrors &errors, const Emit &emit) const {
        std::uint32_t state = 0;
        for (std::int64_t k = 0; k < span_count_; ++k) {
            const Span span = spans_[k];
            if (span.side == side_mixed) {
                state = mixed(y, span.cell, k, state, errors, emit);
            } else if (static_cast<std::uint32_t>(span.side) != state) {
                emit(static_cast<std::int64_t>(job_.x.start[span.cell]));
                state ^= 1;
            }
        }
        if (state) emit(columns_);
    }

  private:
    Row take_row(Scratch &scratch) const {
        Row row;
        row.values = scratch.take<T>(pitch_);
        row.side = scratch.take<std::int32_t>(pitch_);
        return row;
    }

    const MaskLevel &level() const { return job_.levels[c_]; }

    void read_row(Row &row, std::int64_t y) {
        Logits plane = job_.logits;
        plane.data += c_ * plane.stride_c;
        plane.c = 1;
        load_row(row.values, pitch_, plane, n_, y, 0, plane.w, nullptr);
        repeat_last(row.values, pitch_, 1, plane.w, pitch_);
        row.find_sides(level(), pitch_);
    }

    void count_nan_of(const Row &row, std::int64_t y, LogitErrors &errors) const {
        for (std::int64_t i = 0; i < job_.logits.w; ++i)
            if (row.side[i] == side_mixed && is_nan(row.values[i]))
                errors.add_nan(1, job_.logit_place(n_, y, i));
    }

    void find_spans() {
        const std::int32_t *up = upper_.side, *down = lower_.side;
        std::int32_t *cell_side = cell_side_ + lanes; // the cell before the first has no side
        cell_side[-1] = -1;
        for (std::int64_t i = 0; i < cells_; ++i) {
            const bool same = (up[i] == up[i + 1]) & (up[i] == down[i]) & (up[i] == down[i + 1]);
            cell_side[i] = same ? up[i] : side_mixed;
        }
        for (std::int64_t i = cells_; i < round_up(cells_, lanes); ++i) cell_side[i] = -1;
        span_count_ = 0;
        if (has_empty_) {
            std::int32_t before = -1;
            for (std::int64_t i = 0; i < cells_; ++i) {
                if (job_.x.start[i] == job_.x.start[i + 1]) continue;
                if (cell_side[i] != before || before == side_mixed) add_span(cell_side[i], i);
                before = cell_side[i];
            }
            return;
        }
        for (std::int64_t block = 0; block < cells_; block += lanes) {
            const I side = load<I>(cell_side + block), before = load<I>(cell_side + block - 1);
            std::uint32_t bits = mask_bits((I)((side != before) | (side == side_mixed)));
            for (; bits; bits &= bits - 1) {
                const std::int64_t i = block + __builtin_ctz(bits);
                if (i < cells_) add_span(cell_side[i], i);
            }
        }
    }

    void add_span(std::int32_t side, std::int64_t cell) {
        spans_[span_count_] = {side, static_cast<std::int32_t>(cell)};
        if (side == side_mixed) bound_[span_count_] = bound_of(cell);
        ++span_count_;
    }

    // Differences to the level of at most this size are decided by the definition.
    float bound_of(std::int64_t i) const {
        if constexpr (sizeof(T) == 8) {
            return __builtin_inff();
        } else {
            const float corner[4] = {upper_.values[i], upper_.values[i + 1], lower_.values[i],
                                     lower_.values[i + 1]};
            return bound_of_size(largest_size(corner, level()));
        }
    }

    // Calls emit(x) where a row of a mixed cell changes; returns its last pixel.
    template <class Emit> __attribute__((always_inline)) inline std::uint32_t
    mixed(std::int64_t y, std::int64_t i, std::int64_t k, std::uint32_t state, LogitErrors &errors,
          const Emit &emit) const {
        const std::int64_t first = job_.x.start[i], last = job_.x.start[i + 1];
        F offset{}, slope{}, bound{};
        if constexpr (sizeof(T) == 4) {
            const float t = job_.y.t[y];
            const float left = upper_.values[i] + t * (lower_.values[i] - upper_.values[i]);
            const float right =
                upper_.values[i + 1] + t * (lower_.values[i + 1] - upper_.values[i + 1]);
            offset = broadcast<F>(left - level().level);
            slope = broadcast<F>(right - left);
            bound = broadcast<F>(bound_[k]);
        }
        for (std::int64_t x = first; x < last; x += lanes) {
            const std::int64_t count = min<std::int64_t>(lanes, last - x);
            const std::uint32_t valid = static_cast<std::uint32_t>((std::uint64_t{1} << count) - 1);
            std::uint32_t bits = 0, near = valid;
            if constexpr (sizeof(T) == 4) {
                const F difference = fma(load<F>(t_ + x), slope, offset);
                bits = mask_bits((I)(difference > F{})) & valid;
                near = ~mask_bits((I)(abs(difference) > bound)) & valid; // NaN, too
            }
            for (; __builtin_expect(near != 0, 0); near &= near - 1) {
                const int j = __builtin_ctz(near);
                const std::uint32_t bit = std::uint32_t{1} << j;
                bits = exceeds(y, x + j, i, errors) ? bits | bit : bits & ~bit;
            }
            std::uint32_t change = (bits ^ (bits << 1 | state)) & valid;
            for (; change; change &= change - 1) emit(x + __builtin_ctz(change));
            state = bits >> (count - 1) & 1;
        }
        return state;
    }

    // The definition.
    bool exceeds(std::int64_t y, std::int64_t x, std::int64_t i, LogitErrors &errors) const {
        CornerWeights<4> weights = corner_weights(job_.y, y, job_.x, x);
        T corner[4] = {upper_.values[i], upper_.values[i + 1], lower_.values[i],
                       lower_.values[i + 1]};
        if (job_.swapped) { // the image's order
            const double weight = weights.of[1];
            weights.of[1] = weights.of[2], weights.of[2] = weight;
            const T value = corner[1];
            corner[1] = corner[2], corner[2] = value;
        }
        const double sum = weights.sum(corner);
        if (__builtin_expect(sum != sum, 0)) errors.add_undefined(1, job_.place(n_, c_, y, x));
        return sum > level().cutoff;
    }

    const BinarizeJob &job_;
    std::int64_t n_ = 0, c_ = 0, cells_ = 0, columns_ = 0, pitch_ = 0, span_count_ = 0;
    bool has_empty_ = false;
    Row upper_, lower_;
    std::int32_t *cell_side_; // [pitch + lanes], from `lanes` on
    Span *spans_;             // [pitch]
    float *bound_;            // [pitch] of mixed spans
    float *t_;                // [columns + lanes]
};

} // namespace
} // namespace segpost::SEGPOST_LEVEL
