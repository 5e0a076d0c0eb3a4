"""The output format that a TFLite (LiteRT) file describes."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

from segpost.runtimes.graph import Operator, check_output_index, trace_output

KINDS = {
    "SOFTMAX": "softmax",
    "LOG_SOFTMAX": "pass",
    "LOGISTIC": "sigmoid",
    "ARG_MAX": "argmax",
    **dict.fromkeys(("QUANTIZE", "DEQUANTIZE", "CAST", "SQUEEZE", "RESHAPE"), "pass"),
}
SCHEMAS = ("ai_edge_litert.schema_py_generated", "tensorflow.lite.python.schema_py_generated")


def read_convention(model: Any, output: int) -> dict[str, Any]:
    """Return the fields of a `Convention`, from a TFLite file or its bytes."""
    data = model if isinstance(model, bytes) else Path(model).read_bytes()
    if data[4:8] != b"TFL3":
        raise ValueError("model is no TFLite file: its identifier TFL3 is missing")
    schema = _import_schema()
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
        source = node.Inputs(0)
        if word == "RESIZE_BILINEAR":
            options = schema.ResizeBilinearOptions()
            options.Init(node.BuiltinOptions().Bytes, node.BuiltinOptions().Pos)
            grid = "half_pixel" if options.HalfPixelCenters() else "asymmetric"
            if options.AlignCorners():
                grid = "align_corners"
            return Operator("resize", grid=grid, tensor=graph.Tensors(source).Name().decode())
        if word == "RESIZE_NEAREST_NEIGHBOR":
            return Operator("resize", tensor=graph.Tensors(source).Name().decode())
        if word == "TRANSPOSE":
            buffer = parsed.Buffers(graph.Tensors(node.Inputs(1)).Buffer())
            order = buffer.DataAsNumpy()  # 0 where the buffer is empty
            values = () if isinstance(order, int) else tuple(order.view("<i4").tolist())
            return Operator("transpose", source, order=values)
        return Operator(KINDS.get(word, ""), source)

    fields = trace_output(last, read, -1)
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


def _import_schema() -> Any:
    """Import the module that describes the file format."""
    for name in SCHEMAS:
        try:
            return importlib.import_module(name)
        except ImportError:
            continue
    raise ImportError("to read a TFLite file install ai-edge-litert (pip install ai-edge-litert)")
