"""Offsets, grids, letterboxes and orders of classes that a diagnosis finds."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from diagnosis_files import DATA, scene_of
from diagnosis_scenes import CLASSES, SIZE, letterbox, logits_of, pair, regions
from hypothesis import given
from hypothesis import strategies as st

import segpost
from segpost.diagnosis.assignment import best_assignment
from segpost.diagnosis.class_maps import TRAIN_IDS

GRIDS = ("half_pixel", "align_corners", "asymmetric")


@pytest.mark.parametrize("dy", [-16, -5, 0, 1, 16])
@pytest.mark.parametrize("dx", [-16, -1, 0, 7, 16])
def test_offsets_are_found_exactly(dy: int, dx: int) -> None:
    """An offset of up to 16 pixels in each direction is measured exactly."""
    _, labels, target = pair(seed=3)
    found = segpost.diagnose(labels=np.roll(labels, (dy, dx), (0, 1)), target=target)
    if not (dy or dx):
        assert found.ok
        return
    (finding,) = found.findings
    assert finding.code == "shifted"
    assert (finding.evidence["down"], finding.evidence["right"]) == (dy, dx)


@pytest.mark.skipif(not DATA.is_dir(), reason="no photographs")
@pytest.mark.parametrize("name", ["1", "23"])
@pytest.mark.parametrize("offset", [(0, 0), (8, 8), (0, 12), (-16, 16), (3, -2), (-5, -11)])
def test_offsets_of_photographs_are_found(name: str, offset: tuple[int, int]) -> None:
    """A prediction against itself gives the offset; against its target, what the network adds."""
    _, preds, target = scene_of(DATA, name)
    moved = np.roll(preds, offset, (0, 1))
    for truth, most in ((preds, 0), (target, 1)):
        found = segpost.diagnose(labels=moved, target=truth, palette="voc")
        if offset == (0, 0):
            assert found.ok
            continue
        evidence = found.findings[0].evidence
        assert abs(evidence["down"] - offset[0]) <= most
        assert abs(evidence["right"] - offset[1]) <= most


def test_offsets_of_large_pictures_are_found_exactly() -> None:
    """Offsets of large maps are searched on some rows, and counted on all."""
    target = regions(19, (768, 1024))
    found = segpost.diagnose(labels=np.roll(target, (-11, 13), (0, 1)), target=target)
    evidence = found.findings[0].evidence
    assert (evidence["down"], evidence["right"]) == (-11, 13)
    moved, kept = target[:-11, :-13], np.roll(target, (-11, 13), (0, 1))[:-11, 13:]
    wanted = (target[11:, :-13] == kept).mean()
    assert moved.size
    assert evidence["agreement_after"] == pytest.approx(wanted, abs=0)


@pytest.mark.parametrize("stride", [4, 8, 16])
@pytest.mark.parametrize(("made_for", "told"), list(itertools.product(GRIDS, GRIDS)))
def test_the_grid_is_found(made_for: str, told: Any, stride: int) -> None:
    """The sampling grid of the logits is found, and nothing where it was passed."""
    for seed in range(2):
        target = regions(seed=seed)
        logits = logits_of(target, stride=stride, grid=made_for)
        found = segpost.diagnose(logits=logits, target=target, grid=told)
        if made_for == told:
            assert found.ok
        else:
            assert found.codes == ("wrong-grid",)
            assert found.findings[0].evidence["grid"] == made_for


@pytest.mark.parametrize("where", [0.0, 0.5])
def test_letterboxes_are_found(where: float) -> None:
    """The position of the image in the padded square is found."""
    _, labels, target = pair(seed=2)
    found = segpost.diagnose(labels=letterbox(labels, where), target=target)
    (finding,) = found.findings
    assert finding.code == "letterbox"
    box = segpost.Letterbox.fit(SIZE, (256, 256), align="center" if where else "top_left")
    assert finding.evidence["letterbox"] == repr(box)
    names: dict[str, Any] = {"np": np, "labels": letterbox(labels, where)}
    exec(finding.cure, names)
    assert (names["labels"] == target).mean() > 0.95


def test_the_inverse_of_times_255_is_exact() -> None:
    """The cure of `argmax-times-255`, run as it is written, gives the labels back."""
    _, labels, _ = pair()
    saved = (labels.astype(int) * 255).astype(np.uint8)
    finding = segpost.diagnose(labels=saved, num_classes=CLASSES).findings[0]
    names: dict[str, Any] = {"labels": saved, "np": np}
    exec(finding.cure, names)
    np.testing.assert_array_equal(names["labels"], labels)


def test_the_best_order_of_classes_is_named() -> None:
    """The mapping of `classes-permuted` is the permutation that was applied."""
    _, labels, target = pair()
    order = np.array([3, 1, 6, 0, 2, 5, 4], np.uint8)
    predicted = order[labels]
    finding = segpost.diagnose(labels=predicted, target=target).findings[0]
    names: dict[str, Any] = {"np": np, "labels": predicted}
    exec(finding.cure, names)
    np.testing.assert_array_equal(names["labels"], labels)
    moved = [f"{k}->{v}" for k, v in enumerate(order.tolist()) if k != v]
    assert finding.evidence["mapping"] == ", ".join(moved)


def test_train_ids_are_those_of_the_palettes() -> None:
    """The map of labelIds is the one that the names of both palettes give."""
    names = segpost.Palette.named("cityscapes").names or ()
    every = segpost.Palette.named("cityscapes_labelid").names or ()
    assert {every.index(name): k for k, name in enumerate(names)} == TRAIN_IDS


@given(st.integers(1, 7), st.integers(0, 2**32 - 1))
def test_assignments_are_the_best(n: int, seed: int) -> None:
    """No permutation of the columns is worth more, ties and zeros among them."""
    worth = np.random.default_rng(seed).integers(0, 5, (n, n))
    chosen = best_assignment(worth)
    assert sorted(chosen.tolist()) == list(range(n))
    most = max(
        sum(int(worth[i, k]) for i, k in enumerate(order))
        for order in itertools.permutations(range(n))
    )
    assert worth[np.arange(n), chosen].sum() == most


@pytest.mark.parametrize("n", [0, 1, 40, 256])
def test_assignments_are_those_of_scipy(n: int) -> None:
    """The sum of the assignment is that of scipy, for up to 256 classes."""
    optimize = pytest.importorskip("scipy.optimize")
    worth = np.random.default_rng(n).integers(0, 1000, (n, n))
    rows, columns = optimize.linear_sum_assignment(worth, maximize=True)
    chosen = best_assignment(worth)
    assert worth[np.arange(n), chosen].sum() == worth[rows, columns].sum()
