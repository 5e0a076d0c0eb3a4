// The CUDA backend as the bindings see it: no CUDA header. All memory that a job names is the
// device's, tables too; everything happens on the stream, and nothing waits for it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "ops/color/palette.hpp"
#include "ops/crf/crf.hpp"
#include "ops/labels/labels.hpp"
#include "ops/labels/masks.hpp"
#include "ops/labels/volumes.hpp"
#include "ops/metrics/confusion.hpp"
#include "ops/objects/runs.hpp"
#include "ops/queries/queries.hpp"

namespace segpost::gpu {

// Bad values, counted on the device; all zero at first. `first` is 2^64 - 1 - the first place, so
// that an atomic maximum finds it and zero says that there is none.
struct ErrorCount {
    unsigned long long count, first;
};
struct ErrorCounts {
    ErrorCount nan, undefined, undefined_confidence;
};

// With `errors` null nothing is counted; bad values are clamped all the same.

std::size_t argmax_workspace(const ArgmaxJob &);
void launch_argmax(const ArgmaxJob &, std::uintptr_t stream, ErrorCounts *errors, void *workspace);
// Of one volume; places are those of its voxels.
std::size_t argmax_volume_workspace(const VolumeJob &);
void launch_argmax_volume(const VolumeJob &, std::uintptr_t stream, ErrorCounts *errors,
                          void *workspace);
void launch_blend_slices(const BlendJob &, std::uintptr_t stream);
// Of one volume; cutoffs and values are in device memory, levels are not read.
void launch_binarize_volume(const BinarizeVolumeJob &, std::uintptr_t stream, ErrorCounts *errors);
void launch_softmax(const SoftmaxJob &, std::uintptr_t stream, ErrorCount *undefined);
void launch_rank_classes(const RankingJob &, std::uintptr_t stream, ErrorCount *undefined);

// The levels are in device memory.
void launch_binarize(const BinarizeJob &, std::uintptr_t stream, ErrorCounts *errors);

// Query heads. Bounds of masks are not read.
void launch_class_scores(const ClassScoresJob &, std::uintptr_t stream);
void launch_count_not_finite(const Logits &, std::uintptr_t stream, ErrorCount *errors);
// Counts are zero at first. In place of x0 and y0 are the width and the height of the labels minus
// these.
void launch_assign_queries(const AssignQueriesJob &, std::uintptr_t stream);
void launch_paint_masks(const PaintMasksJob &, std::uintptr_t stream);
std::size_t measure_masks_workspace(const MeasureMasksJob &);
void launch_measure_masks(const MeasureMasksJob &, std::uintptr_t stream, void *workspace);
void launch_replace_labels(const LabelView &labels, const std::int32_t *values,
                           const LabelView &out, std::uintptr_t stream);

// Runs of label maps. `ends` has [N, W, bands]: how many runs begin up to the end of each part of a
// column, and of those before; values are summed where `totals` are not null.
std::int64_t run_bands(const LabelView &labels);
std::size_t count_runs_workspace(const LabelView &labels);
void launch_count_runs(const LabelView &labels, std::uintptr_t stream, unsigned *ends,
                       void *workspace);
struct DeviceRuns {
    std::int32_t *top = nullptr;
    char *label = nullptr; // of the type of the map
    double *total = nullptr;
};
void launch_write_runs(const FindRunsJob &, const unsigned *ends, const DeviceRuns &,
                       std::uintptr_t stream);

// Masks of bits [count, width, row_bytes], whose columns are packed, the first row in the highest
// bit. Changes are flat places in a mask, column by column; `ends` has [count, width, parts].
struct MaskBits {
    const std::uint8_t *bits = nullptr;
    std::int64_t count = 0, width = 0, height = 0, row_bytes = 0;
};
std::int64_t bit_parts(const MaskBits &);
std::size_t count_bit_changes_workspace(const MaskBits &);
void launch_count_bit_changes(const MaskBits &, std::uintptr_t stream, unsigned *ends,
                              void *workspace);
void launch_write_bit_changes(const MaskBits &, const unsigned *ends, unsigned *places,
                              std::uintptr_t stream);

// float32 to uint8.
void launch_confidence_bytes(const LabelView &from, const LabelView &to, std::uintptr_t stream);

void launch_colorize(const ColorizeJob &, std::uintptr_t stream, ErrorCount *errors);
void launch_overlay(const OverlayJob &, std::uintptr_t stream, ErrorCount *errors);
void launch_labels_from_colors(const LabelsFromColorsJob &, std::uintptr_t stream,
                               ErrorCount *errors);

// Counts are added to: [classes + 2, classes + 1].
void launch_confusion(const ConfusionJob &, std::uintptr_t stream, std::int64_t *counts);
// `job.argmax.labels` is memory for the labels of all pixels, int32, pixels and rows adjacent.
void launch_confusion_logits(const ConfusionLogitsJob &, std::uintptr_t stream,
                             std::int64_t *counts, ErrorCounts *errors, void *workspace);

// A dense CRF of one image. Making one waits for the device a few times, as sizes depend on what
// pixels have in common; inference waits where a tolerance or a trace has to be read.
class CrfSolver {
  public:
    virtual ~CrfSolver() = default;
    // `tolerance` below 0 is none; `start` may be null. One step for every Q, the first included.
    virtual std::vector<CrfStep> infer(const ProbabilityView &out, std::int64_t iterations,
                                       const ProbabilityView *start, double tolerance,
                                       bool trace) = 0;
    UnaryErrors bad;
};
// Memory of the device that lives as long as the solver.
using AllocateFn = std::function<void *(std::size_t bytes)>;
// Without a config the sums are exact. Only views of the jobs are of the device: their tables of
// numbers are the host's.
std::unique_ptr<CrfSolver> crf_solver(const UnaryView &, std::vector<PairwiseJob>, bool own,
                                      const LatticeConfig *, std::uintptr_t stream, AllocateFn);

// The unary that a label map stands for.
struct LabelUnary {
    LabelView labels;     // slices as a stack
    float *out = nullptr; // [classes, pixels]
    std::int64_t classes = 0, unsure = 0;
    bool has_unsure = false;
    float label_energy = 0, other_energy = 0, unsure_energy = 0;
};
void launch_label_energies(const LabelUnary &, std::uintptr_t stream, ErrorCount *errors);

// The largest of all labels at every pixel; `out` is float32.
void launch_reduce_max(const ProbabilityView &, std::int64_t labels, const LabelView &out,
                       std::uintptr_t stream);

// The range of every channel of a guide, as keys of the same order, [2, channels]: complements of
// the least keys, then the largest. `errors` are values that are not finite. All zero at first.
void launch_feature_range(const GuideView &, std::int64_t d, std::int64_t h, std::int64_t w,
                          std::uintptr_t stream, unsigned long long *ordered_keys,
                          ErrorCount *errors);

// Devices and their memory.
int device_count(std::string &problem);   // 0: `problem` says why
int capability(int device);               // 90 is version 9.0
int device_of(const void *memory);        // -1: not the device's
void use_device(int device, int &before); // for this thread
void *allocate(std::size_t bytes);        // of the current device
void release(void *memory);
void copy_in(void *to, const void *from, std::size_t bytes, std::uintptr_t stream);  // and waits
void copy_out(void *to, const void *from, std::size_t bytes, std::uintptr_t stream); // and waits
void clear(void *memory, std::size_t bytes, std::uintptr_t stream);
// `bytes` of every row, from one place on the device to another.
struct Rows {
    void *memory;
    std::size_t pitch;
};
void copy_rows(Rows to, Rows from, std::size_t bytes, std::size_t rows, std::uintptr_t stream);

// Streams and events.
bool is_captured(std::uintptr_t stream); // into a graph
// Later work on `stream` waits for the earlier work on `other`.
void wait_stream(std::uintptr_t stream, std::uintptr_t other);
std::uintptr_t record_event(std::uintptr_t stream); // 0: the stream is captured, nothing runs
bool event_done(std::uintptr_t event);              // an event that is done is destroyed

} // namespace segpost::gpu
