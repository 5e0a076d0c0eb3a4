"""The runs of label maps, of masks and of logits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from segpost._backends import registry
from segpost._backends.codes import compress_each
from segpost._core import arguments, rle
from segpost._core.arrays import LABEL_KINDS, Array, as_input_array
from segpost._core.device import to_host
from segpost._core.errors import format_index, warn_of_input
from segpost._core.object_contract import Runs
from segpost._core.validation import (
    as_label_array,
    check_int64_labels,
    check_same_device,
    refuse_image_as_labels,
)
from segpost.objects.codes import MaskRuns, read_compressed
from segpost.objects.run_table import RunTable, group_runs, index_pixels

MAX_NARROW = 4  # pixels of masks that are rather an axis of masks
MIN_SIDE = 32  # of their size then
MAX_SIDE = 2**31 - 1  # pixels of run-length codes


def table_of_labels(
    labels: object, confidence: object, num_classes: object, ignore_index: object
) -> RunTable:
    """Return a region for every label of a label map (H, W).

    Raises
    ------
    ValueError, TypeError
        For labels that are no map of one image, or that are outside of 0..num_classes - 1.
    """
    if isinstance(labels, Sequence) and labels and isinstance(labels[0], Mapping):
        raise TypeError("labels is a list of run-length codes: pass masks=labels")
    _refuse_masks(labels)
    source = as_label_array(labels)
    refuse_image_as_labels(source.array)
    array = source.array
    if array.ndim != 2:
        raise ValueError(
            f"labels must be of one image, (H, W), got shape {array.shape}: "
            "[segpost.regions(one) for one in labels] of a batch, volume=True of a volume, "
            "masks=labels of N masks"
        )
    values = None
    if confidence is not None:
        value_source = as_input_array(confidence, "confidence")
        check_same_device(source, "labels", value_source, "confidence")
        values = check_confidence(value_source.kind, value_source.array, array.shape, "labels")
    backend = registry.backend(array, values, operation="find_runs")
    runs = backend.find_runs(array[None], None if values is None else values[None])
    if source.kind == "uint64":
        check_int64_labels(array, runs.label)
    return table_of_runs(runs, array.shape, num_classes, ignore_index, is_byte=is_uint8(values))


def _refuse_masks(labels: object) -> None:
    """Raise an error for booleans, which are masks."""
    source = as_input_array(labels, "labels")
    if source.kind == "bool" and source.array.ndim in (2, 3):
        raise TypeError(
            f"labels must be integers, got booleans of shape {source.array.shape}, as masks are: "
            "pass masks=labels, or labels.astype('uint8') for the regions of 0 and 1 of one image"
        )


def table_of_runs(
    runs: Runs,
    size: tuple[int, ...],
    num_classes: object = None,
    ignore_index: object = None,
    *,
    is_byte: bool = False,
) -> RunTable:
    """Return a region for every label of the runs of one image; `is_byte`: confidence of 0..255."""
    height, width = size
    ignored = None
    if ignore_index is not None:
        ignored = arguments.as_integer(ignore_index, "ignore_index")
        runs = select_runs(runs, runs.label != ignored)
    if num_classes is not None:
        classes = arguments.as_count(num_classes, "num_classes", 1)
        _check_classes(runs, (height, width), classes, ignored)
    total = runs.total
    if total is not None and is_byte:
        total = total / 255.0
    return group_runs((height, width), runs.label, runs.column, runs.top, runs.bottom, total)


def select_runs(runs: Runs, selection: Array) -> Runs:
    """Return some of the runs, in their order."""
    total = None if runs.total is None else runs.total[selection]
    return Runs(
        runs.column[selection],
        runs.top[selection],
        runs.bottom[selection],
        runs.label[selection],
        total,
    )


def _check_classes(runs: Runs, size: tuple[int, int], classes: int, ignored: int | None) -> None:
    """Raise an error for labels that are no class."""
    bad = (runs.label < 0) | (runs.label >= classes)
    if not bad.any():
        return
    wrong = select_runs(runs, bad)
    index = index_pixels(size, wrong.column, wrong.top)
    first = int(index.argmin())
    allowed = f"0..{classes - 1}" + ("" if ignored is None else f" or {ignored}")
    z, pixel = divmod(int(index[first]), size[0] * size[1])
    position = divmod(pixel, size[1]) if z == 0 else (z, *divmod(pixel, size[1]))
    raise ValueError(
        f"labels have {int((wrong.bottom - wrong.top).sum())} values outside {allowed}, first "
        f"{wrong.label[first]} at {format_index(position)}; pass ignore_index={wrong.label[first]} "
        "if these pixels have no label"
    )


def is_uint8(values: Array | None) -> bool:
    """Return whether confidence is of bytes, 255 for 1."""
    return values is not None and values.dtype == np.uint8


def check_confidence(kind: str, values: Array, shape: tuple[int, ...], name: str) -> Array:
    """Return the confidence of pixels, which must have the shape of the labels or of the masks."""
    if kind not in ("float32", "uint8"):
        raise TypeError(f"confidence must be float32 or uint8, as of postprocess, got {kind}")
    if values.shape != shape:
        raise ValueError(f"confidence of shape {values.shape} does not fit {name} of shape {shape}")
    return values


def table_of_masks(masks: Any, confidence: object) -> RunTable:
    """Return a region for every mask that has pixels; its label is the number of the mask.

    Raises
    ------
    ValueError, TypeError
        For masks that are no arrays of 0 and 1, or no run-length codes of one size.
    """
    if isinstance(masks, Mapping):
        masks = [masks]
    if isinstance(masks, Sequence) and masks and isinstance(masks[0], Mapping):
        return _table_of_codes(masks, confidence)
    source = as_input_array(masks, "masks")
    array = source.array
    if source.kind != "bool" and source.kind not in LABEL_KINDS:
        raise TypeError(
            f"masks must be of booleans, or of 0 and 1, got {source.kind}: masks > 0.5 of shares, "
            "logits=masks for logits of classes"
        )
    if array.ndim not in (2, 3):
        raise ValueError(f"masks must have shape (H, W) or (N, H, W), got {array.shape}")
    _warn_of_last_axis(array.shape)
    if source.kind == "bool":
        array = array.view(np.uint8)
    array = array.reshape(-1, *array.shape[-2:])
    count, height, width = array.shape
    scores = values = None
    if confidence is not None:
        value_source = as_input_array(confidence, "confidence")
        check_same_device(source, "masks", value_source, "confidence")
        if value_source.array.ndim == 1:
            scores = _as_scores(value_source.array, count)
        else:
            shape = value_source.array.shape
            expected = (height, width) if len(shape) == 2 else (count, height, width)
            values = check_confidence(value_source.kind, value_source.array, expected, "masks")
            values = np.broadcast_to(values, array.shape, subok=True)  # of a device, too
    backend = registry.backend(array, values, operation="find_runs")
    runs = backend.find_runs(array, values)
    bad = (runs.label != 0) & (runs.label != 1)
    if bad.any():
        first = int(np.flatnonzero(bad)[0])
        mask, x = divmod(int(runs.column[first]), width)
        raise ValueError(
            f"masks must hold 0 and 1, got {int((runs.bottom - runs.top)[bad].sum())} other values"
            f", first {runs.label[first]} at {format_index((mask, runs.top[first], x))}; pass "
            "masks > 0, or labels= of a label map; bits are np.unpackbits(masks, axis=-1)"
        )
    runs = select_runs(runs, runs.label == 1)
    mask, column = np.divmod(runs.column, np.int32(max(width, 1)))
    total = runs.total
    if total is not None and is_uint8(values):
        total = total / 255.0
    table = group_runs((height, width), mask, column, runs.top, runs.bottom, total)
    return _finish_masks(table, count, scores)


def _warn_of_last_axis(shape: tuple[int, ...]) -> None:
    """Warn of masks (N, H, W) that are so narrow that they are (H, W, N)."""
    if len(shape) == 3 and 0 < shape[-1] <= MAX_NARROW and min(shape[:2]) >= MIN_SIDE:
        warn_of_input(
            f"masks of shape {shape} are read as {shape[0]} masks of {shape[1]} x {shape[2]}; "
            f"{shape[2]} masks of {shape[0]} x {shape[1]} are np.moveaxis(masks, -1, 0)"
        )


def _table_of_codes(codes: Sequence[Mapping[str, Any]], confidence: object) -> RunTable:
    """Return a region for every run-length code that has pixels."""
    scores = None
    if confidence is not None:
        scores = _as_scores(as_input_array(confidence, "confidence").array, len(codes))
    runs = read_codes(codes, "masks")
    mask = np.repeat(np.arange(len(codes)), np.diff(runs.offsets))
    table = group_runs(runs.size, mask, runs.column, runs.top, runs.bottom)
    return _finish_masks(table, len(codes), scores)


def read_codes(codes: Sequence[Mapping[str, Any]], name: str) -> MaskRuns:
    """Return the runs of COCO run-length codes of one size, compressed or not.

    Raises
    ------
    ValueError, TypeError
        For a code that is damaged, or of another size than the first one.
    """
    runs = _read_compressed(codes)
    if runs is not None:
        return runs
    size, parts = None, []
    for number, code in enumerate(codes):
        counts, this_size = read_code(code, f"{name}[{number}]")
        if size is not None and this_size != size:
            raise ValueError(f"{name}[{number}] is of size {this_size}, {name}[0] of {size}")
        size = this_size
        parts.append(counts)
    assert size is not None
    ends = np.cumsum([len(counts) for counts in parts], dtype=np.int64)
    runs = read_compressed(compress_each(np.concatenate(parts), ends), size)
    assert runs is not None
    return runs


def _read_compressed(codes: Sequence[Mapping[str, Any]]) -> MaskRuns | None:
    """Return the runs of codes that are compressed and right, None where one is not."""
    try:
        size = codes[0]["size"]
        height, width = size
        is_size = {type(height), type(width)} == {int} and 1 <= min(size) <= max(size) <= MAX_SIDE
        if not is_size or [code["size"] for code in codes].count(size) != len(codes):
            return None
        texts = [code["counts"] for code in codes]
    except (ValueError, TypeError, KeyError):
        return None
    kinds = {*map(type, texts)}
    if kinds == {str}:
        texts = [text.encode() for text in texts]
    elif kinds != {bytes}:
        return None
    return read_compressed(texts, (height, width))


def read_code(code: Mapping[str, Any], name: str) -> tuple[Array, tuple[int, int]]:
    """Return the counts and the size of a COCO run-length code, compressed or not."""
    if not isinstance(code, Mapping) or not {"size", "counts"} <= set(code):
        raise TypeError(f'{name} must be a dict with "size" and "counts", got {code!r}')
    size = code["size"]
    if not isinstance(size, (list, tuple, np.ndarray)) or len(size) != 2:
        raise TypeError(f'{name}["size"] must be [height, width], got {size!r}')
    height, width = (arguments.as_count(side, f'{name}["size"]') for side in size)
    counts = code["counts"]
    try:
        if isinstance(counts, (bytearray, memoryview)):
            counts = bytes(counts)
        if isinstance(counts, (bytes, str)):
            counts = rle.decompress_counts(counts)
        return rle.check_counts(np.asarray(counts), (height, width)), (height, width)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


def _as_scores(confidence: Array, count: int) -> Array:
    """Return a number for every mask, as float64."""
    if confidence.shape != (count,):
        raise ValueError(
            f"confidence of shape {confidence.shape} does not fit {count} masks: one number each, "
            "or one for every pixel"
        )
    scores = np.array(to_host(confidence), np.float64)
    is_above = (scores > 1) & np.isfinite(scores)
    if is_above.any():
        cure = "percentages become confidence / 100"
        if 100 < scores[is_above].max() <= 255 and confidence.dtype.kind in "iu":
            cure = "bytes become confidence / 255"
        warn_of_input(
            f"confidence has {np.count_nonzero(is_above)} of {count} values above 1, first "
            f"{scores[is_above][0]:g}, but is in 0..1: {cure}"
        )
    return scores


def _finish_masks(table: RunTable, count: int, scores: Array | None) -> RunTable:
    """Return the table of masks, which may overlap, with the scores of those that have pixels."""
    return replace(
        table,
        scores=None if scores is None else scores[table.labels],
        is_disjoint=count < 2,
    )
