// The dense CRF of segpost/capi.h.
#include "capi/crf.hpp"

#include <cmath>
#include <memory>
#include <vector>

#include "capi/arrays.hpp"
#include "capi/status.hpp"
#include "cpu/crf/exact.hpp"
#include "cpu/crf/solver.hpp"

namespace segpost::capi {
namespace {

constexpr double reach = 100000; // sigmas from one end of a feature to the other
constexpr double least_sigma = 1e-30, most_sigma = 1e30;
constexpr double most_weight = 1e6;
constexpr std::int64_t most_pixels = (std::int64_t{1} << 31) - 1;

// The same numbers as LATTICES of segpost._core.contract.
LatticeConfig recipe_of(int quality) {
    if (quality == SEGPOST_QUALITY_FAST) return {1, 0.5, 1.0, 0.5, 1.0, 1, 0.5, 1.0, 0, 1e-4};
    if (quality == SEGPOST_QUALITY_HIGH) return {2, 0.4, 1.02, 0.4, 1.02, 2, 0.4, 1.02, 1, 1e-6};
    return {1, 0.44, 1.04, 0.36, 0.94, 2, 0.4, 1.02, 2, 1e-5};
}

// A number of the options, or what 0 stands for.
double chosen(double given, double otherwise, const char *name) {
    require(std::isfinite(given), std::string(name) + " must be finite");
    return given == 0 ? otherwise : given;
}

double chosen_weight(double given, double otherwise, const char *name) {
    const double weight = chosen(given, otherwise, name);
    require(std::abs(weight) <= most_weight, std::string(name) + " must be in -1e6..1e6");
    return weight;
}

PairwiseJob term(double sigma, const double &weight, const UnaryView &unary, const char *name) {
    require(sigma >= least_sigma && sigma <= most_sigma,
            std::string(name) + " must be positive, in 1e-30..1e30");
    const auto side = static_cast<double>(unary.h > unary.w ? unary.h : unary.w);
    require(side - 1 <= reach * sigma, std::string(name) + " is too small for the image's size");
    PairwiseJob job;
    job.sigma[1] = job.sigma[2] = sigma;
    job.compatibility = &weight;
    return job;
}

} // namespace

int dense_crf(const segpost_array *probabilities, const segpost_array *image,
              const segpost_crf_options *given, const segpost_array *out, segpost_report *report) {
    return catch_all(report, [&] {
        const segpost_crf_options options = options_of(given);
        check(probabilities, "probabilities", 3, kind(SEGPOST_FLOAT32));
        check_output(out, "out", 3, kind(SEGPOST_FLOAT32));
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
        require(unary.labels > 1, "probabilities must have at least two labels, got " +
                                      std::to_string(unary.labels) +
                                      "; for a sigmoid head stack 1 - p and p");
        const double near = chosen_weight(options.gaussian_weight, 3, "gaussian_weight");
        const double like = chosen_weight(options.bilateral_weight, 10, "bilateral_weight");
        require(unary.h == 0 || unary.w <= most_pixels / unary.h,
                "probabilities have too many pixels: " + shape_text(*probabilities));
        if (!unary.pixels()) return static_cast<int>(SEGPOST_OK);

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
            require(colors[0] <= most_sigma, "bilateral_rgb is too large: at most 1e30");
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
        solver->prepare(no_cancellation);
        const UnaryErrors &bad = solver->errors();
        if (bad.any()) {
            const std::int64_t count = bad.count          ? bad.count
                                       : bad.out_of_range ? bad.out_of_range
                                                          : bad.infeasible;
            const std::int64_t first = bad.count          ? bad.first
                                       : bad.out_of_range ? bad.out_of_range_first
                                                          : bad.infeasible_first;
            const char *what = bad.count          ? " values that are NaN or infinite"
                               : bad.out_of_range ? " values outside 0..1"
                                                  : " pixels without a possible label";
            return set_report(report, SEGPOST_BAD_VALUES,
                              "probabilities have " + std::to_string(count) + what + ", first at " +
                                  std::to_string(first),
                              count, first);
        }
        ProbabilityView to;
        to.data = static_cast<char *>(out->data);
        to.stride_l = out->strides[0], to.stride_h = out->strides[1], to.stride_w = out->strides[2];
        std::vector<CrfStep> steps;
        solver->infer(to, options.iterations ? options.iterations : 10, nullptr, -1.0, false,
                      no_cancellation, steps);
        return static_cast<int>(SEGPOST_OK);
    });
}

} // namespace segpost::capi
