// Launchers: each splits a job into tasks and runs them on the pool. False: the call was cancelled.
#pragma once

#include <vector>

#include "cpu/runtime/kernel_table.hpp"
#include "cpu/runtime/pool.hpp"
#include "ops/metrics/detections.hpp"
#include "ops/objects/borders.hpp"
#include "ops/objects/regions.hpp"

namespace segpost {

SEGPOST_EXPORT bool launch_argmax(const ArgmaxJob &, CellRule, const CancelToken &, LogitErrors &);
SEGPOST_EXPORT bool launch_argmax_softmax(const ArgmaxJob &job, const SoftmaxJob &softmax,
                                          const CancelToken &cancelled,
                                          LogitErrors &errors); // of the same logits
SEGPOST_EXPORT bool launch_ranking(const RankingJob &, const CancelToken &, LogitErrors &errors);
SEGPOST_EXPORT bool launch_argmax_volume(const VolumeJob &, const CancelToken &, LogitErrors &);
SEGPOST_EXPORT bool launch_softmax(const SoftmaxJob &, const CancelToken &, LogitErrors &);
// All tables are of N images, and are added to.
SEGPOST_EXPORT bool launch_count_levels(const CountLevelsJob &, const CancelToken &,
                                        const LevelSums &, LogitErrors &);
SEGPOST_EXPORT bool launch_settle_labels(const SettleLabelsJob &, const CancelToken &,
                                         const SingleSums &);
SEGPOST_EXPORT bool launch_resolve_labels(const ResolveLabelsJob &, const CancelToken &);
SEGPOST_EXPORT bool launch_binarize(const BinarizeJob &, const CancelToken &, LogitErrors &);
SEGPOST_EXPORT bool launch_binarize_volume(const BinarizeVolumeJob &, const CancelToken &,
                                           LogitErrors &);
// The counts of N * C masks, in column-major order, one mask after another, and where each ends.
struct MaskRuns {
    std::vector<std::int64_t> counts, ends;
};
SEGPOST_EXPORT bool launch_binarize_runs(const BinarizeJob &, const CancelToken &, MaskRuns &,
                                         LogitErrors &);
SEGPOST_EXPORT bool launch_count_runs(const RegionRuns &, std::int64_t height, std::int64_t width,
                                      const CancelToken &, MaskRuns &);
// The component of every run, numbered in the order of their first runs. Column x of plane z is
// z * width + x.
SEGPOST_EXPORT bool launch_label_components(const RegionRuns &, std::int64_t width, Connectivity,
                                            const CancelToken &, std::int32_t *out);
// The order of numbers below `groups`, of equal ones the first first, and where each group begins.
struct GroupsJob {
    const std::int32_t *numbers; // [count]
    std::int64_t count, groups;
};
SEGPOST_EXPORT bool launch_sort_groups(const GroupsJob &, const CancelToken &, std::int64_t *order,
                                       std::int64_t *offsets); // [count], [groups + 1]
// The pixels of every region whose neighbor in the next column belongs to it.
SEGPOST_EXPORT bool launch_count_contacts(const RegionRuns &, const CancelToken &,
                                          std::int64_t *contacts);
struct RunVectors {
    std::vector<std::int64_t> offsets;
    std::vector<std::int32_t> column, top, bottom;
};
// The runs between those of every region in its box: x, y, width, height.
SEGPOST_EXPORT bool launch_complement_runs(const RegionRuns &, const std::int64_t *boxes,
                                           const CancelToken &, RunVectors &);
SEGPOST_EXPORT bool launch_trace_rings(const RingJob &, const CancelToken &, Rings &);
// The compressed strings of masks, one after another, and where each ends.
struct MaskCodes {
    std::vector<std::uint8_t> characters;
    std::vector<std::int64_t> ends;
};
SEGPOST_EXPORT bool launch_compress_counts(const std::int64_t *counts, const std::int64_t *ends,
                                           std::int64_t masks, const CancelToken &, MaskCodes &);
// The runs of masks from their compressed strings, which end at `ends`. `bad`: the first one that
// is damaged or of another size, -1 where there is none; then there are no runs.
struct CodesJob {
    const std::uint8_t *characters;
    const std::int64_t *ends; // [masks]
    std::int64_t masks, height, width;
};
SEGPOST_EXPORT bool launch_decompress_runs(const CodesJob &, const CancelToken &, RunVectors &,
                                           std::int64_t &bad);
SEGPOST_EXPORT bool launch_bound_masks(const BoundMasksJob &, const CancelToken &,
                                       LogitErrors &); // not finite
SEGPOST_EXPORT bool launch_query_classes(const QueryClassesJob &, const CancelToken &);
SEGPOST_EXPORT bool launch_assign_queries(const AssignQueriesJob &, const CancelToken &);
SEGPOST_EXPORT bool launch_measure_masks(const MeasureMasksJob &, const CancelToken &);
SEGPOST_EXPORT bool launch_paint_masks(const PaintMasksJob &, const CancelToken &);
// out = values[labels], of one map.
SEGPOST_EXPORT bool launch_replace_labels(const LabelView &labels, const std::int32_t *values,
                                          const LabelView &out, const CancelToken &);
SEGPOST_EXPORT bool launch_resize_majority(const MajorityJob &, const CancelToken &);
SEGPOST_EXPORT bool launch_add_resized(const AddResizedJob &, const CancelToken &);
SEGPOST_EXPORT bool launch_colorize(const ColorizeJob &, const CancelToken &, LabelErrors &);
SEGPOST_EXPORT bool launch_overlay(const OverlayJob &, const CancelToken &, LabelErrors &);
SEGPOST_EXPORT bool launch_labels_from_colors(const LabelsFromColorsJob &, const CancelToken &,
                                              LabelErrors &);
SEGPOST_EXPORT bool launch_letterbox(const LetterboxJob &, const CancelToken &);

// counts: [classes + 2, classes + 1], added to.
SEGPOST_EXPORT bool launch_confusion(const ConfusionJob &, const CancelToken &,
                                     std::int64_t *counts);
SEGPOST_EXPORT bool launch_confusion_logits(const ConfusionLogitsJob &, const CancelToken &,
                                            std::int64_t *counts, LogitErrors &);
SEGPOST_EXPORT bool launch_calibration(const CalibrationJob &, const CancelToken &,
                                       const CalibrationTables &,
                                       LogitErrors &); // added to
SEGPOST_EXPORT bool launch_boundary_bands(const BoundaryBandsJob &, const CancelToken &);
// counts: [classes, 4], added to: predicted boundary pixels, those with a match, the target's,
// those with a match. offsets: [offset_count, 2].
SEGPOST_EXPORT bool launch_boundary_matches(const BoundaryPixelsJob &, const std::int32_t *offsets,
                                            std::int64_t offset_count, const CancelToken &,
                                            std::int64_t *counts);
SEGPOST_EXPORT bool launch_instance_counts(const InstanceJob &, const CancelToken &);
SEGPOST_EXPORT bool launch_match_masks(const DetectionJob &, const CancelToken &,
                                       DetectionMatches &);
SEGPOST_EXPORT bool launch_compute_precision(const PrecisionJob &, const CancelToken &);

// Pairs of segments in ascending order: their values, one pair after another, and their pixels.
struct Overlaps {
    std::vector<std::int64_t> values, pixels;
};
SEGPOST_EXPORT bool launch_count_overlaps(const OverlapJob &, const CancelToken &, Overlaps &);

// The changes of some columns, row by row, and the sums of their last runs.
struct ChangedColumns {
    Rect rect;
    std::vector<LabelChange> changes;
    std::vector<double> sums;
};
// Where runs are written, column by column; `sum` may be null. Column x of image n is n * w + x.
struct RunArrays {
    std::int32_t *column, *top, *bottom; // pixels top to bottom - 1
    std::int64_t *label;
    double *sum;
};
// There are as many runs as changes.
SEGPOST_EXPORT bool launch_find_changes(const FindRunsJob &, const CancelToken &,
                                        std::vector<ChangedColumns> &);
SEGPOST_EXPORT bool launch_find_logit_changes(const ArgmaxJob &, const CancelToken &,
                                              std::vector<ChangedColumns> &, LogitErrors &);
SEGPOST_EXPORT bool launch_write_runs(const FindRunsJob &, const std::vector<ChangedColumns> &,
                                      const CancelToken &, const RunArrays &);

} // namespace segpost
