"""Mistakes of label maps beside their logits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from diagnosis_scenes import softmax
from label_mistakes import save_in_order, stretch_to_255

import segpost
from corpus_failures.failure import CorpusFailure
from corpus_failures.scenes import (
    IGNORE,
    OWN_ORDER,
    SEVERAL,
    VOC,
    Scene,
    enlarge,
    pass_labels,
    pass_logits,
    scene_of,
)


def iter_label_failures() -> Iterator[CorpusFailure]:
    """Yield mistakes of label maps beside their logits."""

    def pass_beside_logits(
        change: Callable[[np.ndarray, Scene], Any], **more: Any
    ) -> Callable[[int], Any]:
        def make(k: int) -> dict[str, Any]:
            scene = scene_of(k)
            own = scene.full.argmax(0).astype(np.uint8)
            return {"logits": scene.full, "labels": change(own, scene), "num_classes": 6, **more}

        return make

    yield CorpusFailure(
        "argmax over the rows",
        ("wrong-argmax-axis",),
        lambda k: {
            "logits": scene_of(k).full.transpose(1, 2, 0),
            "axis": -1,
            "labels": scene_of(k).full.transpose(1, 2, 0).argmax(0),
        },
    )
    yield CorpusFailure(
        "argmax over a batch of one",
        ("wrong-argmax-axis",),
        lambda k: {"logits": scene_of(k).full[None], "labels": scene_of(k).full[None].argmax(0)},
    )
    yield CorpusFailure(
        "transposed", ("transposed-labels",), pass_beside_logits(lambda own, _: own.T)
    )
    yield CorpusFailure(
        "reshaped to (width, height)",
        ("transposed-labels",),
        pass_beside_logits(lambda own, _: own.reshape(own.shape[::-1])),
    )
    yield CorpusFailure(
        "times 255",
        ("argmax-times-255",),
        pass_beside_logits(lambda own, _: (own.astype(int) * 255).astype(np.uint8)),
    )
    yield CorpusFailure(
        "probabilities cast before the argmax",
        ("cast-before-argmax",),
        pass_beside_logits(
            lambda _, scene: softmax(scene.full).astype(np.float32).astype(np.uint8).argmax(0)
        ),
    )
    yield CorpusFailure(
        "probabilities above 0.5, argmax",
        ("threshold-before-argmax",),
        pass_beside_logits(lambda _, scene: (softmax(scene.full) > 0.5).argmax(0)),
        scenes=(0, 1, 3, 4),
    )
    yield CorpusFailure(
        "argmax at stride 4, enlarged",
        ("argmax-before-resize",),
        lambda k: {
            "logits": scene_of(k).logits,
            "target": scene_of(k).target,
            **IGNORE,
            "labels": scene_of(k).logits.argmax(0).astype(np.uint8).repeat(4, 0).repeat(4, 1),
        },
    )
    for network in ("shapes", "tile"):
        yield CorpusFailure(
            f"logits enlarged by nearest neighbor, {network}",
            ("blocky-logits",),
            lambda k, network=network: {  # type: ignore[misc]
                **pass_logits(scene_of(k, network)),
                "logits": scene_of(k, network).logits.repeat(4, 1).repeat(4, 2),
            },
        )
    yield CorpusFailure(
        "argmax at stride 4, logits unknown",
        ("blocky-labels",),
        lambda k: {
            **pass_labels(
                scene_of(k, "tile"),
                scene_of(k, "tile").logits.argmax(0).astype(np.uint8).repeat(4, 0).repeat(4, 1),
            ),
            "num_classes": 5,
        },
    )
    yield CorpusFailure(
        "argmax at stride 4, enlarged with interpolation",
        ("interpolated-labels",),
        lambda k: {**pass_logits(scene_of(k)), "labels": _interpolate_labels(scene_of(k))},
    )
    yield CorpusFailure(
        "another grid than said",
        ("labels-on-another-grid",),
        lambda k: {
            "logits": scene_of(k).logits,
            "grid": "half_pixel",
            "labels": segpost.argmax(scene_of(k).logits, size=(96, 128), grid="align_corners"),
        },
    )
    yield CorpusFailure(
        "labels of another picture",
        ("labels-of-other-logits",),
        lambda k: {
            "logits": scene_of(k, "tile").logits,
            "labels": scene_of((k + 1) % 4, "tile").labels,
        },
    )
    yield CorpusFailure(
        "labels of sign-confused logits",
        ("labels-of-other-logits",),
        pass_beside_logits(
            lambda _, scene: (
                np.clip(np.rint(scene.full * 4) + 128, 0, 255)
                .astype(np.uint8)
                .view(np.int8)
                .argmax(0)
            )
        ),
    )
    yield CorpusFailure(
        "mask of 0 and 255",
        ("labels-0-255",),
        lambda k: {
            "labels": scene_of(k, "lesion").labels * np.uint8(255),
            "target": scene_of(k, "lesion").target,
            "num_classes": 2,
        },
    )
    yield CorpusFailure(
        "times 40 to be seen",
        ("labels-stretched",),
        lambda k: pass_labels(scene_of(k), scene_of(k).labels * np.uint8(40)),
        scenes=SEVERAL,
    )
    yield CorpusFailure(
        "plt.imsave of the labels",
        ("labels-stretched",),
        lambda k: pass_labels(scene_of(k), stretch_to_255(scene_of(k).labels)),
        scenes=SEVERAL,
    )
    yield CorpusFailure(
        "float ids",
        ("float-ids",),
        lambda k: pass_labels(scene_of(k), scene_of(k).labels.astype(np.float32)),
    )
    yield CorpusFailure(
        "int32 ids read as float32",
        ("bits-as-floats",),
        lambda k: pass_labels(scene_of(k), scene_of(k).labels.astype(np.int32).view(np.float32)),
    )
    yield CorpusFailure(
        "an index for each color of the file",
        ("indices-of-file-palette",),
        lambda k: pass_labels(
            scene_of(k),
            save_in_order(scene_of(k).labels, OWN_ORDER, VOC),
            palette="voc",
            num_classes=21,
        ),
    )


def _interpolate_labels(scene: Scene) -> np.ndarray:
    small = scene.logits.argmax(0)[None].astype(np.float32)
    return np.asarray(np.rint(enlarge(small, scene.target.shape)[0]), np.uint8)
