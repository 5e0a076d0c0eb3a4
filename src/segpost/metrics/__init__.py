"""Scores of predictions against targets: counts over a data set, their scores, and reports.

`confusion_matrix` counts one pair of arrays. `ConfusionMatrix` counts a data set exactly; its
`compute` gives `Scores` by segpost's convention or by that of another library. `BoundaryIoU`,
`TrimapIoU`, `BoundaryF`, `InstanceIoU` and `Calibration` are counted beside it. `compare` says what
one run gained and lost against another. `class_weights` and `label_counts` are for training. The
packages `panoptic` and `mask_ap` have `PanopticQuality` and `MaskAP`, and the module
`surface_distance` `SurfaceDistance`.
"""

from segpost.metrics.boundary_f import BoundaryF
from segpost.metrics.boundary_iou import BoundaryIoU
from segpost.metrics.calibration import Calibration
from segpost.metrics.comparison import Comparison
from segpost.metrics.confusion import confusion_matrix
from segpost.metrics.dialects import DIALECTS, DialectError
from segpost.metrics.instances import InstanceIoU
from segpost.metrics.matrix import ConfusionMatrix
from segpost.metrics.run_comparison import RunComparison, compare
from segpost.metrics.scores import Scores
from segpost.metrics.trimap_iou import TrimapIoU
from segpost.metrics.weights import class_weights, label_counts

__all__ = [
    "DIALECTS",
    "BoundaryF",
    "BoundaryIoU",
    "Calibration",
    "Comparison",
    "ConfusionMatrix",
    "DialectError",
    "InstanceIoU",
    "RunComparison",
    "Scores",
    "TrimapIoU",
    "class_weights",
    "compare",
    "confusion_matrix",
    "label_counts",
]
