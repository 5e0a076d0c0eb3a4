"""What to pass in place of an argument that is no array."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike

QUERY_KEYS = (  # of classes and of masks
    ("class_queries_logits", "masks_queries_logits"),
    ("pred_logits", "pred_masks"),
)
NETWORK_METHODS = ("forward", "predict")  # of torch, Keras
RESULT_FIELDS = ("logits", "labels")  # of a network's output, of a `Segmentation`


def cure_of(value: object, name: str) -> str:
    """Return how an array is made of a list, of a path, of a network, or of what that returns."""
    if isinstance(value, Mapping) and value:
        pair = next((pair for pair in QUERY_KEYS if pair[0] in value and pair[1] in value), None)
        if pair is not None:
            first, second = (f"{name}[{key!r}]" for key in pair)
            return (
                f"; it is the output of a head of queries: call segpost.segment_queries({first}, "
                f'{second}), or segpost.postprocess({name}, convention="mask2former")'
            )
        key = next((key for key in ("out", "logits") if key in value), next(iter(value)))
        return f"; pass convention= where it is a parameter, or one of its values, {name}[{key!r}]"
    if isinstance(value, (list, tuple)) and value:
        is_array = len(value) == 1 and hasattr(value[0], "shape")
        return f"; pass {name}[0]" if is_array else f"; pass np.stack({name}), or one of them"
    if isinstance(value, (str, PathLike)):
        return "; np.load reads a .npy file, PIL.Image.open a picture"
    if callable(value) and any(hasattr(value, method) for method in NETWORK_METHODS):
        return "; it is a network: pass what it returns for an image"
    for field in RESULT_FIELDS:
        if hasattr(value, field):
            return f"; pass {name}.{field}"
    return ""
