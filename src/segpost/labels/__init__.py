"""Labels: from logits to labels and probabilities, of images and volumes.

`argmax` upsamples logits and takes the first index of the largest, exactly as defined in float64;
`softmax` computes probabilities; `binarize` computes the masks of sigmoid heads. Outputs that are
probabilities or labels already are read by `segpost.labels.decoded`.
"""

from typing import TYPE_CHECKING, Any

from segpost.labels.operations import argmax, softmax

if TYPE_CHECKING:
    from segpost.labels.masks import binarize

__all__ = ["argmax", "binarize", "softmax"]


def __getattr__(name: str) -> Any:
    """Import `binarize` when it is first used: labels need none of its modules."""
    if name == "binarize":
        from segpost.labels.masks import binarize

        return binarize
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
