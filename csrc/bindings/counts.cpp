// The kernels that count pixels of classes, boundaries and instances.
#include "bindings/counts.hpp"
#include "bindings/jobs.hpp"
#include "bindings/signals.hpp"

#include "cpu/metrics/image_counts.hpp"
#include "cpu/runtime/launch.hpp"

#include <algorithm>

namespace segpost::bindings {
namespace {

void confusion_labels(const py::array &preds, const py::array &target, const py::array &ignored,
                      const py::array &counts) {
    const ConfusionJob job = confusion_job(preds, target, ignored, counts);
    std::int64_t *cells = counts_view(counts, {job.rule.classes + 2, job.rule.classes + 1});
    release_gil(
        [&](const CancelToken &cancelled) { return launch_confusion(job, cancelled, cells); });
}

// (H, W), only read
LabelView plane_view(const py::array &array) {
    require(array.ndim() == 2, "plane");
    LabelView map;
    map.data = address(array, false);
    map.dtype = element_type(array);
    map.n = 1, map.h = array.shape(0), map.w = array.shape(1);
    map.stride_h = array.strides(0), map.stride_w = array.strides(1);
    return map;
}

// The table of one image and its bytes, or None where a label is no class and not ignored.
py::object count_image(const py::array &preds, const py::array &target, const py::array &ignored,
                       std::int64_t classes) {
    ConfusionJob job;
    job.preds = plane_view(preds);
    job.target = plane_view(target);
    require(same_pixels(job.preds, job.target), "target");
    job.rule = target_rule(classes, ignored);
    const py::array counts(py::dtype::of<std::int64_t>(),
                           std::vector<py::ssize_t>{classes + 2, classes + 1});
    std::int64_t *cells = counts_view(counts, {classes + 2, classes + 1});
    std::fill_n(cells, counts.size(), std::int64_t{0});
    ImageBytes image;
    release_gil([&](const CancelToken &cancelled) {
        return launch_image_counts(job, cancelled, cells, image);
    });
    if (!image.is_valid) return py::none();
    return py::make_tuple(counts, py::bytes(image.cells.data(), image.cells.size()),
                          py::bytes(image.counts.data(), image.counts.size()));
}

void confusion_strata(const py::array &preds, const py::array &target, const py::array &strata,
                      const py::array &ignored, const py::array &counts) {
    require(counts.ndim() == 3 && counts.shape(0) > 2, "counts");
    ConfusionJob job;
    job.preds = map_view(preds, false);
    job.target = map_view(target, false);
    job.strata = map_view(strata, false);
    require(same_pixels(job.preds, job.target), "target");
    require(same_pixels(job.strata, job.target), "strata");
    job.rule = target_rule(counts.shape(2) - 1, ignored);
    job.stratum.count = counts.shape(0) - 2;
    require(job.stratum.count <= StratumRule::most, "counts");
    std::int64_t *cells =
        counts_view(counts, {job.stratum.count + 2, job.rule.classes + 2, job.rule.classes + 1});
    release_gil(
        [&](const CancelToken &cancelled) { return launch_confusion(job, cancelled, cells); });
}

py::object confusion_logits(const Record<records::Logits> &logits, const py::object &axes,
                            const py::array &target, const py::array &ignored,
                            const py::array &counts) {
    const ConfusionLogitsJob job = confusion_job(logits, axes, target, ignored, counts);
    std::int64_t *cells = counts_view(counts, {job.rule.classes + 2, job.rule.classes + 1});
    LogitErrors errors;
    release_gil([&](const CancelToken &cancelled) {
        return launch_confusion_logits(job, cancelled, cells, errors);
    });
    return to_python(errors);
}

void boundary_bands(const py::array &labels, std::int64_t width, bool frame, std::int64_t classes,
                    const py::array &ignored, const py::array &out) {
    BoundaryBandsJob job;
    job.labels = map_view(labels, false);
    job.width = width;
    job.frame = frame;
    job.rule = target_rule(classes, ignored);
    job.out = map_view(out, true);
    require(same_pixels(job.labels, job.out) && width > 0 &&
                (job.out.dtype == DType::i32 || (job.out.dtype == DType::u8 && classes < 254)),
            "out");
    release_gil(
        [&](const CancelToken &cancelled) { return launch_boundary_bands(job, cancelled); });
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
    std::int64_t *cells = counts_view(counts, {job.rule.classes, 4});
    release_gil([&](const CancelToken &cancelled) {
        return launch_boundary_matches(job, static_cast<const std::int32_t *>(offsets.data()),
                                       offsets.shape(0), cancelled, cells);
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
    job.groups = checked_pointer<std::int64_t>(groups, job.rule.classes);
    job.instance_count = counts.shape(0);
    job.counts = counts_view(counts, {job.instance_count, 4});
    release_gil(
        [&](const CancelToken &cancelled) { return launch_instance_counts(job, cancelled); });
}

} // namespace

void bind_counts(py::module_ &m) {
    using py::arg;
    m.def("confusion_labels", &confusion_labels, arg("preds"), arg("target"), arg("ignored"),
          arg("counts"));
    m.def("count_image", &count_image, arg("preds"), arg("target"), arg("ignored"), arg("classes"));
    m.def("confusion_strata", &confusion_strata, arg("preds"), arg("target"), arg("strata"),
          arg("ignored"), arg("counts"));
    m.def("confusion_logits", &confusion_logits, arg("logits"), arg("axes").none(), arg("target"),
          arg("ignored"), arg("counts"));
    m.def("boundary_bands", &boundary_bands, arg("labels"), arg("width"), arg("frame"),
          arg("classes"), arg("ignored"), arg("out"));
    m.def("boundary_matches", &boundary_matches, arg("preds"), arg("target"), arg("ignored"),
          arg("offsets"), arg("counts"));
    m.def("instance_counts", &instance_counts, arg("preds"), arg("target"), arg("instances"),
          arg("groups"), arg("ignored"), arg("counts"));
}

} // namespace segpost::bindings
