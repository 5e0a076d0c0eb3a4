// The operators of segpost in the graph of a runtime: attributes become options of segpost/capi.h.
//
// docs/reference/operators.md defines them. Each class is one node: it reads its attributes once,
// and `run` may be called from any thread.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "runtimes/operator.hpp"

namespace segpost::runtimes {

// Labels of logits, uint8, or int32 where `wide`, and their confidence.
class Argmax : public Operator {
  public:
    Argmax(const std::string &name, const Attributes &attributes, bool wide)
        : Operator(name), wide_(wide) {
        options_.struct_size = sizeof options_;
        options_.grid = choose(attributes, "grid",
                               {{"half_pixel", SEGPOST_HALF_PIXEL},
                                {"align_corners", SEGPOST_ALIGN_CORNERS},
                                {"asymmetric", SEGPOST_ASYMMETRIC}});
        options_.nan = choose(attributes, "nan",
                              {{"raise", SEGPOST_NAN_RAISE}, {"propagate", SEGPOST_NAN_PROPAGATE}});
        options_.fast_confidence =
            choose(attributes, "confidence_mode", {{"exact", 0}, {"fast", 1}});
        const std::int64_t axis = read([&] { return attributes.integer("axis"); }).value_or(-3);
        require(axis == -3 || axis == -1, "axis must be -3 or -1, got " + std::to_string(axis));
        channels_last_ = axis == -1;
        read_quantization(attributes);
        read_threshold(attributes);
        read_letterbox(attributes);
    }

    const segpost_argmax_options &options() const { return options_; }
    std::int32_t label_dtype() const { return wide_ ? SEGPOST_INT32 : SEGPOST_UINT8; }

    // (N, H, W) of the labels; `size` is null where the node has no such input.
    std::array<std::int64_t, 3> shape(const segpost_array &logits, const std::int64_t *size) const {
        const segpost_array view = channels_first(logits);
        if (!options_.has_threshold)
            require(wide_ || view.shape[1] <= 256,
                    "logits have " + std::to_string(view.shape[1]) +
                        " classes, and labels of uint8 hold 256: use ArgmaxInt32");
        require(options_.scale == 0 || logits.dtype > SEGPOST_BFLOAT16,
                "quantization is for integer logits");
        const auto *image = box_ ? box_->image : nullptr;
        if (size && image)
            require(size[0] == image[0] && size[1] == image[1],
                    "size is " + size_text(size) + ", but letterbox gives results of the size " +
                        size_text(image) + " of its image: leave size out");
        if (image) size = image;
        if (!size) return {view.shape[0], view.shape[2], view.shape[3]};
        for (int i = 0; i < 2; ++i)
            require(size[i] > 0 && size[i] < std::int64_t{1} << 31,
                    "size must be (H, W) of at least 1, got " + size_text(size));
        return {view.shape[0], size[0], size[1]};
    }

    void run(const segpost_array &logits, const segpost_array &labels,
             const segpost_array *confidence) const {
        const segpost_array view = channels_first(logits);
        segpost_argmax_options options = options_;
        options.letterbox = box_ ? &*box_ : nullptr;
        segpost_report report;
        check(api_->argmax(&view, &options, &labels, nullptr, confidence, nullptr, &report),
              report);
    }

    segpost_array channels_first(const segpost_array &logits) const {
        check_rank(logits, "logits", 4, channels_last_ ? "(N, h, w, C)" : "(N, C, h, w)");
        segpost_array view = logits;
        if (!channels_last_) return view;
        for (std::int64_t *sides : {view.shape, view.strides})
            std::rotate(sides + 1, sides + 3, sides + 4);
        return view;
    }

  private:
    static std::string size_text(const std::int64_t *size) {
        return std::to_string(size[0]) + " x " + std::to_string(size[1]);
    }

    void read_quantization(const Attributes &attributes) {
        const auto numbers = read([&] { return attributes.numbers("quantization"); });
        if (!numbers) return;
        require(numbers->size() == 2, "quantization must be (scale, zero_point), got " +
                                          std::to_string(numbers->size()) + " numbers");
        options_.scale = (*numbers)[0], options_.zero_point = (*numbers)[1];
        require(options_.scale > 0 && std::isfinite(options_.scale) &&
                    std::isfinite(options_.zero_point),
                "quantization must be a positive scale and a finite zero_point");
    }

    void read_threshold(const Attributes &attributes) {
        const auto threshold = read([&] { return attributes.number("threshold"); });
        if (!threshold) return;
        require(*threshold > 0 && *threshold < 1,
                "threshold is a probability between 0 and 1, got " + std::to_string(*threshold));
        options_.has_threshold = 1;
        options_.threshold = std::log(*threshold / (1 - *threshold));
    }

    void read_letterbox(const Attributes &attributes) {
        const auto sides = read([&] { return attributes.integers("letterbox"); });
        if (!sides) return;
        require(sides->size() == 8, "letterbox must be the 8 integers of (image_size, input_size, "
                                    "content_size, offset), got " +
                                        std::to_string(sides->size()));
        box_.emplace();
        const auto from = sides->begin();
        std::copy(from, from + 2, box_->image), std::copy(from + 2, from + 4, box_->input);
        std::copy(from + 4, from + 6, box_->content), std::copy(from + 6, from + 8, box_->offset);
    }

    segpost_argmax_options options_{};
    std::optional<segpost_letterbox> box_;
    bool wide_, channels_last_ = false;
};

// Probabilities of logits, in their layout.
class Softmax : public Argmax {
  public:
    Softmax(const std::string &name, const Attributes &attributes)
        : Argmax(name, attributes, true) {}

    void run(const segpost_array &logits, const segpost_array &probabilities) const {
        const segpost_array from = channels_first(logits), to = channels_first(probabilities);
        segpost_report report;
        check(api_->softmax(&from, &options(), &to, &report), report);
    }
};

class Colorize : public Operator {
  public:
    using Operator::Operator;

    std::array<std::int64_t, 4> shape(const segpost_array &labels) const {
        check_rank(labels, "labels", 3, "(N, H, W)");
        return {labels.shape[0], labels.shape[1], labels.shape[2], 3};
    }

    void run(const segpost_array &labels, const segpost_array &palette,
             const segpost_array &color) const {
        check_palette(palette);
        segpost_report report;
        const auto *colors = static_cast<const std::uint8_t *>(palette.data);
        check(api_->colorize(&labels, colors, palette.shape[0], &color, &report), report);
    }
};

class Overlay : public Operator {
  public:
    Overlay(const std::string &name, const Attributes &attributes) : Operator(name) {
        contour_ = read([&] { return attributes.integer("contour"); }).value_or(0);
    }

    std::array<std::int64_t, 4> shape(const segpost_array &image) const {
        check_rank(image, "image", 4, "(N, H, W, 3)");
        return {image.shape[0], image.shape[1], image.shape[2], 3};
    }

    // `alpha` is empty where the node has no such input.
    void run(const segpost_array &image, const segpost_array &labels, const segpost_array &palette,
             const Numbers &alpha, const segpost_array &blended) const {
        check_palette(palette);
        segpost_report report;
        const auto *colors = static_cast<const std::uint8_t *>(palette.data);
        check(api_->overlay(&image, &labels, colors, palette.shape[0],
                            alpha.empty() ? nullptr : alpha.data(),
                            static_cast<std::int64_t>(alpha.size()), contour_, &blended, &report),
              report);
    }

    // The numbers of a node's input.
    Numbers weights_of(const segpost_array &alpha) const {
        check_rank(alpha, "alpha", 1, "(1,) or (K,)");
        require(alpha.dtype == SEGPOST_FLOAT32, "alpha must be of dtype float32");
        require(alpha.shape[0] > 0, "alpha is empty");
        const auto *first = static_cast<const float *>(alpha.data);
        return Numbers(first, first + alpha.shape[0]);
    }

  private:
    std::int64_t contour_ = 0;
};

class ConfusionMatrix : public Operator {
  public:
    ConfusionMatrix(const std::string &name, const Attributes &attributes) : Operator(name) {
        const auto classes = read([&] { return attributes.integer("num_classes"); });
        require(classes.has_value(), "num_classes is missing");
        require(*classes > 0 && *classes <= 1 << 14,
                "num_classes must be in 1..16384, got " + std::to_string(*classes));
        classes_ = *classes;
        ignored_ = read([&] { return attributes.integers("ignore_index"); }).value_or(Integers{});
        std::sort(ignored_.begin(), ignored_.end());
        ignored_.erase(std::unique(ignored_.begin(), ignored_.end()), ignored_.end());
    }

    std::array<std::int64_t, 2> shape() const { return {classes_, classes_}; }

    // `matrix` is (K, K) in C order.
    void run(const segpost_array &preds, const segpost_array &target, std::int64_t *matrix) const {
        segpost_report report;
        Integers counts = empty_counts();
        check(api_->confusion_matrix(&preds, &target, classes_, ignored_.data(),
                                     static_cast<std::int64_t>(ignored_.size()), counts.data(),
                                     &report),
              report);
        copy(counts, matrix);
    }

    // The same of logits, at the size of the target.
    void run_logits(const Argmax &sampling, const segpost_array &logits,
                    const segpost_array &target, std::int64_t *matrix) const {
        segpost_report report;
        Integers counts = empty_counts();
        const segpost_array view = sampling.channels_first(logits);
        check(api_->confusion_matrix_of_logits(
                  &view, &sampling.options(), &target, classes_, ignored_.data(),
                  static_cast<std::int64_t>(ignored_.size()), counts.data(), &report),
              report);
        copy(counts, matrix);
    }

  private:
    Integers empty_counts() const {
        return Integers(static_cast<std::size_t>((classes_ + 2) * (classes_ + 1)));
    }

    void copy(const Integers &counts, std::int64_t *matrix) const {
        const std::int64_t width = classes_ + 1;
        std::int64_t bad_preds = 0, bad_target = 0;
        for (std::int64_t row = 0; row < classes_; ++row) {
            const std::int64_t *from = counts.data() + row * width;
            std::copy(from, from + classes_, matrix + row * classes_);
            bad_preds += from[classes_];
        }
        for (std::int64_t i = 0; i < width; ++i) bad_target += counts.end()[i - width];
        const std::string range = " values outside 0.." + std::to_string(classes_ - 1);
        require(bad_target == 0, "target has " + std::to_string(bad_target) + range +
                                     " that are not in ignore_index");
        require(bad_preds == 0, "preds have " + std::to_string(bad_preds) + range);
    }

    std::int64_t classes_ = 0;
    Integers ignored_;
};

class DenseCrf : public Operator {
  public:
    DenseCrf(const std::string &name, const Attributes &attributes) : Operator(name) {
        options_.struct_size = sizeof options_;
        const bool is_deeplab =
            choose(attributes, "preset", {{"pydensecrf", 0}, {"deeplab", 1}}) == 1;
        options_.quality = choose(attributes, "quality",
                                  {{"default", SEGPOST_QUALITY_DEFAULT},
                                   {"fast", SEGPOST_QUALITY_FAST},
                                   {"high", SEGPOST_QUALITY_HIGH},
                                   {"exact", SEGPOST_EXACT}});
        const std::int64_t iterations =
            read([&] { return attributes.integer("iterations"); }).value_or(10);
        require(iterations > 0 && iterations <= 100000,
                "iterations must be in 1..100000, got " + std::to_string(iterations));
        options_.iterations = static_cast<std::int32_t>(iterations);
        const auto number = [&](const char *name, double pydensecrf, double deeplab) {
            return read([&] { return attributes.number(name); })
                .value_or(is_deeplab ? deeplab : pydensecrf);
        };
        const auto positive = [&](const char *name, double pydensecrf, double deeplab) {
            const double value = number(name, pydensecrf, deeplab);
            require(value > 0, std::string(name) + " must be positive");
            return value;
        };
        const auto weight = [&](const char *name, double pydensecrf, double deeplab) {
            const double value = number(name, pydensecrf, deeplab);
            require(value >= 0, std::string(name) + " must not be negative; 0 leaves the term out");
            return value > 0 ? value : -1.0;
        };
        options_.gaussian_sigma = positive("gaussian_sigma", 3, 1);
        options_.gaussian_weight = weight("gaussian_weight", 3, 3);
        options_.bilateral_sigma = positive("bilateral_sigma", 80, 67);
        options_.bilateral_rgb = positive("bilateral_rgb", 13, 3);
        options_.bilateral_weight = weight("bilateral_weight", 10, 4);
    }

    std::array<std::int64_t, 4> shape(const segpost_array &probabilities) const {
        check_rank(probabilities, "probabilities", 4, "(N, C, H, W)");
        const auto *side = probabilities.shape;
        return {side[0], side[1], side[2], side[3]};
    }

    void run(const segpost_array &probabilities, const segpost_array &image,
             const segpost_array &refined) const {
        check_rank(image, "image", 4, "(N, H, W, 3)");
        require(image.shape[0] == probabilities.shape[0],
                "image has " + std::to_string(image.shape[0]) + " images, probabilities have " +
                    std::to_string(probabilities.shape[0]));
        segpost_report report;
        for (std::int64_t i = 0; i < probabilities.shape[0]; ++i) {
            const segpost_array from = item(probabilities, i), guide = item(image, i);
            const segpost_array out = item(refined, i);
            check(api_->dense_crf(&from, &guide, &options_, &out, &report), report);
        }
    }

  private:
    static segpost_array item(const segpost_array &batch, std::int64_t i) {
        segpost_array one = batch;
        one.data = static_cast<char *>(batch.data) + i * batch.strides[0];
        one.ndim = batch.ndim - 1;
        std::copy(batch.shape + 1, batch.shape + batch.ndim, one.shape);
        std::copy(batch.strides + 1, batch.strides + batch.ndim, one.strides);
        return one;
    }

    segpost_crf_options options_{};
};

} // namespace segpost::runtimes
