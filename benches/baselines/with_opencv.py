"""OpenCV with NumPy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from benches.baselines.with_numpy import byte_hist
from benches.harness.jobs import (
    ALPHA,
    LETTERBOX,
    MEAN,
    PAD,
    STD,
    VOID,
    Absent,
    Array,
    Job,
    Outputs,
    Run,
    contender,
    need,
)

WEIGHTED = "OpenCV: merge, LUT, addWeighted"
HWC = "OpenCV: resize of (H, W, C), np.argmax(-1)"
HWC_SOFTMAX = "OpenCV: resize of (H, W, C), NumPy softmax"
LABELED = ("labels", "labels+color", "labels+overlay")
EROSIONS = "OpenCV: erode both masks of every class"
BANDS = "OpenCV: erode and dilate the labels, NumPy bincount"


def finish(job: Job) -> Callable[[Array], Outputs]:
    """uint8 labels -> the outputs, by the fastest calls OpenCV has for them."""
    cv2 = need("cv2")
    table, image = job.colors[:, None, :], job.image

    def run(labels: Array) -> Outputs:
        if "color" in job.parts:
            return labels, cv2.applyColorMap(labels, table)
        if "overlay" in job.parts:
            color = cv2.applyColorMap(labels, table)
            return labels, cv2.addWeighted(image, 1 - ALPHA, color, ALPHA, 0.0)
        return (labels,)

    return run


def resized_planes(job: Job) -> Callable[[], Array]:
    """Every class plane resized into one array that is reused."""
    cv2 = need("cv2")
    if job.size is None:
        return lambda: job.logits
    full = np.empty((len(job.logits), job.height, job.width), np.float32)

    def run() -> Array:
        for plane, target in zip(job.logits, full, strict=True):
            cv2.resize(plane, (job.width, job.height), dst=target, interpolation=cv2.INTER_LINEAR)
        return full

    return run


def resized_pixels(job: Job) -> Callable[[], Array]:
    """Channels last, prepared beforehand, resized into one array that is reused."""
    cv2 = need("cv2")
    logits = np.ascontiguousarray(job.logits.transpose(1, 2, 0))
    if job.size is None:
        return lambda: logits
    full = np.empty((job.height, job.width, len(job.logits)), np.float32)
    size = (job.width, job.height)
    return lambda: np.asarray(cv2.resize(logits, size, dst=full, interpolation=cv2.INTER_LINEAR))


@contender("OpenCV: resize a class, np.argmax(0)", *LABELED)
def planes(job: Job) -> Run:
    resize, rest = resized_planes(job), finish(job)
    return lambda: rest(np.argmax(resize(), axis=0).astype(np.uint8))


@contender("OpenCV: resize a class, cv2.reduceArgMax", *LABELED)
def planes_reduced(job: Job) -> Run:
    cv2 = need("cv2")
    resize, rest = resized_planes(job), finish(job)
    classes, shape = len(job.logits), (job.height, job.width)

    def run() -> Outputs:
        top = cv2.reduceArgMax(resize().reshape(classes, -1), 0)
        return rest(top.astype(np.uint8).reshape(shape))

    return run


@contender(HWC, *LABELED)
def pixels(job: Job) -> Run:
    resize, rest = resized_pixels(job), finish(job)
    return lambda: rest(np.argmax(resize(), axis=-1).astype(np.uint8))


@contender(HWC_SOFTMAX, "labels+confidence+color")
def confidence(job: Job) -> Run:
    resize, rest = resized_pixels(job), finish(job)

    def run() -> Outputs:
        full: Any = resize()
        labels, color = rest(np.argmax(full, axis=-1).astype(np.uint8))
        np.subtract(full, full.max(-1, keepdims=True), out=full)
        np.exp(full, out=full)
        return labels, 1.0 / full.sum(-1), color  # exp(0) = 1 is the largest

    return run


@contender("OpenCV: applyColorMap with a user table", "color")
def color_map(job: Job) -> Run:
    cv2 = need("cv2")
    table = job.colors[:, None, :]
    return lambda: (cv2.applyColorMap(job.labels, table),)


@contender("OpenCV: merge, LUT", "color")
def lut(job: Job) -> Run:
    cv2 = need("cv2")
    table = job.colors[:, None, :]
    return lambda: (cv2.LUT(cv2.merge([job.labels] * 3), table),)


@contender("OpenCV: applyColorMap, addWeighted", "overlay")
def weighted(job: Job) -> Run:
    cv2 = need("cv2")
    table = job.colors[:, None, :]

    def run() -> Outputs:
        color = cv2.applyColorMap(job.labels, table)
        return (cv2.addWeighted(job.image, 1 - ALPHA, color, ALPHA, 0.0),)

    return run


@contender(WEIGHTED, "overlay")
def lut_weighted(job: Job) -> Run:
    cv2 = need("cv2")
    table = job.colors[:, None, :]

    def run() -> Outputs:
        color = cv2.LUT(cv2.merge([job.labels] * 3), table)
        return (cv2.addWeighted(job.image, 1 - ALPHA, color, ALPHA, 0.0),)

    return run


@contender("OpenCV: resize of (H, W, C), np.argmax(-1), NumPy bincount", "confusion from logits")
def confusion_from_logits(job: Job) -> Run:
    resize = resized_pixels(job)

    def run() -> Outputs:
        labels = np.argmax(resize(), axis=-1).astype(np.uint8)
        return (byte_hist(job.target, labels, job.classes),)

    return run


def band_width(job: Job) -> int:
    """In pixels: two hundredths of the diagonal, as in the authors' code."""
    return max(1, round(0.02 * float(np.hypot(*job.shape))))


@contender(EROSIONS, "boundary IoU")
def erosions(job: Job) -> Run:
    """Class by class, as the definition says for one mask: what its eroded self is not."""
    cv2 = need("cv2")
    width, kernel, known = band_width(job), np.ones((3, 3), np.uint8), job.target != VOID

    def boundary(mask: Array) -> Array:
        framed = cv2.copyMakeBorder(mask, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
        inside = cv2.erode(framed, kernel, iterations=width)[1:-1, 1:-1]
        return np.asarray(mask - inside)

    def run() -> Outputs:
        scores = np.full(job.classes, np.nan)
        for c in range(job.classes):
            target = boundary((job.target == c).view(np.uint8))
            preds = boundary((job.labels == c).view(np.uint8)) & known
            union = cv2.countNonZero(target | preds)
            if union:
                scores[c] = cv2.countNonZero(target & preds) / union
        return (scores,)

    return run


@contender(BANDS, "boundary IoU")
def bands(job: Job) -> Run:
    """All classes at once: a pixel is near a boundary where its window holds a second label."""
    cv2 = need("cv2")
    width, classes = band_width(job), job.classes
    kernel = np.ones((2 * width + 1, 2 * width + 1), np.uint8)
    frame = np.ones(job.shape, bool)
    frame[width:-width, width:-width] = False

    def banded(labels: Array) -> Array:
        near = cv2.erode(labels, kernel) != cv2.dilate(labels, kernel)
        near |= frame
        return np.where(near | (labels >= classes), labels, np.uint8(classes))

    def run() -> Outputs:
        table = byte_hist(banded(job.target), banded(job.labels), classes + 1)
        hits = table.diagonal()[:classes]
        union = table[:classes].sum(1) + table[:, :classes].sum(0) - hits
        with np.errstate(invalid="ignore"):
            return (hits / union,)

    return run


def padded(job: Job) -> Callable[[], Array]:
    """The image resized and padded, in bytes."""
    cv2, box, image = need("cv2"), job.box, job.image
    if job.antialias and any(a > b for a, b in zip(box.image_size, box.content_size, strict=True)):
        raise Absent("INTER_LINEAR does not antialias")
    (top, bottom), (left, right) = box.padding
    size = box.content_size[::-1]

    def run() -> Array:
        small = cv2.resize(image, size, interpolation=cv2.INTER_LINEAR)
        sides = (top, bottom, left, right)
        return np.asarray(cv2.copyMakeBorder(small, *sides, cv2.BORDER_CONSTANT, value=PAD))

    return run


@contender("OpenCV: resize, copyMakeBorder; NumPy: normalize, transpose", LETTERBOX)
def letterbox(job: Job) -> Run:
    run = padded(job)
    mean, std = np.array(MEAN, np.float32), np.array(STD, np.float32)

    def normalized() -> Outputs:
        values = run().astype(np.float32)
        values /= 255
        values -= mean
        values /= std
        return (np.ascontiguousarray(values.transpose(2, 0, 1)),)

    return normalized


@contender("OpenCV: resize, copyMakeBorder, blobFromImage", LETTERBOX)
def letterbox_blob(job: Job) -> Run:
    cv2, run = need("cv2"), padded(job)
    options = cv2.dnn.Image2BlobParams()
    options.scalefactor = tuple(1 / (255 * std) for std in STD)
    options.mean = tuple(255 * mean for mean in MEAN)
    return lambda: (cv2.dnn.blobFromImageWithParams(run(), options)[0],)
