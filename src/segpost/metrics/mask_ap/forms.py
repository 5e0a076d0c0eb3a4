"""The forms of masks of one image: arrays, run-length codes, maps of ids, annotations of COCO."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from segpost._core.arrays import Array, as_input_array
from segpost._core.device import to_host
from segpost.metrics.panoptic.maps import (
    CATEGORY_KEYS,
    UNLISTED_VOID,
    as_int64,
    is_map_pair,
    read_list,
    split_segments,
)
from segpost.objects.codes import MaskRuns
from segpost.objects.mask_sets import read_mask_runs, read_segment_runs

KEYS = "'masks' and 'labels'"


class ImageMasks(NamedTuple):
    """The masks of one image: of predictions with scores, of the target with the other two."""

    masks: MaskRuns | None  # None: there are none
    categories: Array  # (N,) int64
    scores: Array  # (N,) float64
    areas: Array  # (N,) float64
    is_crowd: Array  # (N,) bool


def as_image_masks(value: Any, name: str, *, has_scores: bool) -> list[ImageMasks]:
    """Return the masks of the images of an argument.

    Parameters
    ----------
    value : dict, pair, Segmentation, list of annotations, or a list of them
        See `MaskAP.update`.
    name : str
        The argument's name.
    has_scores : bool
        Whether masks are predictions, with scores.

    Raises
    ------
    TypeError, ValueError
        If it has none of the forms.
    """
    if isinstance(value, (list, tuple)) and not (isinstance(value, tuple) and is_map_pair(value)):
        if not value:
            return [_checked(None, [], None, None, None, name, has_scores)]
        if isinstance(value[0], Mapping) and "segmentation" in value[0] and not _is_map(value[0]):
            return [_read_annotations(value, name, has_scores)]
        parts = (
            as_image_masks(one, f"{name}[{k}]", has_scores=has_scores)
            for k, one in enumerate(value)
        )
        return [image for part in parts for image in part]
    if isinstance(value, Mapping) and "masks" in value:
        return [_read_arrays(value, name, has_scores)]
    if isinstance(value, Mapping) and not _is_map(value) and "panoptic_seg" not in value:
        raise TypeError(
            f"{name} must have {KEYS}, or 'segmentation' and 'segments_info', got a dict of "
            f"{sorted(map(str, value))}"
        )
    ids, segments = split_segments(value, name)
    if segments is None:
        cure = "'scores': s, " if has_scores else ""
        raise TypeError(
            f"{name} has masks without classes: pass {{'masks': masks, {cure}'labels': classes}}, "
            f"or ({name}, segments) of a map of ids"
        )
    return [_read_map(ids, segments, name, has_scores)]


def _is_map(value: Mapping[str, Any]) -> bool:
    """Whether a dict is a map of ids with its segments, as of transformers."""
    return "segments_info" in value


def _read_arrays(value: Mapping[str, Any], name: str, has_scores: bool) -> ImageMasks:
    """Return the masks of a dict of arrays, as torchmetrics takes it."""
    labels = value.get("labels")
    if labels is None:
        raise ValueError(f"{name} needs {KEYS}, got {sorted(map(str, value))}")
    try:
        masks = read_mask_runs(value["masks"])
    except (ValueError, TypeError) as error:
        raise type(error)(f"{name}: {error}") from error
    scores, areas, crowds = (
        _as_list(value.get(key), f"{name}[{key!r}]") for key in ("scores", "area", "iscrowd")
    )
    classes = _as_list(labels, f"{name}['labels']")
    return _checked(masks, classes, scores, areas, crowds, name, has_scores)


def _read_annotations(rows: Sequence[Any], name: str, has_scores: bool) -> ImageMasks:
    """Return the masks of annotations or results of COCO."""
    codes = [
        row.get("segmentation") if type(row) is dict or isinstance(row, Mapping) else None
        for row in rows
    ]
    if {*map(type, codes)} != {dict} and not all(isinstance(code, Mapping) for code in codes):
        wrong = [isinstance(code, Mapping) for code in codes].index(False)
        cure = "; polygons become a code by pycocotools: coco.annToRLE(annotation)"
        raise TypeError(
            f"{name}[{wrong}]['segmentation'] must be a run-length code, a dict of 'size' and "
            f"'counts', got {type(codes[wrong]).__name__}"
            f"{cure if isinstance(codes[wrong], list) else ''}"
        )
    try:
        categories = [row["category_id"] for row in rows]
    except KeyError:
        raise ValueError(f"{name}: an annotation needs 'segmentation' and 'category_id'") from None
    try:
        masks = read_mask_runs(codes)
    except (ValueError, TypeError) as error:
        raise type(error)(f"{name}: {error}") from error
    if has_scores:
        return _checked(masks, categories, _column(rows, "score"), None, None, name, has_scores)
    areas, crowds = _column(rows, "area"), _column(rows, "iscrowd")
    return _checked(masks, categories, None, areas, crowds, name, has_scores)


def _read_map(ids: Any, segments: Sequence[Any], name: str, has_scores: bool) -> ImageMasks:
    """Return the segments of a map of ids (H, W)."""
    seen = [one for one in segments if isinstance(one, Mapping) or getattr(one, "area", 1) != 0]
    listed = read_list(seen, name)
    try:
        masks, others = read_segment_runs(ids, listed.ids)
    except (ValueError, TypeError) as error:
        raise type(error)(f"{name}: {error}") from error
    unknown = np.setdiff1d(others, UNLISTED_VOID)
    if unknown.size:
        raise ValueError(
            f"{name} has {unknown.size} ids that its segments do not list, first {unknown[0]}; "
            "a map of ids must be saved without loss; pixels of no segment have the id 0 or -1"
        )
    scores = areas = None
    if has_scores:
        scores = [one.get("score") if isinstance(one, Mapping) else one.score for one in seen]
        if None in scores:
            raise ValueError(f"{name}: segments need 'score', as 'id' and '{CATEGORY_KEYS[0]}'")
    else:
        areas = _column([one for one in seen if isinstance(one, Mapping)], "area")
    crowds = listed.is_crowd.tolist()
    return _checked(masks, listed.categories.tolist(), scores, areas, crowds, name, has_scores)


def _column(rows: Sequence[Mapping[str, Any]], key: str) -> list[Any] | None:
    """Return the values of a key that all dicts have, None where none has it."""
    values = [row.get(key) for row in rows]
    kinds = {*map(type, values)}
    if kinds <= {type(None)}:
        return None
    if key == "iscrowd" and type(None) in kinds:
        return [0 if value is None else value for value in values]
    return values


def _as_list(values: Any, name: str) -> list[Any] | None:
    """Return the numbers of an array or a list."""
    if values is None or isinstance(values, list):
        return values
    array = to_host(as_input_array(values, name).array)
    if array.ndim != 1:
        raise ValueError(f"{name} must be one number a mask, got shape {array.shape}")
    return list(array.tolist())


def _checked(
    masks: MaskRuns | None,
    categories: Sequence[Any] | None,
    scores: Sequence[Any] | None,
    areas: Sequence[Any] | None,
    crowds: Sequence[Any] | None,
    name: str,
    has_scores: bool,
) -> ImageMasks:
    """Return the masks of an image, with as many classes, scores, areas and crowds.

    `categories` are a list in all forms.
    """
    number = 0 if masks is None else len(masks.offsets) - 1
    numbers = as_int64(categories or [], f"{name}: classes")
    if has_scores and scores is None and number:
        raise ValueError(f"{name} needs scores: 'scores' of masks, 'score' of annotations")
    columns = {"classes": numbers, "scores": scores, "areas": areas, "crowds": crowds}
    for what, column in columns.items():
        if column is not None and len(column) != number:
            raise ValueError(f"{name} has {number} masks and {len(column)} {what}")
    nothing = np.zeros(0)
    if has_scores:
        values = _as_finite(scores or [], f"{name}: scores")
        return ImageMasks(masks, numbers, values, nothing, nothing.astype(bool))
    if areas is not None:
        measured = _as_finite(areas, f"{name}: areas")
    else:
        measured = nothing if masks is None else masks.areas.astype(np.float64)
    is_crowd = np.zeros(number, bool) if crowds is None else np.array(crowds, bool)
    return ImageMasks(masks, numbers, nothing, measured, is_crowd)


def _as_finite(values: Sequence[Any], name: str) -> Array:
    """Return finite numbers as float64."""
    if not {*map(type, values)} <= {float, int}:
        values = [value.item() if hasattr(value, "item") else value for value in values]
        wrong = [
            value
            for value in values
            if isinstance(value, bool) or not isinstance(value, (int, float))
        ]
        if wrong:
            raise TypeError(f"{name} must be numbers, got {wrong[0]!r}")
    array = np.array(values, np.float64)
    bad = np.flatnonzero(~np.isfinite(array))
    if bad.size:
        raise ValueError(
            f"{name} have {bad.size} of {array.size} values that are not finite, first "
            f"{array[bad[0]]} at {bad[0]}; leave those masks out"
        )
    return array
