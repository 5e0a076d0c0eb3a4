"""Outputs of runtimes as predictions of a measure: the counts are those of the labels they mean."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import segpost
from segpost import Convention

C, H, W = 5, 6, 8
LOGITS = np.random.default_rng(0).normal(size=(2, C, H, W)).astype(np.float32)
LAST = np.ascontiguousarray(LOGITS.transpose(0, 2, 3, 1))
TARGET = np.random.default_rng(1).integers(0, C, (2, H, W)).astype(np.uint8)
IDS = LOGITS.argmax(1)
INSTANCES = np.random.default_rng(2).integers(1, 99, (2, H, W)).astype(np.uint16)


class Instances(segpost.InstanceIoU):
    """`InstanceIoU` of fixed instances, of which each is a pixel or a few of class 1."""

    def __init__(self, num_classes: int) -> None:
        super().__init__(num_classes, things={1: 1.5})

    def update(self, preds: Any, target: Any, **reading: Any) -> None:  # type: ignore[override]
        is_list = isinstance(target, list)
        maps = np.where(target == np.uint8(1), INSTANCES[:, : len(target[0])], 0)
        super().update(preds, target, list(maps) if is_list else maps, **reading)


class Function(segpost.ConfusionMatrix):
    """The counts of the function `confusion_matrix`."""

    def update(self, preds: Any, target: Any, **reading: Any) -> None:
        if isinstance(target, list):
            super().update(preds, target, **reading)
            return
        matrix = segpost.confusion_matrix(preds, target, num_classes=C, **reading)
        self._state = np.pad(matrix, (0, 1))


MEASURES = [
    segpost.ConfusionMatrix,
    segpost.BoundaryIoU,
    segpost.SurfaceDistance,
    segpost.TrimapIoU,
    segpost.BoundaryF,
    Instances,
    Function,
]


def counted(measure: Any, preds: Any, target: Any = TARGET, **reading: Any) -> Any:
    filled = measure(C)
    filled.update(preds, target, **reading)
    return filled


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize(
    ("preds", "reading"),
    [
        ({"out": LOGITS, "aux": LOGITS[::-1]}, {"convention": "torchvision"}),
        (SimpleNamespace(logits=LOGITS), {"convention": "transformers"}),
        ([LOGITS], {"convention": "onnxruntime"}),
        (LAST, {"convention": "keras-hub"}),
        (LAST, {"convention": "keras-hub", "axis": -1}),
        (IDS, {"convention": "tf1-deeplab"}),
        (IDS.astype(np.float32), {"convention": "tf1-deeplab"}),
        ([IDS[:, None]], {"convention": "paddleseg"}),
        (segpost.softmax(LOGITS), {"convention": Convention(kind="probabilities")}),
        (np.rint(40 * LOGITS).astype(np.int8), {"quantization": (1 / 40, 0)}),
        (LOGITS, {"quantization": (0.0, 0)}),
        (LAST, {"axis": -1}),
    ],
)
def test_outputs_count_as_their_labels(measure: Any, preds: Any, reading: dict[str, Any]) -> None:
    """Of every form in which a runtime hands logits, probabilities or labels over."""
    labels = IDS
    if reading.get("quantization") == (1 / 40, 0):
        labels = preds.argmax(1)
    assert counted(measure, preds, **reading) == counted(measure, labels.astype(np.uint8))


@pytest.mark.parametrize("measure", MEASURES)
def test_lists_of_images_are_outputs_each(measure: Any) -> None:
    """Where the targets are a list, so are the outputs."""
    outputs = [{"out": LOGITS[0]}, {"out": LOGITS[1]}]
    listed = counted(measure, outputs, list(TARGET), convention="torchvision")
    assert listed == counted(measure, LOGITS)
    with pytest.raises(ValueError, match=r"image 1 of the list: .*looks for 'out'"):
        measure(C).update([outputs[0], {"x": 1, "y": 2}], list(TARGET), convention="torchvision")


def test_the_grid_is_that_of_the_convention(backend: str) -> None:
    """Small logits are upsampled as the network would have done it."""
    target = np.zeros((2, 23, 31), np.uint8)
    cases: list[tuple[Any, Any]] = [("jfzhang95", "align_corners"), ("vainf", "half_pixel")]
    for name, grid in cases:
        convention = Convention.named(name).before_upsampling()
        matrix = counted(segpost.ConfusionMatrix, LOGITS, target, convention=convention).matrix
        assert convention.grid == grid
        labels = segpost.argmax(LOGITS, size=(23, 31), grid=grid)
        np.testing.assert_array_equal(matrix[0], np.bincount(labels.ravel(), minlength=C))
    with pytest.raises(ValueError, match="grid must be given to resample"):
        counted(segpost.ConfusionMatrix, [LOGITS], target, convention="onnxruntime")


def test_thresholds_are_of_what_the_values_are(backend: str) -> None:
    """A probability is compared with the threshold itself; raw integers by their quantization."""
    logits = LOGITS[:, :1]
    chances = 1 / (1 + np.exp(-logits))
    mask = (chances[:, 0] > 0.7).astype(np.uint8)
    raw = np.rint(logits / 0.05 + 3).astype(np.int8)
    sigmoid = Convention(kind="probabilities")
    for preds, reading in (
        (logits, {}),
        (chances, {"convention": sigmoid}),
        (np.float16(chances), {"convention": sigmoid}),
        (raw, {"quantization": (0.05, 3)}),
        (raw, {"convention": Convention(quantization=(0.05, 3))}),
    ):
        matrix = segpost.ConfusionMatrix(2)
        matrix.update(preds, mask, threshold=0.7, **reading)
        wrong = matrix.matrix[0, 1] + matrix.matrix[1, 0]
        assert wrong <= (2 if preds is raw else 0)
        counts = segpost.confusion_matrix(preds, mask, num_classes=2, threshold=0.7, **reading)
        np.testing.assert_array_equal(counts, matrix.matrix)
        instances = segpost.InstanceIoU(2, things={1: 1.0})
        instances.update(preds, mask, mask, threshold=0.7, **reading)
        np.testing.assert_array_equal(instances.compute().iou, matrix.compute().iou)
    matrix = segpost.ConfusionMatrix(2)
    matrix.update(raw, mask, threshold=0.7)
    assert matrix.matrix[0, 1] > 10  # without the quantization


@pytest.mark.parametrize(
    ("preds", "reading", "error", "text"),
    [
        (LOGITS, {"convention": "caffe"}, ValueError, "convention must be one of"),
        (LAST, {"convention": "keras-hub", "axis": -3}, ValueError, "axis=-3 does not agree"),
        (LOGITS, {"quantization": (0.5, 3)}, TypeError, "quantization is for integer logits, got"),
        (IDS, {"quantization": (0.5, 3)}, ValueError, "quantization is for .*preds are labels"),
        (LOGITS, {"quantization": (3, 0.5)}, ValueError, r"exchanged, pass \(0\.5, 3\)"),
        (IDS / 3, {"convention": "tf1-deeplab"}, TypeError, "no whole numbers"),
        (LOGITS, {"convention": "tf1-deeplab"}, TypeError, "no whole numbers"),
        (IDS[:, 1:], {"convention": "tf1-deeplab"}, ValueError, "do not fit target of shape"),
        (IDS, {"convention": "vainf"}, ValueError, "do not fit target of shape"),
        ({"x": 1, "y": 2}, {"convention": "torchvision"}, ValueError, "looks for 'out'"),
    ],
)
@pytest.mark.parametrize("measure", MEASURES)
def test_what_does_not_fit_is_refused(
    measure: Any, preds: Any, reading: dict[str, Any], error: type[Exception], text: str
) -> None:
    """And nothing is counted."""
    empty = measure(C)
    with pytest.raises(error, match=text):
        empty.update(preds, TARGET, **reading)
    assert empty == measure(C)
