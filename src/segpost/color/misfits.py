"""Errors of calls whose arguments stand in another order, or do not fit each other."""

from __future__ import annotations

from segpost._core.arrays import as_input_array
from segpost.color.palette import Palette


def refuse_palette_before(call: str, *others: object) -> None:
    """Raise an error where one of the arguments before the palette is the palette.

    Parameters
    ----------
    call : str
        The call as it should be, such as "overlay(image, labels, palette)".
    *others : objects
        The arguments before the last one of a call that has failed.
    """
    for position, value in enumerate(others, 1):
        if isinstance(value, (str, Palette)):
            raise TypeError(
                f"argument {position} is the palette, {value!r}, which comes last: segpost.{call}"
            )


def fit_cure(image: tuple[int, ...], labels: tuple[int, ...]) -> str:
    """Return how labels of a shape (..., H, W) are made to fit an image of such a shape."""
    batch, maps = image[:-2], labels[:-2]
    if image[-2:] != labels[-2:]:
        return f"labels at the image's size come from segpost.argmax(logits, size={image[-2:]})"
    if maps == (1,) and not batch:
        return "a batch of one label map is labels[0]"
    if batch == (1,) and not maps:
        return "a batch of one image is image[0]"
    if len(maps) == 1 and not batch:
        return (
            f"draw {maps[0]} label maps one by one: [segpost.overlay(image, one, palette) for one "
            "in labels]"
        )
    if len(batch) == 1 and not maps:
        return (
            f"draw {batch[0]} images one by one: [segpost.overlay(one, labels, palette) for one in "
            "image]"
        )
    return f"image has the leading axes {batch}, labels have {maps}: they must be the same"


def refuse_label_map(image: object) -> None:
    """Raise an error for a map (H, W), which has no colors."""
    shape = as_input_array(image, "image").array.shape
    if len(shape) == 2:
        raise ValueError(
            f"image of shape {shape} has no colors: a label map (H, W) needs no conversion; a "
            "picture with a palette is np.asarray(Image.open(path).convert('RGB'))"
        )
