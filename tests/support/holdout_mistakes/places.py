"""Predictions that are not where their target is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from corpus_failures.failure import CorpusFailure
from corpus_right import void_of
from diagnosis_scenes import resize_nearest
from holdout_runs import Arguments, Holdout, move_labels


def iter_place_mistakes(holdout: Holdout) -> Iterator[CorpusFailure]:
    """Yield predictions that are not where their target is."""

    def move(change: Callable[[np.ndarray], np.ndarray], network: str = "street_fcn") -> Any:
        return move_labels(holdout, network, change)

    def reorder(order: list[int], network: str) -> Any:
        def make(k: int) -> Arguments:
            output = holdout.outputs[network]
            chosen = [k + i for i in range(len(order))]
            return {"labels": output.labels[[chosen[i] for i in order]],
                    "target": output.targets[chosen], "num_classes": output.classes,
                    **void_of(output.targets)}  # fmt: skip

        return make

    def pad_and_resize(labels: np.ndarray, top: int) -> np.ndarray:
        square = np.zeros((256, 256), labels.dtype)
        square[top : top + 128] = labels
        return resize_nearest(square, labels.shape)

    yield CorpusFailure("upside down", ("turned",), move(lambda a: a[::-1]))
    yield CorpusFailure("5 up, 3 to the right", ("shifted",), move(lambda a: _shift(a, -5, 3)))
    yield CorpusFailure("12 to the left", ("shifted",), move(lambda a: _shift(a, 0, -12)))
    yield CorpusFailure(
        "thirds in reverse", ("tiles-exchanged", ""),
        move(lambda a: np.concatenate([a[:, 170:], a[:, 85:170], a[:, :85]], 1)),
    )  # fmt: skip
    yield CorpusFailure(
        "quarters in another order", ("tiles-exchanged",),
        move(lambda a: np.concatenate([a[:, 64:128], a[:, 192:], a[:, :64], a[:, 128:192]], 1)),
    )  # fmt: skip
    yield CorpusFailure(
        "each picture's prediction is the next one's", ("pictures-exchanged",),
        reorder([1, 2, 3, 0], "street_fcn"),
    )  # fmt: skip
    yield CorpusFailure(
        "center crop of 0.9", ("letterbox",),
        move(lambda a: resize_nearest(a[6:122, 13:243], a.shape)),
    )  # fmt: skip
    yield CorpusFailure("padding below kept", ("letterbox",), move(lambda a: pad_and_resize(a, 0)))
    yield CorpusFailure(
        "padding at both sides kept", ("letterbox",), move(lambda a: pad_and_resize(a, 64))
    )
    yield CorpusFailure("labels of (W, H)", ("height-width-swapped",), move(lambda a: a.T))
    yield CorpusFailure("every second pixel", ("size-mismatch",), move(lambda a: a[::2, ::2]))
    yield CorpusFailure("the right half is empty", (), move(lambda a: _clear_columns(a, 128)))
    yield CorpusFailure(
        "another street", (),
        lambda k: {**holdout.run("street_fcn", k),
                   "labels": holdout.outputs["street_fcn"].labels[k + 4]},
    )  # fmt: skip
    for network in ("organs_long", "cover_long"):
        if network in holdout.outputs:
            yield CorpusFailure(
                f"turned to the right, {network}", ("turned",),
                move(lambda a: np.rot90(a, -1), network),
            )  # fmt: skip
            yield CorpusFailure(f"transposed, {network}", ("turned",), move(lambda a: a.T, network))
            yield CorpusFailure(
                f"7 down, {network}", ("shifted",), move(lambda a: _shift(a, 7, 0), network)
            )
    if "page_long" in holdout.outputs:
        yield CorpusFailure(
            "two pages exchanged", ("pictures-exchanged",), reorder([1, 0], "page_long"),
        )  # fmt: skip
        yield CorpusFailure(
            "4 down, pages", ("shifted",), move(lambda a: _shift(a, 4, 0), "page_long")
        )


def _shift(labels: np.ndarray, down: int, right: int) -> np.ndarray:
    """Return labels moved, with the border repeated where nothing came in."""
    h, w = labels.shape
    rows = np.clip(np.arange(h) - down, 0, h - 1)
    return np.asarray(labels[rows[:, None], np.clip(np.arange(w) - right, 0, w - 1)])


def _clear_columns(labels: np.ndarray, first: int) -> np.ndarray:
    result = labels.copy()
    result[:, first:] = 0
    return result
