"""The operators of an OpenVINO graph behind the logits, read strictly."""

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
from segpost.runtimes.graph import Operator
from segpost.runtimes.openvino import constant_value, is_constant

TYPES = {"f32": "float32", "f64": "float64", "f16": "float16", "bf16": "bfloat16"}
BILINEAR = ("linear", "linear_onnx")
CURE = "make the logits before it an output, and append to that one with output="


def read_step(operator: Operator) -> Step:
    """Describe an operator, or raise a ValueError with the name of its node."""
    node = operator.node
    word, name = node.get_type_name(), operator.name or name_node(node)
    attributes = node.get_attributes()
    if operator.kind == "resize":
        return _read_resize(operator, name, attributes)
    if word == "Transpose":
        return Step("transpose", name, order=operator.order)
    if word in ("Softmax", "LogSoftmax"):
        return Step("softmax", name, axes=(int(attributes.get("axis", 1)),))
    if word == "Sigmoid":
        return Step("sigmoid", name)
    if word == "TopK":
        if attributes.get("mode") != "max":
            refuse(name, "takes the smallest logits", CURE)
        return Step("argmax", name, axes=(int(attributes["axis"]),), keeps_axis=True)
    if word == "Greater":
        return Step("greater", name, number=_limit(node, name))
    if word in ("Squeeze", "Unsqueeze"):
        if node.get_input_size() < 2 or not is_constant(node.input_value(1)):
            refuse(name, "does not say which axes", "convert the model with axes")
        axes = tuple(int(axis) for axis in constant_value(node.input_value(1)))
        return Step(word.lower(), name, axes=axes)
    if word == "Convert":
        dtype = str(attributes.get("destination_type", ""))
        return Step("cast", name, dtype={"boolean": "bool"}.get(dtype, TYPES.get(dtype, dtype)))
    if word == "FakeQuantize":
        return _read_quantization(node, name)
    if word == "Result":
        return Step("keep", "")
    return refuse(name, "stands between the resize and the output, and segpost cannot do it", CURE)


def name_node(node: Any) -> str:
    """Return the type and the name of a node."""
    return f"{node.get_type_name()} {node.get_friendly_name()!r}"


def _read_resize(operator: Operator, name: str, attributes: dict[str, Any]) -> Step:
    mode = str(attributes.get("mode", ""))
    place = attributes.get("coordinate_transformation_mode", "")
    version = operator.node.get_type_info().version_id
    if version == "opset1":
        refuse(name, "is of opset 1, whose grid is not named", "convert the model anew")
    if operator.grid is None or mode not in BILINEAR:
        refuse_resize(name, mode if mode in BILINEAR else mode.replace("linear", "-lin"), place)
    if attributes.get("antialias"):
        refuse(name, "has antialias, which segpost does not do", "convert it without antialias")
    if any(np.any(attributes.get(name, 0)) for name in ("pads_begin", "pads_end")):
        refuse(name, "pads the logits", "convert it without padding")
    axes = resized_axes(operator.node, name)
    return Step("resize", name, axes=axes, grid=operator.grid or "")


def resized_axes(node: Any, name: str) -> tuple[int, ...]:
    """Return the axes that an Interpolate resizes."""
    is_old = node.get_type_info().version_id == "opset4"
    place = 3 if is_old else 2
    if node.get_input_size() <= place:
        return (2, 3)
    value = node.input_value(place)
    if not is_constant(value):
        refuse(name, "has axes that the graph computes", "convert the model anew")
    axes = tuple(int(axis) for axis in constant_value(value))
    if len(axes) == 4:  # batch and classes too, whose sizes stay
        return (2, 3)
    return axes


def own_size(node: Any, name: str, shape: tuple[int | None, ...]) -> OwnSize:
    """Return the size that an Interpolate of a tensor of a shape resizes to."""
    is_old = node.get_type_info().version_id == "opset4"
    by_scales = node.get_attributes().get("shape_calculation_mode") == "scales"
    value = node.input_value(2 if is_old and by_scales else 1)
    place = 3 if is_old else 2
    axes = [0, 1, 2, 3]
    if node.get_input_size() > place:
        axes = [int(axis) % 4 for axis in constant_value(node.input_value(place))]
    height, width = sorted(axis % 4 for axis in resized_axes(node, name))
    places = (axes.index(height), axes.index(width))
    if not is_constant(value):
        if by_scales:
            refuse(name, "has scales that the graph computes", "convert it with sizes")
        return OwnSize(None, value, places=places)
    numbers = constant_value(value)
    if not by_scales:
        return OwnSize((int(numbers[places[0]]), int(numbers[places[1]])), places=places)
    pair = (float(numbers[places[0]]), float(numbers[places[1]]))
    sides = (shape[height], shape[width])
    check_factors(name, sides, pair)
    if sides[0] is None or sides[1] is None:
        return OwnSize(None, factors=pair, places=(height, width))
    return OwnSize((round(sides[0] * pair[0]), round(sides[1] * pair[1])))


def _limit(node: Any, name: str) -> float:
    value = node.input_value(1)
    if not is_constant(value) or constant_value(value).size != 1:
        refuse(name, "compares with values that are not one constant", CURE)
    return float(constant_value(value)[0])


def _read_quantization(node: Any, name: str) -> Step:
    values = [node.input_value(i) for i in (3, 4)]
    if any(not is_constant(v) or constant_value(v).size != 1 for v in values):
        refuse(name, "has one scale for each class, or computes it", CURE)
    low, high = (float(constant_value(v)[0]) for v in values)
    step = (high - low) / max(int(node.get_attributes().get("levels", 256)) - 1, 1)
    return Step("round", name, number=step, last_level=high)
