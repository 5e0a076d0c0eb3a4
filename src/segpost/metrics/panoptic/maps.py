"""The forms of panoptic maps: what the values of pixels are, and what is known of segments."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import Any, NamedTuple

import numpy as np

from segpost._core.arguments import as_integer
from segpost._core.arrays import Array, as_input_array
from segpost._core.validation import check_integer_labels, check_on_cpu

CATEGORY_KEYS = ("category_id", "label_id")  # of COCO and detectron2, of transformers
COLOR_STEPS = (1, 256, 256 * 256)  # of red, green and blue in the ids of COCO's PNG files
UNLISTED_VOID = (0, -1)  # ids of pixels without a segment, where no segment has them


class SegmentList(NamedTuple):
    """What is known of the segments of a map, in the order of their list."""

    ids: Array  # (L,) int64, each once
    categories: Array  # (L,) int64
    is_crowd: Array  # (L,) bool
    order: Array  # (L,) the places of ascending ids

    def find(self, ids: Array) -> Array:
        """Return the place of each id in the list, or -1."""
        if not len(self.ids):
            return np.full(len(ids), -1, np.int64)
        ascending = self.ids[self.order]
        at = np.minimum(np.searchsorted(ascending, ids), len(ascending) - 1)
        return np.where(ascending[at] == ids, self.order[at], -1)


class SegmentKeys(NamedTuple):
    """The segments of a map, from the values of their pixels."""

    categories: Array  # (S,) int64
    instances: Array  # (S,) int64
    is_void: Array  # (S,) bool, by their id
    places: Array  # (S,) in the list of segments; -1 of void, and of ids that are not listed


class PanopticMap(NamedTuple):
    """One image, whose pixels have the values of their segments."""

    planes: Array  # [K, H, W] integers, a view
    read: Callable[[Array], SegmentKeys]  # of the keys (S, L) of segments
    listed: SegmentList | None = None

    def keys_of(self, values: Array) -> Array:
        """Return the keys (S, L) of the values (S, K) of pixels: of colors their ids."""
        if self.listed is None or values.shape[1] == 1:
            return values
        return (values.astype(np.int64) @ np.array(COLOR_STEPS, np.int64))[:, None]


def as_panoptic_maps(value: Any, name: str, label_divisor: int | None) -> list[PanopticMap]:
    """Return the images of an argument, of any form.

    Parameters
    ----------
    value : array, pair, dict or Segmentation, or a list of them
        See `PanopticQuality.update`.
    name : str
        The argument's name.
    label_divisor : int, optional
        What categories are multiplied by in maps without a list of segments.

    Raises
    ------
    TypeError, ValueError
        If it has none of the forms.
    """
    if isinstance(value, list) or (isinstance(value, tuple) and not is_map_pair(value)):
        return [m for element in value for m in as_panoptic_maps(element, name, label_divisor)]
    value, segments = split_segments(value, name)
    array = as_integers(value, name)
    if segments is None:
        if array.ndim in (3, 4) and array.shape[-1] == 2:
            return read_pairs(array)
        return read_divided(array, name, label_divisor)
    return read_listed(array, segments, name)


def as_integers(value: Any, name: str) -> Array:
    """Return an array of integers below 2**63 on the CPU."""
    array = as_input_array(value, name)
    check_integer_labels(array, name)
    check_on_cpu(
        array.array,
        lambda device: (
            f"{name} is on {device}, and panoptic maps are counted on the CPU: pass {name}.cpu()"
        ),
    )
    if array.kind == "uint64" and array.array.size and int(array.array.max()) >= 2**63:
        raise ValueError(f"{name} must be below 2**63, got {int(array.array.max())}")
    return array.array


def read_pairs(array: Array) -> list[PanopticMap]:
    """Return the images of (..., H, W, 2) pairs of category and instance."""

    def read(values: Array) -> SegmentKeys:
        places = np.full(len(values), -1, np.int64)
        return SegmentKeys(values[:, 0], values[:, 1], np.zeros(len(values), bool), places)

    return [PanopticMap(np.moveaxis(image, -1, 0), read) for image in _images(array, 3)]


def read_divided(array: Array, name: str, label_divisor: int | None) -> list[PanopticMap]:
    """Return the images of (..., H, W) ids that are category * label_divisor + instance."""
    if array.ndim not in (2, 3):
        raise ValueError(
            f"{name} must be pairs (H, W, 2) or (N, H, W, 2) of category and instance, or ids "
            f"(H, W) or (N, H, W), got {array.shape}"
        )
    if label_divisor is None:
        raise ValueError(
            f"{name} of shape {array.shape} are ids without categories: pass ({name}, "
            "segments_info); label_divisor= where ids are category * label_divisor + instance; or "
            "pairs (H, W, 2) of category and instance"
        )
    divisor = label_divisor

    def read(values: Array) -> SegmentKeys:
        ids = values[:, 0]
        places = np.full(len(ids), -1, np.int64)
        return SegmentKeys(ids // divisor, ids % divisor, ids == -1, places)

    return [PanopticMap(image[None], read) for image in _images(array, 2)]


def read_listed(array: Array, segments: Any, name: str) -> list[PanopticMap]:
    """Return the images of ids (..., H, W), or their colors (..., H, W, 3), with lists of segments.

    `segments` is a list of segments, or a list for each image.
    """
    is_batch = len(segments) > 0 and _is_list(segments[0])
    has_colors = array.ndim == 3 + is_batch
    if array.ndim not in (2 + is_batch, 3 + is_batch) or (has_colors and array.shape[-1] != 3):
        unit = f"{len(segments)} lists" if is_batch else "one list"
        shapes = "(N, H, W) or (N, H, W, 3)" if is_batch else "(H, W) or (H, W, 3)"
        cure = f"; pass {name}[..., :3]" if array.shape[-1:] == (4,) else ""
        raise ValueError(
            f"{name} with {unit} of segments must have shape {shapes}, got {array.shape}{cure}"
        )
    if has_colors and array.dtype != np.uint8:
        raise TypeError(f"{name} of shape {array.shape} are colors of uint8, got {array.dtype}")
    lists = segments if is_batch else [segments]
    images = _images(array, 2 + has_colors)
    if len(lists) != len(images):
        raise ValueError(f"{name} has {len(images)} images and {len(lists)} lists of segments")
    return [
        _as_panoptic_map(np.moveaxis(image, -1, 0) if has_colors else image[None], one, name)
        for image, one in zip(images, lists, strict=True)
    ]


def read_list(segments: Sequence[Any], name: str) -> SegmentList:
    """Return what a list of segments says of them.

    Raises
    ------
    TypeError, ValueError
        If a segment has no id or category, or an id is listed twice.
    """
    numbers, kinds, crowds = _read_segments(segments, name)
    ids, categories = as_int64(numbers, f"{name}: 'id'"), as_int64(kinds, f"{name}: the category")
    order = np.argsort(ids, kind="stable")
    ascending = ids[order]
    repeated = np.flatnonzero(ascending[1:] == ascending[:-1])
    if repeated.size:
        number = int(ids[order[repeated + 1].min()])
        raise ValueError(f"{name}: id {number} is listed twice; a segment has one category")
    return SegmentList(ids, categories, np.array(crowds, bool), order)


def as_int64(values: Sequence[Any], name: str) -> Array:
    """Return integers as int64.

    Raises
    ------
    TypeError, ValueError
        For a value that is no integer, or beyond int64.
    """
    if not {*map(type, values)} <= {int, np.int64}:
        values = [as_integer(value, name) for value in values]
    try:
        return np.array(values, np.int64)
    except OverflowError:
        wide = next(value for value in values if not -(2**63) <= value < 2**63)
        raise ValueError(f"{name} must be in the range of int64, got {wide}") from None


def _read_segments(
    segments: Sequence[Any], name: str
) -> tuple[Sequence[Any], Sequence[Any], Sequence[Any]]:
    """Return the ids of segments, their categories, and whether they are crowds."""
    for key in CATEGORY_KEYS:
        try:
            ids, categories = [*map(itemgetter("id"), segments)], [*map(itemgetter(key), segments)]
            return ids, categories, _read_crowds(segments)
        except (KeyError, TypeError):
            continue
    rows = [row for row in (_read_segment(one, name) for one in segments) if row is not None]
    return [row[0] for row in rows], [row[1] for row in rows], [False] * len(rows)


def _read_crowds(segments: Sequence[Any]) -> Sequence[Any]:
    """Return whether each of the dicts is a crowd."""
    try:
        return [*map(itemgetter("iscrowd"), segments)]
    except KeyError:
        return [segment.get("iscrowd", False) for segment in segments]


def _read_segment(segment: Any, name: str) -> tuple[Any, Any] | None:
    """Return the id and the category of a `Segment`; None for one that is hidden."""
    if isinstance(segment, Mapping):
        raise ValueError(
            f"{name}: a segment needs 'id' and 'category_id' or 'label_id', got "
            f"{sorted(map(str, segment))}"
        )
    if not hasattr(segment, "id") or not hasattr(segment, "label"):
        raise TypeError(f"{name}: segments must be dicts or Segment, got {type(segment).__name__}")
    if getattr(segment, "area", None) == 0:
        return None  # all its pixels belong to segments above it
    return segment.id, segment.label


def _as_panoptic_map(planes: Array, segments: Sequence[Any], name: str) -> PanopticMap:
    """Return an image of ids, or of their colors, with a list of its segments."""
    listed = read_list(segments, name)

    def read(keys: Array) -> SegmentKeys:
        ids = keys[:, 0]
        places = listed.find(ids)
        is_listed = places >= 0
        categories = np.zeros(len(ids), np.int64)
        categories[is_listed] = listed.categories[places[is_listed]]
        is_void = ~is_listed & ((ids == UNLISTED_VOID[0]) | (ids == UNLISTED_VOID[1]))
        return SegmentKeys(categories, ids, is_void, places)

    return PanopticMap(planes, read, listed)


def _images(array: Array, ndim: int) -> Array:
    """Return an array of images, of which each has `ndim` axes."""
    return array if array.ndim > ndim else array[None]


def _is_list(value: Any) -> bool:
    """Whether a value is a list of segments, and no `Segment`, which is a tuple."""
    return isinstance(value, (list, tuple)) and not hasattr(value, "label")


def is_map_pair(value: tuple[Any, ...]) -> bool:
    """Whether a tuple is a map and its list of segments, which detectron2 may leave out."""
    return len(value) == 2 and (value[1] is None or _is_segments(value[1]))


def _is_segments(value: Any) -> bool:
    """Whether a value is a list of segments, or a list of such lists."""
    if not isinstance(value, (list, tuple)):
        return False
    first = value[0] if value else {}
    return isinstance(first, Mapping) or hasattr(first, "label") or _is_list(first)


def split_segments(value: Any, name: str) -> tuple[Any, Any]:
    """Return the map and the list of segments of a value, None where it has none."""
    if isinstance(value, tuple):
        return value[0], value[1]
    if isinstance(value, Mapping):
        if "panoptic_seg" in value:  # of detectron2
            return split_segments(tuple(value["panoptic_seg"]), name)
        if "segmentation" in value and "segments_info" in value:  # of transformers
            return value["segmentation"], value["segments_info"]
        raise TypeError(
            f"{name} must have 'segmentation' and 'segments_info', or 'panoptic_seg', got a dict "
            f"of {sorted(map(str, value))}"
        )
    if hasattr(value, "segments") and hasattr(value, "labels"):  # a Segmentation
        if value.segments is None or value.labels is None:
            raise TypeError(
                f"{name} has no labels and segments: call segpost.segment_queries with "
                'task="panoptic"'
            )
        return value.labels, value.segments
    return value, None
