// Query heads of Python as jobs, for the CPU and for devices: nothing here reads an array.
#pragma once

#include "bindings/convert.hpp"
#include "ops/queries/queries.hpp"

#include <initializer_list>

namespace segpost::bindings {

// (H, W)
inline LabelView label_view(const py::array &array, bool written) {
    require(array.ndim() == 2, "labels");
    LabelView view;
    view.data = address(array, written);
    view.dtype = element_type(array);
    view.n = 1, view.h = array.shape(0), view.w = array.shape(1);
    view.stride_h = array.strides(0), view.stride_w = array.strides(1);
    require(view.dtype == DType::u8 || view.dtype == DType::i32, "labels");
    require(view.w < 2 || view.stride_w == array.itemsize(), "labels");
    return view;
}

inline Logits mask_view(const Record<records::QueryMasks> &masks) {
    using R = records::QueryMasks;
    return logits_view(masks.get<py::array>(R::values), masks.get<std::string>(R::kind), "masks");
}

// All but the bounds.
inline void add_grids(QueryGrids &job, const Record<records::QueryMasks> &masks,
                      const Record<records::QueryGrids> &grids) {
    using R = records::QueryGrids;
    const AxisNames &name = axis_names();
    job.masks = mask_view(masks);
    job.grid_y = axis_view(grids[R::to_grid].attr(name.y));
    job.grid_x = axis_view(grids[R::to_grid].attr(name.x));
    job.y = axis_view(grids[R::to_result].attr(name.y));
    job.x = axis_view(grids[R::to_result].attr(name.x));
    const auto origin = grids.get<std::pair<std::int64_t, std::int64_t>>(R::origin);
    job.top = origin.first, job.left = origin.second;
    require(job.grid_y.n_in == job.masks.h && job.grid_x.n_in == job.masks.w && job.top >= 0 &&
                job.left >= 0 && job.top + job.y.n_in <= job.grid_y.n_out &&
                job.left + job.x.n_in <= job.grid_x.n_out,
            "grids");
}

// Queries, scores, thresholds and counts are left out.
inline void add_assignment(AssignQueriesJob &job, std::int64_t count, bool is_logit, bool is_late,
                           bool cuts, const py::array &labels) {
    require(job.masks.n == 1, "masks");
    job.count = count;
    job.is_logit = is_logit, job.is_late = is_late, job.cuts = cuts;
    job.labels = label_view(labels, true);
    require(job.labels.h == job.y.n_out && job.labels.w == job.x.n_out && job.count > 0 &&
                !(is_logit && is_late) && (job.labels.dtype == DType::i32 || job.count < 256),
            "labels");
}

// Queries, areas and sums are left out.
inline void add_measures(MeasureMasksJob &job, std::int64_t count, double level, bool is_late,
                         const py::array &bits) {
    require(job.masks.n == 1, "masks");
    job.count = count;
    job.level = level, job.is_late = is_late;
    job.rows = is_late ? job.y.n_out : job.grid_y.n_out;
    job.columns = is_late ? job.x.n_out : job.grid_x.n_out;
    job.row_bytes = bytes_of_bits(job.columns);
    job.bits =
        checked_array<std::uint8_t>(bits, {job.count, job.rows, job.row_bytes}, "bits", true);
}

inline QueryCounts *query_counts(const py::array &counts, std::int64_t count) {
    static_assert(sizeof(QueryCounts) == 7 * sizeof(std::int64_t));
    return reinterpret_cast<QueryCounts *>(
        checked_array<std::int64_t>(counts, {count, 7}, "counts", true));
}

// The masks of bits and the labels.
inline PaintMasksJob paint_job(const py::array &bits, const py::array &labels) {
    PaintMasksJob job;
    require(bits.ndim() == 3, "bits");
    job.rows = bits.shape(1), job.row_bytes = bits.shape(2), job.columns = 8 * job.row_bytes;
    job.bits =
        checked_array<std::uint8_t>(bits, {bits.shape(0), job.rows, job.row_bytes}, "bits", false);
    job.labels = label_view(labels, true);
    return job;
}

} // namespace segpost::bindings
