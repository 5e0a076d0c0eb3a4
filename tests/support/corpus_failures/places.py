"""Predictions that are not where their target is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
from corpus_right import output_of, void_of
from corpus_scenes import draw_shapes
from diagnosis_scenes import letterbox, pad_to_square, resize_nearest

import segpost
from corpus_failures.failure import CorpusFailure
from corpus_failures.scenes import IGNORE, pass_labels, pass_logits, scene_of


def iter_place_failures() -> Iterator[CorpusFailure]:
    """Yield predictions that are not where their target is."""

    def move_labels(
        change: Callable[[np.ndarray], np.ndarray], network: str = "shapes"
    ) -> Callable[[int], Any]:
        def make(k: int) -> dict[str, Any]:
            scene = scene_of(k, network)
            return {"labels": change(scene.labels), "target": scene.target,
                    "num_classes": output_of(network).classes, **void_of(scene.target)}  # fmt: skip

        return make

    for network in ("shapes", "tile"):
        yield CorpusFailure(
            f"mirrored, {network}", ("turned",), move_labels(lambda a: a[:, ::-1], network)
        )
        yield CorpusFailure(
            f"turned by 180 degrees, {network}",
            ("turned",),
            move_labels(lambda a: a[::-1, ::-1], network),
        )
        yield CorpusFailure(
            f"8 down, 6 to the right, {network}",
            ("shifted",),
            move_labels(lambda a: np.roll(a, (8, 6), (0, 1)), network),
        )
        yield CorpusFailure(
            f"4 up, {network}", ("shifted",), move_labels(lambda a: np.roll(a, -4, 0), network)
        )
        yield CorpusFailure(
            f"halves exchanged, {network}",
            ("tiles-exchanged",),
            move_labels(lambda a: np.concatenate([a[:, 64:], a[:, :64]], 1), network),
        )
        yield CorpusFailure(
            f"tiles in columns, {network}",
            ("tiles-exchanged",),
            move_labels(
                lambda a: (
                    np.block([[a[:48, :64], a[48:96, :64]], [a[:48, 64:], a[48:96, 64:]]])
                    if a.shape[0] == 96
                    else np.block([[a[:64, :64], a[64:, :64]], [a[:64, 64:], a[64:, 64:]]])
                ),
                network,
            ),
        )
        yield CorpusFailure(
            f"two of four tiles exchanged, {network}",
            ("tiles-exchanged",),
            move_labels(
                lambda a: np.concatenate([a[:, :32], a[:, 64:96], a[:, 32:64], a[:, 96:]], 1),
                network,
            ),
        )
        yield CorpusFailure(
            f"pictures exchanged, {network}",
            ("pictures-exchanged",),
            lambda k, network=network: {  # type: ignore[misc]
                "labels": output_of(network).labels[[1, 0, 3, 2]][: 2 + k % 3],
                "target": output_of(network).targets[: 2 + k % 3],
                "num_classes": 6,
                **IGNORE,
            },
            scenes=(0, 2),
        )
    yield CorpusFailure("transposed tile", ("turned",), move_labels(lambda a: a.T, "tile"))
    yield CorpusFailure("turned tile", ("turned",), move_labels(np.rot90, "tile"))
    yield CorpusFailure(
        "labels of (width, height)", ("height-width-swapped",), move_labels(lambda a: a.T)
    )
    yield CorpusFailure(
        "reshaped to (width, height)",
        ("height-width-swapped",),
        move_labels(lambda a: a.reshape(a.shape[::-1])),
    )
    for share, where in ((0.0, "bottom"), (0.5, "all sides")):
        yield CorpusFailure(
            f"padding to a square at {where} kept",
            ("letterbox",),
            move_labels(partial(letterbox, where=share)),
        )
        yield CorpusFailure(
            f"the same, logits, {where}",
            ("letterbox",),
            lambda k, share=share: {  # type: ignore[misc]
                **pass_logits(scene_of(k)),
                "logits": _pad_logits(scene_of(k).logits, share),
            },
        )
    yield CorpusFailure(
        "padding cut with height and width exchanged",
        ("letterbox",),
        move_labels(lambda a: resize_nearest(pad_to_square(a, 0.5)[:, 16:112], a.shape)),
    )
    yield CorpusFailure(
        "center crop of 0.8",
        ("letterbox",),
        move_labels(lambda a: resize_nearest(a[10:86, 13:115], a.shape)),
    )
    yield CorpusFailure(
        "center crop of 0.75, tiles",
        ("letterbox",),
        move_labels(lambda a: resize_nearest(a[16:112, 16:112], a.shape), "tile"),
    )
    yield CorpusFailure(
        "the middle square",
        ("letterbox",),
        move_labels(lambda a: resize_nearest(a[:, 16:112], a.shape)),
    )
    yield CorpusFailure(
        "crop at (20, 25), tiles",
        ("shifted",),
        lambda k: {
            "labels": scene_of(k, "tile").labels[:90, :90],
            "num_classes": 5,
            **IGNORE,
            "target": scene_of(k, "tile").target[20:110, 25:115],
        },
        scenes=(0, 1, 3, 4),
    )
    for grid in ("align_corners", "asymmetric"):
        yield CorpusFailure(
            f"logits on {grid}",
            ("wrong-grid", "shifted"),
            lambda k, grid=grid: {  # type: ignore[misc]
                "logits": scene_of(k).logits,
                "grid": grid,
                "target": draw_shapes(k, void=False).target,
            },
        )
    yield CorpusFailure(
        "labels on align_corners beside logits",
        ("wrong-grid",),
        lambda k: {
            "logits": scene_of(k).logits,
            "target": draw_shapes(k, void=False).target,
            "labels": segpost.argmax(scene_of(k).logits, size=(96, 128), grid="align_corners"),
        },
    )
    yield CorpusFailure(
        "labels of another size",
        ("size-mismatch",),
        lambda k: {"labels": scene_of(k).labels[:90, :120], "image": scene_of(k).image},
    )
    yield CorpusFailure(
        "two predictions, three targets",
        ("another-number-of-images",),
        lambda k: {
            "labels": output_of("shapes").labels[:2],
            "target": output_of("shapes").targets[:3],
        },
        scenes=(0,),
    )
    yield CorpusFailure(
        "another picture", (), lambda k: pass_labels(scene_of(k), scene_of((k + 5) % 8).labels)
    )
    yield CorpusFailure(
        "another tile",
        (),
        lambda k: pass_labels(
            scene_of(k, "tile"), scene_of((k + 5) % 8, "tile").labels, num_classes=5
        ),
    )
    yield CorpusFailure(
        "nothing but background",
        ("one-class",),
        lambda k: pass_labels(scene_of(k), scene_of(k).labels * np.uint8(0)),
    )


def _pad_logits(logits: np.ndarray, share: float) -> np.ndarray:
    h, w = logits.shape[1:]
    side = max(h, w)
    top = int((side - h) * share)
    square = np.zeros((len(logits), side, side), np.float32)
    square[0] = 10
    square[:, top : top + h, :w] = logits
    return square
