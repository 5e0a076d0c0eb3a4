// Jobs cut into tasks and run on the pool. False means that `interrupted` said so.
#pragma once

#include <functional>

#include "cpu/runtime/kernel_table.hpp"

namespace segpost SEGPOST_EXPORT {

using Interrupted = std::function<bool()>;

bool run_argmax(const ArgmaxJob &, CellRule, const Interrupted &, Report &);
bool run_argmax_softmax(const ArgmaxJob &job, const SoftmaxJob &beside,
                        const Interrupted &interrupted, Report &report); // of the same logits
bool run_argmax_volume(const VolumeJob &, const Interrupted &, Report &);
bool run_softmax(const SoftmaxJob &, const Interrupted &, Report &);
bool run_colorize(const ColorizeJob &, const Interrupted &, Bad &);
bool run_overlay(const OverlayJob &, const Interrupted &, Bad &);
bool run_labels_from_colors(const LabelsFromColorsJob &, const Interrupted &, Bad &);
bool run_letterbox(const LetterboxJob &, const Interrupted &);

// counts: [classes + 2, classes + 1], added to.
bool run_confusion(const ConfusionJob &, const Interrupted &, std::int64_t *counts);
bool run_confusion_logits(const ConfusionLogitsJob &, const Interrupted &, std::int64_t *counts,
                          Report &);
bool run_bands(const BandsJob &, const Interrupted &);
// counts: [classes, 4], added to: predicted boundary pixels, those with a match, the target's,
// those with a match. offsets: [offset_count, 2].
bool run_boundary_matches(const BoundaryPixelsJob &, const std::int32_t *offsets,
                          std::int64_t offset_count, const Interrupted &, std::int64_t *counts);
bool run_instance_counts(const InstanceJob &, const Interrupted &);

} // namespace segpost SEGPOST_EXPORT
