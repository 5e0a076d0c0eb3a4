"""Write a .tflite file whose graph ends in the custom operator of argmax_op.cpp.

    python examples/litert/make_model.py labels.tflite --logits 1 65 65 21 --size 513 513
    python examples/litert/make_model.py labels.tflite --network network.tflite --size 513 513

The first has the operator alone; the second has it behind the first output of a network, logits
(N, h, w, C). The sizes are fixed in the file.
"""

from __future__ import annotations

import argparse
import struct
from pathlib import Path
from typing import Any

import flatbuffers
from ai_edge_litert import schema_py_generated as schema

NAME = "segpost.argmax"
GRIDS = ("half_pixel", "align_corners", "asymmetric")  # in the order of capi.h
TYPES = {"float32": schema.TensorType.FLOAT32, "int8": schema.TensorType.INT8}


def make_logits(shape: list[int], type_of_logits: str = "float32") -> Any:
    """A graph whose output is its input."""
    graph = schema.SubGraphT()
    graph.name, graph.operators = "main", []
    graph.tensors = [make_tensor("logits", shape, TYPES[type_of_logits])]
    graph.inputs, graph.outputs = [0], [0]
    model = schema.ModelT()
    model.version, model.description = 3, ""
    model.operatorCodes, model.subgraphs, model.buffers = [], [graph], [schema.BufferT()]
    return model


def append_argmax(model: Any, size: tuple[int, int], grid: str = "half_pixel") -> None:
    """Put the operator behind the first output, whose place the labels take."""
    graph = model.subgraphs[0]
    logits = graph.outputs[0]
    images = graph.tensors[logits].shape[0]
    labels = len(graph.tensors)
    graph.tensors.append(make_tensor("labels", [images, *size], schema.TensorType.UINT8))

    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.CUSTOM
    code.customCode, code.version = NAME, 1
    node = schema.OperatorT()
    node.opcodeIndex = len(model.operatorCodes)
    node.inputs, node.outputs = [logits], [labels]
    node.customOptions = list(struct.pack("<3i", *size, GRIDS.index(grid)))
    model.operatorCodes.append(code)
    graph.operators.append(node)

    graph.outputs = [labels, *graph.outputs[1:]]
    for signature in model.signatureDefs or []:
        for output in signature.outputs:
            if output.tensorIndex == logits:
                output.tensorIndex = labels


def make_tensor(name: str, shape: list[int], type_of_elements: int) -> Any:
    """A tensor without content."""
    tensor = schema.TensorT()
    tensor.name, tensor.shape, tensor.type, tensor.buffer = name, shape, type_of_elements, 0
    return tensor


def read_model(path: Path) -> Any:
    """The model of a file."""
    return schema.ModelT.InitFromPackedBuf(path.read_bytes())


def write_model(model: Any, path: Path) -> None:
    """Write the file."""
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    path.write_bytes(bytes(builder.Output()))


def main() -> None:
    """Read the arguments and write the file."""
    parser = argparse.ArgumentParser(description="Write a graph that ends in segpost's labels.")
    parser.add_argument("out", type=Path)
    parser.add_argument("--network", type=Path, help="a .tflite file")
    parser.add_argument("--logits", type=int, nargs="+", help="the shape, without a network")
    parser.add_argument("--type", choices=TYPES, default="float32", help="of these logits")
    parser.add_argument("--size", type=int, nargs=2, required=True, metavar=("H", "W"))
    parser.add_argument("--grid", choices=GRIDS, default="half_pixel")
    options = parser.parse_args()
    if (options.network is None) == (options.logits is None):
        parser.error("either --network or --logits")
    if options.network:
        model = read_model(options.network)
    else:
        model = make_logits(options.logits, options.type)
    append_argmax(model, tuple(options.size), options.grid)
    write_model(model, options.out)


if __name__ == "__main__":
    main()
