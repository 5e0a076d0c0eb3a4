"""Ids that came as floats, and buffers that were read as another type."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from segpost._core.arrays import Array

MAX_ID = 65535  # larger whole numbers are no ids
DENORMAL = 1e-37  # floats below are bits of small integers
PLAUSIBLE = (1e-12, 1e6)  # of the absolute values of logits


def decode_ids(value: Any, name: str, readings: dict[str, str]) -> Any:
    """Return floats that hold ids as integers, and note how they were read; others as they are."""
    array = _as_floats(value)
    if array is None or not array.size or not np.isfinite(array).all():
        return value
    if array.dtype == np.float32 and abs(array).max() < DENORMAL and array.any():
        bits = np.ascontiguousarray(array).view(np.int32)
        if bits.min() >= 0 and bits.max() <= MAX_ID:
            readings[name] = "bits of int32"
            return bits
    if array.min() < -1 or array.max() > MAX_ID or not array.any():
        return value
    if (array == np.rint(array)).all():
        readings[name] = "whole numbers"
        return array.astype(np.int32)
    times = array.astype(np.float64) * 255
    if array.max() <= 1 and abs(times - np.rint(times)).max() < 1e-3:
        readings[name] = "divided by 255"
        return np.rint(times).astype(np.int32)
    return value


def decode_logits(value: Any, readings: dict[str, str]) -> Any:
    """Return integers whose bits are floats of a plausible size as these; others as they are."""
    array = _as_array(value)
    if array is None or not array.size or array.dtype not in (np.float32, np.int32):
        return value
    few = array[..., :: max(1, array.shape[-1] // 16)]  # decides nearly always
    if array.dtype == np.float32 and few.max() < DENORMAL and abs(array).max() < DENORMAL:
        bits = np.ascontiguousarray(array).view(np.int32)
        if array.any() and bits.min() >= 0 and bits.max() <= MAX_ID:
            readings["logits"] = "bits of int32"
        return value
    if array.dtype != np.int32:
        return value
    if (abs(array.astype(np.int64)) < 1 << 24).mean() > 0.5:
        return value
    floats = np.ascontiguousarray(array).view(np.float32)
    if not np.isfinite(floats).all():
        return value
    size = abs(floats[floats != 0])
    if not size.size or size.min() < PLAUSIBLE[0] or size.max() > PLAUSIBLE[1]:
        return value
    readings["logits"] = "bits of float32"
    return floats


def _as_floats(value: Any) -> Array | None:
    array = _as_array(value)
    return array if array is not None and array.dtype.kind == "f" else None


def _as_array(value: Any) -> Array | None:
    """Return arrays of NumPy, and tensors of torch on the CPU; None for all others."""
    if isinstance(value, np.ndarray):
        return value
    torch = sys.modules.get("torch")
    if torch is None or not isinstance(value, torch.Tensor) or value.device.type != "cpu":
        return None
    if value.dtype not in (torch.float32, torch.float64, torch.int32) or value.is_sparse:
        return None
    array: Array = value.detach().numpy()
    return array
