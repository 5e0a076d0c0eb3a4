"""confusion_matrix and the kernels behind it: the same claims for every backend."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest
from conftest import FAST, scene, switch
from hypothesis import given
from hypothesis import strategies as st
from label_maps import DTYPES, ignored, label_map
from numpy.testing import assert_array_equal

import segpost
from segpost._backends import registry
from segpost._core import sampling
from segpost._core.contract import Backend, Logits

ON_CUDA = True

torch = pytest.importorskip("torch")

CLASSES = (1, 2, 3, 19, 31, 32, 63, 64, 127, 128, 150, 253, 254, 255, 256, 300, 700)
WIDTHS = (1, 2, 3, 5, 7, 63, 64, 65, 66, 127, 130, 200, 300)


def reference() -> Backend:
    """The definition."""
    with segpost.use_backend("reference"):
        return registry.backend()


def counted(
    backend: Backend, preds: np.ndarray, target: np.ndarray, classes: int, void: np.ndarray
) -> np.ndarray:
    """What a backend adds to zeros."""
    counts = np.zeros((classes + 2, classes + 1), np.int64)
    backend.confusion_labels(preds, target, void, counts)
    return counts


def simple(preds: np.ndarray, target: np.ndarray, classes: int, void: int) -> np.ndarray:
    """The matrix by NumPy's usual idiom."""
    keep = target != void
    pairs = classes * target[keep].astype(np.int64) + preds[keep].astype(np.int64)
    return np.bincount(pairs, minlength=classes**2).reshape(classes, classes)


@pytest.mark.parametrize("backend_name", FAST)
def test_counts_are_those_of_the_definition(backend_name: str) -> None:
    """400 pairs of maps of all types, strides, runs, wild values and void: no count differs."""
    random = np.random.default_rng(3)
    for case in range(400):
        classes = int(random.choice(CLASSES))
        shape = (
            int(random.integers(1, 3)),
            int(random.integers(1, 30)),
            int(random.choice(WIDTHS)),
        )
        values = int(random.choice([classes, min(classes, 3), classes + 2]))
        preds = label_map(random, shape, values, wild=case % 3 == 0)
        target = label_map(random, shape, values, wild=case % 3 == 1)
        void = ignored(random, classes)
        wanted = counted(reference(), preds, target, classes, void)
        for _ in switch(backend_name):
            got = counted(registry.backend(), preds, target, classes, void)
        assert_array_equal(got, wanted, f"{classes} {shape} {preds.dtype} {target.dtype} {void}")


@pytest.mark.parametrize("backend_name", FAST)
def test_counts_from_logits_are_those_of_the_definition(backend_name: str) -> None:
    """150 logits of all kinds, at full size and upsampled, sigmoid heads too: no count differs."""
    random = np.random.default_rng(4)
    for _case in range(150):
        n, h, w = (int(random.integers(1, top)) for top in (3, 40, 90))
        size = (h, w) if random.random() < 0.4 else tuple(random.integers(1, 14, 2).tolist())
        kind = str(random.choice(["float32", "float64", "float16", "int8"]))
        classes = int(random.choice([1, 2, 5, 19, 130, 257]))
        values = (random.normal(size=(n, classes, *size)) * 9).round(1).astype(kind)
        logits = Logits(values, kind, threshold=0.5 if classes == 1 else None)
        classes = max(classes, 2)
        axes = None
        if size != (h, w):
            axes = sampling.axes((size[0], size[1]), (h, w), str(random.choice(sampling.GRIDS)))
        target = label_map(random, (n, h, w), classes, wild=True)
        void = ignored(random, classes)
        wanted, got = (np.zeros((classes + 2, classes + 1), np.int64) for _ in range(2))
        report = reference().confusion_logits(logits, axes, target, void, wanted)
        for _ in switch(backend_name):
            assert registry.backend().confusion_logits(logits, axes, target, void, got) == report
        assert_array_equal(got, wanted)


def test_counts_are_added(backend: str, rng: np.random.Generator) -> None:
    """What the table held stays in it, beyond 2^31 and 2^53 too."""
    counts = np.full((5, 4), 2**60 + 1, np.int64)
    maps = rng.integers(0, 3, (2, 1, 40, 50)).astype(np.uint8)
    registry.backend().confusion_labels(maps[0], maps[1], np.empty(0, np.int64), counts)
    assert counts.astype(object).sum() - 20 * (2**60 + 1) == 2000


def test_more_than_two_to_the_24_pixels(fast_backend: str) -> None:
    """An image beyond what float32 counts has every pixel counted."""
    target = np.zeros((4100, 4100), np.uint8)
    matrix = segpost.confusion_matrix(target, target, num_classes=2)
    assert matrix.tolist() == [[4100 * 4100, 0], [0, 0]]


@given(st.data())
def test_matrix_is_that_of_the_idiom(data: st.DataObject) -> None:
    """Any shape, any of the types: as bincount says."""
    shape = tuple(data.draw(st.lists(st.integers(0, 9), min_size=1, max_size=4)))
    classes = data.draw(st.integers(1, 9))
    random = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    preds = random.integers(0, classes, shape).astype(data.draw(st.sampled_from(DTYPES)))
    target = random.integers(0, classes, shape).astype(data.draw(st.sampled_from(DTYPES)))
    target[random.random(shape) < 0.2] = 100
    if len(shape) >= 3 and shape[-1] in (1, 3) and min(shape[-3:-1]) > 3:
        return  # looks like a picture
    got = segpost.confusion_matrix(preds, target, num_classes=classes, ignore_index=100)
    assert_array_equal(got, simple(preds, target, classes, 100))


def test_sklearn_and_torchmetrics_agree(rng: np.random.Generator) -> None:
    """The matrix is theirs."""
    metrics = pytest.importorskip("sklearn.metrics")
    target, preds = rng.integers(0, 7, (2, 3, 50, 60))
    target[rng.random(target.shape) < 0.1] = 255
    got = segpost.confusion_matrix(preds, target, num_classes=7, ignore_index=255)
    keep = target != 255
    wanted = metrics.confusion_matrix(target[keep], preds[keep], labels=np.arange(7))
    assert_array_equal(got, wanted)
    functional = pytest.importorskip("torchmetrics.functional.classification")
    theirs = functional.multiclass_confusion_matrix(
        torch.from_numpy(preds), torch.from_numpy(target), 7, ignore_index=255
    )
    assert_array_equal(got, theirs.numpy())


def test_logits_count_as_their_argmax(backend: str) -> None:
    """Counting logits, as they are or upsampled, is counting their labels."""
    logits = np.stack([scene(5, 20, 30, seed) for seed in (1, 2)])
    for size in ((20, 30), (77, 101)):
        labels = segpost.argmax(logits, size=size)
        target = np.roll(labels, 2, axis=1).astype(np.int16)
        got = segpost.confusion_matrix(logits, target, num_classes=5)
        assert_array_equal(got, segpost.confusion_matrix(labels, target, num_classes=5))
        last = np.moveaxis(logits, 1, -1)
        assert_array_equal(segpost.confusion_matrix(last, target, num_classes=5, axis=-1), got)


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_threads_do_not_change_counts(fast_backend: str, threads: int) -> None:
    """Large maps and logits: the same counts for any number of threads."""
    logits = scene(19, *((25, 50) if fast_backend == "cuda-emulated" else (100, 200)))
    size = 8 * logits.shape[1], 8 * logits.shape[2]
    target = np.roll(segpost.argmax(logits, size=size), 5, axis=1)
    before = segpost.num_threads()
    segpost.set_num_threads(threads)
    try:
        got = segpost.confusion_matrix(logits, target, num_classes=19)
    finally:
        segpost.set_num_threads(before)
    labels = segpost.argmax(logits, size=size)
    assert_array_equal(got, simple(labels, target, 19, -1))


def test_no_full_size_memory_from_python() -> None:
    """Counting logits allocates neither a label map nor full-size logits in Python."""
    logits = scene(19, 128, 256)
    target = np.zeros((1024, 2048), np.uint8)
    segpost.confusion_matrix(logits, target, num_classes=19)
    tracemalloc.start()
    segpost.confusion_matrix(logits, target, num_classes=19)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1 << 20


def test_torch_in_torch_out() -> None:
    """A torch target gives a torch matrix."""
    target = torch.tensor([[0, 1]])
    got = segpost.confusion_matrix(torch.tensor([[0, 0]]), target, num_classes=2)
    assert isinstance(got, torch.Tensor)
    assert got.dtype is torch.int64
    assert got.tolist() == [[1, 0], [1, 0]]


MAP = np.zeros((2, 4, 5), np.uint8)
COLORS = (np.arange(432) % 251).astype(np.uint8).reshape(2, 8, 9, 3)


@pytest.mark.parametrize(
    ("preds", "target", "options", "message"),
    [
        (MAP, MAP + 255, {}, r"target has 40 of 40 values outside 0..2: 255 \(40 times\).*"
         r"\[0, 0, 0\].*pass ignore_index=255"),
        (MAP, MAP.astype(np.int64) - 1, {}, r"-1 \(40 times\).*pass ignore_index=-1"),
        (MAP, MAP + 3, {}, r"3 \(40 times\).*start at 1"),
        (MAP, MAP + 7, {"num_classes": 19, "ignore_index": 255}, None),
        (MAP, MAP + 33, {"num_classes": 19, "ignore_index": 255}, r"labelIds\? 19 classes"),
        (MAP + 255, MAP, {}, r"preds have 40 of 40 values outside 0..2.*255 \(40 times\)"),
        (MAP.astype(np.int8) - 1, MAP, {}, r"preds have 40 .*-1 \(40 times\).*\[0, 0, 0\]"),
        (MAP + 3, MAP, {}, r"preds have 40 of 40 values outside 0..2.*: 3 \(40 times\)"),
        (MAP.astype(np.int64) + 2**40, MAP, {}, r"1099511627776 \(40 times\)"),
        (MAP[:, :3], MAP, {}, r"preds of shape \(2, 3, 5\) do not fit target of shape \(2, 4, 5\)"),
        (MAP.swapaxes(1, 2), MAP, {}, "height and width swapped"),
        (MAP, MAP[:, None], {}, r"target\[:, 0\]"),
        (MAP, MAP, {"num_classes": 0}, "num_classes must be in 1"),
        (MAP, MAP, {"ignore_index": 2**63}, "range of int64"),
        (np.zeros((2, 4, 4, 5), np.float32), MAP, {}, "logits of 4 classes.*num_classes is 3"),
        (np.zeros((2, 4, 5, 3), np.float32), MAP, {}, "pass axis=-1"),
        (np.zeros((3, 3, 4, 5), np.float32), MAP, {}, "preds have 3 images, target has 2"),
        (np.full((2, 3, 4, 5), np.nan, np.float32), MAP, {}, "logits have 120 NaN"),
        (np.zeros((2, 3, 0, 5), np.float32), MAP, {}, "hold nothing"),
        (COLORS, COLORS, {}, "labels_from_col"),
    ],
)  # fmt: skip
def test_bad_values_are_named(
    backend: str,
    preds: np.ndarray,
    target: np.ndarray,
    options: dict[str, Any],
    message: str | None,
) -> None:
    """What came, how many, and where the first is; no bad value lands in another class's cell."""
    arguments = {"num_classes": 3, **options}
    if message is None:
        assert segpost.confusion_matrix(preds, target, **arguments).sum() == target.size
        return
    with pytest.raises(ValueError, match=message):
        segpost.confusion_matrix(preds, target, **arguments)


@pytest.mark.parametrize(
    ("preds", "target", "message"),
    [
        (MAP.astype(np.float32), MAP, "preds must be integers, got dtype float32"),
        (MAP, MAP.astype(np.float64), "target must be integers, got dtype float64"),
        (MAP, MAP.astype(bool), "target must be integers, got dtype bool.*astype"),
        (MAP, np.ma.masked_array(MAP), "masked"),
        (MAP, [[0, 1]], "target must be an array, got list"),
        (MAP, "map", "target must be an array, got str"),
    ],
)
def test_what_is_no_label_map_is_refused(preds: Any, target: Any, message: str) -> None:
    """Floats, booleans, lists and masks are not taken for labels."""
    with pytest.raises(TypeError, match=message):
        segpost.confusion_matrix(preds, target, num_classes=3)


def test_unsigned_labels_never_match_negative_void(backend: str) -> None:
    """A uint64 beyond int64 is not the void value of its bit pattern."""
    target = np.array([[2**64 - 1, 0]], np.uint64)
    with pytest.raises(ValueError, match="18446744073709551615"):
        segpost.confusion_matrix(
            np.array([[0, 0]], np.uint8), target, num_classes=2, ignore_index=-1
        )


def test_empty_maps_give_zeros(backend: str) -> None:
    """No pixels are no counts."""
    for shape in ((0,), (0, 5), (3, 0), (2, 0, 4)):
        empty = np.zeros(shape, np.uint8)
        assert not segpost.confusion_matrix(empty, empty, num_classes=2).any()
