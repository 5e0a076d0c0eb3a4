// segpost._cuda: the CUDA kernels, under the names they have everywhere. Arrays are views whose
// memory is a device's: nothing here looks into it.
#include "bindings/crf_cuda.hpp"
#include "bindings/device_memory.hpp"
#include "bindings/gil.hpp"
#include "bindings/jobs.hpp"
#include "bindings/objects_cuda.hpp"
#include "bindings/queries_cuda.hpp"

namespace segpost::bindings {
namespace {

std::size_t argmax_workspace(const Record<records::Logits> &logits, const py::object &axes) {
    return gpu::argmax_workspace(argmax_job(logits, axes));
}

void argmax(const Record<records::Logits> &logits, const py::object &axes, const py::array &labels,
            const py::object &paint, const py::object &confidence, std::uintptr_t stream,
            const py::object &errors, const py::object &workspace) {
    const ArgmaxJob job = argmax_job(logits, axes, labels, paint, confidence);
    void *work = memory<void>(workspace, gpu::argmax_workspace(job));
    gpu::launch_argmax(job, stream, error_counts<gpu::ErrorCounts>(errors, stream), work);
}

// One volume.
void argmax_volume(const Record<records::Logits> &logits, const py::object &axes,
                   const py::array &labels, std::uintptr_t stream, const py::object &errors,
                   const py::object &workspace) {
    const VolumeJob job = volume_job(logits, axes, labels);
    require(job.logits.n == 1, "logits");
    void *work = memory<void>(workspace, gpu::argmax_volume_workspace(job));
    gpu::launch_argmax_volume(job, stream, error_counts<gpu::ErrorCounts>(errors, stream), work);
}

std::size_t argmax_volume_workspace(const Record<records::Logits> &logits, const py::object &axes,
                                    const py::array &labels) {
    return gpu::argmax_volume_workspace(volume_job(logits, axes, labels));
}

// `levels` are those of segpost::MaskLevel, as rows of six doubles, of which the last is not read.
BinarizeJob mask_job(const Record<records::Logits> &logits, const py::object &axes,
                     const py::array &levels) {
    static_assert(sizeof(MaskLevel) == 6 * sizeof(double));
    BinarizeJob job = binarize_job(logits, axes);
    require(levels.ndim() == 2 && element_type(levels) == DType::f64 &&
                levels.shape(0) == job.logits.c && levels.shape(1) == 6 &&
                (levels.flags() & py::array::c_style),
            "levels");
    job.levels = static_cast<const MaskLevel *>(levels.data());
    return job;
}

// Where `swapped`, logits, axes and masks are those of the transposed image.
void binarize(const Record<records::Logits> &logits, const py::object &axes,
              const py::array &levels, const py::array &masks, bool packed, bool swapped,
              std::uintptr_t stream, const py::object &errors) {
    BinarizeJob job = mask_job(logits, axes, levels);
    job.swapped = swapped;
    add_masks(job, masks, packed);
    gpu::launch_binarize(job, stream, error_counts<gpu::ErrorCounts>(errors, stream));
}

void binarize_labels(const Record<records::Logits> &logits, const py::object &axes,
                     const py::array &levels, const py::array &values, const py::array &labels,
                     std::uintptr_t stream, const py::object &errors) {
    BinarizeJob job = mask_job(logits, axes, levels);
    add_labels(job, values, labels);
    gpu::launch_binarize(job, stream, error_counts<gpu::ErrorCounts>(errors, stream));
}

// Slices of one volume, [d, C, h, w], between which `out`, [images, C, h, w] float64, lies from
// output slice `first` on.
void blend_slices(const Record<records::Logits> &logits, const py::object &axis, std::int64_t first,
                  const py::array &out, std::uintptr_t stream) {
    BlendJob job;
    job.logits = from_python(logits);
    set_slices(job.logits, axis);
    job.first = first, job.images = out.shape(0);
    require(element_type(out) == DType::f64 && out.ndim() == 4 && out.shape(1) == job.logits.c &&
                out.shape(2) == job.logits.h && out.shape(3) == job.logits.w && first >= 0 &&
                first + job.images <= job.logits.n && (out.flags() & py::array::c_style),
            "out");
    job.out = reinterpret_cast<double *>(address(out, true));
    gpu::launch_blend_slices(job, stream);
}

// One volume.
void binarize_volume(const Record<records::Logits> &logits, const py::object &axes,
                     const py::array &cutoffs, const py::object &values, const py::array &out,
                     std::uintptr_t stream, const py::object &errors) {
    const BinarizeVolumeJob job = binarize_volume_job(logits, axes, cutoffs, values, out);
    require(job.logits.n == 1, "logits");
    gpu::launch_binarize_volume(job, stream, error_counts<gpu::ErrorCounts>(errors, stream));
}

void softmax(const Record<records::Logits> &logits, const py::object &axes,
             const py::array &probabilities, const py::object &confidence, std::uintptr_t stream,
             const py::object &errors) {
    const SoftmaxJob job = softmax_job(logits, axes, probabilities, confidence);
    require(!job.conf_bytes, "confidence");
    auto *counts = error_counts<gpu::ErrorCounts>(errors, stream);
    gpu::launch_softmax(job, stream, counts ? &counts->undefined : nullptr);
}

void rank_classes(const Record<records::Logits> &logits, const py::object &axes,
                  const py::object &labels, const py::object &confidence, const py::object &entropy,
                  const py::object &margin, const py::object &top_labels,
                  const py::object &top_probabilities, std::uintptr_t stream,
                  const py::object &errors) {
    const RankingJob job = ranking_job(logits, axes, labels, confidence, entropy, margin,
                                       top_labels, top_probabilities);
    auto *counts = error_counts<gpu::ErrorCounts>(errors, stream);
    gpu::launch_rank_classes(job, stream, counts ? &counts->undefined : nullptr);
}

void confidence_bytes(const py::array &from, const py::array &to, std::uintptr_t stream) {
    const LabelView source = map_view(from, false), target = map_view(to, true);
    require(same_pixels(source, target) && source.dtype == DType::f32 && target.dtype == DType::u8,
            "confidence");
    gpu::launch_confidence_bytes(source, target, stream);
}

void colorize(const py::array &labels, const py::array &lut, const py::object &ignore_index,
              const py::array &out, std::uintptr_t stream, const py::object &errors) {
    gpu::launch_colorize(colorize_job(labels, lut, ignore_index, out), stream,
                         error_counts<gpu::ErrorCount>(errors, stream));
}

void overlay(const py::array &image, const py::array &labels, const py::array &lut,
             const py::array &alpha, const py::object &ignore_index, std::int64_t contour,
             const py::array &out, std::uintptr_t stream, const py::object &errors) {
    gpu::launch_overlay(overlay_job(image, labels, lut, alpha, ignore_index, contour, out), stream,
                        error_counts<gpu::ErrorCount>(errors, stream));
}

void labels_from_colors(const py::array &image, const py::array &keys, const py::array &values,
                        const py::array &out, std::uintptr_t stream, const py::object &errors) {
    gpu::launch_labels_from_colors(labels_from_colors_job(image, keys, values, out), stream,
                                   error_counts<gpu::ErrorCount>(errors, stream));
}

void confusion_labels(const py::array &preds, const py::array &target, const py::array &ignored,
                      const py::array &counts, std::uintptr_t stream) {
    const ConfusionJob job = confusion_job(preds, target, ignored, counts);
    gpu::launch_confusion(job, stream,
                          counts_view(counts, {job.rule.classes + 2, job.rule.classes + 1}));
}

// `errors` is added to, as the counts are.
void confusion_logits(const Record<records::Logits> &logits, const py::object &axes,
                      const py::array &target, const py::array &ignored, const py::array &counts,
                      const py::array &labels, std::uintptr_t stream, const py::object &errors,
                      const py::object &workspace) {
    ConfusionLogitsJob job = confusion_job(logits, axes, target, ignored, counts);
    job.argmax.labels = map_view(labels, true);
    require(same_pixels(job.argmax.labels, job.target) && job.argmax.labels.dtype == DType::i32,
            "labels");
    void *work = memory<void>(workspace, gpu::argmax_workspace(job.argmax));
    gpu::launch_confusion_logits(job, stream,
                                 counts_view(counts, {job.rule.classes + 2, job.rule.classes + 1}),
                                 memory<gpu::ErrorCounts>(errors, sizeof(gpu::ErrorCounts)), work);
}

py::tuple device_count() {
    std::string problem;
    const int count = gpu::device_count(problem);
    return py::make_tuple(count, count ? py::none() : py::object(py::str(problem)));
}

std::uintptr_t allocate(std::size_t bytes) {
    return reinterpret_cast<std::uintptr_t>(gpu::allocate(bytes));
}

void release(std::uintptr_t place) { gpu::release(reinterpret_cast<void *>(place)); }

int device_of(std::uintptr_t place) {
    return gpu::device_of(reinterpret_cast<const void *>(place));
}

int use_device(int device) {
    int before = device;
    gpu::use_device(device, before);
    return before;
}

// `host` is an ordinary array in C order, `place` an address on the device.
void copy_in(std::uintptr_t place, const py::array &host, std::uintptr_t stream) {
    require(host.flags() & py::array::c_style, "contiguous");
    gpu::copy_in(reinterpret_cast<void *>(place), host.data(),
                 static_cast<std::size_t>(host.nbytes()), stream);
}

void copy_out(const py::array &host, std::uintptr_t place, std::uintptr_t stream) {
    require(host.flags() & py::array::c_style, "contiguous");
    char *to = address(host, true);
    const auto bytes = static_cast<std::size_t>(host.nbytes());
    const ReleasedGil released;
    gpu::copy_out(to, reinterpret_cast<const void *>(place), bytes, stream);
}

void clear(std::uintptr_t place, std::size_t bytes, std::uintptr_t stream) {
    gpu::clear(reinterpret_cast<void *>(place), bytes, stream);
}

gpu::Rows rows_of(const py::array &array, bool written) {
    require(array.ndim() == 2 && array.strides(0) >= 0, "rows");
    require(array.shape(1) < 2 || array.strides(1) == array.itemsize(), "rows are contiguous");
    return {address(array, written), static_cast<std::size_t>(array.strides(0))};
}

// Both are on the device: (R, B), of one type, with contiguous rows.
void copy_rows(const py::array &target, const py::array &source, std::uintptr_t stream) {
    const gpu::Rows to = rows_of(target, true), from = rows_of(source, false);
    require(target.shape(0) == source.shape(0) && target.shape(1) == source.shape(1) &&
                target.itemsize() == source.itemsize(),
            "rows");
    gpu::copy_rows(to, from, static_cast<std::size_t>(source.shape(1) * source.itemsize()),
                   static_cast<std::size_t>(source.shape(0)), stream);
}

} // namespace
} // namespace segpost::bindings

PYBIND11_MODULE(_cuda, module, pybind11::mod_gil_not_used()) {
    using namespace segpost::bindings;
    namespace py = pybind11;
    module.def("argmax_workspace", &argmax_workspace, py::arg("logits"),
               py::arg("axes").none(true));
    module.def("argmax", &argmax, py::arg("logits"), py::arg("axes").none(true), py::arg("labels"),
               py::arg("paint").none(true), py::arg("confidence").none(true), py::arg("stream"),
               py::arg("errors").none(true), py::arg("workspace").none(true));
    module.def("argmax_volume_workspace", &argmax_volume_workspace, py::arg("logits"),
               py::arg("axes"), py::arg("labels"));
    module.def("argmax_volume", &argmax_volume, py::arg("logits"), py::arg("axes"),
               py::arg("labels"), py::arg("stream"), py::arg("errors").none(true),
               py::arg("workspace").none(true));
    module.def("binarize", &binarize, py::arg("logits"), py::arg("axes").none(true),
               py::arg("levels"), py::arg("masks"), py::arg("packed"), py::arg("swapped"),
               py::arg("stream"), py::arg("errors").none(true));
    module.def("binarize_labels", &binarize_labels, py::arg("logits"), py::arg("axes").none(true),
               py::arg("levels"), py::arg("values"), py::arg("labels"), py::arg("stream"),
               py::arg("errors").none(true));
    module.def("blend_slices", &blend_slices, py::arg("logits"), py::arg("axis"), py::arg("first"),
               py::arg("out"), py::arg("stream"));
    module.def("binarize_volume", &binarize_volume, py::arg("logits"), py::arg("axes"),
               py::arg("cutoffs"), py::arg("values").none(true), py::arg("out"), py::arg("stream"),
               py::arg("errors").none(true));
    module.def("softmax", &softmax, py::arg("logits"), py::arg("axes").none(true),
               py::arg("probabilities"), py::arg("confidence").none(true), py::arg("stream"),
               py::arg("errors").none(true));
    module.def("rank_classes", &rank_classes, py::arg("logits"), py::arg("axes"),
               py::arg("labels").none(true), py::arg("confidence").none(true),
               py::arg("entropy").none(true), py::arg("margin").none(true),
               py::arg("top_labels").none(true), py::arg("top_probabilities").none(true),
               py::arg("stream"), py::arg("errors").none(true));
    module.def("confidence_bytes", &confidence_bytes, py::arg("from_"), py::arg("to"),
               py::arg("stream"));
    module.def("colorize", &colorize, py::arg("labels"), py::arg("lut"),
               py::arg("ignore_index").none(true), py::arg("out"), py::arg("stream"),
               py::arg("errors").none(true));
    module.def("overlay", &overlay, py::arg("image"), py::arg("labels"), py::arg("lut"),
               py::arg("alpha"), py::arg("ignore_index").none(true), py::arg("contour"),
               py::arg("out"), py::arg("stream"), py::arg("errors").none(true));
    module.def("labels_from_colors", &labels_from_colors, py::arg("image"), py::arg("keys"),
               py::arg("values"), py::arg("out"), py::arg("stream"), py::arg("errors").none(true));
    module.def("confusion_labels", &confusion_labels, py::arg("preds"), py::arg("target"),
               py::arg("ignored"), py::arg("counts"), py::arg("stream"));
    module.def("confusion_logits", &confusion_logits, py::arg("logits"), py::arg("axes").none(true),
               py::arg("target"), py::arg("ignored"), py::arg("counts"), py::arg("labels"),
               py::arg("stream"), py::arg("errors").none(true), py::arg("workspace").none(true));
    bind_crf_on_device(module);
    bind_objects_on_device(module);
    bind_queries_on_device(module);
    module.def("bind_records", &bind_records, py::arg("contract"));
    module.def("device_count", &device_count);
    module.def("architectures", [] { return SEGPOST_CUDA_ARCHITECTURES; });
    module.def("capability", &segpost::gpu::capability, py::arg("device"));
    module.def("device_of", &device_of, py::arg("place"));
    module.def("use_device", &use_device, py::arg("device"));
    module.def("allocate", &allocate, py::arg("bytes"));
    module.def("release", &release, py::arg("place"));
    module.def("copy_in", &copy_in, py::arg("place"), py::arg("host"), py::arg("stream"));
    module.def("copy_out", &copy_out, py::arg("host"), py::arg("place"), py::arg("stream"));
    module.def("clear", &clear, py::arg("place"), py::arg("bytes"), py::arg("stream"));
    module.def("copy_rows", &copy_rows, py::arg("target"), py::arg("source"), py::arg("stream"));
    module.def("is_captured", &segpost::gpu::is_captured, py::arg("stream"));
    module.def("wait_stream", &segpost::gpu::wait_stream, py::arg("stream"), py::arg("other"));
    module.def("record_event", &segpost::gpu::record_event, py::arg("stream"));
    module.def("event_done", &segpost::gpu::event_done, py::arg("event"));
}
