"""The counts for the instance-weighted IoU on Numba."""

from __future__ import annotations

from typing import Any

import numpy as np

from segpost._backends.numba.metrics.confusion import Window, coder, windows
from segpost._backends.numba.threads import kernel
from segpost._backends.numba.tiles import frozen
from segpost._core.contract import Array


def instance_counts(
    preds: Array, target: Array, instances: Array, groups: Array, ignored: Array, counts: Array
) -> None:
    """Count pixels and correct pixels of every instance, and write the class of the instance."""
    classes = len(groups)
    target_codes = coder(target.dtype, classes, ignored, classes, classes, np.int32)
    preds_codes = coder(preds.dtype, classes, ignored[:0], classes, classes, np.int32)
    group = frozen(np.append(groups, -1))  # an invalid prediction is in no group

    def count(window: Window) -> None:
        # Instances are row numbers of an array in memory, so that int32 represents them.
        instance = frozen(instances[window].astype(np.int32).reshape(-1))
        codes, pred_codes = target_codes(target[window]), preds_codes(preds[window])
        count_instances(codes, pred_codes, instance, group, counts)

    itemsize = max(preds.itemsize, target.itemsize, instances.itemsize, 4)
    for window in windows(target.shape, 2 * itemsize):  # there are three copies, not one
        count(window)


@kernel
def count_instances(target: Any, preds: Any, instances: Any, groups: Any, counts: Any) -> None:
    """Count pixels whose target is a class; on noise branches would take five times as long."""
    classes = groups.size - 1
    for x in range(target.size):
        t, p = target[x], preds[x]
        if t == classes:
            continue
        row = counts[instances[x]]
        row[0] += 1
        row[1] += t == p
        row[2] += groups[t] == groups[p]
        kind = row[3]
        row[3] = t + 1 if (kind == 0) | (kind == t + 1) else -1
