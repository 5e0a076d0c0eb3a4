// segpost._cpu: the native CPU kernels, under the names they have everywhere.
#include "convert.hpp"
#include "crf.hpp"
#include "signals.hpp"

#include "../cpu/pool.hpp"
#include "../cpu/run.hpp"

namespace segpost::bindings {
namespace {

py::tuple as_tuple(const Report &r) {
    return py::make_tuple(r.nan_count, r.nan_first, r.undefined_count, r.undefined_first);
}
py::tuple as_tuple(const Bad &bad) { return py::make_tuple(bad.count, bad.first); }

bool same_pixels(const Map &a, const Map &b) { return a.n == b.n && a.h == b.h && a.w == b.w; }

ArgmaxJob argmax_job(const py::tuple &logits, const py::object &axes) {
    ArgmaxJob job;
    job.logits = logits_view(logits);
    if (!axes.is_none()) {
        job.resample = true;
        job.y = axis_view(axes.attr("y"));
        job.x = axis_view(axes.attr("x"));
    }
    if (!logits[4].is_none()) {
        job.has_threshold = true;
        job.threshold = logits[4].cast<double>();
    }
    return job;
}

py::tuple argmax(const py::tuple &logits, const py::object &axes, const py::array &labels,
                 const py::object &color, const py::object &lut, bool dense) {
    ArgmaxJob job = argmax_job(logits, axes);
    job.labels = map_view(labels, true);
    require(job.labels.n == job.logits.n && job.labels.h == job.height() &&
                job.labels.w == job.width() &&
                (job.labels.dtype == DType::i32 ||
                 (job.labels.dtype == DType::u8 && job.classes() <= 256)),
            "labels");
    if (!color.is_none()) {
        job.color = image_view(color.cast<py::array>(), true);
        job.lut = table<std::uint32_t>(lut.cast<py::array>(), job.classes());
        require(same_pixels(job.color, job.labels), "color");
    }
    Report report;
    without_gil([&](const Interrupted &interrupted) {
        return run_argmax(job, dense ? CellRule::dense : CellRule::fill, interrupted, report);
    });
    return as_tuple(report);
}

py::tuple softmax(const py::tuple &logits, const py::object &axes, const py::object &probabilities,
                  const py::object &confidence) {
    SoftmaxJob job;
    job.logits = logits_view(logits);
    if (!axes.is_none()) {
        job.resample = true;
        job.y = axis_view(axes.attr("y"));
        job.x = axis_view(axes.attr("x"));
    }
    job.scale = logits[2].cast<double>();
    job.zero_point = logits[3].cast<double>();
    if (!logits[4].is_none()) {
        job.has_threshold = true;
        job.threshold = logits[4].cast<double>();
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
        require(array.ndim() == 3 && array.itemsize() == 4 && array.shape(0) == job.logits.n &&
                    array.shape(1) == job.height() && array.shape(2) == job.width(),
                "confidence");
        job.confidence = address(array, true);
        job.conf_n = array.strides(0), job.conf_h = array.strides(1), job.conf_w = array.strides(2);
    }
    Report report;
    without_gil(
        [&](const Interrupted &interrupted) { return run_softmax(job, interrupted, report); });
    return as_tuple(report);
}

py::tuple colorize(const py::array &labels, const py::array &lut, const py::object &ignore_index,
                   const py::array &out) {
    ColorizeJob job;
    job.labels = map_view(labels, false);
    job.range = label_range(lut, ignore_index);
    job.lut = table<std::uint32_t>(lut, lut.shape(0));
    job.out = image_view(out, true);
    require(same_pixels(job.labels, job.out), "out");
    Bad bad;
    without_gil(
        [&](const Interrupted &interrupted) { return run_colorize(job, interrupted, bad); });
    return as_tuple(bad);
}

py::tuple overlay(const py::array &image, const py::array &labels, const py::array &lut,
                  const py::array &alpha, const py::object &ignore_index, std::int64_t contour,
                  const py::array &out) {
    OverlayJob job;
    job.image = image_view(image, false);
    job.labels = map_view(labels, false);
    job.range = label_range(lut, ignore_index);
    job.lut = table<std::uint32_t>(lut, lut.shape(0));
    job.alpha = table<std::uint16_t>(alpha, lut.shape(0));
    job.contour = contour;
    job.out = image_view(out, true);
    require(same_pixels(job.labels, job.out) && same_pixels(job.labels, job.image), "out");
    Bad bad;
    without_gil([&](const Interrupted &interrupted) { return run_overlay(job, interrupted, bad); });
    return as_tuple(bad);
}

py::tuple labels_from_colors(const py::array &image, const py::array &keys, const py::array &values,
                             const py::array &out) {
    LabelsFromColorsJob job;
    job.image = image_view(image, false);
    job.count = keys.shape(0);
    require(job.count > 0, "keys");
    job.keys = table<std::uint32_t>(keys, job.count);
    job.values = table<std::int32_t>(values, job.count);
    job.out = map_view(out, true);
    require(same_pixels(job.image, job.out) &&
                (job.out.dtype == DType::u8 || job.out.dtype == DType::i32),
            "out");
    Bad bad;
    without_gil([&](const Interrupted &interrupted) {
        return run_labels_from_colors(job, interrupted, bad);
    });
    return as_tuple(bad);
}

void confusion_labels(const py::array &preds, const py::array &target, const py::array &ignored,
                      const py::array &counts) {
    ConfusionJob job;
    job.preds = map_view(preds, false);
    job.target = map_view(target, false);
    require(same_pixels(job.preds, job.target), "target");
    job.rule = target_rule(counts.shape(1) - 1, ignored);
    std::int64_t *cells = counts_view(counts, job.rule.classes + 2, job.rule.classes + 1);
    without_gil(
        [&](const Interrupted &interrupted) { return run_confusion(job, interrupted, cells); });
}

py::tuple confusion_logits(const py::tuple &logits, const py::object &axes, const py::array &target,
                           const py::array &ignored, const py::array &counts) {
    ConfusionLogitsJob job;
    job.argmax = argmax_job(logits, axes);
    job.target = map_view(target, false);
    require(job.target.n == job.argmax.logits.n && job.target.h == job.argmax.height() &&
                job.target.w == job.argmax.width(),
            "target");
    job.rule = target_rule(counts.shape(1) - 1, ignored);
    std::int64_t *cells = counts_view(counts, job.rule.classes + 2, job.rule.classes + 1);
    Report report;
    without_gil([&](const Interrupted &interrupted) {
        return run_confusion_logits(job, interrupted, cells, report);
    });
    return as_tuple(report);
}

void bands(const py::array &labels, std::int64_t width, bool frame, std::int64_t classes,
           const py::array &ignored, const py::array &out) {
    BandsJob job;
    job.labels = map_view(labels, false);
    job.width = width;
    job.frame = frame;
    job.rule = target_rule(classes, ignored);
    job.out = map_view(out, true);
    require(same_pixels(job.labels, job.out) && width > 0 &&
                (job.out.dtype == DType::i32 || (job.out.dtype == DType::u8 && classes < 254)),
            "out");
    without_gil([&](const Interrupted &interrupted) { return run_bands(job, interrupted); });
}

void boundary_matches(const py::array &preds, const py::array &target, const py::array &ignored,
                      const py::array &offsets, const py::array &counts) {
    BoundaryPixelsJob job;
    job.preds = map_view(preds, false);
    job.target = map_view(target, false);
    require(same_pixels(job.preds, job.target), "target");
    job.rule = target_rule(counts.shape(0), ignored);
    require(offsets.ndim() == 2 && offsets.shape(1) == 2 && offsets.itemsize() == 4 &&
                (offsets.flags() & py::array::c_style),
            "offsets");
    std::int64_t *cells = counts_view(counts, job.rule.classes, 4);
    without_gil([&](const Interrupted &interrupted) {
        return run_boundary_matches(job, static_cast<const std::int32_t *>(offsets.data()),
                                    offsets.shape(0), interrupted, cells);
    });
}

void instance_counts(const py::array &preds, const py::array &target, const py::array &instances,
                     const py::array &groups, const py::array &ignored, const py::array &counts) {
    InstanceJob job;
    job.preds = map_view(preds, false);
    job.target = map_view(target, false);
    job.instances = map_view(instances, false);
    require(same_pixels(job.preds, job.target) && same_pixels(job.instances, job.target), "target");
    job.rule = target_rule(groups.shape(0), ignored);
    job.groups = table<std::int64_t>(groups, job.rule.classes);
    job.instance_count = counts.shape(0);
    job.counts = counts_view(counts, job.instance_count, 4);
    without_gil(
        [&](const Interrupted &interrupted) { return run_instance_counts(job, interrupted); });
}

py::list levels() {
    py::list names;
    for (const KernelTable *const *level = available_levels(); *level; ++level)
        names.append((*level)->level);
    return names;
}

} // namespace
} // namespace segpost::bindings

PYBIND11_MODULE(_cpu, m, pybind11::mod_gil_not_used()) {
    using namespace segpost;
    using namespace segpost::bindings;
    using py::arg;
    m.doc() = "The native CPU kernels; arguments are checked by the Python layer.";
    m.def("argmax", &argmax, arg("logits"), arg("axes").none(), arg("labels"), arg("color").none(),
          arg("lut").none(), arg("dense") = false);
    m.def("softmax", &softmax, arg("logits"), arg("axes").none(), arg("probabilities").none(),
          arg("confidence").none());
    m.def("colorize", &colorize, arg("labels"), arg("lut"), arg("ignore_index").none(), arg("out"));
    m.def("overlay", &overlay, arg("image"), arg("labels"), arg("lut"), arg("alpha"),
          arg("ignore_index").none(), arg("contour"), arg("out"));
    m.def("labels_from_colors", &labels_from_colors, arg("image"), arg("keys"), arg("values"),
          arg("out"));
    m.def("confusion_labels", &confusion_labels, arg("preds"), arg("target"), arg("ignored"),
          arg("counts"));
    m.def("confusion_logits", &confusion_logits, arg("logits"), arg("axes").none(), arg("target"),
          arg("ignored"), arg("counts"));
    m.def("bands", &bands, arg("labels"), arg("width"), arg("frame"), arg("classes"),
          arg("ignored"), arg("out"));
    m.def("boundary_matches", &boundary_matches, arg("preds"), arg("target"), arg("ignored"),
          arg("offsets"), arg("counts"));
    m.def("instance_counts", &instance_counts, arg("preds"), arg("target"), arg("instances"),
          arg("groups"), arg("ignored"), arg("counts"));
    bind_crf(m);
    m.def("levels", &levels);
    m.def("level", [] { return kernels().level; });
    m.def("use_level", &use_level, arg("name"));
    m.def("set_num_threads", &set_num_threads, arg("n"));
    m.def("num_threads", &num_threads);
#if defined(__clang__)
    m.attr("compiler") = __VERSION__; // says Clang itself
#else
    m.attr("compiler") = "GCC " __VERSION__;
#endif
}
