"""Chunked arrays of other libraries: small ones are read, large ones are refused with a cure."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

import segpost
from segpost._core import lazy_arrays


class Chunked:
    """Looks like an array of Zarr or Dask: chunks, a shape, a type, and `__array__`."""

    def __init__(self, array: Any, chunks: Any) -> None:
        self.array = array
        self.chunks = chunks
        self.shape = array.shape
        self.dtype = array.dtype
        self.loads = 0

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        self.loads += 1
        return self.array


LOGITS = np.random.default_rng(0).normal(size=(5, 40, 30)).astype(np.float32)
LABELS = np.random.default_rng(1).integers(0, 5, (40, 30))


def update(preds: Any, target: Any) -> None:
    """Update a confusion matrix."""
    segpost.ConfusionMatrix(5).update(preds, target)


CALLS: dict[str, Any] = {
    "argmax": lambda logits, _: segpost.argmax(logits),
    "softmax": lambda logits, _: segpost.softmax(logits),
    "postprocess": lambda logits, _: segpost.postprocess(logits),
    "update": lambda logits, _: update(logits, LABELS),
    "update of labels": lambda _, labels: update(labels, LABELS),
    "target of update": lambda _, labels: update(LABELS, labels),
    "confusion_matrix": lambda _, labels: segpost.confusion_matrix(labels, LABELS, num_classes=5),
    "colorize": lambda _, labels: segpost.colorize(labels, "voc"),
}


@pytest.mark.parametrize("name", CALLS)
def test_large_ones_are_never_loaded(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Above the limit it is an error with a line of code, below it nothing is said."""
    logits, labels = Chunked(LOGITS, (5, 10, 10)), Chunked(LABELS, (10, 10))
    CALLS[name](logits, labels)
    assert logits.loads + labels.loads == 1
    monkeypatch.setattr(lazy_arrays, "MAX_LAZY_BYTES", 4799)
    with pytest.raises(TypeError, match=r"chunked array of .* loaded whole; read it by chunk"):
        CALLS[name](logits, labels)
    assert logits.loads + labels.loads == 1
    without = Chunked(LOGITS, None), Chunked(LABELS, None)  # xarray in memory, contiguous HDF5
    CALLS[name](*without)


def cure_of(error: TypeError) -> str:
    """Return the line of code in a message."""
    found = re.search(r"as da\): (.*); np\.asarray", str(error))
    assert found
    return found[1]


@pytest.mark.engines
@pytest.mark.parametrize("library", ["dask", "zarr"])
def test_the_cure_gives_the_same(monkeypatch: pytest.MonkeyPatch, library: str) -> None:
    """The lines of the messages, executed: labels of logits, and counts of label maps."""
    da = pytest.importorskip("dask.array")
    values: dict[str, Any] = {
        "logits": LOGITS,
        "batch": np.stack([LOGITS, LOGITS[:, ::-1]]),
        "preds": LABELS,
        "target": LABELS[::-1],
    }
    chunks = {"logits": (2, 16, 16), "batch": (1, 5, 16, 16), "preds": (16, 16), "target": (7, 9)}
    if library == "zarr":
        zarr = pytest.importorskip("zarr")

        def lazy(name: str) -> Any:
            return zarr.array(np.ascontiguousarray(values[name]), chunks=chunks[name])
    else:

        def lazy(name: str) -> Any:
            return da.from_array(values[name], chunks=chunks[name])

    monkeypatch.setattr(lazy_arrays, "MAX_LAZY_BYTES", 100)
    for name in ("logits", "batch"):
        scope: dict[str, Any] = {"da": da, "np": np, "segpost": segpost, "logits": lazy(name)}
        with pytest.raises(TypeError) as refused:
            segpost.argmax(scope["logits"])
        labels = eval(cure_of(refused.value), scope)
        np.testing.assert_array_equal(np.asarray(labels), segpost.argmax(values[name]))
        assert labels.dtype == np.uint8
    cm = segpost.ConfusionMatrix(5)
    scope = {"da": da, "np": np, "cm": cm, "preds": lazy("preds"), "target": lazy("target")}
    with pytest.raises(TypeError) as refused:
        cm.update(scope["preds"], scope["target"])
    exec(cure_of(refused.value), scope)
    whole = segpost.confusion_matrix(values["preds"], values["target"], num_classes=5)
    np.testing.assert_array_equal(cm.matrix, whole)
