// A cell with a few candidates: float32 decides, and the definition where that is too close. Only
// included by cells_dense.hpp.
#pragma once

#include "cpu/labels/cells_mixed.hpp"

namespace segpost::SEGPOST_LEVEL {
namespace {

// By how much the first of two classes is ahead of the second at the corners of a cell.
struct PairCorners {
    float upper[2], lower[2];

    template <class L>
    PairCorners(const Work<float, L> &work, std::int64_t cell, const std::int32_t *list) {
        const std::int64_t first = list[0] * work.pitch + cell,
                           second = list[1] * work.pitch + cell;
        for (int k = 0; k < 2; ++k) {
            upper[k] = work.upper.planes[first + k] - work.upper.planes[second + k];
            lower[k] = work.lower.planes[first + k] - work.lower.planes[second + k];
        }
    }
};

template <class L> inline float largest_corner(const Work<float, L> &work, std::int64_t cell,
                                               const std::int32_t *list, std::int64_t count) {
    float most = 0.0f;
    for (std::int64_t i = 0; i < count; ++i) {
        const float *upper = work.upper.planes + list[i] * work.pitch + cell;
        const float *lower = work.lower.planes + list[i] * work.pitch + cell;
        for (int k = 0; k < 2; ++k)
            most = max(most, max(__builtin_fabsf(upper[k]), __builtin_fabsf(lower[k])));
    }
    return most;
}

// A vector holds W columns of as many rows of a cell as fit.
template <int W, class L> class CellComparison {
    static constexpr int rows = lanes / W;
    static constexpr int word = W < 8 ? W : 8; // labels that are stored at once, if they are bytes
    using Word = typename Bytes<word>::type;

  public:
    CellComparison(const Work<float, L> &work, std::int64_t cell, std::int64_t y0, std::int64_t y1,
                   const std::int32_t *list, std::int64_t count, LogitErrors &errors)
        : work_(work), cell_(cell), y0_(y0), y1_(y1), end_(work.begin(cell + 1)), list_(list),
          count_(count), errors_(errors) {}

    void write() const {
        const float most = largest_corner(work_, cell_, list_, count_);
        if (!(most < filter_limit))
            return resolve_cell_exactly(work_, cell_, y0_, y1_, list_, count_, errors_);
        const F margin = broadcast<F>(most * filter_relative + filter_absolute);
        for (std::int64_t x = work_.begin(cell_); x < end_; x += W)
            for (std::int64_t y = y0_; y < y1_;) {
                const std::int64_t vectors = (y1_ - y + rows - 1) / rows;
                if (vectors > 2)
                    y += write_vectors<4>(x, y, margin);
                else if (vectors == 2)
                    y += write_vectors<2>(x, y, margin);
                else
                    y += write_vectors<1>(x, y, margin);
            }
    }

  private:
    // Every class at W columns: its values in the upper row, and how much more they are in the
    // lower.
    struct Columns {
        F top, down;

        Columns(F across, const float *upper, const float *lower) {
            const F left = broadcast<F>(upper[0]), below = broadcast<F>(lower[0]);
            top = fma(across, broadcast<F>(upper[1]) - left, left);
            down = fma(across, broadcast<F>(lower[1]) - below, below) - top;
        }
    };

    // Writes N vectors from (x, y) on; how many rows those are.
    template <int N> std::int64_t write_vectors(std::int64_t x, std::int64_t y, F margin) const {
        F weight[N];
        for (int k = 0; k < N; ++k) weight[k] = row_weights(y + k * rows);
        const F across = repeat<W>(work_.t + x);
        I label[N], close[N];
        if (count_ == 2) { // the sign of one bilinear function
            const PairCorners corners(work_, cell_, list_);
            const Columns lead(across, corners.upper, corners.lower);
            const I first = broadcast<I>(list_[0]), second = broadcast<I>(list_[1]);
            for (int k = 0; k < N; ++k) {
                const F ahead = fma(weight[k], lead.down, lead.top);
                label[k] = select((I)(ahead > F{}), first, second);
                close[k] = (I)(abs(ahead) <= margin);
            }
        } else {
            F best[N], second[N];
            for (int k = 0; k < N; ++k) {
                best[k] = second[k] = broadcast<F>(-__builtin_inff());
                label[k] = I{};
            }
            for (std::int64_t i = 0; i < count_; ++i) {
                const std::int64_t at = list_[i] * work_.pitch + cell_;
                const Columns columns(across, work_.upper.planes + at, work_.lower.planes + at);
                const I here = broadcast<I>(list_[i]);
                for (int k = 0; k < N; ++k) {
                    const F value = fma(weight[k], columns.down, columns.top);
                    second[k] = larger(second[k], smaller(best[k], value));
                    label[k] = select((I)(value > best[k]), here, label[k]);
                    best[k] = max(value, best[k]);
                }
            }
            for (int k = 0; k < N; ++k) close[k] = ~(I)(best[k] - second[k] > margin);
        }
        I near = close[0];
        for (int k = 0; k < N; ++k) {
            put_vector(label[k], x, y + k * rows);
            near |= close[k];
        }
        if (__builtin_expect(any(near), 0))
            for (int k = 0; k < N; ++k) resolve_close(close[k], x, y + k * rows);
        return N * rows;
    }

    F row_weights(std::int64_t y) const {
        if constexpr (rows == 1)
            return broadcast<F>(work_.job.y.t[min(y, y1_ - 1)]);
        else
            return load<F>(work_.template row_weights<W>() + (y - y0_) * W);
    }

    void put_vector(I label, std::int64_t x, std::int64_t y) const {
        const std::int64_t last = min<std::int64_t>(y + rows, y1_);
        if constexpr (sizeof(L) == 1) {
            Word words[lanes / word];
            store(words, low_bytes(label));
            for (int i = 0; i < lanes; i += word)
                if (y + i / W < last) put_word(words[i / word], x + i % W, y + i / W);
        } else {
            std::int32_t lane[lanes];
            store(lane, label);
            const std::int64_t here = min<std::int64_t>(W, end_ - x);
            for (std::int64_t row = y; row < last; ++row)
                for (std::int64_t i = 0; i < here; ++i)
                    work_.labels(row)[x + i] = lane[(row - y) * W + i];
        }
        if (!work_.job.lut) return;
        for (; y < last; ++y)
            color_span_scalar(work_.labels(y) + x, work_.lut, work_.color(y) + 3 * x,
                              min<std::int64_t>(W, end_ - x));
    }

    // Labels past the end of the cell are those of a row with every cell filled: what they are of
    // cells that cannot be filled does not matter, since these are written later.
    __attribute__((always_inline)) void put_word(Word labels, std::int64_t x,
                                                 std::int64_t y) const {
        const std::int64_t here = end_ - x;
        L *const out = work_.labels(y) + x;
        if (__builtin_expect(here < word, 0)) {
            if (here <= 0) return;
            if (x + word > work_.columns) {
                for (std::int64_t i = 0; i < here; ++i) out[i] = static_cast<L>(labels >> (8 * i));
                return;
            }
            const Word own = (Word{1} << (8 * here)) - 1;
            labels = (labels & own) | (load<Word>(work_.fill + x) & ~own);
        }
        store(out, labels);
    }

    void resolve_close(I close, std::int64_t x, std::int64_t y) const {
        std::int32_t lane[lanes];
        store(lane, close);
        for (int i = 0; i < lanes; ++i) {
            const std::int64_t row = y + i / W, column = x + i % W;
            if (lane[i] && row < y1_ && column < end_)
                resolve_exactly(work_, cell_, {row, row + 1, column, column + 1}, list_, count_,
                                errors_);
        }
    }

    const Work<float, L> &work_;
    const std::int64_t cell_, y0_, y1_, end_;
    const std::int32_t *const list_;
    const std::int64_t count_;
    LogitErrors &errors_;
};

// W is the number of columns that are handled at once.
template <int W, class L> inline void compare_cell(const Work<float, L> &work, std::int64_t cell,
                                                   std::int64_t y0, std::int64_t y1,
                                                   const std::int32_t *list, std::int64_t count,
                                                   LogitErrors &errors) {
    CellComparison<W, L>(work, cell, y0, y1, list, count, errors).write();
}

} // namespace
} // namespace segpost::SEGPOST_LEVEL
