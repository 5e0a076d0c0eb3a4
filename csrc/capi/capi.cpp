// The function table of segpost/capi.h: arguments become the jobs of ops/.
#include <cmath>
#include <optional>
#include <vector>

#include "capi/arrays.hpp"
#include "capi/crf.hpp"
#include "capi/masks.hpp"
#include "capi/regions.hpp"
#include "capi/sampled.hpp"
#include "capi/status.hpp"
#include "cpu/runtime/pool.hpp"

namespace segpost::capi {
namespace {

// A palette as packed colors, and weights of 0..256; the last row is void's.
struct Tables {
    std::vector<std::uint32_t> lut;
    std::vector<std::uint16_t> alpha;

    Tables(const std::uint8_t *palette, std::int64_t size) {
        require(palette != nullptr && size > 0, "palette is missing");
        for (std::int64_t i = 0; i < size; ++i) {
            const std::uint8_t *color = palette + 3 * i;
            lut.push_back(color[0] | static_cast<std::uint32_t>(color[1]) << 8 |
                          static_cast<std::uint32_t>(color[2]) << 16);
        }
        lut.push_back(0);
    }

    void weigh(const double *weights, std::int64_t count) {
        static const double half = 0.5;
        if (!weights) weights = &half, count = 1;
        check_table(weights, "alpha");
        const auto size = static_cast<std::int64_t>(lut.size()) - 1;
        require(count == 1 || count == size, "alpha must be 1 number or " + std::to_string(size) +
                                                 ", got " + std::to_string(count));
        double sum = 0;
        for (std::int64_t i = 0; i < size; ++i) {
            const double weight = weights[count == 1 ? 0 : i];
            require(weight >= 0 && weight <= 1, "alpha must be in 0..1");
            const double steps = std::nearbyint(256 * weight);
            alpha.push_back(static_cast<std::uint16_t>(steps));
            sum += steps;
        }
        alpha.push_back(
            static_cast<std::uint16_t>(std::nearbyint(sum / static_cast<double>(size))));
    }
};

int argmax(const segpost_array *logits, const segpost_argmax_options *given,
           const segpost_array *labels, const segpost_array *color, const segpost_array *confidence,
           const segpost_array *overlay, segpost_report *report) {
    return catch_all(report, [&] {
        ArgmaxJob job;
        job.labels = map_view(labels, "labels", kind(SEGPOST_UINT8) | kind(SEGPOST_INT32), true);
        const Sampled sampled(given, logits_view(logits), job.labels.h, job.labels.w, true);
        sampled.put(job);
        const std::int64_t classes = job.classes();
        require(job.labels.n == job.logits.n, "labels are of " + std::to_string(job.labels.n) +
                                                  " images, logits of " +
                                                  std::to_string(job.logits.n));
        require(job.labels.dtype == DType::i32 || classes <= 256,
                "labels must be int32 for more than 256 classes");
        std::optional<Tables> tables;
        const segpost_argmax_options &options = sampled.options;
        if (color || overlay) {
            tables.emplace(options.palette, options.palette_size);
            require(options.palette_size >= classes,
                    "palette has " + std::to_string(options.palette_size) + " colors for " +
                        std::to_string(classes) + " classes");
        }
        if (color) {
            job.color = image_view(color, "color", true);
            job.lut = tables->lut.data();
            require(same_pixels(job.color, job.labels), "color does not have the labels' pixels");
        }
        if (overlay) {
            tables->weigh(options.alpha, options.alpha_count);
            job.overlay.image = image_view(options.image, "image", false);
            job.overlay.out = image_view(overlay, "overlay", true);
            job.overlay.labels = job.labels;
            job.overlay.range.classes = classes;
            job.overlay.lut = tables->lut.data(), job.overlay.alpha = tables->alpha.data();
            require(same_pixels(job.overlay.out, job.labels) &&
                        same_pixels(job.overlay.image, job.labels),
                    "image and overlay must have the labels' pixels");
        }
        SoftmaxJob sigmoid;
        if (confidence) {
            const LabelView confidence_map = map_view(
                confidence, "confidence", kind(SEGPOST_FLOAT32) | kind(SEGPOST_UINT8), true);
            require(same_pixels(confidence_map, job.labels),
                    "confidence does not have the labels' pixels");
            if (job.has_threshold) {
                sampled.put(sigmoid);
                sigmoid.confidence = confidence_map.data,
                sigmoid.conf_bytes = confidence_map.dtype == DType::u8;
                sigmoid.conf_n = confidence_map.stride_n, sigmoid.conf_h = confidence_map.stride_h;
                sigmoid.conf_w = confidence_map.stride_w;
            } else {
                job.confidence = confidence_map;
                job.fast = options.fast_confidence != 0;
            }
        }
        LogitErrors errors;
        if (job.labels.n && job.labels.h && job.labels.w) {
            launch_argmax(job, CellRule::fill, no_cancellation, errors);
            if (sigmoid.confidence) {
                LogitErrors confidence_errors;
                launch_softmax(sigmoid, no_cancellation, confidence_errors);
                errors.undefined_count = confidence_errors.undefined_count;
                errors.undefined_first = confidence_errors.undefined_first;
            }
        }
        return sampled.status(errors, confidence ? "confidence" : "label", report);
    });
}

int softmax(const segpost_array *logits, const segpost_argmax_options *given,
            const segpost_array *probabilities, segpost_report *report) {
    return catch_all(report, [&] {
        SoftmaxJob job;
        check_output(probabilities, "probabilities", 4, kind(SEGPOST_FLOAT32));
        const std::int64_t *shape = probabilities->shape;
        const Sampled sampled(given, logits_view(logits), shape[2], shape[3], false);
        sampled.put(job);
        require(shape[0] == job.logits.n && shape[1] == job.logits.c,
                "probabilities must have the logits' images and classes, got " +
                    shape_text(*probabilities));
        job.probabilities = static_cast<char *>(probabilities->data);
        job.prob_n = probabilities->strides[0], job.prob_c = probabilities->strides[1];
        job.prob_h = probabilities->strides[2], job.prob_w = probabilities->strides[3];
        LogitErrors errors;
        if (shape[0] && shape[2] && shape[3]) launch_softmax(job, no_cancellation, errors);
        return sampled.status(errors, "probabilities", report);
    });
}

int colorize(const segpost_array *labels, const std::uint8_t *palette, std::int64_t size,
             const segpost_array *out, segpost_report *report) {
    return catch_all(report, [&] {
        const Tables tables(palette, size);
        ColorizeJob job;
        job.labels = map_view(labels, "labels", integers, false);
        job.out = image_view(out, "out", true);
        require(same_pixels(job.labels, job.out), "out does not have the labels' pixels");
        job.range.classes = size;
        job.lut = tables.lut.data();
        LabelErrors errors;
        if (job.labels.n && job.labels.h && job.labels.w)
            launch_colorize(job, no_cancellation, errors);
        return to_status(errors, job.labels, size, report);
    });
}

int overlay(const segpost_array *image, const segpost_array *labels, const std::uint8_t *palette,
            std::int64_t size, const double *alpha, std::int64_t alpha_count, std::int64_t contour,
            const segpost_array *out, segpost_report *report) {
    return catch_all(report, [&] {
        Tables tables(palette, size);
        tables.weigh(alpha, alpha_count);
        OverlayJob job;
        job.image = image_view(image, "image", false);
        job.labels = map_view(labels, "labels", integers, false);
        job.out = image_view(out, "out", true);
        require(same_pixels(job.labels, job.out) && same_pixels(job.labels, job.image),
                "image and out must have the labels' pixels");
        require(contour >= 0 && contour <= 64,
                "contour must be in 0..64 pixels, got " + std::to_string(contour));
        job.range.classes = size;
        job.lut = tables.lut.data(), job.alpha = tables.alpha.data(), job.contour = contour;
        LabelErrors errors;
        if (job.labels.n && job.labels.h && job.labels.w)
            launch_overlay(job, no_cancellation, errors);
        return to_status(errors, job.labels, size, report);
    });
}

TargetRule target_rule(std::int64_t classes, const std::int64_t *ignored, std::int64_t count,
                       const std::int64_t *counts) {
    require(classes > 0 && classes <= 1 << 14,
            "classes must be in 1..16384, got " + std::to_string(classes));
    require(count >= 0, "ignored_count must not be negative");
    if (count) check_table(ignored, "ignored");
    for (std::int64_t i = 1; i < count; ++i)
        require(ignored[i - 1] < ignored[i], "ignored must be sorted, each once");
    check_table(counts, "counts");
    TargetRule rule;
    rule.classes = classes;
    rule.ignored = ignored, rule.ignored_count = count;
    return rule;
}

int confusion_matrix(const segpost_array *preds, const segpost_array *target, std::int64_t classes,
                     const std::int64_t *ignored, std::int64_t ignored_count, std::int64_t *counts,
                     segpost_report *report) {
    return catch_all(report, [&] {
        ConfusionJob job;
        job.preds = map_view(preds, "preds", integers, false);
        job.target = map_view(target, "target", integers, false);
        require(same_pixels(job.preds, job.target),
                "preds and target differ in shape: " + shape_text(*preds) + " and " +
                    shape_text(*target));
        job.rule = target_rule(classes, ignored, ignored_count, counts);
        if (job.target.n && job.target.h && job.target.w)
            launch_confusion(job, no_cancellation, counts);
        return static_cast<int>(SEGPOST_OK);
    });
}

int confusion_matrix_of_logits(const segpost_array *logits, const segpost_argmax_options *given,
                               const segpost_array *target, std::int64_t classes,
                               const std::int64_t *ignored, std::int64_t ignored_count,
                               std::int64_t *counts, segpost_report *report) {
    return catch_all(report, [&] {
        ConfusionLogitsJob job;
        job.target = map_view(target, "target", integers, false);
        const Sampled sampled(given, logits_view(logits), job.target.h, job.target.w, true);
        sampled.put(job.argmax);
        require(job.argmax.classes() == classes,
                "logits have " + std::to_string(job.argmax.classes()) +
                    " classes, the counts are of " + std::to_string(classes));
        require(job.target.n == job.argmax.logits.n,
                "target is of " + std::to_string(job.target.n) + " images, logits of " +
                    std::to_string(job.argmax.logits.n));
        job.rule = target_rule(classes, ignored, ignored_count, counts);
        LogitErrors errors;
        if (job.target.n && job.target.h && job.target.w)
            launch_confusion_logits(job, no_cancellation, counts, errors);
        return sampled.status(errors, "label", report);
    });
}

void set_threads(std::int32_t n) { set_num_threads(n); }
std::int32_t threads() { return num_threads(); }

constexpr segpost_api api{SEGPOST_ABI,
                          sizeof(segpost_api),
                          SEGPOST_VERSION,
                          argmax,
                          softmax,
                          colorize,
                          overlay,
                          confusion_matrix,
                          confusion_matrix_of_logits,
                          dense_crf,
                          set_threads,
                          threads,
                          binarize,
                          binarize_runs,
                          regions,
                          region_counts,
                          compress_counts};

} // namespace
} // namespace segpost::capi

const segpost_api *segpost_get_api(std::int32_t abi) {
    return abi == SEGPOST_ABI ? &segpost::capi::api : nullptr;
}
