// Masks of sigmoid heads, for C.
#include <algorithm>
#include <cmath>
#include <optional>
#include <vector>

#include "capi/arrays.hpp"
#include "capi/axes.hpp"
#include "capi/masks.hpp"
#include "capi/status.hpp"

namespace segpost::capi {

namespace {

// A product, or the float64 below it where it was rounded up.
double product_down(double a, double b) {
    const double product = a * b;
    return std::isfinite(product) && std::fma(a, b, -product) < 0
               ? std::nextafter(product, -HUGE_VAL)
               : product;
}

// Logits on the grid of the masks, and the cutoffs of their sums.
struct Thresholded {
    segpost_binarize_options options;
    BinarizeJob job;
    std::optional<AxisTables> y, x;
    std::vector<double> cutoffs;

    Thresholded(const segpost_array *logits, const segpost_binarize_options *caller_options,
                std::int64_t h, std::int64_t w)
        : options(options_of(caller_options)) {
        job.logits = logits_view(logits);
        require(options.grid >= SEGPOST_HALF_PIXEL && options.grid <= SEGPOST_ASYMMETRIC,
                "grid is unknown: " + std::to_string(options.grid));
        require(options.nan == SEGPOST_NAN_RAISE || options.nan == SEGPOST_NAN_PROPAGATE,
                "nan is unknown: " + std::to_string(options.nan));
        if (options.scale == 0) options.scale = 1;
        require(options.scale > 0 && std::isfinite(options.scale) &&
                    std::isfinite(options.zero_point),
                "scale must be positive and finite");
        const Logits &view = job.logits;
        if ((h != view.h || w != view.w) && h > 0 && w > 0 && view.h > 0 && view.w > 0) {
            const auto grid = static_cast<segpost_grid>(options.grid);
            y.emplace(view.h, h, grid), x.emplace(view.w, w, grid);
            job.resample = true;
            job.y = y->view(), job.x = x->view();
        } else {
            require(h == view.h && w == view.w, "logits have no pixels to resample");
        }
        add_cutoffs();
    }

    bool is_empty() const {
        return job.logits.n == 0 || job.logits.c == 0 || job.height() == 0 || job.width() == 0;
    }

    int status(const LogitErrors &errors, segpost_report *report) const {
        if (options.nan == SEGPOST_NAN_PROPAGATE) return SEGPOST_OK;
        const bool is_nan = errors.nan_count > 0;
        const std::int64_t bad = is_nan ? errors.nan_count : errors.undefined_count;
        if (bad == 0) return SEGPOST_OK;
        const std::int64_t first = is_nan ? errors.nan_first : errors.undefined_first;
        const std::string what =
            is_nan ? "logits have " + std::to_string(bad) + " NaN"
                   : "infinities meet at " + std::to_string(bad) + " pixels of the masks";
        return set_report(report, SEGPOST_BAD_VALUES,
                          what + ", first at flat index " + std::to_string(first), bad, first);
    }

  private:
    void add_cutoffs() {
        static const double zero = 0;
        const double *thresholds = options.thresholds;
        std::int64_t count = options.threshold_count;
        if (!thresholds) thresholds = &zero, count = 1;
        check_table(thresholds, "thresholds");
        require(count == 1 || count == job.logits.c, "thresholds must be 1 number or " +
                                                         std::to_string(job.logits.c) + ", got " +
                                                         std::to_string(count));
        const double den = job.resample ? job.y.den * job.x.den : 1.0;
        for (std::int64_t c = 0; c < job.logits.c; ++c) {
            const double logit = thresholds[count == 1 ? 0 : c];
            require(!std::isnan(logit), "thresholds have a NaN");
            const double raw = options.scale == 1 && options.zero_point == 0
                                   ? logit
                                   : logit / options.scale + options.zero_point;
            cutoffs.push_back(product_down(den, raw));
        }
        job.cutoffs = cutoffs.data();
    }
};

} // namespace

int binarize(const segpost_array *logits, const segpost_binarize_options *caller_options,
             const segpost_array *masks, segpost_report *report) {
    return catch_all(report, [&] {
        check_output(masks, "masks", 4, kind(SEGPOST_UINT8));
        const std::int64_t packed = options_of(caller_options).packed_width, *shape = masks->shape;
        require(packed >= 0 && (packed == 0 || shape[3] == (packed + 7) / 8),
                "masks of packed_width " + std::to_string(packed) + " have rows of " +
                    std::to_string((packed + 7) / 8) + " bytes, got " + std::to_string(shape[3]));
        Thresholded thresholded(logits, caller_options, shape[2], packed ? packed : shape[3]);
        BinarizeJob &job = thresholded.job;
        require(shape[0] == job.logits.n && shape[1] == job.logits.c,
                "masks must have the logits' images and classes, got " + shape_text(*masks));
        job.encoding = packed ? MaskEncoding::bits : MaskEncoding::bytes;
        job.out = static_cast<char *>(masks->data);
        job.out_n = masks->strides[0], job.out_c = masks->strides[1], job.out_h = masks->strides[2];
        LogitErrors errors;
        if (!thresholded.is_empty()) launch_binarize(job, no_cancellation, errors);
        return thresholded.status(errors, report);
    });
}

int binarize_runs(const segpost_array *logits, const segpost_binarize_options *caller_options,
                  std::int64_t height, std::int64_t width, std::int64_t *counts,
                  std::int64_t capacity, std::int64_t *ends, segpost_report *report) {
    return catch_all(report, [&] {
        require(height >= 0 && width >= 0, "height and width must be 0 at least");
        Thresholded thresholded(logits, caller_options, height, width);
        check_table(ends, "ends");
        require(!thresholded.is_empty(), "masks have no pixels");
        MaskRuns runs;
        LogitErrors errors;
        launch_binarize_runs(thresholded.job, no_cancellation, runs, errors);
        std::copy(runs.ends.begin(), runs.ends.end(), ends);
        const auto needed = static_cast<std::int64_t>(runs.counts.size());
        if (needed > capacity)
            return set_report(report, SEGPOST_BAD_ARGUMENT,
                              "counts are " + std::to_string(needed) + ", and the capacity is " +
                                  std::to_string(capacity),
                              needed);
        check_table(counts, "counts");
        std::copy(runs.counts.begin(), runs.counts.end(), counts);
        return thresholded.status(errors, report);
    });
}

} // namespace segpost::capi
