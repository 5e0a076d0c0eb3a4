"""The operators of an ONNX graph behind the logits, read strictly."""

from __future__ import annotations

from typing import Any

import numpy as np

from segpost.runtimes.appending.steps import (
    OwnSize,
    Step,
    check_factors,
    refuse,
    refuse_resize,
)
from segpost.runtimes.graph import Operator, bilinear_grid
from segpost.runtimes.onnx import GraphReader

KEEPS = ("Identity", "Dropout")
AXES_ARE_INPUTS = 13  # the opset from which on Squeeze and Unsqueeze take axes as an input
CURE = "make the logits before it an output, and append to that one with output="


def read_step(reader: GraphReader, operator: Operator) -> Step:
    """Describe an operator, or raise a ValueError with the name of its node."""
    node = operator.node
    word, name = node.op_type, name_node(node)
    attributes = reader.attributes(node)
    if operator.kind == "resize":
        return _read_resize(reader, operator, name)
    if word == "Transpose":
        return Step("transpose", name, order=tuple(attributes.get("perm", ())))
    if word in ("Softmax", "LogSoftmax"):
        axis = attributes.get("axis", -1 if reader.opset >= AXES_ARE_INPUTS else 1)
        return Step("softmax", name, axes=(axis,))
    if word == "Sigmoid":
        return Step("sigmoid", name)
    if word == "ArgMax":
        if attributes.get("select_last_index"):
            refuse(name, "takes the last of equal logits, and segpost the first", "export it anew")
        keeps = bool(attributes.get("keepdims", 1))
        return Step("argmax", name, axes=(attributes.get("axis", 0),), keeps_axis=keeps)
    if word == "TopK":
        if not attributes.get("largest", 1):
            refuse(name, "takes the smallest logits", CURE)
        return Step("argmax", name, axes=(attributes.get("axis", -1),), keeps_axis=True)
    if word == "Greater":
        return Step("greater", name, number=_limit(reader, node, name))
    if word in ("Squeeze", "Unsqueeze"):
        return Step(word.lower(), name, axes=_axes(reader, node, attributes, name))
    if word == "Cast":
        dtype = reader.onnx.TensorProto.DataType.Name(attributes["to"]).lower()
        return Step("cast", name, dtype={"float": "float32", "double": "float64"}.get(dtype, dtype))
    if word in ("QuantizeLinear", "DequantizeLinear"):
        return _read_quantization(reader, node, name)
    if word in KEEPS:
        return Step("keep", name)
    return refuse(name, "stands between the resize and the output, and segpost cannot do it", CURE)


def name_node(node: Any) -> str:
    """Return the type and the name of a node, or what it makes where it has no name."""
    output = next(iter(node.output), "")
    return f"{node.op_type} {node.name!r}" if node.name else f"{node.op_type} that makes {output!r}"


def _read_resize(reader: GraphReader, operator: Operator, name: str) -> Step:
    node, attributes = operator.node, reader.attributes(operator.node)
    mode = attributes.get("mode", b"nearest" if node.op_type != "GridSample" else b"linear")
    mode = mode.decode() if isinstance(mode, bytes) else str(mode)
    place = attributes.get("coordinate_transformation_mode", b"half_pixel")
    if node.op_type == "GridSample":
        refuse(name, "samples at places that the graph computes", "export a Resize in its place")
    if operator.grid is None or "linear" not in mode:
        refuse_resize(name, mode, place.decode() if isinstance(place, bytes) else place)
    grid = operator.grid or bilinear_grid("", "") or ""
    for option in ("antialias", "exclude_outside"):
        if attributes.get(option):
            refuse(name, f"has {option}, which segpost does not do", f"export it without {option}")
    policy = attributes.get("keep_aspect_ratio_policy", b"stretch")
    if policy != b"stretch":
        refuse(name, f"keeps the aspect ratio ({policy.decode()})", "export it with its size")
    return Step("resize", name, axes=_resized_axes(reader, node), grid=grid)


def _resized_axes(reader: GraphReader, node: Any) -> tuple[int, ...]:
    """Return the axes that a resize changes; height and width of (N, C, h, w) if it is unknown."""
    axes = reader.attributes(node).get("axes")
    if axes is not None:
        return tuple(axes)
    factors = _factors(reader, node)
    if factors is not None and len(factors) == 4:
        changed = tuple(i for i in range(4) if factors[i] != 1)
        return (1, 2) if changed and set(changed) <= {1, 2} and changed != (2,) else (2, 3)
    return (2, 3)


def _factors(reader: GraphReader, node: Any) -> Any:
    """Return the scales of a resize; None where it has none, or the graph computes them."""
    if node.op_type == "Upsample" and "scales" in reader.attributes(node):
        return np.asarray(reader.attributes(node)["scales"], np.float64)
    value = reader.value(node, 2 if reader.opset >= 11 else 1)
    return None if value is None or not np.size(value) else np.asarray(value, np.float64)


def own_size(reader: GraphReader, node: Any, name: str, shape: tuple[int | None, ...]) -> OwnSize:
    """Return the size that a resize of a tensor of a shape resizes to."""
    axes = reader.attributes(node).get("axes")
    axes = [axis % 4 for axis in axes] if axes is not None else [0, 1, 2, 3]
    height, width = sorted(axis % 4 for axis in _resized_axes(reader, node))
    places = (axes.index(height), axes.index(width))
    if reader.opset >= 11 and len(node.input) > 3 and node.input[3]:
        sizes = reader.value(node, 3)
        if sizes is None:
            return OwnSize(None, node.input[3], places=places)
        if len(np.reshape(sizes, -1)) != len(axes):
            refuse(name, f"has {np.size(sizes)} sizes of {len(axes)} axes", "export it anew")
        return OwnSize((int(sizes[places[0]]), int(sizes[places[1]])), places=places)
    factors = _factors(reader, node)
    if factors is None:
        refuse(name, "has scales that the graph computes", "export it with sizes")
    if len(factors) != len(axes):
        refuse(name, f"has {len(factors)} scales of {len(axes)} axes", "export it anew")
    pair = (float(factors[places[0]]), float(factors[places[1]]))
    sides = (shape[height], shape[width])
    check_factors(name, sides, pair)
    if sides[0] is None or sides[1] is None:
        return OwnSize(None, factors=pair, places=(height, width))
    return OwnSize((round(sides[0] * pair[0]), round(sides[1] * pair[1])))


def _limit(reader: GraphReader, node: Any, name: str) -> float:
    value = reader.value(node, 1)
    if value is None or np.size(value) != 1:
        refuse(name, "compares with values that are not one constant", CURE)
    return float(np.reshape(value, -1)[0])


def _axes(reader: GraphReader, node: Any, attributes: dict[str, Any], name: str) -> tuple[int, ...]:
    axes = attributes.get("axes")
    if axes is None:
        axes = reader.value(node, 1)
    if axes is None:
        refuse(name, "does not say which axes", "export it with axes")
    return tuple(int(axis) for axis in np.reshape(axes, -1))


def _read_quantization(reader: GraphReader, node: Any, name: str) -> Step:
    scale, zero = reader.value(node, 1), reader.value(node, 2)
    if scale is None or np.size(scale) != 1:
        refuse(name, "has one scale for each class, or computes it", CURE)
    step, point = float(np.reshape(scale, -1)[0]), np.reshape(0 if zero is None else zero, -1)[0]
    dtype = np.uint8 if zero is None else point.dtype
    if np.dtype(dtype).kind not in "iu":
        refuse(name, f"makes levels of {dtype}, which are no integers", CURE)
    last = (float(np.iinfo(dtype).max) - float(point)) * step
    return Step("round", name, number=step, last_level=last)
