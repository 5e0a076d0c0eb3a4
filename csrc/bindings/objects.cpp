// The kernels of runs and codes of regions, under the names of segpost._core.object_contract.
#include "bindings/objects.hpp"
#include "bindings/jobs.hpp"
#include "bindings/regions.hpp"
#include "bindings/signals.hpp"

#include "cpu/runtime/launch.hpp"

#include <algorithm>
#include <array>
#include <vector>

namespace segpost::bindings {
namespace {

// The arrays of object_contract.Runs.
py::tuple write_runs(const FindRunsJob &job, const std::vector<ChangedColumns> &parts) {
    std::size_t count = 0;
    for (const ChangedColumns &part : parts) count += part.changes.size();
    const auto size = static_cast<py::ssize_t>(count);
    const auto array = [&](const py::dtype &dtype) {
        return py::array(dtype, py::array::ShapeContainer{size});
    };
    const auto column = array(py::dtype::of<std::int32_t>());
    const auto top = array(py::dtype::of<std::int32_t>());
    const auto bottom = array(py::dtype::of<std::int32_t>());
    const auto label = array(py::dtype::of<std::int64_t>());
    py::object sum = py::none();
    RunArrays out{reinterpret_cast<std::int32_t *>(address(column, true)),
                  reinterpret_cast<std::int32_t *>(address(top, true)),
                  reinterpret_cast<std::int32_t *>(address(bottom, true)),
                  reinterpret_cast<std::int64_t *>(address(label, true)), nullptr};
    if (job.values.data) {
        sum = array(py::dtype::of<double>());
        out.sum = reinterpret_cast<double *>(address(sum.cast<py::array>(), true));
    }
    release_gil([&](const CancelToken &cancelled) {
        return launch_write_runs(job, parts, cancelled, out);
    });
    return py::make_tuple(column, top, bottom, label, sum);
}

// Positions of runs are int32.
void check_run_size(const LabelView &labels, const char *name) {
    constexpr std::int64_t limit = std::int64_t{1} << 31;
    require(labels.n * labels.w < limit && labels.h < limit, name);
}

py::tuple find_runs(const py::array &labels, const py::object &values) {
    FindRunsJob job;
    job.labels = map_view(labels, false);
    check_run_size(job.labels, "labels");
    if (!values.is_none()) {
        job.values = map_view(values.cast<py::array>(), false);
        require(same_pixels(job.labels, job.values) &&
                    (job.values.dtype == DType::f32 || job.values.dtype == DType::u8),
                "values");
    }
    std::vector<ChangedColumns> parts;
    release_gil(
        [&](const CancelToken &cancelled) { return launch_find_changes(job, cancelled, parts); });
    return write_runs(job, parts);
}

// The arrays of the runs, and errors; segpost._backends.native makes the record.
py::tuple argmax_runs(const Record<records::Logits> &logits, const py::object &axes) {
    const ArgmaxJob job = argmax_job(logits, axes);
    require(job.resample, "axes");
    FindRunsJob runs;
    runs.labels.n = job.logits.n, runs.labels.h = job.height(), runs.labels.w = job.width();
    check_run_size(runs.labels, "axes");
    std::vector<ChangedColumns> parts;
    LogitErrors errors;
    release_gil([&](const CancelToken &cancelled) {
        return launch_find_logit_changes(job, cancelled, parts, errors);
    });
    return py::make_tuple(write_runs(runs, parts), to_python(errors));
}

py::tuple count_runs(const py::array &offsets, const py::array &column, const py::array &top,
                     const py::array &bottom, std::int64_t height, std::int64_t width) {
    const RegionRuns job = region_runs(offsets, column, top, bottom);
    MaskRuns out;
    release_gil([&](const CancelToken &cancelled) {
        return launch_count_runs(job, height, width, cancelled, out);
    });
    return py::make_tuple(to_array(out.counts), to_array(out.ends));
}

template <class T> py::array new_array(std::int64_t size) {
    return py::array(py::dtype::of<T>(), py::array::ShapeContainer{static_cast<py::ssize_t>(size)});
}

py::array label_components(const py::array &offsets, const py::array &column, const py::array &top,
                           const py::array &bottom, std::int64_t width, std::int64_t connectivity) {
    const RegionRuns job = region_runs(offsets, column, top, bottom);
    require(width > 0, "width");
    static constexpr std::array<std::int64_t, 5> numbers{4, 8, 6, 18, 26};
    const auto *const number = std::find(numbers.begin(), numbers.end(), connectivity);
    require(number != numbers.end(), "connectivity");
    const auto kind = static_cast<Connectivity>(number - numbers.begin());
    py::array out = new_array<std::int32_t>(job.offsets[job.regions]);
    auto *component = reinterpret_cast<std::int32_t *>(address(out, true));
    release_gil([&](const CancelToken &cancelled) {
        return launch_label_components(job, width, kind, cancelled, component);
    });
    return out;
}

py::tuple sort_groups(const py::array &numbers, std::int64_t groups) {
    GroupsJob job;
    job.count = static_cast<std::int64_t>(numbers.size()), job.groups = groups;
    job.numbers = checked_pointer<std::int32_t>(numbers, job.count);
    require(groups >= 0, "groups");
    for (std::int64_t i = 0; i < job.count; ++i)
        require(job.numbers[i] >= 0 && job.numbers[i] < groups, "numbers");
    const py::array order = new_array<std::int64_t>(job.count);
    const py::array offsets = new_array<std::int64_t>(groups + 1);
    auto *const places = reinterpret_cast<std::int64_t *>(address(order, true));
    auto *const begins = reinterpret_cast<std::int64_t *>(address(offsets, true));
    release_gil([&](const CancelToken &cancelled) {
        return launch_sort_groups(job, cancelled, places, begins);
    });
    return py::make_tuple(order, offsets);
}

py::array count_contacts(const py::array &offsets, const py::array &column, const py::array &top,
                         const py::array &bottom) {
    const RegionRuns job = region_runs(offsets, column, top, bottom);
    py::array out = new_array<std::int64_t>(job.regions);
    auto *contacts = reinterpret_cast<std::int64_t *>(address(out, true));
    release_gil([&](const CancelToken &cancelled) {
        return launch_count_contacts(job, cancelled, contacts);
    });
    return out;
}

py::tuple complement_runs(const py::array &offsets, const py::array &column, const py::array &top,
                          const py::array &bottom, const py::array &box) {
    const RegionRuns job = region_runs(offsets, column, top, bottom);
    require(box.ndim() == 2 && box.shape(0) == job.regions && box.shape(1) == 4 &&
                element_type(box) == DType::i64 && (box.flags() & py::array::c_style),
            "box");
    const auto *boxes = static_cast<const std::int64_t *>(box.data());
    RunVectors out;
    release_gil([&](const CancelToken &cancelled) {
        return launch_complement_runs(job, boxes, cancelled, out);
    });
    return py::make_tuple(to_array(out.offsets), to_array(out.column), to_array(out.top),
                          to_array(out.bottom));
}

// The fields of object_contract.Rings.
py::tuple trace_rings(std::int64_t columns, std::int64_t height, const py::array &column,
                      const py::array &top, const py::array &bottom, const py::array &owner,
                      bool keeps_corners, double tolerance) {
    RingJob job;
    constexpr std::int64_t limit = std::int64_t{1} << 31;
    require(columns >= 0 && columns < limit && height >= 0 && height < limit, "columns");
    job.columns = columns, job.height = height, job.runs = static_cast<std::int64_t>(column.size());
    require(job.runs < most_runs, "runs");
    job.column = checked_pointer<std::int32_t>(column, job.runs);
    job.top = checked_pointer<std::int32_t>(top, job.runs);
    job.bottom = checked_pointer<std::int32_t>(bottom, job.runs);
    job.owner = checked_pointer<std::int32_t>(owner, job.runs);
    job.keeps_corners = keeps_corners, job.tolerance = tolerance;
    Rings out;
    release_gil(
        [&](const CancelToken &cancelled) { return launch_trace_rings(job, cancelled, out); });
    return py::make_tuple(to_array(out.points).reshape({-1, 2}), to_array(out.offsets),
                          to_array(out.owner), to_array(out.areas));
}

py::tuple compress_counts(const py::array &counts, const py::array &ends) {
    const auto masks = static_cast<std::int64_t>(ends.size());
    const auto *last = checked_pointer<std::int64_t>(ends, masks);
    std::int64_t before = 0;
    for (std::int64_t i = 0; i < masks; before = last[i++]) require(last[i] >= before, "ends");
    const auto *first = checked_pointer<std::int64_t>(counts, before);
    MaskCodes codes;
    release_gil([&](const CancelToken &cancelled) {
        return launch_compress_counts(first, last, masks, cancelled, codes);
    });
    return py::make_tuple(to_array(codes.characters), to_array(codes.ends));
}

// Offsets, columns, tops and bottoms, and the first mask whose code is bad.
py::tuple decompress_runs(const py::array &characters, const py::array &ends, std::int64_t height,
                          std::int64_t width) {
    constexpr std::int64_t limit = std::int64_t{1} << 31;
    require(height >= 0 && height < limit && width >= 0 && width < limit, "height");
    CodesJob job;
    job.masks = static_cast<std::int64_t>(ends.size()), job.height = height, job.width = width;
    job.ends = checked_pointer<std::int64_t>(ends, job.masks);
    std::int64_t last = 0;
    for (std::int64_t i = 0; i < job.masks; last = job.ends[i++])
        require(job.ends[i] >= last, "ends");
    job.characters = checked_pointer<std::uint8_t>(characters, last);
    RunVectors out;
    std::int64_t bad = -1;
    release_gil([&](const CancelToken &cancelled) {
        return launch_decompress_runs(job, cancelled, out, bad);
    });
    return py::make_tuple(to_array(out.offsets), to_array(out.column), to_array(out.top),
                          to_array(out.bottom), bad);
}

} // namespace

void bind_objects(py::module_ &m) {
    using py::arg;
    m.def("count_runs", &count_runs, arg("offsets"), arg("column"), arg("top"), arg("bottom"),
          arg("height"), arg("width"));
    m.def("label_components", &label_components, arg("offsets"), arg("column"), arg("top"),
          arg("bottom"), arg("width"), arg("connectivity"));
    m.def("sort_groups", &sort_groups, arg("numbers"), arg("groups"));
    m.def("count_contacts", &count_contacts, arg("offsets"), arg("column"), arg("top"),
          arg("bottom"));
    m.def("complement_runs", &complement_runs, arg("offsets"), arg("column"), arg("top"),
          arg("bottom"), arg("box"));
    m.def("trace_rings", &trace_rings, arg("columns"), arg("height"), arg("column"), arg("top"),
          arg("bottom"), arg("owner"), arg("keeps_corners"), arg("tolerance"));
    m.def("compress_counts", &compress_counts, arg("counts"), arg("ends"));
    m.def("decompress_runs", &decompress_runs, arg("characters"), arg("ends"), arg("height"),
          arg("width"));
    m.def("argmax_runs", &argmax_runs, arg("logits"), arg("axes"));
    m.def("find_runs", &find_runs, arg("labels"), arg("values").none() = py::none());
}

} // namespace segpost::bindings
