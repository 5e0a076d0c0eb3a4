// Adds resized values to sums, row by row: sums are read and written once, and nothing of the
// output's size is made beside them. Values are computed in float64 and rounded once.
#include "cpu/runtime/kernel_table.hpp"
#include "cpu/simd/load.hpp"
#include "ops/exact.hpp"

namespace segpost::SEGPOST_LEVEL {
namespace {

constexpr int wide = lanes / 2; // float64 lanes
using D = Vec<wide>::f64;

struct Work {
    double *upper, *lower; // [C][cell_pitch] two rows of the grid
    double *blend;         // [cell_pitch + 1] one class between them, over the denominators
    double *w0, *w1;       // [column_pitch] weights of the columns
    float *values;         // [C][column_pitch] without resampling, else [column_pitch]
    float *weights;        // [column_pitch]
    std::int64_t cell_pitch, column_pitch;

    Work(const AddResizedJob &job, Scratch &scratch) {
        const std::int64_t planes = job.resample ? 1 : job.logits.c;
        cell_pitch = round_up(job.logits.w + 1, lanes) + lanes;
        column_pitch = round_up(job.width(), lanes) + lanes;
        upper = scratch.take<double>(job.resample ? job.logits.c * cell_pitch : 0);
        lower = scratch.take<double>(job.resample ? job.logits.c * cell_pitch : 0);
        blend = scratch.take<double>(cell_pitch);
        w0 = scratch.take<double>(column_pitch);
        w1 = scratch.take<double>(column_pitch);
        values = scratch.take<float>(planes * column_pitch);
        weights = scratch.take<float>(column_pitch);
    }
};

// A weight of zero wins over an infinity or a NaN.
inline double weigh(double weight, double value) { return weight == 0.0 ? 0.0 : weight * value; }

void load_weights(const AddResizedJob &job, const Work &work, std::int64_t y) {
    const char *from = job.weights + y * job.weight_h;
    for (std::int64_t x = 0; x < job.width(); ++x)
        work.weights[x] = *reinterpret_cast<const float *>(from + x * job.weight_w);
}

// One row of one class; what has no weight may be infinite.
void add_row(const AddResizedJob &job, const Work &work, const float *values, std::int64_t c,
             std::int64_t y) {
    char *to = job.sums + c * job.sum_c + y * job.sum_h;
    const std::int64_t width = job.width();
    if (job.sum_w == 4) {
        float *sums = reinterpret_cast<float *>(to);
        for (std::int64_t x = 0; x < width; ++x) {
            const float product = work.weights[x] * values[x];
            sums[x] += work.weights[x] > 0.0f ? product : 0.0f;
        }
        return;
    }
    for (std::int64_t x = 0; x < width; ++x)
        if (work.weights[x] > 0.0f)
            *reinterpret_cast<float *>(to + x * job.sum_w) += work.weights[x] * values[x];
}

void read_row(const AddResizedJob &job, const Work &work, double *planes, std::int64_t y) {
    load_row(planes, work.cell_pitch, job.logits, 0, y, 0, job.logits.w, nullptr);
    repeat_last(planes, work.cell_pitch, job.logits.c, job.logits.w, job.logits.w + 1);
}

// One row of one class between two rows of the grid.
void resize_row(const AddResizedJob &job, const Work &work, std::int64_t c, std::int64_t y) {
    const double *upper = work.upper + c * work.cell_pitch,
                 *lower = work.lower + c * work.cell_pitch;
    const double w0 = job.y.w0[y], w1 = job.y.w1[y], unit = 1.0 / (job.y.den * job.x.den);
    bool finite = true;
    for (std::int64_t i = 0; i <= job.logits.w; ++i) {
        work.blend[i] = weigh(w0, upper[i]) + weigh(w1, lower[i]);
        finite &= __builtin_fabs(work.blend[i]) < limit_float64;
    }
    for (std::int64_t cell = 0; cell < job.x.cells(); ++cell) {
        const std::int64_t first = job.x.start[cell], last = job.x.start[cell + 1];
        if (finite) { // a store past the cell is overwritten by the next
            const D left = broadcast<D>(work.blend[cell]),
                    right = broadcast<D>(work.blend[cell + 1]);
            for (std::int64_t x = first; x < last; x += wide) {
                const D value = load<D>(work.w0 + x) * left + load<D>(work.w1 + x) * right;
                for (int i = 0; i < wide; ++i)
                    work.values[x + i] = static_cast<float>(value[i] * unit);
            }
        } else {
            for (std::int64_t x = first; x < last; ++x)
                work.values[x] = static_cast<float>((weigh(work.w0[x], work.blend[cell]) +
                                                     weigh(work.w1[x], work.blend[cell + 1])) *
                                                    unit);
        }
    }
}

} // namespace

std::int64_t add_resized_scratch(const AddResizedJob &job) {
    Scratch scratch(nullptr);
    Work work(job, scratch);
    return scratch.used();
}

// The tile's rows are rows of cells where the job resamples; it has all columns.
void add_resized(const AddResizedJob &job, const Tile &tile, char *memory) {
    Scratch scratch(memory);
    Work work(job, scratch);
    if (!job.resample) {
        for (std::int64_t y = tile.y0; y < tile.y1; ++y) {
            load_weights(job, work, y);
            load_row(work.values, work.column_pitch, job.logits, 0, y, 0, job.logits.w, nullptr);
            for (std::int64_t c = 0; c < job.logits.c; ++c)
                add_row(job, work, work.values + c * work.column_pitch, c, y);
        }
        return;
    }
    for (std::int64_t x = 0; x < work.column_pitch; ++x) {
        work.w0[x] = x < job.width() ? job.x.w0[x] : 0.0;
        work.w1[x] = x < job.width() ? job.x.w1[x] : 0.0;
    }
    for (std::int64_t cell = tile.y0; cell < tile.y1; ++cell) {
        read_row(job, work, work.upper, cell);
        read_row(job, work, work.lower, min(cell + 1, job.y.n_in - 1));
        const std::int64_t end = min<std::int64_t>(job.y.start[cell + 1], tile.row1);
        for (std::int64_t y = max<std::int64_t>(job.y.start[cell], tile.row0); y < end; ++y) {
            load_weights(job, work, y);
            for (std::int64_t c = 0; c < job.logits.c; ++c) {
                resize_row(job, work, c, y);
                add_row(job, work, work.values, c, y);
            }
        }
    }
}

} // namespace segpost::SEGPOST_LEVEL
