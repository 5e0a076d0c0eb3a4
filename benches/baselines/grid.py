"""Half-pixel sampling positions in float32, as every hand-written rival precomputes them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from benches.harness.jobs import Job


class Line(NamedTuple):
    """Two input indices and the weight of the second, for every output of one axis."""

    first: npt.NDArray[np.int64]
    second: npt.NDArray[np.int64]
    weight: npt.NDArray[np.float32]


def line(n_in: int, n_out: int) -> Line:
    """One axis."""
    source = (np.arange(n_out) + 0.5) * (n_in / n_out) - 0.5
    source = np.clip(source, 0, n_in - 1)
    first = np.minimum(source.astype(np.int64), max(n_in - 2, 0))
    second = np.minimum(first + 1, n_in - 1)
    return Line(first, second, (source - first).astype(np.float32))


def lines(job: Job) -> tuple[Line, Line]:
    """Rows and columns."""
    return line(job.logits.shape[1], job.height), line(job.logits.shape[2], job.width)
