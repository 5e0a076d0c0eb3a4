"""The operators between a model's low-resolution tensor and its output, whatever the file format.

Each reader of a file format describes the operators as `Operator`; `trace_output` follows them
backwards from the output, and returns the fields of a `Convention` and the operators.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, NoReturn

from segpost._core.text import describe_error

# ONNX Resize's words for a sampling grid, which are OpenVINO's too.
GRIDS = {
    "half_pixel": "half_pixel",
    "pytorch_half_pixel": "half_pixel",  # differs only in outputs of one pixel
    "align_corners": "align_corners",
    "asymmetric": "asymmetric",
}


MAX_STEPS = 64  # operators behind one that changes ids, among which the ids are looked for
MAX_OPERATORS = 1 << 16  # that are followed from the output; more are a circle of a damaged file


class Operator(NamedTuple):
    """One operator of a graph, as far as a `Convention` needs it.

    The kinds are "resize", "transpose", "softmax", "sigmoid" and "argmax"; "compare", whose results
    are ids 0 and 1; "pass", which keeps values and axes; "move", which keeps values; "change",
    which computes other values from those of its sources. "" ends the search.
    """

    kind: str
    source: Any = None  # what produces its input, in the terms of the file format
    others: tuple[Any, ...] = ()  # what produces the other inputs of a "change"
    name: str = ""  # in the terms of the file format, for errors
    grid: str | None = None  # of a resize; None where segpost has no such grid
    is_nearest: bool = False  # of a resize
    order: tuple[int, ...] = ()  # the permutation of a transpose
    tensor: str = ""  # the name of a resize's input
    id_count: int = 1  # of an argmax: how many ids of a pixel it returns, the best first
    quantization: tuple[float, float] | None = None  # of what a "pass" makes; (0, 0) of floats
    node: Any = None  # in the file format's own form
    product: Any = None  # which of the node's outputs it is, in the terms of the file format


class Trace(NamedTuple):
    """What the operators before an output say of it."""

    fields: dict[str, Any]  # of a `Convention`
    operators: tuple[Operator, ...]  # from the output on, as far as they were followed


def trace_output(output: Any, read: Callable[[Any], Operator], axis: int) -> Trace:
    """Follow the operators before an output, and say what the output is.

    Parameters
    ----------
    output : object
        What produces the output, in the terms of the file format.
    read : callable
        Describes the operator that such an object stands for.
    axis : int
        The class axis before all transposes: -3 or -1.

    Raises
    ------
    ValueError
        If the output holds class ids that other operators have interpolated or changed.
    """
    kind, quantization, orders = "logits", None, []
    resize: Operator | None = None
    is_moved, interpolating = False, ""
    operators = []
    operator = read(output)
    for _ in range(MAX_OPERATORS):
        operators.append(operator)
        if not operator.kind:
            break
        if operator.kind in ("argmax", "compare"):
            if kind == "probabilities":
                break
            if interpolating:
                _raise_interpolated(interpolating)
            if operator.id_count != 1 and not is_moved:
                _raise_several(operator)
            kind, is_moved = "labels", False
            if resize is not None:
                break
        elif operator.kind == "resize":
            if resize is None and (kind == "labels" or not is_moved):
                resize = operator
            if kind == "labels":
                break
            if not operator.is_nearest:
                interpolating = operator.name or "a resize"
        elif operator.kind in ("softmax", "sigmoid") and kind == "logits":
            kind = "probabilities"
        elif operator.kind == "transpose" and resize is None:
            orders.append(operator.order)
        elif operator.kind == "move":
            is_moved = True
        elif operator.kind == "change":
            if kind == "logits" and _has_ids_behind(operator, read):
                _raise_changed(operator)
            break
        if kind == "logits" and quantization is None:  # else it is that of an input
            quantization = operator.quantization
        operator = read(operator.source)
    else:
        raise ValueError("the operators before output form a circle")
    class_axis = axis % 4
    for order in reversed(orders):
        if len(order) == 4:
            class_axis = order.index(class_axis)
    fields: dict[str, Any] = {
        "kind": kind,
        "grid": None if resize is None else resize.grid,
        "upsampled": resize is not None,
        "axis": -1 if class_axis == 3 else -3,
        "head": "" if resize is None or is_moved else resize.tensor,
    }
    if quantization is not None:
        fields["quantization"] = quantization
    return Trace(fields, tuple(operators))


@contextmanager
def refuse_damage(kind: str, name: str = "model") -> Iterator[None]:
    """Raise a ValueError for whatever the parser of a file format raises about a damaged file.

    Parameters
    ----------
    kind : str
        The name of the file format, for the error.
    name : str
        What is read: the argument, with the path of its file.
    """
    try:
        yield
    except (ValueError, OSError, ImportError, MemoryError):
        raise
    except Exception as error:
        raise ValueError(
            f"{name} is a damaged {kind} file: {describe_error(error).reason}"
        ) from error


def _has_ids_behind(change: Operator, read: Callable[[Any], Operator]) -> bool:
    """Return whether an argmax is among the sources of an operator, through elementwise ones."""
    sources = [change.source, *change.others]
    for _ in range(MAX_STEPS):
        if not sources:
            break
        operator = read(sources.pop(0))
        if operator.kind == "argmax":
            return True
        if operator.kind in ("pass", "move", "change", "transpose", "resize"):
            sources += [operator.source, *operator.others]
    return False


def _raise_interpolated(name: str) -> NoReturn:
    raise ValueError(
        f"output holds class ids that {name} interpolates: between the ids 2 and 8 it makes up 5; "
        "resize the logits before the argmax, or the ids with nearest neighbors"
    )


def _raise_changed(operator: Operator) -> NoReturn:
    raise ValueError(
        f"output holds class ids that {operator.name or 'another operator'} changes, so they are "
        "neither logits nor labels; make the ids themselves an output, or the logits before the "
        "argmax"
    )


def _raise_several(operator: Operator) -> NoReturn:
    raise ValueError(
        f"output holds the ids of the {operator.id_count} best classes of every pixel "
        f"({operator.name}), which are no label map; take the first of them, or the logits"
    )


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
