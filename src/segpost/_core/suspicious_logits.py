"""Logits that are valid, but whose values or shape show that they mean something else."""

from __future__ import annotations

import warnings

from segpost._core.arrays import LABEL_KINDS, Array, InputArray, widen
from segpost._core.device import DeviceArray
from segpost._core.errors import InputWarning

MAX_SAMPLE = 4096  # values that are read before all are
BFLOAT16_ONE = 0x3F80  # the bits of 1.0; those of negative numbers are larger
MIN_SIDE = 16  # of a map whose sides show a stride
MAX_ANISOTROPY = 1.25  # of the steps along height and width, where another class axis fits


def starts_in_0_to_1(values: Array, kind: str) -> bool:
    """Whether the first value may be a probability; integers, which are quantized, may be.

    It is one value, so that logits, of which most are outside 0..1, cost no pass over the data.
    """
    if kind in LABEL_KINDS:
        return True
    first = values.item(0)
    return bool(first <= BFLOAT16_ONE if kind == "bfloat16" else 0 <= first <= 1)


def lies_in_0_to_1(array: InputArray) -> bool:
    """Whether all values are floats on the CPU in 0..1: of one, of some, and then of all."""
    values, kind = array.array, array.kind
    if kind in LABEL_KINDS or isinstance(values, DeviceArray) or not values.size:
        return False
    if not starts_in_0_to_1(values, kind):
        return False
    step = max(values.shape[-2] * values.shape[-1] // MAX_SAMPLE, 1)
    for sample in (values[..., ::step, :1], values):
        real = widen(sample, kind)
        if not (real.min() >= 0 and real.max() <= 1):
            return False
    return True


def warn_of_probabilities(array: InputArray, name: str, stacklevel: int) -> None:
    """Warn if the logits of a sigmoid head, for a threshold, are probabilities already.

    `name` is that of the argument, and `stacklevel` that of the caller's caller.
    """
    if lies_in_0_to_1(array) and array.array.min() < array.array.max():
        warnings.warn(
            f"threshold compares the sigmoid of {name}, but all of them lie in 0..1, as after a "
            "sigmoid, so that every pixel is above a threshold of 0.5; pass "
            "convention=segpost.Convention(kind='probabilities')",
            InputWarning,
            stacklevel=stacklevel + 1,
        )


def refuse_axis_by_size(shape: tuple[int, ...], size: tuple[int, ...], class_axis: int) -> None:
    """Raise an error where the size of the result shows that another axis holds the classes.

    Networks have one stride for height and width. `shape` is that of the caller's logits, whose
    map is not square: a square one may be that of a stretched image.

    Raises
    ------
    ValueError
        If the strides differ much as the axes were read, and are equal as they could be.
    """
    height, width = shape[-2:] if class_axis == -3 else shape[-3:-1]
    ratio = size[0] * width / (size[1] * height or 1)
    if not ratio or 1 / MAX_ANISOTROPY <= ratio <= MAX_ANISOTROPY:
        return
    other = shape[-3:-1] if class_axis == -3 else shape[-2:]
    if min(other) < MIN_SIDE or not _has_one_stride(other, size):
        return
    axis = -1 if class_axis == -3 else -3
    raise ValueError(
        f"logits of shape {shape} with {shape[class_axis]} classes on axis {class_axis} would be "
        f"resized from {height} x {width} to {size[0]} x {size[1]}, with different strides; axis "
        f"{axis} as the classes has one stride: pass axis={axis}, or axis={class_axis} if it is "
        "right"
    )


def _has_one_stride(shape: tuple[int, ...], size: tuple[int, ...]) -> bool:
    """Whether both axes have the stride of a network, as far as whole sizes show it."""
    low = max(n_out / (n_in + 1) for n_in, n_out in zip(shape, size, strict=True))
    high = min(n_out / (n_in - 1) for n_in, n_out in zip(shape, size, strict=True))
    return 1 < low < high
