"""Reading of the files of a pair into arrays that can be counted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from math import prod
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from segpost._core.arrays import Array
from segpost._core.text import FILE_ERRORS, ErrorText, describe_error, display_path
from segpost.color.operations import labels_from_colors
from segpost.evaluation.classes import Classes
from segpost.evaluation.label_maps import LabelTable, resize_nearest
from segpost.evaluation.options import EvaluationOptions
from segpost.evaluation.pairing import Pair
from segpost.evaluation.panoptic import PanopticReader
from segpost.files.geometry import VolumeGeometry, check_same_geometry, format_size
from segpost.files.images import Size, read_labels
from segpost.files.nifti import is_nifti, read_nifti_header, read_nifti_labels
from segpost.files.tensors import LOGITS_SUFFIXES, read_logits

COLORS_CURE = "colors=PALETTE reads the labels from its colors, if it was drawn with that palette"
INSTANCES_CURE = "wanted is one number a pixel, in up to 32 bits"


class PairArrays(NamedTuple):
    """The arrays of a pair.

    Attributes
    ----------
    preds : array
        Labels of the shape of `target`, or logits.
    target : integer array of shape (H, W), of volumes (D, H, W)
    """

    preds: Array
    target: Array
    panoptic_maps: tuple[Any, Any] | None = None  # of panoptic files, for `PanopticQuality`

    @property
    def are_volumes(self) -> bool:
        """Whether the pair is one of volumes."""
        return self.target.ndim == 3


class PairError(Exception):
    """An exception that a file of a pair has raised, with the name of the file."""

    def __init__(self, text: ErrorText) -> None:
        super().__init__(str(text))
        self.text = text


@dataclass(frozen=True)
class PairReader:
    """Reads the files of a pair, and maps and resizes their labels.

    Parameters
    ----------
    classes : Classes
        The classes of the evaluation.
    options : EvaluationOptions
        How files become labels.
    label_table : LabelTable, optional
        Replacements of the labels in the files.
    panoptic : PanopticReader, optional
        Reads the files, which are panoptic maps.
    """

    classes: Classes
    options: EvaluationOptions
    label_table: LabelTable | None = None
    panoptic: PanopticReader | None = None

    def read(self, pair: Pair) -> PairArrays:
        """Return the labels, or the logits, of a prediction, and the labels of its target.

        Raises
        ------
        PairError
            If a file cannot be read, or does not fit.
        """
        table, options = self.label_table, self.options
        if self.panoptic is not None:
            with _about_file(pair.target):
                target_map, target = self.panoptic.read(pair, 1, self._check_pixels)
            with _about_file(pair.preds):
                pred_map, preds = self.panoptic.read(pair, 0, self._check_pixels)
            return PairArrays(preds, target, (pred_map, target_map))
        with _about_file(pair.target):
            geometry = None
            if is_nifti(pair.target):
                target, geometry = read_nifti_labels(pair.target, self._check_voxels)
            else:
                target = read_labels(pair.target, self._decoder(), self._check_pixels, COLORS_CURE)
            if table is not None and options.maps_targets:
                target = table(target)
        with _about_file(pair.preds):
            if geometry is not None:
                preds = self._read_volume(pair, geometry)
            elif is_nifti(pair.preds):
                raise ValueError(
                    f"the prediction is a volume, its target {display_path(pair.target)} an image"
                )
            else:
                preds = self._read_prediction(pair.preds, (target.shape[0], target.shape[1]))
            if preds.ndim == target.ndim:
                if table is not None and options.maps_predictions:
                    preds = table(preds)
                if preds.shape != target.shape:
                    preds = resize_nearest(preds, (target.shape[0], target.shape[1]))
            elif table is not None and options.maps_predictions:
                raise ValueError(f"map_to={options.map_to}: it holds logits, not labels to map")
        return PairArrays(preds, target)

    def read_labels(self, pair: Pair) -> PairArrays:
        """Return the labels of a prediction and of its target, both of one shape.

        Raises
        ------
        PairError, ValueError
            As `read`, or if logits have no labels.
        """
        arrays = self.read(pair)
        return PairArrays(self.as_labels(arrays), arrays.target)

    def as_labels(self, arrays: PairArrays) -> Array:
        """Return the predicted labels of a pair, for logits those that `postprocess` returns."""
        if arrays.preds.ndim == arrays.target.ndim:
            return arrays.preds
        from segpost.pipeline.api import postprocess  # slow to import, needed for logits only

        labels: Array = postprocess(
            arrays.preds,
            axis=self.class_axis(arrays),
            volume=arrays.are_volumes,
            size=arrays.target.shape,
            grid=self.options.grid,
            threshold=self.options.threshold,
        ).labels
        return labels

    def class_axis(self, arrays: PairArrays) -> int:
        """Return the class axis of the logits of a pair."""
        axis = self.options.axis
        return -4 if axis == -3 and arrays.are_volumes else axis

    def read_instances(self, pair: Pair, size: Size) -> Array | None:
        """Return the instance map of a pair, which must have the size of its target.

        Raises
        ------
        PairError
            If the file cannot be read, or has another size.
        """
        path = pair.instances
        if path is None:
            return None

        def check(map_size: Size) -> None:
            self._check_pixels(map_size)
            if map_size != size:
                raise ValueError(
                    f"the map of instances is {map_size[0]} x {map_size[1]}, its target "
                    f"{size[0]} x {size[1]} (height x width)"
                )

        with _about_file(path):
            return read_labels(path, None, check, INSTANCES_CURE)

    def _decoder(self) -> Callable[[Array], Array] | None:
        """Return a function from colors to labels, None where no palette says what they mean."""
        palette = self.options.colors
        return None if palette is None else partial(labels_from_colors, palette=palette)

    def _read_prediction(self, path: Path, target_size: Size) -> Array:
        """Return labels that fit the target, or logits."""
        if path.suffix.lower() in LOGITS_SUFFIXES:
            array = read_logits(path, self.options.key)
            if array.ndim == 2 and array.dtype.kind in "iub":
                self._check_prediction_size((array.shape[0], array.shape[1]), target_size)
                return array
            return _logits_of_one(array, ("height", "width"))

        def check(size: Size) -> None:
            self._check_prediction_size(size, target_size)

        return read_labels(path, self._decoder(), check, COLORS_CURE)

    def _read_volume(self, pair: Pair, geometry: VolumeGeometry) -> Array:
        """Return labels that fit a target of this geometry, or logits (C, D, H, W)."""
        path = pair.preds

        def check(own: VolumeGeometry) -> None:
            names = f"prediction {display_path(path)}", f"target {display_path(pair.target)}"
            check_same_geometry(own, names[0], geometry, names[1])

        if is_nifti(path):
            header = read_nifti_header(path)
            if len(header.shape) == 3:
                return read_nifti_labels(path, check).labels
            check(header.geometry)
        elif path.suffix.lower() not in LOGITS_SUFFIXES:
            raise ValueError(
                f"the prediction is an image, its target {display_path(pair.target)} a volume"
            )
        array = read_logits(path, self.options.key)
        if array.ndim == 3 and array.dtype.kind in "iub":
            check(geometry._replace(shape=(array.shape[0], array.shape[1], array.shape[2])))
            return array
        logits = _logits_of_one(array, ("depth", "height", "width"))
        _refuse_masks_that_overlap(logits)
        return logits

    def _check_voxels(self, geometry: VolumeGeometry) -> None:
        """Refuse volumes of too many voxels."""
        if prod(geometry.shape) > self.options.max_pixels:
            raise ValueError(
                f"{format_size(geometry.shape)} are more voxels than "
                f"max_pixels={self.options.max_pixels}"
            )

    def _check_pixels(self, size: Size) -> None:
        """Refuse images of too many pixels."""
        if size[0] * size[1] > self.options.max_pixels:
            raise ValueError(
                f"{size[0]} x {size[1]} are more pixels than max_pixels={self.options.max_pixels}"
            )

    def _check_prediction_size(self, size: Size, target_size: Size) -> None:
        """Refuse predicted labels that are too large, or of another size than their target."""
        self._check_pixels(size)
        if size == target_size or self.options.resize is not None:
            return
        hint = 'resize="nearest" fits the prediction to it'
        if size == target_size[::-1]:
            hint = "are height and width swapped?"
        raise ValueError(
            f"the prediction is {size[0]} x {size[1]}, its target {target_size[0]} x "
            f"{target_size[1]} (height x width); {hint}"
        )


@contextmanager
def _about_file(path: Path) -> Iterator[None]:
    """Give errors of the block the name of a file."""
    try:
        yield
    except FILE_ERRORS as error:
        raise PairError(describe_error(error, display_path(path))) from error


def _refuse_masks_that_overlap(masks: Array) -> None:
    """Refuse integers 0 and 1 of which not exactly one of a voxel is 1, as of several cases."""
    if masks.dtype.kind not in "iub" or masks.min() < 0 or masks.max() > 1:
        return
    bad = masks.sum(axis=0, dtype=np.int32) != 1
    if bad.any():
        z, y, x = (int(i) for i in np.argwhere(bad)[0])
        raise ValueError(
            f"it holds {len(masks)} volumes of 0 and 1, and {int(bad.sum())} of {bad.size} voxels "
            f"are 1 in none or several, first [{z}, {y}, {x}]: save one "
            "label a voxel, or a mask of every class with the background"
        )


def _logits_of_one(array: Array, sides: tuple[str, ...]) -> Array:
    """Return logits of one image or volume, of a class axis and these sides."""
    if array.ndim == len(sides) + 2 and len(array) == 1:
        array = array[0]
    if array.ndim != len(sides) + 1 or 0 in array.shape:
        names, unit = ", ".join(sides), "image" if len(sides) == 2 else "volume"
        raise ValueError(
            f"it holds {array.dtype} of shape {array.shape}; wanted are integer labels ({names}) "
            f"or logits (classes, {names}) of one {unit}"
        )
    return array
