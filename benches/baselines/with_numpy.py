"""NumPy: the per-pixel double loop of the tutorials, and whole arrays at a time."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from benches.baselines.grid import lines
from benches.harness.jobs import ALPHA, Array, Contender, Job, Outputs, Run, contender

LABELED = ("labels", "labels+color", "labels+overlay", "labels+confidence+color")
ROWS = 2  # of the double loop that are run
BINCOUNT = "NumPy: bincount(C * t[k] + p[k])"
ARGMAX_BINCOUNT = "NumPy: argmax(0), bincount(C * t[k] + p[k])"
LOOP = f"NumPy double loop on upsampled logits ({ROWS} rows, extrapolated)"


def upsampler(job: Job) -> Callable[[], Array]:
    """Separable bilinear in float32: down the columns first, which is less work."""
    if job.size is None:
        return lambda: job.logits
    rows, columns = lines(job)
    weight_y, weight_x = rows.weight[:, None], columns.weight
    logits = job.logits

    def run() -> Array:
        first, second = logits[:, rows.first], logits[:, rows.second]
        second -= first
        second *= weight_y
        second += first
        left, right = second[:, :, columns.first], second[:, :, columns.second]
        right -= left
        right *= weight_x
        right += left
        return right

    return run


@contender("NumPy: separable bilinear, argmax, palette[labels]", *LABELED)
def vectorized(job: Job) -> Run:
    upsample, palette, image = upsampler(job), job.colors, job.image

    def run() -> Outputs:
        full = upsample()
        labels = np.argmax(full, axis=0)
        if "confidence" in job.parts:
            full = np.exp(full - full.max(axis=0))
            return labels, 1.0 / full.sum(axis=0), palette[labels]
        if "overlay" in job.parts:
            return labels, blend(image, palette[labels])
        return (labels, palette[labels]) if "color" in job.parts else (labels,)

    return run


@contender(LOOP, "labels+color")
def double_loop(job: Job) -> Contender:
    """One np.argmax and one palette look-up a pixel; the upsampling is not even timed."""
    logits = np.ascontiguousarray(upsampler(job)()[:, :ROWS].transpose(1, 2, 0))
    palette, shape = job.colors, (ROWS, job.width)

    def run() -> Outputs:
        labels, color = np.zeros(shape, np.uint8), np.zeros((*shape, 3), np.uint8)
        for i in range(shape[0]):
            for j in range(shape[1]):
                labels[i, j] = np.argmax(logits[i, j, :])
                color[i, j, :] = palette[labels[i, j]]
        return labels, color

    return Contender(LOOP, run, factor=job.height / ROWS)


@contender("NumPy: exp(x - max) / sum", "softmax")
def softmax(job: Job) -> Run:
    def run() -> Outputs:
        power = np.exp(job.logits - job.logits.max(axis=0))
        power /= power.sum(axis=0)
        return (power,)

    return run


@contender("NumPy: palette[labels]", "color")
def index(job: Job) -> Run:
    palette = job.colors
    return lambda: (palette[job.labels],)


@contender('NumPy: np.take(mode="clip", out=)', "color")
def take(job: Job) -> Run:
    palette, out = job.colors, np.empty((*job.labels.shape, 3), np.uint8)
    return lambda: (np.take(palette, job.labels, axis=0, mode="clip", out=out),)


@contender("NumPy: a mask a class", "color")
def masks(job: Job) -> Run:
    palette, present = job.colors, np.unique(job.labels)

    def run() -> Outputs:
        color = np.zeros((*job.labels.shape, 3), np.uint8)
        for label in present:
            color[job.labels == label] = palette[label]
        return (color,)

    return run


def blend(image: Array, color: Array) -> Array:
    """Half and half, in uint16 so that nothing overflows."""
    a = round(ALPHA * 256)
    mixed = image.astype(np.uint16) * np.uint16(256 - a)
    mixed += color.astype(np.uint16) * np.uint16(a)
    mixed += np.uint16(128)
    mixed >>= np.uint16(8)
    return mixed.astype(np.uint8)


@contender("NumPy: palette[labels], blend in uint16", "overlay")
def overlay(job: Job) -> Run:
    palette = job.colors
    return lambda: (blend(job.image, palette[job.labels]),)


@contender("NumPy: palette[labels], blend in float", "overlay")
def overlay_float(job: Job) -> Run:
    palette = job.colors

    def run() -> Outputs:
        mixed = job.image * (1 - ALPHA) + palette[job.labels] * ALPHA
        return (mixed.round().astype(np.uint8),)

    return run


def fast_hist(target: Array, preds: Array, classes: int) -> Array:
    """As in the score.py of FCN, and in everybody's evaluation since."""
    k = (target >= 0) & (target < classes)
    cells = classes * target[k].astype(np.int64) + preds[k]
    return np.bincount(cells, minlength=classes**2).reshape(classes, classes)


def byte_hist(target: Array, preds: Array, classes: int) -> Array:
    """Without a mask: void is a row of a table of 256 x 256, in the narrowest keys."""
    keys = target.astype(np.uint16) << 8 | preds if target.dtype == np.uint8 else None
    if keys is None:
        keys = 256 * target + preds
    table = np.bincount(keys.ravel(), minlength=256 * 256).reshape(256, 256)
    return table[:classes, :classes]


@contender(BINCOUNT, "confusion")
def confusion(job: Job) -> Run:
    return lambda: (fast_hist(job.target, job.labels, job.classes),)


@contender("NumPy: bincount(256 * t + p), no mask", "confusion")
def confusion_unmasked(job: Job) -> Run:
    return lambda: (byte_hist(job.target, job.labels, job.classes),)


@contender(ARGMAX_BINCOUNT, "confusion from logits")
def confusion_from_logits(job: Job) -> Run:
    upsample = upsampler(job)
    return lambda: (fast_hist(job.target, np.argmax(upsample(), axis=0), job.classes),)
