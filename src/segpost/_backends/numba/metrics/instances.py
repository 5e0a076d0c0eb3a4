"""The counts behind the instance-weighted IoU on Numba."""

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
    """Pixels of every instance, how many of them are right, and the class of the instance."""
    classes = len(groups)
    target_codes = coder(target.dtype, classes, ignored, classes, classes, np.int32)
    preds_codes = coder(preds.dtype, classes, ignored[:0], classes, classes, np.int32)
    group = frozen(np.append(groups, -1))  # a prediction that is no class is in no group

    def count(window: Window) -> None:
        # Instances are numbers of rows in memory: they fit.
        instance = frozen(instances[window].astype(np.int32).reshape(-1))
        own, other = target_codes(target[window]), preds_codes(preds[window])
        count_instances(own, other, instance, group, counts)

    itemsize = max(preds.itemsize, target.itemsize, instances.itemsize, 4)
    for window in windows(target.shape, 2 * itemsize):  # there are three copies, not one
        count(window)


@kernel
def count_instances(target: Any, preds: Any, instances: Any, groups: Any, counts: Any) -> None:
    """Count pixels whose target is a class; branches would cost five times as much on noise."""
    classes = groups.size - 1
    for x in range(target.size):
        t, p = target[x], preds[x]
        if t == classes:
            continue
        one = counts[instances[x]]
        one[0] += 1
        one[1] += t == p
        one[2] += groups[t] == groups[p]
        kind = one[3]
        one[3] = t + 1 if (kind == 0) | (kind == t + 1) else -1
