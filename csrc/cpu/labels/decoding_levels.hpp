// The levels of the classes of a block of pixels of one row; see ops/labels/decoding.hpp. Only
// included by decoding.simd.cpp.
#pragma once

#include "cpu/runtime/kernel_table.hpp"
#include "cpu/simd/exp_negative.hpp"
#include "cpu/simd/load.hpp"
#include "ops/labels/decoding.hpp"

namespace segpost::SEGPOST_LEVEL {
namespace {

constexpr std::int64_t block = decoding_block;

// A row of the grid.
struct GridRow {
    double *planes;     // [C][pitch]
    float *below;       // [C][pitch] real differences to the largest
    std::int32_t *open; // [pitch] whether a logit is infinite or NaN
};

struct LevelWork {
    GridRow upper, lower;
    float *level;            // [pitch] of the cells of a block
    double *corners;         // [C][4][block] logits of listed classes
    double *weights;         // [4][block]
    double *values;          // [C][block]
    float *levels;           // [C][block] of listed classes
    std::int32_t *list;      // [C] classes whose levels may be above 0
    std::uint8_t *undefined; // [block]
    std::int64_t classes, pitch;

    LevelWork(const DecodingJob &job, const Tile &tile, Scratch &scratch) : classes(job.logits.c) {
        const std::int64_t cells = job.x.cell[tile.x1 - 1] - job.x.cell[tile.x0] + 2;
        pitch = round_up(cells, lanes) + lanes;
        upper = take_row(scratch);
        lower = take_row(scratch);
        level = scratch.take<float>(pitch);
        corners = scratch.take<double>(classes * 4 * block);
        weights = scratch.take<double>(4 * block);
        values = scratch.take<double>(classes * block);
        levels = scratch.take<float>(classes * block);
        list = scratch.take<std::int32_t>(classes);
        undefined = scratch.take<std::uint8_t>(block);
    }
    GridRow take_row(Scratch &scratch) const {
        GridRow row;
        row.planes = scratch.take<double>(classes * pitch);
        row.below = scratch.take<float>(classes * pitch);
        row.open = scratch.take<std::int32_t>(pitch);
        return row;
    }
};

// What a sink reads of a block: column x0 of row y first.
struct LevelBlock {
    std::int64_t n, y, x0, count, listed;
    const std::int32_t *list;
    const float *levels;           // [listed][block], 0 from `count` on, and where undefined
    const std::uint8_t *undefined; // null: no pixel is
};

class BlockReader {
  public:
    BlockReader(const DecodingJob &job, const Tile &tile, char *memory)
        : job_(job), tile_(tile), scratch_(memory), work_(job, tile, scratch_),
          first_(job.x.cell[tile.x0]), cells_(job.x.cell[tile.x1 - 1] - first_ + 2) {}

    // Calls sink(block) for every block of the tile with this mark; the sink returns the new mark.
    template <class Sink> void visit(BlockMark which, const Sink &sink) {
        for (std::int64_t cell = tile_.y0; cell < tile_.y1; ++cell) {
            const std::int64_t begin = max<std::int64_t>(job_.y.start[cell], tile_.row0);
            const std::int64_t end = min<std::int64_t>(job_.y.start[cell + 1], tile_.row1);
            bool is_read = false;
            for (std::int64_t x = tile_.x0; x < tile_.x1; x += block) {
                const std::int64_t place = x / block;
                bool is_gathered = false;
                for (std::int64_t y = begin; y < end; ++y) {
                    std::uint8_t &mark = job_.marks(tile_.n, y)[place];
                    if (mark != static_cast<std::uint8_t>(which)) continue;
                    if (!is_read) read(cell);
                    if (!is_gathered) gather(x);
                    is_read = is_gathered = true;
                    mark = static_cast<std::uint8_t>(sink(levels_of(y, x)));
                }
            }
        }
    }

  private:
    void read(std::int64_t cell) {
        const std::int64_t next = min(cell + 1, job_.y.n_in - 1);
        if (lower_ == cell) {
            const GridRow row = work_.upper;
            work_.upper = work_.lower, work_.lower = row;
        } else {
            read_row(work_.upper, cell);
        }
        read_row(work_.lower, next);
        lower_ = next;
        slack_ = static_cast<float>(min(largest_ * real_unit() * 0x1p-46, 1e30));
    }

    double real_unit() const { return job_.unit * job_.y.den * job_.x.den; }

    void read_row(const GridRow &row, std::int64_t y) {
        const std::int64_t pitch = work_.pitch, count = min(cells_, job_.x.n_in - first_);
        load_row(row.planes, pitch, job_.logits, tile_.n, y, first_, count, nullptr);
        repeat_last(row.planes, pitch, work_.classes, count, pitch);
        const double unit = real_unit();
        for (std::int64_t i = 0; i < pitch; ++i) {
            double most = row.planes[i];
            bool finite = true;
            for (std::int64_t c = 0; c < work_.classes; ++c) {
                const double value = row.planes[c * pitch + i];
                finite &= __builtin_fabs(value) < limit_float64;
                most = value > most ? value : most;
            }
            row.open[i] = !finite;
            if (!finite) continue;
            for (std::int64_t c = 0; c < work_.classes; ++c) {
                const double value = row.planes[c * pitch + i];
                row.below[c * pitch + i] = static_cast<float>((value - most) * unit);
                largest_ = max(largest_, __builtin_fabs(value));
            }
        }
    }

    // Lists the classes of a block, and spreads their corners over its pixels.
    void gather(std::int64_t x) {
        const std::int64_t count = min(block, tile_.x1 - x), pitch = work_.pitch;
        const std::int64_t cell0 = job_.x.cell[x] - first_;
        const std::int64_t cells = job_.x.cell[x + count - 1] - first_ - cell0 + 1;
        bool open = false;
        for (std::int64_t i = cell0; i <= cell0 + cells; ++i)
            open |= work_.upper.open[i] | work_.lower.open[i];
        finite_ = !open;
        list_classes(cell0, cells);
        for (std::int64_t k = 0; k < listed_; ++k) {
            const std::int64_t c = work_.list[k];
            const double *upper = work_.upper.planes + c * pitch;
            const double *lower = work_.lower.planes + c * pitch;
            double *to = work_.corners + k * 4 * block;
            for (std::int64_t i = 0; i < count; ++i) {
                const std::int64_t cell = job_.x.cell[x + i] - first_;
                to[i] = upper[cell], to[block + i] = upper[cell + 1];
                to[2 * block + i] = lower[cell], to[3 * block + i] = lower[cell + 1];
            }
            for (std::int64_t i = count; i < block; ++i)
                for (std::int64_t corner = 0; corner < 4; ++corner) to[corner * block + i] = 0.0;
        }
    }

    void list_classes(std::int64_t cell0, std::int64_t cells) {
        listed_ = 0;
        const auto add = [&](std::int64_t c) {
            work_.list[listed_++] = static_cast<std::int32_t>(c);
        };
        if (!finite_) {
            for (std::int64_t c = 0; c < work_.classes; ++c) add(c);
            return;
        }
        float *level = work_.level;
        for (std::int64_t i = 0; i < cells; ++i) level[i] = -__builtin_inff();
        for (std::int64_t c = 0; c < work_.classes; ++c) {
            const float *p = work_.upper.below + c * work_.pitch + cell0;
            const float *q = work_.lower.below + c * work_.pitch + cell0;
            for (std::int64_t i = 0; i < cells; ++i)
                level[i] = max(level[i], min(min(p[i], p[i + 1]), min(q[i], q[i + 1])));
        }
        for (std::int64_t i = 0; i < cells; ++i) // what float32 rounds is a part of the level
            level[i] = level[i] * 1.00001f + (lowest_difference - 0.1f - slack_);
        for (std::int64_t c = 0; c < work_.classes; ++c) {
            const float *p = work_.upper.below + c * work_.pitch + cell0;
            const float *q = work_.lower.below + c * work_.pitch + cell0;
            std::int32_t near = 0;
            for (std::int64_t i = 0; i < cells; ++i)
                near |= max(max(p[i], p[i + 1]), max(q[i], q[i + 1])) >= level[i];
            if (near) add(c);
        }
    }

    LevelBlock levels_of(std::int64_t y, std::int64_t x) {
        const std::int64_t count = min(block, tile_.x1 - x);
        const double down[2] = {job_.y.w0[y], job_.y.w1[y]};
        for (std::int64_t i = 0; i < block; ++i) {
            const bool inside = i < count;
            const double left = inside ? job_.x.w0[x + i] : 0.0;
            const double right = inside ? job_.x.w1[x + i] : 0.0;
            work_.weights[i] = down[0] * left, work_.weights[block + i] = down[0] * right;
            work_.weights[2 * block + i] = down[1] * left;
            work_.weights[3 * block + i] = down[1] * right;
        }
        for (std::int64_t k = 0; k < listed_; ++k)
            finite_ ? interpolate(k) : interpolate_weighed(k);
        const bool defined = normalize(count);
        return {tile_.n,
                y,
                x,
                count,
                listed_,
                work_.list,
                work_.levels,
                defined ? nullptr : work_.undefined};
    }

    void interpolate(std::int64_t k) {
        const double *v = work_.corners + k * 4 * block, *w = work_.weights;
        double *to = work_.values + k * block;
        for (std::int64_t i = 0; i < block; ++i)
            to[i] = ((w[i] * v[i] + w[block + i] * v[block + i]) +
                     w[2 * block + i] * v[2 * block + i]) +
                    w[3 * block + i] * v[3 * block + i];
    }

    // A weight of zero wins over an infinity or a NaN.
    void interpolate_weighed(std::int64_t k) {
        const double *v = work_.corners + k * 4 * block, *w = work_.weights;
        double *to = work_.values + k * block;
        for (std::int64_t i = 0; i < block; ++i) {
            double sum = 0.0;
            for (std::int64_t corner = 0; corner < 4 * block; corner += block)
                sum += w[corner + i] == 0.0 ? 0.0 : w[corner + i] * v[corner + i];
            to[i] = sum;
        }
    }

    // Values to levels. False: a pixel is undefined.
    bool normalize(std::int64_t count) {
        double most[block], total[block];
        float scale[block];
        for (std::int64_t i = 0; i < block; ++i) most[i] = work_.values[i], total[i] = 0.0;
        for (std::int64_t k = 1; k < listed_; ++k) {
            const double *v = work_.values + k * block;
            for (std::int64_t i = 0; i < block; ++i) most[i] = v[i] > most[i] ? v[i] : most[i];
        }
        const double unit = job_.unit;
        for (std::int64_t k = 0; k < listed_; ++k) {
            const double *v = work_.values + k * block;
            float *power = work_.levels + k * block;
            for (std::int64_t i = 0; i < block; ++i) {
                const float below = static_cast<float>((v[i] - most[i]) * unit);
                power[i] = below < lowest_difference ? 0.0f : exp_negative(below);
            }
            for (std::int64_t i = 0; i < block; ++i) total[i] += static_cast<double>(power[i]);
        }
        bool defined = true;
        for (std::int64_t i = 0; i < block; ++i) {
            scale[i] = i < count ? static_cast<float>(double{level_unit} / total[i]) : 0.0f;
            defined &= scale[i] == scale[i];
        }
        if (!defined) {
            for (std::int64_t i = 0; i < block; ++i) work_.undefined[i] = is_nan(scale[i]);
        }
        for (std::int64_t k = 0; k < listed_; ++k) {
            float *power = work_.levels + k * block;
            for (std::int64_t i = 0; i < block; ++i) {
                constexpr float whole = 8388608.0f; // from which on all float32 are integers
                const float level = power[i] * scale[i];
                power[i] = level < whole ? (level + whole) - whole : level;
            }
            if (!defined)
                for (std::int64_t i = 0; i < block; ++i)
                    power[i] = work_.undefined[i] ? 0.0f : power[i];
        }
        return defined;
    }

    const DecodingJob &job_;
    const Tile &tile_;
    Scratch scratch_;
    LevelWork work_;
    std::int64_t first_, cells_, listed_ = 0;
    std::int64_t lower_ = -1; // the row of the grid in work_.lower
    double largest_ = 0.0;
    float slack_ = 0.0f;
    bool finite_ = true;
};

inline std::int64_t level_scratch(const DecodingJob &job, const Tile &tile) {
    Scratch scratch(nullptr);
    LevelWork work(job, tile, scratch);
    return scratch.used();
}

} // namespace
} // namespace segpost::SEGPOST_LEVEL
