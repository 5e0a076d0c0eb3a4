// Python arguments as jobs, the same for every backend whose kernels are compiled.
#pragma once

#include "bindings/convert.hpp"

#include "ops/labels/masks.hpp"
#include "ops/labels/volumes.hpp"
#include "ops/metrics/confusion.hpp"

namespace segpost::bindings {

inline bool same_pixels(const LabelView &a, const LabelView &b) {
    return a.n == b.n && a.h == b.h && a.w == b.w;
}

inline ArgmaxJob argmax_job(const Record<records::Logits> &logits, const py::object &axes) {
    ArgmaxJob job;
    job.logits = from_python(logits);
    if (!axes.is_none()) {
        job.resample = true;
        job.y = axis_view(axes.attr(axis_names().y));
        job.x = axis_view(axes.attr(axis_names().x));
    }
    if (logits.has(records::Logits::threshold)) {
        job.has_threshold = true;
        job.threshold = logits.get<double>(records::Logits::threshold);
    }
    return job;
}

// The overlay that an argmax draws; its labels and its table are those of the job.
inline OverlayJob from_python(const Record<records::OverlayTarget> &record, const ArgmaxJob &job) {
    using R = records::OverlayTarget;
    OverlayJob overlay;
    overlay.image = image_view(record.get<py::array>(R::image), false);
    overlay.alpha =
        checked_pointer<std::uint16_t>(record.get<py::array>(R::alpha), job.classes() + 1);
    overlay.out = image_view(record.get<py::array>(R::out), true);
    overlay.labels = job.labels;
    overlay.range.classes = job.classes();
    require(same_pixels(overlay.image, job.labels) && same_pixels(overlay.out, job.labels),
            "overlay");
    return overlay;
}

inline void add_colors(ArgmaxJob &job, const Record<records::ColorOutputs> &record) {
    using R = records::ColorOutputs;
    const auto *lut =
        checked_pointer<std::uint32_t>(record.get<py::array>(R::lut), job.classes() + 1);
    if (record.has(R::color)) {
        job.color = image_view(record.get<py::array>(R::color), true);
        job.lut = lut;
        require(same_pixels(job.color, job.labels), "color");
    }
    if (record.has(R::overlay)) {
        job.overlay = from_python(Record<records::OverlayTarget>(record[R::overlay]), job);
        job.overlay.lut = lut;
    }
}

inline ArgmaxJob argmax_job(const Record<records::Logits> &logits, const py::object &axes,
                            const py::array &labels, const py::object &paint,
                            const py::object &confidence = py::none(), bool fast = false) {
    ArgmaxJob job = argmax_job(logits, axes);
    job.labels = map_view(labels, true);
    require(job.labels.n == job.logits.n && job.labels.h == job.height() &&
                job.labels.w == job.width() &&
                (job.labels.dtype == DType::i32 ||
                 (job.labels.dtype == DType::u8 && job.classes() <= 256)),
            "labels");
    if (!paint.is_none()) add_colors(job, Record<records::ColorOutputs>(paint));
    if (!confidence.is_none()) {
        job.confidence = map_view(confidence.cast<py::array>(), true);
        job.scale = logits.get<double>(records::Logits::scale);
        job.zero_point = logits.get<double>(records::Logits::zero_point);
        job.fast = fast;
        const DType kind = job.confidence.dtype;
        require(same_pixels(job.confidence, job.labels) &&
                    (kind == DType::f32 || kind == DType::u8),
                "confidence");
    }
    return job;
}

// Maps are [N, H, W], those of the largest probabilities [N, top, H, W]; any may be None.
inline RankingJob ranking_job(const Record<records::Logits> &logits, const py::object &axes,
                              const py::object &labels, const py::object &confidence,
                              const py::object &entropy, const py::object &margin,
                              const py::object &top_labels, const py::object &top_probabilities,
                              const py::object &slices = py::none()) {
    RankingJob job;
    static_cast<ArgmaxJob &>(job) = argmax_job(logits, axes);
    require(job.resample, "axes");
    set_slices(job.logits, slices);
    job.scale = logits.get<double>(records::Logits::scale);
    job.zero_point = logits.get<double>(records::Logits::zero_point);
    const auto map = [&](const py::object &array, const char *name) {
        LabelView view;
        if (array.is_none()) return view;
        view = map_view(array.cast<py::array>(), true);
        require(view.n == job.logits.n && view.h == job.height() && view.w == job.width(), name);
        return view;
    };
    const auto is_label = [&](DType kind) {
        return kind == DType::i32 || (kind == DType::u8 && job.classes() <= 256);
    };
    job.labels = map(labels, "labels");
    job.confidence = map(confidence, "confidence");
    job.entropy = map(entropy, "entropy");
    job.margin = map(margin, "margin");
    require(!job.labels.data || is_label(job.labels.dtype), "labels");
    const auto is_probability = [](DType dtype) {
        return dtype == DType::f32 || dtype == DType::u8;
    };
    require(!job.confidence.data || is_probability(job.confidence.dtype), "confidence");
    require(!job.entropy.data || job.entropy.dtype == DType::f32, "entropy");
    require(!job.margin.data || (job.margin.dtype == DType::f32 && job.classes() > 1), "margin");
    if (top_labels.is_none()) return job;
    const auto classes = top_labels.cast<py::array>();
    const auto probabilities = top_probabilities.cast<py::array>();
    const auto ranks = [&](const py::array &array) {
        require(array.ndim() == 4 && array.shape(0) == job.logits.n &&
                    array.shape(1) == classes.shape(1) && array.shape(2) == job.height() &&
                    array.shape(3) == job.width() &&
                    array.strides(0) == array.shape(1) * array.strides(1) &&
                    array.strides(3) == array.itemsize(),
                "top");
        LabelView view;
        view.data = address(array, true);
        view.dtype = element_type(array);
        view.n = array.shape(0) * array.shape(1), view.h = array.shape(2), view.w = array.shape(3);
        view.stride_n = array.strides(1), view.stride_h = array.strides(2);
        view.stride_w = array.strides(3);
        return view;
    };
    job.top = classes.shape(1);
    require(job.top >= 1 && job.top <= most_ranks && job.top <= job.classes(), "top");
    job.top_labels = ranks(classes);
    job.top_probabilities = ranks(probabilities);
    require(is_label(job.top_labels.dtype) && is_probability(job.top_probabilities.dtype), "top");
    return job;
}

// Logits are [n, c, d, h, w].
inline VolumeJob volume_job(const Record<records::Logits> &logits, const py::object &axes) {
    const auto values = logits.get<py::array>(records::Logits::values);
    require(values.ndim() == 5 && values.shape(1) > 0, "logits");
    VolumeJob job;
    job.logits.data = static_cast<const char *>(values.data());
    job.logits.dtype = element_type(logits.get<std::string>(records::Logits::kind));
    job.logits.n = values.shape(0), job.logits.c = values.shape(1);
    job.depth = values.shape(2), job.logits.h = values.shape(3), job.logits.w = values.shape(4);
    job.logits.stride_n = values.strides(0), job.logits.stride_c = values.strides(1);
    job.stride_d = values.strides(2);
    job.logits.stride_h = values.strides(3), job.logits.stride_w = values.strides(4);
    job.z = axis_view(axes.attr(axis_names().z));
    job.y = axis_view(axes.attr(axis_names().y));
    job.x = axis_view(axes.attr(axis_names().x));
    require(job.z.n_in == job.depth && job.y.n_in == job.logits.h && job.x.n_in == job.logits.w,
            "axes");
    return job;
}

// [n, D, H, W]
inline void add_labels(VolumeJob &job, const py::array &labels) {
    const DType kind = element_type(labels);
    job.narrow = kind == DType::u8;
    require(labels.ndim() == 4 && labels.shape(0) == job.logits.n &&
                labels.shape(1) == job.z.n_out && labels.shape(2) == job.y.n_out &&
                labels.shape(3) == job.x.n_out &&
                (job.x.n_out < 2 || labels.strides(3) == labels.itemsize()) &&
                (kind == DType::i32 || job.narrow),
            "labels");
    job.labels = address(labels, true);
    job.out_n = labels.strides(0), job.out_d = labels.strides(1), job.out_h = labels.strides(2);
}

// Of argmax.
inline VolumeJob volume_job(const Record<records::Logits> &logits, const py::object &axes,
                            const py::array &labels) {
    VolumeJob job = volume_job(logits, axes);
    add_labels(job, labels);
    require(job.logits.c <= 256 || !job.narrow, "labels");
    return job;
}

// Masks [n, c, D, H, W], or with `values`, those of the channels, labels [n, D, H, W].
inline BinarizeVolumeJob binarize_volume_job(const Record<records::Logits> &logits,
                                             const py::object &axes, const py::array &cutoffs,
                                             const py::object &values, const py::array &out) {
    BinarizeVolumeJob job;
    static_cast<VolumeJob &>(job) = volume_job(logits, axes);
    require(element_type(cutoffs) == DType::f64, "cutoffs");
    job.cutoffs = checked_pointer<double>(cutoffs, job.logits.c);
    if (!values.is_none()) {
        const auto array = values.cast<py::array>();
        require(element_type(array) == DType::i32, "values");
        job.values = checked_pointer<std::int32_t>(array, job.logits.c);
        add_labels(job, out);
        return job;
    }
    require(out.ndim() == 5 && out.itemsize() == 1 && out.shape(0) == job.logits.n &&
                out.shape(1) == job.logits.c && out.shape(2) == job.z.n_out &&
                out.shape(3) == job.y.n_out && out.shape(4) == job.x.n_out &&
                (job.x.n_out < 2 || out.strides(4) == 1),
            "masks");
    job.labels = address(out, true);
    job.out_n = out.strides(0), job.out_c = out.strides(1);
    job.out_d = out.strides(2), job.out_h = out.strides(3);
    return job;
}

// The logits and the resampling of masks.
inline BinarizeJob binarize_job(const Record<records::Logits> &logits, const py::object &axes) {
    BinarizeJob job;
    job.logits = from_python(logits);
    if (!axes.is_none()) {
        job.resample = true;
        job.y = axis_view(axes.attr(axis_names().y));
        job.x = axis_view(axes.attr(axis_names().x));
        require(job.y.n_in == job.logits.h && job.x.n_in == job.logits.w, "axes");
    }
    return job;
}

// And their cutoffs.
inline BinarizeJob binarize_job(const Record<records::Logits> &logits, const py::object &axes,
                                const py::array &cutoffs) {
    BinarizeJob job = binarize_job(logits, axes);
    require(element_type(cutoffs) == DType::f64, "cutoffs");
    job.cutoffs = checked_pointer<double>(cutoffs, job.logits.c);
    return job;
}

// Masks are [n, c, H, W] bytes, or bits with a last axis of ceil(W / 8).
inline void add_masks(BinarizeJob &job, const py::array &masks, bool packed) {
    const std::int64_t columns = packed ? (job.width() + 7) / 8 : job.width();
    require(masks.ndim() == 4 && masks.itemsize() == 1 && masks.shape(0) == job.logits.n &&
                masks.shape(1) == job.logits.c && masks.shape(2) == job.height() &&
                masks.shape(3) == columns && (columns < 2 || masks.strides(3) == 1),
            "masks");
    job.encoding = packed ? MaskEncoding::bits : MaskEncoding::bytes;
    job.out = address(masks, true);
    job.out_n = masks.strides(0), job.out_c = masks.strides(1), job.out_h = masks.strides(2);
}

// Labels are [n, H, W], and `values` those of the channels.
inline void add_labels(BinarizeJob &job, const py::array &values, const py::array &labels) {
    const LabelView view = map_view(labels, true);
    job.narrow = view.dtype == DType::u8;
    require(view.n == job.logits.n && view.h == job.height() && view.w == job.width() &&
                (job.narrow || view.dtype == DType::i32),
            "labels");
    require(element_type(values) == DType::i32, "values");
    job.values = checked_pointer<std::int32_t>(values, job.logits.c);
    job.encoding = MaskEncoding::labels;
    job.out = view.data;
    job.out_n = view.stride_n, job.out_h = view.stride_h;
}

inline SoftmaxJob softmax_job(const Record<records::Logits> &logits, const py::object &axes,
                              const py::object &probabilities, const py::object &confidence,
                              const py::object &slices = py::none()) {
    SoftmaxJob job;
    job.logits = from_python(logits);
    if (!axes.is_none()) {
        job.resample = true;
        job.y = axis_view(axes.attr(axis_names().y));
        job.x = axis_view(axes.attr(axis_names().x));
        set_slices(job.logits, slices);
    }
    job.scale = logits.get<double>(records::Logits::scale);
    job.zero_point = logits.get<double>(records::Logits::zero_point);
    if (logits.has(records::Logits::threshold)) {
        job.has_threshold = true;
        job.threshold = logits.get<double>(records::Logits::threshold);
    }
    if (!probabilities.is_none()) {
        const auto array = probabilities.cast<py::array>();
        require(array.ndim() == 4 && array.itemsize() == 4 && array.shape(0) == job.logits.n &&
                    array.shape(1) == job.logits.c && array.shape(2) == job.height() &&
                    array.shape(3) == job.width(),
                "probabilities");
        job.probabilities = address(array, true);
        job.prob_n = array.strides(0), job.prob_c = array.strides(1);
        job.prob_h = array.strides(2), job.prob_w = array.strides(3);
    }
    if (!confidence.is_none()) {
        const auto array = confidence.cast<py::array>();
        job.conf_bytes = array.itemsize() == 1;
        require(array.ndim() == 3 && (array.itemsize() == 4 || job.conf_bytes) &&
                    array.shape(0) == job.logits.n && array.shape(1) == job.height() &&
                    array.shape(2) == job.width(),
                "confidence");
        job.confidence = address(array, true);
        job.conf_n = array.strides(0), job.conf_h = array.strides(1), job.conf_w = array.strides(2);
    }
    return job;
}

inline ColorizeJob colorize_job(const py::array &labels, const py::array &lut,
                                const py::object &ignore_index, const py::array &out) {
    ColorizeJob job;
    job.labels = map_view(labels, false);
    job.range = label_range(lut, ignore_index);
    job.lut = checked_pointer<std::uint32_t>(lut, lut.shape(0));
    job.out = image_view(out, true);
    require(same_pixels(job.labels, job.out), "out");
    return job;
}

inline OverlayJob overlay_job(const py::array &image, const py::array &labels, const py::array &lut,
                              const py::array &alpha, const py::object &ignore_index,
                              std::int64_t contour, const py::array &out) {
    OverlayJob job;
    job.image = image_view(image, false);
    job.labels = map_view(labels, false);
    job.range = label_range(lut, ignore_index);
    job.lut = checked_pointer<std::uint32_t>(lut, lut.shape(0));
    job.alpha = checked_pointer<std::uint16_t>(alpha, lut.shape(0));
    job.contour = contour;
    job.out = image_view(out, true);
    require(same_pixels(job.labels, job.out) && same_pixels(job.labels, job.image), "out");
    return job;
}

inline LabelsFromColorsJob labels_from_colors_job(const py::array &image, const py::array &keys,
                                                  const py::array &values, const py::array &out) {
    LabelsFromColorsJob job;
    job.image = image_view(image, false);
    job.count = keys.shape(0);
    require(job.count > 0, "keys");
    job.keys = checked_pointer<std::uint32_t>(keys, job.count);
    job.values = checked_pointer<std::int32_t>(values, job.count);
    job.out = map_view(out, true);
    require(same_pixels(job.image, job.out) &&
                (job.out.dtype == DType::u8 || job.out.dtype == DType::i32),
            "out");
    return job;
}

inline ConfusionJob confusion_job(const py::array &preds, const py::array &target,
                                  const py::array &ignored, const py::array &counts) {
    ConfusionJob job;
    job.preds = map_view(preds, false);
    job.target = map_view(target, false);
    require(same_pixels(job.preds, job.target), "target");
    job.rule = target_rule(counts.shape(1) - 1, ignored);
    return job;
}

inline ConfusionLogitsJob confusion_job(const Record<records::Logits> &logits,
                                        const py::object &axes, const py::array &target,
                                        const py::array &ignored, const py::array &counts) {
    ConfusionLogitsJob job;
    job.argmax = argmax_job(logits, axes);
    job.target = map_view(target, false);
    require(job.target.n == job.argmax.logits.n && job.target.h == job.argmax.height() &&
                job.target.w == job.argmax.width(),
            "target");
    job.rule = target_rule(counts.shape(1) - 1, ignored);
    return job;
}

} // namespace segpost::bindings
