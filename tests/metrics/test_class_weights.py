"""Class weights: known values, scikit-learn's, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import segpost

COUNTS = [600, 300, 0, 75, 25]


def test_median_frequency_is_the_median_over_each() -> None:
    """Of the classes that occur: 187.5 over their counts."""
    weights = segpost.class_weights(COUNTS)
    np.testing.assert_allclose(weights, [0.3125, 0.625, 0, 2.5, 7.5])


def test_effective_number_is_that_of_the_paper() -> None:
    """(1 - beta) / (1 - beta ** n), to a mean of 1."""
    beta = 0.99
    wanted = np.array([(1 - beta) / (1 - beta**n) for n in (600, 300, 75, 25)])
    weights = segpost.class_weights(COUNTS, method="effective_number", beta=beta)
    np.testing.assert_allclose(weights[[0, 1, 3, 4]], wanted / wanted.mean())
    assert weights[2] == 0


def test_effective_number_is_exact_where_powers_cancel() -> None:
    """beta ** n next to 1: as many pixels as one picture has, of a beta of millions."""
    weights = segpost.class_weights([3, 1], method="effective_number", beta=1 - 1e-15)
    np.testing.assert_allclose(weights, [0.5, 1.5], rtol=1e-9)
    np.testing.assert_array_equal(
        segpost.class_weights([3, 1], method="effective_number", beta=0.0), 1.0
    )


@given(st.lists(st.integers(1, 60), min_size=1, max_size=9))
def test_inverse_is_scikit_learns_balanced(counts: list[int]) -> None:
    """For any counts."""
    sklearn = pytest.importorskip("sklearn.utils.class_weight")
    labels = np.repeat(np.arange(len(counts)), counts)
    wanted = sklearn.compute_class_weight("balanced", classes=np.arange(len(counts)), y=labels)
    np.testing.assert_allclose(segpost.class_weights(counts, method="inverse"), wanted)


def test_what_does_not_occur_has_the_weight_that_is_said() -> None:
    """And no part in the others'."""
    with_it = segpost.class_weights([4, 0, 1], absent=7.0)
    np.testing.assert_allclose(with_it[[0, 2]], segpost.class_weights([4, 1]))
    assert with_it[1] == 7


def test_a_confusion_matrix_counts_its_targets() -> None:
    """Void is in no class, whatever was predicted."""
    target = np.array([[0, 0, 1, 255], [2, 2, 2, 2]], np.uint8)
    cm = segpost.ConfusionMatrix(3, ignore_index=255)
    cm.update(preds=np.zeros_like(target), target=target)
    np.testing.assert_array_equal(
        segpost.class_weights(cm, method="inverse"),
        segpost.class_weights([2, 1, 4], method="inverse"),
    )


@pytest.mark.parametrize("dtype", ["uint8", "int16", "int64"])
def test_counts_are_numpys(dtype: str) -> None:
    """Of one map, of a list, of a generator, of torch tensors."""
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    maps = [rng.integers(0, 5, (7, 9)).astype(dtype) for _ in range(3)]
    wanted = np.bincount(np.concatenate(maps).ravel(), minlength=6)
    for given_maps in (np.stack(maps), maps, iter(maps), [torch.from_numpy(m) for m in maps]):
        np.testing.assert_array_equal(segpost.label_counts(given_maps, num_classes=6), wanted)


def test_void_is_not_counted() -> None:
    """255 and negative labels."""
    target = np.array([[0, -1, 255], [1, 1, 255]])
    counts = segpost.label_counts(target, num_classes=2, ignore_index=(-1, 255))
    assert counts.tolist() == [1, 2]


@pytest.mark.parametrize(
    ("error", "message", "call"),
    [
        (ValueError, "2 of 4 labels outside 0..2, first 7 at \\(0, 1\\)",
         lambda: segpost.label_counts(np.array([[0, 7], [9, 1]]), num_classes=3)),
        (TypeError, "targets must be integers", lambda: segpost.label_counts(
            np.zeros((2, 2)), num_classes=3)),
        (ValueError, "num_classes must be in", lambda: segpost.label_counts(
            np.array([[0]]), num_classes=0)),
        (ValueError, "method must be one of", lambda: segpost.class_weights([1], method="median")),  # type: ignore[arg-type]
        (ValueError, "beta must be in", lambda: segpost.class_weights([1], beta=1.0)),
        (ValueError, "none of the 2 classes occurs", lambda: segpost.class_weights([0, 0])),
        (ValueError, "1 negative numbers, first -4 of class 1", lambda: segpost.class_weights(
            [3, -4])),
        (TypeError, "counts must be integers", lambda: segpost.class_weights([0.5, 1])),
        (ValueError, "counts must be \\(C,\\)", lambda: segpost.class_weights([[1, 2]])),
    ],
)  # fmt: skip
def test_wrong_arguments_are_refused_in_words(
    error: type[Exception], message: str, call: Any
) -> None:
    """Naming the argument and what came."""
    with pytest.raises(error, match=message):
        call()
