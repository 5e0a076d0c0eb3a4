// The kernels of query heads on a device. All arrays are of the device; segpost._backends.cuda
// has checked the numbers in them.
#include "bindings/queries_cuda.hpp"
#include "bindings/device_memory.hpp"
#include "bindings/query_jobs.hpp"

namespace segpost::bindings {
namespace {

// Scores are [1, C, h, w] float64, those of a region of the score grid from `origin` (y, x) on.
void class_scores(const Record<records::Logits> &masks, const py::object &axes,
                  std::pair<std::int64_t, std::int64_t> origin, const py::array &weights,
                  const py::array &scores, std::uintptr_t stream) {
    ClassScoresJob job;
    job.masks = from_python(masks);
    job.y = axis_view(axes.attr(axis_names().y));
    job.x = axis_view(axes.attr(axis_names().x));
    require(job.masks.n == 1 && job.y.n_in == job.masks.h && job.x.n_in == job.masks.w, "masks");
    require(weights.ndim() == 2 && scores.ndim() == 4, "scores");
    job.classes = weights.shape(1);
    job.weights = checked_array<double>(weights, {job.masks.c, job.classes}, "weights", false);
    job.top = origin.first, job.left = origin.second;
    job.height = scores.shape(2), job.width = scores.shape(3);
    job.scores =
        checked_array<double>(scores, {1, job.classes, job.height, job.width}, "scores", true);
    require(job.top >= 0 && job.left >= 0 && job.top + job.height <= job.y.n_out &&
                job.left + job.width <= job.x.n_out,
            "origin");
    gpu::launch_class_scores(job, stream);
}

void count_not_finite(const Record<records::Logits> &values, std::uintptr_t stream,
                      const py::object &errors) {
    gpu::launch_count_not_finite(from_python(values), stream,
                                 error_counts<gpu::ErrorCount>(errors, stream));
}

// `counts` are cleared, and written as gpu::launch_assign_queries has them.
void assign_queries(const Record<records::QueryMasks> &masks,
                    const Record<records::QueryGrids> &grids, const py::array &queries,
                    const py::array &scores, const py::array &thresholds, bool is_logit,
                    bool is_late, bool cuts, const py::array &labels, const py::array &counts,
                    std::uintptr_t stream) {
    AssignQueriesJob job;
    add_grids(job, masks, grids);
    add_assignment(job, queries.shape(0), is_logit, is_late, cuts, labels);
    job.queries = checked_array<std::int32_t>(queries, {job.count}, "queries", false);
    job.scores = checked_array<double>(scores, {job.count}, "scores", false);
    job.thresholds = checked_array<double>(thresholds, {job.count}, "thresholds", false);
    job.counts = query_counts(counts, job.count);
    gpu::clear(job.counts, static_cast<std::size_t>(counts.nbytes()), stream);
    gpu::launch_assign_queries(job, stream);
}

MeasureMasksJob measure_job(const Record<records::QueryMasks> &masks,
                            const Record<records::QueryGrids> &grids, std::int64_t count,
                            double level, bool is_late, const py::array &bits) {
    MeasureMasksJob job;
    add_grids(job, masks, grids);
    add_measures(job, count, level, is_late, bits);
    return job;
}

std::size_t measure_masks_workspace(const Record<records::QueryMasks> &masks,
                                    const Record<records::QueryGrids> &grids, std::int64_t count,
                                    bool is_late, const py::array &bits) {
    return gpu::measure_masks_workspace(measure_job(masks, grids, count, 0.0, is_late, bits));
}

void measure_masks(const Record<records::QueryMasks> &masks,
                   const Record<records::QueryGrids> &grids, const py::array &queries, double level,
                   bool is_late, const py::array &bits, const py::array &areas,
                   const py::array &sums, std::uintptr_t stream, const py::object &workspace) {
    MeasureMasksJob job = measure_job(masks, grids, queries.shape(0), level, is_late, bits);
    job.queries = checked_array<std::int32_t>(queries, {job.count}, "queries", false);
    job.areas = checked_array<std::int64_t>(areas, {job.count}, "areas", true);
    job.sums = checked_array<double>(sums, {job.count}, "sums", true);
    void *work = memory<void>(workspace, gpu::measure_masks_workspace(job));
    require(work || job.count == 0, "workspace");
    gpu::launch_measure_masks(job, stream, work);
}

// `counts` are as those of assign_queries.
void paint_masks(const py::array &bits, const py::array &masks, const py::array &values,
                 const py::array &row, const py::array &column, const py::array &labels,
                 const py::array &counts, std::uintptr_t stream) {
    PaintMasksJob job = paint_job(bits, labels);
    job.count = masks.shape(0);
    job.masks = checked_array<std::int32_t>(masks, {job.count}, "masks", false);
    job.values = checked_array<std::int32_t>(values, {job.count}, "values", false);
    job.row = checked_array<std::int32_t>(row, {job.labels.h}, "row", false);
    job.column = checked_array<std::int32_t>(column, {job.labels.w}, "column", false);
    job.counts = query_counts(counts, job.count);
    gpu::clear(job.counts, static_cast<std::size_t>(counts.nbytes()), stream);
    gpu::launch_paint_masks(job, stream);
}

void replace_labels(const py::array &labels, const py::array &values, const py::array &out,
                    std::uintptr_t stream) {
    const LabelView from = label_view(labels, false), to = label_view(out, true);
    require(from.h == to.h && from.w == to.w && values.ndim() == 1, "out");
    gpu::launch_replace_labels(
        from, checked_array<std::int32_t>(values, {values.shape(0)}, "values", false), to, stream);
}

} // namespace

void bind_queries_on_device(py::module_ &m) {
    using py::arg;
    m.def("class_scores", &class_scores, arg("masks"), arg("axes"), arg("origin"), arg("weights"),
          arg("scores"), arg("stream"));
    m.def("count_not_finite", &count_not_finite, arg("values"), arg("stream"), arg("errors"));
    m.def("assign_queries", &assign_queries, arg("masks"), arg("grids"), arg("queries"),
          arg("scores"), arg("thresholds"), arg("is_logit"), arg("is_late"), arg("cuts"),
          arg("labels"), arg("counts"), arg("stream"));
    m.def("measure_masks_workspace", &measure_masks_workspace, arg("masks"), arg("grids"),
          arg("count"), arg("is_late"), arg("bits"));
    m.def("measure_masks", &measure_masks, arg("masks"), arg("grids"), arg("queries"), arg("level"),
          arg("is_late"), arg("bits"), arg("areas"), arg("sums"), arg("stream"), arg("workspace"));
    m.def("paint_masks", &paint_masks, arg("bits"), arg("masks"), arg("values"), arg("row"),
          arg("column"), arg("labels"), arg("counts"), arg("stream"));
    m.def("replace_labels", &replace_labels, arg("labels"), arg("values"), arg("out"),
          arg("stream"));
}

} // namespace segpost::bindings
