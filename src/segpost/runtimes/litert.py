"""The output format that a TFLite (LiteRT) file describes."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

from segpost.runtimes.graph import Operator, check_output_index, refuse_damage, trace_output

KINDS = {
    "SOFTMAX": "softmax",
    "LOGISTIC": "sigmoid",
    "ARG_MAX": "argmax",
    "ARG_MIN": "argmax",
    **dict.fromkeys(("QUANTIZE", "DEQUANTIZE", "CAST", "SQUEEZE", "EXPAND_DIMS"), "pass"),
    **dict.fromkeys(("RESHAPE", "LOG_SOFTMAX"), "pass"),
    **dict.fromkeys(("SLICE", "STRIDED_SLICE", "SPLIT", "SPLIT_V", "PACK", "UNPACK"), "move"),
    **dict.fromkeys(("PAD", "PADV2", "BROADCAST_TO", "CONCATENATION"), "move"),
    **dict.fromkeys(("GATHER", "GATHER_ND"), "move"),
    **dict.fromkeys(("GREATER", "GREATER_EQUAL", "LESS", "LESS_EQUAL", "EQUAL"), "compare"),
    **dict.fromkeys(("MUL", "ADD", "SUB", "DIV", "POW", "FLOOR_MOD", "FLOOR_DIV"), "change"),
    **dict.fromkeys(("NEG", "ABS", "SIGN", "FLOOR", "CEIL", "ROUND", "MINIMUM"), "change"),
    **dict.fromkeys(("MAXIMUM", "SELECT", "SELECT_V2", "ONE_HOT", "SCATTER_ND"), "change"),
    **dict.fromkeys(("MAX_POOL_2D", "AVERAGE_POOL_2D", "RELU", "RELU6"), "change"),
    **dict.fromkeys(("LOGICAL_NOT", "LOGICAL_AND", "LOGICAL_OR"), "change"),
}
SCHEMAS = ("ai_edge_litert.schema_py_generated", "tensorflow.lite.python.schema_py_generated")


def read_convention(model: Any, output: int) -> dict[str, Any]:
    """Return the fields of a `Convention`, from a TFLite file or its bytes."""
    data = model if isinstance(model, bytes) else Path(model).read_bytes()
    if data[4:8] != b"TFL3":
        raise ValueError("model is no TFLite file: its identifier TFL3 is missing")
    schema = _import_schema()
    with refuse_damage("TFLite"):
        return _read_graph(schema, data, output)


def _read_graph(schema: Any, data: bytes, output: int) -> dict[str, Any]:
    parsed = schema.Model.GetRootAs(data, 0)
    graph = parsed.Subgraphs(0)
    last = graph.Outputs(check_output_index(output, graph.OutputsLength()))
    producers = {
        graph.Operators(i).Outputs(j): graph.Operators(i)
        for i in range(graph.OperatorsLength())
        for j in range(graph.Operators(i).OutputsLength())
    }
    names = {value: key for key, value in vars(schema.BuiltinOperator).items() if key.isupper()}

    def read(tensor: int) -> Operator:
        node = producers.get(tensor)
        if node is None:
            return Operator("")
        code = parsed.OperatorCodes(node.OpcodeIndex())
        word = names.get(max(code.BuiltinCode(), code.DeprecatedBuiltinCode()), "")
        inputs = [node.Inputs(i) for i in range(node.InputsLength()) if node.Inputs(i) >= 0]
        varying = [i for i in inputs if i in producers] or inputs or [-1]
        source, *others = varying
        kind = KINDS.get(word, "")
        if word in ("RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR"):
            is_nearest = word != "RESIZE_BILINEAR"
            name = graph.Tensors(source).Name().decode()
            grid = None if is_nearest else _bilinear_grid(schema, node)
            return Operator(
                "resize", source, name=word, grid=grid, is_nearest=is_nearest, tensor=name
            )
        if word == "TRANSPOSE":
            return Operator("transpose", source, order=constant(node.Inputs(1)))
        if word == "TOPK_V2":
            count = (*constant(node.Inputs(1)), 1)[0]
            is_indices = tensor == node.Outputs(1)
            return Operator("argmax" if is_indices else "", source, name=word, id_count=count)
        if word == "GATHER" and node.Inputs(0) not in producers:
            kind = "change"  # a table of new ids
        return Operator(kind, source, tuple(others), word)

    def constant(tensor: int) -> tuple[int, ...]:
        buffer = parsed.Buffers(graph.Tensors(tensor).Buffer())
        values = buffer.DataAsNumpy()  # 0 where the buffer is empty
        return () if isinstance(values, int) else tuple(values.view("<i4").tolist())

    fields = trace_output(last, read, -1).fields
    quantization = graph.Tensors(last).Quantization()
    scales = 0 if quantization is None else quantization.ScaleLength()
    if scales > 1:
        raise ValueError(
            f"output {output} has {scales} scales, one per class: its raw values cannot be "
            "compared; dequantize it first"
        )
    if scales == 1:
        zero_point = quantization.ZeroPoint(0) if quantization.ZeroPointLength() else 0
        fields["quantization"] = (float(quantization.Scale(0)), float(zero_point))
    return fields


def _bilinear_grid(schema: Any, node: Any) -> str:
    options = schema.ResizeBilinearOptions()
    options.Init(node.BuiltinOptions().Bytes, node.BuiltinOptions().Pos)
    if options.AlignCorners():
        return "align_corners"
    return "half_pixel" if options.HalfPixelCenters() else "asymmetric"


def _import_schema() -> Any:
    """Import the module that describes the file format."""
    for name in SCHEMAS:
        try:
            return importlib.import_module(name)
        except ImportError:
            continue
    raise ImportError("to read a TFLite file install ai-edge-litert (pip install ai-edge-litert)")
