"""The pixels of every label, counted by runs."""

from __future__ import annotations

import numpy as np

from segpost._backends import registry
from segpost._core.arrays import Array
from segpost.objects.run_table import rank_labels


def measure_shares(labels: Array) -> dict[int, float]:
    """Return the share of the pixels of every label that occurs in (..., H, W), largest first."""
    backend = registry.result_backend(labels)
    runs = backend.find_runs(labels.reshape(-1, *labels.shape[-2:]))
    values, rank, _ = rank_labels(runs.label)
    counts = np.bincount(rank, runs.bottom - runs.top, len(values))
    shares = counts / max(labels.size, 1)
    return {int(values[i]): float(shares[i]) for i in np.argsort(-counts, kind="stable")}
