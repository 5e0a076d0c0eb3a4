"""The state of `Calibration`: its sums, how they are added, and how they are saved."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from segpost._core.calibration_contract import TEMPERATURES, CalibrationSums
from segpost._core.fixed_point import ONE, as_float64, carry
from segpost.metrics.counts import checked_add
from segpost.metrics.ratios import Int64
from segpost.metrics.saved import read_counts, read_integer

LEAST_INTERVALS = 1024
MAX_COUNT = 2**62
ROUNDING = 1e-6  # of a confidence in float32, that may lie beside its interval


def empty_sums(classes: int, bins: int, classwise: bool, temperature: bool) -> CalibrationSums:
    """Return sums of nothing; every bin is a whole number of intervals of confidence."""
    intervals = bins * math.ceil(LEAST_INTERVALS / bins)

    def zeros(*shape: int) -> Int64:
        return np.zeros((*shape, 2), np.int64)

    return CalibrationSums(
        zeros(intervals),
        zeros(intervals),
        zeros(classes, bins) if classwise else None,
        zeros(classes, bins) if classwise else None,
        zeros(2),
        zeros(len(TEMPERATURES), 3) if temperature else None,
        np.zeros(4, np.int64),
    )


def merge_sums(one: CalibrationSums, other: CalibrationSums) -> CalibrationSums:
    """Return the sum of two parts of a data set.

    Raises
    ------
    ValueError
        If one is of logits and the other of confidences alone.
    OverflowError
        If int64 cannot hold a count.
    """
    kinds = {kind for part in (one, other) if (kind := _kind_of(part)) is not None}
    if len(kinds) > 1:
        raise ValueError(
            "logits and confidences were counted in one Calibration: confidences have no classes, "
            "make a second Calibration for them"
        )
    fractions = ("confidence", "class_confidence", "loss", "curve")
    merged = {}
    for name in CalibrationSums._fields:
        a, b = getattr(one, name), getattr(other, name)
        if a is not None:
            merged[name] = carry(a + b) if name in fractions else checked_add(a, b)
    return one._replace(**merged)


def _kind_of(sums: CalibrationSums) -> str | None:
    """Return what was counted; None for nothing."""
    if sums.pixels.any():
        return "logits"
    return "confidence" if sums.counts.any() else None


def dump_sums(sums: CalibrationSums) -> dict[str, Any]:
    """Return the sums as plain data, without empty intervals."""
    totals: dict[str, Any] = {
        "confidence": list(_rows(sums.counts, sums.confidence)),
        "loss": sums.loss.tolist(),
        "pixels": sums.pixels.tolist(),
    }
    if sums.class_counts is not None:
        totals["classes"] = list(_rows(sums.class_counts, sums.class_confidence))
    if sums.curve is not None:
        totals["curve"] = sums.curve.tolist()
    return totals


def _rows(counts: Int64, fractions: Any) -> Iterator[list[int]]:
    """Yield the index, the counts and the sum of every interval that is not empty."""
    for index in np.argwhere(counts[..., 0]).tolist():
        place = tuple(index)
        yield [*index, *counts[place].tolist(), *fractions[place].tolist()]


def load_sums(totals: dict[str, Any], empty: CalibrationSums) -> CalibrationSums:
    """Return the sums of `dump_sums`.

    Raises
    ------
    ValueError
        If they cannot be.
    """
    sums = empty._replace(
        loss=read_fractions(totals["loss"], empty.loss.shape, "loss"),
        pixels=read_counts(totals["pixels"], (4,), "pixels"),
    )
    _read_rows(totals["confidence"], sums.counts, sums.confidence, "confidence")
    measured, _, invalid, impossible = sums.pixels.tolist()
    if invalid or impossible > measured:
        raise ValueError(f"pixels are {sums.pixels.tolist()}")
    pixels = sum(sums.counts[:, 0].tolist())
    if sums.pixels.any() and measured != pixels:
        raise ValueError(f"confidence is of {pixels} pixels, the logits are of {measured}")
    if ("classes" in totals, "curve" in totals) != (
        empty.class_counts is not None,
        empty.curve is not None,
    ):
        raise ValueError("classes and curve do not fit the settings")
    if sums.class_counts is not None:
        _read_rows(totals["classes"], sums.class_counts, sums.class_confidence, "classes")
        if any(sum(row) != measured for row in sums.class_counts[..., 0].tolist()):
            raise ValueError(f"classes are not of {measured} pixels each")
    if sums.curve is not None:
        sums = sums._replace(curve=read_fractions(totals["curve"], sums.curve.shape, "curve"))
    return sums


def read_fractions(values: object, shape: tuple[int, ...], name: str) -> Int64:
    """Return saved pairs of integers.

    Raises
    ------
    ValueError
        For other shapes, and numbers that are no pair of a sum.
    """
    array = np.array(values)
    if array.shape != shape or array.dtype.kind not in "iu":
        raise ValueError(f"{name} must be integers of shape {shape}, got {array.shape}")
    if (abs(array[..., 0].astype(np.float64)) >= MAX_COUNT).any():
        raise ValueError(f"{name} has sums beyond 2**62")
    if (array[..., 1] < 0).any() or (array[..., 1] >= ONE).any():
        raise ValueError(f"{name} has fractions outside 0..2**40 - 1")
    return array.astype(np.int64)


def _read_rows(rows: Any, counts: Int64, fractions: Any, name: str) -> None:
    """Write saved intervals into tables of zeros."""
    shape = counts.shape[:-1]
    for row in rows:
        if len(row) != len(shape) + 4:
            raise ValueError(f"{name} has a row of {len(row)} numbers")
        place = tuple(
            read_integer(value, 0, size - 1, name) for value, size in zip(row, shape, strict=False)
        )
        if counts[place][0]:
            raise ValueError(f"{name} has interval {list(place)} twice")
        pixels = read_integer(row[-4], 1, MAX_COUNT, name)
        hits = read_integer(row[-3], 0, pixels, name)
        sums = np.array([read_integer(row[-2], 0, pixels, name), 0], np.int64)
        sums[1] = read_integer(row[-1], 0, ONE - 1, name)
        mean = float(as_float64(sums)) / pixels * shape[-1] - place[-1]
        if not -ROUNDING * shape[-1] <= mean <= 1 + ROUNDING * shape[-1]:
            raise ValueError(f"{name} has a sum outside interval {list(place)}")
        counts[place], fractions[place] = (pixels, hits), sums
