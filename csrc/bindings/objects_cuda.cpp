// The runs of label maps on a device.
#include "bindings/objects_cuda.hpp"
#include "bindings/device_memory.hpp"
#include "bindings/jobs.hpp"

namespace segpost::bindings {
namespace {

template <class T>
T *vector_of(const py::array &array, std::int64_t count, const char *name, bool written) {
    require(array.ndim() == 1 && array.shape(0) == count && array.itemsize() == sizeof(T) &&
                (array.flags() & py::array::c_style),
            name);
    return reinterpret_cast<T *>(address(array, written));
}

// Places of runs are int32, their numbers uint32.
LabelView run_map(const py::array &labels) {
    constexpr std::int64_t limit = std::int64_t{1} << 31;
    const LabelView view = map_view(labels, false);
    require(view.n * view.h * view.w < limit, "labels");
    return view;
}

// The parts of a column that are counted apart, and the bytes of the workspace.
py::tuple count_runs_plan(const py::array &labels) {
    const LabelView view = run_map(labels);
    return py::make_tuple(gpu::run_bands(view), gpu::count_runs_workspace(view));
}

std::int64_t ends_of(const LabelView &view) { return view.n * view.w * gpu::run_bands(view); }

// How many runs there are up to each band of each column, in `ends`.
void count_runs(const py::array &labels, const py::array &ends, std::uintptr_t stream,
                const py::object &workspace) {
    const LabelView view = run_map(labels);
    auto *to = vector_of<unsigned>(ends, ends_of(view), "ends", true);
    void *work = memory<void>(workspace, gpu::count_runs_workspace(view));
    require(work != nullptr, "workspace");
    gpu::launch_count_runs(view, stream, to, work);
}

// The first row, the label and the sum of the values of every run, as many as `ends` counted.
void write_runs(const py::array &labels, const py::object &values, const py::array &ends,
                const py::array &tops, const py::array &run_labels, const py::object &totals,
                std::uintptr_t stream) {
    FindRunsJob job;
    job.labels = run_map(labels);
    const std::int64_t count = tops.shape(0);
    gpu::DeviceRuns runs;
    runs.top = vector_of<std::int32_t>(tops, count, "tops", true);
    require(run_labels.ndim() == 1 && run_labels.shape(0) == count &&
                run_labels.itemsize() == labels.itemsize() &&
                (run_labels.flags() & py::array::c_style),
            "run_labels");
    runs.label = address(run_labels, true);
    if (!values.is_none()) {
        job.values = map_view(values.cast<py::array>(), false);
        require(same_pixels(job.labels, job.values) &&
                    (job.values.dtype == DType::f32 || job.values.dtype == DType::u8),
                "values");
        runs.total = vector_of<double>(totals.cast<py::array>(), count, "totals", true);
    }
    gpu::launch_write_runs(job, vector_of<unsigned>(ends, ends_of(job.labels), "ends", false), runs,
                           stream);
}

// [masks, W, bytes], columns packed.
gpu::MaskBits mask_bits(const py::array &bits, std::int64_t height) {
    require(bits.ndim() == 3 && bits.itemsize() == 1 && (bits.flags() & py::array::c_style) &&
                height > 0 && bits.shape(2) == (height + 7) / 8,
            "bits");
    gpu::MaskBits masks;
    masks.bits = reinterpret_cast<const std::uint8_t *>(address(bits, false));
    masks.count = bits.shape(0), masks.width = bits.shape(1);
    masks.height = height, masks.row_bytes = bits.shape(2);
    require(masks.count * masks.width * masks.height < std::int64_t{1} << 32, "bits");
    return masks;
}

std::int64_t ends_of(const gpu::MaskBits &masks) {
    return masks.count * masks.width * gpu::bit_parts(masks);
}

py::tuple count_bit_changes_plan(const py::array &bits, std::int64_t height) {
    const gpu::MaskBits masks = mask_bits(bits, height);
    return py::make_tuple(gpu::bit_parts(masks), gpu::count_bit_changes_workspace(masks));
}

void count_bit_changes(const py::array &bits, std::int64_t height, const py::array &ends,
                       std::uintptr_t stream, const py::object &workspace) {
    const gpu::MaskBits masks = mask_bits(bits, height);
    void *work = memory<void>(workspace, gpu::count_bit_changes_workspace(masks));
    require(work != nullptr, "workspace");
    auto *to = vector_of<unsigned>(ends, ends_of(masks), "ends", true);
    gpu::launch_count_bit_changes(masks, stream, to, work);
}

void write_bit_changes(const py::array &bits, std::int64_t height, const py::array &ends,
                       const py::array &places, std::uintptr_t stream) {
    const gpu::MaskBits masks = mask_bits(bits, height);
    gpu::launch_write_bit_changes(masks, vector_of<unsigned>(ends, ends_of(masks), "ends", false),
                                  vector_of<unsigned>(places, places.shape(0), "places", true),
                                  stream);
}

} // namespace

void bind_objects_on_device(py::module_ &m) {
    using py::arg;
    m.def("count_runs_plan", &count_runs_plan, arg("labels"));
    m.def("count_runs", &count_runs, arg("labels"), arg("ends"), arg("stream"), arg("workspace"));
    m.def("count_bit_changes_plan", &count_bit_changes_plan, arg("bits"), arg("height"));
    m.def("count_bit_changes", &count_bit_changes, arg("bits"), arg("height"), arg("ends"),
          arg("stream"), arg("workspace"));
    m.def("write_bit_changes", &write_bit_changes, arg("bits"), arg("height"), arg("ends"),
          arg("places"), arg("stream"));
    m.def("write_runs", &write_runs, arg("labels"), arg("values").none(true), arg("ends"),
          arg("tops"), arg("run_labels"), arg("totals").none(true), arg("stream"));
}

} // namespace segpost::bindings
