// The class with the largest sum of weighted masks, tile by tile of the score grid.
#include "cpu/queries/cells.hpp"
#include "cpu/runtime/kernel_table.hpp"

namespace segpost::SEGPOST_LEVEL {
namespace {

constexpr float negligible = 1e-6f; // of the best class, all queries together
constexpr double rounding = 1e-11;  // of float64 sums, more than there is

template <class T> class ClassTiles {
  public:
    ClassTiles(const QueryClassesJob &job, Scratch &scratch)
        : job_(job), reader_(job, scratch), memory_(job, job.classes, scratch) {
        queries_ = job.masks.c;
        tiny_ = tiny_sigmoid * static_cast<float>(queries_);
        pitch_ = round_up(job.classes, lanes);
        const std::int64_t padded = job.bounds.pitch;
        low_ = scratch.take<float>(padded);
        high_ = scratch.take<float>(padded);
        weights_ = scratch.take<float>(queries_ * pitch_);
        most_ = scratch.take<float>(queries_);
        low_sums_ = scratch.take<float>(pitch_);
        high_sums_ = scratch.take<float>(pitch_);
        size_ = scratch.take<float>(padded);
        range_ = scratch.take<float>(padded);
        classes_ = scratch.take<std::int32_t>(job.classes);
        active_ = scratch.take<std::int32_t>(queries_);
        sigmoids_ = scratch.take<float>(queries_ * tile_points);
        planes_ = scratch.take<float>(job.classes * tile_points);
        exact_ = scratch.take<double>(2 * job.classes * tile_points);
        is_exact_ = scratch.take<std::uint8_t>(2 * tile_points);
    }

    // The weights of an image's queries as float32, with classes of no weight after the last.
    void take_weights(std::int64_t n) {
        const double *weights = weights_of(n);
        for (std::int64_t q = 0; q < queries_; ++q) {
            most_[q] = 0.0f;
            for (std::int64_t c = 0; c < pitch_; ++c) {
                const float weight =
                    c < job_.classes ? static_cast<float>(weights[q * job_.classes + c]) : 0.0f;
                weights_[q * pitch_ + c] = weight;
                most_[q] = max(most_[q], weight);
            }
        }
    }

    template <class L> void label(const QueryTile &tile) {
        static_assert(tile_points % (4 * lanes) == 0, "what sum_classes adds together");
        const TilePixels pixels(job_, tile, memory_.t);
        if (pixels.count() == 0) return;
        tile_ = tile;
        reader_.move_to_cells(tile);
        const auto fill = [&](std::int64_t c, std::int64_t y0, std::int64_t y1, std::int64_t x0,
                              std::int64_t x1) {
            fill_labels<L>(job_.labels, tile.n, y0, y1, x0, x1, static_cast<L>(classes_[c]));
        };
        bound_classes();
        if (listed_ == 1)
            return fill(0, pixels.top(0), pixels.top(pixels.rows()), pixels.left(0),
                        pixels.left(pixels.columns()));
        const Planes planes = sum_planes();
        for (std::int64_t p = 0; p < 2 * tile_points; ++p) is_exact_[p] = 0;
        label_cells(planes, pixels, memory_, *this, fill,
                    [&](std::int64_t c, std::int64_t y, std::int64_t x) {
                        reinterpret_cast<L *>(job_.labels.row(tile.n, y))[x] =
                            static_cast<L>(classes_[c]);
                    });
    }

    // The sums over the active queries decide if what the others could add cannot change the
    // answer; else all queries do, as the definition says.
    std::int64_t decide(const std::int32_t *list, std::int64_t count, std::int64_t y,
                        std::int64_t x, std::int64_t point) const {
        const CornerWeights<4> weights = corner_weights(job_.y, y, job_.x, x);
        const double *corner[4];
        ExactLabel best;
        for (int pass = 0; pass < 2; ++pass) {
            for (int k = 0; k < 4; ++k)
                corner[k] = weights.of[k] == 0
                                ? exact_
                                : sums_at(point + k / 2 * tile_columns + k % 2, pass == 1);
            double most = 0.0, second = 0.0;
            best = ExactLabel();
            for (std::int64_t i = 0; i < count; ++i) {
                double sums[4];
                for (int k = 0; k < 4; ++k) sums[k] = corner[k][list[i]];
                const double value = weights.sum(sums);
                best.add(static_cast<std::int32_t>(i), value);
                second = max(second, min(most, value));
                most = max(most, value);
            }
            const double open = 2.0 * job_.y.den * job_.x.den * static_cast<double>(rest_);
            if (most - second > open + rounding * most) break;
        }
        return best.label();
    }

  private:
    const double *weights_of(std::int64_t n) const {
        return job_.weights + n * queries_ * job_.classes;
    }

    // The intervals of queries and classes in the tile, and the classes that may be largest.
    void bound_classes() {
        reader_.bound(low_, high_);
        for (std::int64_t q = 0; q < job_.bounds.pitch; q += lanes) {
            const F low = load<F>(low_ + q), high = load<F>(high_ + q);
            store(size_ + q, max(-low, high));
            store(range_ + q, high - low);
        }
        for (std::int64_t q = 0; q < job_.bounds.pitch; q += lanes) {
            const F low = load<F>(low_ + q), high = load<F>(high_ + q);
            store(low_ + q, sigmoid(low));
            store(high_ + q, sigmoid(high));
        }
        for (std::int64_t c = 0; c < pitch_; c += lanes) {
            F low{}, high{};
            for (std::int64_t q = 0; q < queries_; ++q) {
                const F weight = load<F>(weights_ + q * pitch_ + c);
                low = fma(broadcast<F>(low_[q]), weight, low);
                high = fma(broadcast<F>(high_[q]), weight, high);
            }
            store(low_sums_ + c, low);
            store(high_sums_ + c, high);
        }
        lowest_ = low_sums_[0];
        for (std::int64_t c = 1; c < job_.classes; ++c) lowest_ = max(lowest_, low_sums_[c]);
        lowest_ = lowest_ * (1.0f - slack) - tiny_;
        listed_ = 0;
        for (std::int64_t c = 0; c < job_.classes; ++c)
            if (high_sums_[c] * (1.0f + slack) + tiny_ >= lowest_)
                classes_[listed_++] = static_cast<std::int32_t>(c);
    }

    // The largest weight of a query among the classes that may be largest.
    float most_weight(std::int64_t q) const {
        if (4 * listed_ > job_.classes) return most_[q];
        float most = 0.0f;
        for (std::int64_t i = 0; i < listed_; ++i)
            most = max(most, weights_[q * pitch_ + classes_[i]]);
        return most;
    }

    // The sums of these classes at the points of the tile.
    Planes sum_planes() {
        const float least = negligible * max(lowest_, 0.0f) / static_cast<float>(queries_);
        float error = 0.0f;
        rest_ = 0.0f;
        for (std::int64_t i = 0; i < listed_; ++i) high_sums_[i] = 0.0f;
        std::int64_t count = 0;
        for (std::int64_t q = 0; q < queries_; ++q) {
            const float high = high_[q] * most_weight(q);
            if (high > least) {
                active_[count++] = static_cast<std::int32_t>(q);
                const float here = logit_error(size_[q], range_[q]);
                const float spread = here * steepest(low_[q], high_[q]);
                error = max(error, here);
                for (std::int64_t i = 0; i < listed_; ++i)
                    high_sums_[i] += spread * weights_[q * pitch_ + classes_[i]];
            } else {
                rest_ += high;
            }
        }
        for (std::int64_t i = 0; i < count; ++i) {
            float *values = sigmoids_ + i * tile_points;
            reader_.read(active_[i], values);
            for (std::int64_t p = 0; p < tile_points; p += lanes)
                store(values + p, sigmoid(load<F>(values + p)));
        }
        std::int64_t c = 0;
        for (; c + 2 <= listed_; c += 2) sum_classes<2>(c, count);
        if (c < listed_) sum_classes<1>(c, count);
        active_count_ = count;
        rest_ = rest_ * (1.0f + slack) + tiny_;
        float spread = 0.0f;
        for (std::int64_t i = 0; i < listed_; ++i) spread = max(spread, high_sums_[i]);
        const float relative = sum_error(queries_);
        return {planes_,          planes_, nullptr,  listed_,
                relative + error, rest_,   relative, rest_ + spread * (1.0f + slack)};
    }

    // Of `width` listed classes from c on, in blocks of queries, which keep rounding errors small.
    template <int width> void sum_classes(std::int64_t c, std::int64_t count) {
        constexpr int step = 4;
        constexpr std::int64_t block = 16;
        std::int32_t label[width];
        for (int j = 0; j < width; ++j) label[j] = classes_[c + j];
        for (std::int64_t p = 0; p < tile_points; p += step * lanes) {
            float *planes = planes_ + c * tile_points + p;
            for (std::int64_t first = 0; first < count || first == 0; first += block) {
                F sum[width][step] = {};
                for (std::int64_t i = first; i < min(first + block, count); ++i) {
                    const float *values = sigmoids_ + i * tile_points + p;
                    const float *weights = weights_ + active_[i] * pitch_;
                    F value[step];
                    for (int k = 0; k < step; ++k) value[k] = load<F>(values + k * lanes);
                    for (int j = 0; j < width; ++j) {
                        const F weight = broadcast<F>(weights[label[j]]);
                        for (int k = 0; k < step; ++k) sum[j][k] = fma(weight, value[k], sum[j][k]);
                    }
                }
                for (int j = 0; j < width; ++j)
                    for (int k = 0; k < step; ++k) {
                        float *to = planes + j * tile_points + k * lanes;
                        store(to, first == 0 ? sum[j][k] : sum[j][k] + load<F>(to));
                    }
            }
        }
    }

    // The sums of the listed classes at a point, over the active queries or over all: once.
    const double *sums_at(std::int64_t point, bool all) const {
        const std::int64_t place = all ? tile_points + point : point;
        double *sums = exact_ + place * job_.classes;
        if (is_exact_[place]) return sums;
        is_exact_[place] = 1;
        const double *weights = weights_of(tile_.n);
        const PointCorners corners = reader_.corners(point);
        const std::int64_t count = all ? queries_ : active_count_;
        const auto query = [&](std::int64_t i) {
            return all ? i : static_cast<std::int64_t>(active_[i]);
        };
        for (std::int64_t i = 0; i < count; ++i) reader_.prefetch(query(i), corners);
        for (std::int64_t i = 0; i < listed_; ++i) sums[i] = 0.0;
        for (std::int64_t i = 0; i < count; ++i) {
            const double value = exact_sigmoid(reader_.value(query(i), corners));
            const double *row = weights + query(i) * job_.classes;
            for (std::int64_t j = 0; j < listed_; ++j) sums[j] += row[classes_[j]] * value;
        }
        return sums;
    }

    const QueryClassesJob &job_;
    PointReader<T> reader_;
    CellMemory memory_;
    QueryTile tile_{};
    std::int64_t queries_, pitch_, listed_ = 0, active_count_ = 0;
    float tiny_, lowest_ = 0.0f, rest_ = 0.0f;
    float *low_, *high_;           // [bounds.pitch] of sigmoids
    float *size_, *range_;         // [bounds.pitch] of logits
    float *weights_;               // [Q, pitch]
    float *most_;                  // [Q] the largest weight
    float *low_sums_, *high_sums_; // [pitch]
    std::int32_t *classes_;        // [C] that may be largest
    std::int32_t *active_;         // [Q]
    float *sigmoids_;              // [Q, tile_points]
    float *planes_;                // [C, tile_points]
    double *exact_;                // [2, tile_points, C] of active queries, and of all
    std::uint8_t *is_exact_;       // [2, tile_points]
};

template <class T>
void label_band(const QueryClassesJob &job, const QueryTile &band, char *memory) {
    Scratch scratch(memory);
    ClassTiles<T> tiles(job, scratch);
    tiles.take_weights(band.n);
    for (std::int64_t x = band.x0; x < band.x1; x += cell_columns) {
        const QueryTile tile{band.n, band.y0, band.y1, x, min(x + cell_columns, band.x1)};
        job.labels.dtype == DType::u8 ? tiles.template label<std::uint8_t>(tile)
                                      : tiles.template label<std::int32_t>(tile);
    }
}

} // namespace

std::int64_t query_classes_scratch(const QueryClassesJob &job) {
    Scratch scratch(nullptr);
    ClassTiles<double> tiles(job, scratch);
    return scratch.used();
}

// At most seven rows of cells.
void query_classes(const QueryClassesJob &job, const QueryTile &band, char *memory) {
    fits_float(job.masks.dtype) ? label_band<float>(job, band, memory)
                                : label_band<double>(job, band, memory);
}

} // namespace segpost::SEGPOST_LEVEL
