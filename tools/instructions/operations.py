"""Operations whose instructions are counted, run in an emulated Python: see `__main__`.

Every one is run on an image and on one of twice the height, between two calls of `getppid`, at
which the plugin writes what was executed. The names come on stdout, with the pixels of the smaller
image.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np

import segpost

WIDTH = 256
CLASSES = 19
Call = Callable[[], Any]
Operation = Callable[[int], Call]


def regions(height: int, width: int = WIDTH, classes: int = CLASSES) -> np.ndarray:
    """Label maps (1, H, W) uint8 of stripes of 32 pixels that lean."""
    y, x = np.mgrid[:height, :width]
    return ((x + y // 2) // 32 % classes).astype(np.uint8)[None]


def noise(*shape: int) -> np.ndarray:
    """Normal float32 numbers, always the same."""
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def scene(height: int, width: int = WIDTH) -> np.ndarray:
    """Logits (1, C, H, W): those of `regions`, and some noise."""
    labels = regions(height, width)
    return (8 * (labels == np.arange(CLASSES)[:, None, None]) + noise(CLASSES, height, width))[None]


def argmax_of(logits: Callable[[int, int], np.ndarray], **options: Any) -> Operation:
    """Labels of logits, which are upsampled eightfold."""

    def operation(height: int) -> Call:
        small = logits(height // 8, WIDTH // 8)
        size = (small.shape[-2] * 8, small.shape[-1] * 8)
        return lambda: segpost.argmax(small, size=size, **options)

    return operation


def one_class(height: int, width: int) -> np.ndarray:
    """Logits whose largest class is the same everywhere."""
    logits = noise(1, CLASSES, height, width)
    logits[:, 3] += 20
    return logits


def plain_argmax(dtype: str, is_last: bool = False) -> Operation:
    """Labels of full-size logits of a type."""

    def operation(height: int) -> Call:
        logits = scene(height).astype(dtype)
        if is_last:
            logits = np.ascontiguousarray(np.moveaxis(logits, 1, -1))
        return lambda: segpost.argmax(logits, axis=-1 if is_last else -3)

    return operation


def colorize_of(classes: int, dtype: str) -> Operation:
    """Colors of labels."""
    palette = segpost.Palette.distinct(classes)

    def operation(height: int) -> Call:
        labels = np.random.default_rng(0).integers(0, classes, (1, height, WIDTH)).astype(dtype)
        return lambda: segpost.colorize(labels, palette)

    return operation


def overlay(height: int) -> Call:
    """An overlay at one alpha."""
    labels, palette = regions(height), segpost.Palette.distinct(CLASSES)
    image = np.random.default_rng(0).integers(0, 256, (1, height, WIDTH, 3), np.uint8)
    return lambda: segpost.overlay(image, labels, palette)


def confusion_of(dtype: str, is_noise: bool = False) -> Operation:
    """Counts of pairs of labels."""

    def operation(height: int) -> Call:
        target = regions(height).astype(dtype)
        preds = np.roll(target, 3, axis=2)
        if is_noise:
            shape, random = target.shape, np.random.default_rng(0)
            preds, target = (random.integers(0, CLASSES, shape).astype(dtype) for _ in range(2))
        return lambda: segpost.confusion_matrix(
            preds, target, num_classes=CLASSES, ignore_index=255
        )

    return operation


def softmax(height: int) -> Call:
    """Probabilities of full-size logits."""
    logits = scene(height)
    return lambda: segpost.softmax(logits)


def results_of(*want: Any, **options: Any) -> Operation:
    """What `postprocess` makes of upsampled logits."""

    def operation(height: int) -> Call:
        logits = scene(height // 8, WIDTH // 8)
        return lambda: segpost.postprocess(logits, size=(height, WIDTH), want=want, **options)

    return operation


def dense_crf(height: int) -> Call:
    """Two mean field iterations."""
    probabilities = segpost.softmax(scene(height // 4, WIDTH // 4)[0])
    image = np.repeat(regions(height // 4, WIDTH // 4)[0][..., None] * 13, 3, axis=2)
    return lambda: segpost.dense_crf(probabilities, image, iterations=2)


def binarize(height: int) -> Call:
    """Masks of upsampled logits."""
    logits = scene(height // 8, WIDTH // 8)[:, :4]
    return lambda: segpost.binarize(logits, size=(height, WIDTH))


def letterbox_of(dtype: Any) -> Operation:
    """The network's input of an image."""

    def operation(height: int) -> Call:
        image = np.random.default_rng(0).integers(0, 256, (height, WIDTH, 3), np.uint8)
        box = segpost.Letterbox.fit((height, WIDTH), (height // 2, WIDTH // 2))
        return lambda: box.apply(image, dtype=dtype)

    return operation


def update_of(measure: Callable[[], Any]) -> Operation:
    """An update of a measure."""

    def operation(height: int) -> Call:
        target = regions(height, classes=4)
        preds = np.roll(target, 2, axis=2)
        return lambda: measure().update(preds, target)

    return operation


def queries(height: int) -> Call:
    """A semantic segmentation of 20 queries."""
    masks, classes = 3 * noise(20, height // 4, WIDTH // 4), 4 * noise(20, CLASSES + 1)
    return lambda: segpost.segment_queries(classes, masks, size=(height, WIDTH))


def calibration(height: int) -> Call:
    """An update of a calibration."""
    logits, target = scene(height // 8, WIDTH // 8), regions(height)
    return lambda: segpost.Calibration(CLASSES).update(logits, target)


OPERATIONS: dict[str, Operation] = {
    "argmax, upsampled, one class a cell": argmax_of(one_class),
    "argmax, upsampled, scene": argmax_of(scene),
    "argmax, upsampled, noise": argmax_of(lambda h, w: noise(1, CLASSES, h, w)),
    "argmax, float32": plain_argmax("float32"),
    "argmax, float32, channels last": plain_argmax("float32", is_last=True),
    "argmax, float16": plain_argmax("float16"),
    "argmax, int8": plain_argmax("int8"),
    "softmax": softmax,
    "confidence uint8": results_of("confidence", confidence_dtype="uint8"),
    "entropy, margin, topk": results_of("entropy", "margin", "topk"),
    "binarize, 4 masks": binarize,
    "colorize uint8, 19 colors": colorize_of(19, "uint8"),
    "colorize int64, 19 colors": colorize_of(19, "int64"),
    "colorize uint8, 60 colors": colorize_of(60, "uint8"),
    "colorize uint8, 150 colors": colorize_of(150, "uint8"),
    "overlay": overlay,
    "confusion uint8, regions": confusion_of("uint8"),
    "confusion uint8, noise": confusion_of("uint8", is_noise=True),
    "confusion int32 (narrowed), regions": confusion_of("int32"),
    "confusion int64 (narrowed), regions": confusion_of("int64"),
    "letterbox float32": letterbox_of("float32"),
    "letterbox float16": letterbox_of("float16"),
    "dense CRF, 2 iterations, a pixel of 1/16": dense_crf,
    "queries": queries,
    "Calibration": calibration,
    "BoundaryIoU": update_of(lambda: segpost.BoundaryIoU(4)),
    "SurfaceDistance": update_of(lambda: segpost.SurfaceDistance(4, spacing=1.0)),
}


def main() -> None:
    """Run all operations."""
    segpost.set_num_threads(1)
    for name, operation in OPERATIONS.items():
        height = 128
        for call in (operation(height), operation(2 * height)):
            call()  # tables, and what is imported late
            os.getppid()
            call()
            os.getppid()
        print(height * WIDTH, name, sep="\t", flush=True)


if __name__ == "__main__":
    with segpost.use_backend("native"):
        main()
