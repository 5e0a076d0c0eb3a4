"""Images passed as labels are refused everywhere; batches of narrow maps have a way in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import segpost
from segpost import Convention

LABELS = Convention(name="ids", kind="labels")
IMAGES = np.random.default_rng(0).integers(0, 256, (6, 7, 3, 3), np.uint8)


def maps(*shape: int) -> np.ndarray:
    """Labels of two classes."""
    return np.random.default_rng(1).integers(0, 2, shape, np.uint8)


def measured(measure: Any, labels: Any) -> Any:
    measure.update(labels, labels)
    return measure.compute()


TAKERS: dict[str, Callable[[Any], Any]] = {
    "label_counts": lambda labels: segpost.label_counts(labels, num_classes=2),
    "colorize": lambda labels: segpost.colorize(labels, "voc"),
    "confusion_matrix": lambda labels: segpost.confusion_matrix(labels, labels, num_classes=2),
    "ConfusionMatrix": lambda labels: measured(segpost.ConfusionMatrix(2), labels),
    "per image": lambda labels: measured(segpost.ConfusionMatrix(2, per_image=True), labels),
    "BoundaryIoU": lambda labels: measured(segpost.BoundaryIoU(2), labels),
    "TrimapIoU": lambda labels: measured(segpost.TrimapIoU(2), labels),
    "postprocess": lambda labels: segpost.postprocess(
        labels, convention=LABELS, palette="voc", want=("labels", "color")
    ),
    "postprocess alone": lambda labels: segpost.postprocess(labels, convention=LABELS),
}


@pytest.mark.parametrize("taker", TAKERS)
@pytest.mark.parametrize("last", [1, 3])
def test_images_are_no_labels(taker: str, last: int) -> None:
    """(H, W, 1) and (H, W, 3) are an error with the cure of an image and that of a batch."""
    cure = r"\[\.\.\., 0\]" if last == 1 else "labels_from_colors"
    with pytest.raises(ValueError, match=rf"look like \(H, W, {last}\).*{cure}.*\[:, None\]"):
        TAKERS[taker](maps(6, 7, last))
    with pytest.raises(ValueError, match=rf"look like \(H, W, {last}\)|must be \(H, W\)"):
        TAKERS[taker](maps(2, 6, 7, last))


@pytest.mark.parametrize("taker", TAKERS)
@pytest.mark.parametrize("last", [1, 3])
def test_narrow_maps_pass_with_an_axis_of_one(taker: str, last: int) -> None:
    """The cure that the error names gives the results of maps one by one."""
    labels = maps(6, 7, last)
    result = TAKERS[taker](labels[:, None])
    if taker == "label_counts":
        np.testing.assert_array_equal(result, np.bincount(labels.ravel()))
    elif taker == "colorize":
        np.testing.assert_array_equal(result[2, 0], segpost.colorize(labels[2], "voc"))
    elif taker == "confusion_matrix":
        np.testing.assert_array_equal(result, np.diag(np.bincount(labels.ravel())))
    elif taker.startswith("postprocess"):
        np.testing.assert_array_equal(result.labels, labels)
        if result.color is not None:
            np.testing.assert_array_equal(result.color[2], segpost.colorize(labels[2], "voc"))
    elif taker == "per image":
        assert len(result.images.ids) == 6
    else:
        assert np.nanmin(result.miou if hasattr(result, "miou") else result.boundary_iou) == 1


@pytest.mark.parametrize("last", [1, 3])
def test_logits_show_that_narrow_targets_are_a_batch(backend: str, last: int) -> None:
    """As many images of logits as targets: nothing else could be meant."""
    logits = np.random.default_rng(2).normal(size=(6, 2, 7, last)).astype(np.float32)
    target = logits.argmax(1).astype(np.uint8)
    counts = segpost.confusion_matrix(logits, target, num_classes=2)
    np.testing.assert_array_equal(counts, np.diag(np.bincount(target.ravel())))
    with pytest.raises(ValueError, match="look like"):
        segpost.confusion_matrix(logits[0], target, num_classes=2)


def test_a_crf_of_labels_takes_no_image_for_them() -> None:
    """Three channels beside an image of three are no six maps; an image of each map shows it."""
    crf = segpost.DenseCRF(unary="labels", num_classes=2)
    labels = maps(6, 7, 3)
    cure = r"labels_from_colors.*batch of maps 3 wide, pass image= of shape \(6, 7, 3, 3\)"
    with pytest.raises(ValueError, match=rf"look like \(H, W, 3\).*{cure}"):
        crf(labels, IMAGES[..., 0])
    with pytest.raises(ValueError, match="look like"):
        segpost.DenseCRF(unary="labels", num_classes=2, bilateral=None)(labels)
    together = crf(labels, IMAGES)
    np.testing.assert_allclose(together[4], crf(labels[4], IMAGES[4]), atol=1e-6)
