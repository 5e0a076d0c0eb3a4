"""The operators between a model's low-resolution tensor and its output, whatever the file format.

Each reader of a file format describes the operators as `Operator`; `trace_output` follows them
backwards from the output and returns the fields of a `Convention`.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any, NamedTuple

# ONNX Resize's words for a sampling grid, which are OpenVINO's too.
GRIDS = {
    "half_pixel": "half_pixel",
    "pytorch_half_pixel": "half_pixel",  # differs only in outputs of one pixel
    "align_corners": "align_corners",
    "asymmetric": "asymmetric",
}


class Operator(NamedTuple):
    """One operator of a graph, as far as a `Convention` needs it."""

    kind: str  # "resize", "transpose", "softmax", "sigmoid", "argmax", "pass"; "" ends the search
    source: Any = None  # what produces its input, in the terms of the file format
    grid: str | None = None  # of a resize; None where segpost has no such grid
    order: tuple[int, ...] = ()  # the permutation of a transpose
    tensor: str = ""  # the name of a resize's input


def trace_output(output: Any, read: Callable[[Any], Operator], axis: int) -> dict[str, Any]:
    """Return the fields of a `Convention`, from the operators before an output.

    Parameters
    ----------
    output : object
        What produces the output, in the terms of the file format.
    read : callable
        Describes the operator that such an object stands for.
    axis : int
        The class axis before all transposes: -3 or -1.
    """
    kind, grid, upsampled, head = "logits", None, False, ""
    orders = []
    operator = read(output)
    while operator.kind:
        if operator.kind == "resize":
            grid, upsampled, head = operator.grid, True, operator.tensor
            break
        if operator.kind == "argmax":
            kind = "labels"
        elif operator.kind in ("softmax", "sigmoid") and kind == "logits":
            kind = "probabilities"
        elif operator.kind == "transpose":
            orders.append(operator.order)
        operator = read(operator.source)
    class_axis = axis % 4
    for order in reversed(orders):
        if len(order) == 4:
            class_axis = order.index(class_axis)
    return {
        "kind": kind,
        "grid": grid,
        "upsampled": upsampled,
        "axis": -1 if class_axis == 3 else -3,
        "head": head,
    }


def import_package(module: str, name: str, purpose: str) -> Any:
    """Import an optional package, or say how to install it."""
    try:
        return importlib.import_module(module)
    except ImportError:
        raise ImportError(f"to read {purpose} install {name} (pip install {name})") from None


def check_output_index(output: object, count: int) -> int:
    """Return the index of an output, which must exist."""
    if isinstance(output, bool) or not isinstance(output, int) or not 0 <= output < count:
        raise ValueError(f"output must be a number from 0 to {count - 1}, got {output!r}")
    return output


def bilinear_grid(mode: str, interpolation: str) -> str | None:
    """Return the grid of a bilinear resize; None for cubic, nearest and other grids."""
    return GRIDS.get(mode) if "linear" in interpolation else None
