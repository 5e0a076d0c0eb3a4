// segpost._cpu: the native CPU kernels, under the names they have everywhere.
#include "bindings/calibration.hpp"
#include "bindings/counts.hpp"
#include "bindings/crf.hpp"
#include "bindings/decoding.hpp"
#include "bindings/detections.hpp"
#include "bindings/distances.hpp"
#include "bindings/failures.hpp"
#include "bindings/jobs.hpp"
#include "bindings/objects.hpp"
#include "bindings/panoptic.hpp"
#include "bindings/queries.hpp"
#include "bindings/readers.hpp"
#include "bindings/signals.hpp"

#include "cpu/runtime/launch.hpp"
#include "cpu/runtime/pool.hpp"
#include "segpost/capi.h"

#include <string>
#include <vector>

namespace segpost::bindings {
namespace {

py::object argmax(const Record<records::Logits> &logits, const py::object &axes,
                  const py::array &labels, const py::object &paint, const py::object &confidence,
                  bool fast, const py::object &probabilities) {
    const bool with_probabilities = !probabilities.is_none();
    const ArgmaxJob job =
        argmax_job(logits, axes, labels, paint,
                   with_probabilities ? py::object(py::none()) : confidence, fast);
    SoftmaxJob probability_job;
    if (with_probabilities) probability_job = softmax_job(logits, axes, probabilities, confidence);
    require(!(with_probabilities && job.resample), "probabilities");
    LogitErrors errors;
    release_gil([&](const CancelToken &cancelled) {
        if (with_probabilities)
            return launch_argmax_softmax(job, probability_job, cancelled, errors);
        return launch_argmax(job, CellRule::fill, cancelled, errors);
    });
    return to_python(errors);
}

// argmax that computes every pixel: the worst case, for tests and benchmarks.
py::object argmax_dense(const Record<records::Logits> &logits, const py::object &axes,
                        const py::array &labels) {
    const ArgmaxJob job = argmax_job(logits, axes, labels, py::none());
    LogitErrors errors;
    release_gil([&](const CancelToken &cancelled) {
        return launch_argmax(job, CellRule::dense, cancelled, errors);
    });
    return to_python(errors);
}

py::object argmax_volume(const Record<records::Logits> &logits, const py::object &axes,
                         const py::array &labels) {
    const VolumeJob job = volume_job(logits, axes, labels);
    LogitErrors errors;
    release_gil(
        [&](const CancelToken &cancelled) { return launch_argmax_volume(job, cancelled, errors); });
    return to_python(errors);
}

py::object softmax(const Record<records::Logits> &logits, const py::object &axes,
                   const py::object &probabilities, const py::object &confidence,
                   const py::object &slices) {
    const SoftmaxJob job = softmax_job(logits, axes, probabilities, confidence, slices);
    LogitErrors errors;
    release_gil(
        [&](const CancelToken &cancelled) { return launch_softmax(job, cancelled, errors); });
    return to_python(errors);
}

py::object binarize(const Record<records::Logits> &logits, const py::object &axes,
                    const py::array &cutoffs, const py::array &masks, bool packed) {
    BinarizeJob job = binarize_job(logits, axes, cutoffs);
    add_masks(job, masks, packed);
    LogitErrors errors;
    release_gil(
        [&](const CancelToken &cancelled) { return launch_binarize(job, cancelled, errors); });
    return to_python(errors);
}

py::object binarize_labels(const Record<records::Logits> &logits, const py::object &axes,
                           const py::array &cutoffs, const py::array &values,
                           const py::array &labels) {
    BinarizeJob job = binarize_job(logits, axes, cutoffs);
    add_labels(job, values, labels);
    LogitErrors errors;
    release_gil(
        [&](const CancelToken &cancelled) { return launch_binarize(job, cancelled, errors); });
    return to_python(errors);
}

py::object binarize_volume(const Record<records::Logits> &logits, const py::object &axes,
                           const py::array &cutoffs, const py::object &values,
                           const py::array &out) {
    const BinarizeVolumeJob job = binarize_volume_job(logits, axes, cutoffs, values, out);
    LogitErrors errors;
    release_gil([&](const CancelToken &cancelled) {
        return launch_binarize_volume(job, cancelled, errors);
    });
    return to_python(errors);
}

// Counts, ends and errors; segpost._backends.native makes the record.
py::tuple binarize_runs(const Record<records::Logits> &logits, const py::object &axes,
                        const py::array &cutoffs) {
    const BinarizeJob job = binarize_job(logits, axes, cutoffs);
    LogitErrors errors;
    MaskRuns runs;
    release_gil([&](const CancelToken &cancelled) {
        return launch_binarize_runs(job, cancelled, runs, errors);
    });
    return py::make_tuple(to_array(runs.counts), to_array(runs.ends), to_python(errors));
}

py::object rank_classes(const Record<records::Logits> &logits, const py::object &axes,
                        const py::object &labels, const py::object &confidence,
                        const py::object &entropy, const py::object &margin,
                        const py::object &top_labels, const py::object &top_probabilities,
                        const py::object &slices) {
    const RankingJob job = ranking_job(logits, axes, labels, confidence, entropy, margin,
                                       top_labels, top_probabilities, slices);
    require(!job.has_threshold, "logits");
    LogitErrors errors;
    release_gil(
        [&](const CancelToken &cancelled) { return launch_ranking(job, cancelled, errors); });
    return to_python(errors);
}

void add_resized(const Record<records::Logits> &logits, const py::object &axes,
                 const py::array &weights, const py::array &sums) {
    AddResizedJob job;
    job.logits = from_python(logits);
    if (!axes.is_none()) {
        job.resample = true;
        job.y = axis_view(axes.attr(axis_names().y));
        job.x = axis_view(axes.attr(axis_names().x));
        require(job.y.n_in == job.logits.h && job.x.n_in == job.logits.w, "axes");
    }
    require(job.logits.n == 1, "logits");
    require(element_type(weights) == DType::f32 && weights.ndim() == 2 &&
                weights.shape(0) == job.height() && weights.shape(1) == job.width(),
            "weights");
    require(element_type(sums) == DType::f32 && sums.ndim() == 3 && sums.shape(0) == job.logits.c &&
                sums.shape(1) == job.height() && sums.shape(2) == job.width(),
            "sums");
    job.weights = static_cast<const char *>(weights.data());
    job.weight_h = weights.strides(0), job.weight_w = weights.strides(1);
    job.sums = address(sums, true);
    job.sum_c = sums.strides(0), job.sum_h = sums.strides(1), job.sum_w = sums.strides(2);
    release_gil([&](const CancelToken &cancelled) { return launch_add_resized(job, cancelled); });
}

py::object colorize(const py::array &labels, const py::array &lut, const py::object &ignore_index,
                    const py::array &out) {
    const ColorizeJob job = colorize_job(labels, lut, ignore_index, out);
    LabelErrors errors;
    release_gil(
        [&](const CancelToken &cancelled) { return launch_colorize(job, cancelled, errors); });
    return to_python(errors);
}

py::object overlay(const py::array &image, const py::array &labels, const py::array &lut,
                   const py::array &alpha, const py::object &ignore_index, std::int64_t contour,
                   const py::array &out) {
    const OverlayJob job = overlay_job(image, labels, lut, alpha, ignore_index, contour, out);
    LabelErrors errors;
    release_gil(
        [&](const CancelToken &cancelled) { return launch_overlay(job, cancelled, errors); });
    return to_python(errors);
}

py::object labels_from_colors(const py::array &image, const py::array &keys,
                              const py::array &values, const py::array &out) {
    const LabelsFromColorsJob job = labels_from_colors_job(image, keys, values, out);
    LabelErrors errors;
    release_gil([&](const CancelToken &cancelled) {
        return launch_labels_from_colors(job, cancelled, errors);
    });
    return to_python(errors);
}

// The doubles of a table of two axes.
const double *doubles(const py::array &array, const char *name) {
    require(array.ndim() == 2 && array.itemsize() == 8 && array.dtype().kind() == 'f' &&
                (array.flags() & py::array::c_style),
            name);
    return static_cast<const double *>(array.data());
}

// A sampling.FilterTaps, with its weights as kernels read them.
class AxisTaps {
  public:
    AxisTaps(const py::object &taps, std::int64_t inputs)
        : first_(taps.attr("first").cast<py::array>()) {
        const auto weights = taps.attr("weights").cast<py::array>();
        const double *values = doubles(weights, "weights");
        require(weights.size() > 0, "weights");
        weights_.assign(values, values + weights.size());
        view_.n_out = weights.shape(0), view_.width = weights.shape(1);
        view_.first = checked_pointer<std::int32_t>(first_, view_.n_out);
        view_.weights = weights_.data();
        for (std::int64_t i = 0; i < view_.n_out; ++i)
            require(view_.first[i] >= 0 && view_.first[i] + view_.width <= inputs, "first");
    }

    const Taps &view() const { return view_; }

  private:
    py::array first_;
    std::vector<float> weights_;
    Taps view_;
};

// `out` is [n, bands, H', W']; colors are [3, bands]: gain, shift and padding.
void letterbox(const py::array &image, const py::object &y, const py::object &x,
               const std::pair<std::int64_t, std::int64_t> &offset, const py::array &colors,
               const py::array &out) {
    LetterboxJob job;
    job.image = band_image_view(image);
    const AxisTaps rows(y, job.image.h), columns(x, job.image.w);
    job.y = rows.view(), job.x = columns.view();
    job.top = offset.first, job.left = offset.second;
    const double *color = doubles(colors, "colors");
    const std::int64_t bands = job.image.bands;
    require(colors.shape(0) == 3 && colors.shape(1) == bands, "colors");
    const std::vector<float> numbers(color, color + 3 * bands);
    job.gain = numbers.data(), job.shift = job.gain + bands, job.padding = job.shift + bands;
    job.half = element_type(out) == DType::f16;
    require(out.ndim() == 4 && out.shape(0) == job.image.n && out.shape(1) == bands &&
                (job.half || element_type(out) == DType::f32),
            "out");
    job.height = out.shape(2), job.width = out.shape(3);
    require(job.top >= 0 && job.left >= 0 && job.top + job.y.n_out <= job.height &&
                job.left + job.x.n_out <= job.width,
            "offset");
    job.out = address(out, true);
    job.out_n = out.strides(0), job.out_c = out.strides(1);
    job.out_h = out.strides(2), job.out_w = out.strides(3);
    release_gil([&](const CancelToken &cancelled) { return launch_letterbox(job, cancelled); });
}

void resize_majority(const py::array &labels, std::int64_t count, const py::array &out) {
    MajorityJob job;
    job.labels = map_view(labels, false);
    job.out = map_view(out, true);
    job.count = count;
    const DType kind = job.labels.dtype;
    require(((kind == DType::u8 && count >= 256) || kind == DType::i32) && count > 0 &&
                job.labels.w > 0 && job.labels.h > 0 &&
                (job.labels.w < 2 || job.labels.stride_w == labels.itemsize()),
            "labels");
    require(job.out.dtype == kind && job.out.n == job.labels.n, "out");
    release_gil(
        [&](const CancelToken &cancelled) { return launch_resize_majority(job, cancelled); });
}

py::list levels() {
    py::list names;
    for (const KernelTable *const *level = available_levels(); *level; ++level)
        names.append((*level)->level);
    return names;
}

// Throws, which is an ImportError, where libsegpost is of another version: its kernels would read
// the jobs of this module by other layouts.
const segpost_api *api_of_this_version() {
    const segpost_api *api = segpost_get_api(SEGPOST_ABI);
    const std::string version = api ? api->version : "another ABI";
    if (version != SEGPOST_VERSION)
        throw py::import_error("libsegpost is of version " + version + ", and _cpu of version " +
                               SEGPOST_VERSION);
    return api;
}

} // namespace
} // namespace segpost::bindings

PYBIND11_MODULE(_cpu, m, pybind11::mod_gil_not_used()) {
    using namespace segpost;
    using namespace segpost::bindings;
    using py::arg;
    const segpost_api *api = api_of_this_version();
    try {
        kernels(); // throws on a processor without any level, which is an ImportError
    } catch (...) {
        rethrow_known(std::current_exception());
    }
    py::register_local_exception_translator(&rethrow_known);
    m.doc() = "The native CPU kernels; arguments are checked by the Python layer.";
    m.def("argmax", &argmax, arg("logits"), arg("axes").none(), arg("labels"),
          arg("paint").none() = py::none(), arg("confidence").none() = py::none(),
          arg("fast") = false, arg("probabilities").none() = py::none());
    m.def("argmax_dense", &argmax_dense, arg("logits"), arg("axes").none(), arg("labels"));
    m.def("argmax_volume", &argmax_volume, arg("logits"), arg("axes"), arg("labels"));
    m.def("binarize", &binarize, arg("logits"), arg("axes").none(), arg("cutoffs"), arg("masks"),
          arg("packed"));
    m.def("binarize_labels", &binarize_labels, arg("logits"), arg("axes").none(), arg("cutoffs"),
          arg("values"), arg("labels"));
    m.def("binarize_volume", &binarize_volume, arg("logits"), arg("axes"), arg("cutoffs"),
          arg("values").none(), arg("out"));
    m.def("binarize_runs", &binarize_runs, arg("logits"), arg("axes").none(), arg("cutoffs"));
    m.def("add_resized", &add_resized, arg("logits"), arg("axes").none(), arg("weights"),
          arg("sums"));
    m.def("resize_majority", &resize_majority, arg("labels"), arg("count"), arg("out"));
    m.def("softmax", &softmax, arg("logits"), arg("axes").none(), arg("probabilities").none(),
          arg("confidence").none(), py::kw_only(), arg("slices").none() = py::none());
    m.def("rank_classes", &rank_classes, arg("logits"), arg("axes"), arg("labels").none(),
          arg("confidence").none(), arg("entropy").none(), arg("margin").none(),
          arg("top_labels").none(), arg("top_probabilities").none(), py::kw_only(),
          arg("slices").none() = py::none());
    m.def("colorize", &colorize, arg("labels"), arg("lut"), arg("ignore_index").none(), arg("out"));
    m.def("overlay", &overlay, arg("image"), arg("labels"), arg("lut"), arg("alpha"),
          arg("ignore_index").none(), arg("contour"), arg("out"));
    m.def("labels_from_colors", &labels_from_colors, arg("image"), arg("keys"), arg("values"),
          arg("out"));
    m.def("letterbox", &letterbox, arg("image"), arg("y"), arg("x"), arg("offset"), arg("colors"),
          arg("out"));
    bind_distances(m);
    bind_calibration(m);
    bind_decoding(m);
    bind_objects(m);
    bind_panoptic(m);
    bind_detections(m);
    bind_counts(m);
    bind_crf(m);
    bind_queries(m);
    // Names that later calls only read: two threads that made them at once could wait for ever, one
    // for the other and that one for Python.
    axis_names();
    m.def("bind_records", &bind_records, arg("contract"));
    bind_readers(m);
    // For Cython: capi.pxd takes it from here. Nothing in it is ever freed.
    m.attr("_capi") = py::capsule(api, "segpost._cpu._capi", [](PyObject *) {});
    m.attr("version") = SEGPOST_VERSION;
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
