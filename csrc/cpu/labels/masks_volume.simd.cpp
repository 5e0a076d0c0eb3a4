// binarize of trilinearly resampled volumes: masks, or labels of masks. Cells whose eight corners
// are on one side are filled, in the others float32 decides where it can. The proofs are those of
// ops/labels/masks.hpp with the errors of ops/labels/volumes.hpp.
#include "cpu/labels/mask_sides.hpp"
#include "cpu/runtime/kernel_table.hpp"
#include "cpu/simd/load.hpp"
#include "ops/exact.hpp"
#include "ops/labels/volumes.hpp"

namespace segpost::SEGPOST_LEVEL {
namespace {

// Output slices, and rows.
struct Span {
    std::int64_t z0, z1, y0, y1;
};

template <class T> class VolumeMask {
    using Row = GridRow<T, std::uint8_t>;

  public:
    VolumeMask(const BinarizeVolumeJob &job, const Tile3D &tile, Scratch &scratch)
        : job_(job), tile_(tile) {
        cells_ = job.x.cells();
        pitch_ = round_up(cells_ + 1, lanes) + lanes;
        rows_ = tile.y1 - tile.y0 + 1;
        for (Row *&slice : slices_) {
            slice = scratch.take<Row>(rows_);
            for (std::int64_t y = 0; y < rows_; ++y) {
                Row row;
                row.values = scratch.take<T>(pitch_);
                row.side = scratch.take<std::uint8_t>(pitch_);
                if (!scratch.counting()) slice[y] = row;
            }
        }
        side_ = scratch.take<std::uint8_t>(pitch_);
        bound_ = scratch.take<float>(pitch_);
        for (float *&line : lines_) line = scratch.take<float>(pitch_);
        line_ = scratch.take<float>(pitch_);
        cell_ = scratch.take<std::int32_t>(job.x.n_out + lanes);
        t_ = scratch.take<float>(job.x.n_out + lanes);
        if (scratch.counting()) return;
        for (std::int64_t x = 0; x < job.x.n_out + lanes; ++x) {
            const std::int64_t column = min(x, job.x.n_out - 1);
            cell_[x] = job.x.cell[column], t_[x] = job.x.t[column];
        }
    }

    // Writes the pixels of a channel that are set; all were clear, or of channels before it.
    void write(std::int64_t c, LogitErrors &errors) {
        c_ = c;
        std::int64_t read = -1; // the slice that slices_[1] holds
        for (std::int64_t z = tile_.z0; z < tile_.z1; ++z) {
            if (read == z) {
                Row *const behind = slices_[0];
                slices_[0] = slices_[1];
                slices_[1] = behind;
            } else {
                read_slice(slices_[0], z, errors);
            }
            read_slice(slices_[1], z + 1, errors);
            read = z + 1;
            for (std::int64_t y = tile_.y0; y < tile_.y1; ++y) {
                const Span span{job_.z.start[z], job_.z.start[z + 1], job_.y.start[y],
                                job_.y.start[y + 1]};
                if (span.z0 != span.z1 && span.y0 != span.y1)
                    write_cells(y - tile_.y0, span, errors);
            }
        }
    }

  private:
    const MaskLevel &level() const { return job_.levels[c_]; }

    // Slices behind the last one are copies of it.
    void read_slice(Row *slice, std::int64_t index, LogitErrors &errors) const {
        const std::int64_t z = min(index, job_.z.n_in - 1);
        Logits plane = job_.slice(z);
        plane.data += c_ * plane.stride_c;
        plane.c = 1;
        // Each pixel is counted by one tile: its last slice and row belong to the next.
        const bool counts = index == z && (z < tile_.z1 || tile_.z1 == job_.z.cells());
        for (std::int64_t i = 0; i < rows_; ++i) {
            const std::int64_t y = tile_.y0 + i;
            if (y >= job_.y.n_in) { // an axis of one row
                slice[i] = slice[i - 1];
                continue;
            }
            const bool has_nan = read_row(slice[i], plane, y);
            if (__builtin_expect(has_nan, 0) && counts &&
                (y < tile_.y1 || tile_.y1 == job_.y.cells()))
                count_nan(slice[i].values, pitch_, 1, plane.w,
                          ((tile_.n * job_.depth + z) * plane.h + y) * plane.w, errors);
        }
    }

    // Returns whether there is a NaN.
    bool read_row(const Row &row, const Logits &plane, std::int64_t y) const {
        load_row(row.values, pitch_, plane, tile_.n, y, 0, plane.w, nullptr);
        repeat_last(row.values, pitch_, 1, plane.w, pitch_);
        row.find_sides(level(), pitch_);
        bool has_nan = false;
        for (std::int64_t i = 0; i < pitch_; ++i) has_nan |= row.values[i] != row.values[i];
        return has_nan;
    }

    // A row of cells, from row i of the tile's grid on.
    void write_cells(std::int64_t i, const Span &span, LogitErrors &errors) {
        const Row rows[4] = {slices_[0][i], slices_[0][i + 1], slices_[1][i], slices_[1][i + 1]};
        find_sides(rows);
        std::int64_t cell = 0;
        while (cell < cells_) {
            const std::int64_t first = cell;
            const std::uint8_t side = side_[first];
            while (cell < cells_ && side_[cell] == side) ++cell;
            const std::int64_t x0 = job_.x.start[first], x1 = job_.x.start[cell];
            if (side == side_clear || x0 == x1) continue;
            if (side == side_mixed) {
                write_mixed(rows, first, cell, span, errors);
                continue;
            }
            for (std::int64_t z = span.z0; z < span.z1; ++z)
                for (std::int64_t y = span.y0; y < span.y1; ++y) fill(z, y, x0, x1);
        }
    }

    // The side of every cell, and the bound of those that are mixed.
    void find_sides(const Row (&rows)[4]) const {
        const std::uint8_t *a = rows[0].side, *b = rows[1].side, *c = rows[2].side,
                           *d = rows[3].side;
        std::uint8_t *const side = side_; // a byte that is written might be a member
        for (std::int64_t i = 0, cells = cells_; i < cells; ++i) {
            const std::uint8_t all =
                a[i] | b[i] | c[i] | d[i] | a[i + 1] | b[i + 1] | c[i + 1] | d[i + 1];
            const std::uint8_t any =
                a[i] & b[i] & c[i] & d[i] & a[i + 1] & b[i + 1] & c[i + 1] & d[i + 1];
            side[i] = all == any ? all : std::uint8_t{side_mixed};
        }
        if constexpr (sizeof(T) == 4)
            for (std::int64_t i = 0; i < cells_; ++i) {
                if (side_[i] != side_mixed) continue;
                float corner[8];
                for (int k = 0; k < 8; ++k) corner[k] = rows[k / 2].values[i + k % 2];
                bound_[i] = bound_of_size(largest_size(corner, level()));
            }
    }

    // Mixed cells [first, last).
    void write_mixed(const Row (&rows)[4], std::int64_t first, std::int64_t last, const Span &span,
                     LogitErrors &errors) const {
        const std::int64_t x0 = job_.x.start[first], x1 = job_.x.start[last];
        for (std::int64_t z = span.z0; z < span.z1; ++z) {
            if constexpr (sizeof(T) == 4) {
                const float t = job_.z.t[z];
                for (int k = 0; k < 2; ++k)
                    for (std::int64_t i = first; i <= last; ++i) {
                        const float front = rows[k].values[i], back = rows[2 + k].values[i];
                        lines_[k][i] = front + t * (back - front);
                    }
            }
            for (std::int64_t y = span.y0; y < span.y1; ++y) {
                if constexpr (sizeof(T) == 4) {
                    const float t = job_.y.t[y];
                    for (std::int64_t i = first; i <= last; ++i)
                        line_[i] = lines_[0][i] + t * (lines_[1][i] - lines_[0][i]);
                }
                for (std::int64_t x = x0; x < x1; x += lanes)
                    write_columns(rows, z, y, x, min<std::int64_t>(lanes, x1 - x), errors);
            }
        }
    }

    // Columns of mixed cells, at most as many as there are lanes.
    void write_columns(const Row (&rows)[4], std::int64_t z, std::int64_t y, std::int64_t x,
                       std::int64_t count, LogitErrors &errors) const {
        const std::uint32_t valid = static_cast<std::uint32_t>((std::uint64_t{1} << count) - 1);
        std::uint8_t is_set[lanes];
        std::uint32_t near = valid;
        if constexpr (sizeof(T) == 4) {
            F left, right, bound;
            gather(x, count, left, right, bound);
            const F difference =
                fma(load<F>(t_ + x), right - left, left - broadcast<F>(level().level));
            store(is_set, low_bytes((I)(difference > F{})));
            near = ~mask_bits((I)(abs(difference) > bound)) & valid; // NaN, too
        }
        for (; __builtin_expect(near != 0, 0); near &= near - 1) {
            const int j = __builtin_ctz(near);
            is_set[j] = exceeds(rows, z, y, x + j, errors) ? 0xff : 0;
        }
        put(out(z, y), x, count, is_set);
    }

    // The values at both sides of columns, and the bounds of their cells.
    void gather(std::int64_t x, std::int64_t count, F &left, F &right, F &bound) const {
        const std::int64_t base = cell_[x];
        if (__builtin_expect(cell_[x + lanes - 1] - base < lanes, 1)) {
            const I index = load<I>(cell_ + x) - broadcast<I>(static_cast<std::int32_t>(base));
            left = permute(load<F>(line_ + base), index);
            right = permute(load<F>(line_ + base + 1), index);
            bound = permute(load<F>(bound_ + base), index);
            return;
        }
        float lane[3][lanes] = {};
        for (std::int64_t j = 0; j < count; ++j) {
            const std::int64_t cell = cell_[x + j];
            lane[0][j] = line_[cell], lane[1][j] = line_[cell + 1], lane[2][j] = bound_[cell];
        }
        left = load<F>(lane[0]), right = load<F>(lane[1]), bound = load<F>(lane[2]);
    }

    // Writes the value of the channel where all bits of a byte are set.
    void put(char *row, std::int64_t x, std::int64_t count, const std::uint8_t *is_set) const {
        const std::int32_t value = job_.value(c_);
        if (job_.narrow) {
            const std::uint8_t byte = static_cast<std::uint8_t>(value);
            std::uint8_t *to = reinterpret_cast<std::uint8_t *>(row) + x;
            const auto write = [&](std::int64_t n) {
                for (std::int64_t j = 0; j < n; ++j)
                    to[j] = static_cast<std::uint8_t>((is_set[j] & byte) | (~is_set[j] & to[j]));
            };
            count == lanes ? write(lanes) : write(count);
        } else {
            std::int32_t *to = reinterpret_cast<std::int32_t *>(row) + x;
            for (std::int64_t j = 0; j < count; ++j) to[j] = is_set[j] ? value : to[j];
        }
    }

    // The definition.
    std::uint8_t exceeds(const Row (&rows)[4], std::int64_t z, std::int64_t y, std::int64_t x,
                         LogitErrors &errors) const {
        const std::int64_t cell = job_.x.cell[x];
        T corner[8];
        for (int i = 0; i < 8; ++i) corner[i] = rows[i / 2].values[cell + i % 2];
        const double sum = corner_weights(job_.z, z, job_.y, y, job_.x, x).sum(corner);
        if (__builtin_expect(sum != sum, 0)) {
            const std::int64_t mask = tile_.n * job_.logits.c + c_;
            errors.add_undefined(1,
                                 ((mask * job_.z.n_out + z) * job_.y.n_out + y) * job_.x.n_out + x);
        }
        return sum > level().cutoff;
    }

    char *out(std::int64_t z, std::int64_t y) const { return job_.row(tile_.n, c_, z, y); }

    void fill(std::int64_t z, std::int64_t y, std::int64_t x0, std::int64_t x1) const {
        char *const row = out(z, y);
        const std::size_t count = static_cast<std::size_t>(x1 - x0);
        if (job_.narrow) {
            __builtin_memset(row + x0, job_.value(c_), count);
        } else {
            std::int32_t *const wide = reinterpret_cast<std::int32_t *>(row);
            for (std::int64_t x = x0; x < x1; ++x) wide[x] = job_.value(c_);
        }
    }

    const BinarizeVolumeJob &job_;
    const Tile3D &tile_;
    std::int64_t c_ = 0, cells_ = 0, pitch_ = 0, rows_ = 0;
    Row *slices_[2];     // [rows] each
    std::uint8_t *side_; // [pitch] of cells
    float *bound_;       // [pitch] of mixed cells: closer to the level the definition decides
    float *lines_[2];    // [pitch] two rows between the slices
    float *line_;        // [pitch] a row between those
    std::int32_t *cell_; // [columns + lanes]
    float *t_;           // [columns + lanes]
};

template <class T> void binarize(const BinarizeVolumeJob &job, const MaskTile3D &area, char *memory,
                                 LogitErrors &errors) {
    const Tile3D &tile = area.tile;
    const std::size_t size = static_cast<std::size_t>(job.x.n_out * (job.narrow ? 1 : 4));
    const std::int64_t planes = job.values ? 1 : area.c1 - area.c0;
    for (std::int64_t c = area.c0; c < area.c0 + planes; ++c)
        for (std::int64_t z = job.z.start[tile.z0]; z < job.z.start[tile.z1]; ++z)
            for (std::int64_t y = job.y.start[tile.y0]; y < job.y.start[tile.y1]; ++y)
                __builtin_memset(job.row(tile.n, c, z, y), 0, size);
    Scratch scratch(memory);
    VolumeMask<T> mask(job, tile, scratch);
    for (std::int64_t c = area.c0; c < area.c1; ++c) mask.write(c, errors);
}

} // namespace

std::int64_t binarize_volume_scratch(const BinarizeVolumeJob &job, const MaskTile3D &area) {
    Scratch scratch(nullptr);
    VolumeMask<double> mask(job, area.tile, scratch);
    return scratch.used();
}

void binarize_volume(const BinarizeVolumeJob &job, const MaskTile3D &area, char *memory,
                     LogitErrors &errors) {
    if (fits_float(job.logits.dtype))
        binarize<float>(job, area, memory, errors);
    else
        binarize<double>(job, area, memory, errors);
}

} // namespace segpost::SEGPOST_LEVEL
