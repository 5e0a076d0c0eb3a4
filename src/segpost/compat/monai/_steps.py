"""The inverses of MONAI's spatial transforms, read from the records that they leave behind.

A record is an entry of ``MetaTensor.applied_operations``. Its inverse is one of three steps: a turn
of the axes, a window (crop or padding), or a resampling. Affines map voxels to world coordinates;
the affine of a step maps voxels of its result to those of its input.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from monai.transforms.utils import scale_affine
from monai.utils.enums import TraceKeys

from segpost._core.sampling import Axis, axis, axis_at

Affine = npt.NDArray[np.float64]
Record = Mapping[str, Any]
Shape = tuple[int, ...]
TOLERANCE = 1e-3  # MONAI's AFFINE_TOL: a resampling between such affines is none
ROTATION = 1e-4  # voxels, across the volume
LINEAR = ("linear", "bilinear", "trilinear")


class Turn(NamedTuple):
    """Axes in another order, some of them reversed."""

    order: tuple[int, ...]  # axis i of the result is axis order[i] of the input
    flipped: tuple[int, ...]  # axes of the result


class Window(NamedTuple):
    """A crop, or a padding with zeros, of every axis."""

    before: tuple[int, ...]  # samples that are added; fewer than 0 are cut off
    after: tuple[int, ...]


class Resampling(NamedTuple):
    """A linear interpolation along every axis."""

    axes: tuple[Axis, ...]
    transform: str  # its name


Step = Turn | Window | Resampling


class State(NamedTuple):
    """What a step is applied to."""

    shape: Shape
    affine: Affine


def name_of(record: Record) -> str:
    """Return the name of the transform that left a record."""
    return str(record[TraceKeys.CLASS_NAME])


def inverse_steps(record: Record, state: State) -> list[tuple[Step, State]]:
    """Return the steps that reverse a record, each with the state after it.

    Raises
    ------
    ValueError
        If segpost cannot invert the transform, which the message names.
    """
    name = name_of(record)
    if name not in INVERSES:
        raise ValueError(
            f"transform has {name}, which segpost cannot invert; it inverts "
            f"{', '.join(sorted(INVERSES))}: use monai's Invertd and AsDiscreted"
        )
    steps = []
    for one in _parts(record):
        step, affine = INVERSES[name_of(one)](one, state)
        if step is None:
            continue
        state = State(_shape_after(step, state.shape), state.affine @ affine)
        steps.append((step, state))
    return steps


def _parts(record: Record) -> list[Record]:
    """Return the records of which one consists, in the order of their inverses."""
    extra = record.get(TraceKeys.EXTRA_INFO) or {}
    if "crop_info" in extra:  # ResizeWithPadOrCrop
        return [extra["pad_info"], extra["crop_info"]]
    if "pad_info" in extra:  # CropForeground
        return [extra["pad_info"], record]
    return [record]


def _shape_after(step: Step, shape: Shape) -> Shape:
    """Return the shape of a step's result."""
    if isinstance(step, Turn):
        return tuple(shape[i] for i in step.order)
    if isinstance(step, Window):
        return tuple(a + n + b for a, n, b in zip(step.before, shape, step.after, strict=True))
    return tuple(one.n_out for one in step.axes)


Inverse = tuple[Step | None, Affine]


def _of_crop(record: Record, state: State) -> Inverse:
    """Return the padding that reverses a crop."""
    cropped = [int(n) for n in record[TraceKeys.EXTRA_INFO]["cropped"]]
    return _window(cropped[::2], cropped[1::2])


def _of_pad(record: Record, state: State) -> Inverse:
    """Return the crop that reverses a padding."""
    channels, *padded = record[TraceKeys.EXTRA_INFO]["padded"]
    if any(channels):
        raise ValueError(f"transform has {name_of(record)} of channels, which segpost cannot undo")
    padded = padded[: len(state.shape)]
    return _window([-int(a) for a, _ in padded], [-int(b) for _, b in padded])


def _window(before: list[int], after: list[int]) -> Inverse:
    """Return a window and its affine; None where it changes nothing."""
    affine = np.eye(len(before) + 1)
    affine[:-1, -1] = [-n for n in before]
    if not any(before) and not any(after):
        return None, affine
    return Window(tuple(before), tuple(after)), affine


def _of_flip(record: Record, state: State) -> Inverse:
    """Return a flip, which reverses itself."""
    rank = len(state.shape)
    axes = record[TraceKeys.EXTRA_INFO]["axes"]
    if axes is None:
        axes = range(rank)
    elif np.ndim(axes) == 0:
        axes = (axes,)
    flipped = tuple(sorted(int(one) % rank for one in axes))
    return _turn(Turn(tuple(range(rank)), flipped), state.shape)


def _of_orientation(record: Record, state: State) -> Inverse:
    """Return the turn to the original orientation."""
    rank = len(state.shape)
    original = as_affine(record[TraceKeys.EXTRA_INFO]["original_affine"], rank)
    turn = np.linalg.solve(state.affine[:rank, :rank], original[:rank, :rank])
    size = abs(turn).max(axis=0)
    order = abs(turn).argmax(axis=0)
    signs = turn[order, range(rank)]
    rest = abs(turn)
    rest[order, range(rank)] = 0
    if sorted(order) != [*range(rank)] or (rest > TOLERANCE * size).any():
        raise ValueError(
            f"{name_of(record)}: the image is rotated against the orientation that it had, so "
            "segpost cannot invert it"
        )
    flipped = tuple(int(i) for i in np.flatnonzero(signs < 0))
    return _turn(Turn(tuple(int(i) for i in order), flipped), state.shape)


def _turn(turn: Turn, shape: Shape) -> Inverse:
    """Return a turn and its affine; None where it changes nothing."""
    rank = len(shape)
    affine = np.zeros((rank + 1, rank + 1))
    affine[rank, rank] = 1
    for i, source in enumerate(turn.order):
        affine[source, i] = -1 if i in turn.flipped else 1
        if i in turn.flipped:
            affine[source, rank] = shape[source] - 1
    if not turn.flipped and turn.order == tuple(range(rank)):
        return None, affine
    return turn, affine


def _of_spatial_resample(record: Record, state: State) -> Inverse:
    """Return the resampling to the affine that an image had before Spacing or SpatialResample."""
    extra = record[TraceKeys.EXTRA_INFO]
    name, rank = name_of(record), len(state.shape)
    _check_mode(record)
    if extra["padding_mode"] != "border":
        raise ValueError(
            f"{name} has padding_mode={extra['padding_mode']!r}; segpost inverts 'border' alone"
        )
    size = _original_size(record, rank)
    target = as_affine(extra["src_affine"], rank)
    affine = np.linalg.solve(state.affine, target).astype(np.float64)
    is_same = np.allclose(affine, np.eye(rank + 1), atol=TOLERANCE) or np.allclose(
        state.affine, target, atol=TOLERANCE
    )
    if is_same and size == state.shape:
        return None, np.eye(rank + 1)
    linear = affine[:rank, :rank]
    rotation = linear - np.diag(linear.diagonal())
    if (abs(rotation) @ np.array(size) > ROTATION).any() or (linear.diagonal() <= 0).any():
        raise ValueError(
            f"{name} has rotated the image (as Spacing with diagonal=True does), so segpost cannot "
            "invert it: use monai's Invertd and AsDiscreted"
        )
    axes = tuple(
        axis_at(n_in, n_out, affine[i, i], affine[i, rank])
        for i, (n_in, n_out) in enumerate(zip(state.shape, size, strict=True))
    )
    return Resampling(axes, name), affine


def _of_resize(record: Record, state: State) -> Inverse:
    """Return the resize to the original size."""
    extra = record[TraceKeys.EXTRA_INFO]
    rank = len(state.shape)
    if extra["new_dim"]:
        raise ValueError("Resize has added axes to the image, which segpost cannot undo")
    size = _original_size(record, rank)
    corners = extra["align_corners"] is True
    affine = as_affine(scale_affine(state.shape, size, align_corners=corners), rank)
    if size == state.shape:
        return None, affine
    _check_mode(record)
    grid = "align_corners" if corners else "half_pixel"
    axes = tuple(axis(n_in, n_out, grid) for n_in, n_out in zip(state.shape, size, strict=True))
    return Resampling(axes, name_of(record)), affine


def _check_mode(record: Record) -> None:
    """Refuse other interpolations than linear ones."""
    mode = record[TraceKeys.EXTRA_INFO]["mode"]
    if mode not in LINEAR:
        raise ValueError(
            f"{name_of(record)} has mode={mode!r} for orig_keys; segpost inverts a linear one, "
            'such as mode="bilinear" of Spacingd and mode="trilinear" of Resized'
        )


def _original_size(record: Record, rank: int) -> Shape:
    """Return the size that the image had before a transform."""
    size = tuple(int(n) for n in record[TraceKeys.ORIG_SIZE])
    if len(size) != rank:
        raise ValueError(f"{name_of(record)} had an image of the size {size}, of {rank} axes now")
    return size


def as_affine(value: Any, rank: int) -> Affine:
    """Return a float64 affine of a number of spatial axes: its first ones, and the translation."""
    whole = np.asarray(value, np.float64)
    affine = np.eye(rank + 1)
    axes = min(rank, len(whole) - 1)
    affine[:axes, :axes] = whole[:axes, :axes]
    affine[:axes, rank] = whole[:axes, -1]
    return affine


INVERSES: dict[str, Callable[[Record, State], Inverse]] = {
    **dict.fromkeys(("Spacing", "SpatialResample", "ResampleToMatch"), _of_spatial_resample),
    **dict.fromkeys(
        ("Crop", "SpatialCrop", "CenterSpatialCrop", "CenterScaleCrop", "CropForeground"), _of_crop
    ),
    **dict.fromkeys(("Pad", "SpatialPad", "BorderPad", "DivisiblePad"), _of_pad),
    "ResizeWithPadOrCrop": _of_pad,  # its parts are a Crop and a SpatialPad
    "Flip": _of_flip,
    "Orientation": _of_orientation,
    "Resize": _of_resize,
}
