"""The kernel of add_resized: it adds weighted values at the output size to sums."""

from __future__ import annotations

from typing import Any

import numpy as np

from segpost._backends.numba.labels.resize import weigh
from segpost._backends.numba.threads import kernel


@kernel
def add_rows(values: Any, yt: Any, xt: Any, strip: Any, den: Any, weights: Any, sums: Any) -> None:
    """Add weighted output rows ``y0:y1``, which lie in the rows of cells from `cell0` on.

    `values` is [rows + 1, C, w + 1], `strip` is (cell0, y0, y1).
    """
    classes, columns = values.shape[1], values.shape[2]
    cell0, y0, y1 = strip
    blend = np.empty(columns, np.float64)
    for y in range(y0, y1):
        row = yt.cell[y] - cell0
        for c in range(classes):
            upper, lower = values[row, c], values[row + 1, c]
            for i in range(columns):
                blend[i] = weigh(yt.w0[y], upper[i]) + weigh(yt.w1[y], lower[i])
            for x in range(weights.shape[1]):
                weight = weights[y, x]
                if weight > 0.0:
                    i = xt.cell[x]
                    value = weigh(xt.w0[x], blend[i]) + weigh(xt.w1[x], blend[i + 1])
                    sums[c, y, x] += weight * np.float32(value / den)
