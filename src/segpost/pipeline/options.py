"""What postprocess takes beside logits, checked."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from segpost._core import arguments, validation
from segpost._core.arrays import Array, InputArray
from segpost.color.palette import Palette
from segpost.crf.model import DenseCRF

WANTED = ("labels", "confidence", "probabilities", "color", "overlay")


def checked_want(want: Iterable[str]) -> set[str]:
    """The names of what is to be made."""
    if isinstance(want, str):
        raise TypeError(f"want must be a collection of names such as ({want!r},), got {want!r}")
    names = list(want)
    for name in names:
        arguments.check_choice(name, "want", WANTED)
    if not names:
        raise ValueError(f"want is empty; it takes any of {', '.join(map(repr, WANTED))}")
    return set(names)


def refiner_of(crf: object, threshold: object) -> DenseCRF | None:
    """What refines probabilities of images."""
    if crf is None:
        return None
    chosen = DenseCRF.preset(crf) if isinstance(crf, str) else crf
    if not isinstance(chosen, DenseCRF):
        raise TypeError(f"crf must be a DenseCRF or the name of a preset, got {crf!r}")
    if chosen.unary != "probabilities" or chosen.volume:
        what = "volume=True" if chosen.volume else f"unary={chosen.unary!r}"
        raise ValueError(
            f"crf has {what}, but postprocess refines the probabilities of images that it makes "
            "of the logits: leave that out"
        )
    if threshold is not None:
        raise ValueError(
            "crf needs probabilities of two labels, a head with threshold= has one; call "
            "segpost.dense_crf(np.stack([1 - p, p]), image) with the sigmoid p"
        )
    return replace(chosen, axis=None)


def check_palette(palette: Palette, classes: int, given: InputArray, counted: int) -> None:
    """Refuse a palette that is too short, or that shows that another axis holds the classes.

    A palette of 256 colors (all that uint8 can say) and a one-channel head show nothing.
    """
    other = -1 if counted == -3 else -3
    fits_other = given.array.shape[other] == len(palette) != classes
    telling = given.array.shape[counted] > 1 and len(palette) != 256
    if classes <= len(palette) and not (fits_other and telling):
        return
    hint = ""
    if fits_other:
        hint = (
            f"; axis {other} of shape {given.array.shape} has {len(palette)}: pass axis={other}, "
            f"or a palette of {classes} colors if axis {counted} is right"
        )
    raise ValueError(
        f"logits have {classes} classes on axis {counted}, "
        f"but palette has {len(palette)} colors{hint}"
    )


def pictured(image: object, shape: tuple[int, int, int], wanted: set[str]) -> Array | None:
    """The photograph, of the size of what comes out."""
    if image is None:
        if "overlay" in wanted:
            raise ValueError('want has "overlay", which needs image=')
        return None
    array = validation.as_image_array(image, kept=True).array
    if array.ndim == 3:
        array = array[None]
    if array.shape[0] != shape[0]:
        raise ValueError(f"image has {array.shape[0]} images, logits have {shape[0]}")
    if array.shape[:-1] != shape:
        raise ValueError(
            f"image of shape {array.shape[-3:]} does not fit labels of {shape[0]} x {shape[1:]}; "
            f"pass size={tuple(array.shape[-3:-1])} to get labels at the image's size"
        )
    return array
