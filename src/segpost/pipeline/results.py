"""The names of the results of `postprocess`, and the record of the largest probabilities."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple, get_args

from segpost._core.public import public

Want = Literal[
    "labels",
    "confidence",
    "probabilities",
    "color",
    "overlay",
    "entropy",
    "margin",
    "topk",
    "regions",
]
OUTPUTS: tuple[str, ...] = get_args(Want)
RANKED = frozenset({"entropy", "margin", "topk"})  # from the order of the classes of a pixel
OF_PROBABILITIES = RANKED | {"confidence", "probabilities"}


@public
class TopK(NamedTuple):
    """The classes with the largest probabilities of every pixel, largest first.

    Attributes
    ----------
    labels : array of shape (k, H, W) or (N, k, H, W), uint8 or int32
    probabilities : array like labels, of `probabilities_dtype`

    Examples
    --------
    >>> import numpy as np, segpost
    >>> logits = np.log(np.float32([[[0.1]], [[0.7]], [[0.2]]]))
    >>> top = segpost.postprocess(logits, want=("topk",), topk=2).topk
    >>> top.labels.ravel(), top.probabilities.ravel().round(3)
    (array([1, 2], dtype=uint8), array([0.7, 0.2], dtype=float32))
    """

    labels: Any
    probabilities: Any

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of both arrays."""
        return tuple(self.labels.shape)


def count_images(segmentation: Any, result: Any) -> int | None:
    """Return the number of images of a result of a segmentation; None without a batch axis."""
    if not hasattr(result, "shape"):  # regions
        return len(result) if isinstance(result, tuple) else None
    maps = ("labels", "confidence", "entropy", "margin")
    is_map = any(result is getattr(segmentation, name) for name in maps)
    dimensions = (3 if is_map else 4) + bool(segmentation.volume)
    return int(result.shape[0]) if len(result.shape) == dimensions else None


def check_one_image(result: Any, images: int, name: str, verb: str) -> None:
    """Refuse a batch of several images; `verb` is what is done with one."""
    if images != 1:
        shape = tuple(getattr(result, "shape", (images,)))
        raise ValueError(
            f"this is a batch of {images}, with {name} of shape {shape}: {verb} seg[0], seg[1], ..."
        )
