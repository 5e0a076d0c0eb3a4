"""Files of the results of one image: indexed, RGB and grey PNG, and arrays."""

from __future__ import annotations

from os import PathLike, fspath

import numpy as np

from segpost._core import errors
from segpost._core.arrays import Array
from segpost._core.contract import LabelErrors
from segpost.color.palette import Palette

FORMATS = {
    "labels": (".png", ".npy"),
    "color": (".png",),
    "overlay": (".png",),
    "confidence": (".png", ".npy"),
    "probabilities": (".npy",),
}


def check_path(path: str | PathLike[str], what: str) -> str:
    """The ending of a file that can hold the result; another one is an error."""
    name = fspath(path).lower()
    for ending in FORMATS[what]:
        if name.endswith(ending):
            return ending
    why = {
        "labels": "other formats change ids",
        "probabilities": "a picture does not hold them",
    }.get(what, "other formats change values")
    raise ValueError(
        f"path must end in {' or '.join(FORMATS[what])} for what={what!r}, "
        f"got {fspath(path)!r}; {why}"
    )


def save_array(path: str | PathLike[str], array: Array) -> None:
    """Write an array as it is, under exactly this name."""
    with open(path, "wb") as file:
        np.save(file, array, allow_pickle=False)


def save_picture(path: str | PathLike[str], picture: Array) -> None:
    """Write an (H, W) or (H, W, 3) uint8 picture as PNG."""
    from PIL import Image

    Image.fromarray(np.ascontiguousarray(picture)).save(path, format="PNG")


def grey(confidence: Array) -> Array:
    """Confidence as 8 bits: round(255 c), and 0 where it is NaN."""
    if confidence.dtype == np.uint8:
        return confidence
    outside = (confidence < 0) | (confidence > 1)
    if outside.any():
        y, x = (int(i) for i in np.argwhere(outside)[0])
        raise ValueError(
            f"confidence has {int(outside.sum())} of {outside.size} values outside 0..1, first "
            f"{confidence[y, x]:g} at [{y}, {x}]; a .npy file keeps them"
        )
    return np.rint(255 * np.nan_to_num(confidence.astype(np.float32), nan=0.0)).astype(np.uint8)


def save_indexed(path: str | PathLike[str], labels: Array, palette: Palette) -> None:
    """Write labels as an indexed PNG; every one of them needs a color."""
    outside = (labels < 0) | (labels > 255)
    if outside.any():
        y, x = (int(i) for i in np.argwhere(outside)[0])
        raise ValueError(
            f"an indexed PNG holds labels 0..255; {int(outside.sum())} are outside, first "
            f"{labels[y, x]} at [{y}, {x}]. "
            f"save({fspath(path)[: -len('.png')] + '.npy'!r}) keeps them"
        )
    from PIL import Image

    labels = labels.astype(np.uint8)
    table = np.zeros((256, 3), np.uint8)
    table[: min(len(palette), 256)] = palette.colors[:256]
    known = np.arange(256) < len(palette)
    ignore = palette.ignore_index
    if ignore is not None and 0 <= ignore <= 255:
        table[ignore] = palette.color(ignore)
        known[ignore] = True
    missing = ~known[labels]
    if missing.any():
        bad = LabelErrors(int(missing.sum()), int(missing.argmax()))
        errors.raise_bad_labels(bad, labels, len(palette), ignore)
    picture = Image.fromarray(labels)
    picture.putpalette(table.tobytes())
    picture.save(path, format="PNG")
