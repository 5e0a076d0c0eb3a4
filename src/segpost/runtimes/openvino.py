"""The output format that an OpenVINO model describes."""

from __future__ import annotations

from typing import Any

from segpost.runtimes.graph import Operator, bilinear_grid, check_output_index, trace_output

KINDS = {
    "Softmax": "softmax",
    "LogSoftmax": "pass",
    "Sigmoid": "sigmoid",
    "TopK": "argmax",
    **dict.fromkeys(("Convert", "Squeeze", "Unsqueeze", "FakeQuantize"), "pass"),
}


def read_convention(model: Any, output: int) -> dict[str, Any]:
    """Return the fields of a `Convention`, from an `openvino.Model`."""
    if hasattr(model, "get_runtime_model") and hasattr(model, "create_infer_request"):
        raise TypeError(
            "model is compiled, so its operators are those of the device; "
            "pass the openvino.Model that it was compiled from"
        )
    outputs = model.outputs
    return trace_output(
        outputs[check_output_index(output, len(outputs))].get_node(), _read_operator, -3
    )


def _read_operator(node: Any) -> Operator:
    """Describe a node of an OpenVINO graph."""
    word = node.get_type_name()
    if word == "Result":
        return Operator("pass", _source(node))
    if word == "Interpolate":
        attributes = node.get_attributes()
        mode = attributes.get("coordinate_transformation_mode", "")
        grid = bilinear_grid(mode, attributes.get("mode", ""))
        return Operator("resize", grid=grid, tensor=_source(node).get_friendly_name())
    if word == "Transpose":
        order = node.input_value(1).get_node()
        is_constant = order.get_type_name() == "Constant"
        values = tuple(int(i) for i in order.data.reshape(-1)) if is_constant else ()
        return Operator("transpose", _source(node), order=values)
    return Operator(KINDS.get(word, ""), _source(node) if node.inputs() else None)


def _source(node: Any) -> Any:
    """Return the node that produces the first input."""
    return node.input_value(0).get_node()
