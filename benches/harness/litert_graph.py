"""Graphs of LiteRT in memory: tensors and standard operators, one after the other."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np

from benches.harness.jobs import Array, need

TYPES = {"float32": "FLOAT32", "int32": "INT32", "uint8": "UINT8"}


class Graph:
    """A model whose operators are appended; tensors are known by their numbers."""

    def __init__(self, model: Any = None) -> None:
        need("ai_edge_litert")
        self.schema = importlib.import_module("ai_edge_litert.schema_py_generated")
        self.model = model or self._empty()
        self.graph = self.model.subgraphs[0]

    def _empty(self) -> Any:
        schema = self.schema
        model, graph = schema.ModelT(), schema.SubGraphT()
        graph.name = "main"
        graph.tensors, graph.operators, graph.inputs, graph.outputs = [], [], [], []
        model.version, model.description = 3, ""
        model.operatorCodes, model.subgraphs, model.buffers = [], [graph], [schema.BufferT()]
        return model

    def tensor(self, shape: tuple[int, ...], kind: str) -> int:
        """A tensor without content."""
        made = self.schema.TensorT()
        made.name, made.shape, made.buffer = f"t{len(self.graph.tensors)}", [*shape], 0
        made.type = getattr(self.schema.TensorType, TYPES[kind])
        self.graph.tensors.append(made)
        return len(self.graph.tensors) - 1

    def constant(self, values: Array) -> int:
        """A tensor of known content."""
        index = self.tensor(values.shape, str(values.dtype))
        buffer = self.schema.BufferT()
        buffer.data = list(values.tobytes())
        self.graph.tensors[index].buffer = len(self.model.buffers)
        self.model.buffers.append(buffer)
        return index

    def append(
        self,
        name: str,
        inputs: list[int],
        shape: tuple[int, ...],
        kind: str = "float32",
        *,
        options: str = "",
        version: int = 1,
        **fields: Any,
    ) -> int:
        """An operator, and its only output; `fields` are of its options."""
        schema = self.schema
        code, node, output = schema.OperatorCodeT(), schema.OperatorT(), self.tensor(shape, kind)
        code.builtinCode = code.deprecatedBuiltinCode = getattr(schema.BuiltinOperator, name)
        code.version = version
        node.opcodeIndex, node.inputs, node.outputs = (
            len(self.model.operatorCodes),
            inputs,
            [output],
        )
        if options:
            node.builtinOptionsType = getattr(schema.BuiltinOptions, options)
            node.builtinOptions = getattr(schema, f"{options}T")()
            for field, value in fields.items():
                setattr(node.builtinOptions, field, value)
        self.model.operatorCodes.append(code)
        self.graph.operators.append(node)
        return output

    def resize(self, source: int, size: tuple[int, int], classes: int) -> int:
        """RESIZE_BILINEAR at half-pixel positions."""
        full = self.constant(np.array(size, np.int32))
        shape = (1, *size, classes)
        name = "ResizeBilinearOptions"
        return self.append(
            "RESIZE_BILINEAR", [source, full], shape, options=name, version=3, halfPixelCenters=True
        )

    def arg_max(self, source: int, size: tuple[int, int]) -> int:
        """ARG_MAX over the classes, in int32."""
        axis, kind = self.constant(np.array([3], np.int32)), self.schema.TensorType.INT32
        shape, name = (1, *size), "ArgMaxOptions"
        return self.append("ARG_MAX", [source, axis], shape, "int32", options=name, outputType=kind)

    def cast_to_bytes(self, labels: int, size: tuple[int, int]) -> int:
        """CAST of int32 to uint8."""
        kinds = self.schema.TensorType
        return self.append(
            "CAST", [labels], (1, *size), "uint8",
            options="CastOptions", inDataType=kinds.INT32, outDataType=kinds.UINT8,
        )  # fmt: skip

    def content(self) -> bytes:
        """The file."""
        builder = need("flatbuffers").Builder(1024)
        builder.Finish(self.model.Pack(builder), b"TFL3")
        return bytes(builder.Output())
