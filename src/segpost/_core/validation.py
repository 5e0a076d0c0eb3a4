"""Checks that several operations share, and the sentences of their errors."""

from __future__ import annotations

from segpost._core.arrays import LABEL_KINDS, LOGIT_KINDS, Array, InputArray, as_input_array
from segpost._core.device import context_of


def check_same_device(one: InputArray, name: str, other: InputArray, other_name: str) -> None:
    """Refuse arrays on different devices: nothing is moved between them."""
    places = context_of(one.array), context_of(other.array)
    if places[0].device != places[1].device:
        raise TypeError(
            f"{name} and {other_name} are on different devices: {name} on {places[0]}, "
            f"{other_name} on {places[1]}; move one of them yourself"
        )


def check_on_cpu(array: Array, message: str) -> None:
    """Refuse an array on a device, for functions that read values on the CPU.

    Raises
    ------
    TypeError
        With `message`, in which "{device}" stands for the device.
    """
    context = context_of(array)
    if not context.on_cpu:
        raise TypeError(message.replace("{device}", str(context)))


def as_label_array(labels: object, name: str = "labels") -> InputArray:
    """Label maps of shape (..., H, W), integers only."""
    given = as_input_array(labels, name)
    check_integer_labels(given, name)
    if given.array.ndim < 2:
        raise ValueError(f"{name} must have shape (..., H, W), got {given.array.shape}")
    return given


def check_integer_labels(given: InputArray, name: str) -> None:
    """Refuse floats and booleans as labels."""
    if given.kind not in LABEL_KINDS:
        hint = ""
        if given.kind == "bool":
            hint = "; a mask becomes labels with .astype('uint8')"
        elif given.kind in LOGIT_KINDS:
            hint = "; are these logits or probabilities? take segpost.argmax first"
        raise TypeError(f"{name} must be integers, got dtype {given.kind}{hint}")


def refuse_image_as_labels(labels: Array, name: str = "labels") -> None:
    """Refuse (H, W, 1) and (H, W, 3), which are no label maps."""
    shape = labels.shape
    if len(shape) >= 3 and shape[-1] in (1, 3) and min(shape[-3:-1]) > 3:
        last = shape[-1]
        hint = f"{name}[..., 0]" if last == 1 else "segpost.labels_from_colors(image, palette)"
        raise ValueError(
            f"{name} of shape {shape} look like (H, W, {last}): labels are (..., H, W); use {hint}"
        )


def as_image_array(image: object, name: str = "image", *, kept: bool = False) -> InputArray:
    """Color images of shape (..., H, W, 3), uint8 only."""
    given = as_input_array(image, name, kept=kept)
    shape = given.array.shape
    if len(shape) < 3 or shape[-1] != 3:
        hint = ""
        if len(shape) >= 3 and shape[-3] == 3:
            hint = "; this looks channels first: move the channels last"
        elif len(shape) >= 3 and shape[-1] == 4:
            hint = "; drop the alpha channel: image[..., :3]"
        elif len(shape) == 2:
            hint = "; repeat a grey image: np.stack([image] * 3, -1)"
        raise ValueError(f"{name} must have shape (..., H, W, 3), got {shape}{hint}")
    if given.kind != "uint8":
        hint = ""
        if given.kind.startswith(("float", "bfloat")):
            hint = "; an image in 0..1 becomes (image * 255).round().astype('uint8')"
        raise TypeError(f"{name} must be uint8, got {given.kind}{hint}")
    return given
