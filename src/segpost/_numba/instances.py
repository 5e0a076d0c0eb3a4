"""The counts behind the instance-weighted IoU on Numba."""

from __future__ import annotations

from typing import Any

import numpy as np

from segpost._dispatch import Array
from segpost._numba.confusion import coder, windows
from segpost._numba.strips import frozen
from segpost._numba.threads import kernel


def instance_counts(
    preds: Array, target: Array, instances: Array, groups: Array, ignored: Array, counts: Array
) -> None:
    """Pixels of every instance, how many of them are right, and the class of the instance."""
    classes = len(groups)
    target_codes = coder(target.dtype, classes, ignored, classes, classes, np.int32)
    preds_codes = coder(preds.dtype, classes, ignored[:0], classes, classes, np.int32)
    group = frozen(np.append(groups, -1))  # a prediction that is no class is in no group
    itemsize = max(preds.itemsize, target.itemsize, instances.itemsize, 4)
    for window in windows(target.shape, itemsize):
        # Instances are numbers of rows in memory: they fit.
        instance = frozen(instances[window].astype(np.int32).reshape(-1))
        own, other = target_codes(target[window]), preds_codes(preds[window])
        count_instances(own, other, instance, group, counts)


@kernel
def count_instances(target: Any, preds: Any, instances: Any, groups: Any, counts: Any) -> None:
    """Count pixels whose target is a class; equal neighbors are counted together."""
    classes = groups.size - 1
    begin = 0
    for x in range(1, target.size + 1):
        t, p, i = target[begin], preds[begin], instances[begin]
        if x < target.size and t == target[x] and p == preds[x] and i == instances[x]:
            continue
        n = x - begin
        begin = x
        if t == classes:
            continue
        one = counts[i]
        one[0] += n
        one[1] += n if t == p else 0
        one[2] += n if groups[t] == groups[p] else 0
        if one[3] == 0:
            one[3] = t + 1
        elif one[3] != t + 1:
            one[3] = -1
