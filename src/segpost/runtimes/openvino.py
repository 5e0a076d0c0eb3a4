"""The output format that an OpenVINO model describes."""

from __future__ import annotations

from typing import Any

from segpost.runtimes.graph import Operator, Trace, bilinear_grid, check_output_index, trace_output

KINDS = {
    "Softmax": "softmax",
    "Sigmoid": "sigmoid",
    **dict.fromkeys(("Result", "Convert", "ConvertLike", "Squeeze", "Unsqueeze"), "pass"),
    **dict.fromkeys(("LogSoftmax", "FakeQuantize"), "pass"),
    **dict.fromkeys(("Reshape", "Slice", "StridedSlice", "Split", "VariadicSplit"), "move"),
    **dict.fromkeys(("Broadcast", "Pad", "Concat", "Gather", "GatherND"), "move"),
    **dict.fromkeys(("Greater", "GreaterEqual", "Less", "LessEqual", "Equal"), "compare"),
    **dict.fromkeys(("Multiply", "Add", "Subtract", "Divide", "Power", "Mod"), "change"),
    **dict.fromkeys(("FloorMod", "Negative", "Abs", "Sign", "Floor", "Ceiling"), "change"),
    **dict.fromkeys(("Round", "Clamp", "Minimum", "Maximum", "Select", "OneHot"), "change"),
    **dict.fromkeys(("ScatterUpdate", "ScatterElementsUpdate", "MaxPool", "AvgPool"), "change"),
    **dict.fromkeys(("Relu", "LogicalNot", "LogicalAnd", "LogicalOr", "LogicalXor"), "change"),
}


def read_convention(model: Any, output: int) -> dict[str, Any]:
    """Return the fields of a `Convention`, from an `openvino.Model`."""
    return trace_result(model, output).fields


def trace_result(model: Any, output: int) -> Trace:
    """Follow the operators before an output of an `openvino.Model`."""
    if hasattr(model, "get_runtime_model") and hasattr(model, "create_infer_request"):
        raise TypeError(
            "model is compiled, so its operators are those of the device; "
            "pass the openvino.Model that it was compiled from"
        )
    outputs = model.outputs
    return trace_output(outputs[check_output_index(output, len(outputs))], read_operator, -3)


def read_operator(output: Any) -> Operator:
    """Describe the node of an OpenVINO graph that has an output."""
    if output is None:
        return Operator("")
    node = output.get_node()
    return _describe(node, output)._replace(node=node, product=output)


def _describe(node: Any, output: Any) -> Operator:
    word = node.get_type_name()
    name = f"{word} {node.get_friendly_name()!r}"
    inputs = [node.input_value(i) for i in range(node.get_input_size())]
    varying = [value for value in inputs if not is_constant(value)] or inputs
    source, *others = varying or [None]
    kind = KINDS.get(word, "")
    if word == "Interpolate":
        attributes = node.get_attributes()
        mode = attributes.get("mode", "")
        grid = bilinear_grid(attributes.get("coordinate_transformation_mode", ""), mode)
        tensor = source.get_node().get_friendly_name()
        is_nearest = mode == "nearest"
        return Operator(
            "resize", source, name=name, grid=grid, is_nearest=is_nearest, tensor=tensor
        )
    if word == "Transpose":
        values = tuple(int(i) for i in constant_value(inputs[1])) if is_constant(inputs[1]) else ()
        return Operator("transpose", source, order=values)
    if word == "TopK":
        count = int(constant_value(inputs[1])[0]) if is_constant(inputs[1]) else 1
        is_indices = output.get_index() == 1
        return Operator("argmax" if is_indices else "", source, name=name, id_count=count)
    if word == "Gather" and is_constant(inputs[0]):
        kind = "change"  # a table of new ids
    return Operator(kind, source, tuple(others), name)


def is_constant(value: Any) -> bool:
    """Return whether the graph does not compute a value."""
    return bool(value.get_node().get_type_name() == "Constant")


def constant_value(value: Any) -> Any:
    """Return the numbers of a constant."""
    return value.get_node().data.reshape(-1)
