"""The output format that an ONNX model describes."""

from __future__ import annotations

from os import PathLike, fspath
from typing import Any

from segpost._core.arguments import check_choice
from segpost.runtimes.graph import (
    Operator,
    bilinear_grid,
    check_output_index,
    import_package,
    trace_output,
)

KINDS = {
    "Softmax": "softmax",
    "LogSoftmax": "pass",
    "Sigmoid": "sigmoid",
    "ArgMax": "argmax",
    **dict.fromkeys(("Identity", "Cast", "Squeeze", "Unsqueeze", "DequantizeLinear"), "pass"),
    "QuantizeLinear": "pass",
}


def read_convention(model: Any, output: str | int) -> dict[str, Any]:
    """Return the fields of a `Convention`, from an ONNX file or model."""
    onnx = import_package("onnx", "onnx", "an ONNX file")
    if isinstance(model, (str, PathLike)):
        model = onnx.load(fspath(model), load_external_data=False)
    graph = model.graph
    names = [entry.name for entry in graph.output]
    last = names[check_output_index(output, len(names))] if isinstance(output, int) else output
    check_choice(last, "output", tuple(names))
    producers = {name: node for node in graph.node for name in node.output}

    def read(tensor: str) -> Operator:
        node = producers.get(tensor)
        if node is None:
            return Operator("")
        attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
        source = node.input[0] if node.input else ""
        if node.op_type in ("Resize", "Upsample"):
            default = "half_pixel" if node.op_type == "Resize" else "asymmetric"  # Upsample's only
            mode = _text(attributes.get("coordinate_transformation_mode", default))
            grid = bilinear_grid(mode, _text(attributes.get("mode")))
            return Operator("resize", grid=grid, tensor=source)
        if node.op_type == "Transpose":
            return Operator("transpose", source, order=tuple(attributes.get("perm", (3, 2, 1, 0))))
        return Operator(KINDS.get(node.op_type, ""), source)

    return trace_output(last, read, -3)


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value or "")
