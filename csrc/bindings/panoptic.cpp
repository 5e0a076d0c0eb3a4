// The kernels of panoptic maps, under the names of segpost._core.panoptic_contract.
#include "bindings/panoptic.hpp"
#include "bindings/jobs.hpp"
#include "bindings/signals.hpp"

#include "cpu/runtime/launch.hpp"

namespace segpost::bindings {
namespace {

void check_planes(const LabelView &map, const char *name) {
    constexpr std::int64_t limit = std::int64_t{1} << 31;
    require(map.n >= 1 && map.n <= OverlapJob::most_planes && map.w < limit &&
                map.dtype >= DType::i8,
            name);
}

// The arrays of panoptic_contract.Overlaps.
py::tuple count_overlaps(const py::array &preds, const py::array &target) {
    OverlapJob job;
    job.preds = map_view(preds, false);
    job.target = map_view(target, false);
    check_planes(job.preds, "preds");
    check_planes(job.target, "target");
    require(job.preds.h == job.target.h && job.preds.w == job.target.w, "target");
    Overlaps out;
    release_gil(
        [&](const CancelToken &cancelled) { return launch_count_overlaps(job, cancelled, out); });
    return py::make_tuple(to_array(out.values).reshape({-1, static_cast<int>(job.width())}),
                          to_array(out.pixels));
}

} // namespace

void bind_panoptic(py::module_ &m) {
    m.def("count_overlaps", &count_overlaps, py::arg("preds"), py::arg("target"));
}

} // namespace segpost::bindings
