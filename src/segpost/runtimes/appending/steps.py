"""The operators between a model's logits and its output, read strictly.

`segpost.runtimes.graph` finds them. Each is described here as far as its results depend on it, and
what segpost cannot repeat is refused with the name of the node.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple, NoReturn

ROUNDING = {"float32": 2.0**-24, "float64": 2.0**-53, "float16": 2.0**-11, "bfloat16": 2.0**-8}


class Step(NamedTuple):
    """One operator between the logits and the output.

    The kinds are "resize", "transpose", "softmax", "sigmoid", "argmax", "greater", "squeeze",
    "unsqueeze", "cast", "round", which makes levels of a quantization of values, and "keep".
    """

    kind: str
    name: str  # type and name of the node
    axes: tuple[int, ...] = ()  # those that it works on; of a resize those that are resized
    order: tuple[int, ...] = ()  # of a transpose
    keeps_axis: bool = False  # of an argmax
    number: float = 0.0  # the limit of a greater, the step of a round
    dtype: str = ""  # of a cast
    grid: str = ""  # of a resize
    last_level: float = math.inf  # of a round


class OwnSize(NamedTuple):
    """The size that a model itself resizes to."""

    sides: tuple[int, int] | None  # where the file has it
    sizes: Any = None  # else a value of the graph that holds it, at `places`
    factors: tuple[float, ...] = ()  # or what the sides of the logits are multiplied by
    places: tuple[int, int] = (2, 3)


def fix_sides(own: OwnSize, shape: tuple[int | None, ...], spatial: tuple[int, int]) -> OwnSize:
    """Return a size with the sides that the shape of the result has, where it has both."""
    if own.sides is not None or len(shape) != 4:
        return own
    height, width = (shape[axis] for axis in spatial)
    return own if height is None or width is None else OwnSize((height, width))


def refuse(name: str, reason: str, cure: str) -> NoReturn:
    """Raise the error of a node that segpost cannot replace."""
    raise ValueError(f"{name} {reason}; {cure}")


def refuse_resize(name: str, mode: str, grid: object) -> NoReturn:
    """Raise the error of a resize that is not bilinear on one of segpost's grids."""
    if "linear" in mode:
        refuse(
            name,
            f"resizes on the grid {grid!r}, which segpost does not have",
            "export it with half_pixel, align_corners or asymmetric",
        )
    if "nearest" in mode:
        refuse(
            name,
            "takes nearest neighbors, and segpost interpolates linearly",
            "export the model with a bilinear resize of the logits, or make the tensor before it "
            "an output and use segpost.resize_labels",
        )
    refuse(
        name,
        f"resizes by {mode!r}, which segpost does not do inside a graph",
        "export the model with a bilinear resize",
    )


def check_factors(name: str, shape: tuple[int | None, ...], factors: tuple[float, float]) -> None:
    """Refuse scales by which the sides do not become whole: the grid would be another."""
    for side, factor in zip(shape, factors, strict=True):
        product = None if side is None else side * factor
        is_whole = float(factor).is_integer() if product is None else product == round(product)
        if not is_whole:
            refuse(
                name,
                f"resizes by the factor {factor:g}, with which {side or 'a side'} does not become "
                "a whole number, so that neighbors are not the ratio of the sides apart",
                "export it with sizes in place of scales",
            )
