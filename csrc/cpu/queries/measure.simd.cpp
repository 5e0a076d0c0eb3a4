// Where the masks of queries exceed a level, as bits, and the sums of their sigmoids there.
#include "cpu/queries/points.hpp"
#include "cpu/runtime/kernel_table.hpp"

namespace segpost::SEGPOST_LEVEL {
namespace {

// Late masks: the columns and rows of a pixel's cell are next to each other among the points.
constexpr std::int64_t late_rows = tile_rows / 2, late_columns = tile_columns / 2;
using Wide = Vec<late_columns>::f32;

template <class T> class MaskTiles {
  public:
    MaskTiles(const MeasureMasksJob &job, Scratch &scratch) : job_(job), reader_(job, scratch) {
        low_ = scratch.take<float>(job.bounds.pitch);
        high_ = scratch.take<float>(job.bounds.pitch);
        values_ = scratch.take<float>(tile_points);
        areas_ = scratch.take<std::int64_t>(job.count);
        sums_ = scratch.take<double>(job.count);
        if (scratch.counting()) return;
        for (std::int64_t k = 0; k < job.count; ++k) areas_[k] = 0, sums_[k] = 0.0;
    }
    const std::int64_t *areas() const { return areas_; }
    const double *sums() const { return sums_; }

    // Rows [y0, y1) and columns [x0, x1) of the bits.
    void measure(const QueryTile &tile) {
        tile_ = tile;
        const std::int64_t height = job_.rows - 1, width = job_.columns - 1;
        if (job_.is_late)
            reader_.move_to(
                tile.n,
                [&](std::int64_t i) { return grid_row(min(tile.y0 + i / 2, height), i % 2); },
                [&](std::int64_t j) { return grid_column(min(tile.x0 + j / 2, width), j % 2); });
        else
            reader_.move_to(
                tile.n, [&](std::int64_t i) { return min(tile.y0 + i, height); },
                [&](std::int64_t j) { return min(tile.x0 + j, width); });
        reader_.bound(low_, high_);
        for (std::int64_t k = 0; k < job_.count; ++k) {
            const std::int32_t q = job_.queries[k];
            if (static_cast<double>(high_[q]) > job_.level)
                job_.is_late ? measure_pixels(k) : measure_points(k);
        }
    }

  private:
    std::int64_t grid_row(std::int64_t y, std::int64_t second) const {
        return job_.top + min(job_.y.cell[y] + second, job_.y.n_in - 1);
    }
    std::int64_t grid_column(std::int64_t x, std::int64_t second) const {
        return job_.left + min(job_.x.cell[x] + second, job_.x.n_in - 1);
    }

    float size(std::int64_t k) const {
        const std::int32_t q = job_.queries[k];
        return max(-low_[q], high_[q]);
    }
    float error(std::int64_t k) const {
        const std::int32_t q = job_.queries[k];
        float size = this->size(k);
        if (job_.level > -1e3 && job_.level < 1e3)
            size = max(size, abs(static_cast<float>(job_.level)));
        return logit_error(6.0f * size, high_[q] - low_[q]);
    }

    template <class V, class Exact> void add_row(std::int64_t k, std::int64_t y, std::int64_t x,
                                                 std::int64_t count, V value, float error,
                                                 const Exact &exact) {
        constexpr int width = lanes_of<V>;
        const V above = value - static_cast<float>(job_.level);
        const std::uint32_t valid =
            static_cast<std::uint32_t>((std::uint64_t{1} << min<std::int64_t>(count, width)) - 1);
        std::uint32_t bits = mask_bits((IntOf<V>)(above > V{})) & valid;
        const std::uint32_t near = ~mask_bits((IntOf<V>)(abs(above) > broadcast<V>(error))) & valid;
        // Between logits this large float32 says little of those that are small.
        const V steep = size(k) > 64.0f ? broadcast<V>(40.0f) : V{};
        const std::uint32_t coarse =
            near | (mask_bits((IntOf<V>)(abs(value) < steep)) & (bits | near));
        for (std::uint32_t rest = coarse; __builtin_expect(rest != 0, 0); rest &= rest - 1) {
            const int i = __builtin_ctz(rest);
            const std::uint32_t bit = std::uint32_t{1} << i;
            const double logit = exact(x + i);
            bits = logit > job_.level ? bits | bit : bits & ~bit;
            if (bits & bit) sums_[k] += exact_sigmoid(logit);
        }
        if (bits == 0) return;
        areas_[k] += __builtin_popcount(bits);
        float lane[width];
        store(lane, sigmoid(value));
        for (std::uint32_t rest = bits & ~coarse; rest; rest &= rest - 1)
            sums_[k] += static_cast<double>(lane[__builtin_ctz(rest)]);
        std::uint8_t *row = job_.bits + (k * job_.rows + y) * job_.row_bytes;
        for (std::int64_t i = 0; i < width; i += 8)
            if (bits >> i & 0xff)
                row[(x + i) / 8] |= static_cast<std::uint8_t>((bits >> i & 0xff) << x % 8);
    }

    void measure_points(std::int64_t k) {
        reader_.read(job_.queries[k], values_);
        for (std::int64_t y = tile_.y0; y < tile_.y1; ++y)
            for (std::int64_t x = tile_.x0; x < tile_.x1; x += lanes) {
                const std::int64_t point = (y - tile_.y0) * tile_columns + x - tile_.x0;
                add_row(k, y, x, tile_.x1 - x, load<F>(values_ + point), error(k),
                        [&](std::int64_t column) {
                            return reader_.value(job_.queries[k], point + column - x);
                        });
            }
    }

    void measure_pixels(std::int64_t k) {
        reader_.read(job_.queries[k], values_);
        for (std::int64_t y = tile_.y0; y < tile_.y1; ++y) {
            const std::int64_t first = 2 * (y - tile_.y0) * tile_columns;
            const float *upper = values_ + first, *lower = upper + tile_columns;
            const float t = job_.y.t[y];
            Wide value{};
            for (std::int64_t i = 0; i < tile_.x1 - tile_.x0; ++i) {
                const float left = upper[2 * i] + t * (lower[2 * i] - upper[2 * i]);
                const float right = upper[2 * i + 1] + t * (lower[2 * i + 1] - upper[2 * i + 1]);
                value[i] = left + job_.x.t[tile_.x0 + i] * (right - left);
            }
            add_row(k, y, tile_.x0, tile_.x1 - tile_.x0, value, error(k), [&](std::int64_t x) {
                const std::int64_t point = first + 2 * (x - tile_.x0);
                const std::int64_t corner[4] = {point, point + 1, point + tile_columns,
                                                point + tile_columns + 1};
                const CornerWeights<4> weights = corner_weights(job_.y, y, job_.x, x);
                double values[4];
                for (int j = 0; j < 4; ++j) values[j] = reader_.value(job_.queries[k], corner[j]);
                return weights.sum(values) / (job_.y.den * job_.x.den);
            });
        }
    }

    const MeasureMasksJob &job_;
    PointReader<T> reader_;
    QueryTile tile_{};
    float *low_, *high_; // [bounds.pitch]
    float *values_;      // [tile_points]
    std::int64_t *areas_;
    double *sums_;
};

template <class T> void measure_band(const MeasureMasksJob &job, const QueryTile &band,
                                     char *memory, std::int64_t *areas, double *sums) {
    Scratch scratch(memory);
    MaskTiles<T> tiles(job, scratch);
    const std::int64_t rows = job.is_late ? late_rows : tile_rows;
    const std::int64_t columns = job.is_late ? late_columns : tile_columns;
    for (std::int64_t y = band.y0; y < band.y1; y += rows)
        for (std::int64_t x = band.x0; x < band.x1; x += columns)
            tiles.measure({band.n, y, min(y + rows, band.y1), x, min(x + columns, band.x1)});
    for (std::int64_t k = 0; k < job.count; ++k) {
        areas[k] = tiles.areas()[k];
        sums[k] = tiles.sums()[k];
    }
}

} // namespace

std::int64_t measure_masks_scratch(const MeasureMasksJob &job) {
    Scratch scratch(nullptr);
    MaskTiles<double> tiles(job, scratch);
    return scratch.used();
}

// A band has all columns; `areas` and `sums` are of its rows. The bits are clear.
void measure_masks(const MeasureMasksJob &job, const QueryTile &band, char *memory,
                   std::int64_t *areas, double *sums) {
    fits_float(job.masks.dtype) ? measure_band<float>(job, band, memory, areas, sums)
                                : measure_band<double>(job, band, memory, areas, sums);
}

} // namespace segpost::SEGPOST_LEVEL
