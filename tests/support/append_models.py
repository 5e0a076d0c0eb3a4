"""Small ONNX models that end as exported segmentation networks do."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np

from segpost.runtimes import library as library_of

CLASSES = 5
SIDES = (6, 9)  # of the logits
SIZE = (48, 72)
STRIDE = 8
IMAGE = "image"


class Graph:
    """A graph that is built node after node; each method returns the name of a tensor."""

    def __init__(
        self, opset: int = 17, classes: int = CLASSES, batch: Any = 1, seed: int = 0
    ) -> None:
        onnx: Any = importlib.import_module("onnx")
        self.onnx, self.opset, self.classes = onnx, opset, classes
        self.nodes: list[Any] = []
        self.initializers: list[Any] = []
        self.outputs: list[Any] = []
        self.sides: tuple[Any, Any] = SIZE
        self.batch = batch
        self.domains: dict[str, int] = {}
        self.functions: list[Any] = []
        self.rng = np.random.default_rng(seed)

    def constant(self, value: Any, name: str = "") -> str:
        array = np.asarray(value)
        name = name or f"constant_{len(self.initializers)}"
        self.initializers.append(self.onnx.numpy_helper.from_array(array, name))
        return name

    def add(
        self, word: str, *inputs: str, output: str = "", name: str = "", **attributes: Any
    ) -> str:
        output = output or f"{word}_{len(self.nodes)}"
        count = sum(node.op_type == word for node in self.nodes)
        name = name or f"/{word}" + (f"_{count}" if count else "")
        node = self.onnx.helper.make_node(word, list(inputs), [output], name=name, **attributes)
        self.nodes.append(node)
        return output

    def logits(self, name: str = "logits", source: str = IMAGE) -> str:
        """A convolution with a stride of 8: (N, classes, 6, 9) of images of 48 x 72."""
        weights = self.rng.normal(size=(self.classes, 3, STRIDE, STRIDE)).astype(np.float32) / 8
        return self.add(
            "Conv",
            source,
            self.constant(weights),
            output=name,
            strides=[STRIDE, STRIDE],
            name=f"/{name}/Conv",
        )

    def resize(
        self, source: str, grid: str = "half_pixel", size: Any = SIZE, **attributes: Any
    ) -> str:
        sizes = self.constant(np.array([1, self.classes, *size], np.int64))
        options = {"mode": "linear", "coordinate_transformation_mode": grid, **attributes}
        return self.add("Resize", source, "", "", sizes, **options)

    def end(self, tensor: str, name: str = "output", dtype: int = 1, shape: Any = None) -> None:
        """Make a tensor an output."""
        for node in self.nodes:
            for names in (node.input, node.output):
                names[:] = [name if one == tensor else one for one in names]
        self.outputs.append(self.onnx.helper.make_tensor_value_info(name, dtype, shape))

    def model(self) -> Any:
        """The `onnx.ModelProto`."""
        h = self.onnx.helper
        image = h.make_tensor_value_info(IMAGE, 1, [self.batch, 3, *self.sides])
        graph = h.make_graph(self.nodes, "network", [image], self.outputs, self.initializers)
        opsets = [h.make_opsetid("", self.opset)]
        opsets += [h.make_opsetid(domain, version) for domain, version in self.domains.items()]
        return h.make_model(graph, opset_imports=opsets, ir_version=8, functions=self.functions)


def run(model: Any, feeds: dict[str, Any], outputs: Any = None, library: bool = True) -> Any:
    """The outputs of a model in ONNX Runtime."""
    onnxruntime: Any = importlib.import_module("onnxruntime")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    if library:
        options.register_custom_ops_library(library_of("onnxruntime"))
    data = model if isinstance(model, str) else model.SerializeToString()
    session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    return session.run(outputs, feeds)


def image(*shape: int, seed: int = 9) -> dict[str, Any]:
    """An input of the network."""
    shape = shape or (1, 3, *SIZE)
    return {IMAGE: np.random.default_rng(seed).normal(size=shape).astype(np.float32)}
