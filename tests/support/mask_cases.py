"""Cases of binarize that are hard to decide, and an oracle that shares no code with it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from decimal import Context, Decimal
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
from logit_values import KINDS, adversarial

from segpost._backends import registry
from segpost._core import rle
from segpost._core.contract import Logits
from segpost._core.sampling import GRIDS
from segpost._core.thresholds import cutoffs
from segpost.spatial.resampling import plan_resampling

MASK_KINDS = (*KINDS, "near", "equal", "zeros")
THRESHOLDS = (0.5, 0.5, 0.3, 0.9, 0.999999, 1e-9, 0.0, 1.0, 0.7310585786300049)


class Case(NamedTuple):
    """Logits and the arguments of a call of a backend."""

    logits: Logits
    size: tuple[int, int]
    grid: str
    thresholds: tuple[float, ...]
    name: str


def near_thresholds(kind: str, shape: tuple[int, ...], seed: int, levels: Any) -> np.ndarray:
    """float32 logits that are close to the logits of the thresholds, or one of `adversarial`."""
    random = np.random.default_rng(seed)
    if kind == "zeros":
        signs = np.array([0, 0, -0.0, 1e-45, -1e-45, 1], np.float32)
        return np.asarray(random.choice(signs, shape))
    if kind not in ("near", "equal"):
        return adversarial(kind, shape, seed)
    finite = [math.log(t / (1 - t)) if 0 < t < 1 else 3.0 for t in levels]
    nearest = np.array(finite, np.float32)[:, None, None] * np.ones(shape, np.float32)
    if kind == "equal":
        return np.asarray(nearest)
    steps = random.choice([-2, -1, 0, 1, 2], shape).astype(np.float32)
    return np.asarray(nearest + steps * np.spacing(nearest))


def cases(count: int, seed: int = 5) -> Iterator[Case]:
    """Random cases of all types, grids, sizes and thresholds."""
    random = np.random.default_rng(seed)
    for index in range(count):
        kind, grid = MASK_KINDS[index % len(MASK_KINDS)], GRIDS[int(random.integers(3))]
        classes, images = int(random.choice([1, 2, 3, 5])), int(random.integers(1, 3))
        h, w = (int(v) for v in random.choice([1, 2, 3, 5, 9, 18, 33], 2))
        size = (int(random.integers(1, 90)), int(random.integers(1, 90)))
        if index % 4 == 0:
            size = (int(h * 3.9) + 1, int(w * 2.9) + 1)
        if index % 9 == 5:
            size = (h, w)
        thresholds = tuple(float(random.choice(THRESHOLDS)) for _ in range(classes))
        shape = (images, classes, h, w)
        values = near_thresholds(kind, shape, seed * 100_000 + index, thresholds)
        dtype, scale, zero = "float32", 1.0, 0.0
        if index % 5 == 1:
            values = values.astype(np.float64) * (1 + 1e-15 * random.normal(size=shape))
            values = values * 1e269 if kind == "huge" else values
            dtype = "float64"
        elif index % 5 == 2:
            dtype, scale, zero = "int8", 0.125, float(random.integers(-8, 9))
            with np.errstate(invalid="ignore", over="ignore"):
                values = np.rint(np.nan_to_num(values) * 4).clip(-128, 127).astype(np.int8)
        elif index % 5 == 3:
            dtype = "float16"
            with np.errstate(over="ignore"):
                values = values.astype(np.float16)
        if index % 3 == 1:  # channels last
            values = np.ascontiguousarray(values.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
        logits = Logits(values, dtype, scale, zero)
        yield Case(logits, size, grid, thresholds, f"{index} {kind} {dtype} {shape} {size} {grid}")


class Report(NamedTuple):
    """What a backend writes and counts, in every encoding."""

    masks: np.ndarray
    bits: np.ndarray
    labels: np.ndarray
    strings: list[bytes]
    errors: list[Any]


def report(case: Case) -> Report:
    """Run a case on the backend in use; the rows of its outputs have gaps."""
    logits, size, grid, thresholds, _ = case
    shape, axes, *_ = plan_resampling(logits.values.shape[2:], size, grid)
    n, classes = logits.values.shape[:2]
    h, w = shape
    levels = cutoffs(thresholds, axes, (logits.scale, logits.zero_point))
    backend = registry.backend()
    masks = np.full((n, classes, h + 1, w + 3), 7, np.uint8)[:, :, :h, :w]
    bits = np.full((n, classes, h, -(-w // 8) + 1), 7, np.uint8)[..., :-1]
    labels = np.full((n, h, w), -1, np.int32)
    order = np.arange(classes, dtype=np.int32)[::-1].copy() + 300
    errors = [
        backend.binarize(logits, axes, levels, masks, False),
        backend.binarize(logits, axes, levels, bits, True),
        backend.binarize_labels(logits, axes, levels, order, labels),
    ]
    runs, counts = backend.binarize_runs(logits, axes, levels)
    strings = rle.split_codes(*backend.compress_counts(*runs))
    return Report(masks, bits, labels, strings, [*errors, counts])


def assert_equal(got: Report, wanted: Report, name: object) -> None:
    """Fail where two reports differ."""
    for field in ("masks", "bits", "labels"):
        np.testing.assert_array_equal(
            getattr(got, field), getattr(wanted, field), err_msg=f"{name} {field}"
        )
    assert got.strings == wanted.strings, name
    assert got.errors == wanted.errors, name


def _taps(n_in: int, n_out: int, grid: str) -> list[list[tuple[int, Fraction]]]:
    """The inputs of every output, and their weights where these are not zero."""
    taps = []
    for o in range(n_out):
        if grid == "half_pixel":
            at = (o + Fraction(1, 2)) * Fraction(n_in, n_out) - Fraction(1, 2)
        elif grid == "align_corners":
            at = Fraction(o * (n_in - 1), n_out - 1) if n_out > 1 else Fraction(0)
        else:
            at = Fraction(o * n_in, n_out)
        at = min(max(at, Fraction(0)), Fraction(n_in - 1))
        first, rest = int(at), at - int(at)
        taps.append([(first, 1 - rest)] + ([(first + 1, rest)] if rest else []))
    return taps


def _real_logit(threshold: float) -> Fraction:
    """ln(t / (1 - t)) to 60 digits."""
    context = Context(prec=60)
    share = context.divide(Decimal(threshold), context.subtract(Decimal(1), Decimal(threshold)))
    return Fraction(context.ln(share))


def oracle(case: Case) -> np.ndarray:
    """The masks of finite logits, pixel by pixel: sigmoid(v) > t with v rounded nowhere."""
    logits, size, grid, thresholds, _ = case
    n, classes, h, w = logits.values.shape
    masks = np.zeros((n, classes, *size), np.uint8)
    rows, columns = _taps(h, size[0], grid), _taps(w, size[1], grid)
    for image, c in np.ndindex(n, classes):
        if thresholds[c] in (0.0, 1.0):
            masks[image, c] = thresholds[c] == 0.0
            continue
        level = _real_logit(thresholds[c]) / Fraction(logits.scale) + Fraction(logits.zero_point)
        values = [[Fraction(float(v)) for v in row] for row in logits.values[image, c]]
        for y, x in np.ndindex(*size):
            total = sum(wy * wx * values[i][j] for i, wy in rows[y] for j, wx in columns[x])
            masks[image, c, y, x] = total > level
    return masks
