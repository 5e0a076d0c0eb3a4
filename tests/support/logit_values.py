"""Logits that are hard to decide, of every type."""

from __future__ import annotations

import numpy as np

KINDS = ("normal", "ties", "denormal", "offset", "infinite", "nan", "spread", "masked", "huge")


def adversarial(kind: str, shape: tuple[int, ...], seed: int) -> np.ndarray:
    """Logits of one unpleasant kind."""
    random = np.random.default_rng(seed)
    logits = (random.normal(size=shape) * 8).astype(np.float32)
    if kind == "ties":
        logits = np.round(logits / 6)
    elif kind == "denormal":
        logits = (logits * np.float32(1e-39)).astype(np.float32)
    elif kind == "offset":
        logits = (1000 + random.uniform(0, 1e-3, shape)).astype(np.float32)
    elif kind == "infinite":
        logits[random.random(shape) < 0.05] = -np.inf
        logits[random.random(shape) < 0.02] = np.inf
    elif kind == "nan":
        logits[random.random(shape) < 0.03] = np.nan
    elif kind == "spread":
        logits = (logits * 10.0 ** random.integers(-30, 31, shape)).astype(np.float32)
    elif kind == "huge":
        logits = (logits.astype(np.float64) * 1e37).clip(-3.4e38, 3.4e38).astype(np.float32)
    elif kind == "masked":
        logits[:, random.random(shape[1]) < 0.3] = -np.inf
    return logits
