"""Checks that several operations share, and the sentences of their errors."""

from __future__ import annotations

from segpost._core.arrays import LABEL_KINDS, LOGIT_KINDS, Array, Incoming, incoming
from segpost._core.device import place_of


def one_device(one: Incoming, name: str, other: Incoming, other_name: str) -> None:
    """Refuse arrays on different devices: nothing is moved between them."""
    places = place_of(one.array), place_of(other.array)
    if places[0].device != places[1].device:
        raise TypeError(
            f"{name} and {other_name} are on different devices: {name} on {places[0]}, "
            f"{other_name} on {places[1]}; move one of them yourself"
        )


def labels_view(labels: object, name: str = "labels") -> Incoming:
    """Label maps of shape (..., H, W), integers only."""
    given = incoming(labels, name)
    only_integers(given, name)
    if given.array.ndim < 2:
        raise ValueError(f"{name} must have shape (..., H, W), got {given.array.shape}")
    return given


def only_integers(given: Incoming, name: str) -> None:
    """Refuse floats and booleans as labels."""
    if given.kind not in LABEL_KINDS:
        hint = ""
        if given.kind == "bool":
            hint = "; a mask becomes labels with .astype('uint8')"
        elif given.kind in LOGIT_KINDS:
            hint = "; are these logits or probabilities? take segpost.argmax first"
        raise TypeError(f"{name} must be integers, got dtype {given.kind}{hint}")


def no_picture(labels: Array, name: str = "labels") -> None:
    """Refuse (H, W, 1) and (H, W, 3), which are no label maps."""
    shape = labels.shape
    if len(shape) >= 3 and shape[-1] in (1, 3) and min(shape[-3:-1]) > 3:
        last = shape[-1]
        hint = f"{name}[..., 0]" if last == 1 else "segpost.labels_from_colors(image, palette)"
        raise ValueError(
            f"{name} of shape {shape} look like (H, W, {last}): labels are (..., H, W); use {hint}"
        )


def image_view(image: object, name: str = "image", *, kept: bool = False) -> Incoming:
    """Color images of shape (..., H, W, 3), uint8 only."""
    given = incoming(image, name, kept=kept)
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
