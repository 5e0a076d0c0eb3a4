"""The output format that an ONNX model describes."""

from __future__ import annotations

from os import PathLike, fspath
from typing import Any

import numpy as np

from segpost._core.arguments import check_choice
from segpost.runtimes.graph import (
    Operator,
    Trace,
    bilinear_grid,
    check_output_index,
    import_package,
    refuse_damage,
    trace_output,
)

KINDS = {
    "Softmax": "softmax",
    "Sigmoid": "sigmoid",
    "ArgMax": "argmax",
    "ArgMin": "argmax",
    **dict.fromkeys(("Identity", "Cast", "CastLike", "Dropout", "Squeeze", "Unsqueeze"), "pass"),
    **dict.fromkeys(("LogSoftmax", "QuantizeLinear", "DequantizeLinear"), "pass"),
    **dict.fromkeys(("Reshape", "Flatten", "Slice", "Split", "Expand", "Pad", "Concat"), "move"),
    **dict.fromkeys(("Gather", "GatherND", "CenterCropPad"), "move"),
    **dict.fromkeys(("Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Equal"), "compare"),
    **dict.fromkeys(("Mul", "Add", "Sub", "Div", "Pow", "Mod", "Neg", "Abs", "Sign"), "change"),
    **dict.fromkeys(("Floor", "Ceil", "Round", "Clip", "Min", "Max", "Sum", "Mean"), "change"),
    **dict.fromkeys(("Where", "OneHot", "ScatterElements", "ScatterND", "BitShift"), "change"),
    **dict.fromkeys(("MaxPool", "AveragePool", "Relu", "Not", "And", "Or", "Xor"), "change"),
    **dict.fromkeys(("BitwiseAnd", "BitwiseOr", "BitwiseXor"), "change"),
}
RESIZES = ("Resize", "Upsample", "GridSample")
OWN_DOMAINS = ("", "ai.onnx")
FIRST_WITH_GRIDS = 11  # the opset from which on Resize names its grid


def read_convention(model: Any, output: str | int) -> dict[str, Any]:
    """Return the fields of a `Convention`, from an ONNX file or model."""
    onnx = import_package("onnx", "onnx", "an ONNX file")
    if not isinstance(model, (str, PathLike)):
        return trace_tensor(onnx, model, output).fields
    with refuse_damage("ONNX"):
        return trace_tensor(onnx, onnx.load(fspath(model), load_external_data=False), output).fields


def trace_tensor(onnx: Any, model: Any, output: str | int) -> Trace:
    """Follow the operators before an output of an `onnx.ModelProto`."""
    names = [entry.name for entry in model.graph.output]
    last = names[check_output_index(output, len(names))] if isinstance(output, int) else output
    check_choice(last, "output", tuple(names))
    return trace_output(last, GraphReader(onnx, model).read, -3)


class GraphReader:
    """The operators of a model's graph, by the names of what they produce."""

    def __init__(self, onnx: Any, model: Any) -> None:
        graph = model.graph
        self.onnx = onnx
        self.producers = {name: node for node in graph.node for name in node.output if name}
        self.constants = {tensor.name: tensor for tensor in graph.initializer}
        opsets = [entry.version for entry in model.opset_import if entry.domain in OWN_DOMAINS]
        self.opset = max(opsets, default=1)

    def read(self, tensor: str) -> Operator:
        """Describe the operator that produces a tensor."""
        node = self.producers.get(tensor)
        if node is None:
            return Operator("", product=tensor)
        return self._describe(node, tensor)._replace(node=node, product=tensor)

    def _describe(self, node: Any, tensor: str) -> Operator:
        if node.domain not in OWN_DOMAINS:
            return Operator("", name=node.op_type)
        attributes = self.attributes(node)
        word, source, *others = node.op_type, *(self._varying_inputs(node) or [""])
        name = f"{word} {node.name!r}" if node.name else word
        kind = KINDS.get(word, "")
        if word in RESIZES:
            mode = _text(attributes.get("mode", "nearest" if word != "GridSample" else "linear"))
            has_grids = word == "Resize" and self.opset >= FIRST_WITH_GRIDS
            default = "half_pixel" if has_grids else "asymmetric"  # the only one before
            place = _text(attributes.get("coordinate_transformation_mode", default))
            grid = bilinear_grid(place, mode) if word != "GridSample" else None
            is_nearest = mode == "nearest"
            return Operator(
                "resize", source, name=name, grid=grid, is_nearest=is_nearest, tensor=source
            )
        if word == "Transpose":
            return Operator("transpose", source, order=tuple(attributes.get("perm", (3, 2, 1, 0))))
        if word == "TopK":
            is_indices = len(node.output) > 1 and tensor == node.output[1]
            k = attributes.get("k", self.value(node, 1))
            count = 1 if k is None else int(np.asarray(k).reshape(-1)[0])
            return Operator("argmax" if is_indices else "", source, name=name, id_count=count)
        if word == "Gather" and self.is_constant(node.input[0]):
            kind = "change"  # a table of new ids
        quantization = self._quantization(node) if word == "QuantizeLinear" else None
        if word == "DequantizeLinear":
            quantization = (0.0, 0.0)
        return Operator(kind, source, tuple(others), name, quantization=quantization)

    def attributes(self, node: Any) -> dict[str, Any]:
        """Return the attributes of a node, as Python's values."""
        return {a.name: self.onnx.helper.get_attribute_value(a) for a in node.attribute}

    def is_constant(self, tensor: str) -> bool:
        """Return whether the graph does not compute a tensor."""
        node = self.producers.get(tensor)
        return tensor in self.constants or (node is not None and node.op_type == "Constant")

    def _varying_inputs(self, node: Any) -> list[str]:
        """Return the inputs that are not constants; all if there is no other."""
        varying = [name for name in node.input if name and not self.is_constant(name)]
        return varying or list(node.input)

    def value(self, node: Any, index: int) -> Any:
        """Return an input as an array; None if it is missing or computed by the graph."""
        name = node.input[index] if len(node.input) > index else ""
        tensor = self.constants.get(name)
        if tensor is None and name in self.producers and self.is_constant(name):
            return self._constant_value(self.producers[name])
        if tensor is None or tensor.data_location:  # in a file of its own, which is not read
            return None
        return self.onnx.numpy_helper.to_array(tensor)

    def _constant_value(self, node: Any) -> Any:
        """Return the value of a Constant."""
        value = next(iter(self.attributes(node).values()), None)
        has_data = hasattr(value, "data_type")
        return self.onnx.numpy_helper.to_array(value) if has_data else value

    def _quantization(self, node: Any) -> tuple[float, float] | None:
        """Return scale and zero point; None if the graph computes them."""
        scale, zero_point = self.value(node, 1), self.value(node, 2)
        if scale is None or (zero_point is None and len(node.input) > 2 and node.input[2]):
            return None
        scales = np.asarray(scale).reshape(-1)
        if scales.size > 1:
            raise ValueError(
                f"the output has {scales.size} scales, one per class: its raw values cannot be "
                "compared; dequantize it first"
            )
        points = np.zeros(1) if zero_point is None else np.asarray(zero_point).reshape(-1)
        return float(scales[0]), float(points[0])


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value or "")
