// The kernels of detections, under the names of segpost._core.detection_contract.
#include "bindings/detections.hpp"
#include "bindings/regions.hpp"
#include "bindings/signals.hpp"

#include "cpu/runtime/launch.hpp"

namespace segpost::bindings {
namespace {

RegionRuns runs_of(const py::tuple &runs) {
    return region_runs(runs[0].cast<py::array>(), runs[1].cast<py::array>(),
                       runs[2].cast<py::array>(), runs[3].cast<py::array>());
}

// The arrays of detection_contract.ImageDetections.
py::tuple match_masks(const py::tuple &runs, const py::array &classes, const py::array &scores,
                      const py::tuple &true_runs, const py::array &true_classes,
                      const py::array &true_areas, const py::array &is_crowd,
                      const py::array &limits, const py::array &ranges, std::int64_t most) {
    DetectionJob job;
    job.preds = runs_of(runs), job.target = runs_of(true_runs);
    job.classes = checked_pointer<std::int64_t>(classes, job.preds.regions);
    job.scores = checked_pointer<double>(scores, job.preds.regions);
    job.true_classes = checked_pointer<std::int64_t>(true_classes, job.target.regions);
    job.true_areas = checked_pointer<double>(true_areas, job.target.regions);
    job.is_crowd = checked_pointer<std::uint8_t>(is_crowd, job.target.regions);
    job.limit_count = static_cast<std::int64_t>(limits.size());
    job.limits = checked_pointer<double>(limits, job.limit_count);
    job.range_count = static_cast<std::int64_t>(ranges.size()) / 2;
    job.ranges = checked_array<double>(ranges, {job.range_count, 2}, "ranges", false);
    job.most = most;
    require(job.limit_count > 0 && job.range_count > 0 &&
                job.limit_count * job.range_count <= DetectionJob::most_bits && most > 0,
            "limits");
    DetectionMatches out;
    release_gil(
        [&](const CancelToken &cancelled) { return launch_match_masks(job, cancelled, out); });
    return py::make_tuple(to_array(out.classes), to_array(out.scores), to_array(out.matched),
                          to_array(out.ignored), to_array(out.target_classes),
                          to_array(out.targets).reshape({-1, static_cast<int>(job.range_count)}));
}

void compute_precision(const py::array &bounds, const py::array &rank, const py::array &matched,
                       const py::array &ignored, const py::array &targets, const py::array &recalls,
                       const py::array &most, const py::array &precision, const py::array &recall) {
    PrecisionJob job;
    require(targets.ndim() == 2 && recall.ndim() == 4, "targets");
    job.classes = targets.shape(0), job.ranges = targets.shape(1), job.limits = recall.shape(0);
    job.recall_count = static_cast<std::int64_t>(recalls.size());
    job.most_count = static_cast<std::int64_t>(most.size());
    require(job.ranges * job.limits <= DetectionJob::most_bits, "targets");
    job.bounds = checked_pointer<std::int64_t>(bounds, job.classes + 1);
    for (std::int64_t i = 0; i <= job.classes; ++i)
        require(job.bounds[i] >= (i ? job.bounds[i - 1] : 0), "bounds");
    job.rank = checked_pointer<std::int64_t>(rank, job.bounds[job.classes]);
    job.matched = checked_pointer<std::uint64_t>(matched, job.bounds[job.classes]);
    job.ignored = checked_pointer<std::uint64_t>(ignored, job.bounds[job.classes]);
    job.targets = checked_array<std::int64_t>(targets, {job.classes, job.ranges}, "targets", false);
    job.recalls = checked_pointer<double>(recalls, job.recall_count);
    job.most = checked_pointer<std::int64_t>(most, job.most_count);
    job.precision = checked_array<double>(
        precision, {job.limits, job.recall_count, job.classes, job.ranges, job.most_count},
        "precision", true);
    job.recall = checked_array<double>(
        recall, {job.limits, job.classes, job.ranges, job.most_count}, "recall", true);
    release_gil(
        [&](const CancelToken &cancelled) { return launch_compute_precision(job, cancelled); });
}

} // namespace

void bind_detections(py::module_ &m) {
    using py::arg;
    m.def("match_masks", &match_masks, arg("runs"), arg("classes"), arg("scores"), arg("true_runs"),
          arg("true_classes"), arg("true_areas"), arg("is_crowd"), arg("limits"), arg("ranges"),
          arg("most"));
    m.def("compute_precision", &compute_precision, arg("bounds"), arg("rank"), arg("matched"),
          arg("ignored"), arg("targets"), arg("recalls"), arg("most"), arg("precision"),
          arg("recall"));
}

} // namespace segpost::bindings
