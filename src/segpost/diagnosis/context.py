"""The inputs of a diagnosis, and what rules derive from them, each computed once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple, TypeVar

import numpy as np

from segpost._core.arrays import LABEL_KINDS, Array, widen
from segpost._core.contract import Logits
from segpost._core.logits import dequantize
from segpost._core.sampling import GRIDS
from segpost.color.palette import Palette
from segpost.diagnosis.alignment import Alignment
from segpost.diagnosis.grid_fit import ResizableLogits
from segpost.diagnosis.values import (
    Bytes,
    Float64,
    Int64,
    ValueCounts,
    count_values,
    sample_pixels,
)
from segpost.labels.operations import argmax
from segpost.pipeline.api import postprocess
from segpost.runtimes.convention import Convention
from segpost.spatial.letterbox import Letterbox

COMPARED_PIXELS = 1 << 22  # of prediction and target; at least one image is compared

T = TypeVar("T")


class ImageMetadata(NamedTuple):
    """What a Pillow image knows beside its pixels."""

    mode: str
    format: str
    palette: Bytes | None  # (K, 3), of an indexed image
    orientation: int  # EXIF; 1 is upright


@dataclass(frozen=True, eq=False)
class DiagnosticInputs:
    """The arguments of `diagnose` as arrays; what was not given is None.

    The `needs` of a rule are names of these fields, or "predicted".
    """

    logits_array: Array | None = None  # in the layout in which they came
    logits: Logits | None = None  # (N, C, h, w)
    repeat_logits: Logits | None = None  # (N, C, h, w), of a second run
    labels: Array | None = None  # (N, H, W)
    color: Bytes | None = None  # (N, H, W, 3), the image drawn of the labels
    decoded: Array | None = None  # (N, H, W), the ids that these colors mean
    target: Array | None = None  # (N, H, W)
    target_colors: Bytes | None = None  # (N, H, W, 3), a target that is a color image
    image: Bytes | None = None  # (N, H, W, 3)
    input: Float64 | None = None  # (N, 3, H, W), the tensor that the network was fed
    mean: Float64 | None = None  # (3,), of bytes
    std: Float64 | None = None  # (3,), of bytes
    normalizes_bytes: bool = False  # whether the caller's mean and std are those of bytes
    palette: Palette | None = None
    class_names: tuple[str, ...] | None = None
    num_classes: int | None = None
    grid: str | None = None
    letterbox: Letterbox | None = None
    threshold: float | None = None
    quantization: tuple[float, float] | None = None  # (scale, zero_point)
    class_axis: int = -3
    class_axis_corrected: bool = False  # the axis of the caller cannot be meant
    palette_in_0_1: bool = False  # the palette came as floats of 0..1
    ignored: Int64 = field(default_factory=lambda: np.empty(0, np.int64))  # values of the target
    metadata: dict[str, ImageMetadata] = field(default_factory=dict)  # by argument
    readings: dict[str, str] = field(default_factory=dict)  # how ids were decoded, by argument
    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)  # as they came, by argument
    foreign: frozenset[str] = frozenset()  # arguments that are no NumPy arrays

    @property
    def predicted(self) -> Array | Logits | None:
        """Return the first input that gives a prediction: labels, logits or decoded colors."""
        if self.labels is not None:
            return self.labels
        return self.logits if self.logits is not None else self.decoded


def require(value: T | None, name: str) -> T:
    """Return an input that the `needs` of a rule promise."""
    if value is None:
        raise LookupError(f"a rule reads {name} without naming it in its needs")
    return value


@dataclass(frozen=True, eq=False)
class DiagnosticContext:
    """The inputs of a diagnosis, and what follows from them.

    ``context.inputs.labels`` may be None. ``context.labels`` is for rules that need labels.
    """

    inputs: DiagnosticInputs

    # Inputs --------------------------------------------------------------------------------------

    @property
    def logits_array(self) -> Array:
        """Return the logits in the layout in which they came."""
        return require(self.inputs.logits_array, "logits_array")

    @property
    def logits(self) -> Logits:
        """Return the logits, (N, C, h, w)."""
        return require(self.inputs.logits, "logits")

    @property
    def repeat_logits(self) -> Logits:
        """Return the logits of a second run, (N, C, h, w)."""
        return require(self.inputs.repeat_logits, "repeat_logits")

    @property
    def labels(self) -> Array:
        """Return the labels, (N, H, W)."""
        return require(self.inputs.labels, "labels")

    @property
    def color(self) -> Bytes:
        """Return the image drawn of the labels, (N, H, W, 3)."""
        return require(self.inputs.color, "color")

    @property
    def target(self) -> Array:
        """Return the target, (N, H, W)."""
        return require(self.inputs.target, "target")

    @property
    def target_colors(self) -> Bytes:
        """Return a target that is a color image, (N, H, W, 3)."""
        return require(self.inputs.target_colors, "target_colors")

    @property
    def image(self) -> Bytes:
        """Return the image, (N, H, W, 3)."""
        return require(self.inputs.image, "image")

    @property
    def input(self) -> Float64:
        """Return the tensor that the network was fed, (N, 3, H, W)."""
        return require(self.inputs.input, "input")

    @property
    def mean(self) -> Float64:
        """Return the mean of the normalization, of bytes."""
        return require(self.inputs.mean, "mean")

    @property
    def std(self) -> Float64:
        """Return the standard deviation of the normalization, of bytes."""
        return require(self.inputs.std, "std")

    @property
    def palette(self) -> Palette:
        """Return the palette of the caller."""
        return require(self.inputs.palette, "palette")

    @property
    def class_names(self) -> tuple[str, ...]:
        """Return the class names of the caller."""
        return require(self.inputs.class_names, "class_names")

    def cached(self, name: str, compute: Callable[[], Any]) -> Any:
        """Return a value that several rules share, computed at the first call."""
        cache = self.__dict__.setdefault("_cache", {})
        if name not in cache:
            cache[name] = compute()
        return cache[name]

    # Classes -------------------------------------------------------------------------------------

    @cached_property
    def classes(self) -> int | None:
        """Return the number of classes: the caller's, the logits' or the palette's."""
        inputs = self.inputs
        if inputs.num_classes is not None:
            return inputs.num_classes
        if inputs.logits is not None:
            channels = inputs.logits.values.shape[1]
            return channels if channels > 1 else 2
        return None if inputs.palette is None else len(inputs.palette)

    @property
    def channels(self) -> int | None:
        """Return the number of channels of the logits."""
        logits = self.inputs.logits
        return None if logits is None else int(logits.values.shape[1])

    def palette_shown(self) -> Palette | None:
        """Return the palette in which labels are shown: the caller's, or that of their file."""
        if self.inputs.palette is not None:
            return self.inputs.palette
        metadata = self.inputs.metadata.get("labels")
        return None if metadata is None or metadata.palette is None else Palette(metadata.palette)

    def format_class(self, label: int) -> str:
        """Return the number of a class, with its name where names are known."""
        names = self.inputs.class_names
        if names is None and self.inputs.palette is not None:
            names = self.inputs.palette.names
        return f"{label} ({names[label]})" if names and 0 <= label < len(names) else str(label)

    # Logits --------------------------------------------------------------------------------------

    @cached_property
    def logit_samples(self) -> Float64:
        """Return the logits of evenly spaced pixels, (S, C), dequantized where that is known."""
        return sample_pixels(self.logits, self.inputs.quantization)

    @cached_property
    def is_finite(self) -> bool:
        """Return whether there are sampled logits and all are finite."""
        return bool(self.logit_samples.size) and bool(np.isfinite(self.logit_samples).all())

    @property
    def has_raw_threshold(self) -> bool:
        """Return whether a threshold is of integers whose scale and zero point are not known."""
        threshold, quantization = self.inputs.threshold, self.inputs.quantization
        return threshold is not None and quantization is None and self.logits.kind in LABEL_KINDS

    @cached_property
    def first_channel(self) -> Array:
        """Return the logits of the first class, (N, h, w), dequantized where that is known."""
        values, quantization = self.logits.values[:, 0], self.inputs.quantization
        return dequantize(values, self.logits.kind, *(quantization or (1.0, 0.0)))

    @property
    def logits_size(self) -> tuple[int, int, int]:
        """Return (N, h, w) of the logits."""
        n, _, h, w = self.logits.values.shape
        return n, h, w

    @cached_property
    def labels_at_logits_size(self) -> Array:
        """Return the labels of the logits at their own size, (N, h, w)."""
        return self.argmax(None, "half_pixel")

    def argmax(self, size: tuple[int, int] | None, grid: str, *, padded: bool = False) -> Array:
        """Return the labels of the logits, (N, H, W); those of a one-channel head are 0 and 1.

        At the image size of the letterbox the padding is removed, unless `padded`.
        """
        box = self.inputs.letterbox
        options: dict[str, Any] = {"size": size, "grid": grid, "nan": "propagate"}
        if box is not None and size == box.image_size and not padded:
            options["letterbox"] = box
        threshold = self.inputs.threshold
        if self.logits.values.shape[1] == 1 and threshold is None:
            threshold = 0.5
        values = self.logits.values
        if self.logits.kind == "bfloat16":
            values = widen(values, "bfloat16")
        if threshold is None:
            return np.asarray(argmax(values, **options))
        # Logits, whatever their values look like.
        settings: Any = {"kind": "logits", "grid": options.pop("grid")}
        options["convention"] = Convention(**settings)
        options["quantization"] = self.inputs.quantization
        return np.asarray(postprocess(values, threshold=threshold, **options).labels)

    def iter_resized_labels(self) -> Iterator[Array]:
        """Yield the labels of the logits at the size of the caller's labels.

        There is one array for each grid that is possible.
        """
        n, h, w = self.logits_size
        shape = self.labels.shape
        if shape[0] != n or 0 in shape or 0 in (h, w):
            return
        size = (int(shape[1]), int(shape[2]))
        grid = self.inputs.grid
        is_resized = size != (h, w) or self.inputs.letterbox is not None
        for candidate in GRIDS if grid is None and is_resized else [grid or "half_pixel"]:
            yield self.argmax(size, candidate)

    @cached_property
    def labels_match_logits(self) -> bool:
        """Return whether the labels are those of the logits, on the caller's grid or on any."""
        return any(np.array_equal(labels, self.labels) for labels in self.iter_resized_labels())

    # Labels and target ---------------------------------------------------------------------------

    @cached_property
    def predicted(self) -> Array:
        """Return the prediction, (N, H, W): the labels, or those of the logits or of the colors.

        Labels of logits have the size of the letterbox's image, of the target or of the image.
        """
        inputs = self.inputs
        if inputs.labels is not None:
            return inputs.labels
        if inputs.logits is None:
            return require(inputs.decoded, "predicted")
        size = None if inputs.letterbox is None else inputs.letterbox.image_size
        for array in (inputs.target, inputs.image):
            if array is not None and len(array) == len(inputs.logits.values):
                size = (int(array.shape[1]), int(array.shape[2]))
                break
        return self.argmax(size, inputs.grid or "half_pixel")

    @cached_property
    def predicted_ids(self) -> ValueCounts:
        """Return the values of the prediction."""
        return count_values(self.predicted)

    @cached_property
    def label_ids(self) -> ValueCounts:
        """Return the values of the labels."""
        return count_values(self.labels)

    @cached_property
    def target_ids(self) -> ValueCounts:
        """Return the values of the target."""
        return count_values(self.target)

    @cached_property
    def known_ids(self) -> ValueCounts:
        """Return the values of the target that are not ignored."""
        keep = ~np.isin(self.target_ids.values, self.inputs.ignored)
        return ValueCounts(self.target_ids.values[keep], self.target_ids.counts[keep])

    def out_of_range(self, ids: ValueCounts) -> Int64:
        """Return the values that are neither classes nor ignored."""
        if self.classes is None:
            return ids.values[:0]
        beyond = (ids.values < 0) | (ids.values >= self.classes)
        return ids.values[beyond & ~np.isin(ids.values, self.inputs.ignored)]

    @cached_property
    def alignment(self) -> Alignment | None:
        """Return the comparison of prediction and target, or None where they cannot be compared."""
        inputs = self.inputs
        if inputs.predicted is None or inputs.target is None:
            return None
        predicted, target = self.predicted, inputs.target
        if len(predicted) != len(target) or 0 in predicted.shape:
            return None
        images = max(1, COMPARED_PIXELS // max(target[0].size, 1))
        logits = None
        if inputs.logits is not None and len(inputs.logits.values) == len(target):
            logits = ResizableLogits(
                size=self.logits_size[1:],
                grid=inputs.grid or "half_pixel",
                argmax=self.argmax,
                are_predicted=inputs.labels is None,
            )
        return Alignment(predicted[:images], target[:images], inputs.ignored, logits)
