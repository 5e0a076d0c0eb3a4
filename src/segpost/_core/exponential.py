"""exp in float32 by a fixed sequence of operations, which gives every backend the same bits."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

LOG2_E = np.float32(1.44269504)
ROUND = np.float32(12582912.0)  # 1.5 * 2^23; adding it rounds to an integer
LN2_HIGH = np.float32(0.693359375)
LN2_LOW = np.float32(-2.12194440e-4)
# (exp(r) - 1 - r) / r^2 on |r| <= ln 2 / 2, least squares on Chebyshev nodes: 7e-8 relative
P0 = np.float32(1.39464473e-3)
P1 = np.float32(8.36915895e-3)
P2 = np.float32(4.16662619e-2)
P3 = np.float32(1.66665167e-1)
HALF = np.float32(0.5)
ONE = np.float32(1.0)


def exp_float32(x: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return exp of float32 numbers in -87..0, within 1.2e-7 relative.

    Examples
    --------
    >>> import numpy as np
    >>> from segpost._core.exponential import exp_float32
    >>> exp_float32(np.float32([0.0, -1.0]))
    array([1.        , 0.36787945], dtype=float32)
    """
    n = (x * LOG2_E + ROUND) - ROUND
    r = (x - n * LN2_HIGH) - n * LN2_LOW
    p = (((P0 * r + P1) * r + P2) * r + P3) * r + HALF
    power: Any = np.ldexp((p * r * r + r) + ONE, n.astype(np.int32))
    return power  # type: ignore[no-any-return]
