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
    using Word = typename WordOf<word>::type;

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
    // A class at W columns: its values in the upper row of the grid, and how much more they are in
    // the lower.
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
        put(label, x, y);
        I near = close[0];
        for (int k = 1; k < N; ++k) near |= close[k];
        if (__builtin_expect(any(near), 0))
            for (int k = 0; k < N; ++k) resolve_close(close[k], x, y + k * rows);
        return N * rows;
    }

    F row_weights(std::int64_t y) const {
        if constexpr (rows == 1)
            return broadcast<F>(work_.job.y.t[min(y, y1_ - 1)]);
        else
            return load<F>(work_.template row_weights<W>(y));
    }

    template <int N> void put(const I (&label)[N], std::int64_t x, std::int64_t y) const {
        const std::int64_t here = min<std::int64_t>(W, end_ - x);
        const std::int64_t last = min<std::int64_t>(y + N * rows, y1_);
        if (sizeof(L) == 1 && W == word && x + W <= work_.columns) {
            Word labels[N * lanes / word];
            for (int k = 0; k < N; ++k) store(labels + k * lanes / word, low_bytes(label[k]));
            put_words(labels, here, x, y, last);
        } else {
            L labels[N * lanes];
            for (int k = 0; k < N; ++k) store_labels(labels + k * lanes, label[k]);
            for (std::int64_t row = y; row < last; ++row)
                copy_labels(work_.labels(row) + x, labels + (row - y) * W, here);
        }
        if (!work_.job.lut) return;
        for (; y < last; ++y)
            color_span_scalar(work_.labels(y) + x, work_.lut, work_.color(y) + 3 * x, here);
    }

    // Labels past the end of the cell are those of a row with every cell filled: what they are of
    // cells that cannot be filled does not matter, since these are written later.
    void put_words(const Word *labels, std::int64_t here, std::int64_t x, std::int64_t y,
                   std::int64_t last) const {
        const Word other = here < word ? ~Word{0} << (8 * here) : 0;
        const Word beside = load<Word>(work_.fill + x) & other;
        L *out = work_.labels(y) + x;
        for (; y < last; ++y, out += work_.job.labels.stride_h)
            store(out, (*labels++ & ~other) | beside);
    }

    static void store_labels(L *to, I label) {
        if constexpr (sizeof(L) == 1)
            store(to, low_bytes(label));
        else
            store(to, label);
    }
    static void copy_labels(L *to, const L *labels, std::int64_t here) {
        if (here == W)
            __builtin_memcpy(to, labels, W * sizeof(L));
        else
            for (std::int64_t i = 0; i < here; ++i) to[i] = labels[i];
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

template <class L> inline void compare_cell(const Work<float, L> &work, std::int64_t cell,
                                            std::int64_t y0, std::int64_t y1,
                                            const std::int32_t *list, std::int64_t count,
                                            LogitErrors &errors) {
    constexpr int narrow = 4, middle = lanes < 8 ? 4 : 8; // columns that are handled at once
    const std::int64_t width = work.begin(cell + 1) - work.begin(cell);
    if (width <= narrow || lanes == narrow)
        CellComparison<narrow, L>(work, cell, y0, y1, list, count, errors).write();
    else if (width <= middle || lanes == middle)
        CellComparison<middle, L>(work, cell, y0, y1, list, count, errors).write();
    else
        CellComparison<lanes, L>(work, cell, y0, y1, list, count, errors).write();
}

} // namespace
} // namespace segpost::SEGPOST_LEVEL
