"""Graphs of ONNX, OpenVINO and TFLite that a chain of operators describes, without the packages.

A step is a word of `STEPS`, or a word and a number: ("topk", 2). The objects have what the readers
of segpost.runtimes ask for, and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np

Step = str | tuple[str, int]

# Word: ONNX's type and attributes, OpenVINO's, TFLite's. None: the format has no such operator.
STEPS: dict[str, tuple[tuple[str, dict[str, Any]], tuple[str, dict[str, Any]], str | None]] = {
    "convolution": (("Conv", {}), ("Convolution", {}), "CONV_2D"),
    "linear": (
        ("Resize", {"mode": b"linear", "coordinate_transformation_mode": b"align_corners"}),
        ("Interpolate", {"mode": "linear_onnx", "coordinate_transformation_mode": "align_corners"}),
        "RESIZE_BILINEAR",
    ),
    "cubic": (("Resize", {"mode": b"cubic"}), ("Interpolate", {"mode": "cubic"}), None),
    "nearest": (
        ("Resize", {"mode": b"nearest"}),
        ("Interpolate", {"mode": "nearest"}),
        "RESIZE_NEAREST_NEIGHBOR",
    ),
    "argmax": (("ArgMax", {"axis": 1}), ("TopK", {}), "ARG_MAX"),
    "topk": (("TopK", {}), ("TopK", {}), "TOPK_V2"),
    "greater": (("Greater", {}), ("Greater", {}), "GREATER"),
    "softmax": (("Softmax", {}), ("Softmax", {}), "SOFTMAX"),
    "sigmoid": (("Sigmoid", {}), ("Sigmoid", {}), "LOGISTIC"),
    "cast": (("Cast", {"to": 1}), ("Convert", {}), "CAST"),
    "squeeze": (("Squeeze", {}), ("Squeeze", {}), "SQUEEZE"),
    "unsqueeze": (("Unsqueeze", {}), ("Unsqueeze", {}), "EXPAND_DIMS"),
    "identity": (("Identity", {}), ("Result", {}), None),
    "reshape": (("Reshape", {}), ("Reshape", {}), "RESHAPE"),
    "slice": (("Slice", {}), ("StridedSlice", {}), "STRIDED_SLICE"),
    "concat": (("Concat", {}), ("Concat", {}), "CONCATENATION"),
    "transpose": (("Transpose", {"perm": [0, 2, 3, 1]}), ("Transpose", {}), "TRANSPOSE"),
    "quantize": (("QuantizeLinear", {}), ("FakeQuantize", {}), "QUANTIZE"),
    "dequantize": (("DequantizeLinear", {}), ("FakeQuantize", {}), "DEQUANTIZE"),
    "multiply": (("Mul", {}), ("Multiply", {}), "MUL"),
    "add": (("Add", {}), ("Add", {}), "ADD"),
    "select": (("Where", {}), ("Select", {}), "SELECT"),
    "table": (("Gather", {}), ("Gather", {}), "GATHER"),
    "relu": (("Relu", {}), ("Relu", {}), "RELU"),
}
# Constants beside the input, by the word: those before it, and those behind it.
CONSTANTS: dict[str, tuple[list[Any], list[Any]]] = {
    "multiply": ([51.0], []),
    "add": ([], [1.0]),
    "table": ([[7, 8, 9]], []),
    "select": ([True], [255]),
    "transpose": ([], [[0, 2, 3, 1]]),
    "greater": ([], [0.5]),
    "reshape": ([], [[1, -1]]),
}


def split(step: Step) -> tuple[str, int]:
    return (step, 1) if isinstance(step, str) else step


def constants(word: str, number: int) -> tuple[list[Any], list[Any]]:
    if word in ("argmax", "topk"):
        return [], [[number]]
    return CONSTANTS.get(word, ([], []))


def onnx_model(steps: Sequence[Step]) -> tuple[Any, Any]:
    """The module onnx and a model, whose output is that of the last step."""
    nodes: list[Any] = []
    initializers: list[Any] = []
    last = "input"
    for position, step in enumerate(steps):
        word, number = split(step)
        kind, attributes = STEPS[word][0]
        before, behind = ([], []) if word in ("argmax", "transpose") else constants(word, number)
        if word in ("quantize", "dequantize"):
            behind = [np.float32(0.25), np.int8(3)]
        names: list[str] = []
        for value in [*before, *behind]:
            names.append(f"constant {position} {len(names)}")
            initializers.append(
                SimpleNamespace(name=names[-1], value=np.asarray(value), data_location=0)
            )
        outputs = [f"{word} {position}"]
        if word == "topk":
            outputs = [f"values {position}", f"{word} {position}"]
        nodes.append(
            SimpleNamespace(
                op_type=kind,
                domain="",
                name="",
                input=[*names[: len(before)], last, *names[len(before) :]],
                output=outputs,
                attribute=[SimpleNamespace(name=n, value=v) for n, v in attributes.items()],
            )
        )
        last = outputs[-1]
    module = SimpleNamespace(
        helper=SimpleNamespace(get_attribute_value=lambda attribute: attribute.value),
        numpy_helper=SimpleNamespace(to_array=lambda tensor: tensor.value),
    )
    output = SimpleNamespace(name=last)
    graph = SimpleNamespace(node=nodes, initializer=initializers, output=[output])
    opset = SimpleNamespace(domain="", version=17)
    return module, SimpleNamespace(graph=graph, opset_import=[opset])


class Node:
    """A node of OpenVINO."""

    def __init__(
        self, kind: str, inputs: Sequence[Output], attributes: dict[str, Any], data: Any = None
    ) -> None:
        self.kind, self.inputs, self.attributes, self.data = kind, inputs, attributes, data

    def get_type_name(self) -> str:
        return self.kind

    def get_input_size(self) -> int:
        return len(self.inputs)

    def input_value(self, index: int) -> Output:
        return self.inputs[index]

    def get_attributes(self) -> dict[str, Any]:
        return self.attributes

    def get_friendly_name(self) -> str:
        return self.attributes.get("name", "")  # type: ignore[no-any-return]


class Output:
    """An output of a node."""

    def __init__(self, node: Node, index: int = 0) -> None:
        self.node, self.index = node, index

    def get_node(self) -> Node:
        return self.node

    def get_index(self) -> int:
        return self.index


def openvino_model(steps: Sequence[Step]) -> Any:
    """An `openvino.Model` whose output is that of the last step."""
    last = Output(Node("Parameter", [], {"name": "input"}))
    for position, step in enumerate(steps):
        word, number = split(step)
        kind, attributes = STEPS[word][1]
        before, behind = (
            [Output(Node("Constant", [], {}, np.atleast_1d(value))) for value in values]
            for values in constants(word, number)
        )
        node = Node(kind, [*before, last, *behind], attributes | {"name": f"{word} {position}"})
        last = Output(node, 1 if kind == "TopK" else 0)
    return SimpleNamespace(outputs=[Output(Node("Result", [last], {}))])


def litert_schema(steps: Sequence[Step]) -> Any:
    """The module of the schema, whose model's output is that of the last step."""
    names = sorted({entry[2] for entry in STEPS.values() if entry[2] is not None})
    tensors: list[Any] = []
    operators = []

    def tensor(value: Any = None) -> int:
        data = 0 if value is None else np.atleast_1d(np.asarray(value, "<i4")).view(np.uint8)
        index = len(tensors)
        tensors.append((f"tensor {index}", data))
        return index

    last = tensor()
    for step in steps:
        word, number = split(step)
        assert STEPS[word][2] is not None
        before, behind = (
            [tensor(int(np.max(v)) if word != "transpose" else v) for v in values]
            for values in constants(word, number)
        )
        outputs = [tensor(), tensor()] if word == "topk" else [tensor()]
        code = names.index(str(STEPS[word][2]))
        operators.append(operator(code, [*before, last, *behind], outputs))
        last = outputs[-1]
    graph = SimpleNamespace(
        Outputs=lambda i: last,
        OutputsLength=lambda: 1,
        Operators=operators.__getitem__,
        OperatorsLength=lambda: len(operators),
        Tensors=lambda i: SimpleNamespace(
            Name=tensors[i][0].encode, Buffer=lambda: i, Quantization=lambda: None
        ),
    )
    model = SimpleNamespace(
        Subgraphs=lambda i: graph,
        OperatorCodes=lambda i: SimpleNamespace(
            BuiltinCode=lambda: i, DeprecatedBuiltinCode=lambda: 0
        ),
        Buffers=lambda i: SimpleNamespace(DataAsNumpy=lambda: tensors[i][1]),
    )
    options = SimpleNamespace(
        Init=lambda data, place: None, AlignCorners=lambda: True, HalfPixelCenters=lambda: False
    )
    return SimpleNamespace(
        Model=SimpleNamespace(GetRootAs=lambda data, offset: model),
        BuiltinOperator=type("BuiltinOperator", (), {n: i for i, n in enumerate(names)}),
        ResizeBilinearOptions=lambda: options,
    )


def operator(code: int, inputs: list[int], outputs: list[int]) -> Any:
    """An operator of TFLite."""
    place: Callable[[], Any] = lambda: SimpleNamespace(Bytes=b"", Pos=0)  # noqa: E731
    return SimpleNamespace(
        OpcodeIndex=lambda: code,
        Inputs=inputs.__getitem__,
        InputsLength=lambda: len(inputs),
        Outputs=outputs.__getitem__,
        OutputsLength=lambda: len(outputs),
        BuiltinOptions=place,
    )
