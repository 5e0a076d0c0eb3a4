// The kernels of query heads, under the names of segpost._core.query_contract.
#include "bindings/queries.hpp"
#include "bindings/query_jobs.hpp"
#include "bindings/signals.hpp"

#include "cpu/runtime/launch.hpp"

namespace segpost::bindings {
namespace {

MaskBounds bounds_view(const Record<records::QueryMasks> &masks, const Logits &view, bool written) {
    using R = records::QueryMasks;
    MaskBounds bounds(view);
    const std::initializer_list<py::ssize_t> shape{view.n, bounds.rows, bounds.columns,
                                                   bounds.pitch};
    bounds.low = checked_array<float>(masks.get<py::array>(R::low), shape, "low", written);
    bounds.high = checked_array<float>(masks.get<py::array>(R::high), shape, "high", written);
    return bounds;
}

void add_bounded_grids(QueryGrids &job, const Record<records::QueryMasks> &masks,
                       const Record<records::QueryGrids> &grids) {
    add_grids(job, masks, grids);
    job.bounds = bounds_view(masks, job.masks, false);
}

const std::int32_t *query_numbers(const py::array &queries, std::int64_t below) {
    const std::int64_t count = queries.shape(0);
    const auto *numbers = checked_array<std::int32_t>(queries, {count}, "queries", false);
    for (std::int64_t i = 0; i < count; ++i)
        require(numbers[i] >= 0 && numbers[i] < below, "queries");
    return numbers;
}

// How many values are not finite, and the place of the first.
py::tuple bound_masks(const Record<records::QueryMasks> &masks) {
    BoundMasksJob job;
    job.masks = mask_view(masks);
    job.bounds = bounds_view(masks, job.masks, true);
    LogitErrors errors;
    release_gil(
        [&](const CancelToken &cancelled) { return launch_bound_masks(job, cancelled, errors); });
    return py::make_tuple(errors.nan_count, errors.nan_first);
}

void label_classes(const Record<records::QueryMasks> &masks,
                   const Record<records::QueryGrids> &grids, const py::array &weights,
                   const py::array &labels) {
    QueryClassesJob job;
    add_bounded_grids(job, masks, grids);
    require(weights.ndim() == 3 && weights.shape(2) > 0, "weights");
    job.classes = weights.shape(2);
    job.weights =
        checked_array<double>(weights, {job.masks.n, job.masks.c, job.classes}, "weights", false);
    job.labels = map_view(labels, true);
    require(job.labels.n == job.masks.n && job.labels.h == job.y.n_out &&
                job.labels.w == job.x.n_out &&
                (job.labels.dtype == DType::i32 ||
                 (job.labels.dtype == DType::u8 && job.classes <= 256)),
            "labels");
    release_gil([&](const CancelToken &cancelled) { return launch_query_classes(job, cancelled); });
}

void assign_queries(const Record<records::QueryMasks> &masks,
                    const Record<records::QueryGrids> &grids, const py::array &queries,
                    const py::array &scores, const py::array &thresholds, bool is_logit,
                    bool is_late, bool cuts, const py::array &labels, const py::array &counts) {
    AssignQueriesJob job;
    add_bounded_grids(job, masks, grids);
    job.queries = query_numbers(queries, job.masks.c);
    add_assignment(job, queries.shape(0), is_logit, is_late, cuts, labels);
    job.scores = checked_array<double>(scores, {job.count}, "scores", false);
    job.thresholds = checked_array<double>(thresholds, {job.count}, "thresholds", false);
    job.counts = query_counts(counts, job.count);
    release_gil(
        [&](const CancelToken &cancelled) { return launch_assign_queries(job, cancelled); });
}

void measure_masks(const Record<records::QueryMasks> &masks,
                   const Record<records::QueryGrids> &grids, const py::array &queries, double level,
                   bool is_late, const py::array &bits, const py::array &areas,
                   const py::array &sums) {
    MeasureMasksJob job;
    add_bounded_grids(job, masks, grids);
    job.queries = query_numbers(queries, job.masks.c);
    add_measures(job, queries.shape(0), level, is_late, bits);
    job.areas = checked_array<std::int64_t>(areas, {job.count}, "areas", true);
    job.sums = checked_array<double>(sums, {job.count}, "sums", true);
    release_gil([&](const CancelToken &cancelled) { return launch_measure_masks(job, cancelled); });
}

void paint_masks(const py::array &bits, const py::array &masks, const py::array &values,
                 const py::array &row, const py::array &column, const py::array &labels,
                 const py::array &counts) {
    PaintMasksJob job = paint_job(bits, labels);
    job.masks = query_numbers(masks, bits.shape(0));
    job.count = masks.shape(0);
    job.values = checked_array<std::int32_t>(values, {job.count}, "values", false);
    const auto places = [&](const py::array &array, std::int64_t count, std::int64_t below) {
        require(array.shape(0) == count, "places");
        return query_numbers(array, below);
    };
    job.row = places(row, job.labels.h, job.rows);
    job.column = places(column, job.labels.w, job.columns);
    job.counts = query_counts(counts, job.count);
    release_gil([&](const CancelToken &cancelled) { return launch_paint_masks(job, cancelled); });
}

void replace_labels(const py::array &labels, const py::array &values, const py::array &out) {
    const LabelView from = label_view(labels, false), to = label_view(out, true);
    require(from.h == to.h && from.w == to.w && values.ndim() == 1, "out");
    const auto *numbers = checked_array<std::int32_t>(values, {values.shape(0)}, "values", false);
    release_gil([&](const CancelToken &cancelled) {
        return launch_replace_labels(from, numbers, to, cancelled);
    });
}

} // namespace

void bind_queries(py::module_ &m) {
    using py::arg;
    m.def("bound_masks", &bound_masks, arg("masks"));
    m.def("label_classes", &label_classes, arg("masks"), arg("grids"), arg("weights"),
          arg("labels"));
    m.def("assign_queries", &assign_queries, arg("masks"), arg("grids"), arg("queries"),
          arg("scores"), arg("thresholds"), arg("is_logit"), arg("is_late"), arg("cuts"),
          arg("labels"), arg("counts"));
    m.def("measure_masks", &measure_masks, arg("masks"), arg("grids"), arg("queries"), arg("level"),
          arg("is_late"), arg("bits"), arg("areas"), arg("sums"));
    m.def("paint_masks", &paint_masks, arg("bits"), arg("masks"), arg("values"), arg("row"),
          arg("column"), arg("labels"), arg("counts"));
    m.def("replace_labels", &replace_labels, arg("labels"), arg("values"), arg("out"));
}

} // namespace segpost::bindings
