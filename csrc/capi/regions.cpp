// Regions of label maps, and COCO's codes of masks, for C.
#include <algorithm>
#include <numeric>
#include <vector>

#include "capi/arrays.hpp"
#include "capi/regions.hpp"
#include "capi/status.hpp"

namespace segpost::capi {

namespace {

// The runs of every label of every image, one region after another.
struct SortedRuns {
    std::vector<std::int32_t> column, top, bottom;
    std::vector<std::int64_t> label, image; // of every region
    std::vector<std::int64_t> offsets{0};   // of regions + 1
    LabelView labels;

    explicit SortedRuns(const segpost_array *array) {
        labels = map_view(array, "labels", integers, false);
        constexpr std::int64_t limit = std::int64_t{1} << 31;
        require(labels.n * labels.w < limit && labels.h < limit,
                "labels have more rows or columns than 32 bits can count");
        if (labels.n == 0 || labels.h == 0 || labels.w == 0) return;
        FindRunsJob job;
        job.labels = labels;
        std::vector<ChangedColumns> parts;
        launch_find_changes(job, no_cancellation, parts);
        std::size_t count = 0;
        for (const ChangedColumns &part : parts) count += part.changes.size();
        column.resize(count), top.resize(count), bottom.resize(count);
        std::vector<std::int64_t> label_of_run(count);
        launch_write_runs(job, parts, no_cancellation,
                          {column.data(), top.data(), bottom.data(), label_of_run.data(), nullptr});
        sort(label_of_run);
    }

    std::int64_t regions() const { return static_cast<std::int64_t>(label.size()); }

  private:
    void sort(const std::vector<std::int64_t> &label_of_run) {
        const std::size_t count = column.size();
        std::vector<std::size_t> order(count);
        std::iota(order.begin(), order.end(), std::size_t{0});
        const auto image_of = [&](std::size_t run) { return column[run] / labels.w; };
        std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
            const std::int64_t first = image_of(a), second = image_of(b);
            return first != second ? first < second : label_of_run[a] < label_of_run[b];
        });
        for (std::size_t i = 0; i < count; ++i) {
            const std::int64_t run_image = image_of(order[i]), run_label = label_of_run[order[i]];
            if (label.empty() || label.back() != run_label || image.back() != run_image) {
                if (i) offsets.push_back(static_cast<std::int64_t>(i));
                label.push_back(run_label), image.push_back(run_image);
            }
        }
        offsets.push_back(static_cast<std::int64_t>(count));
        const auto reorder = [&](std::vector<std::int32_t> &values) {
            std::vector<std::int32_t> sorted(count);
            for (std::size_t i = 0; i < count; ++i) sorted[i] = values[order[i]];
            values.swap(sorted);
        };
        reorder(column), reorder(top), reorder(bottom);
        const auto width = static_cast<std::int32_t>(labels.w);
        for (std::int32_t &x : column) x %= width;
    }
};

segpost_region measure(const SortedRuns &runs, std::size_t region) {
    segpost_region out{};
    out.image = runs.image[region], out.label = runs.label[region];
    const auto first = static_cast<std::size_t>(runs.offsets[region]);
    const auto last = static_cast<std::size_t>(runs.offsets[region + 1]);
    std::int64_t y0 = runs.top[first], y1 = 0, sum_x = 0, twice_sum_y = 0;
    for (std::size_t i = first; i < last; ++i) {
        const std::int64_t top = runs.top[i], bottom = runs.bottom[i], length = bottom - top;
        out.area += length;
        sum_x += length * runs.column[i];
        twice_sum_y += length * (top + bottom - 1);
        y0 = std::min(y0, top), y1 = std::max(y1, bottom);
    }
    out.x = runs.column[first], out.width = runs.column[last - 1] + 1 - out.x;
    out.y = y0, out.height = y1 - y0;
    out.centroid_x = static_cast<double>(sum_x) / static_cast<double>(out.area);
    out.centroid_y = static_cast<double>(twice_sum_y) / (2.0 * static_cast<double>(out.area));
    return out;
}

int too_many(const char *what, std::int64_t needed, std::int64_t capacity, segpost_report *report) {
    return set_report(report, SEGPOST_BAD_ARGUMENT,
                      std::string(what) + " are " + std::to_string(needed) +
                          ", and the capacity is " + std::to_string(capacity),
                      needed);
}

} // namespace

int regions(const segpost_array *labels, segpost_region *out, std::int64_t capacity,
            std::int64_t *count, segpost_report *report) {
    return catch_all(report, [&] {
        check_table(count, "count");
        const SortedRuns runs(labels);
        const std::int64_t needed = *count = runs.regions();
        if (needed > capacity) return too_many("regions", needed, capacity, report);
        if (needed) check_table(out, "regions");
        for (std::int64_t i = 0; i < needed; ++i)
            out[i] = measure(runs, static_cast<std::size_t>(i));
        return static_cast<int>(SEGPOST_OK);
    });
}

int region_counts(const segpost_array *labels, std::int64_t *counts, std::int64_t capacity,
                  std::int64_t *ends, std::int64_t ends_capacity, segpost_report *report) {
    return catch_all(report, [&] {
        const SortedRuns runs(labels);
        if (runs.regions() > ends_capacity)
            return too_many("regions", runs.regions(), ends_capacity, report);
        MaskRuns out;
        launch_count_runs({runs.regions(), runs.offsets.data(), runs.column.data(), runs.top.data(),
                           runs.bottom.data()},
                          runs.labels.h, runs.labels.w, no_cancellation, out);
        const auto needed = static_cast<std::int64_t>(out.counts.size());
        if (needed > capacity) return too_many("counts", needed, capacity, report);
        if (needed) check_table(counts, "counts"), check_table(ends, "ends");
        std::copy(out.counts.begin(), out.counts.end(), counts);
        std::copy(out.ends.begin(), out.ends.end(), ends);
        return static_cast<int>(SEGPOST_OK);
    });
}

int compress_counts(const std::int64_t *counts, const std::int64_t *ends, std::int64_t masks,
                    std::uint8_t *characters, std::int64_t capacity, std::int64_t *stops,
                    segpost_report *report) {
    return catch_all(report, [&] {
        require(masks >= 0, "masks must be 0 at least");
        if (masks) check_table(ends, "ends"), check_table(stops, "stops");
        for (std::int64_t i = 0; i < masks; ++i)
            require(ends[i] >= (i ? ends[i - 1] : 0), "ends must not decrease");
        if (masks && ends[masks - 1]) check_table(counts, "counts");
        MaskCodes codes;
        launch_compress_counts(counts, ends, masks, no_cancellation, codes);
        const auto needed = static_cast<std::int64_t>(codes.characters.size());
        if (needed > capacity) return too_many("characters", needed, capacity, report);
        if (needed) check_table(characters, "characters");
        std::copy(codes.characters.begin(), codes.characters.end(), characters);
        std::copy(codes.ends.begin(), codes.ends.end(), stops);
        return static_cast<int>(SEGPOST_OK);
    });
}

} // namespace segpost::capi
