"""Mistakes of preprocessing, with and without the network's input."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from corpus_scenes import MEAN, STD, normalize

from corpus_failures.failure import CorpusFailure
from corpus_failures.scenes import pass_logits, scene_of, scene_of_mistake


def iter_input_failures() -> Iterator[CorpusFailure]:
    """Yield mistakes of preprocessing, with and without the input."""
    normalization = {"mean": MEAN, "std": STD}
    mean, std = np.array(MEAN), np.array(STD)

    def feed(
        name: str, change: Callable[[np.ndarray], np.ndarray]
    ) -> Callable[[int], dict[str, Any]]:
        def make(k: int) -> dict[str, Any]:
            scene = scene_of_mistake(name, k)
            return pass_logits(scene, input=change(scene.image), image=scene.image, **normalization)

        return make

    def pass_alone(name: str) -> Callable[[int], dict[str, Any]]:
        return lambda k: pass_logits(scene_of_mistake(name, k))

    def transpose(a: np.ndarray) -> np.ndarray:
        return a.transpose(2, 0, 1).astype(np.float32)

    changes: dict[str, tuple[str, Callable[[np.ndarray], np.ndarray]]] = {
        "bgr": ("input-bgr", lambda a: normalize(a[..., ::-1])),
        "not_divided": ("input-normalization", lambda a: transpose((a - mean) / std)),
        "not_normalized": ("input-normalization", lambda a: transpose(a / 255)),
        "half": ("input-normalization", lambda a: transpose(a / 127.5 - 1)),
        "mean_and_std_exchanged": (
            "input-normalization", lambda a: transpose((a / 255 - std) / mean)),
        "gray": (
            "input-channels-mixed", lambda a: normalize(a.mean(2, keepdims=True).repeat(3, 2))),
        "reshaped": (
            "input-reshaped", lambda a: ((a / 255 - mean) / std).reshape(3, *a.shape[:2])),
        "mirrored": ("input-flipped", lambda a: normalize(a[:, ::-1])),
        "upside_down": ("input-flipped", lambda a: normalize(a[::-1, ::-1])),
        "dark": ("input-normalization", lambda a: normalize(0.3 * a)),
    }  # fmt: skip
    for name, (code, change) in changes.items():
        yield CorpusFailure(f"{name}, everything passed", (code,), feed(name, change))
        codes_alone = ("turned",) if name in ("mirrored", "upside_down") else ("one-class", "")
        yield CorpusFailure(f"{name}, logits and target", codes_alone, pass_alone(name))
    yield CorpusFailure(
        "input of another picture", ("input-of-other-image",),
        lambda k: pass_logits(scene_of(k), input=normalize(scene_of((k + 3) % 8).image),
                       image=scene_of(k).image, **normalization),
    )  # fmt: skip
    yield CorpusFailure(
        "channels last, blue, green, red", ("input-bgr",),
        lambda k: pass_logits(scene_of_mistake("bgr", k), image=scene_of(k).image, **normalization,
                       input=normalize(scene_of(k).image[..., ::-1]).transpose(1, 2, 0)[None]),
    )  # fmt: skip
    yield CorpusFailure(
        "bytes read as int8", ("input-normalization",),
        lambda k: {"input": scene_of(k).image.view(np.int8).transpose(2, 0, 1),
                   "image": scene_of(k).image, "mean": (0, 0, 0), "std": (1, 1, 1)},
    )  # fmt: skip
    yield CorpusFailure(
        "green, blue, red", ("input-channels-mixed",),
        lambda k: {"input": normalize(scene_of(k).image)[[1, 2, 0]], "image": scene_of(k).image,
                   **normalization},
    )  # fmt: skip
    yield CorpusFailure(
        "mean and std of CIFAR", ("input-normalization",),
        lambda k: pass_logits(
            scene_of(k), image=scene_of(k).image, **normalization, input=transpose(
            (scene_of(k).image / 255 - (0.5071, 0.4867, 0.4408)) / (0.2675, 0.2565, 0.2761))),
    )  # fmt: skip
    yield CorpusFailure(
        "half the size, blue, green, red", ("input-bgr",),
        lambda k: {"input": normalize(scene_of(k).image[::2, ::2, ::-1]),
                   "image": scene_of(k).image, **normalization},
    )  # fmt: skip
