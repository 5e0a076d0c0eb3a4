"""Faults of labels, alone and with their logits."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from diagnosis_scenes import (
    CLASSES,
    SIZE,
    Failure,
    logits_of,
    open_saved,
    pair,
    regions,
    resize_nearest,
    resize_smoothly,
    softmax,
)

import segpost


def iter_label_faults() -> Iterator[Failure]:
    """Yield faults of labels, alone and with their logits."""
    logits, labels, target = pair()
    full = logits_of(target, stride=1)
    own = full.argmax(0).astype(np.uint8)
    square = logits_of(regions(size=(64, 64)), stride=1)

    yield Failure(
        "wrong-argmax-axis",
        "argmax over a batch of one",
        lambda: {"logits": full[None], "labels": full[None].argmax(0).astype(np.uint8)},
    )
    yield Failure(
        "wrong-argmax-axis",
        "argmax over the rows of (H, W, C)",
        lambda: {
            "logits": full.transpose(1, 2, 0),
            "axis": -1,
            "labels": full.transpose(1, 2, 0).argmax(0).astype(np.int64),
        },
    )
    yield Failure(
        "reshaped-labels",
        "argmax after a reshape to (H, W, C)",
        lambda: {"logits": full, "labels": full.reshape(*SIZE, CLASSES).argmax(-1)},
    )
    yield Failure(
        "transposed-labels",
        "labels transposed",
        lambda: {"logits": square, "labels": square.argmax(0).T},
    )
    yield Failure(
        "transposed-labels",
        "labels reshaped to (width, height)",
        lambda: {"logits": full, "labels": own.reshape(SIZE[::-1])},
    )
    yield Failure(
        "argmax-times-255",
        "(argmax * 255).astype(uint8), logits known",
        lambda: {"logits": full, "labels": (own.astype(int) * 255 % 256).astype(np.uint8)},
    )
    yield Failure(
        "argmax-times-255",
        "the same, 7 classes known",
        lambda: {"labels": (own.astype(int) * 255 % 256).astype(np.uint8), "num_classes": CLASSES},
    )
    yield Failure(
        "argmax-times-255",
        "the same, nothing known",
        lambda: {"labels": (own.astype(int) * 255 % 256).astype(np.uint8)},
    )
    yield Failure(
        "cast-before-argmax",
        "probabilities cast to uint8 before the argmax",
        lambda: {
            "logits": full,
            "labels": softmax(full).astype(np.uint8).argmax(0).astype(np.uint8),
        },
    )
    box = segpost.Letterbox.fit(SIZE, (256, 256))
    yield Failure(
        "cast-before-argmax",
        "the same of enlarged probabilities",
        lambda: {"logits": logits, "labels": np.zeros(SIZE, np.uint8)},
    )
    yield Failure(
        "argmax-times-255",
        "the same of enlarged logits",
        lambda: {
            "logits": logits,
            "labels": (segpost.argmax(logits, size=SIZE).astype(int) * 255 % 256).astype(np.uint8),
        },
    )
    yield Failure(
        "letterbox-not-removed",
        "labels of the padded input, stretched over the picture",
        lambda: {"logits": square, "labels": segpost.argmax(square, size=SIZE), "letterbox": box},
    )
    yield Failure(
        "argmax-before-resize",
        "labels enlarged by nearest neighbor",
        lambda: {
            "logits": logits,
            "labels": resize_nearest(logits.argmax(0).astype(np.uint8), SIZE),
        },
    )
    yield Failure(
        "labels-on-another-grid",
        "labels on align_corners, half_pixel said",
        lambda: {
            "logits": logits,
            "grid": "half_pixel",
            "labels": segpost.argmax(logits, size=SIZE, grid="align_corners"),
        },
    )
    yield Failure(
        "labels-of-other-logits",
        "labels of another picture",
        lambda: {"logits": logits, "labels": regions(seed=9)},
    )
    yield Failure(
        "one-class",
        "background everywhere, the target has more",
        lambda: {"labels": np.zeros(SIZE, np.uint8), "target": target},
    )
    yield Failure(
        "labels-0-255",
        "a mask of 0 and 255, two classes",
        lambda: {"labels": (own == 2).astype(np.uint8) * 255, "num_classes": 2},
    )
    voc = segpost.Palette.named("voc")
    grey = (voc.colors @ np.array([19595, 38470, 7471]) + 0x8000 >> 16).astype(np.uint8)
    yield Failure(
        "labels-luma",
        "a picture in VOC's colors read as grey",
        lambda: {"labels": grey[own * 3], "num_classes": 21},
    )
    yield Failure(
        "labels-outside",
        "ids beyond the classes",
        lambda: {"labels": own + np.uint8(40), "num_classes": CLASSES},
    )
    yield Failure(
        "interpolated-labels",
        "labels resized with interpolation",
        lambda: {
            "labels": resize_smoothly(own * np.uint8(20), (250, 333)),
            "num_classes": CLASSES,
        },
    )
    yield Failure(
        "blocky-labels",
        "blocks of 8 x 8, logits unknown",
        lambda: {"labels": resize_nearest(logits.argmax(0).astype(np.uint8), SIZE)},
    )
    yield Failure(
        "blocky-logits",
        "logits enlarged by nearest neighbor",
        lambda: {"logits": logits.repeat(4, 1).repeat(4, 2)},
    )
    yield Failure(
        "no-palette-in-file",
        "ids saved as a grey PNG",
        lambda: {"labels": open_saved(own)},
    )
    yield Failure(
        "lossy-label-file",
        "ids saved as JPEG",
        lambda: {"labels": open_saved(own, kind="JPEG")},
    )
    yield Failure(
        "labels-stretched",
        "plt.imsave of the labels",
        lambda: {"labels": (labels * 255.0 / 6).round().astype(np.uint8), "num_classes": CLASSES},
    )
