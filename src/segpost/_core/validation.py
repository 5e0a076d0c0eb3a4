"""Checks of array arguments that several operations share."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from segpost._core.arrays import LABEL_KINDS, LOGIT_KINDS, Array, InputArray, as_input_array
from segpost._core.device import context_of
from segpost._core.suspicious_logits import holds_labels

MAX_ROUNDING = 1e-4  # of 255 times a float32 in 0..1


def check_same_device(one: InputArray, name: str, other: InputArray, other_name: str) -> None:
    """Raise an error for arrays on different devices: nothing is moved between them."""
    if type(one.array) is np.ndarray and type(other.array) is np.ndarray:
        return
    contexts = context_of(one.array), context_of(other.array)
    if contexts[0].device != contexts[1].device:
        raise TypeError(
            f"{name} and {other_name} are on different devices: {name} on {contexts[0]}, "
            f"{other_name} on {contexts[1]}; move one of them yourself"
        )


def check_on_cpu(array: Array, format_message: Callable[[str], str]) -> None:
    """Raise an error for an array on a device, in functions that read values on the CPU.

    Raises
    ------
    TypeError
        With the message that `format_message` makes of the device's name.
    """
    context = context_of(array)
    if not context.on_cpu:
        raise TypeError(format_message(str(context)))


def as_label_array(labels: object, name: str = "labels") -> InputArray:
    """Return label maps (..., H, W) of integers as an input array."""
    array = as_input_array(labels, name)
    check_integer_labels(array, name)
    if array.array.ndim < 2:
        raise ValueError(f"{name} must have shape (..., H, W), got {array.array.shape}")
    return array


def check_int64_labels(labels: Array, run_labels: Array) -> None:
    """Raise an error for labels of uint64 from 2**63 on; on a device those of the runs are read."""
    values = labels if context_of(labels).on_cpu else run_labels.view(np.uint64)
    if values.size and int(values.max()) >= 2**63:
        raise ValueError(f"labels must be below 2**63, got {int(values.max())}")


def check_integer_labels(array: InputArray, name: str) -> None:
    """Raise an error for labels that are floats or booleans."""
    if array.kind not in LABEL_KINDS:
        hint = ""
        if array.kind == "bool":
            hint = "; a mask becomes labels with .astype('uint8')"
        elif holds_labels(array):
            hint = f"; these are whole numbers: {name}.astype('int32'), .int() of a tensor"
        elif _are_quotients(array):
            hint = f"; these are integers / 255: ({name} * 255).round(), converted to integers"
        elif array.kind in LOGIT_KINDS:
            hint = "; are these logits or probabilities? take segpost.argmax first"
        raise TypeError(f"{name} must be integers, got dtype {array.kind}{hint}")


def _are_quotients(array: InputArray) -> bool:
    """Whether floats on the CPU are integers divided by 255, as by torchvision's ToTensor."""
    values = array.array
    if array.kind not in ("float32", "float64") or not context_of(values).on_cpu:
        return False
    if not values.size or not values.min() < values.max() <= 1 or values.min() < 0:
        return False
    integers = values.astype(np.float64) * 255
    is_between = (integers > 0) & (integers < 255)  # not of masks
    return bool(is_between.any() and (abs(integers - np.rint(integers)) < MAX_ROUNDING).all())


def refuse_image_as_labels(
    labels: Array, name: str = "labels", *, batch: str | None = None
) -> None:
    """Raise an error for labels of shape (H, W, 1) or (H, W, 3), which are not label maps.

    A batch of label maps that are 1 or 3 wide has such a shape, too. With an axis of one between,
    (N, 1, H, W), it passes; `batch` is the cure for such a batch where that is another.
    """
    shape = labels.shape
    if len(shape) >= 3 and shape[-1] in (1, 3) and min(shape[-3:-1]) > 3:
        last = shape[-1]
        is_grey = last == 1 or _are_channels_equal(labels)
        hint = f"{name}[..., 0]" if is_grey else "segpost.labels_from_colors(image, palette)"
        if is_grey and last > 1:
            hint += " of equal channels"
        if batch is None:
            index = ":, None" if len(shape) == 3 else "..., None, :, :"
            batch = f"pass {name}[{index}]"
        raise ValueError(
            f"{name} of shape {shape} look like (H, W, {last}): labels are (..., H, W); use {hint}"
            f"; if they are a batch of maps {last} wide, {batch}"
        )


def _are_channels_equal(image: Array) -> bool:
    """Whether the channels of an image (..., C) on the CPU are equal."""
    return context_of(image).on_cpu and bool((image == image[..., :1]).all())


def channels_last(array: Array) -> Array:
    """Return a view (..., H, W, C) of an array (..., C, H, W)."""
    leading = array.ndim - 3
    return array.transpose(*range(leading), leading + 1, leading + 2, leading)


def describe_image_shape(image: object, view: Array) -> str:
    """Return the shape of an image for an error, and whether its channels were moved."""
    shape = as_input_array(image, "image").array.shape
    return str(shape) if shape == view.shape else f"{shape} (channels first)"


def as_image_array(
    image: object, name: str = "image", *, outlives_call: bool = False
) -> InputArray:
    """Return color images of uint8 as an input array (..., H, W, 3).

    Images of shape (..., 3, H, W) become a view with the channels last. Where the last axis has
    three elements too, the channels are last.
    """
    array = as_input_array(image, name, outlives_call=outlives_call)
    shape = array.array.shape
    if len(shape) < 3 or shape[-1] != 3:
        if len(shape) < 3 or shape[-3] != 3:
            hint = ""
            if len(shape) >= 3 and shape[-1] == 4:
                hint = f"; drop the alpha channel: {name}[..., :3]"
            elif len(shape) >= 3 and shape[-3] == 4:
                hint = f"; drop the alpha channel: {name}[..., :3, :, :]"
            elif len(shape) == 2:
                hint = f"; repeat a grey image: np.stack([{name}] * 3, -1)"
            raise ValueError(
                f"{name} must have shape (..., H, W, 3) or (..., 3, H, W), got {shape}{hint}"
            )
        array = array._replace(array=channels_last(array.array))
    if array.kind != "uint8":
        hint = ""
        if array.kind.startswith(("float", "bfloat")):
            hint = "; an image in 0..1 becomes (image * 255).round().astype('uint8')"
        raise TypeError(f"{name} must be uint8, got {array.kind}{hint}")
    return array


def refuse_exchanged(one: object, other: object, call: str) -> None:
    """Raise an error where exactly one of two arguments is an RGB image, and is in the wrong place.

    Parameters
    ----------
    one, other : objects
        The first and the second argument of a call that has failed.
    call : str
        The call as it should be, such as "overlay(image, labels, palette)".
    """
    try:
        arrays = [as_input_array(value, "").array for value in (one, other)]
    except TypeError:
        return
    names = call.partition("(")[2].rstrip(")").split(", ")
    place = names.index("image")
    are_images = [
        array.dtype == "uint8" and array.ndim >= 3 and 3 in (array.shape[-1], array.shape[-3])
        for array in arrays
    ]
    if are_images == [place == 1, place == 0]:
        raise ValueError(
            f"{names[0]} of shape {arrays[0].shape} and {names[1]} of shape {arrays[1].shape} are "
            f"exchanged: segpost.{call}"
        )
