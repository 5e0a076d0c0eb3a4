#include "capi/sampled.hpp"

#include <cmath>

namespace segpost::capi {
namespace {

// Products of three sides, and of the factors of the grids, are 64-bit integers up to here.
constexpr std::int64_t longest_side = std::int64_t{1} << 19;

void check_letterbox(const segpost_letterbox &box) {
    for (int i = 0; i < 2; ++i) {
        for (const std::int64_t side : {box.image[i], box.input[i], box.content[i]})
            require(side > 0 && side <= longest_side,
                    "letterbox has a side outside 1..524288: " + std::to_string(side));
        require(box.offset[i] >= 0 && box.offset[i] + box.content[i] <= box.input[i],
                "letterbox has a content of " + std::to_string(box.content[i]) + " at offset " +
                    std::to_string(box.offset[i]) + ", which does not lie in its input of " +
                    std::to_string(box.input[i]));
    }
}

} // namespace

Sampled::Sampled(const segpost_argmax_options *caller_options, const Logits &logits, std::int64_t h,
                 std::int64_t w, bool needs_labels)
    : options(options_of(caller_options)), logits_(logits), full_h_(logits.h), full_w_(logits.w),
      h_(h), w_(w) {
    require(options.grid >= SEGPOST_HALF_PIXEL && options.grid <= SEGPOST_ASYMMETRIC,
            "grid is unknown: " + std::to_string(options.grid));
    require(options.nan == SEGPOST_NAN_RAISE || options.nan == SEGPOST_NAN_PROPAGATE,
            "nan is unknown: " + std::to_string(options.nan));
    if (options.scale == 0) options.scale = 1;
    require(options.scale > 0 && std::isfinite(options.scale) && std::isfinite(options.zero_point),
            "scale must be positive and finite");
    require(options.has_threshold || logits.c > 1 || !needs_labels,
            "logits have one class, so every label would be 0; a sigmoid head needs "
            "has_threshold");
    require(!options.has_threshold || logits.c == 1,
            "threshold is for logits of one class, got " + std::to_string(logits.c));
    require(!options.has_threshold || std::isfinite(options.threshold), "threshold must be finite");
    if (options.letterbox) {
        crop();
    } else if ((h != logits.h || w != logits.w) && h > 0 && w > 0 && logits.h > 0 && logits.w > 0) {
        const auto grid = static_cast<segpost_grid>(options.grid);
        y_.emplace(logits.h, h, grid), x_.emplace(logits.w, w, grid);
    } else {
        require(h == logits.h && w == logits.w, "logits have no pixels to resample");
    }
}

void Sampled::crop() {
    const segpost_letterbox &box = *options.letterbox;
    check_letterbox(box);
    require(logits_.h > 0 && logits_.w > 0, "logits are empty: letterbox has nothing to crop");
    require(logits_.h <= longest_side && logits_.w <= longest_side,
            "logits have a side over 524288, which a letterbox cannot crop");
    require(h_ == box.image[0] && w_ == box.image[1],
            "outputs must have the size of the letterbox's image, " + std::to_string(box.image[0]) +
                " x " + std::to_string(box.image[1]) + ", got " + std::to_string(h_) + " x " +
                std::to_string(w_));
    const auto grid = static_cast<segpost_grid>(options.grid);
    const auto cropped = [&](int i, std::int64_t n_in) {
        return CroppedAxis(n_in, box.image[i], grid, {box.offset[i], box.content[i], box.input[i]});
    };
    CroppedAxis rows = cropped(0, logits_.h), columns = cropped(1, logits_.w);
    top_ = rows.first, left_ = columns.first;
    logits_.data += top_ * logits_.stride_h + left_ * logits_.stride_w;
    logits_.h = rows.count, logits_.w = columns.count;
    y_ = std::move(rows.tables), x_ = std::move(columns.tables);
    if (y_ && !x_) x_.emplace(w_, w_, SEGPOST_ASYMMETRIC);
    if (x_ && !y_) y_.emplace(h_, h_, SEGPOST_ASYMMETRIC);
}

int Sampled::status(LogitErrors errors, const char *what, segpost_report *report) const {
    Logits full = logits_;
    full.h = full_h_, full.w = full_w_;
    if (errors.nan_count && options.letterbox) {
        const std::int64_t pixels = logits_.h * logits_.w, image = errors.nan_first / pixels;
        const std::int64_t row = errors.nan_first % pixels / logits_.w + top_;
        const std::int64_t column = errors.nan_first % logits_.w + left_;
        errors.nan_first = (image * full_h_ + row) * full_w_ + column;
    }
    return to_status(errors, full, h_, w_, options.nan == SEGPOST_NAN_PROPAGATE, what, report);
}

} // namespace segpost::capi
