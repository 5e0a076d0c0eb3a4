"""Scores of predictions against targets: counts over a data set, their scores, and reports.

`confusion_matrix` counts one pair of arrays. `ConfusionMatrix` counts a data set exactly; its
`compute` gives `Scores` by segpost's convention or by that of another library. `BoundaryIoU`,
`TrimapIoU`, `BoundaryF`, `InstanceIoU` and `SurfaceDistance` are counted beside it. `class_weights`
and `label_counts` are for training.
"""

from segpost.metrics.boundary_f import BoundaryF
from segpost.metrics.boundary_iou import BoundaryIoU
from segpost.metrics.comparison import Comparison
from segpost.metrics.confusion import confusion_matrix
from segpost.metrics.dialects import DIALECTS, DialectError
from segpost.metrics.distance_comparison import DistanceComparison
from segpost.metrics.distance_scores import SurfaceScores
from segpost.metrics.instances import InstanceIoU
from segpost.metrics.matrix import ConfusionMatrix
from segpost.metrics.scores import Scores
from segpost.metrics.surface_distance import SurfaceDistance
from segpost.metrics.trimap_iou import TrimapIoU
from segpost.metrics.weights import class_weights, label_counts

__all__ = [
    "DIALECTS",
    "BoundaryF",
    "BoundaryIoU",
    "Comparison",
    "ConfusionMatrix",
    "DialectError",
    "DistanceComparison",
    "InstanceIoU",
    "Scores",
    "SurfaceDistance",
    "SurfaceScores",
    "TrimapIoU",
    "class_weights",
    "confusion_matrix",
    "label_counts",
]
