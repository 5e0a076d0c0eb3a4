// The table of segpost/capi.h: arguments become the jobs of ops/, what kernels report a sentence.
#include <cmath>
#include <cstdio>
#include <cstring>
#include <memory>
#include <new>
#include <optional>
#include <vector>

#include "capi/arrays.hpp"
#include "capi/axes.hpp"
#include "cpu/crf/exact.hpp"
#include "cpu/crf/solver.hpp"
#include "cpu/runtime/launch.hpp"
#include "cpu/runtime/pool.hpp"

namespace segpost::capi {
namespace {

bool never() { return false; }

int told(segpost_report *report, int status, const std::string &text, std::int64_t bad = 0,
         std::int64_t first = -1) {
    if (!report) return status;
    report->bad = bad, report->first = first;
    std::snprintf(report->message, sizeof report->message, "%s", text.c_str());
    return status;
}

// Nothing is thrown through the door.
template <class Work> int guarded(segpost_report *report, const Work &work) {
    told(report, SEGPOST_OK, "");
    try {
        return work();
    } catch (const BadArgument &error) {
        return told(report, SEGPOST_BAD_ARGUMENT, error.what());
    } catch (const std::bad_alloc &) {
        return told(report, SEGPOST_NO_MEMORY, "out of memory");
    } catch (const std::exception &error) {
        return told(report, SEGPOST_FAILED, error.what());
    }
}

// The caller's options, those of an older caller filled up with zeros.
template <class Options> Options options_of(const Options *given) {
    Options options{};
    if (!given) return options;
    require(given->struct_size >= sizeof(std::size_t) && given->struct_size <= sizeof options,
            "options have struct_size " + std::to_string(given->struct_size) + ", not " +
                std::to_string(sizeof options));
    std::memcpy(&options, given, given->struct_size);
    return options;
}

std::string place_text(std::int64_t flat, std::int64_t h, std::int64_t w) {
    return "image " + std::to_string(flat / (h * w)) + ", y " + std::to_string(flat / w % h) +
           ", x " + std::to_string(flat % w);
}

int answer(const Report &met, const Logits &logits, std::int64_t h, std::int64_t w, bool propagate,
           const char *what, segpost_report *report) {
    if (propagate) return SEGPOST_OK;
    if (met.nan_count)
        return told(report, SEGPOST_BAD_VALUES,
                    "logits have " + std::to_string(met.nan_count) + " NaN, first at " +
                        place_text(met.nan_first, logits.h, logits.w),
                    met.nan_count, met.nan_first);
    if (met.undefined_count)
        return told(report, SEGPOST_BAD_VALUES,
                    "logits give no " + std::string(what) + " at " +
                        std::to_string(met.undefined_count) + " pixels, first at " +
                        place_text(met.undefined_first, h, w) +
                        ": a NaN, or infinities, meet there",
                    met.undefined_count, met.undefined_first);
    return SEGPOST_OK;
}

int answer(const Bad &bad, const LabelView &labels, std::int64_t classes, segpost_report *report) {
    if (!bad.count) return SEGPOST_OK;
    return told(report, SEGPOST_BAD_VALUES,
                "labels have " + std::to_string(bad.count) + " values outside 0.." +
                    std::to_string(classes - 1) + ", first at " +
                    place_text(bad.first, labels.h, labels.w),
                bad.count, bad.first);
}

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

// Logits on the grid of an output.
struct Sampled {
    segpost_argmax_options options;
    std::optional<AxisTables> y, x;

    Sampled(const segpost_argmax_options *given, const Logits &logits, std::int64_t h,
            std::int64_t w)
        : options(options_of(given)) {
        require(options.grid >= SEGPOST_HALF_PIXEL && options.grid <= SEGPOST_ASYMMETRIC,
                "grid is unknown: " + std::to_string(options.grid));
        require(options.nan == SEGPOST_NAN_RAISE || options.nan == SEGPOST_NAN_PROPAGATE,
                "nan is unknown: " + std::to_string(options.nan));
        if (options.scale == 0) options.scale = 1;
        require(options.scale > 0 && std::isfinite(options.scale) &&
                    std::isfinite(options.zero_point),
                "scale must be positive and finite");
        require(!options.has_threshold || logits.c == 1,
                "threshold is for logits of one class, got " + std::to_string(logits.c));
        require(!options.has_threshold || std::isfinite(options.threshold),
                "threshold must be finite");
        if ((h != logits.h || w != logits.w) && h > 0 && w > 0 && logits.h > 0 && logits.w > 0) {
            const auto grid = static_cast<segpost_grid>(options.grid);
            y.emplace(logits.h, h, grid), x.emplace(logits.w, w, grid);
        } else {
            require(h == logits.h && w == logits.w, "logits have no pixels to resample");
        }
    }
    template <class Job> void put(Job &job) const {
        job.resample = y.has_value();
        if (y) job.y = y->view(), job.x = x->view();
        job.has_threshold = options.has_threshold;
        job.threshold = options.threshold / options.scale + options.zero_point;
        job.scale = options.scale, job.zero_point = options.zero_point;
    }
    bool propagates() const { return options.nan == SEGPOST_NAN_PROPAGATE; }
};

int argmax(const segpost_array *logits, const segpost_argmax_options *given,
           const segpost_array *labels, const segpost_array *color, const segpost_array *confidence,
           const segpost_array *overlay, segpost_report *report) {
    return guarded(report, [&] {
        ArgmaxJob job;
        job.logits = logits_view(logits);
        job.labels = map_view(labels, "labels", kind(SEGPOST_UINT8) | kind(SEGPOST_INT32), true);
        const Sampled sampled(given, job.logits, job.labels.h, job.labels.w);
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
            job.laid.image = image_view(options.image, "image", false);
            job.laid.out = image_view(overlay, "overlay", true);
            job.laid.labels = job.labels;
            job.laid.range.classes = classes;
            job.laid.lut = tables->lut.data(), job.laid.alpha = tables->alpha.data();
            require(same_pixels(job.laid.out, job.labels) &&
                        same_pixels(job.laid.image, job.labels),
                    "image and overlay must have the labels' pixels");
        }
        SoftmaxJob sigmoid;
        if (confidence) {
            const LabelView sure = map_view(confidence, "confidence",
                                            kind(SEGPOST_FLOAT32) | kind(SEGPOST_UINT8), true);
            require(same_pixels(sure, job.labels), "confidence does not have the labels' pixels");
            if (job.has_threshold) {
                sigmoid.logits = job.logits;
                sampled.put(sigmoid);
                sigmoid.confidence = sure.data, sigmoid.conf_bytes = sure.dtype == DType::u8;
                sigmoid.conf_n = sure.stride_n, sigmoid.conf_h = sure.stride_h;
                sigmoid.conf_w = sure.stride_w;
            } else {
                job.confidence = sure;
                job.fast = options.fast_confidence != 0;
            }
        }
        Report met;
        if (job.labels.n && job.labels.h && job.labels.w) {
            run_argmax(job, CellRule::fill, never, met);
            if (sigmoid.confidence) {
                Report unsure;
                run_softmax(sigmoid, never, unsure);
                met.undefined_count = unsure.undefined_count;
                met.undefined_first = unsure.undefined_first;
            }
        }
        return answer(met, job.logits, job.labels.h, job.labels.w, sampled.propagates(),
                      confidence ? "confidence" : "label", report);
    });
}

int softmax(const segpost_array *logits, const segpost_argmax_options *given,
            const segpost_array *probabilities, segpost_report *report) {
    return guarded(report, [&] {
        SoftmaxJob job;
        job.logits = logits_view(logits);
        check(probabilities, "probabilities", 4, kind(SEGPOST_FLOAT32));
        const std::int64_t *shape = probabilities->shape;
        const Sampled sampled(given, job.logits, shape[2], shape[3]);
        sampled.put(job);
        require(shape[0] == job.logits.n && shape[1] == job.logits.c,
                "probabilities must have the logits' images and classes, got " +
                    shape_text(*probabilities));
        job.probabilities = static_cast<char *>(probabilities->data);
        job.prob_n = probabilities->strides[0], job.prob_c = probabilities->strides[1];
        job.prob_h = probabilities->strides[2], job.prob_w = probabilities->strides[3];
        Report met;
        if (shape[0] && shape[2] && shape[3]) run_softmax(job, never, met);
        return answer(met, job.logits, shape[2], shape[3], sampled.propagates(), "probabilities",
                      report);
    });
}

int colorize(const segpost_array *labels, const std::uint8_t *palette, std::int64_t size,
             const segpost_array *out, segpost_report *report) {
    return guarded(report, [&] {
        const Tables tables(palette, size);
        ColorizeJob job;
        job.labels = map_view(labels, "labels", integers, false);
        job.out = image_view(out, "out", true);
        require(same_pixels(job.labels, job.out), "out does not have the labels' pixels");
        job.range.classes = size;
        job.lut = tables.lut.data();
        Bad bad;
        if (job.labels.n && job.labels.h && job.labels.w) run_colorize(job, never, bad);
        return answer(bad, job.labels, size, report);
    });
}

int overlay(const segpost_array *image, const segpost_array *labels, const std::uint8_t *palette,
            std::int64_t size, const double *alpha, std::int64_t alpha_count, std::int64_t contour,
            const segpost_array *out, segpost_report *report) {
    return guarded(report, [&] {
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
        Bad bad;
        if (job.labels.n && job.labels.h && job.labels.w) run_overlay(job, never, bad);
        return answer(bad, job.labels, size, report);
    });
}

TargetRule target_rule(std::int64_t classes, const std::int64_t *ignored, std::int64_t count,
                       const std::int64_t *counts) {
    require(classes > 0 && classes <= 1 << 14,
            "classes must be in 1..16384, got " + std::to_string(classes));
    require(count >= 0 && (count == 0 || ignored), "ignored is missing");
    for (std::int64_t i = 1; i < count; ++i)
        require(ignored[i - 1] < ignored[i], "ignored must be sorted, each once");
    require(counts != nullptr, "counts are missing");
    TargetRule rule;
    rule.classes = classes;
    rule.ignored = ignored, rule.ignored_count = count;
    return rule;
}

int confusion_matrix(const segpost_array *preds, const segpost_array *target, std::int64_t classes,
                     const std::int64_t *ignored, std::int64_t ignored_count, std::int64_t *counts,
                     segpost_report *report) {
    return guarded(report, [&] {
        ConfusionJob job;
        job.preds = map_view(preds, "preds", integers, false);
        job.target = map_view(target, "target", integers, false);
        require(same_pixels(job.preds, job.target),
                "preds and target differ in shape: " + shape_text(*preds) + " and " +
                    shape_text(*target));
        job.rule = target_rule(classes, ignored, ignored_count, counts);
        if (job.target.n && job.target.h && job.target.w) run_confusion(job, never, counts);
        return static_cast<int>(SEGPOST_OK);
    });
}

int confusion_matrix_of_logits(const segpost_array *logits, const segpost_argmax_options *given,
                               const segpost_array *target, std::int64_t classes,
                               const std::int64_t *ignored, std::int64_t ignored_count,
                               std::int64_t *counts, segpost_report *report) {
    return guarded(report, [&] {
        ConfusionLogitsJob job;
        job.argmax.logits = logits_view(logits);
        job.target = map_view(target, "target", integers, false);
        const Sampled sampled(given, job.argmax.logits, job.target.h, job.target.w);
        sampled.put(job.argmax);
        require(job.target.n == job.argmax.logits.n,
                "target is of " + std::to_string(job.target.n) + " images, logits of " +
                    std::to_string(job.argmax.logits.n));
        job.rule = target_rule(classes, ignored, ignored_count, counts);
        Report met;
        if (job.target.n && job.target.h && job.target.w)
            run_confusion_logits(job, never, counts, met);
        return answer(met, job.argmax.logits, job.target.h, job.target.w, sampled.propagates(),
                      "label", report);
    });
}

constexpr double reach = 100000; // sigmas from one end of a feature to the other
constexpr double least_sigma = 1e-30;

// As _dispatch.LATTICES.
LatticeRecipe recipe_of(int quality) {
    if (quality == SEGPOST_QUALITY_FAST) return {1, 0.5, 1.0, 0, 1e-4};
    if (quality == SEGPOST_QUALITY_HIGH) return {2, 0.4, 1.02, 1, 1e-6};
    return {1, 0.42, 1.02, 2, 1e-5};
}

// A number of the options, or what 0 stands for.
double chosen(double given, double otherwise, const char *name) {
    require(std::isfinite(given), std::string(name) + " must be finite");
    return given == 0 ? otherwise : given;
}

PairwiseJob term(double sigma, const double &weight, const UnaryView &unary, const char *name) {
    require(sigma > least_sigma, std::string(name) + " must be positive");
    const auto side = static_cast<double>(unary.h > unary.w ? unary.h : unary.w);
    require(side - 1 <= reach * sigma, std::string(name) + " is too small for the image's size");
    PairwiseJob job;
    job.sigma[1] = job.sigma[2] = sigma;
    job.attraction = &weight;
    return job;
}

int dense_crf(const segpost_array *probabilities, const segpost_array *image,
              const segpost_crf_options *given, const segpost_array *out, segpost_report *report) {
    return guarded(report, [&] {
        const segpost_crf_options options = options_of(given);
        check(probabilities, "probabilities", 3, kind(SEGPOST_FLOAT32));
        check(out, "out", 3, kind(SEGPOST_FLOAT32));
        for (int i = 0; i < 3; ++i)
            require(out->shape[i] == probabilities->shape[i],
                    "out must have the probabilities' shape " + shape_text(*probabilities) +
                        ", got " + shape_text(*out));
        require(options.quality >= SEGPOST_QUALITY_DEFAULT && options.quality <= SEGPOST_EXACT,
                "quality is unknown: " + std::to_string(options.quality));
        require(options.iterations >= 0, "iterations must not be negative");
        UnaryView unary;
        unary.data = static_cast<const char *>(probabilities->data);
        unary.clamp = 1e-5;
        unary.labels = probabilities->shape[0], unary.d = 1;
        unary.h = probabilities->shape[1], unary.w = probabilities->shape[2];
        unary.stride_l = probabilities->strides[0], unary.stride_h = probabilities->strides[1];
        unary.stride_w = probabilities->strides[2];
        if (!unary.labels || !unary.pixels()) return static_cast<int>(SEGPOST_OK);

        const double near = chosen(options.gaussian_weight, 3, "gaussian_weight");
        const double like = chosen(options.bilateral_weight, 10, "bilateral_weight");
        const std::vector<double> colors(3, chosen(options.bilateral_rgb, 13, "bilateral_rgb"));
        std::vector<PairwiseJob> terms;
        if (near > 0)
            terms.push_back(term(chosen(options.gaussian_sigma, 3, "gaussian_sigma"), near, unary,
                                 "gaussian_sigma"));
        if (like > 0) {
            PairwiseJob job = term(chosen(options.bilateral_sigma, 80, "bilateral_sigma"), like,
                                   unary, "bilateral_sigma");
            check(image, "image", 3, kind(SEGPOST_UINT8));
            require(image->shape[0] == unary.h && image->shape[1] == unary.w &&
                        image->shape[2] == 3,
                    "image must be (H, W, 3) with the probabilities' pixels, got " +
                        shape_text(*image));
            require(colors[0] * reach >= 255, "bilateral_rgb is too small");
            job.guide.data = static_cast<const char *>(image->data);
            job.guide.channels = 3;
            job.guide.stride_h = image->strides[0], job.guide.stride_w = image->strides[1];
            job.guide.stride_c = image->strides[2];
            job.guide_sigma = colors.data();
            terms.push_back(job);
        }
        std::unique_ptr<CrfInference> solver;
        if (options.quality == SEGPOST_EXACT)
            solver = std::make_unique<CrfExact>(unary, std::move(terms), true);
        else
            solver = std::make_unique<CrfOnLattice>(unary, std::move(terms), true,
                                                    recipe_of(options.quality));
        solver->prepare(never);
        const BadUnary &bad = solver->bad();
        if (bad.any()) {
            const std::int64_t count = bad.total     ? bad.total
                                       : bad.outside ? bad.outside
                                                     : bad.hopeless;
            const std::int64_t first = bad.total     ? bad.first
                                       : bad.outside ? bad.outside_at
                                                     : bad.hopeless_at;
            const char *what = bad.total     ? " values that are NaN or infinite"
                               : bad.outside ? " values outside 0..1"
                                             : " pixels without a possible label";
            return told(report, SEGPOST_BAD_VALUES,
                        "probabilities have " + std::to_string(count) + what + ", first at " +
                            std::to_string(first),
                        count, first);
        }
        ProbabilityView to;
        to.data = static_cast<char *>(out->data);
        to.stride_l = out->strides[0], to.stride_h = out->strides[1], to.stride_w = out->strides[2];
        std::vector<CrfStep> steps;
        solver->infer(to, options.iterations ? options.iterations : 10, nullptr, -1.0, false, never,
                      steps);
        return static_cast<int>(SEGPOST_OK);
    });
}

void set_threads(std::int32_t n) { set_num_threads(n < 1 ? 1 : n); }
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
                          threads};

} // namespace
} // namespace segpost::capi

const segpost_api *segpost_get_api(std::int32_t abi) {
    return abi == SEGPOST_ABI ? &segpost::capi::api : nullptr;
}
