"""Faults of the network's input."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from corpus_scenes import MEAN, STD, normalize
from diagnosis_scenes import SIZE, Arguments, Failure, photograph


def iter_input_faults() -> Iterator[Failure]:
    """Yield faults of the network's input."""
    photo = photograph()
    x = normalize(photo)
    normalization = {"mean": MEAN, "std": STD}

    def set_nan() -> Arguments:
        bad = x.copy()
        bad[1, 4] = np.nan
        return {"input": bad, **normalization}

    yield Failure("input-not-finite", "NaN in the input", set_nan)
    yield Failure("input-constant", "an input of zeros", lambda: {"input": x * 0, **normalization})
    yield Failure(
        "input-constant",
        "the same, the photograph known",
        lambda: {"input": x * 0, "image": photo, **normalization},
    )
    yield Failure(
        "input-bgr",
        "blue, green, red",
        lambda: {"input": normalize(photo[..., ::-1]), "image": photo, **normalization},
    )
    yield Failure(
        "input-bgr",
        "the same at half the size",
        lambda: {"input": normalize(photo[::2, ::2, ::-1]), "image": photo, **normalization},
    )
    yield Failure(
        "input-normalization",
        "only divided by 255",
        lambda: {"input": (photo / 255).transpose(2, 0, 1), "image": photo, **normalization},
    )
    yield Failure(
        "input-normalization",
        "in -1..1",
        lambda: {"input": (photo / 127.5 - 1).transpose(2, 0, 1), "image": photo, **normalization},
    )
    yield Failure(
        "input-normalization",
        "normalized twice",
        lambda: {
            "input": normalize(normalize(photo).transpose(1, 2, 0) * 255.0),
            "image": photo,
            **normalization,
        },
    )
    yield Failure(
        "input-range",
        "0..255, no photograph known",
        lambda: {"input": photo.transpose(2, 0, 1).astype(np.float32), **normalization},
    )
    yield Failure(
        "input-range",
        "0..1, no photograph known",
        lambda: {"input": (photo / 255).transpose(2, 0, 1), **normalization},
    )
    yield Failure(
        "input-reshaped",
        "reshaped, not transposed",
        lambda: {
            "input": ((photo / 255 - MEAN) / STD).reshape(3, *SIZE),
            "image": photo,
            **normalization,
        },
    )
    yield Failure(
        "input-channels-mixed",
        "a gray image in all channels",
        lambda: {
            "input": normalize(photo.mean(2, keepdims=True).repeat(3, 2)),
            "image": photo,
            **normalization,
        },
    )
    yield Failure(
        "input-flipped",
        "mirrored",
        lambda: {"input": normalize(photo[:, ::-1]), "image": photo, **normalization},
    )
    yield Failure(
        "input-of-other-image",
        "another photograph",
        lambda: {"input": normalize(photograph(seed=3)), "image": photo, **normalization},
    )
