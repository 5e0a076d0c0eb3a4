"""Models of ONNX with one operator of segpost, and sessions of them."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np

from segpost.runtimes import library

# The outputs of every operator and their types in ONNX: 1 float, 2 uint8, 6 int32, 7 int64.
OUTPUTS = {
    "Argmax": (2, 1),
    "ArgmaxInt32": (6, 1),
    "Colorize": (2,),
    "Overlay": (2,),
    "ConfusionMatrix": (7,),
    "DenseCRF": (1,),
}


def make_model(name: str, inputs: list[Any], outputs: int = 1, **attributes: Any) -> bytes:
    """A model of one operator; an input is an array, a type of ONNX, or None where it is absent.

    Shapes are dynamic.
    """
    onnx: Any = importlib.import_module("onnx")

    h = onnx.helper
    names = ["" if value is None else f"x{i}" for i, value in enumerate(inputs)]
    made = [f"y{i}" for i in range(outputs)]
    node = h.make_node(name, names, made, domain="segpost", **attributes)
    graph = h.make_graph(
        [node],
        "operator",
        [
            h.make_tensor_value_info(title, type_of(value), None)
            for title, value in zip(names, inputs, strict=True)
            if value is not None
        ],
        [
            h.make_tensor_value_info(title, kind, None)
            for title, kind in zip(made, OUTPUTS[name], strict=False)
        ],
    )
    opsets = [h.make_opsetid("", 17), h.make_opsetid("segpost", 1)]
    model: bytes = h.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString()
    return model


def type_of(value: Any) -> int:
    """The type of an array's elements in ONNX."""
    onnx: Any = importlib.import_module("onnx")

    if isinstance(value, int):
        return value
    return int(onnx.helper.np_dtype_to_tensor_dtype(np.asarray(value).dtype))


def make_session(model: bytes) -> Any:
    """A session with the operators, of one thread, that prints no errors."""
    onnxruntime: Any = importlib.import_module("onnxruntime")

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    options.register_custom_ops_library(library("onnxruntime"))
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def run(name: str, inputs: list[Any], outputs: int = 1, **attributes: Any) -> list[np.ndarray]:
    """The outputs of one operator."""
    session = make_session(make_model(name, inputs, outputs, **attributes))
    feeds = {f"x{i}": value for i, value in enumerate(inputs) if value is not None}
    results: list[np.ndarray] = session.run(None, feeds)
    return results
