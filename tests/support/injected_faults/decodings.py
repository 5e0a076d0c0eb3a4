"""Faults of ids that came as floats, other bits, or indices of a palette."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from diagnosis_scenes import Failure, pair
from label_mistakes import save_in_order

import segpost


def iter_decoding_faults() -> Iterator[Failure]:
    """Yield faults of ids that came as floats, other bits, or indices of a palette."""
    _, labels, target = pair()
    voc, order = segpost.Palette.named("voc"), [3, 0, 6, 1, 2, 4, 5]
    local = save_in_order(labels, order, voc)

    yield Failure("float-ids", "float32 ids", lambda: {"labels": labels.astype(np.float32)})
    yield Failure(
        "ids-divided",
        "a mask that ToTensor divided",
        lambda: {"target": (target / 255).astype(np.float32)},
    )
    yield Failure(
        "bits-as-floats",
        "int32 ids read as float32",
        lambda: {"labels": labels.astype(np.int32).view(np.float32)},
    )
    yield Failure(
        "indices-of-file-palette",
        "labels that index the file's palette",
        lambda: {"labels": local, "palette": "voc"},
    )
    yield Failure(
        "target-local-palette",
        "a target that indexes the file's palette",
        lambda: {
            "target": save_in_order(target, order, voc),
            "labels": labels,
            "palette": "voc",
        },
    )
    yield Failure(
        "target-all-zero",
        "a mask that ToTensor divided, cast to integers",
        lambda: {"target": (target / 255).astype(np.int64), "labels": labels},
    )
