"""Cases of nnU-Net's export: its objects as stand-ins, and the labels by a NumPy definition."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

import numpy as np
from conftest import scene

DEFAULT = {"is_seg": False, "order": 1, "order_z": 0, "force_separate_z": None}
SKIMAGE, TORCH = "resample_data_or_seg_to_shape", "resample_torch_fornnunet"
Sizes = tuple[int, int, int]


def softmax_helper_dim0(logits: Any) -> Any:
    """A name that label managers have; it is not called."""
    raise AssertionError


def sigmoid(logits: Any) -> Any:
    """As `softmax_helper_dim0`."""
    raise AssertionError


@dataclass(frozen=True)
class Case:
    """One prediction; axes are transposed but in `spacing`."""

    name: str
    shape: Sizes  # of the logits
    crop: Sizes
    spacing: tuple[float, ...] = (1.0, 1.0, 1.0)  # of the image's file
    configured: tuple[float, ...] = (2.0, 2.0, 2.0)  # of the configuration
    forward: tuple[int, int, int] = (0, 1, 2)
    start: Sizes = (0, 0, 0)  # of the crop box
    whole: Sizes | None = None
    classes: int = 4
    class_order: tuple[int, ...] | None = None
    function: str = SKIMAGE
    options: dict[str, Any] = field(default_factory=lambda: dict(DEFAULT))
    nearest: int | None = None  # the axis that is resampled separately

    def __str__(self) -> str:
        return self.name

    @property
    def size(self) -> Sizes:
        """The size of the transposed image."""
        return self.whole or self.crop

    @property
    def box(self) -> list[list[int]]:
        """The crop box, as nnU-Net writes it."""
        return [[a, a + n] for a, n in zip(self.start, self.crop, strict=True)]

    @property
    def backward(self) -> tuple[int, ...]:
        """The order that reverses `forward`."""
        return tuple(int(axis) for axis in np.argsort(self.forward))

    def logits(self, dtype: Any = np.float32, seed: int = 0) -> np.ndarray:
        """Smooth logits of regions, some of them below 0."""
        d, h, w = self.shape
        values = scene(self.classes, d * h, w, seed).reshape(self.classes, d, h, w)
        noise = np.random.default_rng(seed).normal(0, 0.5, values.shape)
        return np.asarray(values - values.mean() + noise, dtype)

    def properties(self) -> dict[str, Any]:
        """What nnU-Net's preprocessing says."""
        return {
            "spacing": list(self.spacing),
            "shape_before_cropping": self.size,
            "bbox_used_for_cropping": self.box,
            "shape_after_cropping_and_before_resampling": self.crop,
        }

    def configuration(self) -> dict[str, Any]:
        """The part of plans.json that is read."""
        return {
            "spacing": list(self.configured),
            "resampling_fn_probabilities": self.function,
            "resampling_fn_probabilities_kwargs": self.options,
        }

    def objects(self) -> dict[str, Any]:
        """Stand-ins for nnU-Net's objects, by the names of arguments."""
        has_regions = self.class_order is not None
        configuration = self.configuration()
        return {
            "plans_manager": SimpleNamespace(
                transpose_forward=list(self.forward), transpose_backward=list(self.backward)
            ),
            "configuration_manager": SimpleNamespace(
                spacing=configuration["spacing"], configuration=configuration
            ),
            "label_manager": SimpleNamespace(
                num_segmentation_heads=self.classes,
                has_regions=has_regions,
                regions_class_order=self.class_order,
                foreground_labels=[*range(1, self.classes + has_regions)],
                inference_nonlin=sigmoid if has_regions else softmax_helper_dim0,
            ),
            "properties_dict": self.properties(),
        }

    def resampled(self, logits: np.ndarray) -> np.ndarray:
        """Logits (C, D, H, W) of the crop, in float64."""
        values = logits.astype(np.float64)
        for axis, (n_in, n_out) in enumerate(zip(self.shape, self.crop, strict=True)):
            weights = interpolation(n_in, n_out, axis == self.nearest)
            values = np.moveaxis(np.tensordot(weights, values, (1, axis + 1)), 0, axis + 1)
        return values

    def labels_of(self, values: np.ndarray) -> np.ndarray:
        """Labels of resampled logits, or of regions in order."""
        if self.class_order is None:
            return np.asarray(values.argmax(0))
        labels = np.zeros(values.shape[1:], np.int64)
        for value, label in zip(values, self.class_order, strict=True):
            labels[value > 0] = label
        return labels

    def segmentation(self, logits: np.ndarray) -> np.ndarray:
        """The label map of the image's file."""
        whole = np.zeros(self.size, np.int64)
        whole[tuple(slice(a, b) for a, b in self.box)] = self.labels_of(self.resampled(logits))
        return whole.transpose(self.backward)

    def probabilities(self, logits: np.ndarray) -> np.ndarray:
        """The probabilities of the image's file."""
        values = self.resampled(logits)
        if self.class_order is None:
            values = np.exp(values - values.max(0))
            values /= values.sum(0)
        else:
            values = 1 / (1 + np.exp(-values))
        whole = np.zeros((self.classes, *self.size))
        if self.class_order is None:
            whole[0] = 1
        whole[(slice(None), *(slice(a, b) for a, b in self.box))] = values
        return whole.transpose(0, *(axis + 1 for axis in self.backward))


def interpolation(n_in: int, n_out: int, nearest: bool) -> np.ndarray:
    """Weights [n_out, n_in] of the half-pixel grid; the nearest is floor(coordinate + 1/2)."""
    outputs = np.arange(n_out)
    weights = np.zeros((n_out, n_in))
    if nearest:
        weights[outputs, (2 * outputs + 1) * n_in // (2 * n_out)] = 1
        return weights
    coordinates = ((outputs + 0.5) * n_in / n_out - 0.5).clip(0, n_in - 1)
    first = np.floor(coordinates).astype(int)
    weights[outputs, first] = 1 - (coordinates - first)
    weights[outputs, np.minimum(first + 1, n_in - 1)] += coordinates - first
    return weights


THICK = (5.0, 1.0, 1.0)  # millimeters
CASES = [
    Case("isotropic", (9, 10, 11), (15, 21, 17)),
    Case("smaller", (12, 10, 11), (7, 10, 5)),
    Case("same-size", (6, 7, 8), (6, 7, 8)),
    Case("z-first", (5, 10, 11), (8, 21, 17), (5, 1, 1), (3.1, 2, 2), nearest=0),
    Case("z-second", (10, 5, 11), (21, 8, 17), (1, 5, 1), (2, 3.1, 2), nearest=1),
    Case("z-third", (10, 11, 5), (21, 17, 8), (1, 1, 5), (2, 2, 3.1), nearest=2),
    Case("z-of-the-logits", (5, 10, 11), (8, 21, 17), (2, 1, 1), (9, 2, 2), nearest=0),
    Case("z-same", (5, 10, 11), (5, 21, 17), (5, 1, 1), (5, 2, 2), nearest=0),
    Case("two-thick-axes", (6, 6, 6), (9, 9, 9), (5, 5, 1), (6, 6, 1)),
    Case(
        "z-forced",
        (5, 9, 9),
        (9, 13, 13),
        (1.5, 1, 1),
        (2.5, 2, 2),
        options=DEFAULT | {"force_separate_z": True},
        nearest=0,
    ),
    Case(
        "z-forbidden",
        (5, 9, 9),
        (9, 13, 13),
        THICK,
        (9, 2, 2),
        options=DEFAULT | {"force_separate_z": False},
    ),
    Case("z-linear", (5, 9, 9), (9, 13, 13), THICK, (9, 2, 2), options=DEFAULT | {"order_z": 1}),
    Case("by-torch", (9, 10, 11), (15, 21, 17), function=TORCH, options={"is_seg": False}),
    Case(
        "by-torch-z",
        (5, 10, 11),
        (8, 21, 17),
        (5, 1, 1),
        (3.1, 2, 2),
        function=TORCH,
        options={"is_seg": False, "force_separate_z": None},
        nearest=0,
    ),
    Case("2-D", (5, 16, 18), (5, 33, 40), THICK, (2.0, 2.0), nearest=0),
    Case("image", (1, 16, 18), (1, 33, 40), (999, 1, 1), (2.0, 2.0), nearest=0),
    Case("cascade", (6, 7, 8), (25, 30, 29), configured=(4.1, 4.1, 4.1)),
    Case("regions", (9, 10, 11), (15, 21, 17), classes=3, class_order=(1, 2, 3)),
    Case("regions-order", (9, 10, 11), (15, 21, 17), classes=3, class_order=(3, 1, 2)),
    Case(
        "regions-z",
        (5, 10, 11),
        (8, 21, 17),
        THICK,
        (3.1, 2, 2),
        classes=3,
        class_order=(2, 1, 4),
        nearest=0,
    ),
    Case("crop", (6, 7, 8), (9, 11, 13), start=(2, 0, 5), whole=(12, 11, 20)),
    Case(
        "crop-regions",
        (6, 7, 8),
        (9, 11, 13),
        start=(0, 3, 1),
        whole=(12, 14, 14),
        classes=3,
        class_order=(1, 2, 3),
    ),
    Case("transposed", (9, 10, 11), (15, 21, 17), forward=(2, 0, 1)),
    Case(
        "transposed-z-crop",
        (5, 10, 11),
        (8, 21, 17),
        (1, 1, 5),
        (3.1, 2, 2),
        forward=(2, 0, 1),
        start=(1, 2, 3),
        whole=(10, 25, 20),
        nearest=0,
    ),
    Case("many-labels", (3, 4, 5), (5, 6, 7), classes=300),
]
BY_NAME = {case.name: case for case in CASES}


def vary_case(name: str, **changes: Any) -> Case:
    """A case with some fields changed."""
    return replace(BY_NAME[name], **changes)
