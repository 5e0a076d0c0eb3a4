"""Faults of logits alone."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from diagnosis_scenes import CLASSES, SIZE, Arguments, Failure, logits_of, regions, softmax

import segpost


def iter_logit_faults() -> Iterator[Failure]:
    """Yield faults of logits alone."""
    target = regions()
    logits = logits_of(target)
    full = logits_of(target, stride=1)

    def set_nan() -> Arguments:
        bad = logits.astype(np.float16)
        bad[3, 5, 6:9] = np.nan
        return {"logits": bad}

    def overflow() -> Arguments:
        with np.errstate(over="ignore"):
            return {"logits": (logits * np.float32(1e4)).astype(np.float16)}

    def mask_rows() -> Arguments:
        bad = logits.copy()
        bad[:, 3:6] = -np.inf
        return {"logits": bad}

    yield Failure("nan-logits", "NaN in one channel of float16", set_nan)
    yield Failure("infinite-logits", "logits beyond 65504 as float16", overflow)
    yield Failure("no-class-possible", "every class masked in some rows", mask_rows)
    yield Failure(
        "class-axis",
        "channels last, read as first, 7 classes known",
        lambda: {"logits": logits.transpose(1, 2, 0), "num_classes": CLASSES},
    )
    yield Failure(
        "class-axis",
        "channels last, read as first, nothing known",
        lambda: {"logits": full.transpose(1, 2, 0)},
    )
    yield Failure(
        "class-axis",
        "channels first, read as last, a palette of 7 colors",
        lambda: {"logits": logits, "axis": -1, "palette": segpost.Palette.distinct(CLASSES)},
    )
    yield Failure(
        "reshape-not-transpose",
        "(H, W, C) reshaped to (C, H, W)",
        lambda: {"logits": np.ascontiguousarray(full.transpose(1, 2, 0)).reshape(full.shape)},
    )
    yield Failure(
        "reshape-not-transpose",
        "(C, H, W) reshaped to (H, W, C)",
        lambda: {"logits": full.reshape(*SIZE, CLASSES), "axis": -1},
    )
    yield Failure(
        "other-number-of-classes",
        "a head of 7 classes for 19",
        lambda: {"logits": logits, "num_classes": 19},
    )
    yield Failure(
        "one-channel",
        "argmax over one sigmoid channel",
        lambda: {
            "logits": (full[1] - full[0])[None],
            "labels": np.zeros(SIZE, np.uint8),
        },
    )
    yield Failure(
        "quantized-logits",
        "raw int8 of a quantized network",
        lambda: {"logits": np.clip(np.rint(logits * 8) - 22, -128, 127).astype(np.int8)},
    )
    yield Failure(
        "quantized-logits",
        "the same cast to float32",
        lambda: {"logits": np.clip(np.rint(logits * 8) - 22, -128, 127).astype(np.float32)},
    )
    yield Failure(
        "softmax-twice",
        "softmax of a softmax",
        lambda: {"logits": softmax(softmax(logits)).astype(np.float32)},
    )
    yield Failure(
        "probabilities-as-logits",
        "probabilities taken for logits",
        lambda: {"logits": softmax(logits).astype(np.float32)},
    )
    yield Failure(
        "probabilities-as-logits",
        "the same in float16",
        lambda: {"logits": softmax(logits).astype(np.float16)},
    )
    yield Failure(
        "sigmoid-as-logits",
        "sigmoids of single classes",
        lambda: {"logits": 1 / (1 + np.exp(-logits))},
    )

    def initialize() -> Arguments:
        noise = np.random.default_rng(1).standard_normal((21, 33, 40)) * 0.01
        return {"logits": (noise + np.linspace(-0.05, 0.05, 21)[:, None, None]).astype(np.float32)}

    yield Failure("untrained-head", "a head as it was initialized", initialize)
    yield Failure(
        "constant-logits",
        "the same logits at every pixel",
        lambda: {"logits": np.broadcast_to(logits[:, :1, :1], logits.shape).copy()},
    )

    def drop_some() -> Arguments:
        keep = np.random.default_rng(2).random(logits.shape) < 0.9
        return {"logits": logits, "repeat_logits": (logits * keep / 0.9).astype(np.float32)}

    def scale_classes() -> Arguments:
        scale = np.random.default_rng(3).uniform(0.8, 1.2, (CLASSES, 1, 1))
        return {"logits": logits, "repeat_logits": (logits * scale).astype(np.float32)}

    def clear_class() -> Arguments:
        bad = logits.copy()
        bad[4] = 0
        return {"logits": bad}

    yield Failure("runs-differ", "two runs under dropout", drop_some)
    yield Failure("runs-differ", "two runs with batch norm in training mode", scale_classes)
    yield Failure("dead-class", "a class whose weights are zero", clear_class)
