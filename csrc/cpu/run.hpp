// Jobs cut into tasks and run on the pool. False means that `interrupted` said so.
#pragma once

#include <functional>

#include "table.hpp"

namespace segpost {

using Interrupted = std::function<bool()>;

bool run_argmax(const ArgmaxJob &, CellRule, const Interrupted &, Report &);
bool run_softmax(const SoftmaxJob &, const Interrupted &, Report &);
bool run_colorize(const ColorizeJob &, const Interrupted &, Bad &);
bool run_overlay(const OverlayJob &, const Interrupted &, Bad &);
bool run_labels_from_colors(const LabelsFromColorsJob &, const Interrupted &, Bad &);

} // namespace segpost
