"""Definition of the counts behind the instance-weighted IoU."""

from __future__ import annotations

import numpy as np

from segpost._backends.reference.confusion import columns, target_rows
from segpost._core.contract import Array


def instance_counts(
    preds: Array, target: Array, instances: Array, groups: Array, ignored: Array, counts: Array
) -> None:
    """Pixels of every instance, how many of them are right, and the class of the instance.

    Targets that are void or no classes are left out, whatever instance they belong to.
    """
    classes = len(groups)
    rows, predicted = target_rows(target, classes, ignored), columns(preds, classes)
    inside = rows < classes
    rows, predicted, instance = rows[inside], predicted[inside], instances[inside].astype(np.int64)
    group = np.append(groups, -1)  # a prediction that is no class is in no group
    for column, what in enumerate(
        (np.ones(len(rows), bool), rows == predicted, groups[rows] == group[predicted])
    ):
        np.add.at(counts[:, column], instance, what)
    for one in np.unique(instance):
        own = np.unique(rows[instance == one])
        counts[one, 3] = own[0] + 1 if len(own) == 1 else -1
