"""Definition of the counts for the instance-weighted IoU."""

from __future__ import annotations

import numpy as np

from segpost._backends.reference.confusion import columns, target_rows
from segpost._core.contract import Array


def instance_counts(
    preds: Array, target: Array, instances: Array, groups: Array, ignored: Array, counts: Array
) -> None:
    """Count pixels and correct pixels of every instance, and write the class of the instance.

    Pixels whose target is ignored or invalid are left out of every instance.
    """
    classes = len(groups)
    rows, predicted = target_rows(target, classes, ignored), columns(preds, classes)
    is_valid = rows < classes
    rows, predicted, instance = (
        rows[is_valid],
        predicted[is_valid],
        instances[is_valid].astype(np.int64),
    )
    group = np.append(groups, -1)  # an invalid prediction is in no group
    for column, mask in enumerate(
        (np.ones(len(rows), bool), rows == predicted, groups[rows] == group[predicted])
    ):
        np.add.at(counts[:, column], instance, mask)
    for index in np.unique(instance):
        instance_classes = np.unique(rows[instance == index])
        counts[index, 3] = instance_classes[0] + 1 if len(instance_classes) == 1 else -1
