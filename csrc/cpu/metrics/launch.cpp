#include "cpu/runtime/tiling.hpp"

#include <cstdlib>

namespace segpost {
namespace {

// Adds what tasks count to the caller's table, one at a time.
class SharedCounts {
  public:
    explicit SharedCounts(std::int64_t *counts) : counts_(counts) {
        sink.add = [](void *self, const std::int64_t *cells, const std::int64_t *times,
                      std::int64_t count) {
            auto &shared = *static_cast<SharedCounts *>(self);
            std::lock_guard lock(shared.mutex_);
            for (std::int64_t i = 0; i < count; ++i) shared.counts_[cells[i]] += times[i];
        };
        sink.add_row = [](void *self, std::int64_t first, const std::uint32_t *times,
                          std::int64_t count) {
            auto &shared = *static_cast<SharedCounts *>(self);
            std::lock_guard lock(shared.mutex_);
            for (std::int64_t i = 0; i < count; ++i) shared.counts_[first + i] += times[i];
        };
        sink.self = this;
    }
    SharedCounts(const SharedCounts &) = delete;
    SharedCounts &operator=(const SharedCounts &) = delete;
    CountSink sink;

  private:
    std::int64_t *counts_;
    Mutex mutex_;
};

} // namespace

bool launch_confusion(const ConfusionJob &job, const CancelToken &cancelled, std::int64_t *counts) {
    const KernelTable &table = kernels();
    SharedCounts shared(counts);
    std::vector<Rect> rects;
    // Several tasks a thread, because one that has to wake up comes late; but each ends with a walk
    // over its table.
    const std::int64_t pixels = job.target.n * job.target.h * job.target.w;
    const std::int64_t table_size = std::min<std::int64_t>(job.rule.classes + 1, 256) *
                                    (job.rule.classes + 1) * (job.stratum.count + 1);
    const std::int64_t least = std::max(pixels_per_task / 4, 16 * table_size);
    const std::int64_t most = std::max(pixels_per_task, 4 * least);
    const std::int64_t step =
        per_task(std::clamp(pixels / (num_threads() > 1 ? 4 * num_threads() : 1), least, most),
                 job.target.w);
    const std::int64_t across = std::min(job.target.w, 4 * most); // of a row longer than any task
    for (std::int64_t n = 0; n < job.target.n; ++n)
        for (std::int64_t y = 0; y < job.target.h; y += step)
            for (std::int64_t x = 0; x < job.target.w; x += across)
                rects.push_back({n, y, std::min(y + step, job.target.h), x,
                                 std::min(x + across, job.target.w)});
    NoErrors no_errors;
    return run(
        rects, cancelled, no_errors, [&](const Rect &) { return table.confusion_scratch(job); },
        [&](const Rect &rect, char *memory, NoErrors &) {
            table.confusion(job, rect, memory, shared.sink);
        });
}

// Every tile's labels are made in the task's memory and counted there.
bool launch_confusion_logits(const ConfusionLogitsJob &job, const CancelToken &cancelled,
                             std::int64_t *counts, LogitErrors &errors) {
    const KernelTable &table = kernels();
    SharedCounts shared(counts);
    const bool narrow = job.argmax.classes() <= 256;
    const std::int64_t element = narrow ? 1 : 4;
    const auto rect_of = [&](const Tile &tile) {
        if (!job.argmax.resample) return Rect{tile.n, tile.y0, tile.y1, tile.x0, tile.x1};
        return Rect{tile.n, tile.row0, tile.row1, job.argmax.x.start[tile.x0],
                    job.argmax.x.start[tile.x1]};
    };
    const auto strip_bytes = [&](const Rect &rect) {
        return ((rect.y1 - rect.y0) * (rect.x1 - rect.x0) * element + 127) / 64 * 64;
    };
    const auto counting = [&](const Tile &tile, char *strip) {
        const Rect rect = rect_of(tile);
        ConfusionJob part;
        part.target = job.target;
        part.rule = job.rule;
        LabelView &labels =
            part.preds; // of the whole image, of which only the rectangle has memory
        labels.dtype = narrow ? DType::u8 : DType::i32;
        labels.n = job.target.n, labels.h = job.target.h, labels.w = job.target.w;
        labels.stride_w = element;
        labels.stride_h = (rect.x1 - rect.x0) * element;
        labels.set_part(strip, rect.y0, rect.x0);
        return part;
    };
    return run(
        shared_argmax_tiles(job.argmax), cancelled, errors,
        [&](const Tile &tile) {
            return strip_bytes(rect_of(tile)) +
                   std::max(argmax_scratch(job.argmax, tile),
                            table.confusion_scratch(counting(tile, nullptr)));
        },
        [&](const Tile &tile, char *memory, LogitErrors &here) {
            const Rect rect = rect_of(tile);
            const ConfusionJob part = counting(tile, memory);
            ArgmaxJob argmax = job.argmax;
            argmax.labels = part.preds;
            char *rest = memory + strip_bytes(rect);
            argmax_tile(argmax, tile, CellRule::fill, rest, here);
            if (rect.y0 < rect.y1 && rect.x0 < rect.x1)
                table.confusion(part, rect, rest, shared.sink);
        });
}

bool launch_boundary_bands(const BoundaryBandsJob &job, const CancelToken &cancelled) {
    const KernelTable &table = kernels();
    const std::int64_t step =
        std::max(per_task(bytes_per_task, job.labels.w), std::min(2 * job.width, job.labels.h));
    std::vector<Rows> parts;
    for (std::int64_t n = 0; n < job.labels.n; ++n)
        for (std::int64_t y = 0; y < job.labels.h; y += step)
            parts.push_back({n, y, std::min(y + step, job.labels.h)});
    NoErrors no_errors;
    return run(
        parts, cancelled, no_errors,
        [&](const Rows &part) { return table.boundary_bands_scratch(job, part); },
        [&](const Rows &part, char *memory, NoErrors &) {
            table.boundary_bands(job, part, memory);
        });
}

bool launch_boundary_matches(const BoundaryPixelsJob &input_job, const std::int32_t *offsets,
                             std::int64_t offset_count, const CancelToken &cancelled,
                             std::int64_t *counts) {
    const KernelTable &table = kernels();
    const std::int64_t h = input_job.target.h, w = input_job.target.w,
                       classes = input_job.rule.classes;
    const Memory marks[2] = {allocate(h * w * (input_job.narrow() ? 1 : 4)),
                             allocate(h * w * (input_job.narrow() ? 1 : 4))};
    BoundaryPixelsJob job = input_job;
    job.pred_marks = marks[0].get();
    job.target_marks = marks[1].get();
    std::vector<std::int64_t> pixels[4]; // predicted, target; those of each that have a match
    BoundaryMatchesJob side[2];
    std::int64_t reach_y = 0, reach_x = 0;
    for (std::int64_t k = 0; k < offset_count; ++k) {
        reach_y = std::max<std::int64_t>(reach_y, std::abs(std::int64_t{offsets[2 * k]}));
        reach_x = std::max<std::int64_t>(reach_x, std::abs(std::int64_t{offsets[2 * k + 1]}));
    }
    constexpr std::int64_t square = BoundaryMatchesJob::square;
    const std::size_t squares =
        static_cast<std::size_t>((h + square - 1) / square * ((w + square - 1) / square));
    std::vector<std::uint64_t> bits[2] = {std::vector<std::uint64_t>(squares),
                                          std::vector<std::uint64_t>(squares)};
    for (int k = 0; k < 2; ++k) {
        side[k].reach_y = reach_y, side[k].reach_x = reach_x;
        side[k].own_squares = bits[k].data(), side[k].other_squares = bits[1 - k].data();
        side[k].h = h, side[k].w = w, side[k].classes = classes;
        side[k].narrow = input_job.narrow();
        side[k].own = marks[k].get(), side[k].other = marks[1 - k].get();
        side[k].offsets = offsets, side[k].offset_count = offset_count;
    }
    Mutex mutex;
    NoErrors no_errors;
    for (std::int64_t n = 0; n < input_job.target.n; ++n) {
        std::vector<Rows> parts; // whole rows of squares
        const std::int64_t step = (per_task(bytes_per_task, 16 * w) + square - 1) / square * square;
        for (std::int64_t y = 0; y < h; y += step) parts.push_back({n, y, std::min(y + step, h)});
        if (!run(
                parts, cancelled, no_errors,
                [&](const Rows &) { return table.boundary_pixels_scratch(job); },
                [&](const Rows &part, char *memory, NoErrors &) {
                    table.boundary_pixels(job, part, memory);
                }))
            return false;
        for (int step = 0; step < 4; ++step) {
            pixels[step].assign(static_cast<std::size_t>(classes), 0);
            const auto count = step < 2 ? table.boundary_counts : table.boundary_matches;
            if (step >= 2) side[step - 2].there = pixels[3 - step].data();
            if (!run(
                    parts, cancelled, no_errors, [&](const Rows &) { return classes * 8; },
                    [&](const Rows &part, char *memory, NoErrors &) {
                        std::int64_t *here = reinterpret_cast<std::int64_t *>(memory);
                        std::fill(here, here + classes, 0);
                        count(side[step % 2], part, here);
                        std::lock_guard lock(mutex);
                        for (std::int64_t c = 0; c < classes; ++c)
                            pixels[step][static_cast<std::size_t>(c)] += here[c];
                    }))
                return false;
        }
        for (std::int64_t c = 0; c < classes; ++c)
            for (int k = 0; k < 4; ++k) // predicted, matched; target, matched
                counts[4 * c + k] += pixels[k / 2 + k % 2 * 2][static_cast<std::size_t>(c)];
    }
    return true;
}

bool launch_instance_counts(const InstanceJob &job, const CancelToken &cancelled) {
    const KernelTable &table = kernels();
    Mutex mutex;
    NoErrors no_errors;
    return run(
        split_rows(job.target, 24), cancelled, no_errors,
        [&](const Rows &) { return table.instance_counts_scratch(job); },
        [&](const Rows &part, char *memory, NoErrors &) {
            std::lock_guard lock(mutex); // they write to one table, and are short
            table.instance_counts(job, part, memory);
        });
}

} // namespace segpost
