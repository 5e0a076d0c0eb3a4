"""What a network's file says of its output: the operators behind its last upsampling."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from os import PathLike, fspath
from pathlib import Path
from typing import Any, NamedTuple

# ONNX Resize's words, and the same in OpenVINO's.
GRIDS = {
    "half_pixel": "half_pixel",
    "pytorch_half_pixel": "half_pixel",  # differs in outputs of one pixel alone
    "align_corners": "align_corners",
    "asymmetric": "asymmetric",
}


class Step(NamedTuple):
    """An operator between the network's small map and its output."""

    does: str  # "resize", "transpose", "softmax", "sigmoid", "argmax", "pass" or "" for the network
    source: Any = None  # where its input comes from
    grid: str | None = None  # of a resize, None where segpost has no such grid
    order: tuple[int, ...] = ()  # of a transpose
    tensor: str = ""  # the name of its input


def _walked(last: Any, step: Callable[[Any], Step], axis: int) -> dict[str, Any]:
    """Fields of a Convention, from the operators behind an output, the last one first."""
    kind, grid, upsampled, head = "logits", None, False, ""
    orders = []
    place = last
    while True:
        found = step(place)
        if not found.does:
            break
        if found.does == "resize":
            grid, upsampled, head = found.grid, True, found.tensor
            break
        if found.does == "argmax":
            kind = "labels"
        elif found.does in ("softmax", "sigmoid") and kind == "logits":
            kind = "probabilities"
        elif found.does == "transpose":
            orders.append(found.order)
        place = found.source
    at = axis % 4
    for order in reversed(orders):
        if len(order) == 4:
            at = order.index(at)
    return {
        "kind": kind,
        "grid": grid,
        "upsampled": upsampled,
        "axis": -1 if at == 3 else -3,
        "head": head,
    }


def of_onnx(model: Any, output: str | int) -> dict[str, Any]:
    """Fields of a Convention, from an ONNX graph."""
    onnx = _package("onnx", "onnx", "an ONNX file")
    if isinstance(model, (str, PathLike)):
        model = onnx.load(fspath(model), load_external_data=False)
    graph = model.graph
    names = [entry.name for entry in graph.output]
    last = names[_number(output, len(names))] if isinstance(output, int) else output
    if last not in names:
        raise ValueError(f"output must be one of {', '.join(map(repr, names))}, got {output!r}")
    makers = {name: node for node in graph.node for name in node.output}

    def step(name: str) -> Step:
        node = makers.get(name)
        if node is None:
            return Step("")
        given = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
        source = node.input[0] if node.input else ""
        if node.op_type in ("Resize", "Upsample"):  # Upsample knows no other grid
            default = "half_pixel" if node.op_type == "Resize" else "asymmetric"
            mode = _text(given.get("coordinate_transformation_mode", default))
            return Step("resize", grid=_grid(mode, _text(given.get("mode"))), tensor=source)
        if node.op_type == "Transpose":
            return Step("transpose", source, order=tuple(given.get("perm", (3, 2, 1, 0))))
        return Step(_ONNX.get(node.op_type, ""), source)

    return _walked(last, step, -3)


_ONNX = {
    "Softmax": "softmax",
    "LogSoftmax": "pass",
    "Sigmoid": "sigmoid",
    "ArgMax": "argmax",
    **dict.fromkeys(("Identity", "Cast", "Squeeze", "Unsqueeze", "DequantizeLinear"), "pass"),
    "QuantizeLinear": "pass",
}


def of_openvino(model: Any, output: int) -> dict[str, Any]:
    """Fields of a Convention, from an OpenVINO graph."""
    if hasattr(model, "get_runtime_model") and hasattr(model, "create_infer_request"):
        raise TypeError(
            "model is a compiled one, whose operators are the device's own; "
            "pass the openvino.Model that it was compiled from"
        )
    outputs = model.outputs
    node = outputs[_number(output, len(outputs))].get_node()

    def step(node: Any) -> Step:
        word = node.get_type_name()
        if word == "Result":
            return Step("pass", _before(node))
        if word == "Interpolate":
            given = node.get_attributes()
            grid = _grid(given.get("coordinate_transformation_mode", ""), given.get("mode", ""))
            return Step("resize", grid=grid, tensor=_before(node).get_friendly_name())
        if word == "Transpose":
            order = node.input_value(1).get_node()
            values = tuple(int(i) for i in order.data.reshape(-1)) if _is_constant(order) else ()
            return Step("transpose", _before(node), order=values)
        return Step(_OPENVINO.get(word, ""), _before(node) if node.inputs() else None)

    return _walked(node, step, -3)


_OPENVINO = {
    "Softmax": "softmax",
    "LogSoftmax": "pass",
    "Sigmoid": "sigmoid",
    "TopK": "argmax",
    **dict.fromkeys(("Convert", "Squeeze", "Unsqueeze", "FakeQuantize"), "pass"),
}


def _before(node: Any) -> Any:
    return node.input_value(0).get_node()


def _is_constant(node: Any) -> bool:
    return bool(node.get_type_name() == "Constant")


def of_litert(model: Any, output: int) -> dict[str, Any]:
    """Fields of a Convention, from a TFLite file."""
    data = model if isinstance(model, bytes) else Path(model).read_bytes()
    if data[4:8] != b"TFL3":
        raise ValueError("model is no TFLite file: its identifier TFL3 is missing")
    words = _litert_schema()
    parsed = words.Model.GetRootAs(data, 0)
    graph = parsed.Subgraphs(0)
    last = graph.Outputs(_number(output, graph.OutputsLength()))
    makers = {
        graph.Operators(i).Outputs(j): graph.Operators(i)
        for i in range(graph.OperatorsLength())
        for j in range(graph.Operators(i).OutputsLength())
    }
    names = {value: key for key, value in vars(words.BuiltinOperator).items() if key.isupper()}

    def step(tensor: int) -> Step:
        node = makers.get(tensor)
        if node is None:
            return Step("")
        code = parsed.OperatorCodes(node.OpcodeIndex())
        word = names.get(max(code.BuiltinCode(), code.DeprecatedBuiltinCode()), "")
        source = node.Inputs(0)
        if word == "RESIZE_BILINEAR":
            options = words.ResizeBilinearOptions()
            options.Init(node.BuiltinOptions().Bytes, node.BuiltinOptions().Pos)
            grid = "half_pixel" if options.HalfPixelCenters() else "asymmetric"
            if options.AlignCorners():
                grid = "align_corners"
            return Step("resize", grid=grid, tensor=graph.Tensors(source).Name().decode())
        if word == "RESIZE_NEAREST_NEIGHBOR":
            return Step("resize", tensor=graph.Tensors(source).Name().decode())
        if word == "TRANSPOSE":
            held = parsed.Buffers(graph.Tensors(node.Inputs(1)).Buffer())
            order = held.DataAsNumpy()
            values = () if isinstance(order, int) else tuple(order.view("<i4").tolist())
            return Step("transpose", source, order=values)
        return Step(_LITERT.get(word, ""), source)

    told = _walked(last, step, -1)
    scale = graph.Tensors(last).Quantization()
    if scale is not None and scale.ScaleLength() > 1:
        raise ValueError(
            f"output {output} has {scale.ScaleLength()} scales, one for each class: its raw values "
            "cannot be compared; dequantize it first"
        )
    if scale is not None and scale.ScaleLength() == 1:
        zero = scale.ZeroPoint(0) if scale.ZeroPointLength() else 0
        told["quantization"] = (float(scale.Scale(0)), float(zero))
    return told


_LITERT = {
    "SOFTMAX": "softmax",
    "LOG_SOFTMAX": "pass",
    "LOGISTIC": "sigmoid",
    "ARG_MAX": "argmax",
    **dict.fromkeys(("QUANTIZE", "DEQUANTIZE", "CAST", "SQUEEZE", "RESHAPE"), "pass"),
}


def _litert_schema() -> Any:
    for name in (
        "ai_edge_litert.schema_py_generated",
        "tensorflow.lite.python.schema_py_generated",
    ):
        try:
            return importlib.import_module(name)
        except ImportError:
            continue
    raise ImportError("to read a TFLite file install ai-edge-litert (pip install ai-edge-litert)")


def _package(module: str, name: str, what: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError:
        raise ImportError(f"to read {what} install {name} (pip install {name})") from None


def _number(output: object, count: int) -> int:
    if isinstance(output, bool) or not isinstance(output, int) or not 0 <= output < count:
        raise ValueError(f"output must be a number from 0 to {count - 1}, got {output!r}")
    return output


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value or "")


def _grid(mode: str, interpolation: str) -> str | None:
    """A bilinear grid's name; None for cubic, nearest and grids that segpost does not have."""
    return GRIDS.get(mode) if "linear" in interpolation else None
