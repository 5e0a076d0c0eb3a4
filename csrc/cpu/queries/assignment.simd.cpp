// The query with the largest weighted mask, and the areas of masks, tile by tile of the score grid.
#include "cpu/queries/cells.hpp"
#include "cpu/runtime/kernel_table.hpp"

namespace segpost::SEGPOST_LEVEL {
namespace {

template <class T> class AssignmentTiles {
  public:
    AssignmentTiles(const AssignQueriesJob &job, Scratch &scratch)
        : job_(job), reader_(job, scratch), memory_(job, job.count, scratch) {
        low_ = scratch.take<float>(job.bounds.pitch);
        high_ = scratch.take<float>(job.bounds.pitch);
        least_ = scratch.take<float>(job.count);
        most_ = scratch.take<float>(job.count);
        scores_ = scratch.take<float>(job.count);
        plane_ = scratch.take<std::int32_t>(job.count);
        weights_ = scratch.take<float>(job.count * tile_points);
        values_ = job.is_late ? scratch.take<float>(job.count * tile_points) : weights_;
        counts_ = scratch.take<QueryCounts>(job.count);
        if (scratch.counting()) return;
        for (std::int64_t k = 0; k < job.count; ++k)
            counts_[k] = {0, 0, 0, job.x.n_out, job.y.n_out, 0, 0};
    }
    const QueryCounts *counts() const { return counts_; }

    template <class L> void label(const QueryTile &tile) {
        const TilePixels pixels(job_, tile, memory_.t);
        if (pixels.count() == 0) return;
        reader_.move_to_cells(tile);
        bound_weights();
        list_queries(pixels);
        const auto rows = [&](std::int64_t y) {
            return reinterpret_cast<L *>(job_.labels.row(tile.n, y));
        };
        const auto fill = [&](std::int64_t i, std::int64_t y0, std::int64_t y1, std::int64_t x0,
                              std::int64_t x1) {
            fill_labels<L>(job_.labels, tile.n, y0, y1, x0, x1, static_cast<L>(plane_[i]));
            add_pixels(counts_[plane_[i]], y0, y1, x0, x1);
        };
        const auto fill_tile = [&] {
            fill(0, pixels.top(0), pixels.top(pixels.rows()), pixels.left(0),
                 pixels.left(pixels.columns()));
        };
        const bool needs_planes = active_ > 1 || has_counted_planes();
        const Planes planes = needs_planes ? read_planes() : Planes{};
        if (active_ == 1)
            fill_tile();
        else
            label_cells(planes, pixels, memory_, *this, fill,
                        [&](std::int64_t i, std::int64_t y, std::int64_t x) {
                            rows(y)[x] = static_cast<L>(plane_[i]);
                            add_pixels(counts_[plane_[i]], y, y + 1, x, x + 1);
                        });
        const L none = static_cast<L>(job_.count);
        for (std::int64_t i = 0; i < listed_; ++i) {
            const std::int32_t k = plane_[i];
            if (!is_counted(k)) continue;
            counts_[k].mask_area += count_above(
                planes, i, job_.thresholds[k], pixels, *this,
                [&](std::int64_t y0, std::int64_t y1, std::int64_t x0, std::int64_t x1) {
                    if (!job_.cuts) return;
                    for (std::int64_t y = y0; y < y1; ++y)
                        for (std::int64_t x = x0; x < x1; ++x)
                            if (rows(y)[x] == static_cast<L>(k)) rows(y)[x] = none;
                });
        }
        if (job_.cuts) count_labels<L>(pixels);
    }

    double weight(std::int64_t i, std::int64_t y, std::int64_t x, std::int64_t point) const {
        const std::int32_t k = plane_[i];
        const CornerWeights<4> weights = corner_weights(job_.y, y, job_.x, x);
        const std::int64_t corner[4] = {point, point + 1, point + tile_columns,
                                        point + tile_columns + 1};
        double values[4];
        for (int j = 0; j < 4; ++j) {
            values[j] = weights.of[j] == 0 ? 0.0 : reader_.value(job_.queries[k], corner[j]);
            if (!job_.is_late) values[j] = job_.scores[k] * transformed(values[j]);
        }
        const double value = weights.sum(values) / (job_.y.den * job_.x.den);
        return job_.is_late ? job_.scores[k] * transformed(value) : value;
    }

    std::int64_t decide(const std::int32_t *list, std::int64_t count, std::int64_t y,
                        std::int64_t x, std::int64_t point) const {
        ExactLabel best;
        for (std::int64_t i = 0; i < count; ++i)
            best.add(static_cast<std::int32_t>(i), weight(list[i], y, x, point));
        return best.label();
    }

  private:
    double transformed(double value) const { return job_.is_logit ? value : exact_sigmoid(value); }
    F transformed(F value) const { return job_.is_logit ? value : sigmoid(value); }

    bool is_in(std::int64_t k) const { // all of the tile is in the mask
        return least_[k] > static_cast<float>(job_.thresholds[k]) ||
               (job_.thresholds[k] <= 0.0 && !job_.is_logit);
    }
    bool is_out(std::int64_t k) const {
        return most_[k] < static_cast<float>(job_.thresholds[k]) && !is_in(k);
    }
    // Whether pixels have to be compared with the threshold.
    bool is_counted(std::int64_t k) const { return !is_in(k) && (job_.cuts || !is_out(k)); }
    bool has_counted_planes() const {
        for (std::int64_t i = 0; i < listed_; ++i)
            if (is_counted(plane_[i])) return true;
        return false;
    }

    // The intervals of weighted masks in the tile.
    void bound_weights() {
        reader_.bound(low_, high_);
        largest_ = range_ = 0.0f;
        floor_ = -__builtin_inff();
        for (std::int64_t q = 0; q < job_.bounds.pitch; q += lanes) {
            const F low = load<F>(low_ + q), high = load<F>(high_ + q);
            largest_ = max(largest_, maximum(max(-low, high)));
            range_ = max(range_, maximum(high - low));
            store(low_ + q, transformed(low));
            store(high_ + q, transformed(high));
        }
        for (std::int64_t k = 0; k < job_.count; ++k) {
            const float score = static_cast<float>(job_.scores[k]);
            least_[k] = score * low_[job_.queries[k]];
            most_[k] = score * high_[job_.queries[k]];
            least_[k] -= slack * abs(least_[k]) + tiny_sigmoid;
            most_[k] += slack * abs(most_[k]) + tiny_sigmoid;
            floor_ = max(floor_, least_[k]);
        }
    }

    // The queries that may be largest somewhere, and after them others with an area to count.
    void list_queries(const TilePixels &pixels) {
        listed_ = 0;
        for (std::int64_t k = 0; k < job_.count; ++k)
            if (!(most_[k] < floor_)) plane_[listed_++] = static_cast<std::int32_t>(k);
        active_ = listed_;
        for (std::int64_t k = 0; k < job_.count; ++k) {
            if (is_in(k)) counts_[k].mask_area += pixels.count();
            if (most_[k] < floor_ && !is_in(k) && !is_out(k))
                plane_[listed_++] = static_cast<std::int32_t>(k);
        }
    }

    Planes read_planes() {
        for (std::int64_t i = 0; i < listed_; ++i) {
            const std::int32_t k = plane_[i];
            float *values = values_ + i * tile_points, *weights = weights_ + i * tile_points;
            scores_[i] = static_cast<float>(job_.scores[k]);
            const F score = broadcast<F>(scores_[i]);
            reader_.read(job_.queries[k], values);
            for (std::int64_t p = 0; p < tile_points; p += lanes)
                store(weights + p, score * transformed(load<F>(values + p)));
        }
        const float *late = job_.is_late ? scores_ : nullptr;
        const float relative = sum_error(1);
        if (job_.is_logit) {
            const float error = logit_error(largest_, range_) + relative * largest_ + tiny_sigmoid;
            return {weights_, values_, late, active_, 0.0f, error, 0.0f, error};
        }
        // A late mask is resized before the sigmoid, which makes 14u of its size 14uM.
        const float error = logit_error(job_.is_late ? 5.0f * largest_ : largest_, range_);
        return {weights_,         values_,      late,     active_,
                relative + error, tiny_sigmoid, relative, 0.25f * error + tiny_sigmoid};
    }

    void add_pixels(QueryCounts &counts, std::int64_t y0, std::int64_t y1, std::int64_t x0,
                    std::int64_t x1) const {
        counts.largest_area += (y1 - y0) * (x1 - x0);
        if (!job_.cuts) add_labels(counts, y0, y1, x0, x1);
    }
    static void add_labels(QueryCounts &counts, std::int64_t y0, std::int64_t y1, std::int64_t x0,
                           std::int64_t x1) {
        counts.label_area += (y1 - y0) * (x1 - x0);
        counts.x0 = min(counts.x0, x0), counts.x1 = max(counts.x1, x1);
        counts.y0 = min(counts.y0, y0), counts.y1 = max(counts.y1, y1);
    }

    template <class L> void count_labels(const TilePixels &pixels) {
        const std::int64_t x1 = pixels.left(pixels.columns());
        for (std::int64_t y = pixels.top(0); y < pixels.top(pixels.rows()); ++y) {
            const L *row = reinterpret_cast<const L *>(job_.labels.row(pixels.tile.n, y));
            for (std::int64_t x = pixels.left(0); x < x1;) {
                std::int64_t end = x + 1;
                while (end < x1 && row[end] == row[x]) ++end;
                if (row[x] != static_cast<L>(job_.count))
                    add_labels(counts_[row[x]], y, y + 1, x, end);
                x = end;
            }
        }
    }

    const AssignQueriesJob &job_;
    PointReader<T> reader_;
    CellMemory memory_;
    std::int64_t active_ = 0, listed_ = 0;
    float largest_ = 0.0f, range_ = 0.0f, floor_ = 0.0f;
    float *low_, *high_;       // [bounds.pitch]
    float *least_, *most_;     // [count] of weighted masks
    float *scores_;            // [count] of planes
    std::int32_t *plane_;      // [count] the number of the query of every plane
    float *weights_, *values_; // [count, tile_points]
    QueryCounts *counts_;
};

template <class T> void assign_band(const AssignQueriesJob &job, const QueryTile &band,
                                    char *memory, QueryCounts *counts) {
    Scratch scratch(memory);
    AssignmentTiles<T> tiles(job, scratch);
    for (std::int64_t x = band.x0; x < band.x1; x += cell_columns) {
        const QueryTile tile{band.n, band.y0, band.y1, x, min(x + cell_columns, band.x1)};
        job.labels.dtype == DType::u8 ? tiles.template label<std::uint8_t>(tile)
                                      : tiles.template label<std::int32_t>(tile);
    }
    for (std::int64_t k = 0; k < job.count; ++k) counts[k] = tiles.counts()[k];
}

} // namespace

std::int64_t assign_queries_scratch(const AssignQueriesJob &job) {
    Scratch scratch(nullptr);
    AssignmentTiles<double> tiles(job, scratch);
    return scratch.used();
}

// At most seven rows of cells; `counts` are of them.
void assign_queries(const AssignQueriesJob &job, const QueryTile &band, char *memory,
                    QueryCounts *counts) {
    fits_float(job.masks.dtype) ? assign_band<float>(job, band, memory, counts)
                                : assign_band<double>(job, band, memory, counts);
}

} // namespace segpost::SEGPOST_LEVEL
